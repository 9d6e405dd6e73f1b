//! Reads Stripe's events, and applies what no delivery brought: beside webhooks every few minutes, alone every few seconds.
//!
//! Nothing may be skipped. An event can appear in Stripe's list after one that is newer, so reading always begins some time
//! before the newest event that was read: a short time mostly, a longer one every minute and after a start. What was applied
//! already is known here by its id, and in the database.

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

/// How long Stripe keeps events.
const KEPT: i64 = 30 * 24 * 3600;
/// How far a reading goes back before the newest event, in seconds: every time, and now and then.
const SHORT_OVERLAP: i64 = 15;
const LONG_OVERLAP: i64 = 600;
const LONG_EVERY: Duration = Duration::from_secs(60);
/// How often the cursor is stored while many events are read.
const STORE_EVERY: usize = 200;

/// How often events are read where they are the only way, and beside webhooks.
pub const POLL_ALONE: Duration = Duration::from_secs(3);
/// See [`POLL_ALONE`].
pub const POLL_BESIDE: Duration = Duration::from_secs(300);

/// Why a reading ended early.
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

/// Reads one environment's events for as long as the bridge runs.
pub async fn run(context: Context, environment: Environment, every: Duration) {
    let Some(stripe) = context.stripe(environment).cloned() else { return };
    let mut reader: Option<Reader> = None;
    let mut faults = 0;
    while !context.shutdown.has_begun() {
        let read = tokio::select! {
            read = read(&context, &stripe, &mut reader) => read,
            () = context.shutdown.begun() => Err(Stopped::Shutdown),
        };
        let wait = match read {
            Ok(all) => {
                faults = 0;
                if all {
                    context.metrics.succeeded(environment, Activity::Events);
                }
                every
            }
            Err(Stopped::Shutdown) => return,
            Err(Stopped::Database(fault)) => {
                faults += 1;
                context.fault(Activity::Events, &fault, faults).max(every)
            }
            Err(Stopped::Stripe(reason)) => {
                faults += 1;
                let wait =
                    backoff(faults, Duration::from_secs(1), Duration::from_secs(300), None, fastrand::f64()).max(every);
                tracing::warn!(%environment, wait_ms = wait.as_millis(), "cannot read events: {reason}");
                wait
            }
        };
        context.shutdown.sleep(wait).await;
    }
}

/// Tells whether events were read.
async fn read(context: &Context, stripe: &Stripe, reader: &mut Option<Reader>) -> Result<bool, Stopped> {
    if !context.database.recorded(stripe.environment).await?.open {
        // Live events are refused until live is approved; the cursor stays where it is.
        return Ok(false);
    }
    if reader.is_none() {
        *reader = Some(Reader::new(context, stripe).await?);
    }
    match reader {
        Some(reader) => reader.read(context, stripe).await.map(|()| true),
        None => Ok(false),
    }
}

/// One environment's events: how far they were read.
#[derive(Debug)]
struct Reader {
    feeds: Vec<Feed>,
    /// Of each feed, the events of its overlap, the oldest first.
    recent: Vec<VecDeque<Head>>,
    /// Those that were applied, or never can be.
    done: HashSet<String>,
    /// When the oldest was made that may have to be read: where no event of a feed is known.
    since: i64,
    newest: i64,
    stored: Option<String>,
    stored_at: Option<Instant>,
    long_at: Option<Instant>,
}

impl Reader {
    async fn new(context: &Context, stripe: &Stripe) -> Result<Self, Stopped> {
        let environment = stripe.environment;
        let types = context.database.event_types().await?;
        let stored = context.database.events_cursor(environment).await?;
        let since = match &stored {
            None => now() - KEPT,
            Some(cursor) => match stripe.get(&format!("/v1/events/{cursor}"), &json!({})).await {
                Ok(event) => serde_json::from_str::<Head>(&event).map_or(now() - KEPT, |head| head.created),
                Err(reason) if reason.is_missing() => after_long(context, environment, cursor).await?,
                Err(reason) => return Err(reason.into()),
            },
        };
        tracing::info!(%environment, since, "reading events");
        let feeds = Feed::of(&types);
        let recent = feeds.iter().map(|_| VecDeque::new()).collect();
        Ok(Self { feeds, recent, done: HashSet::new(), since, newest: since, stored, stored_at: None, long_at: None })
    }

