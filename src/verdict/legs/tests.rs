use super::*;
use crate::matrix::model::Protocol;
use crate::plan::model::{PlannedFlow, RelayedTo};
use crate::verdict::first_broken;
use crate::verdict::tests::fixture::make_local;
use crate::verdict::tests::fixture::{flow, hop, named, proof, rung, seen};
use crate::verdict::{Policy, judge};
use crate::wire::challenge::ProofOutcome;

fn front(protocol: Protocol) -> Hop {
    let behind =
        RelayedTo { role: "service".into(), hosts: vec!["backend".into()], ..RelayedTo::default() };
    hop(PlannedFlow { relayed_to: Some(behind), protocol, ..flow() })
}

const UP: &[StepKind] = &[StepKind::Connect, StepKind::Tls, StepKind::Alpn, StepKind::Http];

/// Rungs that were climbed, and one that was not, with these facts.
fn ends(
    climbed: &[StepKind],
    failed: Option<(StepKind, Reason)>,
    facts: &[(&str, serde_json::Value)],
) -> Vec<Step> {
    let mut steps: Vec<Step> = climbed.iter().map(|s| rung(*s, None, true)).collect();
    steps.extend(failed.map(|(step, reason)| rung(step, Some(reason), false)));
    if let Some(last) = steps.last_mut() {
        last.facts.absorb(named(last.step, facts));
    }
    steps
}

/// How both legs stand, by the reason that the verdict gives.
fn stand(hop: &Hop, seen: &Observation) -> [(Option<bool>, Option<Reason>); 2] {
    let judged = judge(hop, Some(seen), Policy::default());
    let legs = legs(hop, Some(seen), judged.reason);
    assert!(legs.iter().all(|l| !l.why.is_empty()), "{legs:?}");
    assert_eq!((legs[0].from.as_str(), &legs[0].to[..]), ("ws", &["psp".to_owned()][..]));
    assert_eq!((legs[1].from.as_str(), &legs[1].to[..]), ("psp", &["backend".to_owned()][..]));
    [(legs[0].ok, legs[0].reason), (legs[1].ok, legs[1].reason)]
}

const OK: (Option<bool>, Option<Reason>) = (Some(true), None);
const UNKNOWN: (Option<bool>, Option<Reason>) = (None, None);

fn broken(reason: Reason) -> (Option<bool>, Option<Reason>) {
    (Some(false), Some(reason))
}

#[test]
fn only_a_way_through_a_front_has_legs() {
    let open = seen(ends(UP, None, &[]), vec![]);
    assert_eq!(legs(&hop(flow()), Some(&open), Reason::Answered), []);
    let relayed = front(Protocol::Grpc);
    let shut = hop(PlannedFlow { expect: Expect::Deny, ..PlannedFlow::clone(&relayed.flow) });
    assert_eq!(legs(&shut, Some(&open), Reason::UnexpectedlyOpen), []);
    let never = legs(&relayed, None, Reason::NotTested);
    assert!(never.len() == 2 && never.iter().all(|l| l.ok.is_none()), "{never:?}");
}

