//! Takes Stripe's deliveries, and answers each after the database has committed it.
//!
//! Some workers take deliveries from one bounded queue. A worker takes all that wait: one by itself, or many in one
//! transaction, which costs the database a fourth of it.

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

/// The database's limit is 1 MiB by default; it says so itself to what is little larger.
pub const LARGEST_BODY: usize = (1 << 20) + (64 << 10);
/// How many deliveries wait; more are answered 503, and Stripe sends them again.
const QUEUE: usize = 1000;
/// The most in one transaction: other deliveries wait until it commits.
const BATCH: usize = 200;
/// Stripe waits longer than this for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// One delivery, and who waits for its answer.
#[derive(Debug)]
pub struct Delivery {
    body: Bytes,
    signature: Option<String>,
    answer: oneshot::Sender<Answer>,
}

/// What a delivery is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// A JSON object.
    pub body: Value,
}

/// The queue of one environment.
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
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { environment, sender, receiver: Arc::new(Mutex::new(receiver)) }
    }

    /// Puts a delivery into the queue, and waits for its answer.
    pub async fn deliver(&self, context: &Context, headers: &HeaderMap, body: Bytes) -> Answer {
        let started = Instant::now();
        let signature =
            headers.get("stripe-signature").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (answer, answered) = oneshot::channel();
        let answer = if self.sender.try_send(Delivery { body, signature, answer }).is_err() {
            Answer::unavailable("too many deliveries wait")
        } else {
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(Ok(answer)) => answer,
                // It may still be committed. Stripe sends it again, and the database knows it.
                _ => Answer::unavailable("the database takes too long"),
            }
        };
        context.metrics.webhook(self.environment, answer.status, started.elapsed());
        answer
    }

    /// Passes deliveries on, until the end has begun and none waits. The end is that of the HTTP server: until then somebody
    /// may put a delivery into the queue.
    pub async fn work(self, context: Context, workers: usize, end: Shutdown) {
        let mut working = JoinSet::new();
        for _ in 0..workers {
            let (queue, context, end) = (self.clone(), context.clone(), end.clone());
            working.spawn(async move {
                while let Some(batch) = queue.take(&end).await {
                    queue.pass_on(&context, batch).await;
                }
            });
        }
        while working.join_next().await.is_some() {}
    }

    /// The next delivery, and those that wait behind it. None at the end.
    async fn take(&self, end: &Shutdown) -> Option<Vec<Delivery>> {
        let mut receiver = self.receiver.lock().await;
        let first = tokio::select! {
            biased;
            first = receiver.recv() => first?,
            () = end.begun() => receiver.try_recv().ok()?,
        };
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match receiver.try_recv() {
                Ok(next) => batch.push(next),
                Err(_) => break,
            }
        }
        Some(batch)
    }

    async fn pass_on(&self, context: &Context, batch: Vec<Delivery>) {
        // Nobody waits any more for what waited too long.
        let batch: Vec<Delivery> = batch.into_iter().filter(|delivery| !delivery.answer.is_closed()).collect();
        let (together, alone): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|delivery| text_of(&delivery.body).is_some());
        if together.len() > 1 {
            self.pass_on_together(context, together).await;
        } else {
            self.pass_on_alone(context, together).await;
        }
        self.pass_on_alone(context, alone).await;
    }

    async fn pass_on_alone(&self, context: &Context, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let signature = delivery.signature.as_deref();
            let answer = match context.database.receive_webhook(self.environment, &delivery.body, signature).await {
                Ok(received) => answer_of(&received),
                Err(fault) => answer_of_fault(&fault),
            };
            self.answer(context, delivery, answer);
        }
    }

    async fn pass_on_together(&self, context: &Context, deliveries: Vec<Delivery>) {
        let bodies: Vec<&str> = deliveries.iter().filter_map(|delivery| text_of(&delivery.body)).collect();
        let signatures: Vec<Option<&str>> = deliveries.iter().map(|delivery| delivery.signature.as_deref()).collect();
        match context.database.receive_webhooks(self.environment, &bodies, &signatures).await {
            Ok(received) if received.len() == deliveries.len() => {
                tracing::debug!(environment = %self.environment, together = received.len(), "deliveries");
                for (delivery, received) in deliveries.into_iter().zip(&received) {
                    self.answer(context, delivery, answer_of(received));
                }
            }
            // A deadlock or a cancel ends all of it: each by itself then.
            Err(fault) if fault.sqlstate().is_some() => self.pass_on_alone(context, deliveries).await,
            Err(fault) => {
                let answer = answer_of_fault(&fault);
                for delivery in deliveries {
                    self.answer(context, delivery, answer.clone());
                }
            }
            Ok(_) => {
                for delivery in deliveries {
                    self.answer(
                        context,
                        delivery,
                        Answer::unavailable("the database answered otherwise than it should"),
                    );
                }
            }
        }
    }

    fn answer(&self, context: &Context, delivery: Delivery, answer: Answer) {
        let error = answer.body["error"].as_str().unwrap_or_default();
        match answer.status {
            200 => {
                context.metrics.succeeded(self.environment, Activity::Webhooks);
                context.reads_wait.notify_one();
                tracing::debug!(environment = %self.environment, event_type = answer.body["event_type"].as_str(), "delivered");
            }
            400..500 => {
                tracing::warn!(environment = %self.environment, status = answer.status, "delivery refused: {error}");
            }
            _ => tracing::error!(environment = %self.environment, status = answer.status, "delivery failed: {error}"),
        }
        // Whoever waited may have given up.
        let _ = delivery.answer.send(answer);
    }
}

