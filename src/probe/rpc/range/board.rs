//! What is known of each port of a range, and which ports are worth asking for next. No I/O.

use crate::matrix::port_set::PortSet;
use crate::observation::{PortState, Segment};
use crate::reason::Reason;

/// How one port stands.
pub(super) type Stand = (PortState, Option<Reason>);

/// Ports asked for between two that stand otherwise, at a time: a gap of 256 is settled in two rounds.
const PER_GAP: usize = 15;

/// All ports of a range.
pub(super) struct Board {
    /// In order.
    ports: Vec<u16>,
    /// Of each of them.
    stands: Vec<Option<Stand>>,
}

impl Board {
    pub(super) fn new(range: &PortSet) -> Self {
        let ports: Vec<u16> = range.iter().collect();
        Board { stands: vec![None; ports.len()], ports }
    }

    pub(super) fn len(&self) -> usize {
        self.stands.len()
    }

    pub(super) fn set(&mut self, port: u16, stand: Stand) {
        if let Ok(place) = self.ports.binary_search(&port) {
            self.stands[place] = Some(stand);
        }
    }

    pub(super) fn get(&self, port: u16) -> Option<Stand> {
        self.stands[self.ports.binary_search(&port).ok()?]
    }

    /// Place, port and stand of those that were asked for.
    fn known(&self) -> impl Iterator<Item = (usize, u16, Stand)> {
        self.ports.iter().zip(&self.stands).enumerate().filter_map(|(place, (port, stand))| Some((place, *port, (*stand)?)))
    }

    /// How many ports are known.
    pub(super) fn tried(&self) -> usize {
        self.known().count()
    }

    /// About `count` ports, evenly apart, the first and the last among them.
    pub(super) fn sample(&self, count: usize) -> Vec<u16> {
        let last = self.len().saturating_sub(1);
        let steps = count.clamp(1, last.max(1));
        let mut ports: Vec<u16> = (0..=steps).filter_map(|i| self.ports.get(i * last / steps).copied()).collect();
        ports.dedup();
        ports
    }

    /// Ports not asked for yet.
    pub(super) fn unknown(&self) -> Vec<u16> {
        self.ports.iter().zip(&self.stands).filter(|(_, stand)| stand.is_none()).map(|(port, _)| *port).collect()
    }

    /// Ports that gave no answer: worth asking for again.
    pub(super) fn missing(&self) -> Vec<u16> {
        self.known().filter(|(_, _, stand)| is_missing(*stand)).map(|(_, port, _)| port).collect()
    }

    /// Whether no port that was asked for gave a sign of life.
    pub(super) fn is_silent(&self) -> bool {
        self.tried() > 0 && self.known().all(|(_, _, stand)| stand == (PortState::Shut, Some(Reason::TimedOut)))
    }

    /// Ports between neighbours that are known and stand otherwise, to find where one begins and the other ends.
    pub(super) fn between_edges(&self) -> Vec<u16> {
        let known: Vec<(usize, u16, Stand)> = self.known().collect();
        let edges = known.windows(2).filter(|pair| !alike(pair[0].2, pair[1].2) && pair[1].0 - pair[0].0 > 1);
        let mut places: Vec<usize> = edges.flat_map(|pair| inside(pair[0].0, pair[1].0)).collect();
        places.dedup();
        places.into_iter().filter_map(|place| self.ports.get(place).copied()).collect()
    }

    /// Runs of ports that stand alike; `taken` are those that the listener does not hold, in order, and `holder` tells who does.
    pub(super) fn segments<'h>(&self, taken: &[u16], holder: impl Fn(u16) -> Option<&'h str>) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for (port, stand) in self.ports.iter().copied().zip(&self.stands) {
            let (state, reason) = stand.unwrap_or((PortState::Untested, None));
            let taken = taken.binary_search(&port).is_ok();
            let holder = if taken { holder(port) } else { None };
            match segments.last_mut() {
                Some(s)
                    if (s.state, s.reason, s.taken, s.holder.as_deref()) == (state, reason, taken, holder)
                        && s.last.checked_add(1) == Some(port) =>
                {
                    s.last = port;
                }
                _ => segments.push(Segment { first: port, last: port, state, reason, taken, holder: holder.map(str::to_owned) }),
            }
        }
        segments
    }
}

fn is_missing(stand: Stand) -> bool {
    let silent = [Reason::TimedOut, Reason::SilentAfterConnect, Reason::ClosedAfterConnect, Reason::LocalResources];
    matches!(stand, (PortState::Shut, Some(reason)) if silent.contains(&reason))
}

/// Whether two ports stand alike as far as edges are concerned: late or not, a proof is a proof.
fn alike(a: Stand, b: Stand) -> bool {
    let proved = |s: Stand| matches!(s.0, PortState::Proved | PortState::ProvedLate);
    a == b || (proved(a) && proved(b))
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
        for (port, stand) in [(10, PROVED), (11, PROVED), (12, DROPPED), (13, DROPPED), (15, (PortState::ProvedLate, None))] {
            board.set(port, stand);
        }
        board.set(9, PROVED);
        board.set(16, PROVED);
        let segments = board.segments(&[13], |_| Some("pid 1"));
        let runs: Vec<_> = segments.iter().map(|s| (s.first, s.last, s.state, s.taken)).collect();
        let wanted = [
            (10, 11, PortState::Proved, false),
            (12, 12, PortState::Shut, false),
            (13, 13, PortState::Shut, true),
            (14, 14, PortState::Untested, false),
            (15, 15, PortState::ProvedLate, false),
        ];
        assert_eq!(runs, wanted);
        assert_eq!((board.missing(), board.unknown(), board.is_silent()), (vec![12, 13], vec![14], false));
    }
}
