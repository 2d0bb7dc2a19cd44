//! A hop of a run, and what was seen of it so far.

use crate::observation::Observation;
use crate::plan::model::Hop;
use crate::verdict::{self, Judgement, Policy};
use std::net::IpAddr;
use std::sync::Arc;

/// A hop, and what was seen of it; nothing when it was not tested.
pub(super) struct Probed {
    pub hop: Arc<Hop>,
    pub seen: Option<Observation>,
}

impl Probed {
    pub fn judgement(&self, policy: Policy) -> Judgement {
        verdict::judge(&self.hop, self.seen.as_ref(), policy)
    }
}

/// The address that a hop was tried from.
pub(super) fn source(seen: Option<&Observation>) -> Option<IpAddr> {
    seen?.evidence.iter().find_map(|e| e.source).map(|s| s.ip())
}
