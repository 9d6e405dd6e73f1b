//! Commands and flags.
#![allow(clippy::doc_markdown, rustdoc::bare_urls, reason = "these comments are the texts of --help")]

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sends requests to Stripe, and passes Stripe's events on, for the PostgreSQL extension payments.
///
/// Stripe's API keys come from the environment or from files, never from flags: STRIPE_TEST_KEY or STRIPE_TEST_KEY_FILE,
/// STRIPE_LIVE_KEY or STRIPE_LIVE_KEY_FILE.
#[derive(Debug, Parser)]
#[command(name = "payments-bridge", version, max_term_width = 110)]
pub struct Cli {
    /// Where to find the rest.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command. A flag goes before the environment, and that before the file.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// A file of settings (TOML) [env: PAYMENTS_BRIDGE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<String>,
    /// The database: a URL, or key=value words; without its password, which is for DATABASE_URL, DATABASE_URL_FILE or PGPASSWORD
    /// [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub database_url: Option<String>,
    /// Certificates (PEM) that the database's must descend from; without it, the machine's [env: PAYMENTS_BRIDGE_DATABASE_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub database_ca: Option<String>,
    /// Stripe's address [env: STRIPE_API_BASE] [default: https://api.stripe.com]
    #[arg(long, global = true, value_name = "URL")]
    pub stripe_api_base: Option<String>,
    /// How the log is written [env: PAYMENTS_BRIDGE_LOG_FORMAT] [default: plain]
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
    /// How much is logged: error, warn, info, debug [env: PAYMENTS_BRIDGE_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    Plain,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sends waiting sessions, takes webhooks, reads events, until it is told to end
    Serve(Serve),
    /// Makes Stripe's webhook endpoint, and stores its secret in the database
    Setup(Setup),
    /// Copies what Stripe has into the database; goes on where it was interrupted
    Sync(Sync),
    /// Looks for what is wrong, in the database and at Stripe; ends with 1 where something is
    Doctor(Doctor),
}

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Where webhooks, /health and /metrics are served [env: PAYMENTS_BRIDGE_LISTEN] [default: 127.0.0.1:8787]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Reads Stripe's events every few seconds: no public address is needed [env: PAYMENTS_BRIDGE_POLL]
    #[arg(long)]
    pub poll: bool,
    /// How many requests are sent to Stripe at once [env: PAYMENTS_BRIDGE_CONCURRENCY] [default: 16]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// How many connections to the database are held, besides the one that listens [env: PAYMENTS_BRIDGE_CONNECTIONS] [default: 8]
    #[arg(long, value_name = "N")]
    pub connections: Option<usize>,
}

/// Flags of `setup`.
#[derive(Debug, Clone, Default, Args)]
pub struct Setup {
    /// The public address of the bridge, such as https://pay.example.com: /stripe/test or /stripe/live is added. An address with a
    /// path of its own is taken as it is
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Sets up live instead of test
    #[arg(long)]
    pub live: bool,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
    /// Makes a new endpoint, where the secret of the present one is lost
    #[arg(long, conflicts_with = "secret_file")]
    pub new_endpoint: bool,
    /// A file with the secret of the present endpoint, as Stripe's dashboard shows it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<String>,
}

/// Flags of `sync`.
#[derive(Debug, Clone, Default, Args)]
pub struct Sync {
    /// Syncs live instead of test
    #[arg(long)]
    pub live: bool,
    /// Only these resources, such as products,prices
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub only: Vec<String>,
}

/// Flags of `doctor`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Doctor {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}
