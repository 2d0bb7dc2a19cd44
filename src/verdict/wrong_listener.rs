//! Who answered in the place of the one that was asked: another listener, or somebody who repeats
//! what others said.

use super::interception;
use super::judgement::AnsweredBy;
use super::reading::claims;
use super::relay;
use super::relay::Behind;
use crate::matrix::model::Protocol;
use crate::observation::facts::Proof;
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// Somebody answered who should not have: a bad proof, another listener, or a device inside the TLS
/// session.
pub(super) fn impostor(hop: &Hop, seen: &Observation) -> Option<(Reason, AnsweredBy)> {
    if seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Invalid { .. })) {
        return Some((Reason::ProofInvalid, AnsweredBy::Middlebox));
    }
    // Two listeners with one name and one key: the other one has the host's address.
    if seen.known.clone_at.is_some() || relay::two_of_one_name(seen).is_some() {
        return Some((Reason::WrongListener, AnsweredBy::StandIn));
    }
    // RPC has several connections: each must be proved by the port that it was made to, or one true
    // port could speak for a false one.
    if seen.steps.iter().any(answered_by_another_port) {
        return Some((Reason::WrongListener, AnsweredBy::StandIn));
    }
    for (claims, same_tls_session) in claims(seen) {
        match relay::behind(hop, claims) {
            Behind::Right => continue,
            Behind::AnotherPort => return Some((Reason::WrongListener, AnsweredBy::StandIn)),
            Behind::No => {}
        }
        let right_port = claims.local.port() == hop.port || hop.flow.protocol == Protocol::Rpc;
        if claims.host != hop.to.host.label() || !right_port || claims.misdirected {
            return Some((Reason::WrongListener, AnsweredBy::StandIn));
        }
        if interception::is_shown_by(same_tls_session) {
            return Some((Reason::TlsIntercepted, AnsweredBy::Middlebox));
        }
    }
    relay::proxy_protocol(seen).map(|_| (Reason::ProxyProtocol, AnsweredBy::Middlebox))
}

/// Whether a proof names another port than the one that its connection was made to. Only probes of
/// several ports note the latter.
fn answered_by_another_port(step: &Step) -> bool {
    let Proof { port, local, .. } = &*step.facts.proof;
    step.step == StepKind::Proof
        && step.is_climbed()
        && port.zip(*local).is_some_and(|(port, local)| port != local.port())
}
