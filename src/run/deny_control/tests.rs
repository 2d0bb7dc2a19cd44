use super::{Open, Row, open_ways};
use crate::matrix::model::Expect;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::{Control as Declared, Hop, PlannedFlow, RelayedTo};
use crate::reason::Reason;
use crate::run::probed::Probed;
use crate::site::model::Host;
use crate::verdict::tests::fixture::{flow, hop, proof, rung, seen};
use crate::verdict::{AnsweredBy, Judgement, Reached, Verdict};
use crate::wire::challenge::ProofOutcome;
use jiff::Timestamp;
use std::sync::Arc;

fn named(name: &str) -> Host {
    Host::Named { name: name.into(), addresses: Vec::new() }
}

fn judged(verdict: Verdict, reason: Reason) -> Judgement {
    Judgement {
        verdict,
        reason,
        ended: None,
        answered_by: AnsweredBy::Nobody,
        shut_by: None,
        legs: Vec::new(),
        advice: None,
        notes: Vec::new(),
    }
}

fn probed(hop: Hop, seen: Observation) -> Probed {
    Probed { hop: Arc::new(hop), seen: Some(seen) }
}

/// An allow hop of `ws` to `psp` that was answered.
fn allow() -> (Hop, Observation) {
    (hop(flow()), seen(vec![rung(StepKind::Connect, None, true)], vec![]))
}

fn deny(reason: Reason) -> Probed {
    probed(
        hop(PlannedFlow { expect: Expect::Deny, ..flow() }),
        seen(vec![rung(StepKind::Connect, Some(reason), false)], vec![]),
    )
}

/// The row of a deny hop beside one other hop that stands so.
fn row(other: (Hop, Observation), verdict: Verdict, deny: Probed) -> Row {
    let all = [probed(other.0, other.1), deny];
    let judgements =
        [judged(verdict, Reason::Answered), judged(Verdict::Inconclusive, Reason::Denied)];
    let open = open_ways(&all, &judgements);
    Row::new(1, &all, &judgements[1], &open, &[])
}

fn reached(other: (Hop, Observation)) -> Reached {
    row(other, Verdict::Pass, deny(Reason::TimedOut)).reached
}

#[test]
fn only_a_way_that_passed_is_a_control() {
    assert_eq!(reached(allow()), Reached::Yes);
    for verdict in [Verdict::Warn, Verdict::Inconclusive, Verdict::Skipped, Verdict::Fail] {
        assert_eq!(
            row(allow(), verdict, deny(Reason::TimedOut)).reached,
            Reached::No,
            "{verdict:?}"
        );
    }
}

#[test]
fn a_way_between_other_hosts_or_to_another_address_is_no_control() {
    let (mut to_another, seen) = allow();
    to_another.to.host = named("dc");
    assert_eq!(reached((to_another, seen.clone())), Reached::No);
    let (mut from_another, _) = allow();
    from_another.from.host = named("dc");
    assert_eq!(reached((from_another, seen.clone())), Reached::No);
    let (mut at_another, _) = allow();
    at_another.address = Some([127, 0, 0, 9].into());
    assert_eq!(reached((at_another, seen)), Reached::No);
}

#[test]
fn what_comes_from_behind_a_front_is_a_control_for_the_host_there() {
    let through = |proofs: Vec<ProofOutcome>, behind: &str| {
        let relayed = RelayedTo {
            role: "service".into(),
            hosts: vec![behind.into()],
            ..RelayedTo::default()
        };
        let mut hop = hop(PlannedFlow { relayed_to: Some(relayed), ..flow() });
        hop.to.host = named("front");
        hop.address = Some([127, 0, 0, 9].into());
        (hop, seen(vec![rung(StepKind::Connect, None, true)], proofs))
    };
    assert_eq!(
        reached(through(vec![proof("psp", 5000, true, None)], "psp")),
        Reached::Yes,
        "a listener's proof"
    );
    assert_eq!(reached(through(vec![proof("dc", 5000, true, None)], "psp")), Reached::No);
    assert_eq!(reached(through(vec![], "psp")), Reached::Yes, "the real service's answer");
    assert_eq!(reached(through(vec![], "dc")), Reached::No);
}

#[test]
fn a_front_that_refuses_a_path_must_pass_another_on() {
    let relayed = || {
        Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["behind".into()],
            ..RelayedTo::default()
        })
    };
    let path = || {
        probed(
            hop(PlannedFlow { expect: Expect::Deny, relayed_to: relayed(), ..flow() }),
            allow().1,
        )
    };
    assert_eq!(row(allow(), Verdict::Pass, path()).reached, Reached::Yes);
    let (mut other_port, seen) = allow();
    other_port.port = 8443;
    assert_eq!(
        row((other_port, seen), Verdict::Pass, path()).reached,
        Reached::No,
        "another port of the front"
    );
}

#[test]
fn a_listener_that_has_the_port_would_have_answered() {
    let mut with_ports = proof("psp", 443, true, None);
    if let ProofOutcome::Valid { claims, .. } = &mut with_ports {
        claims.ports = "443,5000".into();
    }
    let (hop, _) = allow();
    assert_eq!(
        reached((hop, seen(vec![rung(StepKind::Connect, None, true)], vec![with_ports]))),
        Reached::Holds
    );
}

#[test]
fn a_declared_port_is_a_control_where_nothing_else_is() {
    let all = [deny(Reason::TimedOut)];
    let judgement = judged(Verdict::Inconclusive, Reason::Denied);
    let of = |host: &str| {
        let row = Row::new(0, &all, &judgement, &[], &[Declared { host: host.into(), port: 3389 }]);
        (row.reached, row.control)
    };
    assert_eq!(
        of("psp"),
        (Reached::Yes, Some(Open::Declared(([127, 0, 0, 1], 3389).into(), None)))
    );
    assert_eq!(of("dc"), (Reached::No, None));
}

#[test]
fn losses_between_the_hosts_make_silence_doubtful() {
    let (hop, mut seen) = allow();
    assert!(!row((hop.clone(), seen.clone()), Verdict::Pass, deny(Reason::TimedOut)).lossy);
    seen.evidence.push(Evidence {
        source: None,
        destination: ([127, 0, 0, 1], 443).into(),
        sent_at: Timestamp::UNIX_EPOCH,
        attempt: 2,
        syns: None,
        outcome: None,
        icmp: None,
    });
    assert!(row((hop.clone(), seen.clone()), Verdict::Pass, deny(Reason::TimedOut)).lossy);
    assert!(
        !row((hop, seen), Verdict::Pass, deny(Reason::AdminProhibited)).lossy,
        "what was told to be shut is shut"
    );
}
