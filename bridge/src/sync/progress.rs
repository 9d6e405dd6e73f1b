//! What a person sees of a back-fill: a line that moves on a terminal, else plain lines.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How many objects between two plain lines.
const PLAIN_EVERY: u64 = 1000;

/// The progress of one resource.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    name: &'static str,
    count: u64,
    said_at: u64,
}

impl Progress {
    /// Of a resource that begins now.
    #[must_use]
    pub(super) fn new(name: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:18} {pos:>9}  {per_sec}  {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(name);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, name, count: 0, said_at: 0 }
    }

    /// So many more.
    pub(super) fn add(&mut self, count: u64) {
        self.count += count;
        match &self.bar {
            Some(bar) => bar.set_position(self.count),
            None if self.count >= self.said_at + PLAIN_EVERY => {
                self.said_at = self.count;
                eprintln!("{}: {} so far", self.name, self.count);
            }
            None => {}
        }
    }

    /// It ended so.
    pub(super) fn end(self, how: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {} {how}", self.name, self.count);
    }
}
