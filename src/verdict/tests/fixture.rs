//! Hops and observations for tests of verdicts.

use crate::matrix::model::{Expect, Protocol};
use crate::observation::{Evidence, Facts, Initiator, Observation, Outcome, Step, StepKind};
use crate::plan::model::{Hop, HopEnd, PlannedFlow};
use crate::reason::Reason;
use crate::site::model::Host;
use crate::verdict::{AnsweredBy, Control, Policy, Reached, Verdict, judge};
use crate::wire::challenge::{Claims, ProofOutcome, TlsSeen};
use jiff::Timestamp;
use std::sync::Arc;

pub(crate) fn flow() -> PlannedFlow {
    PlannedFlow {
        matrix: "p/m".into(),
        source: "Table, row 1".into(),
        ..PlannedFlow::new("m/f", Protocol::Https)
    }
}

pub(crate) fn hop(flow: PlannedFlow) -> Hop {
    let named = |name: &str| Host::Named { name: name.into(), addresses: Vec::new() };
    let from = HopEnd { role: "agent".into(), host: named("ws") };
    let to = HopEnd { role: "service".into(), host: named("psp") };
    let address = Some([127, 0, 0, 1].into());
    Hop { id: "m/f/ws/psp:443".into(), ..Hop::new(Arc::new(flow), from, to, address, 443) }
}

pub(crate) fn rung(step: StepKind, reason: Option<Reason>, ok: bool) -> Step {
    Step::new(step, Outcome::of(ok, reason, None), Facts::default())
}

/// The same step, ended by this machine.
pub(crate) fn make_local(step: &mut Step) {
    step.outcome = Outcome::of(false, step.reason(), Some(Initiator::Local));
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
        tls: Some(TlsSeen { own_certificate, ..TlsSeen::default() }),
        ..Claims::new(
            host,
            ([127, 0, 0, 1], port).into(),
            ([127, 0, 0, 2], 40_000).into(),
            Timestamp::UNIX_EPOCH,
        )
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

pub(crate) fn deny() -> PlannedFlow {
    PlannedFlow { expect: Expect::Deny, protocol: Protocol::Http, ..flow() }
}

/// The second look, with a control that holds in every respect.
pub(crate) fn with_control(
    judgement: crate::verdict::Judgement,
    reached: Reached,
    opened: bool,
) -> crate::verdict::Judgement {
    crate::verdict::with_control(judgement, &Control::that_holds(reached), opened)
}

/// Facts of a step by their names.
pub fn named(step: StepKind, facts: &[(&str, serde_json::Value)]) -> Facts {
    let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Facts::of_flat(step, facts)
}

pub(crate) fn attempt(attempts: u32, syns: u32, outcome: Option<Reason>) -> Evidence {
    let destination = ([10, 3, 0, 9], 443).into();
    let source = Some(([10, 1, 0, 2], 40_000 + u16::try_from(attempts).unwrap_or_default()).into());
    Evidence {
        source,
        destination,
        sent_at: Timestamp::UNIX_EPOCH,
        attempt: attempts,
        syns: Some(syns),
        outcome,
        icmp: None,
    }
}
