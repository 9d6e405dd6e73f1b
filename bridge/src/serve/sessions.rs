//! Sends waiting requests to Stripe, and records the responses.
//!
//! The bridge claims a request with a lease, and sends it with the request's own idempotency key. If the bridge fails
//! before it records the response, the lease expires, a bridge claims the request again, and Stripe returns the same
//! session for the same key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::context::Context;
use crate::database::calls::Claimed;
use crate::database::fault::Fault;
use crate::database::listen::listen;
use crate::metrics::Activity;
use crate::stripe::client::{Request, Stripe};
use crate::stripe::verdict::{Verdict, backoff, judge};

/// Longer than all attempts of one claim and the recording of the response take together.
const LEASE: Duration = Duration::from_secs(180);
/// How long a claimed request is retried before it is postponed. A user waits for the session, so the first retries
/// come quickly.
const RETRY_FOR: Duration = Duration::from_secs(20);
const MAX_ATTEMPTS: u32 = 4;
/// How long the bridge tries to record a response.
const RECORD_FOR: Duration = Duration::from_secs(60);
/// The interval between polls. A poll finds requests whose notification was lost, and requests whose lease has expired.
const POLL_INTERVAL: Duration = Duration::from_secs(30);
const NO_KEY_DELAY: Duration = Duration::from_secs(60);

/// Wakes the sender when a transaction with a new request commits, until the bridge shuts down.
pub async fn listen_for_requests(context: Context) {
    let mut faults = 0;
    while !context.shutdown.is_requested() {
        let started = Instant::now();
        let lost = tokio::select! {
            lost = listen(&context.database, &context.sessions_wait) => lost,
            () = context.shutdown.requested() => return,
        };
        faults = if started.elapsed() > Duration::from_secs(60) { 0 } else { faults + 1 };
        if let Err(fault) = lost {
            let wait = context.report_fault(Activity::Sessions, &fault, faults);
            context.shutdown.sleep(wait).await;
        }
    }
}

/// Sends waiting requests until the bridge shuts down, at most `concurrency` at the same time.
pub async fn send(context: Context, concurrency: usize) {
    let slots = Arc::new(Semaphore::new(concurrency));
    let mut sending = JoinSet::new();
    let mut faults = 0;
    loop {
        while sending.try_join_next().is_some() {}
        // Only as many requests are claimed as can be sent now. More would wait here while their leases run out.
        let free = slots.available_permits();
        if free == 0 {
            tokio::select! {
                _ = sending.join_next() => continue,
                () = context.shutdown.requested() => break,
            }
        }
        if context.shutdown.is_requested() {
            break;
        }
        match context.database.claim_requests(free, LEASE).await {
            Ok(claimed) => {
                faults = 0;
                let may_have_more = claimed.len() == free;
                for request in claimed {
                    let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
                    let context = context.clone();
                    sending.spawn(async move {
                        process(&context, request).await;
                        drop(slot);
                    });
                }
                if may_have_more {
                    continue;
                }
                tokio::select! {
                    () = context.sessions_wait.notified() => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                    () = context.shutdown.requested() => break,
                }
            }
            Err(fault) => {
                let wait = context.report_fault(Activity::Sessions, &fault, faults);
                faults += 1;
                if !context.shutdown.sleep(wait).await {
                    break;
                }
            }
        }
    }
    while sending.join_next().await.is_some() {}
}

/// The outcome of a claimed request.
enum Outcome {
    /// Stripe's response, JSON.
    Sent(String),
    /// Why the request failed permanently.
    Refused(String),
    Postponed {
        delay: Duration,
        why: String,
    },
}

