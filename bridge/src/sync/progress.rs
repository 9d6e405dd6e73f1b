//! The progress of a sync: a live line on a terminal, plain lines otherwise.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The number of objects between two plain lines.
const OBJECTS_PER_LINE: u64 = 1000;

/// The progress of one resource.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    name: &'static str,
    count: u64,
    printed_at: u64,
}

impl Progress {
    /// Starts the progress of a resource.
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
        Self { bar, name, count: 0, printed_at: 0 }
    }

    /// Adds the number of objects that were synced.
    pub(super) fn add(&mut self, count: u64) {
        self.count += count;
        match &self.bar {
            Some(bar) => bar.set_position(self.count),
            None if self.count >= self.printed_at + OBJECTS_PER_LINE => {
                self.printed_at = self.count;
                eprintln!("{}: {} so far", self.name, self.count);
            }
            None => {}
        }
    }

    /// Ends the progress, and prints the number of objects with `result`.
    pub(super) fn finish(self, result: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {} {result}", self.name, self.count);
    }
}
