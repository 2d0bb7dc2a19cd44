//! Rows that must be shut: one observation in, one verdict out.

use super::super::tests::fixture::{deny, hop, proof, rung, seen, up, verdict, with_control};
use super::super::{Policy, Verdict, judge};
use crate::matrix::port_set::PortSet;
use crate::observation::facts::{Facts, RefusedBy};
use crate::observation::{Observation, StepKind};
use crate::plan::model::{PlannedFlow, RelayedTo};
use crate::plan::options::Options;
use crate::reason::Reason;
use crate::verdict::deny_control::{Again, Control, Reached, Still, same_again};
use crate::wire::challenge::ProofOutcome;
use crate::wire::sighting::Arrived;

#[test]
fn a_deny_hop_passes_only_with_an_open_way_beside_it() {
    let shut = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
    let judged = judge(&hop(deny()), Some(&shut), Policy::default());
    assert_eq!((judged.verdict, judged.reason), (Verdict::Inconclusive, Reason::Denied));
    assert_eq!(with_control(judged.clone(), Reached::No, false).verdict, Verdict::Inconclusive);
    assert_eq!(with_control(judged, Reached::Yes, false).verdict, Verdict::Pass);
}

#[test]
fn a_deny_hop_does_not_pass_for_another_reason() {
    for (step, reason) in [
        (StepKind::Resolve, Reason::NameNotFound),
        (StepKind::Connect, Reason::LocalResources),
        (StepKind::Connect, Reason::LocalNoRoute),
        (StepKind::Connect, Reason::Refused),
    ] {
        let judged = judge(
            &hop(deny()),
            Some(&seen(vec![rung(step, Some(reason), false)], vec![])),
            Policy::default(),
        );
        assert_eq!(
            with_control(judged, Reached::Holds, false).verdict,
            Verdict::Inconclusive,
            "{reason}"
        );
    }
}

#[test]
fn an_open_deny_hop_fails() {
    let open = seen(up(), vec![proof("psp", 443, true, None)]);
    assert_eq!(verdict(&hop(deny()), &open).1, Reason::UnexpectedlyOpen);
    let mut page = seen(up(), vec![]);
    page.steps[2].facts.http.status = Some(200);
    assert_eq!(verdict(&hop(deny()), &page).1, Reason::UnexpectedlyOpen);
    let silent = seen(
        vec![
            rung(StepKind::Connect, None, true),
            rung(StepKind::Http, Some(Reason::SilentAfterConnect), false),
        ],
        vec![],
    );
    assert_eq!(verdict(&hop(deny()), &silent).1, Reason::UnexpectedlyOpen, "the port is open");
}

