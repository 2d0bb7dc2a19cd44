//! What the sweep of a dynamic range says besides which of its ports are shut.

use super::allow::claims;
use crate::observation::{Observation, PortState, Segment, Sweep, SweepMode};
use crate::plan::model::Hop;
use crate::proto::ports;

/// Runs of ports named in one note.
const MOST_RUNS: usize = 6;

/// Notes for a hop with a range that was swept, or could not be; none for others.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let Some(sweep) = &seen.sweep else { return not_tried(hop, seen).into_iter().collect() };
    let mut notes = vec![format!("range: {}", sweep.words(MOST_RUNS))];
    let ports: usize = sweep.segments.iter().map(Segment::len).sum();
    match sweep.mode {
        SweepMode::Exact => {}
        SweepMode::Sample => notes.push(format!(
            "{} of {ports} ports were tried, with the edges between those that differ: `--range exact` tries the others",
            sweep.tried
        )),
        SweepMode::BrokenOff => notes.push(format!(
            "a sample of {} ports was silent as a whole, so the other {} were not tried: `--range exact` tries them",
            sweep.tried,
            ports - sweep.tried
        )),
    }
    if sweep.lost > 0 {
        notes.push(format!("{} of the range opened only at another try: packets are lost on the way", many(sweep.lost)));
    }
    if let Some(arrived) = &sweep.arrived_unanswered {
        notes.push(format!("the listener was reached on {arrived}, and its answers did not come back"));
    }
    notes.extend(difference(sweep));
    notes
}

/// That of a range which a listener stands behind only the ports of its interfaces were tried.
fn not_tried(hop: &Hop, seen: &Observation) -> Option<String> {
    let range = hop.flow.range.as_ref()?;
    if claims(seen).any(|(claims, _)| ports::are_few(&claims.ports, range.iter())) {
        return Some(format!(
            "of {range} the listener has only a few ports open: the way to the others is not tested (`portmatrix listen --range whole` there, with \
             the same `[ranges]` in both site files)"
        ));
    }
    let climbed = seen.steps.last().is_some_and(|step| step.ok) && claims(seen).next().is_some();
    climbed.then(|| format!("the ports of {range} besides the interfaces' own were not tried: `--range exact` tries them"))
}

/// Proofs that the listener does not know of: somebody else with the same key and name has given them.
fn difference(sweep: &Sweep) -> Option<String> {
    let proved = sweep.count(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate));
    let there = sweep.seen_there?;
    (there < proved).then(|| {
        format!(
            "the listener on the mapper's port was reached on {} of the range, and {proved} were proved: another listener with the same name and key \
             answers too, behind a load balancer or since a restart",
            many(there)
        )
    })
}

fn many(ports: usize) -> String {
    format!("{ports} {}", if ports == 1 { "port" } else { "ports" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::port_set::PortSet;
    use crate::plan::model::PlannedFlow;
    use crate::proto::challenge::ProofOutcome;
    use crate::reason::Reason;
    use crate::verdict::tests;

    #[test]
    fn what_both_ends_counted_is_said() {
        let segment = |first, last, state, reason| Segment { first, last, state, reason, taken: false, holder: None };
        let sweep = Sweep {
            mode: SweepMode::Exact,
            segments: vec![
                segment(100, 149, PortState::Proved, None),
                segment(150, 150, PortState::ProvedLate, None),
                segment(151, 199, PortState::Shut, Some(Reason::TimedOut)),
            ],
            tried: 100,
            lost: 1,
            seen_there: Some(53),
            arrived_unanswered: Some("151-152".into()),
            ms: 1.0,
            fastest_ms: None,
        };
        let hop = tests::hop(PlannedFlow { range: Some(PortSet::run(49152, 65535)), ..tests::flow() });
        let notes_of = |sweep| notes(&hop, &Observation { sweep, ..tests::seen(vec![], vec![]) });
        assert_eq!(
            notes_of(Some(sweep.clone())),
            [
                "range: proved 100-150; dropped 151-199",
                "1 port of the range opened only at another try: packets are lost on the way",
                "the listener was reached on 151-152, and its answers did not come back",
            ]
        );
        let fewer = notes_of(Some(Sweep { seen_there: Some(9), lost: 0, arrived_unanswered: None, ..sweep.clone() }));
        assert!(
            fewer[1].starts_with("the listener on the mapper's port was reached on 9 ports of the range, and 51 were proved"),
            "{fewer:?}"
        );
        let sampled = notes_of(Some(Sweep { mode: SweepMode::Sample, tried: 7, ..sweep.clone() }));
        assert!(sampled[1].starts_with("7 of 100 ports were tried"), "{sampled:?}");
        let silent = notes_of(Some(Sweep { mode: SweepMode::BrokenOff, tried: 7, ..sweep }));
        assert!(silent[1].starts_with("a sample of 7 ports was silent as a whole, so the other 93 were not tried"), "{silent:?}");
        assert!(notes_of(None).is_empty());
        let told = |words: &str| {
            let mut proof = tests::proof("psp", 135, false, None);
            if let ProofOutcome::Valid { claims, .. } = &mut proof {
                claims.ports = words.to_owned();
            }
            notes(&hop, &tests::seen(vec![], vec![proof]))
        };
        assert!(told("135,49152-49160")[0].starts_with("of 49152-65535 the listener has only a few ports open"));
        assert!(told("135,49152-65535").is_empty() && told("").is_empty());
    }
}
