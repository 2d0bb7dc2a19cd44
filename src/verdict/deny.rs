//! Hops that must be shut. Shut for the right reason, and with a way beside it that is open: a
//! cable that is pulled out denies everything.

use super::both_ends::{self, OtherEnd};
use super::certificate::showed_own;
use super::judgement::{AnsweredBy, Judgement, Verdict};
use super::reading::{address_note, answered_without_proof, claims, listener_has_port, proved};
use super::relay::{self, Behind, came_through_relay};
use crate::observation::facts::{Http, RefusedBy};
use crate::observation::{Evidence, Initiator, Observation, Shots, StepKind};
use crate::plan::model::Hop;
use crate::protocol::http::codec::status;
use crate::reason::Reason;
use crate::wire::challenge::{Claims, ProofOutcome};
use crate::wire::sighting::{Arrived, Doubt};
use std::net::SocketAddr;

/// Reasons that fit a rule at work. A plain `refused` does not: a host where nobody listens today
/// refuses as well. Nor does `reply-lost`: what was to be shut out arrives, and only the answer is
/// lost.
pub(super) const FITTING: &[Reason] = &[
    Reason::TimedOut,
    Reason::Rejected,
    Reason::AdminProhibited,
    Reason::NetUnreachable,
    Reason::HostUnreachable,
    Reason::PortUnreachable,
];

/// How a connection ends that a filter cuts off, once it is open. So does one to a service that was
/// asked in another protocol than its own: it fits only where the site's own listener has the port,
/// saw the connection, and would have answered.
pub(super) const CUT_OFF: &[Reason] =
    &[Reason::ResetAfterConnect, Reason::ClosedAfterConnect, Reason::SilentAfterConnect];

/// Ports that are named in a note.
const MOST_PORTS: usize = 8;

/// Our own listener refuses every path that the plan does not name, whatever the real front will
/// do.
const STAND_IN_REFUSED: &str = "a stand-in answered in the place of the front: the path rule can \
    be tested once the real one is there";

pub(super) fn judge(hop: &Hop, seen: &Observation) -> Judgement {
    if let Some(note) = address_note(hop, seen) {
        return otherwise(AnsweredBy::Nobody, &note);
    }
    if let Some((claims, _)) = claims(seen).next() {
        return answered_with_proof(hop, seen, claims);
    }
    let told = both_ends::told(hop, seen);
    let judgement =
        by_both_ends(hop, seen, told).or_else(|| by_status(hop, seen)).unwrap_or_else(|| {
            if hop.flow.relayed_to.is_some() { by_front(seen) } else { by_connection(seen, told) }
        });
    // What is open without its range is open.
    let is_shut = judgement.reason == Reason::Denied;
    by_range(hop, seen)
        .filter(|range| is_shut || range.verdict == Verdict::Fail)
        .unwrap_or(judgement)
}

/// By the row's own dynamic range, which must be shut as well: some ports of it are tried where the
/// mapper is. `None` where they are as a rule leaves them.
fn by_range(hop: &Hop, seen: &Observation) -> Option<Judgement> {
    hop.flow.options.range()?;
    let range = &seen.first_failure()?.facts.range;
    let Some(tried) = range.range_tried else {
        let note = "nothing of the dynamic range was tried: that its mapper is shut shows nothing \
            of it";
        return Some(otherwise(AnsweredBy::Nobody, note));
    };
    let open_ports: Vec<String> = range.range_open.iter().map(ToString::to_string).collect();
    let of = format!("of {tried} ports of the dynamic range that were tried");
    if !open_ports.is_empty() {
        let more = if open_ports.len() > MOST_PORTS { ", …" } else { "" };
        let shown = open_ports[..open_ports.len().min(MOST_PORTS)].join(", ");
        let note = format!("{of} {} are open ({shown}{more})", open_ports.len());
        return Some(open(AnsweredBy::Unproved, &note));
    }
    // Whatever is no rule's doing, or nobody understands, is not shut by one.
    let odd: Vec<String> = range
        .range_ended
        .iter()
        .filter(|(reason, _)| !FITTING.contains(reason))
        .map(|(reason, count)| format!("{count} ended with {reason}"))
        .collect();
    let note = format!("{of} {}: that shows no rule", odd.join(", "));
    (!odd.is_empty()).then(|| otherwise(AnsweredBy::Nobody, &note))
}

