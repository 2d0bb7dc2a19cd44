//! What to do about the second leg: the sentence names both of its ends, because whoever can mend
//! it looks at the front, not at the client.

use crate::matrix::model::Protocol;
use crate::observation::facts::BehindSpeaks;
use crate::observation::{Observation, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::verdict::judgement::Judgement;

/// What to do where it is the way behind a front that is broken; `None` where it is not, or that is
/// not known.
pub(in crate::verdict) fn behind_front(
    hop: &Hop,
    seen: &Observation,
    judgement: &Judgement,
) -> Option<String> {
    let reason = judgement.reason;
    let leg =
        judgement.legs.get(1).filter(|leg| leg.ok == Some(false) && leg.reason == Some(reason))?;
    let (front, behind) = (&leg.from, leg.to.join(" or "));
    let failed_at = seen.first_failure().map(|s| s.step);
    let too_large = seen.steps.iter().any(|s| !s.is_climbed() && s.facts.http.status == Some(413));
    let behind_speaks = seen.first_failure().and_then(|s| s.facts.http.behind_speaks);
    let what = match reason {
        Reason::BadGateway if behind_speaks == Some(BehindSpeaks::Tls) => {
            format!(
                "the port that is set up in {front} as its upstream speaks TLS, and {front} does \
                    not: mend the port, or use https there."
            )
        }
        Reason::ProxyProtocol => {
            format!(
                "take the PROXY protocol out of what {front} sends (haproxy `send-proxy`, nginx \
                    `proxy_protocol on`), or have it expected there."
            )
        }
        Reason::HttpStatus
            if seen.steps.iter().any(|s| !s.is_climbed() && s.facts.http.rate_limit) =>
        {
            format!("raise the rate limit, of {front} or of the service, or test again later.")
        }
        Reason::BadGateway if matches!(hop.flow.protocol, Protocol::Grpc | Protocol::GrpcH2c) => {
            format!(
                "test the way from {front} to the service, and look at the upstream that is set up \
                    in {front}: is it the right port, and is HTTP/2 spoken there?"
            )
        }
        Reason::BadGateway => format!(
            "test the way from {front} to the service, and look at the upstream that is set up in \
                {front}."
        ),
        Reason::GrpcFailed if failed_at == Some(StepKind::Payload) => {
            format!("raise the size of a message that {front} takes.")
        }
        Reason::Http2NotCarried | Reason::GrpcTrailersLost | Reason::GrpcFailed => {
            format!(
                "set {front} up to carry HTTP/2 to the host behind it, or lead this flow past it."
            )
        }
        Reason::GrpcBuffered => format!(
            "set {front} up to pass requests on while they come (HTTP/2 behind it, no request \
                buffering)."
        ),
        Reason::SilentAfterConnect => format!(
            "look whether the service answers {front}: the request is taken, and no answer comes."
        ),
        Reason::IdleDropped => {
            format!(
                "raise the time that {front} and the devices there keep a quiet stream, or let the \
                    product send pings."
            )
        }
        Reason::MtuBlackHole => {
            "let ICMP \"fragmentation needed\" through, or lower the MTU.".to_owned()
        }
        Reason::HttpStatus if too_large => {
            format!("raise the size of a message that {front} takes.")
        }
        Reason::HttpStatus => format!(
            "look whether {front} passes the path on as it came, and whether the service is \
                published under it."
        ),
        Reason::WrongListener => {
            format!("mend the upstream that is set up in {front}, or the name that it uses.")
        }
        _ => return None,
    };
    Some(format!("Between {front} and {behind}: {what}"))
}
