//! Ways that may be shared out: behind a front, or where an address is changed on the way, a
//! balancer may lead each connection to another host. Several connections are made there, the worst
//! of them counts, and no verdict is one of luck.

use crate::climb::{Climb, RangeMode, Tools};
use crate::matrix::model::{Expect, Protocol};
use crate::net::clock;
use crate::observation::facts::Facts;
use crate::observation::{BY_HTTP1, Initiator, Observation, Outcome, Step, StepKind};
use crate::protocol::ladder;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// The alert of a server that speaks none of the protocols that were offered (RFC 7301 section
/// 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;
/// Connections that are made on such a way.
const CONNECTIONS: usize = 3;

/// Makes further connections where the way may be shared out, and puts together what came of all of
/// them.
pub async fn look(climb: &mut Climb<'_>) {
    if !may_be_shared(climb) {
        return;
    }
    let tools = Tools { idle: None, range: RangeMode::Never, ..climb.tools.clone() };
    let mut all = vec![climb.seen_so_far()];
    let mut begun = vec![climb.started_at()];
    for number in 1..CONNECTIONS {
        if climb.in_time().is_err() {
            break;
        }
        begun.push(clock::instant());
        let mut further = Climb::new(climb.target, &tools);
        further.light = true;
        // One of them as clients do that know nothing newer.
        further.by_http1 = number == 1;
        let _ = ladder(&mut further).await;
        let seen = further.finish();
        // What this machine lacks for one more connection says nothing of the way.
        let is_local = failed(&seen).is_some_and(|s| s.initiator() == Some(Initiator::Local));
        // A server for HTTP/2 alone says so in the handshake, and has been reached.
        let is_another = number == 1 && speaks_no_http1(&seen);
        if !is_local && !is_another {
            all.push(seen);
        }
    }
    let (worst, seen) = put_together(climb.target.hop.flow.expect, all);
    climb.replace(seen, begun.get(worst).copied());
}

/// Whether two connections of this hop may end at two hosts.
fn may_be_shared(climb: &Climb<'_>) -> bool {
    let (target, flow) = (climb.target, &climb.target.hop.flow);
    if target.question.is_some()
        || target.small_segments
        || climb.light
        || target.hop.proxy.is_some()
    {
        return false;
    }
    let step = climb.failed_step();
    let is_local = step.is_some_and(|s| s.initiator() == Some(Initiator::Local));
    // Silence is the worst there is: nothing that another connection brings would change it.
    let is_silent = step.and_then(|s| s.reason()).is_some_and(is_silence);
    match flow.expect {
        Expect::Deny => flow.relayed_to.is_some() && !is_local,
        Expect::Allow => {
            !is_local
                && !is_silent
                && (flow.relayed_to.is_some() || is_translated(climb) || is_unproved(climb))
        }
    }
}

/// Whether the handshake was broken off since HTTP/1.1 is not spoken there.
fn speaks_no_http1(seen: &Observation) -> bool {
    failed(seen).is_some_and(|s| {
        s.step == StepKind::Tls && s.facts.ended.alert_code == Some(NO_APPLICATION_PROTOCOL)
    })
}

/// Whether a connection was one of HTTP/1.1 by choice of this end, where it might have been HTTP/2.
fn is_by_http1(seen: &Observation) -> bool {
    seen.steps.iter().any(|s| s.step == StepKind::Alpn && s.facts.alpn.offered == ["http/1.1"])
}

/// Whether the other end saw other addresses than this one.
fn is_translated(climb: &Climb<'_>) -> bool {
    let own = climb.own_address();
    climb.proofs().iter().any(|proof| match proof {
        ProofOutcome::Valid { claims, .. } => {
            claims.local.ip().to_canonical() != climb.target.address.to_canonical()
                || own.is_some_and(|own| own.to_canonical() != claims.peer.ip().to_canonical())
        }
        _ => false,
    })
}

