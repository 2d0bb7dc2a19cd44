//! A hop of a run with what was seen of it and what that means. Everything that is told of a run is
//! told from these; results are made of them last.

use super::probed::Probed;
use super::tested_by;
use crate::net::host::ThisHost;
use crate::observation::{Observation, Step};
use crate::plan::model::Hop;
use crate::result::HopResult;
use crate::verdict::Judgement;
use std::sync::Arc;

/// A hop, judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The hop.
    pub hop: Arc<Hop>,
    /// What was seen of it; nothing when it was not tested.
    pub seen: Option<Observation>,
    /// What that means.
    pub judgement: Judgement,
}

impl Judged {
    pub(super) fn new(probed: Probed, judgement: Judgement) -> Self {
        Judged { hop: probed.hop, seen: probed.seen, judgement }
    }

    /// Its steps; none when it was not tested.
    pub fn steps(&self) -> &[Step] {
        self.seen.as_ref().map_or(&[], |seen| &seen.steps)
    }

    /// As it stands in a result file, tested by this machine.
    pub fn result(self, this: &ThisHost) -> HopResult {
        let result = HopResult::new(&self.hop, self.seen.as_ref(), self.judgement);
        tested_by::signed(result, &self.hop, this)
    }
}
