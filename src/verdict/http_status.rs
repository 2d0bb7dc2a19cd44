//! HTTP answers that nobody proved: what they leave open, and what is to be said of those that are
//! refusals.

use super::relay;
use crate::observation::facts::{Exchange, Facts, Families, NoSuchPath};
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::protocol::grpc::codec::Code;
use crate::protocol::http::codec::status::{self, Meaning};
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// The answer of an HTTP request or gRPC call.
fn answer(seen: &Observation) -> Option<&Step> {
    seen.steps.iter().find(|s| {
        matches!(s.step, StepKind::Http | StepKind::Grpc) && s.facts.http.status.is_some()
    })
}

/// Why an answer does not show that the application gave it; `None` where it does, as far as an
/// answer without a proof can.
pub(super) fn doubt(hop: &Hop, seen: &Observation) -> Option<String> {
    let step = answer(seen).filter(|step| step.is_climbed() && hop.class.is_none())?;
    let http = &step.facts.http;
    let status = http.status?;
    if http.no_such_path == Some(NoSuchPath::AnsweredAlike) {
        return Some(format!(
            "a path that cannot be there is answered in the same way (status {status}): whoever \
                answers does so on every path, and nothing of the \
             service was recognised"
        ));
    }
    // Behind a front nothing else tells which listener it is, nor its clock. Who has no key of the
    // site asks nobody to prove himself.
    let is_asked = hop.flow.relayed_to.is_some() && seen.proofs.contains(&ProofOutcome::None);
    if is_asked && http.no_such_path == Some(NoSuchPath::RefusedByStandIn) {
        return Some(
            "a listener of this program answers, and does not prove itself: it has another key, \
                the clocks are more than 27 hours apart, or the challenge is taken out on the way"
                .to_owned(),
        );
    }
    let front = hop.to.host.label();
    if let Some(age) = http.age {
        return Some(format!(
            "the answer is {age} seconds old: a cache gave it, and nothing tells whether what it \
                is a copy of is still there"
        ));
    }
    let sign_in = status::of(status).meaning == Meaning::SignIn
        || http.sign_in
        || step.facts.grpc.grpc_status == Some(Code::UNAUTHENTICATED.0);
    match &hop.flow.relayed_to {
        Some(behind) if sign_in => Some(format!(
            "a sign-in is wanted: by {front} itself, or by {} behind it; nothing tells which",
            behind.hosts.join(" or ")
        )),
        _ => http.unclear.as_ref().map(|unclear| {
            format!(
                "answered with {status} ({unclear}): nothing tells whether the path was reached"
            )
        }),
    }
}

/// What is worth knowing of an answer, whatever became of it.
pub(super) fn notes(hop: &Hop, seen: &Observation, proved: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !proved {
        notes.extend(doubt(hop, seen));
    }
    let Some(step) = answer(seen) else { return notes };
    if notes.is_empty() && !proved && step.is_climbed() && step.facts.http.status == Some(401) {
        notes.push("a sign-in is wanted (401), and nobody signed in".to_owned());
    }
    let odd = &step.facts.http.odd;
    if !odd.is_empty() {
        notes.push(format!("the answer is odd HTTP: {}", odd.join("; ")));
    }
    notes
}

