//! Receives Stripe's deliveries, and responds to each after the database has committed it.
//!
//! Each environment has a bounded queue and a few workers. A worker takes all waiting deliveries. It passes a single
//! delivery to the database by itself, and several as one batch in one transaction, which costs the database about a
//! quarter as much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;

use super::context::Context;
use super::shutdown::Shutdown;
use crate::database::calls::Received;
use crate::database::fault::Fault;
use crate::environment::Environment;
use crate::metrics::Activity;

/// A little more than the database's default limit of 1 MiB, so that the database itself refuses a slightly larger
/// body.
pub const MAX_BODY: usize = (1 << 20) + (64 << 10);
/// How many deliveries can wait in a queue. Further ones get a 503, and Stripe sends them again.
const QUEUE_SIZE: usize = 1000;
/// The most deliveries in one transaction. It is limited because other deliveries wait until the transaction commits.
const MAX_BATCH: usize = 200;
/// How long a delivery waits for the database. Stripe waits longer than this for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// One delivery, and the channel for its response.
#[derive(Debug)]
pub struct Delivery {
    body: Bytes,
    signature: Option<String>,
    respond_to: oneshot::Sender<WebhookResponse>,
}

/// The HTTP response to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, a JSON object.
    pub body: Value,
}

/// The queue of waiting deliveries of one environment.
#[derive(Debug, Clone)]
pub struct Queue {
    environment: Environment,
    sender: mpsc::Sender<Delivery>,
    receiver: Arc<Mutex<mpsc::Receiver<Delivery>>>,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_SIZE);
        Self { environment, sender, receiver: Arc::new(Mutex::new(receiver)) }
    }

    /// Puts a delivery into the queue, and waits for its response.
    pub async fn deliver(&self, context: &Context, headers: &HeaderMap, body: Bytes) -> WebhookResponse {
        let started = Instant::now();
        let signature =
            headers.get("stripe-signature").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (respond_to, responded) = oneshot::channel();
        let response = if self.sender.try_send(Delivery { body, signature, respond_to }).is_err() {
            WebhookResponse::unavailable("too many deliveries are waiting")
        } else {
            match tokio::time::timeout(RESPONSE_TIMEOUT, responded).await {
                Ok(Ok(response)) => response,
                // The delivery may still be committed. Then the database recognizes it when Stripe sends it again.
                _ => WebhookResponse::unavailable("the database takes too long"),
            }
        };
        context.metrics.webhook(self.environment, response.status, started.elapsed());
        response
    }

    /// Runs the workers until `stop` is requested and the queue is empty. `stop` must be requested after the HTTP
    /// server has stopped, because the server adds deliveries until then.
    pub async fn run_workers(self, context: Context, workers: usize, stop: Shutdown) {
        let mut working = JoinSet::new();
        for _ in 0..workers {
            let (queue, context, stop) = (self.clone(), context.clone(), stop.clone());
            working.spawn(async move {
                while let Some(batch) = queue.take(&stop).await {
                    queue.receive(&context, batch).await;
                }
            });
        }
        while working.join_next().await.is_some() {}
    }

    /// Waits for a delivery, and takes it with all that wait behind it. Returns `None` if `stop` is requested and the
    /// queue is empty.
    async fn take(&self, stop: &Shutdown) -> Option<Vec<Delivery>> {
        let mut receiver = self.receiver.lock().await;
        let first = tokio::select! {
            biased;
            first = receiver.recv() => first?,
            () = stop.requested() => receiver.try_recv().ok()?,
        };
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH {
            match receiver.try_recv() {
                Ok(next) => batch.push(next),
                Err(_) => break,
            }
        }
        Some(batch)
    }

    async fn receive(&self, context: &Context, batch: Vec<Delivery>) {
        // A delivery whose request has timed out is dropped. Stripe sends it again.
        let batch: Vec<Delivery> = batch.into_iter().filter(|delivery| !delivery.respond_to.is_closed()).collect();
        let (text, binary): (Vec<_>, Vec<_>) = batch.into_iter().partition(|one| as_text(&one.body).is_some());
        if text.len() > 1 {
            self.receive_batch(context, text).await;
        } else {
            self.receive_each(context, text).await;
        }
        self.receive_each(context, binary).await;
    }

    async fn receive_each(&self, context: &Context, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let signature = delivery.signature.as_deref();
            let response = match context.database.receive_webhook(self.environment, &delivery.body, signature).await {
                Ok(received) => response_to(&received),
                Err(fault) => response_to_fault(&fault),
            };
            self.respond(context, delivery, response);
        }
    }

    async fn receive_batch(&self, context: &Context, deliveries: Vec<Delivery>) {
        let bodies: Vec<&str> = deliveries.iter().filter_map(|delivery| as_text(&delivery.body)).collect();
        let signatures: Vec<Option<&str>> = deliveries.iter().map(|delivery| delivery.signature.as_deref()).collect();
        match context.database.receive_webhooks(self.environment, &bodies, &signatures).await {
            Ok(received) if received.len() == deliveries.len() => {
                tracing::debug!(environment = %self.environment, batch = received.len(), "deliveries");
                for (delivery, received) in deliveries.into_iter().zip(&received) {
                    self.respond(context, delivery, response_to(received));
                }
            }
            // An error such as a deadlock or a cancel rolls back the whole batch. Then each delivery is received by
            // itself.
            Err(fault) if fault.sqlstate().is_some() => self.receive_each(context, deliveries).await,
            Err(fault) => {
                let response = response_to_fault(&fault);
                for delivery in deliveries {
                    self.respond(context, delivery, response.clone());
                }
            }
            Ok(_) => {
                let response = WebhookResponse::unavailable("the database returned an unexpected result");
                for delivery in deliveries {
                    self.respond(context, delivery, response.clone());
                }
            }
        }
    }

    fn respond(&self, context: &Context, delivery: Delivery, response: WebhookResponse) {
        let error = response.body["error"].as_str().unwrap_or_default();
        match response.status {
            200 => {
                context.metrics.succeeded(self.environment, Activity::Webhooks);
                context.reads_wait.notify_one();
                tracing::debug!(environment = %self.environment, event_type = response.body["event_type"].as_str(), "delivered");
            }
            400..500 => {
                tracing::warn!(environment = %self.environment, status = response.status, "delivery refused: {error}");
            }
            _ => tracing::error!(environment = %self.environment, status = response.status, "delivery failed: {error}"),
        }
        // Sending fails if the request has timed out.
        let _ = delivery.respond_to.send(response);
    }
}

