//! A hop with a front in between has two legs: to the front, and from it to the host behind. Which
//! of them carries the flow, and which is the first that does not. What only the front or the host
//! behind it can know stays unknown, and unknown is never ok.

use super::certificate::showed_own;
use super::leg::Leg;
use super::reading::{claims, failed_step};
use super::relay::{self, came_through_relay};
use crate::matrix::model::Expect;
use crate::observation::facts::BehindSpeaks;
use crate::observation::{Initiator, Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::protocol::grpc::codec::Code;
use crate::reason::Reason;

/// The legs of a hop, by what was seen and the reason that it was judged to have. None where no
/// front is planned, and none of a hop that must be shut: there a way that ends is as it should be,
/// and no leg is broken.
pub fn legs(hop: &Hop, seen: Option<&Observation>, reason: Reason) -> Vec<Leg> {
    let Some(behind) = hop.flow.relayed_to.as_ref().filter(|_| hop.flow.expect == Expect::Allow)
    else {
        return Vec::new();
    };
    let names = Names { front: hop.to.host.label(), behind: behind.hosts.join(" or ") };
    let [first, second] = match seen.filter(|o| !o.steps.is_empty()) {
        Some(seen) => with_certificate(stands(&names, hop, seen, reason), seen, reason),
        None => {
            [LegState::Unknown("not tested".to_owned()), LegState::Unknown("not tested".to_owned())]
        }
    };
    vec![
        first.leg(hop.from.host.label(), vec![names.front]),
        second.leg(hop.to.host.label(), behind.hosts.clone()),
    ]
}

struct Names {
    front: String,
    behind: String,
}

/// How a leg stands, and why.
enum LegState {
    Carries(String),
    Broken(Reason, String),
    Unknown(String),
}

impl LegState {
    fn leg(self, from: String, to: Vec<String>) -> Leg {
        let (ok, reason, why) = match self {
            LegState::Carries(why) => (Some(true), None, why),
            LegState::Broken(reason, why) => (Some(false), Some(reason), why),
            LegState::Unknown(why) => (None, None, why),
        };
        Leg { from, to, ok, reason, why }
    }
}

use LegState::{Broken, Carries, Unknown};

fn stands(names: &Names, hop: &Hop, seen: &Observation, reason: Reason) -> [LegState; 2] {
    let Names { front, behind } = names;
    let relayed = claims(seen).any(|(c, _)| came_through_relay(hop, c));
    let replaced = !relayed && claims(seen).next().is_some();
    match reason {
        Reason::ProofInvalid => {
            let why = "somebody on the way changes answers; on which leg, nothing tells";
            return [Unknown(why.to_owned()), Unknown(why.to_owned())];
        }
        Reason::WrongListener => {
            if let Some(why) = relay::misled(hop, seen) {
                return [Carries("it passes the flow on".to_owned()), Broken(reason, why)];
            }
            if let Some((one, other)) = relay::two_of_one_name(seen) {
                let why = format!(
                    "it passes connections on to two listeners of one name, on {one} and on {other}"
                );
                return [Carries("it passes the flow on".to_owned()), Broken(reason, why)];
            }
            return elsewhere(names, seen);
        }
        Reason::ProxyProtocol => {
            let why = format!("{front} sends a header of the PROXY protocol ahead of each request");
            return [Carries("it passes the flow on".to_owned()), Broken(reason, why)];
        }
        Reason::TlsIntercepted => {
            return [
                Broken(reason, "somebody before it opens the session".to_owned()),
                Unknown("not reached".to_owned()),
            ];
        }
        _ => {}
    }
    let failed = failed_step(seen);
    if replaced {
        let place = Unknown(format!(
            "a stand-in answered in the place of {front}: that it passes the flow on is not tested"
        ));
        return match failed.map(|step| failure(names, seen, step)) {
            Some([first, _]) => [first, place],
            None => [Carries("a stand-in proved itself there".to_owned()), place],
        };
    }
    match failed {
        Some(step) if relayed => after_proof(names, step),
        Some(step) => failure(names, seen, step),
        None if relayed => [
            Carries(format!("{front} passes the flow on")),
            Carries(format!("{behind} proved itself through {front}")),
        ],
        None => [Carries("it answers".to_owned()), answered(names, seen)],
    }
}

/// A certificate that clients of this machine do not take breaks the first leg, whatever became of
/// the flow after that. A stand-in's own is not judged.
fn with_certificate(
    [first, second]: [LegState; 2],
    seen: &Observation,
    reason: Reason,
) -> [LegState; 2] {
    let hard = [
        Reason::TlsUntrusted,
        Reason::TlsNameMismatch,
        Reason::TlsExpired,
        Reason::TlsSubjectMismatch,
    ];
    let noted = seen
        .steps
        .iter()
        .find(|s| s.is_climbed() && s.step == StepKind::Tls)
        .and_then(|s| s.reason())
        .filter(|_| !showed_own(seen));
    let problem = Some(reason)
        .filter(|r| hard.contains(r))
        .or_else(|| noted.filter(|r| failed_step(seen).is_some() && hard.contains(r)));
    match (first, problem) {
        (Carries(_), Some(problem)) => [Broken(problem, problem.summary().to_owned()), second],
        (first, _) => [first, second],
    }
}

/// A listener of the site proved itself that is neither the front nor behind it.
fn elsewhere(names: &Names, seen: &Observation) -> [LegState; 2] {
    let host = claims(seen).next().map(|(c, _)| c.host.clone()).unwrap_or_default();
    match claims(seen).find_map(|(_, same_session)| same_session) {
        // Two TLS sessions: somebody who passes on. One: the connection itself ended there.
        Some(false) => [
            Carries("it passes the flow on".to_owned()),
            Broken(Reason::WrongListener, format!("{} passes it on to {host}", names.front)),
        ],
        Some(true) => [
            Broken(Reason::WrongListener, format!("the connection ended at {host}")),
            Unknown("not reached".to_owned()),
        ],
        None => [
            Unknown(format!("{host} answered: the connection ended there, or was passed on")),
            Unknown("not reached".to_owned()),
        ],
    }
}

/// The protocol was spoken to its end, by nobody knows whom.
fn answered(names: &Names, seen: &Observation) -> LegState {
    let Names { front, behind } = names;
    let called = seen.steps.iter().find(|s| s.step == StepKind::Grpc);
    // Fronts refuse calls in the name of a service that is not there, but none makes up a health
    // check's answer.
    match called.and_then(|s| s.facts.grpc.grpc_status) {
        Some(0) if called.is_some_and(|s| s.facts.grpc.health.is_some()) => {
            Carries(format!("a gRPC server answered through {front}"))
        }
        Some(code) => {
            let name = Code(code).name();
            Unknown(format!("the call was answered with {name}: by {behind}, or by {front} itself"))
        }
        None => Unknown(format!("nothing tells whether {front} itself answered, or {behind}")),
    }
}

/// The flow went through once, and then something failed.
fn after_proof(names: &Names, step: &Step) -> [LegState; 2] {
    let Names { front, behind } = names;
    let reason = step.reason().unwrap_or(Reason::NotTested);
    let through = || Carries("it passes the flow on".to_owned());
    match reason {
        Reason::HttpStatus if step.step == StepKind::Http && !step.facts.http.rate_limit => [
            through(),
            Broken(
                reason,
                format!(
                    "{behind} is reached, but answers with an error: is the path changed on \
                            the way?"
                ),
            ),
        ],
        // On a connection that stays open, the front ends a stream.
        Reason::IdleDropped if step.facts.grpc.stream.is_some() => [
            through(),
            Broken(reason, format!("{front} ended a quiet stream, and kept the connection")),
        ],
        Reason::IdleDropped | Reason::MtuBlackHole | Reason::SilentAfterConnect => {
            match arrived(step) {
                Some(false) => [
                    Broken(reason, format!("what was sent did not arrive at {front}")),
                    Unknown(format!("it worked before: {behind} proved itself")),
                ],
                Some(true) => [
                    through(),
                    Broken(reason, format!("{front} has what was sent, and no answer came")),
                ],
                None => lost(names, reason),
            }
        }
        Reason::Http2NotCarried
        | Reason::GrpcTrailersLost
        | Reason::GrpcBuffered
        | Reason::GrpcFailed
        | Reason::BadGateway
        | Reason::HttpStatus => [through(), Broken(reason, carried(names, step, reason))],
        _ => lost(names, reason),
    }
}

/// The flow did not go through.
fn failure(names: &Names, seen: &Observation, step: &Step) -> [LegState; 2] {
    let Names { front, behind } = names;
    let reason = step.reason().unwrap_or(Reason::NotTested);
    let not_reached = || Unknown("not reached".to_owned());
    if step.initiator() == Some(Initiator::Local) {
        return [
            Unknown(format!("this machine failed first: {}", reason.summary())),
            not_reached(),
        ];
    }
    let spoke = seen
        .steps
        .iter()
        .any(|s| s.is_climbed() && !matches!(s.step, StepKind::Resolve | StepKind::Connect));
    match reason {
        // A front that only passes TCP on opens at once and drops the connection when it finds
        // nobody behind it; a device before the front, and the front itself, look the same from
        // here.
        Reason::ResetAfterConnect | Reason::ClosedAfterConnect | Reason::SilentAfterConnect
            if !spoke =>
        {
            [
                Unknown(format!(
                    "the port opens and then says nothing: a device before {front}, {front} \
                        itself, or nobody behind it"
                )),
                not_reached(),
            ]
        }
        Reason::SilentAfterConnect if arrived(step) == Some(false) => {
            [Broken(reason, format!("the request did not arrive at {front}")), not_reached()]
        }
        Reason::SilentAfterConnect => [
            Carries("it answers".to_owned()),
            Broken(
                reason,
                format!(
                    "{front} took the request and gives no answer: so it does while it waits for \
                        {behind}"
                ),
            ),
        ],
        Reason::ResetAfterConnect | Reason::ClosedAfterConnect => lost(names, reason),
        Reason::TlsNotSupportedHere => [Unknown(reason.summary().to_owned()), not_reached()],
        Reason::ClientCertificateWanted => [
            Carries("it answers".to_owned()),
            Unknown(format!("{front} wants a client certificate")),
        ],
        _ if matches!(
            step.step,
            StepKind::Resolve | StepKind::Connect | StepKind::Tls | StepKind::Alpn
        ) =>
        {
            [Broken(reason, reason.summary().to_owned()), not_reached()]
        }
        Reason::BadGateway
        | Reason::Http2NotCarried
        | Reason::GrpcTrailersLost
        | Reason::GrpcBuffered => {
            [Carries("it answers".to_owned()), Broken(reason, carried(names, step, reason))]
        }
        Reason::HttpStatus => refused(names, step),
        // The session with a trusted certificate says that it was the front, or what it passes on
        // to. Without one a sign-in page of the network looks just like this, so nothing shows that
        // the front was reached; nor, that it was not.
        Reason::HttpRedirected
            if seen
                .steps
                .iter()
                .any(|s| s.is_climbed() && s.step == StepKind::Tls && s.reason().is_none()) =>
        {
            [
                Carries("it answers".to_owned()),
                Unknown(format!("{front}, or {behind}, sends the request elsewhere")),
            ]
        }
        Reason::HttpRedirected => [
            Unknown(format!(
                "{front}, or somebody before it, sends the request elsewhere: without a trusted \
                    certificate nothing tells"
            )),
            not_reached(),
        ],
        Reason::GrpcFailed => [
            Carries("it answers".to_owned()),
            Unknown(format!("the answer is no gRPC: from {front} itself, or from {behind}")),
        ],
        _ => [Broken(reason, reason.summary().to_owned()), not_reached()],
    }
}

/// An error status without a proof.
fn refused(names: &Names, step: &Step) -> [LegState; 2] {
    let Names { front, behind } = names;
    let status = status(step);
    match status {
        // Only a proxy, or the network itself, asks clients of its own to sign in (RFC 9110 section
        // 15.5.8, RFC 6585 section 6).
        Some(407 | 511) => [
            Broken(
                Reason::HttpStatus,
                "a proxy of the network wants a sign-in before it lets this through".to_owned(),
            ),
            Unknown("not reached".to_owned()),
        ],
        _ if step.facts.http.rate_limit => [
            Carries("it answers".to_owned()),
            Unknown(format!("a rate limit, or too much to do: {front} says so, or {behind}")),
        ],
        _ if step.facts.http.turned_away.is_some() => [
            Carries("it answers".to_owned()),
            Unknown(format!(
                "the request was turned away before its path was looked at ({}): by {front}, or by \
                    {behind}",
                step.facts.http.turned_away.as_deref().unwrap_or_default()
            )),
        ],
        _ => {
            let what = if status == Some(413) { "a message of this size" } else { "the path" };
            let status = status.map(|s| format!(" with {s}")).unwrap_or_default();
            [
                Carries("it answers".to_owned()),
                Unknown(format!("{what} is refused{status}: by a rule of {front}, or by {behind}")),
            ]
        }
    }
}

/// The connection to the front was lost after the front had spoken.
fn lost(names: &Names, reason: Reason) -> [LegState; 2] {
    let why = format!("{}: by {}, or on the way to it", reason.summary(), names.front);
    [Unknown(why), Unknown("nothing tells".to_owned())]
}

/// What the front said or did that shows the second leg broken.
fn carried(names: &Names, step: &Step, reason: Reason) -> String {
    let Names { front, behind } = names;
    match (reason, status(step)) {
        (Reason::BadGateway, _) if step.facts.http.behind_speaks == Some(BehindSpeaks::Tls) => {
            format!("{front} speaks plain HTTP there, to a port of {behind} that speaks TLS")
        }
        (Reason::BadGateway, _) if step.facts.http.behind_speaks.is_some() => {
            format!(
                "what {front} got there is no HTTP: is it the right port of {behind}, and plain \
                    HTTP or HTTPS as it is spoken there?"
            )
        }
        (Reason::BadGateway, Some(503)) => {
            format!("{front} says that it has nobody to pass this on to (503)")
        }
        (Reason::BadGateway, Some(504)) => {
            format!("{front} says that {behind} did not answer in time (504)")
        }
        (Reason::BadGateway, Some(status)) if status != 200 => {
            format!("{front} says that it got no answer from {behind} ({status})")
        }
        (Reason::BadGateway, Some(_)) => format!("{front} says that {behind} is unavailable"),
        (Reason::BadGateway, None) => format!(
            "{front} gives the call back unprocessed: {behind} hung up on it, or said nothing"
        ),
        (Reason::Http2NotCarried, _) => {
            match step.facts.grpc.listener_saw_http.as_deref().unwrap_or_default() {
                "" => format!("{front} speaks HTTP/1.1 there, or does not speak HTTP/2 to its end"),
                version => format!("{behind} saw HTTP/{version} come"),
            }
        }
        (Reason::GrpcTrailersLost, _) => {
            format!("the answer loses its trailers between {behind} and {front}")
        }
        (Reason::GrpcBuffered, _) => format!("{front} holds the request back until it is whole"),
        (Reason::GrpcFailed, None) if step.step == StepKind::Payload => {
            format!("{front} ends a call that carries a larger message")
        }
        (_, Some(status)) if step.facts.http.rate_limit => {
            format!("{front} has a rate limit or too much to do, or {behind} has ({status})")
        }
        (_, Some(413)) => format!("{front} takes no message of this size (413)"),
        (_, Some(status)) => format!("{} ({status})", reason.summary()),
        _ => reason.summary().to_owned(),
    }
}

fn status(step: &Step) -> Option<u16> {
    step.facts.http.status
}

/// Whether what was sent last reached the other end's kernel, where this machine's tells. What was
/// lost has been sent again by the time that a step gives up; what is under way for the first time
/// is the step's own farewell.
fn arrived(step: &Step) -> Option<bool> {
    let tcp = &step.facts.tcp;
    Some(tcp.tcp_unacknowledged? == 0 || tcp.tcp_retransmitted? == 0)
}

#[cfg(test)]
mod tests;
