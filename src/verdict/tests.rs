//! One observation in, one verdict out, without a network.

use super::{AnsweredBy, Control, Expected, Policy, Reached, Verdict, judge};
use crate::matrix::model::{Expect, Protocol};
use crate::observation::{
    Detail, Evidence, Icmp, Initiator, NodeAnswer, Observation, PathNode, Step, StepKind, Trace,
};
use crate::plan::model::{Hop, HopEnd, PlannedFlow, RelayedTo};
use crate::proto::challenge::{Claims, ProofOutcome, TlsSeen};
use crate::proto::sighting::{Doubt, Seen, Sighting};
use crate::reason::Reason;
use crate::site::model::Host;
use jiff::Timestamp;
use std::sync::Arc;

pub(crate) fn flow() -> PlannedFlow {
    PlannedFlow {
        id: "m/f".into(),
        matrix: "p/m".into(),
        protocol: Protocol::Https,
        relayed_to: None,
        path: None,
        starttls: false,
        interfaces: Vec::new(),
        range: None,
        first_bytes: true,
        greeting: None,
        expect: Expect::Allow,
        required: true,
        source: "Table, row 1".into(),
        remark: None,
        doubt: None,
        inferred: None,
        certificate: None,
        networks: Vec::new(),
        locate: None,
        caution: None,
    }
}

pub(crate) fn hop(flow: PlannedFlow) -> Hop {
    let named = |name: &str| Host::Named { name: name.into(), addresses: Vec::new() };
    Hop {
        id: "m/f/ws/psp:443".into(),
        flow: Arc::new(flow),
        from: HopEnd { role: "agent".into(), host: named("ws") },
        to: HopEnd { role: "service".into(), host: named("psp") },
        address: Some([127, 0, 0, 1].into()),
        port: 443,
        class: None,
        proxy: None,
        also: Vec::new(),
    }
}

pub(crate) fn rung(step: StepKind, reason: Option<Reason>, ok: bool) -> Step {
    let initiator = (!ok).then_some(Initiator::Unknown);
    Step { step, ok, reason, initiator, at_ms: 0.0, ms: 1.0, detail: Detail::new() }
}

pub(crate) fn seen(steps: Vec<Step>, proofs: Vec<ProofOutcome>) -> Observation {
    Observation { proofs, ..Observation::of_steps("", Timestamp::UNIX_EPOCH, 1.0, steps) }
}

pub(crate) fn proof(
    host: &str,
    port: u16,
    own_certificate: bool,
    same: Option<bool>,
) -> ProofOutcome {
    let claims = Claims {
        sighting: None,
        swept: None,
        arrived: None,
        ports: String::new(),
        instance: String::new(),
        started: None,
        nonce: String::new(),
        hop: String::new(),
        also: Vec::new(),
        host: host.into(),
        local: ([127, 0, 0, 1], port).into(),
        peer: ([127, 0, 0, 2], 40_000).into(),
        tls: Some(TlsSeen { own_certificate, ..TlsSeen::default() }),
        http: None,
        proxy_protocol: None,
        now: Timestamp::UNIX_EPOCH,
    };
    ProofOutcome::Valid { claims, same_tls_session: same }
}

pub(crate) fn up() -> Vec<Step> {
    vec![
        rung(StepKind::Connect, None, true),
        rung(StepKind::Tls, None, true),
        rung(StepKind::Http, None, true),
    ]
}

pub(crate) fn verdict(hop: &Hop, seen: &Observation) -> (Verdict, Reason, AnsweredBy) {
    let j = judge(hop, Some(seen), Policy::default());
    (j.verdict, j.reason, j.answered_by)
}

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
    strangers.steps[1].detail.insert("subject".into(), "O=portmatrix stand-in, CN=psp".into());
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
    steps[1].detail.insert("certificate_sha256".into(), "that of a device in front".into());
    let seen = seen(steps, vec![proof("backend", 5000, true, Some(false))]);
    assert_eq!(
        verdict(&hop(relayed), &seen),
        (Verdict::Fail, Reason::TlsUntrusted, AnsweredBy::StandIn)
    );
}