impl Answer {
    fn unavailable(why: &str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE.as_u16(), body: json!({ "received": false, "error": why }) }
    }
}

/// The body where the database can take it as text.
fn text_of(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok().filter(|text| !text.contains('\0'))
}

/// The HTTP status for what became of an event, as docs/webhooks.md says.
fn answer_of(received: &Received) -> Answer {
    let status = match received.status.as_str() {
        "processed" | "ignored" => 200,
        // Within a batch, what a single call raises is an answer that begins with its SQLSTATE.
        "refused" => {
            received.error.as_deref().and_then(|error| error.split_once(':')).map_or(400, |(code, _)| status_of(code))
        }
        _ => 500,
    };
    Answer {
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

fn answer_of_fault(fault: &Fault) -> Answer {
    let status = fault.sqlstate().map_or(503, status_of);
    Answer { status, body: json!({ "received": false, "error": fault.to_string() }) }
}

/// 400 for what Stripe did not send, 503 for what is not ready (no secret, live not approved, no connection): Stripe sends it
/// again then.
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
    use super::{Fault, Received, answer_of, answer_of_fault, text_of};

    fn received(status: &str, error: Option<&str>) -> u16 {
        let error = error.map(str::to_owned);
        answer_of(&Received { status: status.to_owned(), duplicate: false, event_type: None, error }).status
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
    fn what_a_single_call_raises_has_the_same() {
        let raised = |sqlstate: &str| {
            let (sqlstate, message) = (sqlstate.to_owned(), "no".to_owned());
            answer_of_fault(&Fault::Refused { sqlstate, message, detail: None, hint: None }).status
        };
        assert_eq!(raised("28000"), 400);
        assert_eq!(raised("22032"), 400);
        assert_eq!(raised("55000"), 503);
        assert_eq!(raised("57P01"), 503);
        assert_eq!(raised("42501"), 500);
        assert_eq!(answer_of_fault(&Fault::Unreachable("gone".to_owned())).status, 503);
    }

    #[test]
    fn a_body_that_is_no_text_goes_alone() {
        assert!(text_of(b"{}").is_some());
        assert!(text_of(b"{\"a\":\"\xff\"}").is_none());
        assert!(text_of(b"{\0}").is_none());
    }
}
