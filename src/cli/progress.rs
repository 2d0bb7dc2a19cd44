//! Progress on standard error, for people at a terminal only.

use crate::event::Event;
use crate::verdict::Verdict;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

/// A bar that counts hops; silent where standard error is no terminal, or `NO_COLOR` is set.
pub struct Progress {
    bar: ProgressBar,
    failed: usize,
}

impl Progress {
    /// With no hops yet; `idle` is how long proved connections are held.
    pub fn new(idle: Option<std::time::Duration>) -> Self {
        let quiet = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let bar = ProgressBar::with_draw_target(Some(0), if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} hops {wide_bar} {msg}") {
            bar.set_style(style);
        }
        if let Some(span) = idle.and_then(|idle| jiff::SignedDuration::try_from(idle).ok()) {
            bar.set_message(format!("holding proved connections for {span:#}"));
            bar.enable_steady_tick(std::time::Duration::from_secs(1));
        }
        Progress { bar, failed: 0 }
    }

    /// Takes note of what happened.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::RunStarted { hops } => self.bar.set_length(u64::try_from(*hops).unwrap_or(u64::MAX)),
            Event::HopStarted { .. } => {}
            Event::HopFinished { result } => {
                self.failed += usize::from(result.verdict == Verdict::Fail);
                if self.failed > 0 {
                    self.bar.set_message(format!("{} failed", self.failed));
                }
                self.bar.inc(1);
            }
            Event::RunFinished => self.bar.finish_and_clear(),
        }
    }
}