/// What to do about an answer that is a refusal, or none, by what it shows beside its status.
/// `flow` names the way.
pub(super) fn advice(hop: &Hop, seen: &Observation, reason: Reason, flow: &str) -> Option<String> {
    let step = seen.steps.iter().find(|s| !s.is_climbed());
    let (to, port) = (hop.to.host.label(), hop.port);
    let none = Facts::default();
    let Families { http, ended, .. } = &**step.map_or(&none, |step| &step.facts);
    let status = http.status;
    let said = status.map(|status| format!(" ({status})")).unwrap_or_default();
    let has_front = hop.flow.relayed_to.is_some();
    Some(match reason {
        Reason::HttpStatus if http.rate_limit => {
            format!(
                "{to} answers, and has a rate limit or too much to do{said}: raise the limit for \
                    {flow}, or test again later."
            )
        }
        Reason::HttpStatus if http.http_sys && status == Some(503) => format!(
            "HTTP.sys of Windows on {to}:{port} answers in its own name (503): the application \
                pool is stopped, or its application does not start: look \
             into IIS Manager there, and into the event log."
        ),
        Reason::HttpStatus if http.http_sys => format!(
            "HTTP.sys of Windows on {to}:{port} refuses the request itself{said}: look at the \
                bindings there (host name, port, path), and into httperr.log."
        ),
        Reason::HttpStatus if http.turned_away.is_some() => {
            format!(
                "{to}:{port} turned the request away before its path was looked at{said}: {}.",
                http.turned_away.as_deref().unwrap_or_default()
            )
        }
        Reason::HttpStatus if status == Some(503) && !has_front => {
            format!(
                "The service on {to}:{port} says that it is not available now (503): look into its \
                    log."
            )
        }
        Reason::HttpRedirected if http.own_https => format!(
            "{to}:{port} sends clients to its own HTTPS ({}): give the flow that port and https, \
                where the product uses it.",
            http.location.as_deref().unwrap_or_default()
        ),
        Reason::HttpRedirected if !has_front => format!(
            "Somebody sends this request elsewhere (the step `http` shows where): a sign-in page \
                of the network, or a service that goes by another \
             name than {to}."
        ),
        Reason::BadGateway if !has_front => format!(
            "What answers at {to}:{port} says that it got no answer from what it asks itself, or \
                is not available{said}: look at the program that has the \
             port there, and at devices that answer HTTP on the way of {flow}."
        ),
        Reason::GrpcFailed | Reason::ClosedAfterConnect | Reason::BadGateway
            if ended.goaway.is_some() || (ended.reset_stream.is_some() && !has_front) =>
        {
            let code = match (&ended.goaway, &ended.reset_stream) {
                (Some(code), _) => format!("GOAWAY {code}"),
                (None, code) => format!("RST_STREAM {}", code.as_deref().unwrap_or_default()),
            };
            format!(
                "What answers at {to}:{port} takes no new requests, also on a second connection \
                    ({code}): it is about to end, or has too much to do. Test \
                 again once it has started anew."
            )
        }
        Reason::Http2NotOffered if !has_front => format!(
            "HTTP/2 is not spoken at {to}:{port}: switch it on in the server there, or take the \
                device out of the way that removes it ({flow})."
        ),
        Reason::NotProved if doubt(hop, seen).is_some() => match &hop.flow.relayed_to {
            Some(behind) => format!(
                "Run `portmatrix listen` on {} with the same site key to have the way through {to} \
                    proved: this answer does not show it.",
                behind.hosts.join(" or ")
            ),
            None => format!(
                "Run `portmatrix listen` on {to} with the same site key to have the way proved: \
                    this answer does not show it."
            ),
        },
        _ => return contents(hop, seen, reason, flow),
    })
}