async fn process(context: &Context, claimed: Claimed) {
    let started = Instant::now();
    let environment = claimed.environment;
    let outcome = match context.stripe(environment) {
        Some(stripe) => send_with_retries(context, stripe, &claimed).await,
        None => Outcome::Postponed { delay: NO_KEY_DELAY, why: format!("the bridge has no {environment} key") },
    };
    let label = match &outcome {
        Outcome::Sent(_) => "sent",
        Outcome::Refused(_) => "refused",
        Outcome::Postponed { .. } => "postponed",
    };
    let session = claimed.session_id.as_str();
    let took_ms = started.elapsed().as_millis();
    match &outcome {
        Outcome::Sent(_) => tracing::info!(%environment, session, kind = claimed.kind, took_ms, "sent"),
        Outcome::Refused(why) => tracing::warn!(%environment, session, kind = claimed.kind, took_ms, "refused: {why}"),
        Outcome::Postponed { delay, why } => {
            tracing::warn!(%environment, session, kind = claimed.kind, delay_ms = delay.as_millis(), "postponed: {why}");
        }
    }
    if record(context, session, &outcome).await {
        context.metrics.session(environment, &claimed.kind, label, started.elapsed());
        if !matches!(outcome, Outcome::Postponed { .. }) {
            context.metrics.succeeded(environment, Activity::Sessions);
        }
    }
    if let Outcome::Postponed { delay, .. } = outcome {
        let wake = Arc::clone(&context.sessions_wait);
        tokio::spawn(async move {
            tokio::time::sleep(delay + Duration::from_millis(50)).await;
            wake.notify_one();
        });
    }
}

/// Sends a request, with a few retries if they may help.
async fn send_with_retries(context: &Context, stripe: &Stripe, claimed: &Claimed) -> Outcome {
    let request = Request {
        method: &claimed.request.method,
        path: &claimed.request.path,
        params: &claimed.request.params,
        idempotency_key: Some(&claimed.request.idempotency_key),
        version: claimed.request.stripe_version.as_deref(),
    };
    let started = Instant::now();
    for attempts in 0.. {
        let response = stripe.send(&request).await;
        context.metrics.request(claimed.environment, response.as_ref().map_or(0, |response| response.status));
        let (after, reason) = match judge(&response) {
            Verdict::Success(body) => return Outcome::Sent(body),
            Verdict::Refused(reason) => return Outcome::Refused(reason.message),
            Verdict::Retry { after, reason } => (after, reason),
        };
        let wait = backoff(attempts, Duration::from_millis(400), Duration::from_secs(5), after, fastrand::f64());
        let retry =
            attempts + 1 < MAX_ATTEMPTS && started.elapsed() + wait < RETRY_FOR && context.shutdown.sleep(wait).await;
        if !retry {
            let delay = backoff(
                claimed.attempt.saturating_sub(1),
                Duration::from_secs(5),
                Duration::from_secs(15 * 60),
                after,
                fastrand::f64(),
            );
            return Outcome::Postponed { delay, why: reason.message };
        }
    }
    Outcome::Refused("the request was tried too often".to_owned())
}

/// Records the outcome, and retries for [`RECORD_FOR`] while the database cannot be reached. Returns whether it
/// succeeded.
async fn record(context: &Context, session: &str, outcome: &Outcome) -> bool {
    let started = Instant::now();
    let mut faults = 0;
    loop {
        let recorded = match outcome {
            Outcome::Sent(body) => context.database.record_response(session, body).await,
            Outcome::Refused(why) => context.database.record_error(session, why).await,
            Outcome::Postponed { delay, why } => context.database.postpone(session, *delay, why).await,
        };
        match recorded {
            Ok(()) => return true,
            Err(fault) if fault.is_transient() && started.elapsed() < RECORD_FOR => {
                let wait = context.report_fault(Activity::Sessions, &fault, faults);
                faults += 1;
                // A shutdown does not interrupt this wait: an unrecorded response would have to be requested again.
                tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
            }
            Err(fault) => {
                let _ = context.report_fault(Activity::Sessions, &fault, faults);
                return record_rejection(context, session, outcome, &fault).await;
            }
        }
    }
}

/// Records an error if the database rejected Stripe's response, so that the user does not wait for a URL that never
/// comes.
async fn record_rejection(context: &Context, session: &str, outcome: &Outcome, fault: &Fault) -> bool {
    let Fault::Refused { message, detail, .. } = fault else { return false };
    if fault.is_transient() || !matches!(outcome, Outcome::Sent(_)) {
        return false;
    }
    let why = format!("the database rejected Stripe's response: {message}. {}", detail.as_deref().unwrap_or_default());
    let recorded = context.database.record_error(session, why.trim_end()).await;
    if let Err(fault) = &recorded {
        let _ = context.report_fault(Activity::Sessions, fault, 0);
    }
    recorded.is_ok()
}
