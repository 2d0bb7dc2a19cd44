//! A sweep of a range of ports: how each port stands, and how runs of them read.

use crate::reason::Reason;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// How a port of a range stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// The listener proved itself on it.
    Proved,
    /// The same, but only when it was asked again: packets were lost.
    ProvedLate,
    /// Somebody answers on it without a proof.
    Open,
    /// It is shut, for the segment's reason.
    Shut,
    /// It was not tried.
    Untested,
}

/// Ports of a range, one after the other, that stand alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Segment {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
    /// How they stand.
    pub state: PortState,
    /// Why, where they are shut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The listener said that it does not hold them: somebody else has them there, or they could
    /// not be opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
    /// Who has them there, as far as the listener knows: `dns.exe, pid 812`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The other host whose listener proved itself on them: the way leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub led_to: Option<String>,
    /// They were shut when they were asked for, and so was what had been proved before: that is no
    /// rule about their numbers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
}

impl Segment {
    /// How many ports it has.
    pub fn len(&self) -> usize {
        usize::from(self.last.saturating_sub(self.first)) + 1
    }

    /// Always `false`: a segment has a port.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether the way to them is shut, or somebody else answers on the way. Where the listener
    /// does not hold them, whoever has them answers as he likes, or not at all; but he answers a
    /// SYN, or the way is shut.
    pub fn is_blocked(&self) -> bool {
        match self.state {
            _ if self.unsettled => false,
            PortState::Open => !self.taken,
            PortState::Shut => {
                !(self.taken && (self.opened() || self.reason == Some(Reason::Refused)))
            }
            PortState::Proved | PortState::ProvedLate | PortState::Untested => false,
        }
    }

    /// Whether nothing is known of the way to them: they were not tried, or nobody has them open
    /// there.
    pub fn is_unknown(&self) -> bool {
        self.state == PortState::Untested
            || self.unsettled
            || (self.taken && self.reason == Some(Reason::Refused))
    }

    /// How they stand, in a word.
    fn word(&self) -> &'static str {
        match (self.state, self.reason) {
            (PortState::Shut, _) if self.unsettled => "not settled",
            (PortState::Open, _) if self.led_to.is_some() => "answered by another host",
            (PortState::Proved | PortState::ProvedLate, _) => "proved",
            (PortState::Open, _) => "open without a proof",
            (PortState::Shut, Some(Reason::TimedOut)) => "dropped",
            (PortState::Shut, Some(reason)) => reason.code(),
            (PortState::Shut, None) => "shut",
            (PortState::Untested, _) => "not tried",
        }
    }

    /// Whether both are the same to a reader.
    fn looks_like(&self, other: &Segment) -> bool {
        (self.word(), self.taken, &self.holder, &self.led_to)
            == (other.word(), other.taken, &other.holder, &other.led_to)
    }

    /// Whether the connection opened although nothing was said on it.
    fn opened(&self) -> bool {
        let later =
            [Reason::ClosedAfterConnect, Reason::SilentAfterConnect, Reason::ResetAfterConnect];
        self.reason.is_some_and(|reason| later.contains(&reason))
    }
}

/// How a range was swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SweepMode {
    /// Every port was tried.
    Exact,
    /// A sample of them, and the edges between those that stand otherwise.
    Sample,
    /// It was broken off: every port of the sample was silent.
    BrokenOff,
}

/// A time in which ports were shut that stood open before or after it, whatever their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// When the first of the tries that failed was begun, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// The last of them; absent where it had not ended when the sweep did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Connections that were proved before it began.
    pub proved_before: usize,
}

/// A sweep of a range of ports, port by port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sweep {
    /// How.
    pub mode: SweepMode,
    /// All ports of the range, in order.
    pub segments: Vec<Segment>,
    /// Ports that were tried.
    pub tried: usize,
    /// Ports that were proved only when they were asked again.
    pub lost: usize,
    /// Ports of the sweep that the listener saw; absent where it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_there: Option<usize>,
    /// Ports that are shut here and that the sweep arrived at there, as `50001,50003-50010`: the
    /// way back is shut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_unanswered: Option<String>,
    /// What was shut by the time of the try and not by the number of the port, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
    /// Whether the listener was started again meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restarted: bool,
    /// Duration in milliseconds.
    pub ms: f64,
    /// Shortest handshake in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fastest_ms: Option<f64>,
}

impl Sweep {
    /// How many ports stand so.
    pub fn count(&self, fits: impl Fn(&Segment) -> bool) -> usize {
        self.segments.iter().filter(|s| fits(s)).map(Segment::len).sum()
    }
}

/// Ports that stand alike for people's eyes, with those between them that were not tried.
struct Run<'s> {
    first: u16,
    last: u16,
    like: &'s Segment,
    /// Some between them were not tried.
    sampled: bool,
}

impl Sweep {
    /// The runs in words, as `proved 49152-57343; dropped 57344-65535`; no more than `most` of
    /// them.
    pub fn words(&self, most: usize) -> String {
        let mut runs = self.runs();
        if runs.len() > most {
            // Where not all can be named, those to look at are.
            runs.sort_by_key(|run| {
                matches!(run.like.state, PortState::Proved | PortState::ProvedLate)
            });
        }
        let mut words = String::new();
        for (place, run) in runs.iter().take(most).enumerate() {
            // Where the range has gaps, runs of one kind follow each other.
            let word = run.word();
            let _ = match place.checked_sub(1).and_then(|before| runs.get(before)) {
                Some(before)
                    if before.like.looks_like(run.like) && before.sampled == run.sampled =>
                {
                    write!(words, ", {run}")
                }
                Some(before) => write!(words, "{}; {word} {run}", before.remark()),
                None => write!(words, "{word} {run}"),
            };
        }
        words.push_str(&runs.iter().take(most).next_back().map(Run::remark).unwrap_or_default());
        if runs.len() > most {
            let _ = write!(words, "; and {} more runs", runs.len() - most);
        }
        words
    }

