//! What the sweep of a dynamic range says besides which of its ports are shut.

use super::reading::claims;
use crate::observation::{Observation, Outage, PortState, Segment, StepKind, Sweep, SweepMode};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::ports;
use std::fmt::Write as _;

/// Runs of ports named in one note.
const MOST_RUNS: usize = 6;
/// A moment of a sweep.
const TIME: &str = "%H:%M:%S%.3fZ";

/// Notes for a hop with a range that was swept, or could not be; none for others.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let Some(sweep) = &seen.sweep else { return not_tried(hop, seen).into_iter().collect() };
    let ports: usize = sweep.segments.iter().map(Segment::len).sum();
    // Runs of numbers mean nothing where numbers had nothing to do with it.
    let mut notes = vec![match sweep.count(|s| s.unsettled) {
        0 => format!("range: {}", sweep.words(MOST_RUNS)),
        shut => format!("range: {} proved, {shut} not settled, of {ports}", many(proved(sweep))),
    }];
    match sweep.mode {
        SweepMode::Exact => {}
        SweepMode::BrokenOff if sweep.outage.is_some() => {
            notes.push(format!("the sweep was broken off after {} of {ports} ports", sweep.tried));
        }
        SweepMode::Sample => notes.push(format!(
            "{} of {ports} ports were tried, with the edges between those that differ: `--range \
                exact` tries the others",
            sweep.tried
        )),
        SweepMode::BrokenOff => notes.push(format!(
            "a sample of {} ports was silent as a whole, so the other {} were not tried: `--range \
                exact` tries them",
            sweep.tried,
            ports - sweep.tried
        )),
    }
    notes.extend(sweep.restarted.then(|| {
        format!(
            "the listener on {} was started again in the middle of the run",
            hop.to.host.label()
        )
    }));
    notes.extend(sweep.outage.as_ref().map(|outage| outage_words(sweep, outage)));
    if sweep.lost > 0 && sweep.outage.is_none() {
        notes.push(format!(
            "{} of the range opened only at another try: packets are lost on the way",
            many(sweep.lost)
        ));
    }
    if let Some(arrived) = &sweep.arrived_unanswered {
        notes.push(format!(
            "the listener was reached on {arrived}, and its answers did not come back"
        ));
    }
    notes.extend(difference(sweep));
    notes
}

/// When everything was shut, whatever its number.
fn outage_words(sweep: &Sweep, outage: &Outage) -> String {
    let from = outage.from.strftime(TIME);
    let until = outage.until.map_or_else(
        || "to the end of the sweep".to_owned(),
        |until| format!("to {}", until.strftime(TIME)),
    );
    let then = if sweep.lost > 0 {
        format!("; {} opened at another try", many(sweep.lost))
    } else {
        String::new()
    };
    let why = match sweep.restarted {
        true => "",
        false => {
            ": a rule does not begin in the middle of a run, but a guard may have shut this host \
                out, or a link or the listener was down"
        }
    };
    format!(
        "from {from} {until} ports were shut whatever their number, after {} connections that were \
            proved{why}{then}",
        outage.proved_before
    )
}

/// What to do; `None` for a reason that is none of these.
pub(super) fn advice(hop: &Hop, seen: &Observation, reason: Reason, log: &str) -> Option<String> {
    let (from, to) = (hop.from.host.label(), hop.to.host.label());
    let sweep = seen.sweep.as_ref();
    let range = hop.flow.options.range().map(ToString::to_string).unwrap_or_default();
    match reason {
        Reason::ChangedMeanwhile => {
            let outage = sweep.and_then(|s| s.outage.as_ref());
            if sweep.is_some_and(|s| s.restarted) {
                return Some(format!(
                    "The listener on {to} was started again in the middle of the run: let it \
                        stand, and test again."
                ));
            }
            let since =
                outage.map(|o| format!(" at {}", o.from.strftime(TIME))).unwrap_or_default();
            let until = outage
                .and_then(|o| o.until)
                .map(|until| format!(" until {}", until.strftime(TIME)))
                .unwrap_or_default();
            Some(format!(
                "Something shut this host out of {to}{since}{until}, in the middle of the sweep: \
                    look for a guard on the way (intrusion prevention, port-scan or \
                 flood protection) and let {from} through it or sweep slower (`--rate`), or for a \
                 link that went down; {log}, and test again."
            ))
        }
        Reason::NotTested
            if seen
                .steps
                .iter()
                .any(|s| s.step == StepKind::RpcRange && s.reason() == Some(Reason::NotTested)) =>
        {
            Some(format!(
                "The mapper's port of {to} does not answer any more: look whether the listener \
                    still runs there, and for a guard on the way (intrusion \
             prevention, port-scan or flood protection) that took the sweep for a scan and shut \
             {from} out; let it through or sweep slower (`--rate`), and test again."
            ))
        }
        Reason::WrongListener if sweep.is_some_and(|s| s.count(|s| s.led_to.is_some()) > 0) => {
            sweep.map(|s| elsewhere(s, &to))
        }
        Reason::RangePartlyBlocked => {
            let Some(sweep) = sweep else {
                return Some(format!("Allow TCP {from} → {to}:{range} as a whole."));
            };
            let led = sweep.count(|s| s.led_to.is_some()) > 0;
            let strangers = numbers(sweep, |s| {
                s.is_blocked() && s.state == PortState::Open && s.led_to.is_none()
            });
            let lost = numbers(sweep, |s| s.is_blocked() && s.reason == Some(Reason::ReplyLost));
            let shut = numbers(sweep, |s| {
                s.is_blocked() && s.state != PortState::Open && s.reason != Some(Reason::ReplyLost)
            });
            let mut parts: Vec<String> = Vec::new();
            parts.extend(led.then(|| elsewhere(sweep, &to)));
            parts.extend((!strangers.is_empty()).then(|| {
                format!(
                    "Somebody else answers for {to} on {strangers}: take these ports out of \
                    the device on the way that does (a proxy, or NAT)."
                )
            }));
            parts.extend((!shut.is_empty()).then(|| {
                format!("Allow TCP {from} → {to}:{range} as a whole: {shut} is shut; {log}.")
            }));
            parts.extend((!lost.is_empty()).then(|| {
                format!("Requests to {to}:{lost} arrive but replies are lost: allow return traffic from there.")
            }));
            Some(parts.join(" "))
        }
        _ => None,
    }
}

