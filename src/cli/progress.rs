//! Progress on standard error, for people at a terminal only.

use crate::event::Event;
use crate::net::sweep::Allowance;
use crate::verdict::Verdict;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

/// A bar that counts hops; silent where standard error is no terminal, or `NO_COLOR` is set.
pub struct Progress {
    bar: ProgressBar,
    failed: usize,
}

impl Progress {
    /// With no hops yet; `idle` is how long proved connections are held, and `sweeps` counts the
    /// ports of ranges.
    pub fn new(idle: Option<Duration>, sweeps: Option<Arc<Allowance>>) -> Self {
        let quiet = !std::io::stderr().is_terminal()
            || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} hops {wide_bar} {swept}{msg}")
        {
            let swept = move |_: &ProgressState, out: &mut dyn Write| {
                let _ = match sweeps.as_ref().map_or(0, |sweeps| sweeps.begun()) {
                    0 => Ok(()),
                    ports => write!(out, "{ports} tries of ports of ranges "),
                };
            };
            bar.set_style(style.with_key("swept", swept));
        }
        if let Some(span) = idle.and_then(|idle| jiff::SignedDuration::try_from(idle).ok()) {
            bar.set_message(format!("holding proved connections for {span:#}"));
        }
        Progress { bar, failed: 0 }
    }

    /// Takes note of what happened.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { hops } => {
                self.bar.set_length(u64::try_from(*hops).unwrap_or(u64::MAX));
                // A whole range takes many seconds at the ordinary rate, in which no hop ends. Not
                // before: a bar of no hops is a full one.
                self.bar.enable_steady_tick(Duration::from_secs(1));
            }
            Event::HopStarted { .. } => {}
            Event::HopFinished { verdict, .. } => {
                self.failed += usize::from(*verdict == Verdict::Fail);
                if self.failed > 0 {
                    self.bar.set_message(format!("{} failed", self.failed));
                }
                self.bar.inc(1);
            }
            Event::RunFinished => self.bar.finish_and_clear(),
        }
    }
}
