//! One observation in, one verdict out, without a network.

pub(crate) mod fixture;

use super::{AnsweredBy, Expected, Policy, Reached, Verdict, judge};
use crate::matrix::model::Protocol;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::{PlannedFlow, RelayedTo};
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use crate::wire::sighting::{Arrived, Doubt, Seen, Sighting, tag_of_words};
use fixture::{attempt, deny, flow, hop, make_local, proof, rung, seen, up, verdict, with_control};

#[test]
fn nobody_looked_is_never_green() {
    assert_eq!(judge(&hop(flow()), None, Policy::default()).verdict, Verdict::Skipped);
    assert_eq!(verdict(&hop(flow()), &seen(vec![], vec![])).0, Verdict::Skipped);
}

#[test]
fn a_proof_from_the_right_listener_passes() {
    let seen = seen(up(), vec![proof("psp", 443, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &seen), (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn));
}

#[test]
fn a_proof_from_elsewhere_fails() {
    let other_host = seen(up(), vec![proof("dc", 443, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &other_host).1, Reason::WrongListener);
    let other_port = seen(up(), vec![proof("psp", 444, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &other_port).1, Reason::WrongListener);
    let opened = seen(up(), vec![proof("psp", 443, true, Some(false))]);
    assert_eq!(
        verdict(&hop(flow()), &opened),
        (Verdict::Fail, Reason::TlsIntercepted, AnsweredBy::Middlebox)
    );
}

#[test]
fn a_front_may_end_tls_where_the_plan_has_one() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..flow()
    };
    let seen = seen(up(), vec![proof("backend", 5000, false, Some(false))]);
    assert_eq!(verdict(&hop(relayed), &seen), (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn));
    assert_eq!(
        verdict(&hop(flow()), &seen).0,
        Verdict::Fail,
        "without a front in the plan nobody may end TLS"
    );
}

#[test]
fn an_invalid_proof_fails_even_when_everything_else_is_well() {
    let steps = [up(), vec![rung(StepKind::Proof, Some(Reason::ProofInvalid), false)]].concat();
    let seen = seen(steps, vec![ProofOutcome::Invalid { why: "replay".into() }]);
    assert_eq!(
        verdict(&hop(flow()), &seen),
        (Verdict::Fail, Reason::ProofInvalid, AnsweredBy::Middlebox)
    );
}

#[test]
fn without_a_proof_it_depends_on_the_protocol_and_the_policy() {
    let unproved = seen(up(), vec![ProofOutcome::None]);
    assert_eq!(
        verdict(&hop(flow()), &unproved),
        (Verdict::Pass, Reason::Answered, AnsweredBy::Unproved)
    );
    let strict = judge(&hop(flow()), Some(&unproved), Policy { expected: Expected::StandIn });
    assert_eq!((strict.verdict, strict.reason), (Verdict::Fail, Reason::NotProved));
    let tcp = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let open = seen(vec![rung(StepKind::Connect, None, true)], vec![ProofOutcome::None]);
    assert_eq!(
        verdict(&hop(tcp), &open),
        (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved)
    );
}

/// Somebody on the way may have taken the proof out of the answer, or made the answer himself.
#[test]
fn a_proof_that_did_not_come_back_is_no_proof() {
    let mut seen = seen(up(), vec![ProofOutcome::None]);
    let came =
        |proved, marked, path| Arrived { proved, marked, path, whole: true, ..Arrived::default() };
    seen.known.arrived = Some(came(1, 1, 0));
    assert_eq!(
        verdict(&hop(flow()), &seen),
        (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved)
    );
    let strict = judge(&hop(flow()), Some(&seen), Policy { expected: Expected::StandIn });
    assert_eq!((strict.verdict, strict.reason), (Verdict::Fail, Reason::NotProved));
    // A front may take it out. What has no challenge and no mark in it, anybody can send.
    let behind = || {
        let relayed = RelayedTo { hosts: vec!["psp".into()], ..RelayedTo::default() };
        hop(PlannedFlow { relayed_to: Some(relayed), ..flow() })
    };
    assert_eq!(verdict(&behind(), &seen).1, Reason::Proved);
    seen.known.arrived = Some(came(0, 0, 3));
    assert_eq!(verdict(&behind(), &seen).0, Verdict::Inconclusive);
    seen.known.arrived = Some(came(0, 0, 0));
    assert_eq!(verdict(&behind(), &seen).1, Reason::AnsweredByMiddlebox);
}

/// A device may let the handshake through, and nothing that is said on the connection.
#[test]
fn the_listeners_word_is_about_what_was_said() {
    let kerberos = PlannedFlow { protocol: Protocol::Kerberos, ..flow() };
    let mut seen = seen(
        vec![rung(StepKind::Connect, None, true), rung(StepKind::Greeting, None, true)],
        vec![ProofOutcome::NotAsked],
    );
    seen.steps[1].facts.greeting.stand_in = true;
    seen.evidence =
        vec![Evidence { source: Some(([10, 0, 0, 1], 50_000).into()), ..attempt(1, 1, None) }];
    let word = |answered: &[&[u8]]| Sighting {
        own: true,
        listening: true,
        peer: Some(([10, 0, 0, 1], 50_000).into()),
        local: Some(([127, 0, 0, 1], 443).into()),
        answered: answered.iter().map(|words| tag_of_words(words)).collect(),
        ..Sighting::of(Seen::Opened)
    };
    let judged = |seen: &Observation| verdict(&hop(kerberos.clone()), seen).1;
    seen.said = Some(tag_of_words(b"AS-REQ"));
    seen.sighting = Some(word(&[b"", b"AS-REQ"]));
    assert_eq!(judged(&seen), Reason::Proved);
    seen.sighting = Some(word(&[b""]));
    assert_eq!(judged(&seen), Reason::NotProved);
    seen.sighting = Some(word(&[]));
    assert_eq!(judged(&seen), Reason::NotProved);
}

#[test]
fn a_port_of_the_listener_must_prove_itself_whatever_else_came_to_it() {
    let mut seen = seen(up(), vec![ProofOutcome::None]);
    let told = |doubt| Sighting {
        own: true,
        listening: true,
        doubt: Some(doubt),
        ..Sighting::of(Seen::Unknown)
    };
    seen.sighting = Some(told(Doubt::OthersCame));
    assert_eq!(verdict(&hop(flow()), &seen).1, Reason::AnsweredByMiddlebox);
    seen.sighting = Some(told(Doubt::BeganLater));
    assert_ne!(verdict(&hop(flow()), &seen).1, Reason::AnsweredByMiddlebox);
}

#[test]
fn one_unproved_connection_of_several_is_not_a_proof() {
    let rpc = PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    let half = seen(up(), vec![proof("psp", 443, true, None), ProofOutcome::None]);
    assert_eq!(verdict(&hop(rpc), &half).1, Reason::Answered);
}

#[test]
fn an_interface_with_a_shut_port_beside_an_open_one_warns() {
    let rpc = PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    let half = seen(
        vec![rung(StepKind::RpcPort, Some(Reason::RpcPortBlocked), true)],
        vec![proof("psp", 443, true, None)],
    );
    assert_eq!(
        verdict(&hop(rpc), &half),
        (Verdict::Warn, Reason::RpcPortBlocked, AnsweredBy::StandIn)
    );
}

#[test]
fn certificates_are_judged_unless_they_are_the_stand_ins_own() {
    let untrusted = vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::Tls, Some(Reason::TlsUntrusted), true),
    ];
    let own = seen(untrusted.clone(), vec![proof("psp", 443, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &own).0, Verdict::Pass);
    let given = seen(untrusted.clone(), vec![proof("psp", 443, false, Some(true))]);
    assert_eq!(
        verdict(&hop(flow()), &given),
        (Verdict::Fail, Reason::TlsUntrusted, AnsweredBy::StandIn)
    );
    let mut strangers = seen(untrusted, vec![ProofOutcome::None]);
    assert_eq!(verdict(&hop(flow()), &strangers).1, Reason::TlsUntrusted);
    strangers.steps[1].facts.certificate.subject = Some("O=portmatrix stand-in, CN=psp".into());
    assert_eq!(
        verdict(&hop(flow()), &strangers),
        (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved)
    );
}