/// The same where it is what was said, or how, that is wrong.
fn contents(hop: &Hop, seen: &Observation, reason: Reason, flow: &str) -> Option<String> {
    let (to, port) = (hop.to.host.label(), hop.port);
    let exchange = |is: fn(&Exchange) -> bool| {
        seen.steps.iter().any(|s| !s.is_climbed() && is(&s.facts.exchange))
    };
    Some(match reason {
        Reason::ProxyProtocol => format!(
            "Take the PROXY protocol ({}) out of what the balancer on the way of {flow} sends to \
                the service (haproxy `send-proxy`, nginx `proxy_protocol \
             on`), or set the service up to expect it.",
            relay::proxy_protocol(seen).unwrap_or("v1")
        ),
        Reason::ProofInvalid if exchange(|e| e.changed) => {
            format!(
                "Somebody on the way changes the contents of what is sent: ask for {flow} to be \
                    left as it is."
            )
        }
        Reason::ResetAfterConnect | Reason::SilentAfterConnect
            if exchange(|e| e.fresh_connection.is_some()) =>
        {
            format!(
                "The other end of {flow} does not answer any more, not even on a fresh connection: \
                    look whether the program on {to}:{port} ended meanwhile."
            )
        }
        Reason::Http2NotOffered
        | Reason::Http2NotCarried
        | Reason::GrpcTrailersLost
        | Reason::GrpcBuffered
        | Reason::GrpcFailed => {
            format!(
                "Let HTTP/2 through to the backend, or go around the appliance that cannot: {flow}."
            )
        }
        Reason::BadGateway => format!(
            "The front {to} answers, but the host behind it does not: test the way from {to} to \
                the service."
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::{PlannedFlow, RelayedTo};
    use crate::verdict::tests::fixture::{flow, hop, named, rung, seen};
    use crate::verdict::{AnsweredBy, Policy, Verdict, judge};
    use crate::wire::challenge::ProofOutcome;

    fn with_front() -> Hop {
        hop(PlannedFlow {
            relayed_to: Some(RelayedTo {
                role: "service".into(),
                hosts: vec!["backend".into()],
                ..RelayedTo::default()
            }),
            ..flow()
        })
    }

    fn answered(reason: Option<Reason>, facts: &[(&str, serde_json::Value)]) -> Observation {
        let mut step = rung(StepKind::Http, reason, reason.is_none());
        step.facts.absorb(named(step.step, facts));
        seen(vec![rung(StepKind::Connect, None, true), step], vec![ProofOutcome::None])
    }

    fn stand(hop: &Hop, seen: &Observation) -> (Verdict, Reason) {
        let judged = judge(hop, Some(seen), Policy::default());
        (judged.verdict, judged.reason)
    }

    #[test]
    fn what_leaves_the_path_open_is_not_green() {
        let unclear = answered(None, &[("status", 400.into()), ("unclear", "refused".into())]);
        assert_eq!(stand(&hop(flow()), &unclear), (Verdict::Inconclusive, Reason::NotProved));
        let sign_in = answered(None, &[("status", 401.into())]);
        assert_eq!(stand(&hop(flow()), &sign_in), (Verdict::Pass, Reason::Answered));
        assert!(notes(&hop(flow()), &sign_in, false)[0].contains("sign-in"));
        assert_eq!(stand(&with_front(), &sign_in), (Verdict::Inconclusive, Reason::NotProved));
        let alike =
            answered(None, &[("status", 200.into()), ("no_such_path", "answered-alike".into())]);
        assert_eq!(stand(&hop(flow()), &alike), (Verdict::Inconclusive, Reason::NotProved));
        let mut stand_in = answered(
            None,
            &[("status", 200.into()), ("no_such_path", "refused-by-stand-in".into())],
        );
        stand_in.proofs = vec![ProofOutcome::NotAsked];
        assert_eq!(stand(&with_front(), &stand_in), (Verdict::Pass, Reason::Answered));
        stand_in.proofs = vec![ProofOutcome::None];
        assert_eq!(stand(&with_front(), &stand_in), (Verdict::Inconclusive, Reason::NotProved));
        assert_eq!(stand(&hop(flow()), &stand_in), (Verdict::Pass, Reason::Answered));
        let other = answered(
            None,
            &[("status", 200.into()), ("no_such_path", serde_json::json!({ "status": 404 }))],
        );
        assert_eq!(stand(&hop(flow()), &other), (Verdict::Pass, Reason::Answered));
    }

    type Named = Vec<(&'static str, serde_json::Value)>;

    #[test]
    fn fronts_are_blamed_only_where_there_are_any() {
        let facts: [(Reason, u16, Named, &str); 6] = [
            (Reason::HttpStatus, 503, vec![("http_sys", true.into())], "application pool"),
            (Reason::HttpStatus, 429, vec![("rate_limit", true.into())], "rate limit"),
            (
                Reason::HttpStatus,
                400,
                vec![("turned_away", "it wants a client certificate".into())],
                "client certificate",
            ),
            (
                Reason::HttpRedirected,
                301,
                vec![("own_https", true.into()), ("location", "https://psp/".into())],
                "its own HTTPS",
            ),
            (Reason::BadGateway, 502, vec![], "502"),
            (Reason::GrpcFailed, 200, vec![("goaway", "NO_ERROR".into())], "takes no new requests"),
        ];
        for (reason, status, facts, words) in facts {
            let mut all = vec![("status", serde_json::Value::from(status))];
            all.extend(facts);
            let judged =
                judge(&hop(flow()), Some(&answered(Some(reason), &all)), Policy::default());
            let advice = judged.advice.unwrap_or_default();
            assert!(advice.contains(words) && !advice.contains("front"), "{advice}");
        }
        let own = answered(
            Some(Reason::HttpRedirected),
            &[("status", 301.into()), ("own_https", true.into())],
        );
        assert_eq!(
            judge(&hop(flow()), Some(&own), Policy::default()).answered_by,
            AnsweredBy::Unproved
        );
    }
}
