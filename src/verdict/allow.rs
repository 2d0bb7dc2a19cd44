//! Hops that must be open.

use super::{AnsweredBy, Judgement, Policy, Verdict};
use crate::matrix::model::Protocol;
use crate::observation::{Initiator, Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::proto::challenge::{Claims, OWN_CERTIFICATE, ProofOutcome};
use crate::reason::Reason;

/// Clocks further apart than this are worth a note: Kerberos allows five minutes.
const CLOCK_NOTE_SECONDS: i64 = 120;

pub(super) fn judge(hop: &Hop, seen: &Observation, policy: Policy) -> Judgement {
    let notes = notes(hop, seen);
    let opinion = |verdict, reason, answered_by| Judgement { verdict, reason, answered_by, advice: None, notes: notes.clone() };
    // The product's own wish decides how bad it is: a hop that is not required warns.
    let failed = if hop.flow.required { Verdict::Fail } else { Verdict::Warn };

    if let Some((reason, answered_by)) = impostor(hop, seen) {
        return opinion(Verdict::Fail, reason, answered_by);
    }
    if let Some(step) = seen.first_failure() {
        let reason = step.reason.unwrap_or(Reason::NotTested);
        // A fault of this machine says nothing about the path.
        let verdict = if step.initiator == Some(Initiator::Local) { Verdict::Inconclusive } else { failed };
        return opinion(verdict, reason, who_failed(seen, reason));
    }
    let proved = proved(seen);
    let answered_by = match (proved, &seen.recognised) {
        (true, _) => AnsweredBy::StandIn,
        (false, Some(_)) => AnsweredBy::Service,
        (false, None) => AnsweredBy::Unproved,
    };
    if policy.require_proof && !proved {
        return opinion(Verdict::Fail, Reason::NotProved, answered_by);
    }
    if let Some((verdict, reason)) = certificate(seen, proved, failed) {
        return opinion(verdict, reason, answered_by);
    }
    // An RPC interface with several ports, some of them shut: a client may take any of them.
    if let Some(reason) = seen.steps.iter().filter(|s| s.step == StepKind::RpcPort && s.ok).find_map(|s| s.reason) {
        return opinion(Verdict::Warn, reason, answered_by);
    }
    if let Some(address) = hop.address
        && !hop.flow.networks.is_empty()
        && !hop.flow.networks.iter().any(|n| n.contains(&address))
    {
        return opinion(Verdict::Warn, Reason::AddressOutsideRanges, answered_by);
    }
    match (proved, hop.flow.protocol) {
        (true, _) => opinion(Verdict::Pass, Reason::Proved, answered_by),
        // An open port alone proves nobody: proxies and virus scanners open ports for hosts that are not there.
        (false, Protocol::Tcp) => opinion(Verdict::Inconclusive, Reason::NotProved, answered_by),
        (false, _) => opinion(Verdict::Pass, Reason::Answered, answered_by),
    }
}

/// Whether every connection on which a challenge was sent came back with a valid proof, and at least one was.
pub(super) fn proved(seen: &Observation) -> bool {
    let mut asked = seen.proofs.iter().filter(|p| **p != ProofOutcome::NotAsked).peekable();
    asked.peek().is_some() && asked.all(|p| matches!(p, ProofOutcome::Valid { .. }))
}

/// All valid proofs.
pub(super) fn claims(seen: &Observation) -> impl Iterator<Item = (&Claims, Option<bool>)> {
    seen.proofs.iter().filter_map(|p| match p {
        ProofOutcome::Valid { claims, same_tls_session } => Some((claims, *same_tls_session)),
        _ => None,
    })
}

/// Whether a proof came from the host behind the one that was connected to.
pub(super) fn came_through_relay(hop: &Hop, claims: &Claims) -> bool {
    hop.flow.relayed_to.as_ref().is_some_and(|behind| {
        behind.hosts.contains(&claims.host) && (claims.host != hop.to.host.label() || claims.local.port() != hop.port)
    })
}

/// Somebody answered who should not have: a bad proof, another listener, or a device inside the TLS session.
fn impostor(hop: &Hop, seen: &Observation) -> Option<(Reason, AnsweredBy)> {
    if seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Invalid { .. })) {
        return Some((Reason::ProofInvalid, AnsweredBy::Middlebox));
    }
    for (claims, same_tls_session) in claims(seen) {
        if came_through_relay(hop, claims) {
            continue;
        }
        let right_port = claims.local.port() == hop.port || hop.flow.protocol == Protocol::Rpc;
        if claims.host != hop.to.host.label() || !right_port {
            return Some((Reason::WrongListener, AnsweredBy::StandIn));
        }
        if same_tls_session == Some(false) {
            return Some((Reason::TlsIntercepted, AnsweredBy::Middlebox));
        }
    }
    None
}