#[test]
fn a_stand_in_behind_a_relay_does_not_vouch_for_the_certificate_in_front() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..flow()
    };
    let mut steps = vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::Tls, Some(Reason::TlsUntrusted), true),
    ];
    steps[1].facts.tls.certificate_sha256 = Some("that of a device in front".into());
    let seen = seen(steps, vec![proof("backend", 5000, true, Some(false))]);
    assert_eq!(
        verdict(&hop(relayed), &seen),
        (Verdict::Fail, Reason::TlsUntrusted, AnsweredBy::StandIn)
    );
}

#[test]
fn on_rpc_one_port_does_not_prove_another() {
    let rpc = || PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    let with = |port: u16| {
        let mut step = rung(StepKind::Proof, None, true);
        step.facts.proof.port = Some(port);
        step.facts.proof.local = Some(([127, 0, 0, 1], 135).into());
        seen([up(), vec![step]].concat(), vec![proof("psp", 135, false, None)])
    };
    assert_eq!(
        verdict(&hop(rpc()), &with(135)),
        (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn)
    );
    assert_eq!(
        verdict(&hop(rpc()), &with(49_700)),
        (Verdict::Fail, Reason::WrongListener, AnsweredBy::StandIn)
    );
}

#[test]
fn a_changed_destination_is_told() {
    let mut moved = hop(flow());
    moved.address = Some([10, 0, 0, 9].into());
    let judged = judge(
        &moved,
        Some(&seen(up(), vec![proof("psp", 443, false, Some(true))])),
        Policy::default(),
    );
    assert!(
        judged.notes.iter().any(|n| n.contains("10.0.0.9 arrives at 127.0.0.1")),
        "{:?}",
        judged.notes
    );
}

