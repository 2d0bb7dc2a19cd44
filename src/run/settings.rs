//! How a run behaves.

use super::trace::TraceWhen;
use crate::verdict::Policy;

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Probes begun per second.
    pub rate: u32,
    /// Probes at a time.
    pub concurrency: usize,
    /// What the user asked for beyond the plan.
    pub policy: Policy,
    /// Only these hops, by their ids after names were looked up; empty means all of the plan.
    pub only: Vec<String>,
    /// Whether any 127/8 and ::1 address counts as this machine's (a lab on loopback).
    pub loopback_sources: bool,
    /// When the way to a destination is walked.
    pub trace: TraceWhen,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rate: RATE,
            concurrency: CONCURRENCY,
            policy: Policy::default(),
            only: Vec::new(),
            loopback_sources: false,
            trace: TraceWhen::default(),
        }
    }
}

/// Probes begun per second, unless said otherwise: a thousand dropped hops are known a second after
/// their deadline, and no firewall takes a thousand SYNs a second to one site for a flood.
pub const RATE: u32 = 1000;

/// Connections of range sweeps begun per second, all sweeps together, unless said otherwise: less
/// than what guards against SYN floods take for one (2000 SYNs a second to one host is a common
/// threshold, FortiGate's `tcp_syn_flood`).
pub const SWEEP_RATE: u32 = 1500;

/// Probes at a time, unless said otherwise. Most of their time they wait: those to a shut port for
/// the whole deadline.
pub const CONCURRENCY: usize = 1024;