    fn runs(&self) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for segment in &self.segments {
            // Those of a sample have untried ones between them.
            let (beside, before) = match runs.as_slice() {
                [.., before, last] if last.like.state == PortState::Untested => {
                    (Some(before), true)
                }
                [.., last] => (Some(last), false),
                [] => (None, false),
            };
            // A range of pinned ports has gaps.
            let follows =
                runs.last().is_some_and(|run| run.last.checked_add(1) == Some(segment.first));
            if segment.state != PortState::Untested
                && follows
                && beside.is_some_and(|run| run.like.looks_like(segment))
            {
                if before {
                    runs.pop();
                }
                if let Some(run) = runs.last_mut() {
                    run.sampled |= before;
                    run.last = segment.last;
                }
            } else {
                runs.push(Run {
                    first: segment.first,
                    last: segment.last,
                    like: segment,
                    sampled: false,
                });
            }
        }
        runs
    }
}

impl std::fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last > self.first { write!(f, "-{}", self.last) } else { Ok(()) }
    }
}

impl Run<'_> {
    fn word(&self) -> String {
        format!("{}{}", self.like.word(), if self.sampled { " where tried," } else { "" })
    }

    /// Who has them instead of the listener.
    fn remark(&self) -> String {
        match (&self.like.led_to, &self.like.holder) {
            (Some(host), _) => format!(" ({host})"),
            (None, Some(holder)) => format!(" (held there by {holder})"),
            (None, None) if self.like.taken => " (not the listener's there)".to_owned(),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(segments: &[(u16, u16, PortState, Option<Reason>, bool)]) -> Sweep {
        let segments = segments.iter().map(|&(first, last, state, reason, taken)| Segment {
            first,
            last,
            state,
            reason,
            taken,
            holder: None,
            led_to: None,
            unsettled: false,
        });
        Sweep {
            mode: SweepMode::Exact,
            segments: segments.collect(),
            tried: 0,
            lost: 0,
            seen_there: None,
            arrived_unanswered: None,
            outage: None,
            restarted: false,
            ms: 0.0,
            fastest_ms: None,
        }
    }

    #[test]
    fn runs_read_as_a_firewall_team_writes_them() {
        let (proved, late, shut, open, untested) = (
            PortState::Proved,
            PortState::ProvedLate,
            PortState::Shut,
            PortState::Open,
            PortState::Untested,
        );
        let dropped = Some(Reason::TimedOut);
        let half = sweep(&[
            (100, 149, proved, None, false),
            (150, 150, late, None, false),
            (151, 199, shut, dropped, false),
        ]);
        assert_eq!(half.words(9), "proved 100-150; dropped 151-199");
        let sample = sweep(&[
            (100, 100, proved, None, false),
            (101, 149, untested, None, false),
            (150, 150, proved, None, false),
            (151, 151, shut, dropped, false),
            (152, 198, untested, None, false),
            (199, 199, shut, dropped, false),
        ]);
        assert_eq!(sample.words(9), "proved where tried, 100-150; dropped where tried, 151-199");
        let silent = sweep(&[
            (1, 1, shut, dropped, false),
            (2, 8, untested, None, false),
            (9, 9, proved, None, false),
        ]);
        assert_eq!(silent.words(9), "dropped 1; not tried 2-8; proved 9");
        let mixed = sweep(&[
            (1, 1, open, Some(Reason::NotProved), false),
            (2, 2, shut, Some(Reason::Refused), true),
            (3, 3, proved, None, false),
        ]);
        assert_eq!(
            mixed.words(2),
            "open without a proof 1; refused 2 (not the listener's there); and 1 more runs"
        );
    }

    #[test]
    fn what_is_not_the_listeners_is_judged_by_its_answer() {
        let segment = |state, reason, taken| Segment {
            first: 1,
            last: 1,
            state,
            reason,
            taken,
            holder: None,
            led_to: None,
            unsettled: false,
        };
        let judged = |state, reason, taken| {
            let segment = segment(state, reason, taken);
            (segment.is_blocked(), segment.is_unknown())
        };
        let (blocked, unknown, fine) = ((true, false), (false, true), (false, false));
        for (state, reason, taken, wanted) in [
            (PortState::Proved, None, false, fine),
            (PortState::ProvedLate, None, false, fine),
            (PortState::Open, Some(Reason::NotProved), true, fine),
            (PortState::Open, Some(Reason::NotProved), false, blocked),
            (PortState::Shut, Some(Reason::TimedOut), true, blocked),
            (PortState::Shut, Some(Reason::TimedOut), false, blocked),
            (PortState::Shut, Some(Reason::AdminProhibited), true, blocked),
            (PortState::Shut, Some(Reason::ClosedAfterConnect), true, fine),
            (PortState::Shut, Some(Reason::ClosedAfterConnect), false, blocked),
            (PortState::Shut, Some(Reason::Refused), true, unknown),
            (PortState::Shut, Some(Reason::Refused), false, blocked),
            (PortState::Untested, None, false, unknown),
        ] {
            assert_eq!(judged(state, reason, taken), wanted, "{state:?} {reason:?} {taken}");
        }
    }
}