#[test]
fn without_a_proof_the_first_leg_breaks_before_the_front_has_spoken_and_the_second_when_it_says_so()
{
    use Reason::*;
    for (climbed, step, reason, facts, wanted) in [
        (&UP[..0], StepKind::Resolve, NameNotFound, vec![], [broken(NameNotFound), UNKNOWN]),
        (&UP[..0], StepKind::Connect, TimedOut, vec![], [broken(TimedOut), UNKNOWN]),
        (&UP[..0], StepKind::Connect, Refused, vec![], [broken(Refused), UNKNOWN]),
        (
            &UP[..1],
            StepKind::Tls,
            TlsHandshakeFailed,
            vec![],
            [broken(TlsHandshakeFailed), UNKNOWN],
        ),
        (&UP[..2], StepKind::Alpn, Http2NotOffered, vec![], [broken(Http2NotOffered), UNKNOWN]),
        (&UP[..1], StepKind::Http, HttpNotSpoken, vec![], [broken(HttpNotSpoken), UNKNOWN]),
        // A front that passes TCP on, and one whose client is filtered, look the same.
        (&UP[..1], StepKind::Tls, ClosedAfterConnect, vec![], [UNKNOWN, UNKNOWN]),
        (&UP[..1], StepKind::Tls, SilentAfterConnect, vec![], [UNKNOWN, UNKNOWN]),
        (
            &UP[..1],
            StepKind::Tls,
            AnsweredByMiddlebox,
            vec![],
            [broken(AnsweredByMiddlebox), UNKNOWN],
        ),
        (UP, StepKind::Grpc, BadGateway, vec![("status", 502.into())], [OK, broken(BadGateway)]),
        (
            UP,
            StepKind::Grpc,
            BadGateway,
            vec![("status", 200.into()), ("grpc_status", 14.into())],
            [OK, broken(BadGateway)],
        ),
        (
            UP,
            StepKind::Grpc,
            Http2NotCarried,
            vec![("status", "000".into())],
            [OK, broken(Http2NotCarried)],
        ),
        (
            UP,
            StepKind::Grpc,
            Http2NotCarried,
            vec![("status", 426.into())],
            [OK, broken(Http2NotCarried)],
        ),
        (UP, StepKind::Grpc, GrpcTrailersLost, vec![], [OK, broken(GrpcTrailersLost)]),
        (
            UP,
            StepKind::Grpc,
            SilentAfterConnect,
            vec![("tcp_unacknowledged", 0.into()), ("tcp_retransmitted", 1.into())],
            [OK, broken(SilentAfterConnect)],
        ),
        (
            UP,
            StepKind::Grpc,
            SilentAfterConnect,
            vec![("tcp_unacknowledged", 2.into()), ("tcp_retransmitted", 3.into())],
            [broken(SilentAfterConnect), UNKNOWN],
        ),
        // What is under way when the step gives up is not lost.
        (
            UP,
            StepKind::Grpc,
            SilentAfterConnect,
            vec![("tcp_unacknowledged", 1.into()), ("tcp_retransmitted", 0.into())],
            [OK, broken(SilentAfterConnect)],
        ),
        (UP, StepKind::Grpc, BadGateway, vec![], [OK, broken(BadGateway)]),
        (UP, StepKind::Grpc, ResetAfterConnect, vec![], [UNKNOWN, UNKNOWN]),
        (UP, StepKind::Grpc, HttpStatus, vec![("status", 404.into())], [OK, UNKNOWN]),
        (
            UP,
            StepKind::Grpc,
            HttpStatus,
            vec![("status", 407.into())],
            [broken(HttpStatus), UNKNOWN],
        ),
        (UP, StepKind::Grpc, GrpcFailed, vec![("status", 200.into())], [OK, UNKNOWN]),
        (UP, StepKind::Grpc, HttpRedirected, vec![], [OK, UNKNOWN]),
        (&UP[..1], StepKind::Http, HttpRedirected, vec![], [UNKNOWN, UNKNOWN]),
    ] {
        let seen = seen(ends(climbed, Some((step, reason)), &facts), vec![ProofOutcome::None]);
        assert_eq!(stand(&front(Protocol::Grpc), &seen), wanted, "{reason} at {}", step.name());
    }
}

#[test]
fn a_fault_of_this_machine_says_nothing_of_a_leg() {
    let mut steps = ends(&[], Some((StepKind::Connect, Reason::LocalNoRoute)), &[]);
    make_local(&mut steps[0]);
    assert_eq!(stand(&front(Protocol::Https), &seen(steps, vec![])), [UNKNOWN, UNKNOWN]);
}

#[test]
fn an_answer_without_a_proof_shows_the_second_leg_only_where_no_front_makes_it_up() {
    let rungs = [UP, &[StepKind::Grpc]].concat();
    for (code, health, wanted) in
        [(0, Some("SERVING"), OK), (0, None, UNKNOWN), (12, None, UNKNOWN)]
    {
        let seen = seen(
            ends(&rungs, None, &[("grpc_status", code.into()), ("health", health.into())]),
            vec![ProofOutcome::None],
        );
        assert_eq!(stand(&front(Protocol::Grpc), &seen), [OK, wanted], "{code}");
    }
    let page = seen(ends(UP, None, &[("status", 200.into())]), vec![ProofOutcome::None]);
    assert_eq!(stand(&front(Protocol::Https), &page), [OK, UNKNOWN]);
}

