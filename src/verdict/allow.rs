//! Hops that must be open.

use super::both_ends::{self, OtherEnd};
use super::expected::{self, Expected, Policy};
use super::greeting;
use super::judgement::{AnsweredBy, Judgement, Verdict};
use super::reading::{
    answered_without_proof, claims, failed_step, leaves_open, listener_has_port, proved,
};
use super::{
    certificate, clock, cloud, directory, http_status, interception, notes, relay, rpc, tls,
    wrong_listener,
};
use crate::matrix::model::{NameClass, Protocol};
use crate::observation::{Evidence, Initiator, Observation, StepKind};
use crate::plan::model::Hop;
use crate::protocol::list::ProofPlace;
use crate::protocol::speaker::Speaker;
use crate::reason::Reason;
use crate::wire::sighting::Arrived;

pub(super) fn judge(hop: &Hop, seen: &Observation, policy: Policy) -> Judgement {
    let notes = notes::notes(hop, seen);
    let opinion = |verdict, reason, answered_by| Judgement {
        notes: notes.clone(),
        ..Judgement::new(verdict, reason, answered_by)
    };
    // The product's own wish decides how bad it is: a hop that is not required warns, and so does
    // one to a service that was retired.
    let failed = if hop.flow.required && hop.class != Some(NameClass::Legacy) {
        Verdict::Fail
    } else {
        Verdict::Warn
    };

    let told = both_ends::told(hop, seen);
    let impostor = wrong_listener::impostor(hop, seen);
    // Whoever answers at such an address is not the host, unless that proves itself: one machine
    // may have two names.
    if let Some(misplaced) = seen.misplaced
        && !(misplaced.may_be_right()
            && impostor.is_none()
            && (proved(seen) || matches!(told, Some(OtherEnd::Arrived { .. }))))
    {
        return opinion(failed, Reason::AddressIsLocal, who_failed(seen, Reason::AddressIsLocal));
    }
    if let Some((reason, answered_by)) = impostor {
        return opinion(Verdict::Fail, reason, answered_by);
    }
    if seen.known.refused_here {
        return opinion(Verdict::Inconclusive, Reason::LocalPermission, AnsweredBy::Nobody);
    }
    if let Some((verdict, reason, answered_by)) = rpc::impostor(hop, seen) {
        return opinion(verdict, reason, answered_by);
    }
    if let Some((verdict, reason, answered_by)) = by_both_ends(told.as_ref(), failed) {
        return opinion(verdict, reason, answered_by);
    }
    // The site's own listener has this port, and would have proved itself: whoever answered to the
    // end without a proof is somebody else. Who answered with an error has said more of himself.
    let heard = told == Some(OtherEnd::Arrived { proved: true });
    let without_proof = (listener_has_port(seen) || never_came_behind(hop, seen))
        && !heard
        && answered_without_proof(hop, seen);
    if without_proof || (listener_has_port(seen) && greeting::is_of_another(hop, seen)) {
        return opinion(Verdict::Fail, Reason::AnsweredByMiddlebox, AnsweredBy::Middlebox);
    }
    if interception::opens_cloud_sessions(hop, seen) {
        return opinion(failed, Reason::TlsIntercepted, AnsweredBy::Middlebox);
    }
    // A listener whose clock is days off answers as a stranger's: with an error, or as a directory
    // that is none.
    let hidden = clock::hides_proof(seen).filter(|_| !names_service(seen));
    if let Some(step) = failed_step(seen) {
        let reason = step.reason().unwrap_or(Reason::NotTested);
        if hidden.is_some() && strangers_answer(reason) {
            return opinion(Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved);
        }
        if seen.known.shut_out {
            let who = who_failed(seen, reason);
            return opinion(Verdict::Inconclusive, Reason::ChangedMeanwhile, who);
        }
        // A fault of this machine says nothing about the path. Where no DNS server answers, nothing
        // was learnt of a name that is the same everywhere: this machine is offline, or its DNS is.
        let unknown = step.initiator() == Some(Initiator::Local)
            || (hop.class.is_some() && hop.proxy.is_none() && reason == Reason::DnsTimedOut)
            || leaves_open(reason)
            || tls::is_unknown(reason);
        let verdict = if unknown { Verdict::Inconclusive } else { failed };
        if hop.class == Some(NameClass::Legacy)
            && hop.proxy.is_none()
            && verdict != Verdict::Inconclusive
            && matches!(reason, Reason::NameNotFound | Reason::NameNoAddress)
        {
            return opinion(Verdict::Pass, Reason::Retired, AnsweredBy::Nobody);
        }
        return opinion(verdict, reason, who_failed(seen, reason));
    }
    if relay::another_path(hop, seen).is_some() {
        return opinion(failed, Reason::WrongListener, AnsweredBy::StandIn);
    }
    // The listener saw this very connection arrive, and said so on another that it proved: as good
    // as a proof on this one. Its answer to a challenge is not, unless a front that the plan knows
    // may take it out: whoever keeps a proof from coming back has something to hide.
    let proved = proved(seen)
        || (heard && hop.flow.relayed_to.is_some())
        || (told == Some(OtherEnd::Arrived { proved: false })
            && is_told_by_word(hop.flow.protocol, seen));
    let answered_by = match proved {
        true => AnsweredBy::StandIn,
        false if names_service(seen) || (hop.class.is_some() && certificate::is_public(seen)) => {
            AnsweredBy::Service
        }
        false => AnsweredBy::Unproved,
    };
    let another = expected::another(policy.expected, answered_by, failed);
    if let Some((verdict, reason)) = another.filter(|_| policy.expected == Expected::StandIn) {
        return opinion(verdict, reason, answered_by);
    }
    // Of a certificate that everybody trusts it does not matter on which machine it is shown.
    let elsewhere = seen.known.at_host == Some(false) && !certificate::is_public(seen);
    // That it opens there shows of a way that ends what is said on it no more than that.
    let cut_off = seen.known.cut_off.is_some();
    let is_kept_back = heard || (hop.flow.relayed_to.is_some() && came_unmarked(seen));
    if ((hidden.is_some() || elsewhere || is_kept_back) && !proved)
        || cut_off
        || seen.known.at_other_host.is_some()
    {
        return opinion(Verdict::Inconclusive, Reason::NotProved, answered_by);
    }
    let own = answered(hop, seen, proved, failed);
    let (verdict, reason) =
        by_addresses(hop, seen, policy).filter(|_| proved && is_good(own)).unwrap_or(own);
    // What is worse than another one answering stays what it is.
    match another.filter(|_| verdict <= Verdict::Warn) {
        Some((verdict, reason)) => opinion(verdict, reason, answered_by),
        None => opinion(verdict, reason, answered_by),
    }
}

