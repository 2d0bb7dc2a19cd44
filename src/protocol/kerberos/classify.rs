//! What a KDC's refusal says of it.

use crate::observation::Observation;
use crate::protocol::greeting::classify::{greeted, said as greeting};
use crate::protocol::speaker::Said;

/// As of any greeting; and who asks a KDC for a ticket is refused when its clock is another one
/// (RFC 4120 section 3.1.3).
pub fn said(seen: &Observation) -> Said<'_> {
    let strict_clock_s = greeted(seen).and_then(|step| step.facts.clock_offset_s);
    Said { strict_clock_s, ..greeting(seen) }
}