pub(super) fn opinion(
    verdict: Verdict,
    reason: Reason,
    answered_by: AnsweredBy,
    note: &str,
) -> Judgement {
    let notes = if note.is_empty() { Vec::new() } else { vec![note.to_owned()] };
    Judgement { notes, ..Judgement::new(verdict, reason, answered_by) }
}

fn open(answered_by: AnsweredBy, note: &str) -> Judgement {
    opinion(Verdict::Fail, Reason::UnexpectedlyOpen, answered_by, note)
}

/// Shut, and no rule of the way is seen that does it.
pub(super) fn otherwise(answered_by: AnsweredBy, note: &str) -> Judgement {
    opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, answered_by, note)
}

/// Shut, as far as this hop alone tells.
fn shut(answered_by: AnsweredBy, note: &str) -> Judgement {
    opinion(Verdict::Inconclusive, Reason::Denied, answered_by, note)
}

/// The last HTTP answer.
fn last_http(seen: &Observation) -> Option<&Http> {
    seen.steps.iter().rev().find(|s| s.step == StepKind::Http).map(|s| &*s.facts.http)
}

/// Whether an answer may be that of a listener whose proof was taken out on the way: a few octets
/// of plain text.
fn may_be_stand_in(seen: &Observation) -> bool {
    last_http(seen).is_some_and(|http| {
        http.content_type.as_ref().is_some_and(|words| words.starts_with("text/plain"))
            && http.body_octets.is_some_and(|octets| octets <= 16)
    })
}

/// The last HTTP status that came.
pub(super) fn status(seen: &Observation) -> Option<u16> {
    last_http(seen)?.status
}

/// Who refused a path, as far as other paths tell.
pub(super) fn refused_by(seen: &Observation) -> Option<RefusedBy> {
    last_http(seen)?.refused_by
}

/// A listener of the site proved itself. On a path rule the front itself must refuse: our own
/// listener in the front's place refuses every path that the plan does not name, which says nothing
/// of the front that will stand there.
fn answered_with_proof(hop: &Hop, seen: &Observation, claims: &Claims) -> Judgement {
    let relayed = came_through_relay(hop, claims);
    // No front makes its own connections from here.
    if relay::behind(hop, claims) == Behind::AnotherPort && came_from_here(seen, claims) {
        let note = format!(
            "what is meant for the front is led straight to port {} of {}: the front never came to \
                see the path",
            claims.local.port(),
            claims.host
        );
        return otherwise(AnsweredBy::StandIn, &note);
    }
    if hop.flow.relayed_to.is_some() && !relayed && status(seen).is_some_and(status::is_refusing) {
        return otherwise(AnsweredBy::StandIn, STAND_IN_REFUSED);
    }
    open(AnsweredBy::StandIn, "a listener behind it was reached and proved it")
}

/// Whether the other end saw a connection from the very address and port that one was made from.
fn came_from_here(seen: &Observation, claims: &Claims) -> bool {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    seen.evidence.iter().any(|e| e.source.map(plain) == Some(plain(claims.peer)))
}

