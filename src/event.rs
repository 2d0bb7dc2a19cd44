//! The one vocabulary in which the engine speaks to all outputs.

use crate::result::HopResult;

/// Something happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The hops are known. Said again when a name turns out to have several addresses, and so
    /// several hops.
    RunStarted {
        /// How many there are.
        hops: usize,
    },
    /// A probe began.
    HopStarted {
        /// Id of the hop.
        hop: &'a str,
    },
    /// A probe ended and was judged. A deny hop may still change when the run ends.
    HopFinished {
        /// The result so far.
        result: &'a HopResult,
    },
    /// All probes ended.
    RunFinished,
}
