//! Metrics for Prometheus.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::environment::Environment;

/// An activity of `serve`, as a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Sending waiting requests and recording Stripe's responses.
    Sessions,
    /// Receiving deliveries.
    Webhooks,
    /// Reading events from Stripe's API.
    Events,
    /// Fetching lists that purchases wait for.
    Reads,
}

impl Activity {
    /// All activities.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Webhooks, Self::Events, Self::Reads];

    /// The value of the label.
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

/// The metrics of one bridge.
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
    /// Registers all metrics.
    ///
    /// # Errors
    /// If two metrics have the same name.
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
            Opts::new("last_success_timestamp_seconds", "When the activity last succeeded."),
            &["environment", "activity"],
        )?;
        registry.register(Box::new(last_success.clone()))?;
        let must_sync = IntGaugeVec::new(
            Opts::new(
                "must_sync",
                "1 if the bridge missed events that Stripe no longer has: run payments-bridge sync.",
            ),
            &["environment"],
        )?;
        registry.register(Box::new(must_sync.clone()))?;
        Ok(Self {
            sessions: counter("sessions_total", "Waiting requests, by outcome.", &["environment", "kind", "outcome"])?,
            session_seconds: histogram(
                "session_seconds",
                "From the claim of a request until its response is recorded.",
            )?,
            requests: counter(
                "stripe_requests_total",
                "HTTP requests sent to Stripe for waiting requests.",
                &["environment", "status"],
            )?,
            webhooks: counter(
                "webhooks_total",
                "Deliveries, by the HTTP status of the response.",
                &["environment", "status"],
            )?,
            webhook_seconds: histogram("webhook_seconds", "From the arrival of a delivery until the response.")?,
            events: counter("events_total", "Events read from Stripe's API, by outcome.", &["environment", "outcome"])?,
            reads: counter("reads_total", "Lists that purchases waited for, by outcome.", &["environment", "outcome"])?,
            database_faults: counter("database_faults_total", "Failed database calls.", &["activity"])?,
            last_success,
            must_sync,
            registry,
        })
    }

    /// Counts a waiting request. `outcome` is `sent`, `refused` or `postponed`; `took` is the time since its claim.
    pub fn session(&self, environment: Environment, kind: &str, outcome: &str, took: Duration) {
        self.sessions.with_label_values(&[environment.name(), kind, outcome]).inc();
        self.session_seconds.with_label_values(&[environment.name()]).observe(took.as_secs_f64());
    }

    /// Counts an HTTP request to Stripe. `status` is 0 if no response came.
    pub fn request(&self, environment: Environment, status: u16) {
        self.requests.with_label_values(&[environment.name(), &status.to_string()]).inc();
    }

    /// Counts a delivery and the HTTP status of the response.
    pub fn webhook(&self, environment: Environment, status: u16, took: Duration) {
        self.webhooks.with_label_values(&[environment.name(), &status.to_string()]).inc();
        self.webhook_seconds.with_label_values(&[environment.name()]).observe(took.as_secs_f64());
    }

    /// Counts an event that was read from Stripe's API.
    pub fn event(&self, environment: Environment, outcome: &str) {
        self.events.with_label_values(&[environment.name(), outcome]).inc();
    }

    /// Counts a list that a purchase waited for.
    pub fn read(&self, environment: Environment, outcome: &str) {
        self.reads.with_label_values(&[environment.name(), outcome]).inc();
    }

    /// Counts a failed database call.
    pub fn database_fault(&self, activity: Activity) {
        self.database_faults.with_label_values(&[activity.name()]).inc();
    }

    /// Records that an activity has just succeeded.
    pub fn succeeded(&self, environment: Environment, activity: Activity) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.last_success.with_label_values(&[environment.name(), activity.name()]).set(now);
    }

    /// When an activity last succeeded, in seconds since 1970, or `None` if it has not since the bridge started.
    #[must_use]
    pub fn last_success(&self, environment: Environment, activity: Activity) -> Option<f64> {
        let at = self.last_success.with_label_values(&[environment.name(), activity.name()]).get();
        (at > 0.0).then_some(at)
    }

    /// Records whether the bridge missed events that Stripe no longer has, so that a sync is needed.
    pub fn set_must_sync(&self, environment: Environment, must: bool) {
        self.must_sync.with_label_values(&[environment.name()]).set(i64::from(must));
    }

    /// Whether a sync is needed.
    #[must_use]
    pub fn must_sync(&self, environment: Environment) -> bool {
        self.must_sync.with_label_values(&[environment.name()]).get() == 1
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        let written = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        written.map_or_else(|_| String::new(), |()| String::from_utf8_lossy(&text).into_owned())
    }
}