#[test]
fn failures_keep_their_reason_and_local_ones_do_not_count() {
    let timed_out = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
    assert_eq!(
        verdict(&hop(flow()), &timed_out),
        (Verdict::Fail, Reason::TimedOut, AnsweredBy::Nobody)
    );
    let optional = PlannedFlow { required: false, ..flow() };
    assert_eq!(verdict(&hop(optional), &timed_out).0, Verdict::Warn);
    let mut local =
        seen(vec![rung(StepKind::Connect, Some(Reason::LocalResources), false)], vec![]);
    make_local(&mut local.steps[0]);
    assert_eq!(verdict(&hop(flow()), &local).0, Verdict::Inconclusive);
}

#[test]
fn an_address_outside_the_published_ranges_warns() {
    let cloud =
        PlannedFlow { networks: vec!["20.20.32.0/19".parse().expect("a network")], ..flow() };
    assert_eq!(verdict(&hop(cloud), &seen(up(), vec![])).1, Reason::AddressOutsideRanges);
}

#[test]
fn what_this_machine_did_to_itself_shuts_no_way() {
    for reason in [Reason::TimedOut, Reason::HostUnreachable] {
        let mut local = seen(vec![rung(StepKind::Connect, Some(reason), false)], vec![]);
        make_local(&mut local.steps[0]);
        let judged = judge(&hop(deny()), Some(&local), Policy::default());
        assert_eq!(
            with_control(judged, Reached::Holds, false).verdict,
            Verdict::Inconclusive,
            "{reason}"
        );
    }
}

#[test]
fn a_local_fault_does_not_hide_one_of_the_way() {
    let steps = vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::RpcPort, Some(Reason::LocalResources), false),
        rung(StepKind::RpcPort, Some(Reason::RpcPortBlocked), false),
    ];
    let mut both = seen(steps, vec![]);
    make_local(&mut both.steps[1]);
    let rpc = PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    assert_eq!(
        verdict(&hop(rpc), &both),
        (Verdict::Fail, Reason::RpcPortBlocked, AnsweredBy::Nobody)
    );
}