/// By what this machine and the other end know of it.
fn by_both_ends(hop: &Hop, seen: &Observation, told: Option<OtherEnd>) -> Option<Judgement> {
    if seen.known.refused_here {
        return Some(otherwise(
            AnsweredBy::Nobody,
            "shut by this machine's own rules, which says nothing of the way",
        ));
    }
    let arrived = seen.known.arrived.unwrap_or_default();
    if arrived.proved > 0 || arrived.marked > 0 {
        return Some(open(
            AnsweredBy::StandIn,
            "its requests arrived at the listener, which says so",
        ));
    }
    if arrived.path > 0 && status(seen).is_some_and(status::is_refusing) {
        let note = "requests for this path arrive at the host behind the front; whether this one \
            did, nobody can tell";
        return Some(otherwise(AnsweredBy::Unproved, note));
    }
    if seen.known.perhaps_refused_here {
        let note = "this machine's own rules stop other ways, and it was not looked at whether \
            they stop this one";
        return Some(otherwise(AnsweredBy::Nobody, note));
    }
    // The listener has the port, and would have proved itself: it was not the one that answered.
    let another = told.is_none()
        && hop.flow.relayed_to.is_none()
        && listener_has_port(seen)
        && answered_without_proof(hop, seen);
    if another && !may_be_stand_in(seen) {
        let note = "a device on the way answers in the place of the host, whose listener has the \
            port and would have proved itself: what it lets through, nobody knows";
        return Some(otherwise(AnsweredBy::Middlebox, note));
    }
    Some(match told? {
        OtherEnd::NeverArrived => {
            let note = "a device on the way takes the connection in the place of the host, which \
                saw nothing of it: what it lets through, nobody knows";
            otherwise(AnsweredBy::Middlebox, note)
        }
        OtherEnd::Arrived { proved: true } => {
            open(AnsweredBy::StandIn, "what is sent arrives at the host, which answered it")
        }
        OtherEnd::TurnedAway { not_allowed: true } => otherwise(
            AnsweredBy::StandIn,
            "shut by the list of networks of the host's own listener, which says nothing of the \
                way",
        ),
        // Its limits say nothing about the way, and how it would have gone on, nobody knows.
        OtherEnd::TurnedAway { not_allowed: false } => otherwise(
            AnsweredBy::StandIn,
            "the connection arrived at the host's own listener, which had as many as it takes",
        ),
        OtherEnd::OnlyBegan
        | OtherEnd::Rejected { arrived: true }
        | OtherEnd::ReplyLost
        | OtherEnd::QueueFull => {
            let note = "what was to be shut out arrives at the host; only what follows, or its \
                answer, is lost";
            otherwise(AnsweredBy::Nobody, note)
        }
        OtherEnd::Changed(_) => otherwise(
            AnsweredBy::Nobody,
            "the listener was not there all the time, so that nothing shows a rule",
        ),
        OtherEnd::Forgotten => otherwise(
            AnsweredBy::Nobody,
            "the host's own listener has the port, and too much came at that time: it cannot tell \
                whether it ended the connection itself",
        ),
        OtherEnd::Rejected { arrived: false } | OtherEnd::Arrived { proved: false } => {
            return hop.flow.relayed_to.is_some().then(|| no_path_asked(seen));
        }
    })
}

/// By the HTTP answer of somebody who did not prove himself.
fn by_status(hop: &Hop, seen: &Observation) -> Option<Judgement> {
    let status = status(seen)?;
    // Without a key nothing proves who refused; a certificate that a listener made for itself says
    // that it was no front.
    let not_asked = seen.proofs.iter().all(|p| *p == ProofOutcome::NotAsked);
    if status::is_refusing(status) && not_asked && showed_own(seen) {
        return Some(otherwise(AnsweredBy::Unproved, STAND_IN_REFUSED));
    }
    Some(match &hop.flow.relayed_to {
        // Only a front refuses on behalf of the host behind it. Elsewhere it may be the host itself
        // that answers so, on an open port.
        None if status::is_refusing(status) => otherwise(
            AnsweredBy::Unproved,
            &format!(
                "something answers HTTP there (status {status}): no rule is seen that shuts the way"
            ),
        ),
        Some(_) if status::is_refusing(status) => by_refusal(seen, status),
        // It may be its way to refuse, or a sign-in that opens the path to whoever signs in.
        Some(_) if status < 400 && seen.known.arrived.is_some_and(Arrived::is_nothing) => {
            let note = format!(
                "answered with HTTP status {status} by the front itself: nothing arrived behind \
                    it, and it refuses nothing in so many words"
            );
            otherwise(AnsweredBy::Unproved, &note)
        }
        Some(_) if leads_elsewhere(seen) => {
            let note = format!(
                "sent elsewhere with HTTP status {status}: by the front, or by what is behind it; \
                    nothing tells which"
            );
            otherwise(AnsweredBy::Unproved, &note)
        }
        _ if status < 400 => {
            open(AnsweredBy::Unproved, &format!("answered with HTTP status {status}"))
        }
        _ => otherwise(AnsweredBy::Unproved, &format!("answered with HTTP status {status}")),
    })
}