fn is_good((verdict, reason): (Verdict, Reason)) -> bool {
    verdict == Verdict::Pass || (verdict, reason) == (Verdict::Warn, Reason::Retried)
}

/// Who proved himself may be behind somebody whom nobody planned. A proof that is required is one of
/// the way, too.
fn by_addresses(hop: &Hop, seen: &Observation, policy: Policy) -> Option<(Verdict, Reason)> {
    let is_required = policy.expected == Expected::StandIn;
    let verdict = if is_required { Verdict::Fail } else { Verdict::Warn };
    (!hop.translated && relay::changes_both_addresses(hop, seen))
        .then_some((verdict, Reason::AddressesChanged))
}

/// Whether the listener's word about a connection is as good as a proof on it: nothing on it could
/// have been a proof, and what was said here is what was answered there. Inside TLS somebody else
/// may have taken it.
fn is_told_by_word(protocol: Protocol, seen: &Observation) -> bool {
    let answered = seen.sighting.iter().flat_map(|sighting| &sighting.answered);
    let is_heard = seen.said.as_ref().is_none_or(|said| answered.clone().any(|tag| tag == said));
    protocol.proof() == ProofPlace::Beside && !protocol.is_tls() && is_heard
}

/// What is certain as soon as the other end's view is known.
fn by_both_ends(told: Option<&OtherEnd>, failed: Verdict) -> Option<(Verdict, Reason, AnsweredBy)> {
    match told? {
        OtherEnd::Changed(_) | OtherEnd::Forgotten => {
            Some((Verdict::Inconclusive, Reason::NotTested, AnsweredBy::Nobody))
        }
        OtherEnd::NeverArrived => {
            Some((Verdict::Fail, Reason::AnsweredByMiddlebox, AnsweredBy::Middlebox))
        }
        OtherEnd::ReplyLost => Some((failed, Reason::ReplyLost, AnsweredBy::Nobody)),
        OtherEnd::Rejected { .. } => Some((failed, Reason::Rejected, AnsweredBy::Nobody)),
        OtherEnd::OnlyBegan => Some((failed, Reason::SilentAfterConnect, AnsweredBy::Nobody)),
        // The listener's own limit says nothing about the way; its list of networks is a filter
        // like any other.
        OtherEnd::TurnedAway { not_allowed: false } => {
            Some((Verdict::Inconclusive, Reason::NotTested, AnsweredBy::StandIn))
        }
        OtherEnd::TurnedAway { not_allowed: true }
        | OtherEnd::Arrived { .. }
        | OtherEnd::QueueFull => None,
    }
}

/// How a hop stands that was climbed to its end. What another hop showed of the host there makes it
/// worse, and never better.
fn answered(hop: &Hop, seen: &Observation, proved: bool, failed: Verdict) -> (Verdict, Reason) {
    let own = by_itself(hop, seen, proved, failed);
    let of_host =
        seen.known.stranger.as_ref().filter(|_| !proved).map(|(reason, _)| match reason {
            // Of another listener's host, this one says nothing.
            Reason::WrongListener => (Verdict::Inconclusive, Reason::NotProved),
            // What a directory of another name does, it warns of on every hop to it.
            reason => (Verdict::Warn, *reason),
        });
    of_host.filter(|(verdict, _)| *verdict > own.0).unwrap_or(own)
}