/// Whether somebody answered who did not prove himself where he could have: of two hosts behind one
/// address this may be the one that cannot. Of the protocols on which that is one small request.
fn is_unproved(climb: &Climb<'_>) -> bool {
    let small = matches!(
        climb.target.hop.flow.protocol,
        Protocol::Http | Protocol::Https | Protocol::Grpc | Protocol::GrpcH2c
    );
    let asked = climb.proofs().last() == Some(&ProofOutcome::None);
    small && asked && climb.failed_step().is_none() && climb.target.hop.class.is_none()
}

fn is_silence(reason: Reason) -> bool {
    matches!(reason, Reason::TimedOut | Reason::SilentAfterConnect)
}

fn failed(seen: &Observation) -> Option<&Step> {
    seen.steps.iter().find(|s| !s.is_climbed())
}

fn is_proved(seen: &Observation) -> bool {
    seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. }))
}

fn status(seen: &Observation) -> Option<u16> {
    seen.steps
        .iter()
        .rev()
        .filter(|s| matches!(s.step, StepKind::Http | StepKind::Grpc))
        .find_map(|s| s.facts.http.status)
}

/// How bad a connection is where the way must be open: the reason that is last in its order is the
/// worst, silence above all.
fn badness(seen: &Observation) -> (u8, Option<Reason>) {
    let reason = failed(seen).and_then(|s| s.reason());
    match reason {
        Some(reason) if is_silence(reason) => (3, Some(reason)),
        Some(reason) => (2, Some(reason)),
        None => (u8::from(!is_proved(seen)), None),
    }
}

/// How open a connection is where the way must be shut.
fn openness(seen: &Observation) -> u8 {
    match (is_proved(seen), status(seen), failed(seen)) {
        (true, ..) => 3,
        (_, Some(..400), _) | (_, None, None) => 2,
        (_, Some(403 | 404 | 410 | 451), _) | (_, None, Some(_)) => 0,
        _ => 1,
    }
}

/// The worst of several connections, with the proofs of all and what became of each in words; and
/// which it was.
fn put_together(expect: Expect, mut all: Vec<Observation>) -> (usize, Observation) {
    if expect == Expect::Allow && all.iter().any(is_proved) {
        all.iter_mut().for_each(call_it_a_limit);
    }
    let spread: Vec<String> = all.iter().map(words).collect();
    let proofs: Vec<ProofOutcome> =
        all.iter().flat_map(|seen| seen.proofs.iter().cloned()).collect();
    let proved = all.iter().filter(|seen| is_proved(seen)).count();
    let unproved = all.iter().filter(|seen| failed(seen).is_none() && !is_proved(seen)).count();
    let count = all.len();
    let worse = |a: &Observation, b: &Observation| match expect {
        Expect::Allow => badness(a) > badness(b),
        Expect::Deny => openness(a) > openness(b),
    };
    let mut worst = 0;
    for place in 1..count {
        if worse(&all[place], &all[worst]) {
            worst = place;
        }
    }
    let recognised = all
        .iter()
        .find(|seen| seen.recognised.is_some())
        .map(|seen| (seen.recognised.clone(), seen.only_fronts));
    let Some(mut seen) = all.into_iter().nth(worst) else {
        return (0, Observation::of_steps("", clock::now(), 0.0, Vec::new()));
    };
    (seen.proofs, seen.spread) = (proofs, spread);
    if seen.recognised.is_none()
        && let Some((words, fronts)) = recognised
    {
        (seen.recognised, seen.only_fronts) = (words, fronts);
    }
    if expect == Expect::Allow && proved > 0 && failed(&seen).is_none() && unproved > 0 {
        let why = format!(
            "{unproved} of {count} connections were answered without a proof: by somebody else"
        );
        let facts = Facts::of(|facts| facts.more.add("why", why));
        let outcome = Outcome::failed(Reason::NotProved, Initiator::Path);
        let step = Step::new(StepKind::Proof, outcome, facts);
        seen.steps.push(Step { at_ms: seen.ms, ..step });
    }
    (worst, seen)
}