/// Who refused a path: the front itself, or whoever it passed the request on to.
fn by_refusal(seen: &Observation, status: u16) -> Judgement {
    let nothing_arrived = seen.known.arrived.is_some_and(Arrived::is_nothing);
    let elsewhere = seen.known.arrived.is_some_and(|arrived| arrived.elsewhere > 0);
    let refused = format!("refused with HTTP status {status}");
    let unproved = |note: &str| otherwise(AnsweredBy::Unproved, &format!("{refused} {note}"));
    if refused_alone(seen) {
        return unproved(
            "alone: a path below it is answered otherwise, so that the rule is not for what begins \
                with it",
        );
    }
    match refused_by(seen) {
        Some(RefusedBy::StandIn) => unproved(
            "in the words of a listener that did not prove itself to this key and clock: the front \
                passed the request on",
        ),
        // Whoever names himself is behind the front, be it another host than the plan's.
        _ if seen.recognised.is_some() && !seen.only_fronts => {
            let product = seen.recognised.as_deref().unwrap_or_default();
            let note =
                format!("{refused} by {product}, which is no front: the request was passed on");
            otherwise(AnsweredBy::Service, &note)
        }
        Some(RefusedBy::Front) if elsewhere => unproved(
            "in a front's words, while requests that nobody else makes arrived behind it under \
                another path: this one may be among them",
        ),
        Some(RefusedBy::Front) => shut(AnsweredBy::Unproved, &refused),
        // A page that fronts make may be drawn in the place of what the service said.
        _ if nothing_arrived && is_front_page(seen) => shut(AnsweredBy::Unproved, &refused),
        _ if nothing_arrived => unproved(
            "and nothing arrived at the ports of the plan: by the front, or by another port or \
                host behind it that is none of the plan's. Nothing names who made the page",
        ),
        Some(RefusedBy::Service) => unproved(
            "just as a path below one that the front passes on, which cannot be there: the service \
                behind the front may have refused it",
        ),
        _ => unproved("by the front, or by the service behind it; nothing tells which"),
    }
}

/// Whether the refusal is a page that fronts make, or no page at all.
fn is_front_page(seen: &Observation) -> bool {
    last_http(seen).is_some_and(|step| step.front_page)
}

/// Whether a path below the refused one was answered otherwise.
pub(super) fn refused_alone(seen: &Observation) -> bool {
    last_http(seen).is_some_and(|step| step.refused_alone.is_some())
}

/// Whether an answer leads to another host.
fn leads_elsewhere(seen: &Observation) -> bool {
    last_http(seen).is_some_and(|step| step.leads_elsewhere)
}

/// A front that took the request and ended the connection without a word (nginx's `return 444`, an
/// application firewall), while the listener behind it says that nothing came, has refused the
/// path.
fn by_front(seen: &Observation) -> Judgement {
    let ended = seen.first_failure().filter(|s| s.step == StepKind::Http).and_then(|s| s.reason());
    match ended {
        Some(reason @ (Reason::ClosedAfterConnect | Reason::ResetAfterConnect))
            if seen.known.arrived.is_some_and(Arrived::is_nothing) =>
        {
            shut(
                AnsweredBy::Unproved,
                &format!(
                    "the front ends the connection without an answer ({reason}), and passes \
                        nothing on"
                ),
            )
        }
        _ => no_path_asked(seen),
    }
}

