//! Polls Stripe's events, and applies those that no webhook delivered: every few minutes if webhooks are used, every
//! few seconds if not.
//!
//! No event may be skipped. An event can appear in Stripe's list after a newer one. So each poll starts some time
//! before the newest event that was read. This overlap is short for most polls, and longer once a minute and after a
//! start. The reader skips events that it has applied, and the database recognizes events that it knows.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::context::Context;
use super::feed::{Event, Feed};
use crate::database::fault::Fault;
use crate::environment::Environment;
use crate::metrics::Activity;
use crate::stripe::client::Stripe;
use crate::stripe::list::Head;
use crate::stripe::verdict::{Reason, backoff};

/// How long Stripe keeps events, in seconds.
const RETENTION: i64 = 30 * 24 * 3600;
/// How far most polls go back before the newest event, in seconds.
const SHORT_OVERLAP: i64 = 15;
/// How far a poll goes back every [`LONG_OVERLAP_INTERVAL`] and after a start, in seconds.
const LONG_OVERLAP: i64 = 600;
const LONG_OVERLAP_INTERVAL: Duration = Duration::from_secs(60);
/// The cursor is stored after this many events of a long poll.
const STORE_EVERY: usize = 200;

/// The interval between polls if no webhooks are used.
pub const POLL_WITHOUT_WEBHOOKS: Duration = Duration::from_secs(3);
/// The interval between polls if webhooks are used.
pub const POLL_WITH_WEBHOOKS: Duration = Duration::from_secs(300);

/// Why a poll ended early.
#[derive(Debug)]
enum Stopped {
    Stripe(Reason),
    Database(Fault),
    Shutdown,
}

impl From<Reason> for Stopped {
    fn from(reason: Reason) -> Self {
        Self::Stripe(reason)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Database(fault)
    }
}

/// Polls one environment's events until the bridge shuts down. `interval` is the time between polls.
pub async fn run(context: Context, environment: Environment, interval: Duration) {
    let Some(stripe) = context.stripe(environment).cloned() else { return };
    let mut reader: Option<Reader> = None;
    let mut faults = 0;
    while !context.shutdown.is_requested() {
        let polled = tokio::select! {
            polled = poll(&context, &stripe, &mut reader) => polled,
            () = context.shutdown.requested() => Err(Stopped::Shutdown),
        };
        let wait = match polled {
            Ok(is_open) => {
                faults = 0;
                if is_open {
                    context.metrics.succeeded(environment, Activity::Events);
                }
                interval
            }
            Err(Stopped::Shutdown) => return,
            Err(Stopped::Database(fault)) => {
                faults += 1;
                context.report_fault(Activity::Events, &fault, faults).max(interval)
            }
            Err(Stopped::Stripe(reason)) => {
                faults += 1;
                let wait = backoff(faults, Duration::from_secs(1), Duration::from_secs(300), None, fastrand::f64());
                let wait = wait.max(interval);
                tracing::warn!(%environment, wait_ms = wait.as_millis(), "cannot read events: {reason}");
                wait
            }
        };
        context.shutdown.sleep(wait).await;
    }
}

/// Polls once. Returns false without polling if the environment is not open.
async fn poll(context: &Context, stripe: &Stripe, reader: &mut Option<Reader>) -> Result<bool, Stopped> {
    if !context.database.recorded(stripe.environment).await?.open {
        // The database refuses live events until live is approved. The cursor does not move until then.
        return Ok(false);
    }
    if reader.is_none() {
        *reader = Some(Reader::new(context, stripe).await?);
    }
    match reader {
        Some(reader) => reader.poll(context, stripe).await.map(|()| true),
        None => Ok(false),
    }
}

/// The state of reading one environment's events.
#[derive(Debug)]
struct Reader {
    feeds: Vec<Feed>,
    /// For each feed, the events of its overlap, oldest first.
    recent: Vec<VecDeque<Head>>,
    /// The ids of events that were applied, or that never can be.
    done: HashSet<String>,
    /// Where a feed without known events starts, in seconds since 1970.
    since: i64,
    /// The creation time of the newest event that was read, in seconds since 1970.
    newest: i64,
    stored: Option<String>,
    stored_at: Option<Instant>,
    /// When the last poll with the long overlap ended.
    long_at: Option<Instant>,
}

impl Reader {
    async fn new(context: &Context, stripe: &Stripe) -> Result<Self, Stopped> {
        let environment = stripe.environment;
        let types = context.database.event_types().await?;
        let stored = context.database.events_cursor(environment).await?;
        let since = match &stored {
            None => now() - RETENTION,
            Some(cursor) => match stripe.get(&format!("/v1/events/{cursor}"), &json!({})).await {
                Ok(event) => serde_json::from_str::<Head>(&event).map_or(now() - RETENTION, |head| head.created),
                Err(reason) if reason.is_missing() => start_without_cursor(context, environment, cursor).await?,
                Err(reason) => return Err(reason.into()),
            },
        };
        tracing::info!(%environment, since, "reading events");
        let feeds = Feed::for_types(&types);
        let recent = feeds.iter().map(|_| VecDeque::new()).collect();
        Ok(Self { feeds, recent, done: HashSet::new(), since, newest: since, stored, stored_at: None, long_at: None })
    }

