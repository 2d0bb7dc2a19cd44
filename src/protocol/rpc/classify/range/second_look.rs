//! A round of second looks: some ports that were shut and, between them, some that were proved.
//! Where the one kind stays shut while the other is proved at the same time, a rule goes by number.
//! Which ports, and what it tells. No I/O.

use super::ports::Board;

/// Runs of shut ports of which some are asked for in a round, and how many of each: no single
/// connection decides for a run.
pub(crate) const MOST_RUNS: usize = 24;
const PER_RUN: usize = 3;
/// Ports that were proved, in a round, at least and at most.
const CONTROLS: (usize, usize) = (4, 24);

/// A port to look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) port: u16,
    /// Whether the listener proved itself on it before.
    pub(crate) was_good: bool,
}

/// What a round tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundOutcome {
    /// What was shut stays shut while what was proved is proved.
    Steady,
    /// The same, and nothing was ever proved that could be held against it.
    Alone,
    /// Some that was shut is open now.
    Came,
    /// What was proved is shut now as well.
    Gone,
}

/// The ports of a round, by turns proved and shut; `before` are ports that were proved ahead of the
/// sweep. Each round asks for other ones as far as there are any, since a device that counts
/// connections to one port would be met by the second look alone. The ends of runs are asked for in
/// each.
pub(crate) fn picks(board: &Board, before: &[u16], number: usize) -> Vec<Pick> {
    let mut runs = board.shut_runs();
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    runs.truncate(MOST_RUNS);
    let mut shut: Vec<u16> = Vec::new();
    let proved = board.proved();
    let mut good: Vec<u16> =
        before.iter().copied().filter(|port| proved.binary_search(port).is_err()).collect();
    for run in &runs {
        let inside = run.len() * (number + 1) / (number + 3);
        let places = [
            Some(0),
            Some(inside).filter(|i| *i > 0 && i + 1 < run.len()),
            Some(run.len() - 1).filter(|i| *i > 0),
        ];
        shut.extend(
            places.into_iter().flatten().take(PER_RUN).filter_map(|place| run.get(place).copied()),
        );
        // Its neighbours: nothing else is as like them.
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let above = proved.partition_point(|port| port < last);
            let below = proved.partition_point(|port| port < first);
            good.extend(below.checked_sub(number + 1).and_then(|place| proved.get(place)).copied());
            good.extend(proved.get(above + number).copied());
        }
    }
    let wanted = shut.len().clamp(CONTROLS.0, CONTROLS.1);
    let more = wanted.saturating_sub(good.len()).min(proved.len());
    good.extend(
        (0..more)
            .filter_map(|i| proved.get((i * proved.len() / more + number) % proved.len()).copied()),
    );
    good.sort_unstable();
    good.dedup();
    good.truncate(CONTROLS.1);
    shut.retain(|port| !good.contains(port));
    by_turns(&good, &shut)
}

/// Evenly mixed, one that was proved first and one last.
fn by_turns(good: &[u16], shut: &[u16]) -> Vec<Pick> {
    let place = |at: usize, of: usize| (2 * at + 1) * 1000 / (2 * of.max(1));
    let picks = |ports: &[u16], was_good: bool| {
        let count = ports.len();
        ports
            .iter()
            .enumerate()
            .map(move |(at, port)| (place(at, count), !was_good, Pick { port: *port, was_good }))
            .collect::<Vec<_>>()
    };
    let mut all = [picks(good, true), picks(shut, false)].concat();
    all.sort_by_key(|(place, kind, _)| (*place, *kind));
    all.into_iter().map(|(_, _, pick)| pick).collect()
}

/// What the looks tell: each was proved before, or not, and is now, or not.
pub(crate) fn told(looks: &[(bool, bool)]) -> RoundOutcome {
    let controls = looks.iter().filter(|(was, _)| *was).count();
    let held = looks.iter().filter(|(was, is)| *was && *is).count();
    if looks.iter().any(|(was, is)| !was && *is) {
        return RoundOutcome::Came;
    }
    match (controls, held) {
        (0, _) => RoundOutcome::Alone,
        // One that is lost here and there is a loss.
        _ if held * 2 > controls => RoundOutcome::Steady,
        _ => RoundOutcome::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::port_set::PortSet;
    use crate::observation::PortState;
    use crate::reason::Reason;

    fn board(first: u16, last: u16, good: impl Fn(u16) -> bool) -> Board {
        let mut board = Board::new(&PortSet::run(first, last));
        for port in first..=last {
            board.set(
                port,
                if good(port) {
                    (PortState::Proved, None)
                } else {
                    (PortState::Shut, Some(Reason::TimedOut))
                },
            );
        }
        board
    }

    #[test]
    fn both_kinds_are_looked_at_by_turns_and_not_twice_the_same() {
        let half = board(50000, 50019, |port| port < 50010);
        let of = |picks: &[Pick], kind| {
            picks.iter().filter(|p| p.was_good == kind).map(|p| p.port).collect::<Vec<_>>()
        };
        let (first, second) = (picks(&half, &[], 0), picks(&half, &[], 1));
        assert_eq!(of(&first, false), [50010, 50013, 50019]);
        assert_eq!(of(&second, false), [50010, 50015, 50019]);
        assert!(
            of(&first, true).contains(&50009) && of(&second, true).contains(&50008),
            "{first:?} {second:?}"
        );
        assert!(of(&first, true).len() >= CONTROLS.0);
        let changes = first.windows(2).filter(|w| w[0].was_good != w[1].was_good).count();
        assert!(first[0].was_good && changes >= 5, "{first:?}");
        let none = board(50000, 50019, |_| false);
        assert!(picks(&none, &[], 0).iter().all(|p| !p.was_good));
        assert!(
            picks(&none, &[50000], 0).contains(&Pick { port: 50000, was_good: true }),
            "proved ahead of the sweep"
        );
        let many = board(49152, 65535, |port| port % 2 == 0);
        assert!(picks(&many, &[], 0).len() <= 2 * MOST_RUNS, "{}", picks(&many, &[], 0).len());
        let single = board(7, 7, |_| false);
        assert_eq!(picks(&single, &[], 0), [Pick { port: 7, was_good: false }]);
    }

    #[test]
    fn a_rule_is_what_holds_while_others_are_proved() {
        let (good, lost, shut, came) = ((true, true), (true, false), (false, false), (false, true));
        assert_eq!(told(&[good, shut, good, shut, good]), RoundOutcome::Steady);
        assert_eq!(told(&[good, shut, lost, shut, good]), RoundOutcome::Steady, "one lost packet");
        assert_eq!(told(&[lost, shut, lost, shut]), RoundOutcome::Gone);
        assert_eq!(
            told(&[lost, shut, good, shut]),
            RoundOutcome::Gone,
            "half of what was proved is gone"
        );
        assert_eq!(told(&[good, shut, good, came]), RoundOutcome::Came);
        assert_eq!(told(&[shut, shut]), RoundOutcome::Alone);
    }
}
