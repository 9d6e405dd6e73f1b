//! What the bridge counts, for Prometheus.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::environment::Environment;

/// What can succeed, for `last_success`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// A request was sent, and its answer recorded.
    Sessions,
    /// A delivery was taken.
    Webhooks,
    /// Stripe's events were read to their end.
    Events,
    /// A list that a purchase waited for was fetched.
    Reads,
}

impl Activity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Webhooks, Self::Events, Self::Reads];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Webhooks => "webhooks",
            Self::Events => "events",
            Self::Reads => "reads",
        }
    }
}

/// The counters of one bridge.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    sessions: IntCounterVec,
    session_seconds: HistogramVec,
    requests: IntCounterVec,
    webhooks: IntCounterVec,
    webhook_seconds: HistogramVec,
    events: IntCounterVec,
    reads: IntCounterVec,
    database_faults: IntCounterVec,
    last_success: GaugeVec,
    must_sync: IntGaugeVec,
}

const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

impl Metrics {
    /// Counters that are all zero.
    ///
    /// # Errors
    /// Where two have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("payments_bridge".to_owned()), None)?;
        let counter = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntCounterVec> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let histogram = |name: &str, help: &str| -> prometheus::Result<HistogramVec> {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histogram = HistogramVec::new(options, &["environment"])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let last_success = GaugeVec::new(
            Opts::new("last_success_timestamp_seconds", "When it last succeeded."),
            &["environment", "activity"],
        )?;
        registry.register(Box::new(last_success.clone()))?;
        let must_sync = IntGaugeVec::new(
            Opts::new("must_sync", "1 where events are older than Stripe keeps them: run payments-bridge sync."),
            &["environment"],
        )?;
        registry.register(Box::new(must_sync.clone()))?;
        Ok(Self {
            sessions: counter(
                "sessions_total",
                "Requests that waited, by what became of them.",
                &["environment", "kind", "outcome"],
            )?,
            session_seconds: histogram("session_seconds", "From the claim of a request to its recorded answer.")?,
            requests: counter(
                "stripe_requests_total",
                "Requests for sessions sent to Stripe.",
                &["environment", "status"],
            )?,
            webhooks: counter(
                "webhooks_total",
                "Deliveries, by the HTTP status they were answered with.",
                &["environment", "status"],
            )?,
            webhook_seconds: histogram("webhook_seconds", "From a delivery's arrival to its answer.")?,
            events: counter(
                "events_total",
                "Events read from Stripe's API, by what became of them.",
                &["environment", "outcome"],
            )?,
            reads: counter("reads_total", "Lists that purchases waited for.", &["environment", "outcome"])?,
            database_faults: counter(
                "database_faults_total",
                "Calls of the database that did not succeed.",
                &["activity"],
            )?,
            last_success,
            must_sync,
            registry,
        })
    }

    /// A request that waited was sent, refused, postponed.
    pub fn session(&self, environment: Environment, kind: &str, outcome: &str, took: Duration) {
        self.sessions.with_label_values(&[environment.name(), kind, outcome]).inc();
        self.session_seconds.with_label_values(&[environment.name()]).observe(took.as_secs_f64());
    }

    /// One request to Stripe; 0 where no answer came.
    pub fn request(&self, environment: Environment, status: u16) {
        self.requests.with_label_values(&[environment.name(), &status.to_string()]).inc();
    }

    /// One delivery.
    pub fn webhook(&self, environment: Environment, status: u16, took: Duration) {
        self.webhooks.with_label_values(&[environment.name(), &status.to_string()]).inc();
        self.webhook_seconds.with_label_values(&[environment.name()]).observe(took.as_secs_f64());
    }

    /// One event of Stripe's API.
    pub fn event(&self, environment: Environment, outcome: &str) {
        self.events.with_label_values(&[environment.name(), outcome]).inc();
    }

    /// One list that a purchase waited for.
    pub fn read(&self, environment: Environment, outcome: &str) {
        self.reads.with_label_values(&[environment.name(), outcome]).inc();
    }

    /// A call of the database that did not succeed.
    pub fn database_fault(&self, activity: Activity) {
        self.database_faults.with_label_values(&[activity.name()]).inc();
    }

    /// It succeeded now.
    pub fn succeeded(&self, environment: Environment, activity: Activity) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.last_success.with_label_values(&[environment.name(), activity.name()]).set(now);
    }

    /// When it last succeeded, in seconds since 1970; none where it has not since the start.
    #[must_use]
    pub fn last_success(&self, environment: Environment, activity: Activity) -> Option<f64> {
        let at = self.last_success.with_label_values(&[environment.name(), activity.name()]).get();
        (at > 0.0).then_some(at)
    }

    /// Whether events are missing that Stripe no longer has.
    pub fn must_sync(&self, environment: Environment, must: bool) {
        self.must_sync.with_label_values(&[environment.name()]).set(i64::from(must));
    }

    /// Whether that is so.
    #[must_use]
    pub fn has_to_sync(&self, environment: Environment) -> bool {
        self.must_sync.with_label_values(&[environment.name()]).get() == 1
    }

    /// All of it as Prometheus reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        let written = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        written.map_or_else(|_| String::new(), |()| String::from_utf8_lossy(&text).into_owned())
    }
}
