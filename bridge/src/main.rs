//! Reads the flags and settings, and runs the command.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use payments_bridge::cli::{Cli, Command, Common, Serve};
use payments_bridge::config::Sources;
use payments_bridge::environment::Environment;
use payments_bridge::serve::shutdown;
use payments_bridge::{doctor, log, serve, setup, sync};
use tokio::runtime::Runtime;

/// Database connections of a command that runs one step at a time.
const CONNECTIONS: usize = 2;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command. Returns whether everything succeeded, which decides the exit code.
fn run(cli: &Cli) -> anyhow::Result<bool> {
    let common = &cli.common;
    let sources = Sources::new(common, |name| std::env::var(name).ok())?;
    let (level, format) = sources.log(common)?;
    log::start(&level, format)?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| anyhow::anyhow!("TLS was set up before"))?;
    let environment = |live: bool| if live { Environment::Live } else { Environment::Test };
    let runtime = Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        match &cli.command {
            Command::Serve(flags) => serve_until_signal(&sources, common, flags).await.map(|()| true),
            Command::Setup(flags) => {
                let stripe = sources.required_stripe(common, environment(flags.live))?;
                setup::run(&sources.database(common, CONNECTIONS)?, &stripe, flags).await.map(|()| true)
            }
            Command::Sync(flags) => {
                let stripe = sources.required_stripe(common, environment(flags.live))?;
                let database = sources.database(common, CONNECTIONS)?;
                let version = database.stripe_version().await?;
                sync::run(&database, &stripe.with_version(version), &flags.only).await
            }
            Command::Doctor(flags) => {
                let mut stripes = Vec::new();
                for environment in Environment::ALL {
                    stripes.extend(sources.stripe(common, environment)?);
                }
                doctor::run(&sources.database(common, CONNECTIONS)?, &stripes, flags.json).await
            }
        }
    })
}

async fn serve_until_signal(sources: &Sources, common: &Common, flags: &Serve) -> anyhow::Result<()> {
    let settings = sources.serve(flags)?;
    let mut stripes = Vec::new();
    for environment in Environment::ALL {
        stripes.extend(sources.stripe(common, environment)?);
    }
    ensure!(
        !stripes.is_empty(),
        "no Stripe key: set STRIPE_TEST_KEY, STRIPE_TEST_KEY_FILE, STRIPE_LIVE_KEY or STRIPE_LIVE_KEY_FILE"
    );
    let database = sources.database(common, settings.connections)?;
    let (trigger, shutdown) = shutdown::channel();
    let served = serve::run(settings, database, stripes, trigger.clone(), shutdown);
    tokio::pin!(served);
    tokio::select! {
        result = &mut served => return result,
        signaled = shutdown::signal() => signaled.context("cannot wait for signals")?,
    }
    trigger.fire();
    // A second signal exits without waiting.
    tokio::select! {
        result = &mut served => result,
        _ = shutdown::signal() => anyhow::bail!("a second signal interrupted the shutdown"),
    }
}
