//! What is known of each port of a range, and which ports are worth asking for next. No I/O.

use crate::matrix::model::PortRange;
use crate::observation::{PortState, Segment};
use crate::reason::Reason;

/// How one port stands.
pub(super) type Stand = (PortState, Option<Reason>);

/// Ports asked for between two that stand otherwise, at a time: a gap of 256 is settled in two rounds.
const PER_GAP: u16 = 15;

/// All ports of a range.
pub(super) struct Board {
    range: PortRange,
    stands: Vec<Option<Stand>>,
}

impl Board {
    pub(super) fn new(range: PortRange) -> Self {
        Board { range, stands: vec![None; usize::from(range.last - range.first) + 1] }
    }

    pub(super) fn len(&self) -> usize {
        self.stands.len()
    }

    pub(super) fn set(&mut self, port: u16, stand: Stand) {
        if let Some(held) = port.checked_sub(self.range.first).and_then(|at| self.stands.get_mut(usize::from(at))) {
            *held = Some(stand);
        }
    }

    pub(super) fn get(&self, port: u16) -> Option<Stand> {
        *self.stands.get(usize::from(port.checked_sub(self.range.first)?))?
    }

    fn known(&self) -> impl Iterator<Item = (u16, Stand)> {
        (self.range.first..=self.range.last).zip(&self.stands).filter_map(|(port, stand)| Some((port, (*stand)?)))
    }

    /// How many ports are known.
    pub(super) fn tried(&self) -> usize {
        self.known().count()
    }

    /// About `count` ports, evenly apart, the first and the last among them.
    pub(super) fn sample(&self, count: usize) -> Vec<u16> {
        let last = self.len() - 1;
        let steps = count.clamp(1, last.max(1));
        let mut ports: Vec<u16> =
            (0..=steps).filter_map(|i| u16::try_from(i * last / steps).ok()).map(|at| self.range.first + at).collect();
        ports.dedup();
        ports
    }

    /// Ports not asked for yet.
    pub(super) fn unknown(&self) -> Vec<u16> {
        (self.range.first..=self.range.last).zip(&self.stands).filter(|(_, stand)| stand.is_none()).map(|(port, _)| port).collect()
    }

    /// Ports that gave no answer: worth asking for again.
    pub(super) fn missing(&self) -> Vec<u16> {
        self.known().filter(|(_, stand)| is_missing(*stand)).map(|(port, _)| port).collect()
    }

    /// Whether no port that was asked for gave a sign of life.
    pub(super) fn is_silent(&self) -> bool {
        self.tried() > 0 && self.known().all(|(_, stand)| stand == (PortState::Shut, Some(Reason::TimedOut)))
    }

    /// Ports between neighbours that are known and stand otherwise, to find where one begins and the other ends.
    pub(super) fn between_edges(&self) -> Vec<u16> {
        let known: Vec<(u16, Stand)> = self.known().collect();
        let edges = known.windows(2).filter(|pair| !alike(pair[0].1, pair[1].1) && pair[1].0 - pair[0].0 > 1);
        let mut ports: Vec<u16> = edges.flat_map(|pair| inside(pair[0].0, pair[1].0)).collect();
        ports.dedup();
        ports
    }

    /// Runs of ports that stand alike; `taken` are those that somebody else has at the other end.
    pub(super) fn segments(&self, taken: &[u16]) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for (port, stand) in (self.range.first..=self.range.last).zip(&self.stands) {
            let (state, reason) = stand.unwrap_or((PortState::Untested, None));
            let taken = taken.binary_search(&port).is_ok();
            match segments.last_mut() {
                Some(s) if (s.state, s.reason, s.taken) == (state, reason, taken) => s.last = port,
                _ => segments.push(Segment { first: port, last: port, state, reason, taken }),
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

/// Ports evenly apart between two others.
fn inside(low: u16, high: u16) -> Vec<u16> {
    let gap = high - low - 1;
    let count = PER_GAP.min(gap);
    (1..=count).map(|i| low + u16::try_from(u32::from(gap + 1) * u32::from(i) / u32::from(count + 1)).unwrap_or(1).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: PortRange = PortRange { first: 49152, last: 65535 };
    const PROVED: Stand = (PortState::Proved, None);
    const DROPPED: Stand = (PortState::Shut, Some(Reason::TimedOut));

    #[test]
    fn a_sample_is_spread_over_the_whole() {
        let board = Board::new(RANGE);
        let sample = board.sample(64);
        assert_eq!((sample[0], sample[64], sample.len()), (49152, 65535, 65));
        assert!(sample.windows(2).all(|w| (255..=257).contains(&(w[1] - w[0]))));
        assert_eq!(Board::new(PortRange { first: 7, last: 7 }).sample(64), [7]);
        assert_eq!(Board::new(PortRange { first: 65534, last: 65535 }).sample(64), [65534, 65535]);
    }

    #[test]
    fn an_edge_is_found_exactly_in_few_rounds() {
        for edge in [49153_u16, 50000, 57344, 65535] {
            let mut board = Board::new(RANGE);
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
        let mut board = Board::new(PortRange { first: 10, last: 15 });
        for (port, stand) in [(10, PROVED), (11, PROVED), (12, DROPPED), (13, DROPPED), (15, (PortState::ProvedLate, None))] {
            board.set(port, stand);
        }
        board.set(9, PROVED);
        board.set(16, PROVED);
        let segments = board.segments(&[13]);
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