/// A path rule can only be seen where a path was asked for.
fn no_path_asked(seen: &Observation) -> Judgement {
    let reason = seen.first_failure().and_then(|s| s.reason()).unwrap_or(Reason::NotTested);
    otherwise(
        AnsweredBy::Nobody,
        &format!("the front never came to see the path ({reason}): its rule is not tested"),
    )
}

/// By how the connection ended.
fn by_connection(seen: &Observation, told: Option<OtherEnd>) -> Judgement {
    let Some(step) = seen.first_failure() else { return open(AnsweredBy::Unproved, "") };
    let reason = told.and_then(OtherEnd::reason).or(step.reason()).unwrap_or(Reason::NotTested);
    let opened = seen.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect)
        || reason == Reason::ResetAfterConnect;
    let arrived = told == Some(OtherEnd::Arrived { proved: false });
    // What this machine did to itself shows no rule, whatever it looks like; nor does a loop of
    // routers.
    if FITTING.contains(&reason)
        && !is_lost_on_the_way(seen)
        && step.initiator() != Some(Initiator::Local)
    {
        let judged = shut(AnsweredBy::Nobody, &format!("shut: {reason}"));
        Judgement { shut_by: Some(reason), ..judged }
    } else if proved(seen) {
        open(AnsweredBy::StandIn, "")
    } else if reason == Reason::Refused {
        let note = "refused, as a host does on whose port nobody listens: that is no rule. Run a \
            listener there and test again";
        otherwise(AnsweredBy::Nobody, note)
    } else if reason == Reason::AnsweredByMiddlebox {
        otherwise(
            AnsweredBy::Middlebox,
            "a device on the way takes the connection in the place of the host, and lets nothing \
                through that was seen",
        )
    } else if reason == Reason::SilentAfterConnect && arrived {
        open(
            AnsweredBy::StandIn,
            "the connection opens at the host; what is sent on it, or its answer, is lost",
        )
    } else if opened && reason == Reason::SilentAfterConnect && listener_has_port(seen) {
        otherwise(
            AnsweredBy::Nobody,
            "the connection opens, and nothing that is sent on it is answered, though a listener \
                has the port",
        )
    } else if opened
        && reason != Reason::SilentAfterConnect
        && CUT_OFF.contains(&reason)
        && (arrived || told.is_none())
    {
        match told {
            Some(_) => shut(AnsweredBy::Nobody, &format!("cut off: {reason}")),
            None => otherwise(
                AnsweredBy::Nobody,
                &format!(
                    "the connection opens and is then ended ({reason}): by a device on the way, or \
                        by the service that was reached; nothing tells which"
                ),
            ),
        }
    } else if opened {
        open(
            AnsweredBy::Unproved,
            &format!("the port is open; what answered there: {}", reason.summary()),
        )
    } else {
        otherwise(AnsweredBy::Nobody, &format!("not reached: {reason}"))
    }
}

/// Whether it may not be a rule that shuts the way: the packet's life was over, since routers send
/// it in a circle; or half-open connections were reset at the host, of which this may have been
/// one.
fn is_lost_on_the_way(seen: &Observation) -> bool {
    let circle = Evidence::decisive(&seen.evidence)
        .and_then(|e| e.icmp)
        .is_some_and(|icmp| icmp.is_time_exceeded());
    let gone = seen.sighting.as_ref().is_some_and(|s| {
        matches!(s.doubt, Some(Doubt::GoneAtOnce | Doubt::BeganLater | Doubt::OthersBegan))
    });
    circle || (gone && seen.known.shots != Some(Shots::NoneArrived))
}

#[cfg(test)]
mod tests;
