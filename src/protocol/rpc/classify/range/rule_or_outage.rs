//! Whether what was shut goes by the number of the port, which is a rule, or by the time of the
//! try, which is none: a link that was down, a listener that was started again, a guard that shut
//! this host out. Ports are asked for in random order, so that the two look nothing alike. No I/O.

use super::second_look::RoundOutcome;
use std::collections::BTreeMap;
use std::time::Instant;

/// One try of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) port: u16,
    pub(crate) begun: Instant,
    /// Whether the listener proved itself on it.
    pub(crate) good: bool,
}

/// What it goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// All stand alike, or too few differ to tell.
    None,
    /// Few runs of numbers.
    Number,
    /// Few runs of time: shut from this try on, and until the other one, where some opened after
    /// it.
    Time { from: Instant, until: Option<Instant> },
    /// Neither: losses here and there.
    Scattered,
}

/// A few runs are no more than this part of those that chance would make.
const FEW: f64 = 1.0 / 3.0;
/// So many runs are few whatever chance would make, where it makes them seldom enough.
const AT_LEAST: usize = 3;
/// How often chance may put a few losses one after the other, for that to be taken for a time in
/// which everything was shut.
const SELDOM: f64 = 1.0 / 500.0;

/// What "shut" goes by, among these tries.
pub(crate) fn pattern(tries: &[Tried]) -> Pattern {
    let shut = tries.iter().filter(|t| !t.good).count();
    let good = tries.len() - shut;
    if shut < 2 || good == 0 {
        return Pattern::None;
    }
    let mut tries = tries.to_vec();
    tries.sort_by_key(|t| t.port);
    let by_number = runs(&tries);
    tries.sort_by_key(|t| t.begun);
    let by_time = runs(&tries);
    // Wald and Wolfowitz: so many runs has a random order of so many of one kind and the other.
    let by_chance = 2.0 * as_f64(shut) * as_f64(good) / as_f64(shut + good) + 1.0;
    let few = |runs: usize| runs <= AT_LEAST || as_f64(runs) <= by_chance * FEW;
    let is_no_chance = by_time > AT_LEAST || chance(by_time, shut, tries.len()) <= SELDOM;
    if few(by_time) && is_no_chance && by_time * 2 <= by_number {
        let ends = (tries.iter().find(|t| !t.good), tries.iter().rev().find(|t| !t.good));
        let last = tries.last().copied();
        return match ends {
            (Some(first), Some(end)) => Pattern::Time {
                from: first.begun,
                until: (last != Some(*end)).then_some(end.begun),
            },
            _ => Pattern::None,
        };
    }
    if few(by_number) || by_number * 2 <= by_time { Pattern::Number } else { Pattern::Scattered }
}

/// A time in which tries failed that would not have failed otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) from: Instant,
    /// The last try that failed in it, where others were proved after it.
    pub(crate) until: Option<Instant>,
    /// Tries that were proved before it.
    pub(crate) proved_before: usize,
}

/// Whether what is still shut is so by no rule that goes by number; `told` is what the second looks
/// told last.
pub(crate) fn is_unsettled(tries: &[Tried], told: Option<RoundOutcome>) -> bool {
    match told {
        // Open, shut, open: whatever that is.
        Some(RoundOutcome::Came | RoundOutcome::Gone) => true,
        // A guard may let go on what it has let through once, and nothing else.
        Some(RoundOutcome::Steady) => {
            matches!(pattern(&first_tries(tries)), Pattern::Time { until: None, .. })
        }
        Some(RoundOutcome::Alone) | None => false,
    }
}

/// The outage that explains what was shut, where one does.
pub(crate) fn outage(tries: &[Tried], told: Option<RoundOutcome>) -> Option<Outage> {
    let last_good = tries.iter().filter(|t| t.good).map(|t| t.begun).max()?;
    let from = match (pattern(&first_tries(tries)), told) {
        (Pattern::Time { from, .. }, _) => from,
        (_, Some(RoundOutcome::Gone)) => {
            tries.iter().filter(|t| !t.good && t.begun > last_good).map(|t| t.begun).min()?
        }
        _ => return None,
    };
    let last_shut = tries.iter().filter(|t| !t.good).map(|t| t.begun).max();
    let proved_before = tries.iter().filter(|t| t.good && t.begun < from).count();
    Some(Outage {
        from,
        until: last_shut.filter(|shut| *shut < last_good && told != Some(RoundOutcome::Gone)),
        proved_before,
    })
}

/// Of each port its first try.
pub(crate) fn first_tries(tries: &[Tried]) -> Vec<Tried> {
    let mut first: BTreeMap<u16, Tried> = BTreeMap::new();
    for one in tries {
        let kept = first.entry(one.port).or_insert(*one);
        if one.begun < kept.begun {
            *kept = *one;
        }
    }
    first.into_values().collect()
}

