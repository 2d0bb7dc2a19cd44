use super::second_look;
use crate::result::HopResult;
use crate::verdict::Verdict;
use serde_json::json;

/// A hop of `ws` to `psp`, as it stands in a result file.
fn hop(expect: &str, verdict: &str, reason: &str, address: &str, steps: &serde_json::Value) -> HopResult {
    let hop = json!({
        "hop": "m/f/ws/psp:443", "flow": "m/f", "source": "Table, row 1", "protocol": "http", "expect": expect, "required": true,
        "from": { "role": "agent", "host": "ws" }, "to": { "role": "service", "host": "psp", "address": address, "port": 5000 },
        "verdict": verdict, "reason": reason, "answered_by": "nobody", "ms": 1.0, "steps": steps, "evidence": [],
    });
    serde_json::from_value(hop).expect("a hop of a result file")
}

fn deny(address: &str) -> HopResult {
    hop("deny", "inconclusive", "denied", address, &json!([]))
}

fn looked_at(control: HopResult, address: &str) -> Verdict {
    second_look(vec![control, deny(address)])[1].verdict
}

#[test]
fn only_a_way_that_passed_is_a_control() {
    let allow = |verdict, reason| hop("allow", verdict, reason, "10.0.0.1", &json!([]));
    assert_eq!(looked_at(allow("pass", "answered"), "10.0.0.1"), Verdict::Pass);
    for (verdict, reason) in [("warn", "tls-expired"), ("inconclusive", "not-proved"), ("skipped", "not-tested"), ("fail", "refused")] {
        assert_eq!(looked_at(allow(verdict, reason), "10.0.0.1"), Verdict::Inconclusive, "{verdict}");
    }
    assert_eq!(second_look(vec![deny("10.0.0.1")])[0].verdict, Verdict::Inconclusive);
}

#[test]
fn a_way_between_other_hosts_is_no_control() {
    let mut to_another = hop("allow", "pass", "proved", "10.0.0.1", &json!([]));
    to_another.to.host = "dc".into();
    assert_eq!(looked_at(to_another, "10.0.0.1"), Verdict::Inconclusive);
    let mut from_another = hop("allow", "pass", "proved", "10.0.0.1", &json!([]));
    from_another.from.host = "dc".into();
    assert_eq!(looked_at(from_another, "10.0.0.1"), Verdict::Inconclusive);
}

#[test]
fn the_other_address_of_a_host_is_no_control() {
    assert_eq!(looked_at(hop("allow", "pass", "proved", "10.0.0.1", &json!([])), "10.0.0.2"), Verdict::Inconclusive);
}

#[test]
fn a_proof_from_behind_a_front_is_a_control_for_the_host_that_gave_it() {
    let proof = |host: &str| json!([{ "step": "proof", "ok": true, "at_ms": 0.0, "ms": 0.0, "detail": { "host": host, "local": "10.0.0.1:5000" } }]);
    let through_front = |host: &str| {
        let mut hop = hop("allow", "pass", "proved", "10.0.0.9", &proof(host));
        hop.to.host = "front".into();
        hop
    };
    assert_eq!(looked_at(through_front("psp"), "10.0.0.1"), Verdict::Pass);
    assert_eq!(looked_at(through_front("dc"), "10.0.0.1"), Verdict::Inconclusive);
}

#[test]
fn silence_among_losses_shows_no_rule() {
    let silent = || {
        hop(
            "deny",
            "inconclusive",
            "denied",
            "10.0.0.1",
            &json!([{ "step": "connect", "ok": false, "reason": "timed-out", "at_ms": 0.0, "ms": 0.0 }]),
        )
    };
    let mut control = hop("allow", "pass", "proved", "10.0.0.1", &json!([]));
    assert_eq!(second_look(vec![control.clone(), silent()])[1].verdict, Verdict::Pass);
    let late = json!({ "destination": "10.0.0.1:5000", "sent_at": "2026-11-24T04:00:00Z", "attempts": 2 });
    control.evidence.push(serde_json::from_value(late).expect("evidence"));
    let looked_at = second_look(vec![control.clone(), silent()]);
    assert_eq!(looked_at[1].verdict, Verdict::Inconclusive);
    assert!(looked_at[1].notes.iter().any(|n| n.contains("were lost")), "{:?}", looked_at[1].notes);
    assert_eq!(second_look(vec![control, deny("10.0.0.1")])[1].verdict, Verdict::Pass, "what was told to be shut is shut");
}

#[test]
fn a_front_that_refuses_a_path_must_pass_another_on() {
    let mut refused = hop(
        "deny",
        "inconclusive",
        "denied",
        "10.0.0.1",
        &json!([{ "step": "http", "ok": true, "at_ms": 0.0, "ms": 0.0, "detail": { "status": 403 } }]),
    );
    refused.path = Some("/admin".into());
    let mut control = hop("allow", "pass", "proved", "10.0.0.1", &json!([]));
    assert_eq!(second_look(vec![control.clone(), refused.clone()])[1].verdict, Verdict::Pass);
    control.to.port = Some(443);
    assert_eq!(second_look(vec![control, refused])[1].verdict, Verdict::Inconclusive, "another port of the front");
}
