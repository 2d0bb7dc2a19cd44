//! What can be read off an observation, whatever must be open or shut.

use crate::observation::{Initiator, Observation, Step};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::challenge::{Claims, ProofOutcome};
use crate::wire::sighting::Doubt;

/// The rung that decides why a hop failed. A fault of this machine must not hide what is wrong with
/// the way, nor what leaves it open what is certain.
pub(super) fn failed_step(seen: &Observation) -> Option<&Step> {
    let mut foreign =
        seen.steps.iter().filter(|s| !s.is_climbed() && s.initiator() != Some(Initiator::Local));
    let certain = foreign.clone().find(|s| !s.reason().is_some_and(leaves_open));
    certain.or_else(|| foreign.next()).or_else(|| seen.first_failure())
}

/// Whether a rung that ended so tells nothing of the way as it stands.
pub(super) fn leaves_open(reason: Reason) -> bool {
    matches!(reason, Reason::ChangedMeanwhile | Reason::RpcServerBusy)
}

/// Whether every connection on which a challenge was sent came back with a valid proof, and at
/// least one was.
pub(super) fn proved(seen: &Observation) -> bool {
    let mut asked = seen.proofs.iter().filter(|p| **p != ProofOutcome::NotAsked).peekable();
    asked.peek().is_some() && asked.all(|p| matches!(p, ProofOutcome::Valid { .. }))
}

/// Whether the site's own listener has the port that was tested: it said so in a proof, or when it was
/// asked about this very connection. The first it leaves out while it turns others away.
pub(super) fn listener_has_port(seen: &Observation) -> bool {
    let told = seen.sighting.as_ref();
    seen.known.listener_holds
        || told.is_some_and(|told| told.own && told.doubt != Some(Doubt::BeganLater))
}

/// All valid proofs.
pub(super) fn claims(seen: &Observation) -> impl Iterator<Item = (&Claims, Option<bool>)> {
    seen.proofs.iter().filter_map(|p| match p {
        ProofOutcome::Valid { claims, same_tls_session } => Some((claims, *same_tls_session)),
        _ => None,
    })
}

/// Whether somebody spoke a protocol to its end on a connection on which the key was asked for, and
/// did not prove himself.
pub(super) fn answered_without_proof(hop: &Hop, seen: &Observation) -> bool {
    let asked = seen.proofs.iter().any(|p| *p != ProofOutcome::NotAsked);
    let proved = seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. }));
    asked && !proved && failed_step(seen).is_none() && hop.proxy.is_none()
}

/// What is wrong with the address.
pub(super) fn address_note(hop: &Hop, seen: &Observation) -> Option<String> {
    let (misplaced, address) = (seen.misplaced?, hop.address?);
    Some(format!(
        "{address} is {}: no way to {} was tested",
        misplaced.words(),
        hop.to.host.label()
    ))
}

/// That a name has more addresses than are tried.
pub(super) fn left_out(hop: &Hop, seen: &Observation) -> Option<String> {
    let left_out = seen.steps.iter().map(|step| step.facts.resolve.left_out).max()?;
    let to = hop.to.host.label();
    (left_out > 0).then(|| format!("{to} has {left_out} more addresses, which are not tested"))
}
