//! The log. It contains only the bridge's own lines, because a library could log secrets.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging to standard error.
///
/// # Errors
/// If the level is unknown, or logging was started before.
pub fn start(level: &str, format: LogFormat) -> anyhow::Result<()> {
    anyhow::ensure!(
        ["error", "warn", "info", "debug"].contains(&level),
        "the log level must be error, warn, info or debug"
    );
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("payments_bridge={level}")))
        .with_writer(std::io::stderr)
        .with_target(false);
    let plain = !std::io::IsTerminal::is_terminal(&std::io::stderr());
    match format {
        LogFormat::Plain => builder.with_ansi(!plain).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| anyhow::anyhow!("logging was started before"))
}