/// Who passed one connection on and calls himself not available on another has a limit.
fn call_it_a_limit(seen: &mut Observation) {
    let is_503 = status(seen) == Some(503);
    if let Some(step) = seen
        .steps
        .iter_mut()
        .find(|s| !s.is_climbed() && s.reason() == Some(Reason::BadGateway) && is_503)
    {
        step.outcome = step.outcome.for_reason(Reason::HttpStatus);
        step.facts.http.rate_limit = true;
    }
}

/// What became of one connection.
fn words(seen: &Observation) -> String {
    let proof = seen.proofs.iter().rev().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } => {
            let run =
                claims.instance.get(..8).map(|run| format!(" (run {run})")).unwrap_or_default();
            Some(format!("proved by {} at {}{run}", claims.host, claims.local))
        }
        _ => None,
    });
    let status = status(seen).map(|status| format!(" (status {status})")).unwrap_or_default();
    let by_http1 = if is_by_http1(seen) { BY_HTTP1 } else { "" };
    let ended = match (failed(seen), proof) {
        (Some(step), proof) => {
            let reason = step.reason().map_or("failed", Reason::code);
            let proof = proof.map(|proof| format!(", after it was {proof}")).unwrap_or_default();
            format!("{reason} at {}{status}{proof}", step.step.name())
        }
        (None, Some(proof)) => proof,
        (None, None) => format!("answered without a proof{status}"),
    };
    format!("{ended}{by_http1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;
    use crate::wire::challenge::Claims;

    fn valid(host: &str) -> ProofOutcome {
        let claims = Claims::new(
            host,
            ([10, 0, 0, 1], 80).into(),
            ([10, 0, 0, 2], 50000).into(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        ProofOutcome::Valid { claims, same_tls_session: None }
    }

    fn seen(reason: Option<Reason>, status: u16, proof: ProofOutcome) -> Observation {
        let facts = Facts::of(|facts| facts.http.status = Some(status));
        let step = Step::new(StepKind::Http, Outcome::of(reason.is_none(), reason, None), facts);
        Observation {
            proofs: vec![proof],
            ..Observation::of_steps("", jiff::Timestamp::UNIX_EPOCH, 1.0, vec![step])
        }
    }

    fn reason(expect: Expect, all: &[&Observation]) -> Option<Reason> {
        let (_, seen) = put_together(expect, all.iter().map(|s| (*s).clone()).collect());
        assert_eq!((seen.spread.len(), seen.proofs.len()), (all.len(), all.len()));
        failed(&seen).and_then(|s| s.reason())
    }

    #[test]
    fn the_worst_counts_whatever_the_order() {
        let good = seen(None, 200, valid("psp"));
        let gone = seen(Some(Reason::BadGateway), 502, ProofOutcome::None);
        let other = seen(None, 200, ProofOutcome::None);
        let limit = seen(Some(Reason::BadGateway), 503, ProofOutcome::None);
        for (a, wanted) in
            [(&gone, Reason::BadGateway), (&other, Reason::NotProved), (&limit, Reason::HttpStatus)]
        {
            for all in [[a, &good, a], [&good, a, &good], [&good, &good, a]] {
                assert_eq!(reason(Expect::Allow, &all), Some(wanted), "{wanted}");
            }
        }
        assert_eq!(reason(Expect::Allow, &[&good, &good, &good]), None);
        assert_eq!(
            reason(Expect::Allow, &[&other, &other, &other]),
            None,
            "nobody was proved: one is as good as the other"
        );
    }

    #[test]
    fn what_must_be_shut_is_as_open_as_its_most_open_connection() {
        let shut = seen(None, 403, ProofOutcome::None);
        let open = seen(None, 200, ProofOutcome::None);
        for all in [[&shut, &open, &shut], [&open, &shut, &shut], [&shut, &shut, &open]] {
            let (_, seen) = put_together(Expect::Deny, all.iter().map(|s| (*s).clone()).collect());
            assert_eq!(status(&seen), Some(200));
        }
    }
}