#[test]
fn a_proof_from_behind_shows_both_legs_and_what_failed_after_it() {
    use Reason::*;
    let through = |steps| seen(steps, vec![proof("backend", 5001, false, Some(false))]);
    let rungs = [UP, &[StepKind::Grpc, StepKind::Proof]].concat();
    assert_eq!(stand(&front(Protocol::Grpc), &through(ends(&rungs, None, &[]))), [OK, OK]);
    for (step, reason, facts, wanted) in [
        (
            StepKind::Grpc,
            Http2NotCarried,
            vec![("listener_saw_http", "1.1".into())],
            [OK, broken(Http2NotCarried)],
        ),
        (StepKind::GrpcStream, GrpcBuffered, vec![], [OK, broken(GrpcBuffered)]),
        (StepKind::Http, HttpStatus, vec![("status", 404.into())], [OK, broken(HttpStatus)]),
        (StepKind::Payload, HttpStatus, vec![("status", 413.into())], [OK, broken(HttpStatus)]),
        (StepKind::Payload, GrpcFailed, vec![], [OK, broken(GrpcFailed)]),
        (
            StepKind::Payload,
            MtuBlackHole,
            vec![("tcp_unacknowledged", 3.into()), ("tcp_retransmitted", 4.into())],
            [broken(MtuBlackHole), UNKNOWN],
        ),
        (
            StepKind::Payload,
            MtuBlackHole,
            vec![("tcp_unacknowledged", 0.into()), ("tcp_retransmitted", 1.into())],
            [OK, broken(MtuBlackHole)],
        ),
        (StepKind::Payload, MtuBlackHole, vec![], [UNKNOWN, UNKNOWN]),
        (
            StepKind::Idle,
            IdleDropped,
            vec![("stream", "http2-not-carried".into())],
            [OK, broken(IdleDropped)],
        ),
        (
            StepKind::Idle,
            IdleDropped,
            vec![("tcp_unacknowledged", 1.into()), ("tcp_retransmitted", 2.into())],
            [broken(IdleDropped), UNKNOWN],
        ),
    ] {
        let seen = through(ends(&rungs, Some((step, reason)), &facts));
        assert_eq!(stand(&front(Protocol::Grpc), &seen), wanted, "{reason} {facts:?}");
    }
}

#[test]
fn a_stand_in_in_the_place_of_the_front_shows_nothing_of_the_second_leg() {
    let steps = ends(UP, None, &[]);
    assert_eq!(
        stand(&front(Protocol::Https), &seen(steps, vec![proof("psp", 443, true, Some(true))])),
        [OK, UNKNOWN]
    );
}

#[test]
fn a_listener_elsewhere_is_on_the_leg_that_its_tls_session_shows() {
    for (same, wanted) in [
        (Some(true), [broken(Reason::WrongListener), UNKNOWN]),
        (Some(false), [OK, broken(Reason::WrongListener)]),
        (None, [UNKNOWN, UNKNOWN]),
    ] {
        let seen = seen(ends(UP, None, &[]), vec![proof("another", 443, false, same)]);
        assert_eq!(stand(&front(Protocol::Https), &seen), wanted, "{same:?}");
    }
    let invalid = seen(ends(UP, None, &[]), vec![ProofOutcome::Invalid { why: "replay".into() }]);
    assert_eq!(stand(&front(Protocol::Https), &invalid), [UNKNOWN, UNKNOWN]);
}

#[test]
fn a_certificate_that_is_not_trusted_breaks_the_first_leg_whatever_comes_after() {
    let untrusted = |mut steps: Vec<Step>| {
        steps[1].outcome = steps[1].outcome.for_reason(Reason::TlsUntrusted);
        steps
    };
    let proved =
        seen(untrusted(ends(UP, None, &[])), vec![proof("backend", 5001, false, Some(false))]);
    assert_eq!(stand(&front(Protocol::Https), &proved), [broken(Reason::TlsUntrusted), OK]);
    let steps =
        untrusted(ends(UP, Some((StepKind::Grpc, Reason::BadGateway)), &[("status", 502.into())]));
    let dead = seen(steps, vec![ProofOutcome::None]);
    assert_eq!(
        stand(&front(Protocol::Grpc), &dead),
        [broken(Reason::TlsUntrusted), broken(Reason::BadGateway)]
    );
}

#[test]
fn the_first_broken_leg_is_named_and_the_advice_is_about_it() {
    let dead = seen(
        ends(UP, Some((StepKind::Grpc, Reason::BadGateway)), &[("status", 502.into())]),
        vec![ProofOutcome::None],
    );
    let judged = judge(&front(Protocol::Grpc), Some(&dead), Policy::default());
    let all = legs(&front(Protocol::Grpc), Some(&dead), judged.reason);
    assert_eq!(
        first_broken(&all).map(ToString::to_string).as_deref(),
        Some(
            "psp → backend: broken, bad-gateway (psp says that it got no answer from backend (502))"
        )
    );
    assert!(
        judged.advice.as_deref().is_some_and(|a| a.starts_with("Between psp and backend: ")),
        "{:?}",
        judged.advice
    );
    let shut = seen(ends(&[], Some((StepKind::Connect, Reason::Refused)), &[]), vec![]);
    let advice = judge(&front(Protocol::Grpc), Some(&shut), Policy::default()).advice;
    assert!(
        advice.as_deref().is_some_and(|a| a.starts_with("Nothing is listening on psp:443")),
        "{advice:?}"
    );
}