#[test]
fn an_interface_with_one_blocked_port_of_several_warns() {
    let steps = vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::RpcPort, Some(Reason::RpcPortBlocked), true),
    ];
    let rpc = PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    let seen = seen(steps, vec![proof("psp", 443, true, None)]);
    assert_eq!(
        verdict(&hop(rpc), &seen),
        (Verdict::Warn, Reason::RpcPortBlocked, AnsweredBy::StandIn)
    );
}

#[test]
fn a_stand_in_in_the_place_of_the_front_says_so() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..flow()
    };
    let judged = judge(
        &hop(relayed),
        Some(&seen(up(), vec![proof("psp", 443, true, Some(true))])),
        Policy::default(),
    );
    assert!(
        judged.notes.iter().any(|n| n.contains("in the place of the front")),
        "{:?}",
        judged.notes
    );
}

#[test]
fn a_connection_that_needed_another_try_warns_unless_something_is_worse() {
    let with = |evidence, steps, proofs| Observation { evidence, ..seen(steps, proofs) };
    let proved = || vec![proof("psp", 443, true, Some(true))];
    let lost = vec![attempt(1, 2, Some(Reason::TimedOut)), attempt(2, 1, None)];
    let again = with(lost.clone(), up(), proved());
    assert_eq!(
        verdict(&hop(flow()), &again),
        (Verdict::Warn, Reason::Retried, AnsweredBy::StandIn)
    );
    let judged = judge(&hop(flow()), Some(&again), Policy::default());
    assert!(
        judged.notes.iter().any(|n| n == "the connection to 10.3.0.9:443 opened at attempt 2"),
        "{:?}",
        judged.notes
    );
    assert!(
        judged
            .advice
            .is_some_and(|a| a.contains("loses the first packets of TCP 10.1.0.2 → 10.3.0.9:443"))
    );
    let second_syn = with(vec![attempt(1, 3, None)], up(), vec![]);
    assert_eq!(
        verdict(&hop(flow()), &second_syn),
        (Verdict::Warn, Reason::Retried, AnsweredBy::Unproved)
    );
    let at_once = with(vec![attempt(1, 1, None)], up(), proved());
    assert_eq!(verdict(&hop(flow()), &at_once).0, Verdict::Pass);
    let other_host = with(lost.clone(), up(), vec![proof("dc", 443, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &other_host).1, Reason::WrongListener);
    let tcp = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let open =
        with(lost.clone(), vec![rung(StepKind::Connect, None, true)], vec![ProofOutcome::None]);
    assert_eq!(verdict(&hop(tcp), &open).0, Verdict::Inconclusive);
    let untrusted = vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::Tls, Some(Reason::TlsUntrusted), true),
    ];
    assert_eq!(verdict(&hop(flow()), &with(lost, untrusted, vec![])).1, Reason::TlsUntrusted);
}

#[test]
fn a_front_that_names_itself_names_no_service() {
    for (only_fronts, failed, answered_by) in [
        (false, None, AnsweredBy::Service),
        (true, None, AnsweredBy::Unproved),
        (false, Some(Reason::HttpStatus), AnsweredBy::Service),
        (true, Some(Reason::HttpStatus), AnsweredBy::Unproved),
        (true, Some(Reason::BadGateway), AnsweredBy::Middlebox),
    ] {
        let steps = vec![
            rung(StepKind::Connect, None, true),
            rung(StepKind::Http, failed, failed.is_none()),
        ];
        let seen = Observation {
            recognised: Some("a product".into()),
            only_fronts,
            ..seen(steps, vec![ProofOutcome::None])
        };
        assert_eq!(
            judge(&hop(flow()), Some(&seen), Policy::default()).answered_by,
            answered_by,
            "{only_fronts} {failed:?}"
        );
    }
}
