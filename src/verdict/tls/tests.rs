use super::super::tests::fixture::{flow, hop, named, rung, seen};
use super::super::{AnsweredBy, Policy, Verdict, judge};
use super::*;
use crate::matrix::model::NameClass;
use crate::wire::challenge::ProofOutcome;
use serde_json::{Value, json};

fn with(mut step: Step, facts: &[(&str, Value)]) -> Step {
    step.facts.absorb(named(step.step, facts));
    step
}

fn failed(step: StepKind, reason: Reason, facts: &[(&str, Value)]) -> Observation {
    let tls = (step != StepKind::Tls).then(|| {
        with(rung(StepKind::Tls, None, true), &[("client_certificate_wanted", true.into())])
    });
    let steps = [rung(StepKind::Connect, None, true)]
        .into_iter()
        .chain(tls)
        .chain([with(rung(step, Some(reason), false), facts)]);
    seen(steps.collect(), Vec::new())
}

/// A session with a certificate, and an answer of its service.
fn answered(
    reason: Option<Reason>,
    facts: &[(&str, Value)],
    proofs: Vec<ProofOutcome>,
) -> Observation {
    let steps = vec![
        rung(StepKind::Connect, None, true),
        with(rung(StepKind::Tls, reason, true), facts),
        rung(StepKind::Http, None, true),
    ];
    seen(steps, proofs)
}

#[test]
fn what_this_program_does_not_speak_is_not_broken() {
    let told = json!({ "version": "TLS 1.2", "cipher": "TLS_RSA_WITH_AES_256_GCM_SHA384" });
    let seen = failed(StepKind::Tls, Reason::TlsNotSupportedHere, &[("second_greeting", told)]);
    let judged = judge(&hop(flow()), Some(&seen), Policy::default());
    assert_eq!(
        (judged.verdict, judged.reason, judged.answered_by),
        (Verdict::Inconclusive, Reason::TlsNotSupportedHere, AnsweredBy::Unproved)
    );
    assert!(
        judged
            .notes
            .iter()
            .any(|note| note.contains("cipher suite TLS_RSA_WITH_AES_256_GCM_SHA384")),
        "{:?}",
        judged.notes
    );
    assert!(
        judged
            .advice
            .is_some_and(|advice| advice.contains("cipher suite") && !advice.contains("filter"))
    );
}

#[test]
fn a_client_certificate_is_no_matter_of_the_way() {
    for seen in [
        failed(StepKind::Tls, Reason::ClientCertificateWanted, &[("alert_code", 40.into())]),
        failed(StepKind::Http, Reason::ClientCertificateWanted, &[("alert_code", 116.into())]),
        failed(StepKind::Ldap, Reason::ClientCertificateWanted, &[]),
    ] {
        let judged = judge(&hop(flow()), Some(&seen), Policy::default());
        assert_eq!(
            (judged.verdict, judged.reason),
            (Verdict::Inconclusive, Reason::ClientCertificateWanted)
        );
        let words = judged.advice.expect("advice");
        assert!(
            words.contains("client certificate")
                && !words.contains("filter")
                && !words.contains("Allow"),
            "{words}"
        );
    }
}

#[test]
fn alerts_are_about_the_right_thing() {
    for (code, words) in [
        (112, "No such name is configured"),
        (49, "by its own rules"),
        (80, "fault of its own"),
        (50, "Look at the TLS settings"),
    ] {
        let seen =
            failed(StepKind::Tls, Reason::TlsHandshakeFailed, &[("alert_code", code.into())]);
        let judged = judge(&hop(flow()), Some(&seen), Policy::default());
        assert_eq!((judged.verdict, judged.reason), (Verdict::Fail, Reason::TlsHandshakeFailed));
        assert!(
            judged.advice.as_deref().is_some_and(|advice| advice.contains(words)),
            "{:?}",
            judged.advice
        );
        assert!(
            judged.notes.iter().any(|note| note.contains(Alert(code).name())),
            "{:?}",
            judged.notes
        );
    }
}

#[test]
fn a_signature_that_was_not_checked_needs_a_proof() {
    let facts = [
        ("signature_not_checked", Value::from("a key Ed448 is not supported here")),
        ("trusted", true.into()),
    ];
    let judged = judge(&hop(flow()), Some(&answered(None, &facts, Vec::new())), Policy::default());
    assert_eq!(
        (judged.verdict, judged.reason),
        (Verdict::Inconclusive, Reason::TlsNotSupportedHere)
    );
    let step = with(rung(StepKind::Tls, None, true), &facts);
    assert!(!is_open(&step, &hop(flow()), true), "a proof names the session");
}

#[test]
fn what_cannot_be_judged_is_no_distrust() {
    for fault in Fault::ALL.iter().filter(|fault| fault.is_unjudged()) {
        let facts = [("finding", Value::from(fault.word())), ("trusted", false.into())];
        let judged = judge(
            &hop(flow()),
            Some(&answered(Some(fault.reason()), &facts, Vec::new())),
            Policy::default(),
        );
        assert_eq!(
            (judged.verdict, judged.reason),
            (Verdict::Inconclusive, Reason::TlsNotSupportedHere),
            "{fault:?}"
        );
        assert!(judged.advice.is_some_and(|advice| !advice.contains("trust")), "{fault:?}");
    }
}

#[test]
fn every_fault_of_a_certificate_has_its_advice() {
    for fault in Fault::ALL.iter().filter(|fault| !fault.is_unjudged()) {
        let facts = [("finding", Value::from(fault.word()))];
        let judged = judge(
            &hop(flow()),
            Some(&answered(Some(fault.reason()), &facts, Vec::new())),
            Policy::default(),
        );
        assert_eq!((judged.verdict, judged.reason), (Verdict::Fail, fault.reason()), "{fault:?}");
        assert!(judged.advice.is_some(), "{fault:?}");
    }
}

#[test]
fn a_cloud_service_whose_root_is_unknown_is_not_green() {
    let cloud = Hop { class: Some(NameClass::Core), ..hop(flow()) };
    let judged = |facts: &[(&str, Value)]| {
        judge(&cloud, Some(&answered(None, facts, Vec::new())), Policy::default())
    };
    assert_eq!(
        judged(&[("trusted", true.into()), ("public_root", true.into())]).verdict,
        Verdict::Pass
    );
    assert_eq!(judged(&[("trusted", true.into())]).verdict, Verdict::Inconclusive);
    assert_eq!(
        judged(&[("trusted", true.into()), ("public_root", false.into())]).reason,
        Reason::TlsIntercepted
    );
}