fn who_failed(seen: &Observation, reason: Reason) -> AnsweredBy {
    match reason {
        Reason::BadGateway | Reason::HttpRedirected | Reason::TlsIntercepted | Reason::Http2NotCarried | Reason::GrpcBuffered => {
            AnsweredBy::Middlebox
        }
        _ if proved(seen) => AnsweredBy::StandIn,
        _ if seen.recognised.is_some() => AnsweredBy::Service,
        // A rung above the TCP handshake was climbed or answered: somebody is there.
        _ if seen.steps.iter().any(|s| s.ok && !matches!(s.step, StepKind::Resolve | StepKind::Connect)) => AnsweredBy::Unproved,
        _ => AnsweredBy::Nobody,
    }
}

/// What is wrong with a certificate, unless it is a stand-in's own: that one is made for the run, and its trust means nothing.
fn certificate(seen: &Observation, proved: bool, failed: Verdict) -> Option<(Verdict, Reason)> {
    let step = seen.steps.iter().find(|s| s.step == StepKind::Tls && s.ok && s.reason.is_some())?;
    let reason = step.reason?;
    if proved && claims(seen).any(|(c, _)| c.tls.as_ref().is_some_and(|t| t.own_certificate)) {
        return None;
    }
    if !proved && showed_own_certificate(seen) {
        return Some((Verdict::Warn, Reason::NotProved));
    }
    Some((failed, reason))
}

/// Whether the certificate shown is one that a listener made for itself, by what its subject says. Anybody can say so: good for doubt only.
pub(super) fn showed_own_certificate(seen: &Observation) -> bool {
    seen.steps.iter().any(|s| s.step == StepKind::Tls && text(s, "subject").contains(OWN_CERTIFICATE))
}

fn text<'a>(step: &'a Step, name: &str) -> &'a str {
    step.detail.get(name).and_then(|v| v.as_str()).unwrap_or_default()
}

fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes = Vec::new();
    for (claims, _) in claims(seen) {
        let source = seen.evidence.iter().filter_map(|e| e.source).find(|s| s.ip().to_canonical() != claims.peer.ip().to_canonical());
        if came_through_relay(hop, claims) {
            notes.push(format!("relayed to {} on port {}", claims.host, claims.local.port()));
        } else if let Some(source) = source {
            notes.push(format!("the source address is changed on the way: {} arrives as {}", source.ip(), claims.peer.ip()));
        }
        if claims.tls.as_ref().is_some_and(|t| t.own_certificate) {
            notes.push("the certificate is the stand-in's own: its trust is not judged".to_owned());
        }
        let apart = (claims.now.as_second() - seen.started.as_second()).abs();
        if apart > CLOCK_NOTE_SECONDS {
            notes.push(format!("the clocks of the two ends are {apart} s apart"));
        }
    }
    notes.extend(hop.flow.remark.clone());
    notes.extend(hop.flow.doubt.as_ref().map(|d| format!("doubtful row: {d}")));
    let mut seen_before = std::collections::BTreeSet::new();
    notes.retain(|n| seen_before.insert(n.clone()));
    notes
}
