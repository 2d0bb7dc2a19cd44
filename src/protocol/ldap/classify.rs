//! What a directory says of itself.

use crate::observation::{Observation, Step, StepKind};
use crate::protocol::speaker::Said;

/// Its clock is that of a domain, and so that of Kerberos.
pub fn said(seen: &Observation) -> Said<'_> {
    let strict_clock_s = told(seen).and_then(|step| step.facts.clock_offset_s);
    Said { strict_clock_s, ..Said::default() }
}

/// The rung on which a directory told of itself: on the connection's last one, inside TLS where
/// there is TLS.
pub fn told(seen: &Observation) -> Option<&Step> {
    seen.steps
        .iter()
        .rev()
        .find(|s| s.is_climbed() && s.step == StepKind::Ldap && s.facts.ldap.entries.is_some())
}