    /// Reads and applies all new events, oldest first.
    async fn poll(&mut self, context: &Context, stripe: &Stripe) -> Result<(), Stopped> {
        let long = self.long_at.is_none_or(|at| at.elapsed() >= LONG_OVERLAP_INTERVAL);
        let before = self.newest - if long { LONG_OVERLAP } else { SHORT_OVERLAP };
        for (feed, recent) in self.feeds.iter_mut().zip(&self.recent) {
            let after = recent.iter().rev().find(|head| head.created < before);
            feed.start(stripe, after.map(|head| head.id.as_str()), self.since.min(before)).await?;
        }
        let mut applied = 0;
        while let Some((feed, event)) = self.take_oldest(stripe).await? {
            if context.shutdown.is_requested() {
                return Err(Stopped::Shutdown);
            }
            if !self.done.contains(&event.head.id) {
                self.apply(context, stripe.environment, &event).await?;
                applied += 1;
                if applied % STORE_EVERY == 0 {
                    self.store(context, stripe.environment, event.head.created).await?;
                }
            }
            self.remember(feed, event.head);
        }
        if long {
            self.long_at = Some(Instant::now());
        }
        self.store(context, stripe.environment, self.newest).await
    }

    /// Takes the oldest event of all feeds. Returns it with the index of its feed.
    async fn take_oldest(&mut self, stripe: &Stripe) -> Result<Option<(usize, Event)>, Reason> {
        let mut oldest: Option<(usize, i64)> = None;
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            if let Some(event) = feed.peek(stripe).await?
                && oldest.is_none_or(|(_, created)| event.head.created < created)
            {
                oldest = Some((index, event.head.created));
            }
        }
        Ok(oldest.and_then(|(index, _)| Some((index, self.feeds.get_mut(index)?.take()?))))
    }

    async fn apply(&mut self, context: &Context, environment: Environment, event: &Event) -> Result<(), Stopped> {
        let id = event.head.id.as_str();
        let outcome = match context.database.apply_event(environment, event.json.get()).await {
            Ok(received) => match received.status.as_str() {
                // It is not marked as done. So every poll retries it while it is within the overlap.
                "failed" => {
                    tracing::warn!(%environment, event = id, "event failed: {}", received.error.unwrap_or_default());
                    context.metrics.event(environment, "failed");
                    return Ok(());
                }
                "refused" => {
                    tracing::warn!(%environment, event = id, "event refused: {}", received.error.unwrap_or_default());
                    "refused"
                }
                _ if received.duplicate => "duplicate",
                "ignored" => "ignored",
                _ => {
                    tracing::info!(%environment, event = id, event_type = received.event_type, "applied");
                    context.reads_wait.notify_one();
                    "applied"
                }
            },
            // The body is not a valid event. A retry cannot succeed, and the other events must not wait for it.
            Err(fault) if fault.sqlstate().is_some_and(|sqlstate| sqlstate.starts_with("22")) => {
                tracing::error!(%environment, event = id, "event refused: {fault}");
                "refused"
            }
            Err(fault) => return Err(fault.into()),
        };
        context.metrics.event(environment, outcome);
        self.done.insert(event.head.id.clone());
        Ok(())
    }

    /// Adds an event to the overlap of its feed, and drops events that are older than the overlap.
    fn remember(&mut self, feed: usize, head: Head) {
        self.newest = self.newest.max(head.created);
        let overlap_start = self.newest - LONG_OVERLAP;
        let Some(recent) = self.recent.get_mut(feed) else { return };
        if !recent.iter().rev().any(|known| known.id == head.id) {
            let at = recent.partition_point(|known| known.created <= head.created);
            recent.insert(at, head);
        }
        // The newest event before the overlap stays: it is the cursor from which the next poll reads forward.
        while recent.get(1).is_some_and(|second| second.created < overlap_start) {
            if let Some(dropped) = recent.pop_front() {
                self.done.remove(&dropped.id);
            }
        }
    }

    /// Stores the cursor: the newest event before the overlap that ends at `until`. All events before `until` must be
    /// applied. A bridge that resumes from this cursor reads the overlap again.
    async fn store(&mut self, context: &Context, environment: Environment, until: i64) -> Result<(), Stopped> {
        let before = until - LONG_OVERLAP;
        let candidates = self.recent.iter().flatten();
        let cursor =
            candidates.filter(|head| head.created < before).max_by_key(|head| head.created).map(|head| head.id.clone());
        // If all events are within the overlap, the cursor is the oldest event, so that a restart reads all of them.
        let cursor =
            cursor.or_else(|| self.recent.iter().flatten().min_by_key(|head| head.created).map(|head| head.id.clone()));
        let cursor = cursor.or_else(|| self.stored.clone());
        // An unchanged cursor is stored too, once a minute, because the database records when events were last read.
        let is_due = self.stored != cursor || self.stored_at.is_none_or(|at| at.elapsed() >= LONG_OVERLAP_INTERVAL);
        if let Some(cursor) = cursor.filter(|_| is_due) {
            context.database.set_events_cursor(environment, &cursor).await?;
            self.stored = Some(cursor);
            self.stored_at = Some(Instant::now());
        }
        Ok(())
    }
}

/// Decides where to start if Stripe no longer has the event of the cursor. No event is missing if the bridge has read
/// events within Stripe's retention period: then there were no newer events. Otherwise a sync is needed.
async fn start_without_cursor(context: &Context, environment: Environment, cursor: &str) -> Result<i64, Fault> {
    let retained_since = now() - RETENTION;
    let read_at = context.database.recorded(environment).await?.events_read_at.unwrap_or_default();
    if read_at > retained_since {
        return Ok(read_at - LONG_OVERLAP);
    }
    tracing::error!(%environment, "Stripe no longer has event {cursor}, from which reading resumes, so events may be \
        missing: run payments-bridge sync");
    context.metrics.set_must_sync(environment, true);
    Ok(retained_since)
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
