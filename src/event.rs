//! The one vocabulary in which the engine speaks to all outputs. Events own what they say: they may
//! cross threads and machines.

use crate::verdict::Verdict;

/// Something happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The hops are known. Said again when a name turns out to have several addresses, and so
    /// several hops.
    RunStarted {
        /// How many there are.
        hops: usize,
    },
    /// A probe began.
    HopStarted {
        /// Id of the hop.
        hop: String,
    },
    /// A probe ended and was judged. A deny hop may still change when the run ends.
    HopFinished {
        /// Id of the hop.
        hop: String,
        /// How it stands so far.
        verdict: Verdict,
    },
    /// All probes ended.
    RunFinished,
}
