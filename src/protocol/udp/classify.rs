//! Nobody answers.

use crate::observation::Observation;
use crate::protocol::speaker::Said;

/// Nothing was said.
pub fn said(_seen: &Observation) -> Said<'_> {
    Said::default()
}