#[test]
fn a_front_that_refuses_the_path_denies() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..deny()
    };
    let mut refused = seen(up(), vec![ProofOutcome::None]);
    refused.steps[2].facts.http.status = Some(404);
    assert_eq!(
        verdict(&hop(relayed.clone()), &refused).1,
        Reason::DeniedOtherwise,
        "nothing tells who refused"
    );
    for (by, reason) in [
        (RefusedBy::Front, Reason::Denied),
        (RefusedBy::Service, Reason::DeniedOtherwise),
        (RefusedBy::StandIn, Reason::DeniedOtherwise),
    ] {
        refused.steps[2].facts.http.refused_by = Some(by);
        assert_eq!(verdict(&hop(relayed.clone()), &refused).1, reason, "{by:?}");
    }
    refused.steps[2].facts.http.refused_by = Some(RefusedBy::Service);
    refused.known.arrived = Some(Arrived { whole: true, ..Arrived::default() });
    assert_eq!(
        verdict(&hop(relayed.clone()), &refused).1,
        Reason::DeniedOtherwise,
        "nothing came to the listener behind; there may be another host behind"
    );
    refused.steps[2].facts.http.front_page = true;
    assert_eq!(
        verdict(&hop(relayed.clone()), &refused).1,
        Reason::Denied,
        "the listener behind knows that nothing came"
    );
    refused.steps[2].facts.http.refused_by = Some(RefusedBy::Front);
    refused.known.arrived = Some(Arrived { whole: true, elsewhere: 1, ..Arrived::default() });
    assert_eq!(
        verdict(&hop(relayed.clone()), &refused).1,
        Reason::DeniedOtherwise,
        "the front's own page, and something came under another path"
    );
    refused.known.arrived = Some(Arrived { whole: true, ..Arrived::default() });
    refused.steps[2].facts.http.refused_alone = Some(200);
    assert_eq!(
        verdict(&hop(relayed.clone()), &refused).1,
        Reason::DeniedOtherwise,
        "a path below it is passed on"
    );
    refused.steps[2].facts.http.refused_alone = None;
    refused.known.arrived = None;
    // Where no front is meant it is the host that says 404, on a port that is open.
    assert_eq!(verdict(&hop(deny()), &refused).1, Reason::DeniedOtherwise);
    // Who is asked for a password has reached it.
    refused.steps[2].facts.http.status = Some(401);
    assert_eq!(verdict(&hop(relayed.clone()), &refused).1, Reason::DeniedOtherwise);
    // Our own listener in the front's place refuses as well, and shows nothing.
    let mut stand_in = seen(up(), vec![proof("psp", 443, true, Some(true))]);
    stand_in.steps[2].facts.http.status = Some(404);
    assert_eq!(verdict(&hop(relayed.clone()), &stand_in).0, Verdict::Inconclusive);
    // Without a key only the certificate says so.
    let mut without_key = seen(up(), vec![ProofOutcome::NotAsked]);
    without_key.steps[2].facts.http.status = Some(404);
    without_key.steps[2].facts.http.refused_by = Some(RefusedBy::Front);
    assert_eq!(
        verdict(&hop(relayed.clone()), &without_key).1,
        Reason::Denied,
        "a certificate of somebody else's"
    );
    without_key.steps[1].facts.certificate.subject = Some("O=portmatrix stand-in, CN=psp".into());
    assert_eq!(verdict(&hop(relayed.clone()), &without_key).1, Reason::DeniedOtherwise);
    // A front that passes the path on is a finding, whatever the host behind it says.
    let mut passed_on = seen(up(), vec![proof("backend", 5000, true, Some(false))]);
    passed_on.steps[2].facts.http.status = Some(404);
    assert_eq!(verdict(&hop(relayed), &passed_on).1, Reason::UnexpectedlyOpen);
}

#[test]
fn a_front_that_answers_by_itself_may_refuse_or_want_a_sign_in() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..deny()
    };
    let mut page = seen(up(), vec![ProofOutcome::None]);
    page.known.arrived = Some(Arrived { whole: true, ..Arrived::default() });
    for status in [200, 302, 401, 429, 502] {
        page.steps[2].facts.http.status = Some(status);
        assert_eq!(verdict(&hop(relayed.clone()), &page).0, Verdict::Inconclusive, "{status}");
        assert_eq!(verdict(&hop(relayed.clone()), &page).1, Reason::DeniedOtherwise, "{status}");
    }
    // Who names himself was reached, though it is none of the plan's hosts.
    page.steps[2].facts.http.status = Some(404);
    page.recognised = Some("Kestrel".into());
    assert_eq!(verdict(&hop(relayed), &page).1, Reason::DeniedOtherwise);
}

#[test]
fn only_the_same_refusal_is_still_shut() {
    let refused = |status: u16, by: Option<RefusedBy>, proofs| {
        let mut seen = seen(up(), proofs);
        seen.steps[2].facts.http.status = Some(status);
        seen.steps[2].facts.http.refused_by = by;
        seen
    };
    let first = refused(403, Some(RefusedBy::Front), vec![ProofOutcome::None]);
    let again = |now: &Observation| same_again(&first, now);
    assert_eq!(again(&refused(403, Some(RefusedBy::Front), vec![ProofOutcome::None])), Again::Shut);
    assert_eq!(
        again(&refused(404, Some(RefusedBy::Service), vec![ProofOutcome::None])),
        Again::Otherwise(Reason::HttpStatus)
    );
    assert_eq!(
        again(&refused(403, Some(RefusedBy::Service), vec![ProofOutcome::None])),
        Again::Otherwise(Reason::HttpStatus)
    );
    assert_eq!(
        again(&refused(404, None, vec![proof("backend", 5000, true, None)])),
        Again::Open,
        "the listener behind was reached"
    );
    assert_eq!(again(&refused(200, None, vec![ProofOutcome::None])), Again::Open);
}

