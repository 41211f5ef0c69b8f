//! A progress bar on a terminal, for runs that last.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// Marks on the bar.
const LENGTH: u64 = 1000;

/// A bar that appears once the run has lasted a while.
pub struct Progress {
    shown: bool,
    start: Instant,
    span: (f64, f64),
    /// Where decades begin to count, when the points to keep lie on a logarithmic grid.
    decades_from: Option<f64>,
    independent: String,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// For a run over `span`; silent when `quiet` or where standard error is no terminal. With `decades_from` every
    /// decade from there on is the same length of the bar.
    pub fn new(span: (f64, f64), decades_from: Option<f64>, independent: &str, quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let start = Instant::now();
        Progress { shown, start, span, decades_from, independent: independent.into(), bar: OnceLock::new() }
    }

    /// The run has reached `t`.
    pub fn reach(&self, t: f64) {
        if !self.shown || self.start.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::new(LENGTH);
            let open = self.span.1.is_infinite();
            let template = if open { "{elapsed}  {msg}" } else { "{bar:40} {percent:>3} %  {elapsed}  {msg}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let (from, to) = self.span;
        let part = match self.decades_from {
            Some(first) if to > first => (t / first).ln() / (to / first).ln(),
            _ => (t - from) / (to - from),
        };
        bar.set_position((part * LENGTH as f64).clamp(0.0, LENGTH as f64) as u64);
        bar.set_message(format!("{} = {t:.6}", self.independent));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
