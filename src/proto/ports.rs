//! Sets of ports in words: `49152-57343,60000`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest text of a set that a proof carries, in characters.
const MAX_TEXT: usize = 3000;

/// Which ports of a sweep arrived at the listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Swept {
    /// How many.
    pub count: usize,
    /// Which, as `49152-57343,60000`; absent where that would be too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<String>,
    /// Ports of the range that somebody else has there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
}

impl Swept {
    /// Of ports in order, and of those of the range that somebody else has.
    pub fn of(ports: &[u16], taken: &[u16]) -> Self {
        let short = |ports: &[u16]| Some(text(ports.iter().copied())).filter(|t| t.len() <= MAX_TEXT / 2);
        Swept { count: ports.len(), ports: short(ports), taken: short(taken).filter(|t| !t.is_empty()) }
    }

    /// The ports that somebody else has, as far as they are told.
    pub fn taken(&self) -> Vec<u16> {
        self.taken.as_deref().and_then(list).unwrap_or_default()
    }

    /// The ports; `None` where they are not all told, or not in words that can be read.
    pub fn list(&self) -> Option<Vec<u16>> {
        let ports = list(self.ports.as_deref()?)?;
        (ports.len() == self.count).then_some(ports)
    }
}

/// Runs of consecutive ports, of ports in order.
pub fn runs(ports: impl IntoIterator<Item = u16>) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
            _ => runs.push((port, port)),
        }
    }
    runs
}

/// A set in words, of ports in order.
pub fn text(ports: impl IntoIterator<Item = u16>) -> String {
    let run = |(first, last): (u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs(ports).into_iter().map(run).collect::<Vec<_>>().join(",")
}

/// The ports of such words, in order; `None` for anything else.
fn list(words: &str) -> Option<Vec<u16>> {
    let mut ports: Vec<u16> = Vec::new();
    for run in words.split(',').filter(|w| !w.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || ports.last().is_some_and(|before| *before >= first) {
            return None;
        }
        ports.extend(first..=last);
    }
    Some(ports)
}

/// Ports of a range that are no more than those of its interfaces.
const FEW: usize = 64;

/// Whether of a range only a few ports are in a set of such words, as where nobody opened it as a whole. Of an empty set nothing is known.
pub fn are_few(words: &str, first: u16, last: u16) -> bool {
    let held = count_within(words, first, last);
    !words.is_empty() && held <= FEW && held * 2 < usize::from(last - first) + 1
}

/// How many ports of a range are in a set of such words.
fn count_within(words: &str, first: u16, last: u16) -> usize {
    let runs = words.split(',').filter_map(|run| {
        let (low, high) = run.split_once('-').unwrap_or((run, run));
        Some((low.parse::<u16>().ok()?.max(first), high.parse::<u16>().ok()?.min(last)))
    });
    runs.filter(|(low, high)| low <= high).map(|(low, high)| usize::from(high - low) + 1).sum()
}

/// Whether a port is in a set of such words. What cannot be read holds none.
pub fn holds(words: &str, port: u16) -> bool {
    words.split(',').any(|run| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        first.parse().is_ok_and(|first: u16| first <= port) && last.parse().is_ok_and(|last: u16| port <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_words_are_the_same() {
        for ports in [vec![], vec![1], vec![1, 2, 3, 5, 65534, 65535], (49152..=65535).collect()] {
            assert_eq!(list(&text(ports.iter().copied())), Some(ports.clone()));
            assert_eq!(Swept::of(&ports, &[]).list(), Some(ports));
        }
        assert_eq!(text([1, 2, 3, 5]), "1-3,5");
        for wrong in ["a", "1-", "2-1", "5,4", "1-3,3", "70000", "-"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
        let scattered: Vec<u16> = (1..=65535).step_by(2).collect();
        assert_eq!(Swept::of(&scattered, &[7, 9]), Swept { count: 32768, ports: None, taken: Some("7,9".into()) });
        assert_eq!(Swept { count: 3, ports: Some("1-2".into()), taken: None }.list(), None, "a count that does not fit");
        for (words, wanted) in [("", 0), ("135", 0), ("135,49152-49160", 9), ("10-20,100-200,300", 0), ("49150-49155,50000,65535,x-9", 5)] {
            assert_eq!(count_within(words, 49152, 65534), wanted, "{words}");
        }
        for (words, wanted) in [("", false), ("135", true), ("135,49152-49160", true), ("49152-49500", false), ("49152-65535", false)] {
            assert_eq!(are_few(words, 49152, 65535), wanted, "{words}");
        }
        assert!(!are_few("50000-50009", 50000, 50019), "half of a small one");
        for (words, port, wanted) in [("1-3,5", 2, true), ("1-3,5", 4, false), ("1-3,5", 5, true), ("", 0, false), ("a-9,x", 5, false)] {
            assert_eq!(holds(words, port), wanted, "{words} {port}");
        }
    }
}
