//! What is known of each port of a range, and which ports are worth asking for next. No I/O.

use crate::matrix::port_set::PortSet;
use crate::observation::{PortState, Segment};
use crate::reason::Reason;
use std::collections::BTreeMap;

/// How one port stands.
pub(crate) type Stand = (PortState, Option<Reason>);

/// Ports asked for between two that stand otherwise, at a time: a gap of 256 is settled in two
/// rounds.
const PER_GAP: usize = 15;

/// Runs of shut ports up to this length are asked for again as a whole; of longer ones that stayed
/// shut so many at each end, and inside.
const SHORT_RUN: usize = 64;
const OF_LONG_RUN: usize = 16;

/// All ports of a range.
pub(crate) struct Board {
    /// In order.
    ports: Vec<u16>,
    /// Of each of them.
    stands: Vec<Option<Stand>>,
    /// Where ports lead, other than to the host: the name of the host whose listener proved itself
    /// on them.
    led: BTreeMap<u16, String>,
}

impl Board {
    pub(crate) fn new(range: &PortSet) -> Self {
        let ports: Vec<u16> = range.iter().collect();
        Board { stands: vec![None; ports.len()], ports, led: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.stands.len()
    }

    pub(crate) fn set(&mut self, port: u16, stand: Stand) {
        if let Ok(place) = self.ports.binary_search(&port) {
            self.stands[place] = Some(stand);
        }
    }

    /// This port leads elsewhere.
    pub(crate) fn lead_to(&mut self, port: u16, other: &str) {
        self.set(port, (PortState::Open, Some(Reason::WrongListener)));
        self.led.insert(port, other.to_owned());
    }

    pub(crate) fn get(&self, port: u16) -> Option<Stand> {
        self.stands[self.ports.binary_search(&port).ok()?]
    }

    /// Place, port and stand of those that were asked for.
    fn known(&self) -> impl Iterator<Item = (usize, u16, Stand)> {
        self.ports
            .iter()
            .zip(&self.stands)
            .enumerate()
            .filter_map(|(place, (port, stand))| Some((place, *port, (*stand)?)))
    }

    /// How many ports are known.
    pub(crate) fn tried(&self) -> usize {
        self.known().count()
    }

    /// About `count` ports, evenly apart, the first and the last among them.
    pub(crate) fn sample(&self, count: usize) -> Vec<u16> {
        let last = self.len().saturating_sub(1);
        let steps = count.clamp(1, last.max(1));
        let mut ports: Vec<u16> =
            (0..=steps).filter_map(|i| self.ports.get(i * last / steps).copied()).collect();
        ports.dedup();
        ports
    }

    /// Ports not asked for yet.
    pub(crate) fn unknown(&self) -> Vec<u16> {
        self.ports
            .iter()
            .zip(&self.stands)
            .filter(|(_, stand)| stand.is_none())
            .map(|(port, _)| *port)
            .collect()
    }

    /// Ports on which the listener proved itself, in order.
    pub(crate) fn proved(&self) -> Vec<u16> {
        self.known().filter(|(_, _, stand)| is_proved(*stand)).map(|(_, port, _)| port).collect()
    }

    /// Whether any port that was asked for was not proved.
    pub(crate) fn has_shut(&self) -> bool {
        self.known().any(|(_, _, stand)| !is_proved(stand))
    }

    /// Whether any port was proved.
    pub(crate) fn has_proved(&self) -> bool {
        self.known().any(|(_, _, stand)| is_proved(stand))
    }

    /// Ports that were asked for and not proved, in runs that stand alike.
    pub(crate) fn shut_runs(&self) -> Vec<Vec<u16>> {
        self.runs(|_, stand| !is_proved(stand))
    }

    /// Ports that were asked for and are of this kind, in runs that stand alike.
    pub(crate) fn runs(&self, fits: impl Fn(u16, Stand) -> bool) -> Vec<Vec<u16>> {
        let mut runs: Vec<Vec<u16>> = Vec::new();
        let mut before: Option<Stand> = None;
        for (_, port, stand) in self.known() {
            let stand_of_run = fits(port, stand).then_some(stand);
            match (runs.last_mut(), stand_of_run) {
                (_, None) => {}
                (Some(run), Some(stand)) if before == Some(stand) => run.push(port),
                _ => runs.push(vec![port]),
            }
            before = stand_of_run;
        }
        runs
    }

    /// Ports that are worth asking for again after some of what was shut has `come`: all, but of
    /// long runs of which none came.
    pub(crate) fn again(&self, come: &[u16], most_runs: usize) -> Vec<u16> {
        let runs = self.shut_runs();
        let all = runs.len() > most_runs;
        let beside = |run: &[u16]| {
            come.iter().any(|port| {
                run.first().is_some_and(|f| *f <= port.saturating_add(1))
                    && run.last().is_some_and(|l| *port <= l.saturating_add(1))
            })
        };
        let mut ports: Vec<u16> = Vec::new();
        for run in runs {
            if all || run.len() <= SHORT_RUN || beside(&run) {
                ports.extend(run);
            } else {
                let last = run.len() - 1;
                let inside = (0..OF_LONG_RUN).map(|i| i * last / OF_LONG_RUN);
                let places = (0..OF_LONG_RUN).chain(inside).chain(last - OF_LONG_RUN..=last);
                ports.extend(places.filter_map(|place| run.get(place)));
            }
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Ports that gave no answer: worth asking for again.
    pub(crate) fn missing(&self) -> Vec<u16> {
        self.known().filter(|(_, _, stand)| is_missing(*stand)).map(|(_, port, _)| port).collect()
    }

    /// Whether no port that was asked for gave a sign of life.
    pub(crate) fn is_silent(&self) -> bool {
        self.tried() > 0
            && self.known().all(|(_, _, stand)| stand == (PortState::Shut, Some(Reason::TimedOut)))
    }

    /// Ports between neighbours that are known and stand otherwise, to find where one begins and
    /// the other ends.
    pub(crate) fn between_edges(&self) -> Vec<u16> {
        let known: Vec<(usize, u16, Stand)> = self.known().collect();
        let edges = known
            .windows(2)
            .filter(|pair| !alike(pair[0].2, pair[1].2) && pair[1].0 - pair[0].0 > 1);
        let mut places: Vec<usize> = edges.flat_map(|pair| inside(pair[0].0, pair[1].0)).collect();
        places.dedup();
        places.into_iter().filter_map(|place| self.ports.get(place).copied()).collect()
    }

    /// Runs of ports that stand alike; `taken` are those that the listener does not hold, in order,
    /// and `holder` tells who does. `unsettled`: what is shut is so by no rule about numbers.
    pub(crate) fn segments<'h>(
        &self,
        taken: &[u16],
        holder: impl Fn(u16) -> Option<&'h str>,
        unsettled: bool,
    ) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for (port, stand) in self.ports.iter().copied().zip(&self.stands) {
            let (state, reason) = stand.unwrap_or((PortState::Untested, None));
            let taken = taken.binary_search(&port).is_ok();
            let holder = if taken { holder(port) } else { None };
            let led_to = self.led.get(&port).map(String::as_str);
            match segments.last_mut() {
                Some(s)
                    if (s.state, s.reason, s.taken) == (state, reason, taken)
                        && (s.holder.as_deref(), s.led_to.as_deref()) == (holder, led_to)
                        && s.last.checked_add(1) == Some(port) =>
                {
                    s.last = port;
                }
                _ => segments.push(Segment {
                    first: port,
                    last: port,
                    state,
                    reason,
                    taken,
                    holder: holder.map(str::to_owned),
                    led_to: led_to.map(str::to_owned),
                    unsettled: unsettled && is_by_the_way(state, reason, taken),
                }),
            }
        }
        segments
    }
}

/// Whether a port is shut for something between the two ends. What nobody holds is refused there;
/// what this machine lacks is its own matter.
fn is_by_the_way(state: PortState, reason: Option<Reason>, taken: bool) -> bool {
    state == PortState::Shut
        && !reason.is_some_and(Reason::is_local)
        && !(taken && reason == Some(Reason::Refused))
}

/// Whether the listener proved itself.
pub(crate) fn is_proved(stand: Stand) -> bool {
    matches!(stand.0, PortState::Proved | PortState::ProvedLate)
}

fn is_missing(stand: Stand) -> bool {
    let silent = [
        Reason::TimedOut,
        Reason::SilentAfterConnect,
        Reason::ClosedAfterConnect,
        Reason::LocalResources,
    ];
    matches!(stand, (PortState::Shut, Some(reason)) if silent.contains(&reason))
}

/// Whether two ports stand alike as far as edges are concerned: late or not, a proof is a proof.
fn alike(a: Stand, b: Stand) -> bool {
    a == b || (is_proved(a) && is_proved(b))
}

/// Places evenly apart between two others.
fn inside(low: usize, high: usize) -> impl Iterator<Item = usize> {
    let gap = high - low - 1;
    let count = PER_GAP.min(gap);
    (1..=count).map(move |i| low + ((gap + 1) * i / (count + 1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVED: Stand = (PortState::Proved, None);
    const DROPPED: Stand = (PortState::Shut, Some(Reason::TimedOut));

    #[test]
    fn a_sample_is_spread_over_the_whole() {
        let board = Board::new(&PortSet::run(49152, 65535));
        let sample = board.sample(64);
        assert_eq!((sample[0], sample[64], sample.len()), (49152, 65535, 65));
        assert!(sample.windows(2).all(|w| (255..=257).contains(&(w[1] - w[0]))));
        assert_eq!(Board::new(&PortSet::run(7, 7)).sample(64), [7]);
        assert_eq!(Board::new(&PortSet::run(65534, 65535)).sample(64), [65534, 65535]);
    }

    #[test]
    fn an_edge_is_found_exactly_in_few_rounds() {
        for edge in [49153_u16, 50000, 57344, 65535] {
            let mut board = Board::new(&PortSet::run(49152, 65535));
            let truth = |port: u16| if port < edge { PROVED } else { DROPPED };
            let mut rounds = 0;
            let mut next = board.sample(64);
            while !next.is_empty() {
                for port in &next {
                    assert_eq!(board.get(*port), None, "{port} was known");
                    board.set(*port, truth(*port));
                }
                rounds += 1;
                next = board.between_edges();
            }
            assert!(rounds <= 4, "{rounds} rounds");
            let (below, above) = (board.get(edge - 1), board.get(edge));
            assert_eq!((below, above), (Some(PROVED), Some(DROPPED)), "{edge}");
            assert!(board.tried() < 120, "{} ports", board.tried());
        }
    }

    #[test]
    fn runs_are_told_with_what_is_not_known() {
        let mut board = Board::new(&PortSet::run(10, 15));
        for (port, stand) in [
            (10, PROVED),
            (11, PROVED),
            (12, DROPPED),
            (13, DROPPED),
            (15, (PortState::ProvedLate, None)),
        ] {
            board.set(port, stand);
        }
        board.set(9, PROVED);
        board.set(16, PROVED);
        let segments = board.segments(&[13], |_| Some("pid 1"), false);
        let runs: Vec<_> = segments.iter().map(|s| (s.first, s.last, s.state, s.taken)).collect();
        let wanted = [
            (10, 11, PortState::Proved, false),
            (12, 12, PortState::Shut, false),
            (13, 13, PortState::Shut, true),
            (14, 14, PortState::Untested, false),
            (15, 15, PortState::ProvedLate, false),
        ];
        assert_eq!(runs, wanted);
        assert_eq!(
            (board.missing(), board.unknown(), board.is_silent()),
            (vec![12, 13], vec![14], false)
        );
        assert_eq!((board.shut_runs(), board.proved()), (vec![vec![12, 13]], vec![10, 11, 15]));
    }

    #[test]
    fn of_a_long_run_that_stayed_shut_only_some_ports_are_asked_for_again() {
        let mut board = Board::new(&PortSet::run(50000, 59999));
        for port in 50000..=59999 {
            let shut = (51000..=51009).contains(&port) || port >= 55000;
            board.set(port, if shut { DROPPED } else { PROVED });
        }
        let again = board.again(&[51003], 9);
        assert_eq!(again.len(), 10 + 3 * OF_LONG_RUN, "{again:?}");
        assert!(again.contains(&55000) && again.contains(&59999));
        assert_eq!(board.again(&[57000], 9).len(), 5010);
        assert_eq!(board.again(&[], 1).len(), 5010, "many runs are no rule");
    }
}
