//! Sets of ports in words: `49152-57343,60000`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text of a set that a proof carries, in characters.
const MAX_TEXT: usize = 3000;
/// Programs named in a proof, and the longest text for each.
const MAX_HOLDERS: usize = 16;
const MAX_HOLDER: usize = 100;

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
    /// Who has some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
}

/// A program on the listener's host, with ports of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Which, as `50001,50003-50010`.
    pub ports: String,
    /// The program, as `dns.exe, pid 812`.
    pub who: String,
}

impl Swept {
    /// Of ports in order, of those of the range that somebody else has, and of who that is.
    pub fn of(ports: &[u16], taken: &[u16], holders: &BTreeMap<u16, String>) -> Self {
        let short =
            |ports: &[u16]| Some(text(ports.iter().copied())).filter(|t| t.len() <= MAX_TEXT / 2);
        Swept {
            count: ports.len(),
            ports: short(ports),
            taken: short(taken).filter(|t| !t.is_empty()),
            holders: by_holder(holders),
        }
    }

    /// Who has a port of the range, as far as that is told.
    pub fn holder(&self, port: u16) -> Option<&str> {
        self.holders
            .iter()
            .find(|holder| holds(&holder.ports, port))
            .map(|holder| holder.who.as_str())
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

/// Programs with their ports; no more than a proof can carry.
pub fn by_holder(holders: &BTreeMap<u16, String>) -> Vec<Holder> {
    let mut ports: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    holders.iter().for_each(|(port, who)| ports.entry(who).or_default().push(*port));
    let told =
        ports.into_iter().map(|(who, ports)| Holder { ports: text(ports), who: who.to_owned() });
    told.filter(|h| h.ports.len() + h.who.len() <= MAX_HOLDER).take(MAX_HOLDERS).collect()
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
    let run = |(first, last): (u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
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

/// Whether of a range only a few ports are in a set of such words, as where nobody opened it as a
/// whole. Of an empty set nothing is known.
pub fn are_few(words: &str, range: impl Iterator<Item = u16> + Clone) -> bool {
    let missing = not_in(words, range.clone()).len();
    let all = range.count();
    let held = all - missing;
    !words.is_empty() && held <= FEW && held * 2 < all
}

/// The ports of a range that are not in a set of such words, in order; none where nothing is known
/// of the set.
pub fn not_in(words: &str, range: impl Iterator<Item = u16>) -> Vec<u16> {
    let Some(held) = list(words).filter(|held| !held.is_empty()) else { return Vec::new() };
    range.filter(|port| held.binary_search(port).is_err()).collect()
}

/// Whether a port is in a set of such words. What cannot be read holds none.
pub fn holds(words: &str, port: u16) -> bool {
    words.split(',').any(|run| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        first.parse().is_ok_and(|first: u16| first <= port)
            && last.parse().is_ok_and(|last: u16| port <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_words_are_the_same() {
        for ports in [vec![], vec![1], vec![1, 2, 3, 5, 65534, 65535], (49152..=65535).collect()] {
            assert_eq!(list(&text(ports.iter().copied())), Some(ports.clone()));
            assert_eq!(Swept::of(&ports, &[], &BTreeMap::new()).list(), Some(ports));
        }
        assert_eq!(text([1, 2, 3, 5]), "1-3,5");
        for wrong in ["a", "1-", "2-1", "5,4", "1-3,3", "70000", "-"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
        let scattered: Vec<u16> = (1..=65535).step_by(2).collect();
        assert_eq!(
            Swept::of(&scattered, &[7, 9], &BTreeMap::new()),
            Swept { count: 32768, ports: None, taken: Some("7,9".into()), holders: vec![] }
        );
        assert_eq!(
            Swept { count: 3, ports: Some("1-2".into()), taken: None, holders: vec![] }.list(),
            None,
            "a count that does not fit"
        );
        for (words, wanted) in
            [("", ""), ("8", "3-7"), ("1-4,7", "5-6"), ("3-9", ""), ("3-4,x-9", "")]
        {
            assert_eq!(text(not_in(words, 3..=7)), wanted, "{words}");
        }
        let who = |pid: u32| format!("pid {pid} (a)");
        let told = Swept::of(&[], &[7, 9], &[(7, who(1)), (8, who(1)), (9, who(2))].into());
        assert_eq!(
            (told.holder(8), told.holder(9), told.holder(10)),
            (Some("pid 1 (a)"), Some("pid 2 (a)"), None)
        );
        assert_eq!(told.holders[0].ports, "7-8");
        for (words, wanted) in [
            ("", false),
            ("135", true),
            ("135,49152-49160", true),
            ("49152-49500", false),
            ("49152-65535", false),
        ] {
            assert_eq!(are_few(words, 49152..=65535), wanted, "{words}");
        }
        assert!(!are_few("50000-50009", 50000..=50019), "half of a small one");
        for (words, port, wanted) in [
            ("1-3,5", 2, true),
            ("1-3,5", 4, false),
            ("1-3,5", 5, true),
            ("", 0, false),
            ("a-9,x", 5, false),
        ] {
            assert_eq!(holds(words, port), wanted, "{words} {port}");
        }
    }
}