/// Where ports lead that lead elsewhere, and who can mend it.
fn elsewhere(sweep: &Sweep, to: &str) -> String {
    let mut others: Vec<&str> = sweep.segments.iter().filter_map(|s| s.led_to.as_deref()).collect();
    others.sort_unstable();
    others.dedup();
    let words = others.iter().map(|other| {
        format!("{} to {other}", numbers(sweep, |s| s.led_to.as_deref() == Some(other)))
    });
    format!(
        "Mend the NAT or the load balancer on the way to {to}: it leads {}.",
        words.collect::<Vec<_>>().join(", and ")
    )
}

/// Runs of ports of this kind, as `50000-50004, 50007`; no more than can be read.
fn numbers(sweep: &Sweep, fits: impl Fn(&Segment) -> bool) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    let mut goes_on = false;
    for segment in &sweep.segments {
        match runs.last_mut() {
            _ if segment.state == PortState::Untested => continue,
            _ if !fits(segment) => {}
            // Between those of a sample are ports that were not tried.
            Some(run) if goes_on => run.1 = segment.last,
            _ => runs.push((segment.first, segment.last)),
        }
        goes_on = fits(segment);
    }
    let word = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    let mut words = runs.iter().take(MOST_RUNS).map(word).collect::<Vec<_>>().join(", ");
    if let Some(more) = runs.len().checked_sub(MOST_RUNS).filter(|more| *more > 0) {
        let _ = write!(words, " and {more} more runs");
    }
    words
}

/// That of a range which a listener stands behind only the ports of its interfaces were tried.
fn not_tried(hop: &Hop, seen: &Observation) -> Option<String> {
    let range = hop.flow.options.range()?;
    if claims(seen).any(|(claims, _)| ports::are_few(&claims.ports, range.iter())) {
        return Some(format!(
            "of {range} the listener has only a few ports open: the way to the others is not \
                tested (`portmatrix listen --range whole` there, with \
             the same `[ranges]` in both site files)"
        ));
    }
    let climbed =
        seen.steps.last().is_some_and(|step| step.is_climbed()) && claims(seen).next().is_some();
    climbed.then(|| {
        format!(
            "the ports of {range} besides the interfaces' own were not tried: \
        `--range exact` tries them"
        )
    })
}

/// Proofs that the listener does not know of: somebody else with the same key and name has given
/// them.
fn difference(sweep: &Sweep) -> Option<String> {
    let proved = proved(sweep);
    let there = sweep.seen_there.filter(|_| !sweep.restarted)?;
    (there < proved).then(|| {
        format!(
            "the listener on the mapper's port was reached on {} of the range, and {proved} were \
                proved: another listener with the same name and key \
             answers too, behind a load balancer",
            many(there)
        )
    })
}

fn proved(sweep: &Sweep) -> usize {
    sweep.count(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate))
}

