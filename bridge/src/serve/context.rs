//! What every part of `serve` works with.

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

/// How long a part waits at most for a database that is away: callers wait for it to be found again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What every part works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The database.
    pub database: Arc<Pool>,
    /// Stripe's API, for each environment that has a key.
    pub stripes: Arc<Vec<Stripe>>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Told when sessions wait.
    pub sessions_wait: Arc<Notify>,
    /// Told when purchases may wait for a list.
    pub reads_wait: Arc<Notify>,
    /// The end.
    pub shutdown: Shutdown,
}

impl Context {
    /// Stripe's API as an environment's key sees it.
    #[must_use]
    pub fn stripe(&self, environment: Environment) -> Option<&Stripe> {
        self.stripes.iter().find(|stripe| stripe.environment == environment)
    }

    /// Says that a call of the database did not succeed, and how long to wait after so many.
    #[must_use]
    pub fn fault(&self, activity: Activity, fault: &Fault, faults_before: u32) -> Duration {
        self.metrics.database_fault(activity);
        let wait = backoff(faults_before, Duration::from_millis(500), LONGEST_WAIT, None, fastrand::f64());
        tracing::warn!(activity = activity.name(), wait_ms = wait.as_millis(), "{fault}");
        wait
    }
}
