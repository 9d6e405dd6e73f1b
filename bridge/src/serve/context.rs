//! The state that all tasks of `serve` share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::shutdown::Shutdown;
use crate::database::fault::Fault;
use crate::database::pool::Pool;
use crate::environment::Environment;
use crate::metrics::{Activity, Metrics};
use crate::stripe::client::Stripe;
use crate::stripe::verdict::backoff;

/// The longest backoff while the database cannot be reached. It is short, because callers wait for the bridge to
/// recover.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The state that all tasks of `serve` share.
#[derive(Debug, Clone)]
pub struct Context {
    /// The database connections.
    pub database: Arc<Pool>,
    /// A Stripe client for each environment that has a key.
    pub stripes: Arc<Vec<Stripe>>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Wakes the sender when requests may be waiting.
    pub sessions_wait: Arc<Notify>,
    /// Wakes the reader when purchases may be waiting for a list.
    pub reads_wait: Arc<Notify>,
    /// Signals the shutdown.
    pub shutdown: Shutdown,
}

impl Context {
    /// The Stripe client of an environment, or `None` if the environment has no key.
    #[must_use]
    pub fn stripe(&self, environment: Environment) -> Option<&Stripe> {
        self.stripes.iter().find(|stripe| stripe.environment == environment)
    }

    /// Logs and counts a failed database call. Returns how long to wait before the next one; `previous` is the number
    /// of faults in a row before this one.
    #[must_use]
    pub fn report_fault(&self, activity: Activity, fault: &Fault, previous: u32) -> Duration {
        self.metrics.database_fault(activity);
        let wait = backoff(previous, Duration::from_millis(500), MAX_BACKOFF, None, fastrand::f64());
        tracing::warn!(activity = activity.name(), wait_ms = wait.as_millis(), "{fault}");
        wait
    }
}