fn many(ports: usize) -> String {
    format!("{ports} {}", if ports == 1 { "port" } else { "ports" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::port_set::PortSet;
    use crate::plan::model::PlannedFlow;
    use crate::plan::options::Options;
    use crate::verdict::tests::fixture;
    use crate::wire::challenge::ProofOutcome;

    #[test]
    fn what_both_ends_counted_is_said() {
        let segment = |first, last, state, reason| Segment {
            first,
            last,
            state,
            reason,
            taken: false,
            holder: None,
            led_to: None,
            unsettled: false,
        };
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
            outage: None,
            restarted: false,
            ms: 1.0,
            fastest_ms: None,
        };
        let hop = fixture::hop(PlannedFlow {
            options: Options::Rpc {
                interfaces: Vec::new(),
                range: Some(PortSet::run(49152, 65535)),
            },
            ..fixture::flow()
        });
        let notes_of = |sweep| notes(&hop, &Observation { sweep, ..fixture::seen(vec![], vec![]) });
        assert_eq!(
            notes_of(Some(sweep.clone())),
            [
                "range: proved 100-150; dropped 151-199",
                "1 port of the range opened only at another try: packets are lost on the way",
                "the listener was reached on 151-152, and its answers did not come back",
            ]
        );
        let fewer = notes_of(Some(Sweep {
            seen_there: Some(9),
            lost: 0,
            arrived_unanswered: None,
            ..sweep.clone()
        }));
        assert!(
            fewer[1].starts_with(
                "the listener on the mapper's port was reached on 9 ports of the \
                range, and 51 were proved"
            ),
            "{fewer:?}"
        );
        let sampled = notes_of(Some(Sweep { mode: SweepMode::Sample, tried: 7, ..sweep.clone() }));
        assert!(sampled[1].starts_with("7 of 100 ports were tried"), "{sampled:?}");
        let silent = notes_of(Some(Sweep { mode: SweepMode::BrokenOff, tried: 7, ..sweep }));
        assert!(
            silent[1].starts_with(
                "a sample of 7 ports was silent as a whole, so the other 93 were not tried"
            ),
            "{silent:?}"
        );
        assert!(notes_of(None).is_empty());
        let told = |words: &str| {
            let mut proof = fixture::proof("psp", 135, false, None);
            if let ProofOutcome::Valid { claims, .. } = &mut proof {
                claims.ports = words.to_owned();
            }
            notes(&hop, &fixture::seen(vec![], vec![proof]))
        };
        assert!(
            told("135,49152-49160")[0]
                .starts_with("of 49152-65535 the listener has only a few ports open")
        );
        assert!(told("135,49152-65535").is_empty() && told("").is_empty());
    }

    #[test]
    fn each_kind_of_port_has_its_own_advice() {
        let segment = |first, last, state, reason, led_to: Option<&str>, unsettled| Segment {
            first,
            last,
            state,
            reason,
            taken: false,
            holder: None,
            led_to: led_to.map(str::to_owned),
            unsettled,
        };
        let sweep = |segments, outage, restarted| Sweep {
            mode: SweepMode::Exact,
            segments,
            tried: 100,
            lost: 0,
            seen_there: None,
            arrived_unanswered: None,
            outage,
            restarted,
            ms: 1.0,
            fastest_ms: None,
        };
        let hop = fixture::hop(PlannedFlow {
            options: Options::Rpc { interfaces: Vec::new(), range: Some(PortSet::run(100, 199)) },
            ..fixture::flow()
        });
        let told = |sweep, reason| {
            let seen = Observation { sweep: Some(sweep), ..fixture::seen(vec![], vec![]) };
            (advice(&hop, &seen, reason, "look").unwrap_or_default(), notes(&hop, &seen).join("; "))
        };
        let (shut, open, proved) = (PortState::Shut, PortState::Open, PortState::Proved);
        let blocked = vec![
            segment(100, 109, proved, None, None, false),
            segment(110, 119, shut, Some(Reason::TimedOut), None, false),
            segment(120, 129, PortState::Untested, None, None, false),
            segment(130, 139, shut, Some(Reason::TimedOut), None, false),
            segment(140, 149, shut, Some(Reason::ReplyLost), None, false),
            segment(150, 159, open, Some(Reason::NotProved), None, false),
            segment(160, 199, open, Some(Reason::WrongListener), Some("dc9 at 10.0.0.9"), false),
        ];
        let (words, _) = told(sweep(blocked, None, false), Reason::RangePartlyBlocked);
        for part in [
            "leads 160-199 to dc9 at 10.0.0.9",
            "answers for psp on 150-159",
            "110-139 is shut",
            "to psp:140-149 arrive but replies are lost",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        let outage =
            Some(Outage { from: jiff::Timestamp::UNIX_EPOCH, until: None, proved_before: 24 });
        let unsettled = || {
            vec![
                segment(100, 149, proved, None, None, false),
                segment(150, 199, shut, Some(Reason::Refused), None, true),
            ]
        };
        let (words, notes) =
            told(sweep(unsettled(), outage.clone(), false), Reason::ChangedMeanwhile);
        assert!(
            words.contains("look for a guard")
                && notes.contains("after 24 connections")
                && notes.contains("50 not settled"),
            "{words} {notes}"
        );
        let (words, notes) = told(sweep(unsettled(), outage, true), Reason::ChangedMeanwhile);
        assert!(words.contains("started again") && !notes.contains("guard"), "{words} {notes}");
    }
}