#[test]
fn a_control_of_which_nothing_is_known_lets_nothing_pass() {
    let shut = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
    let judged = judge(&hop(deny()), Some(&shut), Policy::default());
    for after in [None, Some(Still::Unknown), Some(Still::Shut)] {
        let control = Control { after, ..Control::that_holds(Reached::Holds) };
        assert_eq!(
            crate::verdict::deny_control::with_control(judged.clone(), &control, false).verdict,
            Verdict::Inconclusive,
            "{after:?}"
        );
    }
}

#[test]
fn a_front_that_ends_the_connection_refuses_where_nothing_came_behind_it() {
    let relayed = PlannedFlow {
        relayed_to: Some(RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ..RelayedTo::default()
        }),
        ..deny()
    };
    let of = |reason, arrived| {
        let mut ended = seen(
            vec![rung(StepKind::Connect, None, true), rung(StepKind::Http, Some(reason), false)],
            vec![ProofOutcome::None],
        );
        ended.known.arrived = arrived;
        verdict(&hop(relayed.clone()), &ended).1
    };
    let nothing = Some(Arrived { whole: true, ..Arrived::default() });
    assert_eq!(of(Reason::ClosedAfterConnect, nothing), Reason::Denied);
    assert_eq!(of(Reason::ResetAfterConnect, nothing), Reason::Denied);
    assert_eq!(
        of(Reason::SilentAfterConnect, nothing),
        Reason::DeniedOtherwise,
        "it may have been lost"
    );
    assert_eq!(
        of(Reason::ClosedAfterConnect, None),
        Reason::DeniedOtherwise,
        "nobody says what came behind the front"
    );
    let part = Some(Arrived { whole: false, ..Arrived::default() });
    assert_eq!(
        of(Reason::ClosedAfterConnect, part),
        Reason::DeniedOtherwise,
        "one of several hosts does not tell"
    );
}

#[test]
fn what_is_open_to_some_connections_is_not_shut() {
    let shut = verdict_of_a_silent_row();
    let control = |again| Control { again: Some(again), ..Control::that_holds(Reached::Holds) };
    let some = crate::verdict::deny_control::with_control(
        shut.clone(),
        &control(Again::OpenToSome { opened: 3, of: 16 }),
        false,
    );
    assert_eq!((some.verdict, some.reason), (Verdict::Fail, Reason::UnexpectedlyOpen));
    assert!(
        some.notes.iter().any(|n| n.contains("of 16 connections") && n.contains("3 opened")),
        "{:?}",
        some.notes
    );
    assert_eq!(
        crate::verdict::deny_control::with_control(shut.clone(), &control(Again::Open), false)
            .verdict,
        Verdict::Inconclusive,
        "open since then"
    );
    assert_eq!(
        crate::verdict::deny_control::with_control(shut, &control(Again::Shut), false).verdict,
        Verdict::Pass
    );
}

fn verdict_of_a_silent_row() -> crate::verdict::Judgement {
    judge(
        &hop(deny()),
        Some(&seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![])),
        Policy::default(),
    )
}

#[test]
fn a_row_of_rpc_is_as_shut_as_its_range() {
    let rpc = PlannedFlow {
        options: Options::Rpc { interfaces: Vec::new(), range: Some(PortSet::run(50000, 50019)) },
        ..deny()
    };
    let judged = |facts: serde_json::Value| {
        let mut shut = seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![]);
        let facts = serde_json::from_value(facts).expect("facts by name");
        shut.steps[0].facts = Facts::of_flat(StepKind::Connect, facts);
        let (verdict, reason, _) = verdict(&hop(rpc.clone()), &shut);
        (verdict, reason)
    };
    let of = |open: &[u16], ended: serde_json::Value| {
        judged(serde_json::json!({ "range_tried": 3, "range_open": open, "range_ended": ended }))
    };
    let shut = (Verdict::Inconclusive, Reason::Denied);
    let doubtful = (Verdict::Inconclusive, Reason::DeniedOtherwise);
    assert_eq!(of(&[], serde_json::json!({ "timed-out": 2, "admin-prohibited": 1 })), shut);
    assert_eq!(
        of(&[50001], serde_json::json!({ "timed-out": 2 })),
        (Verdict::Fail, Reason::UnexpectedlyOpen)
    );
    // A host where nobody listens, and a machine that could not even ask.
    for odd in ["refused", "local-resources", "local-permission", "reset-after-connect"] {
        assert_eq!(of(&[], serde_json::json!({ "timed-out": 2, odd: 1 })), doubtful, "{odd}");
    }
    assert_eq!(judged(serde_json::json!({})), doubtful, "nobody looked");
}
