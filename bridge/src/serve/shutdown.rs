//! The end of `serve`: everything that runs hears of it, and finishes what is in flight.

use std::time::Duration;

use tokio::sync::watch;

/// Told to everything that runs.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Whoever ends it.
#[derive(Debug, Clone)]
pub struct Ender(watch::Sender<bool>);

/// A shutdown that has not begun, and its beginning.
#[must_use]
pub fn pair() -> (Ender, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Ender(sender), Shutdown(receiver))
}

impl Ender {
    /// Begins the end.
    pub fn end(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the end to begin.
    pub async fn begun(&self) {
        let mut receiver = self.0.clone();
        // Without an ender nothing goes on either.
        let _ = receiver.wait_for(|ended| *ended).await;
    }

    /// Waits so long, or until the end begins. Tells whether to go on.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(duration) => !self.has_begun(),
            () = self.begun() => false,
        }
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// Where the system lets nobody wait for signals.
pub async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
