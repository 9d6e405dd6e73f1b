//! `serve`: the long-running tasks of the bridge.

pub mod context;
pub mod events;
pub mod feed;
pub mod http;
pub mod reads;
pub mod sessions;
pub mod shutdown;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::context::Context;
use self::shutdown::{Shutdown, ShutdownTrigger};
use self::webhooks::Queue;
use crate::config::ServeSettings;
use crate::database::fault::Fault;
use crate::database::pool::Pool;
use crate::environment::Environment;
use crate::metrics::{Activity, Metrics};
use crate::stripe::client::Stripe;
use crate::stripe::verdict::{Reason, backoff};

/// How long work in progress may take after a shutdown was requested.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(75);

/// Runs all tasks until a shutdown is requested or a task fails. A failed task shuts down the others through `trigger`.
///
/// # Errors
/// If the listen address is in use, a key belongs to another account, a task fails, or work in progress does not finish
/// in time.
pub async fn run(
    settings: ServeSettings,
    database: Pool,
    stripes: Vec<Stripe>,
    trigger: ShutdownTrigger,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("cannot listen on {}", settings.listen))?;
    tracing::info!(listen = %listener.local_addr()?, poll = settings.poll, "serving");
    let context = Context {
        database: Arc::new(database),
        stripes: Arc::new(stripes),
        metrics: Arc::new(Metrics::new()?),
        sessions_wait: Arc::new(Notify::new()),
        reads_wait: Arc::new(Notify::new()),
        shutdown: shutdown.clone(),
    };
    let mut running = JoinSet::new();
    start_webhooks(&context, listener, settings.connections, &mut running);
    let sender = context.clone();
    running.spawn(async move { send(sender, settings).await });
    let first = tokio::select! {
        first = running.join_next() => first,
        () = shutdown.requested() => None,
    };
    trigger.fire();
    if shutdown.is_requested() {
        tracing::info!("shutting down: finishing work in progress");
    }
    let rest = tokio::time::timeout(SHUTDOWN_TIMEOUT, async {
        let mut error = None;
        while let Some(ended) = running.join_next().await {
            error = error.or(failure(ended));
        }
        error
    });
    let rest = rest.await.unwrap_or_else(|_| Some(anyhow::anyhow!("work in progress did not finish in time")));
    match first.and_then(failure).or(rest) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn failure(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> Option<anyhow::Error> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(error) => Some(error.into()),
    }
}

/// Starts the HTTP server, and the workers that pass deliveries to the database. The workers stop after the HTTP
/// server, whose open requests still need them.
fn start_webhooks(
    context: &Context,
    listener: TcpListener,
    connections: usize,
    running: &mut JoinSet<anyhow::Result<()>>,
) {
    let (http_done, stop) = shutdown::channel();
    let (test, live) = (Queue::new(Environment::Test), Queue::new(Environment::Live));
    // The other half of the connections is for the other tasks.
    let workers = (connections / 2).max(1);
    for queue in [test.clone(), live.clone()] {
        let (context, stop) = (context.clone(), stop.clone());
        running.spawn(async move {
            queue.run_workers(context, workers, stop).await;
            Ok(())
        });
    }
    let context = context.clone();
    running.spawn(async move {
        let served = http::serve(context, listener, test, live).await;
        http_done.fire();
        served
    });
}

/// Runs all tasks that send requests to Stripe, after checking that each key belongs to the right account.
async fn send(context: Context, settings: ServeSettings) -> anyhow::Result<()> {
    let listening = tokio::spawn(sessions::listen_for_requests(context.clone()));
    let mut stripes = Vec::new();
    for stripe in context.stripes.iter() {
        let Some(version) = check_account(&context, stripe).await? else { return Ok(()) };
        stripes.push(stripe.clone().with_version(version));
    }
    let context = Context { stripes: Arc::new(stripes), ..context };
    let mut running = JoinSet::new();
    running.spawn(sessions::send(context.clone(), settings.concurrency));
    running.spawn(reads::run(context.clone()));
    let interval = if settings.poll { events::POLL_WITHOUT_WEBHOOKS } else { events::POLL_WITH_WEBHOOKS };
    for stripe in context.stripes.iter() {
        running.spawn(events::run(context.clone(), stripe.environment, interval));
    }
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    listening.await?;
    Ok(())
}

/// Checks that the key belongs to the recorded account. Returns the version of Stripe's API that requests are written
/// for, or `None` if a shutdown is requested meanwhile.
async fn check_account(context: &Context, stripe: &Stripe) -> anyhow::Result<Option<String>> {
    let environment = stripe.environment;
    let mut faults = 0;
    while !context.shutdown.is_requested() {
        let settings = async {
            let version = context.database.stripe_version().await?;
            Ok((context.database.recorded(environment).await?.account, version))
        };
        let (recorded, version) = match settings.await {
            Ok(settings) => settings,
            Err(fault) if Fault::is_transient(&fault) => {
                let wait = context.report_fault(Activity::Sessions, &fault, faults);
                faults += 1;
                context.shutdown.sleep(wait).await;
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        let account = tokio::select! {
            account = stripe.account() => account,
            () = context.shutdown.requested() => return Ok(None),
        };
        match judge_account(environment, account, recorded.as_deref())? {
            None => return Ok(Some(version)),
            Some(reason) => {
                let wait = backoff(faults, Duration::from_secs(1), Duration::from_secs(60), None, fastrand::f64());
                faults += 1;
                tracing::warn!(%environment, "cannot ask Stripe which account the key belongs to: {reason}");
                context.shutdown.sleep(wait).await;
            }
        }
    }
    Ok(None)
}

/// Returns `None` if the key may be used, or the reason why Stripe has to be asked again. Fails if the key must not be
/// used.
fn judge_account(
    environment: Environment,
    account: Result<String, Reason>,
    recorded: Option<&str>,
) -> anyhow::Result<Option<Reason>> {
    match (account, recorded) {
        (Ok(account), Some(recorded)) if account != recorded => {
            bail!("the {environment} key belongs to account {account}, but the database has recorded {recorded}")
        }
        (Ok(_), Some(_)) => Ok(None),
        (Ok(_), None) => {
            tracing::warn!(%environment, "no account is recorded: run payments-bridge setup");
            Ok(None)
        }
        (Err(reason), _) if reason.status == Some(403) => {
            tracing::warn!(%environment, "the key may not read its account, so the account cannot be checked");
            Ok(None)
        }
        (Err(reason), _) if reason.status == Some(401) => bail!("the {environment} key: {reason}"),
        (Err(reason), _) => Ok(Some(reason)),
    }
}