#[test]
fn on_rpc_one_port_does_not_prove_another() {
    let rpc = || PlannedFlow { protocol: Protocol::Rpc, ..flow() };
    let with = |port: u64| {
        let mut step = rung(StepKind::Proof, None, true);
        step.detail =
            Detail::from([("port".into(), port.into()), ("local".into(), "127.0.0.1:135".into())]);
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
    local.steps[0].initiator = Some(Initiator::Local);
    assert_eq!(verdict(&hop(flow()), &local).0, Verdict::Inconclusive);
}

#[test]
fn an_address_outside_the_published_ranges_warns() {
    let cloud =
        PlannedFlow { networks: vec!["20.20.32.0/19".parse().expect("a network")], ..flow() };
    assert_eq!(verdict(&hop(cloud), &seen(up(), vec![])).1, Reason::AddressOutsideRanges);
}

pub(crate) fn deny() -> PlannedFlow {
    PlannedFlow { expect: Expect::Deny, protocol: Protocol::Http, ..flow() }
}

/// What the listener at the other end says of a connection from port 50000 to the hop's own.
fn told(state: Seen, listening: bool) -> Sighting {
    let peer = (state >= Seen::HalfOpen).then_some(([10, 0, 0, 1], 50000).into());
    let local = peer.map(|_| ([10, 0, 0, 9], 443).into());
    let doubt = (state == Seen::Unknown).then_some(Doubt::AnotherProgram);
    Sighting { listening, doubt, peer, local, ..Sighting::of(state) }
}

/// The second look, with a control that holds in every respect.
pub(crate) fn with_control(
    judgement: super::Judgement,
    reached: Reached,
    opened: bool,
) -> super::Judgement {
    super::with_control(judgement, &Control::that_holds(reached), opened)
}

/// A connection from port 50000 that ended so, and what the other end says of it.
fn both_ends(step: StepKind, reason: Option<Reason>, sighting: Sighting) -> Observation {
    let opened = step != StepKind::Connect;
    let mut steps = vec![rung(StepKind::Connect, None, true); usize::from(opened)];
    steps.extend(reason.map(|reason| rung(step, Some(reason), false)));
    let evidence = Evidence {
        source: Some(([10, 0, 0, 1], 50000).into()),
        destination: ([10, 0, 0, 9], 443).into(),
        sent_at: Timestamp::UNIX_EPOCH,
        attempts: 1,
        syns: None,
        outcome: reason.filter(|_| !opened),
        icmp: None,
    };
    Observation { evidence: vec![evidence], sighting: Some(sighting), ..seen(steps, vec![]) }
}

#[test]
fn what_was_sent_on_to_another_port_of_the_host_never_arrived() {
    let plain = PlannedFlow { protocol: Protocol::Tcp, first_bytes: false, ..flow() };
    let other = Some(([10, 0, 0, 9], 8443).into());
    let peer = Some(([10, 0, 0, 1], 50000).into());
    let sent_on = Sighting {
        own: true,
        doubt: Some(Doubt::OthersCame),
        peer,
        local: other,
        elsewhere: other,
        ..told(Seen::Unknown, true)
    };
    let judged = |sighting: &Sighting, holds: bool| {
        let mut seen = both_ends(StepKind::Settle, None, sighting.clone());
        seen.known.listener_holds = holds;
        let judged = judge(&hop(plain.clone()), Some(&seen), Policy::default());
        (
            judged.verdict,
            judged.reason,
            judged.notes.iter().any(|n| n.contains("came from there came to")),
        )
    };
    assert_eq!(judged(&sent_on, true), (Verdict::Fail, Reason::AnsweredByMiddlebox, true));
    let unknown = (Verdict::Inconclusive, Reason::NotProved, false);
    assert_eq!(
        judged(&sent_on, false),
        unknown,
        "another program has the port: it may have got the connection"
    );
    assert_eq!(
        judged(&Sighting { translated: true, ..sent_on.clone() }, true),
        unknown,
        "NAT gives ports anew"
    );
    assert_eq!(
        judged(&Sighting { own: false, ..sent_on.clone() }, true),
        unknown,
        "not the listener's own address"
    );
    assert_eq!(
        judged(&Sighting { elsewhere: None, ..sent_on }, true),
        unknown,
        "others came, this one perhaps among them"
    );
}

#[test]
fn a_connection_that_is_cut_off_is_shut_only_where_the_listener_saw_it() {
    for reason in
        [Reason::ClosedAfterConnect, Reason::ResetAfterConnect, Reason::SilentAfterConnect]
    {
        let judged = |sighting| {
            judge(
                &hop(deny()),
                Some(&both_ends(StepKind::Http, Some(reason), sighting)),
                Policy::default(),
            )
        };
        let cut_off = judged(told(Seen::Opened, true));
        if reason == Reason::SilentAfterConnect {
            let lost = with_control(cut_off, Reached::Holds, true);
            assert_eq!(
                (lost.verdict, lost.reason),
                (Verdict::Fail, Reason::UnexpectedlyOpen),
                "it opens there, and what follows is lost"
            );
        } else {
            assert_eq!(
                (cut_off.verdict, cut_off.reason),
                (Verdict::Inconclusive, Reason::Denied),
                "{reason}"
            );
            assert_eq!(
                with_control(cut_off, Reached::Holds, true).verdict,
                Verdict::Pass,
                "{reason}: a filter"
            );
        }
        let answered = judged(told(Seen::Proved, true));
        assert_eq!(
            (answered.verdict, answered.reason),
            (Verdict::Fail, Reason::UnexpectedlyOpen),
            "{reason}: what arrives is open"
        );
        for state in [Seen::Unknown, Seen::Nothing, Seen::HalfOpen, Seen::TurnedAway] {
            // Of another program's port the listener does not say that it has it.
            let control = if state == Seen::Unknown { Reached::Yes } else { Reached::Holds };
            let judged = with_control(judged(told(state, true)), control, true);
            assert_ne!(judged.verdict, Verdict::Pass, "{reason} {state:?}: {:?}", judged.notes);
        }
        // Nobody could be asked: a device may have ended it, or the listener itself, which did not
        // understand what a device on the way made of it.
        let nobody_asked = judge(
            &hop(deny()),
            Some(&seen(
                vec![
                    rung(StepKind::Connect, None, true),
                    rung(StepKind::Http, Some(reason), false),
                ],
                vec![],
            )),
            Policy::default(),
        );
        assert_ne!(
            with_control(nobody_asked.clone(), Reached::Yes, true).verdict,
            Verdict::Pass,
            "{reason}"
        );
        let wanted = if reason == Reason::SilentAfterConnect {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        };
        assert_eq!(with_control(nobody_asked, Reached::Holds, true).verdict, wanted, "{reason}");
    }
}

#[test]
fn a_way_that_must_be_shut_is_open_to_what_arrives() {
    let judged = |reason, sighting| {
        let judged = judge(
            &hop(deny()),
            Some(&both_ends(StepKind::Connect, Some(reason), sighting)),
            Policy::default(),
        );
        with_control(judged, Reached::Holds, false).verdict
    };
    assert_eq!(judged(Reason::TimedOut, told(Seen::Nothing, true)), Verdict::Pass);
    assert_eq!(
        judged(Reason::TimedOut, told(Seen::Unknown, true)),
        Verdict::Pass,
        "a real service's port that is silent from here"
    );
    assert_eq!(judged(Reason::TimedOut, told(Seen::HalfOpen, true)), Verdict::Inconclusive);
    let gone = Sighting { doubt: Some(Doubt::GoneAtOnce), ..told(Seen::Unknown, true) };
    assert_eq!(judged(Reason::TimedOut, gone), Verdict::Inconclusive);
    assert_eq!(
        judged(Reason::Refused, told(Seen::Nothing, true)),
        Verdict::Pass,
        "reset on the way"
    );
    for sighting in
        [told(Seen::HalfOpen, true), told(Seen::Unknown, true), told(Seen::Nothing, false)]
    {
        assert_eq!(
            judged(Reason::Refused, sighting.clone()),
            Verdict::Inconclusive,
            "{sighting:?}"
        );
    }
}

#[test]
fn both_ends_together_tell_more_than_one() {
    let http = PlannedFlow { protocol: Protocol::Http, ..flow() };
    let of =
        |step, reason, sighting| verdict(&hop(http.clone()), &both_ends(step, reason, sighting));
    let fail = |reason, by| (Verdict::Fail, reason, by);
    let (timed_out, refused) = (Some(Reason::TimedOut), Some(Reason::Refused));
    assert_eq!(
        of(StepKind::Connect, timed_out, told(Seen::HalfOpen, true)),
        fail(Reason::ReplyLost, AnsweredBy::Nobody)
    );
    assert_eq!(
        of(StepKind::Connect, refused, told(Seen::Nothing, true)),
        fail(Reason::Rejected, AnsweredBy::Nobody)
    );
    assert_eq!(
        of(StepKind::Connect, refused, told(Seen::Unknown, true)),
        fail(Reason::Refused, AnsweredBy::Nobody),
        "another program's port"
    );
    assert_eq!(
        of(StepKind::Http, None, told(Seen::Nothing, true)),
        fail(Reason::AnsweredByMiddlebox, AnsweredBy::Middlebox)
    );
    let translated = |state| Sighting { translated: true, ..told(state, true) };
    assert_eq!(
        of(StepKind::Http, None, translated(Seen::Nothing)).1,
        Reason::AnsweredByMiddlebox,
        "nothing came from anybody"
    );
    assert_eq!(
        of(StepKind::Http, None, translated(Seen::HalfOpen)).0,
        Verdict::Pass,
        "it may be another one's"
    );
    assert_eq!(
        of(StepKind::Connect, timed_out, told(Seen::Proved, true)).1,
        Reason::TimedOut,
        "another connection"
    );
    assert_eq!(
        of(StepKind::Http, Some(Reason::SilentAfterConnect), told(Seen::HalfOpen, true)).1,
        Reason::SilentAfterConnect
    );
    let closed = Some(Reason::ClosedAfterConnect);
    assert_eq!(
        of(StepKind::Http, closed, told(Seen::TurnedAway, true)),
        (Verdict::Inconclusive, Reason::NotTested, AnsweredBy::StandIn)
    );
    assert_eq!(
        of(StepKind::Http, closed, told(Seen::NotAllowed, true)).1,
        Reason::ClosedAfterConnect
    );
    // A plain connection is proved by the listener that saw this very one open, and by no less.
    let tcp = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let mute =
        |state| verdict(&hop(tcp.clone()), &both_ends(StepKind::Http, None, told(state, true)));
    assert_eq!(mute(Seen::Opened), (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn));
    assert_eq!(mute(Seen::HalfOpen), fail(Reason::SilentAfterConnect, AnsweredBy::Nobody));
    let mut cut_off = both_ends(StepKind::Http, None, told(Seen::Opened, true));
    cut_off.known.cut_off = Some(Reason::ResetAfterConnect);
    assert_eq!(
        verdict(&hop(tcp), &cut_off),
        (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::StandIn),
        "it opens there, and what is said on it is ended"
    );
}

#[test]
fn what_this_machine_did_to_itself_shuts_no_way() {
    for reason in [Reason::TimedOut, Reason::HostUnreachable] {
        let mut local = seen(vec![rung(StepKind::Connect, Some(reason), false)], vec![]);
        local.steps[0].initiator = Some(Initiator::Local);
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
    both.steps[1].initiator = Some(Initiator::Local);
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

fn attempt(attempts: u32, syns: u32, outcome: Option<Reason>) -> Evidence {
    let destination = ([10, 3, 0, 9], 443).into();
    let source = Some(([10, 1, 0, 2], 40_000 + u16::try_from(attempts).unwrap_or_default()).into());
    Evidence {
        source,
        destination,
        sent_at: Timestamp::UNIX_EPOCH,
        attempts,
        syns: Some(syns),
        outcome,
        icmp: None,
    }
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
fn advice_names_the_device_whose_log_to_read() {
    let node = |answer, from: Option<[u8; 4]>| PathNode {
        ttl: 1,
        answer,
        from: from.map(Into::into),
        icmp: None,
        ms: None,
    };
    let walk = |port, nodes| Some(Trace { destination: ([10, 3, 0, 9], port).into(), nodes });
    let advice = |reason, icmp, trace| {
        let evidence = vec![attempt(1, 3, Some(reason)), attempt(2, 1, Some(reason))];
        let mut seen = Observation {
            evidence,
            trace,
            ..seen(vec![rung(StepKind::Connect, Some(reason), false)], vec![])
        };
        seen.evidence[1].icmp = icmp;
        seen.steps[0].initiator =
            Some(if icmp.is_some() { Initiator::Path } else { Initiator::Unknown });
        judge(&hop(flow()), Some(&seen), Policy::default()).advice.unwrap_or_default()
    };
    let beyond = || {
        vec![node(NodeAnswer::TimeExceeded, Some([10, 1, 2, 1])), node(NodeAnswer::Silent, None)]
    };
    let silent = || vec![node(NodeAnswer::Silent, None)];
    let begin = "Allow TCP 10.1.0.2 → 10.3.0.9:443; look for 10.1.0.2:40002 at 1970-01-01 \
        00:00:00.000Z in ";
    let icmp = Icmp { kind: 3, code: 13, from: [10, 2, 0, 1].into() };
    for (reason, icmp, trace, end) in [
        (
            Reason::TimedOut,
            None,
            walk(443, beyond()),
            "the log of 10.1.2.1 or the device after it.",
        ),
        (
            Reason::TimedOut,
            None,
            walk(443, silent()),
            "the logs of this machine's own firewall and of its first router.",
        ),
        (
            Reason::TimedOut,
            None,
            walk(389, beyond()),
            "the log of 10.1.2.1 or the device after it, as on the way to 10.3.0.9:389.",
        ),
        (Reason::TimedOut, None, walk(389, silent()), "the logs on the way."),
        (Reason::TimedOut, None, None, "the logs on the way."),
        (
            Reason::AdminProhibited,
            Some(icmp),
            walk(443, beyond()),
            "the log of 10.2.0.1, which said so (ICMP 3/13).",
        ),
    ] {
        assert_eq!(advice(reason, icmp, trace), format!("{begin}{end}"));
    }
    assert!(
        advice(Reason::HostUnreachable, None, None)
            .contains("nobody on this machine's own network answers for it")
    );
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
