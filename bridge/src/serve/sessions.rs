//! Sends requests that wait to Stripe, and records the answers.
//!
//! A request is claimed with a lease, and sent under its own idempotency key. Whatever happens to the bridge in between, the
//! lease ends, the request is claimed again, and Stripe answers the same key with the same session.

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

/// Longer than the tries of one claim and the recording of its answer.
const LEASE: Duration = Duration::from_secs(180);
/// How long a claim tries by itself before it postpones: somebody waits for the address, so the first tries are quick.
const TRY_FOR: Duration = Duration::from_secs(20);
const TRIES: u32 = 4;
/// How long an answer that Stripe gave is tried to be recorded.
const RECORD_FOR: Duration = Duration::from_secs(60);
/// What no notification told of.
const POLL: Duration = Duration::from_secs(30);
const NO_KEY_DELAY: Duration = Duration::from_secs(60);

/// Wakes the sender when a session is committed; for as long as the bridge runs.
pub async fn hear(context: Context) {
    let mut faults = 0;
    while !context.shutdown.has_begun() {
        let since = Instant::now();
        let lost = tokio::select! {
            lost = listen(&context.database, &context.sessions_wait) => lost,
            () = context.shutdown.begun() => return,
        };
        faults = if since.elapsed() > Duration::from_secs(60) { 0 } else { faults + 1 };
        if let Err(fault) = lost {
            let wait = context.fault(Activity::Sessions, &fault, faults);
            context.shutdown.sleep(wait).await;
        }
    }
}

/// Sends what waits, for as long as the bridge runs, at most so many at once.
pub async fn send(context: Context, at_once: usize) {
    let slots = Arc::new(Semaphore::new(at_once));
    let mut sending = JoinSet::new();
    let mut faults = 0;
    loop {
        // Done ones make room; a claim without room would only run its lease out.
        while sending.try_join_next().is_some() {}
        let room = slots.available_permits();
        if room == 0 {
            tokio::select! {
                _ = sending.join_next() => continue,
                () = context.shutdown.begun() => break,
            }
        }
        if context.shutdown.has_begun() {
            break;
        }
        match context.database.claim_requests(room, LEASE).await {
            Ok(claimed) => {
                faults = 0;
                let more = claimed.len() == room;
                for request in claimed {
                    let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
                    let context = context.clone();
                    sending.spawn(async move {
                        handle(&context, request).await;
                        drop(slot);
                    });
                }
                if more {
                    continue;
                }
                tokio::select! {
                    () = context.sessions_wait.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = context.shutdown.begun() => break,
                }
            }
            Err(fault) => {
                let wait = context.fault(Activity::Sessions, &fault, faults);
                faults += 1;
                if !context.shutdown.sleep(wait).await {
                    break;
                }
            }
        }
    }
    while sending.join_next().await.is_some() {}
}

/// What became of a claim.
enum End {
    Answer(String),
    Refused(String),
    Later { delay: Duration, why: String },
}

async fn handle(context: &Context, claimed: Claimed) {
    let started = Instant::now();
    let environment = claimed.environment;
    let end = match context.stripe(environment) {
        Some(stripe) => attempt(context, stripe, &claimed).await,
        None => End::Later { delay: NO_KEY_DELAY, why: format!("the bridge has no {environment} key") },
    };
    let outcome = match &end {
        End::Answer(_) => "sent",
        End::Refused(_) => "refused",
        End::Later { .. } => "postponed",
    };
    let session = claimed.session_id.as_str();
    let took_ms = started.elapsed().as_millis();
    match &end {
        End::Answer(_) => tracing::info!(%environment, session, kind = claimed.kind, took_ms, "sent"),
        End::Refused(why) => tracing::warn!(%environment, session, kind = claimed.kind, took_ms, "refused: {why}"),
        End::Later { delay, why } => {
            tracing::warn!(%environment, session, kind = claimed.kind, delay_ms = delay.as_millis(), "postponed: {why}");
        }
    }
    if record(context, session, &end).await {
        context.metrics.session(environment, &claimed.kind, outcome, started.elapsed());
        if !matches!(end, End::Later { .. }) {
            context.metrics.succeeded(environment, Activity::Sessions);
        }
    }
    if let End::Later { delay, .. } = end {
        let wake = Arc::clone(&context.sessions_wait);
        tokio::spawn(async move {
            tokio::time::sleep(delay + Duration::from_millis(50)).await;
            wake.notify_one();
        });
    }
}

/// Sends a request, a few times where that may help.
async fn attempt(context: &Context, stripe: &Stripe, claimed: &Claimed) -> End {
    let request = Request {
        method: &claimed.request.method,
        path: &claimed.request.path,
        params: &claimed.request.params,
        idempotency_key: Some(&claimed.request.idempotency_key),
        version: claimed.request.stripe_version.as_deref(),
    };
    let started = Instant::now();
    for tries in 0.. {
        let reply = stripe.send(&request).await;
        context.metrics.request(claimed.environment, reply.as_ref().map_or(0, |reply| reply.status));
        let (after, reason) = match judge(&reply) {
            Verdict::Answer(body) => return End::Answer(body),
            Verdict::Refused(reason) => return End::Refused(reason.words),
            Verdict::Again { after, reason } => (after, reason),
        };
        let wait = backoff(tries, Duration::from_millis(400), Duration::from_secs(5), after, fastrand::f64());
        let goes_on = tries + 1 < TRIES && started.elapsed() + wait < TRY_FOR && context.shutdown.sleep(wait).await;
        if !goes_on {
            let delay = backoff(
                claimed.attempt.saturating_sub(1),
                Duration::from_secs(5),
                Duration::from_secs(15 * 60),
                after,
                fastrand::f64(),
            );
            return End::Later { delay, why: reason.words };
        }
    }
    End::Refused("it was tried too often".to_owned())
}

/// Records the end, for as long as the lease allows. Tells whether it could.
async fn record(context: &Context, session: &str, end: &End) -> bool {
    let started = Instant::now();
    let mut faults = 0;
    loop {
        let recorded = match end {
            End::Answer(answer) => context.database.record_response(session, answer).await,
            End::Refused(why) => context.database.record_error(session, why).await,
            End::Later { delay, why } => context.database.postpone(session, *delay, why).await,
        };
        match recorded {
            Ok(()) => return true,
            Err(fault) if fault.is_transient() && started.elapsed() < RECORD_FOR => {
                let wait = context.fault(Activity::Sessions, &fault, faults);
                faults += 1;
                // Also at the end of the bridge: an answer that is not recorded has to be asked for again.
                tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
            }
            Err(fault) => {
                let _ = context.fault(Activity::Sessions, &fault, faults);
                return not_recorded(context, session, end, &fault).await;
            }
        }
    }
}

/// The database does not take Stripe's answer: the caller must not wait for an address that never comes.
async fn not_recorded(context: &Context, session: &str, end: &End, fault: &Fault) -> bool {
    let Fault::Refused { message, detail, .. } = fault else { return false };
    if fault.is_transient() || !matches!(end, End::Answer(_)) {
        return false;
    }
    let why = format!("Stripe's answer was not taken: {message}. {}", detail.as_deref().unwrap_or_default());
    let recorded = context.database.record_error(session, why.trim_end()).await;
    if let Err(fault) = &recorded {
        let _ = context.fault(Activity::Sessions, fault, 0);
    }
    recorded.is_ok()
}
