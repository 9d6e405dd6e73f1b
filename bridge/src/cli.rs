//! Commands and flags of the program.
#![allow(clippy::doc_markdown, rustdoc::bare_urls, reason = "these comments are the texts of --help")]

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sends requests to Stripe and passes Stripe's events to the PostgreSQL extension payments.
///
/// Stripe's API keys come from the environment or from files, never from flags: STRIPE_TEST_KEY or
/// STRIPE_TEST_KEY_FILE, STRIPE_LIVE_KEY or STRIPE_LIVE_KEY_FILE.
#[derive(Debug, Parser)]
#[command(name = "payments-bridge", version, max_term_width = 110)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub common: Common,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes. A flag overrides the environment variable, which overrides the settings file.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Settings file (TOML) [env: PAYMENTS_BRIDGE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<String>,
    /// Database address without a password, as a URL or as key=value pairs. Pass the password in DATABASE_URL,
    /// DATABASE_URL_FILE or PGPASSWORD [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub database_url: Option<String>,
    /// File of CA certificates (PEM) that the database server's certificate is checked against. The default is the
    /// operating system's certificates [env: PAYMENTS_BRIDGE_DATABASE_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub database_ca: Option<String>,
    /// Base URL of Stripe's API [env: STRIPE_API_BASE] [default: https://api.stripe.com]
    #[arg(long, global = true, value_name = "URL")]
    pub stripe_api_base: Option<String>,
    /// Format of the log [env: PAYMENTS_BRIDGE_LOG_FORMAT] [default: plain]
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Log level: error, warn, info or debug [env: PAYMENTS_BRIDGE_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for a person to read.
    Plain,
    /// One JSON object per line.
    Json,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the bridge until it is shut down: sends waiting requests, receives webhooks and reads events
    Serve(Serve),
    /// Creates the webhook endpoint at Stripe and stores its secret in the database
    Setup(Setup),
    /// Copies Stripe's objects into the database; resumes after an interruption
    Sync(Sync),
    /// Checks the database and the Stripe account; the exit code is 1 if a check fails
    Doctor(Doctor),
}

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Address of the HTTP server: webhook endpoints, /health, /metrics [env: PAYMENTS_BRIDGE_LISTEN] [default:
    /// 127.0.0.1:8787]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Polls Stripe's events every few seconds, so that no public address is needed [env: PAYMENTS_BRIDGE_POLL]
    #[arg(long)]
    pub poll: bool,
    /// Number of concurrent requests to Stripe [env: PAYMENTS_BRIDGE_CONCURRENCY] [default: 16]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// Number of database connections, not counting the one that listens for notifications
    /// [env: PAYMENTS_BRIDGE_CONNECTIONS] [default: 8]
    #[arg(long, value_name = "N")]
    pub connections: Option<usize>,
}

/// Flags of `setup`.
#[derive(Debug, Clone, Default, Args)]
pub struct Setup {
    /// Public URL of the bridge, such as https://pay.example.com. A URL without a path gets /stripe/test or
    /// /stripe/live
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Sets up live instead of test
    #[arg(long)]
    pub live: bool,
    /// Carries out the plan without asking
    #[arg(long)]
    pub yes: bool,
    /// Creates a new endpoint to replace one whose secret is lost
    #[arg(long, conflicts_with = "secret_file")]
    pub new_endpoint: bool,
    /// File with the secret of the existing endpoint, as Stripe's dashboard shows it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<String>,
}

/// Flags of `sync`.
#[derive(Debug, Clone, Default, Args)]
pub struct Sync {
    /// Syncs live instead of test
    #[arg(long)]
    pub live: bool,
    /// Syncs only these resources, such as products,prices
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub only: Vec<String>,
}

/// Flags of `doctor`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Doctor {
    /// Prints the findings as JSON
    #[arg(long)]
    pub json: bool,
}
