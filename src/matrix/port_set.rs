//! The ports of a named range: one run, or those that services were pinned to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One or more runs of ports: `49152-65535`, `50001,50002,50010-50019`. Never empty.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct PortSet {
    /// First and last port of each run, in order, with at least one port between two of them.
    runs: Vec<(u16, u16)>,
}

/// What to write.
const FORM: &str = "write ports between 1 and 65535, as first-last or as a \
    list: \"49152-65535\", \"50001,50002,50010-50019\"";

impl PortSet {
    /// The ports from the first to the last, whichever of the two comes first.
    pub fn run(first: u16, last: u16) -> Self {
        PortSet { runs: vec![(first.min(last), first.max(last))] }
    }

    /// The lowest port.
    pub fn first(&self) -> u16 {
        self.runs.first().map_or(0, |run| run.0)
    }

    /// How many ports it has.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Always `false`: a set has a port.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a port is one of them.
    pub fn contains(&self, port: u16) -> bool {
        self.runs.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// All ports, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + Clone + '_ {
        self.runs.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Every port of either.
    #[must_use]
    pub fn union(&self, other: &PortSet) -> PortSet {
        PortSet::of_runs(self.runs.iter().chain(&other.runs).copied().collect())
    }

    /// Every port moved up; `None` when one would be past 65535.
    pub fn shifted(&self, by: u16) -> Option<PortSet> {
        let runs = self
            .runs
            .iter()
            .map(|(first, last)| Some((first.checked_add(by)?, last.checked_add(by)?)));
        Some(PortSet { runs: runs.collect::<Option<_>>()? })
    }

    fn of_runs(mut runs: Vec<(u16, u16)>) -> PortSet {
        runs.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::with_capacity(runs.len());
        for (first, last) in runs {
            match joined.last_mut() {
                Some(before) if u32::from(first) <= u32::from(before.1) + 1 => {
                    before.1 = before.1.max(last)
                }
                _ => joined.push((first, last)),
            }
        }
        PortSet { runs: joined }
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.runs.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?
            } else {
                write!(f, "{comma}{first}-{last}")?
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for PortSet {
    type Err = &'static str;

    /// `first-last` or a list of ports and of such; the error says what to write.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port =
            |part: &str| part.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or(FORM);
        let run = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (port(first)?, port(last)?);
            if first <= last {
                Ok((first, last))
            } else {
                Err("the first port is above the last one")
            }
        };
        Ok(PortSet::of_runs(text.split(',').map(run).collect::<Result<_, _>>()?))
    }
}

impl From<PortSet> for String {
    fn from(set: PortSet) -> String {
        set.to_string()
    }
}

impl TryFrom<String> for PortSet {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_joined_and_written() {
        for (text, wanted, len) in [
            ("49152-65535", "49152-65535", 16384),
            ("50001", "50001", 1),
            ("50010-50019, 50001,50002", "50001-50002,50010-50019", 12),
            ("1-3,2-5,6", "1-6", 6),
            ("65535,1", "1,65535", 2),
        ] {
            let set: PortSet = text.parse().expect(text);
            assert_eq!(
                (set.to_string().as_str(), set.len(), set.iter().count()),
                (wanted, len, len),
                "{text}"
            );
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        for wrong in ["", "0", "0-5", "70000", "a-b", "5-", "-5", "1,,2", "1-2-3"] {
            assert_eq!(wrong.parse::<PortSet>(), Err(FORM), "{wrong}");
        }
        assert_eq!("9-3".parse::<PortSet>(), Err("the first port is above the last one"));
    }

    #[test]
    fn sets_are_asked_moved_and_put_together() {
        let pinned: PortSet = "50001,50010-50019".parse().expect("a set");
        assert!(
            pinned.contains(50001)
                && pinned.contains(50019)
                && !pinned.contains(50002)
                && !pinned.contains(50020)
        );
        assert_eq!((pinned.first(), pinned.is_empty()), (50001, false));
        assert_eq!(
            pinned.shifted(15516).map(|s| s.to_string()).as_deref(),
            Some("65517,65526-65535")
        );
        assert_eq!(pinned.shifted(15517), None);
        assert_eq!(pinned.union(&PortSet::run(50002, 50009)).to_string(), "50001-50019");
    }
}