/// How often a random order of `shut` among `count` has no more than `runs` runs, for up to three:
/// all shut ones at one end, or one behind the other anywhere.
fn chance(runs: usize, shut: usize, count: usize) -> f64 {
    let few = shut.min(count - shut);
    let orders: f64 = (0..few).map(|n| as_f64(count - n) / as_f64(n + 1)).product();
    (if runs <= 2 { 2.0 } else { as_f64(count) }) / orders
}

fn runs(tries: &[Tried]) -> usize {
    1 + tries.windows(2).filter(|pair| pair[0].good != pair[1].good).count()
}

#[expect(clippy::cast_precision_loss, reason = "no more than there are ports")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Ports in an order that is none, one a millisecond; `good` by place in that order and port.
    fn tries(count: u16, good: impl Fn(u16, u16) -> bool) -> Vec<Tried> {
        let origin = crate::net::clock::instant();
        // A step that has no divisor in common with the numbers of ports used here.
        (0..count)
            .map(|place| {
                let port = 50000 + (place * 7 + 3) % count;
                Tried {
                    port,
                    begun: origin + Duration::from_millis(place.into()),
                    good: good(place, port),
                }
            })
            .collect()
    }

    fn word(tries: &[Tried]) -> &'static str {
        match pattern(tries) {
            Pattern::None => "none",
            Pattern::Number => "number",
            Pattern::Time { until: None, .. } => "time, to the end",
            Pattern::Time { until: Some(_), .. } => "time, for a while",
            Pattern::Scattered => "scattered",
        }
    }

    #[test]
    fn a_rule_goes_by_number_and_an_outage_by_time() {
        for count in [20, 65, 2048] {
            assert_eq!(word(&tries(count, |_, _| true)), "none");
            assert_eq!(word(&tries(count, |_, _| false)), "none");
            assert_eq!(
                word(&tries(count, |_, port| port < 50000 + count / 2)),
                "number",
                "half of {count}"
            );
            assert_eq!(
                word(&tries(count, |_, port| !(50005..50009).contains(&port))),
                "number",
                "a gap in {count}"
            );
            assert_eq!(
                word(&tries(count, |place, _| place < count * 3 / 8)),
                "time, to the end",
                "a guard, {count}"
            );
            assert_eq!(
                word(&tries(count, |place, _| place < count - 4)),
                "time, to the end",
                "a late guard, {count}"
            );
            assert_eq!(
                word(&tries(count, |place, _| !(count / 2..count * 3 / 4).contains(&place))),
                "time, for a while",
                "{count}"
            );
        }
        assert_eq!(word(&tries(20, |_, port| port != 50007)), "none", "one port tells nothing");
        let four = |place: u16| !(9..13).contains(&place);
        assert_ne!(word(&tries(20, |place, _| four(place))), "time, for a while", "may be chance");
        assert_eq!(word(&tries(65, |place, _| four(place))), "time, for a while", "hardly chance");
        assert_eq!(word(&tries(65, |_, port| (u32::from(port) * 7919) % 5 > 1)), "scattered");
    }

    #[test]
    fn an_outage_has_its_times() {
        let all = tries(65, |place, _| !(20..40).contains(&place));
        let Pattern::Time { from, until } = pattern(&all) else { panic!("{:?}", pattern(&all)) };
        assert_eq!((from, until), (all[20].begun, Some(all[39].begun)));
        // Answers under way when a link goes down: the edge in time is not sharp.
        let told =
            outage(&all, Some(RoundOutcome::Came)).map(|o| (o.from, o.until, o.proved_before));
        assert_eq!(told, Some((all[20].begun, Some(all[39].begun), 20)));
        assert_eq!(
            outage(&tries(65, |_, port| port < 50030), Some(RoundOutcome::Steady)),
            None,
            "a rule"
        );
        let ragged =
            tries(200, |place, _| !(60..140).contains(&place) || [61, 63, 66].contains(&place));
        assert_eq!(word(&ragged), "time, for a while");
    }

    #[test]
    fn only_a_rule_that_others_hold_against_is_settled() {
        let rule = tries(65, |_, port| port < 50030);
        for (told, wanted) in [
            (RoundOutcome::Steady, false),
            (RoundOutcome::Alone, false),
            (RoundOutcome::Came, true),
            (RoundOutcome::Gone, true),
        ] {
            assert_eq!(is_unsettled(&rule, Some(told)), wanted, "{told:?}");
        }
        // A guard that lets those go on that it has let in once.
        let guard = tries(65, |place, _| place < 25);
        assert!(
            is_unsettled(&guard, Some(RoundOutcome::Steady))
                && outage(&guard, Some(RoundOutcome::Steady)).is_some_and(|o| o.until.is_none())
        );
        // A rule of which half was asked for when everything went.
        let mut gone = rule;
        let later = gone[64].begun + Duration::from_secs(1);
        gone.push(Tried { port: 50001, begun: later, good: false });
        let told = outage(&gone, Some(RoundOutcome::Gone)).map(|o| (o.until, o.proved_before));
        assert_eq!(told, Some((None, 30)));
        assert_eq!(
            first_tries(&gone).len(),
            65,
            "the second try of a port tells of the time alone"
        );
    }
}
