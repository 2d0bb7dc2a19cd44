//! One observation in, one verdict out, without a network.

use super::{AnsweredBy, Policy, Verdict, judge, with_control};
use crate::matrix::model::{Expect, Protocol};
use crate::observation::{Detail, Initiator, Observation, Step, StepKind};
use crate::plan::model::{Hop, HopEnd, PlannedFlow, RelayedTo};
use crate::proto::challenge::{Claims, ProofOutcome, TlsSeen};
use crate::reason::Reason;
use crate::site::model::Host;
use jiff::Timestamp;
use std::sync::Arc;

fn flow() -> PlannedFlow {
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
        expect: Expect::Allow,
        required: true,
        source: "Table, row 1".into(),
        remark: None,
        doubt: None,
        inferred: None,
        networks: Vec::new(),
    }
}

fn hop(flow: PlannedFlow) -> Hop {
    let named = |name: &str| Host::Named { name: name.into(), addresses: Vec::new() };
    Hop {
        id: "m/f/ws/psp:443".into(),
        flow: Arc::new(flow),
        from: HopEnd { role: "agent".into(), host: named("ws") },
        to: HopEnd { role: "service".into(), host: named("psp") },
        address: Some([127, 0, 0, 1].into()),
        port: 443,
        also: Vec::new(),
    }
}

fn rung(step: StepKind, reason: Option<Reason>, ok: bool) -> Step {
    let initiator = (!ok).then_some(Initiator::Unknown);
    Step { step, ok, reason, initiator, at_ms: 0.0, ms: 1.0, detail: Detail::new() }
}

fn seen(steps: Vec<Step>, proofs: Vec<ProofOutcome>) -> Observation {
    Observation { hop: String::new(), started: Timestamp::UNIX_EPOCH, ms: 1.0, steps, evidence: Vec::new(), proofs, recognised: None }
}

fn proof(host: &str, port: u16, own_certificate: bool, same: Option<bool>) -> ProofOutcome {
    let claims = Claims {
        nonce: String::new(),
        hop: String::new(),
        host: host.into(),
        local: ([127, 0, 0, 1], port).into(),
        peer: ([127, 0, 0, 2], 40_000).into(),
        tls: Some(TlsSeen { own_certificate, ..TlsSeen::default() }),
        http: None,
        now: Timestamp::UNIX_EPOCH,
    };
    ProofOutcome::Valid { claims, same_tls_session: same }
}

fn up() -> Vec<Step> {
    vec![rung(StepKind::Connect, None, true), rung(StepKind::Tls, None, true), rung(StepKind::Http, None, true)]
}

fn verdict(hop: &Hop, seen: &Observation) -> (Verdict, Reason, AnsweredBy) {
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
    assert_eq!(verdict(&hop(flow()), &opened), (Verdict::Fail, Reason::TlsIntercepted, AnsweredBy::Middlebox));
}

#[test]
fn a_front_may_end_tls_where_the_plan_has_one() {
    let relayed = PlannedFlow { relayed_to: Some(RelayedTo { role: "service".into(), hosts: vec!["backend".into()] }), ..flow() };
    let seen = seen(up(), vec![proof("backend", 5000, false, Some(false))]);
    assert_eq!(verdict(&hop(relayed), &seen), (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn));
    assert_eq!(verdict(&hop(flow()), &seen).0, Verdict::Fail, "without a front in the plan nobody may end TLS");
}

#[test]
fn an_invalid_proof_fails_even_when_everything_else_is_well() {
    let steps = [up(), vec![rung(StepKind::Proof, Some(Reason::ProofInvalid), false)]].concat();
    let seen = seen(steps, vec![ProofOutcome::Invalid { why: "replay".into() }]);
    assert_eq!(verdict(&hop(flow()), &seen), (Verdict::Fail, Reason::ProofInvalid, AnsweredBy::Middlebox));
}

#[test]
fn without_a_proof_it_depends_on_the_protocol_and_the_policy() {
    let unproved = seen(up(), vec![ProofOutcome::None]);
    assert_eq!(verdict(&hop(flow()), &unproved), (Verdict::Pass, Reason::Answered, AnsweredBy::Unproved));
    let strict = judge(&hop(flow()), Some(&unproved), Policy { require_proof: true });
    assert_eq!((strict.verdict, strict.reason), (Verdict::Fail, Reason::NotProved));
    let tcp = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let open = seen(vec![rung(StepKind::Connect, None, true)], vec![ProofOutcome::None]);
    assert_eq!(verdict(&hop(tcp), &open), (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved));
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
    let half = seen(vec![rung(StepKind::RpcPort, Some(Reason::RpcPortBlocked), true)], vec![proof("psp", 443, true, None)]);
    assert_eq!(verdict(&hop(rpc), &half), (Verdict::Warn, Reason::RpcPortBlocked, AnsweredBy::StandIn));
}

