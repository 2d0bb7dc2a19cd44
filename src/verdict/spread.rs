//! What several connections of one hop came to, in words.

use crate::observation::Observation;

/// Notes on connections from several source ports, or at the same time.
pub(super) fn notes(seen: &Observation) -> impl Iterator<Item = String> {
    let spread = seen.known.spread.filter(|spread| spread.opened > 0 && spread.opened < spread.of).map(|spread| {
        format!(
            "of {} connections from as many source ports {} opened: the way is shared out (ECMP, a \
                bundle of links, a balancer), and a part of it is dead",
            spread.of, spread.opened
        )
    });
    let answered = seen.known.answered.map(|answered| {
        format!(
            "of {} connections from as many source ports {} were answered, and on the others \
                nothing came back: a part of the way is dead, a device before the host opens \
                connections that the host does not take (a SYN proxy), or the service takes only \
                so many at a time",
            answered.of, answered.opened
        )
    });
    let limit = seen.known.limit.map(|limit| {
        format!(
            "of {} connections at the same time {} opened, and the others were rejected: the way \
                takes only so many from one address. It was tried again alone",
            limit.of, limit.opened
        )
    });
    spread.into_iter().chain(answered).chain(limit)
}
