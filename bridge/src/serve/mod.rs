//! `serve`: everything that the bridge does while it runs.

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
use self::shutdown::{Ender, Shutdown};
use self::webhooks::Queue;
use crate::config::ServeSettings;
use crate::database::fault::Fault;
use crate::database::pool::Pool;
use crate::environment::Environment;
use crate::metrics::{Activity, Metrics};
use crate::stripe::client::Stripe;
use crate::stripe::verdict::{Reason, backoff};

/// How long what is in flight may take at the end.
const END_WITHIN: Duration = Duration::from_secs(75);

/// Serves until the end begins.
///
/// # Errors
/// Where the address is taken, a key is of another account, or something ends that should not.
pub async fn run(
    settings: ServeSettings,
    database: Pool,
    stripes: Vec<Stripe>,
    ender: Ender,
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
        () = shutdown.begun() => None,
    };
    ender.end();
    if shutdown.has_begun() {
        tracing::info!("ending: finishing what is in flight");
    }
    let rest = tokio::time::timeout(END_WITHIN, async {
        let mut wrong = None;
        while let Some(ended) = running.join_next().await {
            wrong = wrong.or(failure(ended));
        }
        wrong
    });
    let rest = rest.await.unwrap_or_else(|_| Some(anyhow::anyhow!("what was in flight did not end in time")));
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

/// The endpoints, and the workers that pass deliveries on. These end after the HTTP server, which may still be answering.
fn start_webhooks(
    context: &Context,
    listener: TcpListener,
    connections: usize,
    running: &mut JoinSet<anyhow::Result<()>>,
) {
    let (http_ended, end) = shutdown::pair();
    let (test, live) = (Queue::new(Environment::Test), Queue::new(Environment::Live));
    // Half of the connections are for what else there is to do.
    let workers = (connections / 2).max(1);
    for queue in [test.clone(), live.clone()] {
        let (context, end) = (context.clone(), end.clone());
        running.spawn(async move {
            queue.work(context, workers, end).await;
            Ok(())
        });
    }
    let context = context.clone();
    running.spawn(async move {
        let served = http::serve(context, listener, test, live).await;
        http_ended.end();
        served
    });
}

/// Everything that sends requests to Stripe: nothing is sent before each key is known to be of the right account.
async fn send(context: Context, settings: ServeSettings) -> anyhow::Result<()> {
    let hearing = tokio::spawn(sessions::hear(context.clone()));
    let mut stripes = Vec::new();
    for stripe in context.stripes.iter() {
        let Some(version) = check_account(&context, stripe).await? else { return Ok(()) };
        stripes.push(stripe.clone().with_version(version));
    }
    let context = Context { stripes: Arc::new(stripes), ..context };
    let mut running = JoinSet::new();
    running.spawn(sessions::send(context.clone(), settings.concurrency));
    running.spawn(reads::run(context.clone()));
    let every = if settings.poll { events::POLL_ALONE } else { events::POLL_BESIDE };
    for stripe in context.stripes.iter() {
        running.spawn(events::run(context.clone(), stripe.environment, every));
    }
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    hearing.await?;
    Ok(())
}

/// Refuses a key of another account than the one that is recorded. Tells the version of Stripe's API that requests are written
/// in; none at the end.
async fn check_account(context: &Context, stripe: &Stripe) -> anyhow::Result<Option<String>> {
    let environment = stripe.environment;
    let mut faults = 0;
    while !context.shutdown.has_begun() {
        let asked = async {
            let version = context.database.stripe_version().await?;
            Ok((context.database.recorded(environment).await?.account, version))
        };
        let (recorded, version) = match asked.await {
            Ok(said) => said,
            Err(fault) if Fault::is_transient(&fault) => {
                let wait = context.fault(Activity::Sessions, &fault, faults);
                faults += 1;
                context.shutdown.sleep(wait).await;
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        let account = tokio::select! {
            account = stripe.account() => account,
            () = context.shutdown.begun() => return Ok(None),
        };
        match judge_account(environment, account, recorded.as_deref())? {
            None => return Ok(Some(version)),
            Some(reason) => {
                let wait = backoff(faults, Duration::from_secs(1), Duration::from_secs(60), None, fastrand::f64());
                faults += 1;
                tracing::warn!(%environment, "cannot ask Stripe whose key it is: {reason}");
                context.shutdown.sleep(wait).await;
            }
        }
    }
    Ok(None)
}

/// Nothing where the key may be used; a reason where Stripe has to be asked again.
fn judge_account(
    environment: Environment,
    account: Result<String, Reason>,
    recorded: Option<&str>,
) -> anyhow::Result<Option<Reason>> {
    match (account, recorded) {
        (Ok(account), Some(recorded)) if account != recorded => {
            bail!("the {environment} key belongs to account {account}, and the database's is {recorded}")
        }
        (Ok(_), Some(_)) => Ok(None),
        (Ok(_), None) => {
            tracing::warn!(%environment, "no account is recorded: payments-bridge setup or payments.set_stripe_account() does it");
            Ok(None)
        }
        (Err(reason), _) if reason.status == Some(403) => {
            tracing::warn!(%environment, "the key may not read its account, so nobody knows whether it is the right one");
            Ok(None)
        }
        (Err(reason), _) if reason.status == Some(401) => bail!("the {environment} key: {reason}"),
        (Err(reason), _) => Ok(Some(reason)),
    }
}