#[test]
fn certificates_are_judged_unless_they_are_the_stand_ins_own() {
    let untrusted = vec![rung(StepKind::Connect, None, true), rung(StepKind::Tls, Some(Reason::TlsUntrusted), true)];
    let own = seen(untrusted.clone(), vec![proof("psp", 443, true, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &own).0, Verdict::Pass);
    let given = seen(untrusted.clone(), vec![proof("psp", 443, false, Some(true))]);
    assert_eq!(verdict(&hop(flow()), &given), (Verdict::Fail, Reason::TlsUntrusted, AnsweredBy::StandIn));
    let mut strangers = seen(untrusted, vec![ProofOutcome::None]);
    assert_eq!(verdict(&hop(flow()), &strangers).1, Reason::TlsUntrusted);
    strangers.steps[1].detail.insert("subject".into(), "O=portmatrix stand-in, CN=psp".into());
    assert_eq!(verdict(&hop(flow()), &strangers), (Verdict::Warn, Reason::NotProved, AnsweredBy::Unproved));
}

#[test]
fn failures_keep_their_reason_and_local_ones_do_not_count() {
    let timed_out = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
    assert_eq!(verdict(&hop(flow()), &timed_out), (Verdict::Fail, Reason::TimedOut, AnsweredBy::Nobody));
    let optional = PlannedFlow { required: false, ..flow() };
    assert_eq!(verdict(&hop(optional), &timed_out).0, Verdict::Warn);
    let mut local = seen(vec![rung(StepKind::Connect, Some(Reason::LocalResources), false)], vec![]);
    local.steps[0].initiator = Some(Initiator::Local);
    assert_eq!(verdict(&hop(flow()), &local).0, Verdict::Inconclusive);
}

#[test]
fn an_address_outside_the_published_ranges_warns() {
    let cloud = PlannedFlow { networks: vec!["20.20.32.0/19".parse().expect("a network")], ..flow() };
    assert_eq!(verdict(&hop(cloud), &seen(up(), vec![])).1, Reason::AddressOutsideRanges);
}

fn deny() -> PlannedFlow {
    PlannedFlow { expect: Expect::Deny, protocol: Protocol::Http, ..flow() }
}

#[test]
fn a_deny_hop_passes_only_with_an_open_way_beside_it() {
    let shut = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
    let judged = judge(&hop(deny()), Some(&shut), Policy::default());
    assert_eq!((judged.verdict, judged.reason), (Verdict::Inconclusive, Reason::Denied));
    assert_eq!(with_control(judged.clone(), false).verdict, Verdict::Inconclusive);
    assert_eq!(with_control(judged, true).verdict, Verdict::Pass);
}

#[test]
fn a_deny_hop_does_not_pass_for_another_reason() {
    for (step, reason) in [
        (StepKind::Resolve, Reason::NameNotFound),
        (StepKind::Connect, Reason::LocalResources),
        (StepKind::Connect, Reason::LocalNoRoute),
        (StepKind::Connect, Reason::Refused),
    ] {
        let judged = judge(&hop(deny()), Some(&seen(vec![rung(step, Some(reason), false)], vec![])), Policy::default());
        assert_eq!(with_control(judged, true).verdict, Verdict::Inconclusive, "{reason}");
    }
}

#[test]
fn an_open_deny_hop_fails() {
    let open = seen(up(), vec![proof("psp", 443, true, None)]);
    assert_eq!(verdict(&hop(deny()), &open).1, Reason::UnexpectedlyOpen);
    let mut page = seen(up(), vec![]);
    page.steps[2].detail.insert("status".into(), 200.into());
    assert_eq!(verdict(&hop(deny()), &page).1, Reason::UnexpectedlyOpen);
    let silent = seen(vec![rung(StepKind::Connect, None, true), rung(StepKind::Http, Some(Reason::SilentAfterConnect), false)], vec![]);
    assert_eq!(verdict(&hop(deny()), &silent).1, Reason::UnexpectedlyOpen, "the port is open");
}

#[test]
fn a_front_that_refuses_the_path_denies() {
    let mut refused = seen(up(), vec![ProofOutcome::None]);
    refused.steps[2].detail.insert("status".into(), 404.into());
    assert_eq!(verdict(&hop(deny()), &refused).1, Reason::Denied);
    // Our own listener in the front's place refuses as well, and shows nothing.
    let relayed = PlannedFlow { relayed_to: Some(RelayedTo { role: "service".into(), hosts: vec!["backend".into()] }), ..deny() };
    let mut stand_in = seen(up(), vec![proof("psp", 443, true, Some(true))]);
    stand_in.steps[2].detail.insert("status".into(), 404.into());
    assert_eq!(verdict(&hop(relayed.clone()), &stand_in).0, Verdict::Inconclusive);
    // Without a key only the certificate says so.
    let mut without_key = seen(up(), vec![ProofOutcome::NotAsked]);
    without_key.steps[2].detail.insert("status".into(), 404.into());
    assert_eq!(verdict(&hop(relayed.clone()), &without_key).1, Reason::Denied, "a certificate of somebody else's");
    without_key.steps[1].detail.insert("subject".into(), "O=portmatrix stand-in, CN=psp".into());
    assert_eq!(verdict(&hop(relayed.clone()), &without_key).1, Reason::DeniedOtherwise);
    // A front that passes the path on is a finding, whatever the host behind it says.
    let mut passed_on = seen(up(), vec![proof("backend", 5000, true, Some(false))]);
    passed_on.steps[2].detail.insert("status".into(), 404.into());
    assert_eq!(verdict(&hop(relayed), &passed_on).1, Reason::UnexpectedlyOpen);
}