/// The same, by what was seen on it alone.
fn by_itself(hop: &Hop, seen: &Observation, proved: bool, failed: Verdict) -> (Verdict, Reason) {
    let found = certificate::judge(hop, seen, proved, failed)
        .or_else(|| directory::judge(hop, seen, proved, failed));
    if let Some(found) = found {
        return found;
    }
    if !proved && http_status::doubt(hop, seen).is_some() {
        return (Verdict::Inconclusive, Reason::NotProved);
    }
    if let Some(found) = rpc::judge(hop, seen) {
        return found;
    }
    if let Some(reason) = seen
        .steps
        .iter()
        .filter(|s| s.is_climbed() && s.step != StepKind::Tls)
        .find_map(|s| s.reason())
    {
        // Climbed, but not by every way that a client may take: one of several ports of an RPC
        // interface is blocked.
        return (Verdict::Warn, reason);
    }
    if hop.address.is_some_and(|address| cloud::is_outside(hop, address)) {
        return (Verdict::Warn, Reason::AddressOutsideRanges);
    }
    // A second source port decides: some of them get through, and others do not.
    let shared_out =
        seen.known.spread.is_some_and(|spread| spread.opened > 0 && spread.opened < spread.of);
    let retried = shared_out
        || seen.known.answered.is_some()
        || seen.known.limit.is_some()
        || seen.evidence.iter().any(Evidence::needed_another_try);
    let speaker = greeting::speaker(hop, seen);
    match (proved, hop.flow.protocol) {
        // An open port alone proves nobody: proxies and virus scanners open ports for hosts that
        // are not there. Nor does a stand-in's greeting, which anybody can give.
        (false, Protocol::Tcp) if speaker != Speaker::Service => {
            (Verdict::Inconclusive, Reason::NotProved)
        }
        _ if retried => (Verdict::Warn, Reason::Retried),
        (true, _) => (Verdict::Pass, Reason::Proved),
        (false, _) if speaker == Speaker::StandIn => (Verdict::Inconclusive, Reason::NotProved),
        (false, _) => (Verdict::Pass, Reason::Answered),
    }
}

/// Whether a listener answers like this who does not know the one that asks.
fn strangers_answer(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::HttpStatus
            | Reason::GrpcFailed
            | Reason::LdapRefused
            | Reason::RpcNotRegistered
            | Reason::RpcBindRejected
    )
}

/// Whether every host behind the front has a listener that remembers all its requests, and none of
/// this hop came to any of them.
fn never_came_behind(hop: &Hop, seen: &Observation) -> bool {
    hop.flow.relayed_to.is_some() && seen.known.arrived.is_some_and(Arrived::is_nothing)
}

/// Whether somebody asked behind the front for this hop's path, and nothing says that it was for this
/// hop: anybody can do that.
fn came_unmarked(seen: &Observation) -> bool {
    seen.known.arrived.is_some_and(|came| came.proved + came.marked == 0 && !came.is_nothing())
}

/// Whether a product named itself that can be the service. One that only passes on what others say
/// names nobody but itself.
fn names_service(seen: &Observation) -> bool {
    seen.recognised.is_some() && !seen.only_fronts
}

fn who_failed(seen: &Observation, reason: Reason) -> AnsweredBy {
    let own_https = || seen.first_failure().is_some_and(|s| s.facts.http.own_https);
    match reason {
        Reason::HttpRedirected if own_https() => AnsweredBy::Unproved,
        Reason::AnsweredByMiddlebox
        | Reason::BadGateway
        | Reason::ProxyRefused
        | Reason::ProxyAuthentication
        | Reason::HttpRedirected
        | Reason::TlsIntercepted
        | Reason::Http2NotCarried
        | Reason::GrpcBuffered => AnsweredBy::Middlebox,
        _ if proved(seen) || (!seen.spread.is_empty() && claims(seen).next().is_some()) => {
            AnsweredBy::StandIn
        }
        _ if names_service(seen) => AnsweredBy::Service,
        // Whoever speaks another protocol, or answers with a status, is there.
        Reason::TlsNotSpoken
        | Reason::TlsHandshakeFailed
        | Reason::TlsNotSupportedHere
        | Reason::ClientCertificateWanted
        | Reason::GreetingNotSpoken
        | Reason::HttpNotSpoken
        | Reason::HttpStatus
        | Reason::Http2NotOffered
        | Reason::LdapNotSpoken
        | Reason::LdapRefused
        | Reason::RpcNotSpoken
        | Reason::RpcBindRejected
        | Reason::RpcAccessDenied
        | Reason::RpcServerBusy => AnsweredBy::Unproved,
        // A rung above the TCP handshake was climbed or answered: somebody is there.
        _ if seen.steps.iter().any(|s| {
            s.is_climbed() && !matches!(s.step, StepKind::Resolve | StepKind::Connect)
        }) =>
        {
            AnsweredBy::Unproved
        }
        _ => AnsweredBy::Nobody,
    }
}