    /// Reads and applies all that came, the oldest first.
    async fn read(&mut self, context: &Context, stripe: &Stripe) -> Result<(), Stopped> {
        let long = self.long_at.is_none_or(|at| at.elapsed() >= LONG_EVERY);
        let before = self.newest - if long { LONG_OVERLAP } else { SHORT_OVERLAP };
        for (feed, recent) in self.feeds.iter_mut().zip(&self.recent) {
            let after = recent.iter().rev().find(|head| head.created < before);
            feed.begin(stripe, after.map(|head| head.id.as_str()), self.since.min(before)).await?;
        }
        let mut applied = 0;
        while let Some((place, event)) = self.oldest(stripe).await? {
            if context.shutdown.has_begun() {
                return Err(Stopped::Shutdown);
            }
            if !self.done.contains(&event.head.id) {
                self.apply(context, stripe.environment, &event).await?;
                applied += 1;
                if applied % STORE_EVERY == 0 {
                    self.store(context, stripe.environment, event.head.created).await?;
                }
            }
            self.remember(place, event.head);
        }
        if long {
            self.long_at = Some(Instant::now());
        }
        self.store(context, stripe.environment, self.newest).await
    }

    /// Takes the oldest event of all feeds.
    async fn oldest(&mut self, stripe: &Stripe) -> Result<Option<(usize, Event)>, Reason> {
        let mut oldest: Option<(usize, i64)> = None;
        for (place, feed) in self.feeds.iter_mut().enumerate() {
            if let Some(event) = feed.peek(stripe).await?
                && oldest.is_none_or(|(_, created)| event.head.created < created)
            {
                oldest = Some((place, event.head.created));
            }
        }
        Ok(oldest.and_then(|(place, _)| Some((place, self.feeds.get_mut(place)?.take()?))))
    }

    async fn apply(&mut self, context: &Context, environment: Environment, event: &Event) -> Result<(), Stopped> {
        let id = event.head.id.as_str();
        let outcome = match context.database.apply_event(environment, event.json.get()).await {
            Ok(received) => match received.status.as_str() {
                // It is read again, and so tried again, for as long as it is within the overlap.
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
            // What is no event today is none tomorrow; the others must not wait for it.
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

    fn remember(&mut self, place: usize, head: Head) {
        self.newest = self.newest.max(head.created);
        let oldest_kept = self.newest - LONG_OVERLAP;
        let Some(recent) = self.recent.get_mut(place) else { return };
        if !recent.iter().rev().any(|known| known.id == head.id) {
            let at = recent.partition_point(|known| known.created <= head.created);
            recent.insert(at, head);
        }
        // One that is older than the overlap stays, as the event after which reading begins.
        while recent.get(1).is_some_and(|second| second.created < oldest_kept) {
            if let Some(gone) = recent.pop_front() {
                self.done.remove(&gone.id);
            }
        }
    }

    /// Stores the newest event that is older than the overlap, when all that are older than `until` are applied. A bridge that
    /// starts there reads the overlap again.
    async fn store(&mut self, context: &Context, environment: Environment, until: i64) -> Result<(), Stopped> {
        let before = until - LONG_OVERLAP;
        let candidates = self.recent.iter().flatten();
        let cursor =
            candidates.filter(|head| head.created < before).max_by_key(|head| head.created).map(|head| head.id.clone());
        // While all events are young, the oldest: whoever starts there reads all of them.
        let cursor =
            cursor.or_else(|| self.recent.iter().flatten().min_by_key(|head| head.created).map(|head| head.id.clone()));
        let cursor = cursor.or_else(|| self.stored.clone());
        // Also where it is the same: the database remembers when that was.
        let is_due = self.stored != cursor || self.stored_at.is_none_or(|at| at.elapsed() >= LONG_EVERY);
        if let Some(cursor) = cursor.filter(|_| is_due) {
            context.database.set_events_cursor(environment, &cursor).await?;
            self.stored = Some(cursor);
            self.stored_at = Some(Instant::now());
        }
        Ok(())
    }
}

/// Stripe no longer has the event at which reading ended. Nothing is missing if reading went on until lately, and there were
/// no events.
async fn after_long(context: &Context, environment: Environment, cursor: &str) -> Result<i64, Fault> {
    let kept_since = now() - KEPT;
    let read_at = context.database.recorded(environment).await?.events_read_at.unwrap_or_default();
    if read_at > kept_since {
        return Ok(read_at - LONG_OVERLAP);
    }
    tracing::error!(%environment, "Stripe no longer has event {cursor}, at which reading ended: later events may be missing; \
        run payments-bridge sync");
    context.metrics.must_sync(environment, true);
    Ok(kept_since)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