impl WebhookResponse {
    fn unavailable(why: &str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE.as_u16(), body: json!({ "received": false, "error": why }) }
    }
}

/// The body as text, or `None` if PostgreSQL cannot store it as text.
fn as_text(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok().filter(|text| !text.contains('\0'))
}

/// The response for the result of an event, as docs/webhooks.md defines it.
fn response_to(received: &Received) -> WebhookResponse {
    let status = match received.status.as_str() {
        "processed" | "ignored" => 200,
        // An error that a single call would raise is, in a batch, a text that begins with its SQLSTATE.
        "refused" => {
            received.error.as_deref().and_then(|error| error.split_once(':')).map_or(400, |(code, _)| status_of(code))
        }
        _ => 500,
    };
    WebhookResponse {
        status,
        body: json!({
            "received": status == 200,
            "status": received.status,
            "duplicate": received.duplicate,
            "event_type": received.event_type,
            "error": received.error,
        }),
    }
}

fn response_to_fault(fault: &Fault) -> WebhookResponse {
    let status = fault.sqlstate().map_or(503, status_of);
    WebhookResponse { status, body: json!({ "received": false, "error": fault.to_string() }) }
}

/// The HTTP status for an error: 400 if Stripe did not send the delivery, 503 if the database is not ready (no secret,
/// live not approved, no connection), so that Stripe sends the delivery again.
fn status_of(sqlstate: &str) -> u16 {
    match sqlstate.get(..2) {
        Some("28" | "22") => 400,
        Some("55" | "08" | "53" | "57" | "40") => 503,
        Some(class) if class.bytes().all(|byte| byte.is_ascii_alphanumeric()) && sqlstate.len() == 5 => 500,
        _ => 400,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Received, as_text, response_to, response_to_fault};

    fn received(status: &str, error: Option<&str>) -> u16 {
        let error = error.map(str::to_owned);
        response_to(&Received { status: status.to_owned(), duplicate: false, event_type: None, error }).status
    }

    #[test]
    fn each_outcome_has_its_status() {
        assert_eq!(received("processed", None), 200);
        assert_eq!(received("ignored", Some("of the other environment: livemode true")), 200);
        assert_eq!(received("failed", Some("order is gone")), 500);
        assert_eq!(received("refused", Some("an event with this id and another body was received before")), 400);
        assert_eq!(received("refused", Some("28000: webhook signature does not match")), 400);
        assert_eq!(received("refused", Some("22023: event is not of the test environment")), 400);
        assert_eq!(received("refused", Some("55000: live is not approved")), 503);
    }

    #[test]
    fn each_error_of_a_single_call_has_its_status() {
        let raised = |sqlstate: &str| {
            let (sqlstate, message) = (sqlstate.to_owned(), "no".to_owned());
            response_to_fault(&Fault::Refused { sqlstate, message, detail: None, hint: None }).status
        };
        assert_eq!(raised("28000"), 400);
        assert_eq!(raised("22032"), 400);
        assert_eq!(raised("55000"), 503);
        assert_eq!(raised("57P01"), 503);
        assert_eq!(raised("42501"), 500);
        assert_eq!(response_to_fault(&Fault::Unreachable("gone".to_owned())).status, 503);
    }

    #[test]
    fn a_body_that_is_not_text_is_not_batched() {
        assert!(as_text(b"{}").is_some());
        assert!(as_text(b"{\"a\":\"\xff\"}").is_none());
        assert!(as_text(b"{\0}").is_none());
    }
}
