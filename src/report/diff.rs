//! What changed between two results of the same hops: what stands otherwise, who answers now, what
//! came and what went.

use crate::document::{Block, Column, Document, Role, Section, Table, Text};
use crate::reason::Reason;
use crate::result::{HopResult, ResultFile, TestedBy};
use crate::verdict::{AnsweredBy, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of ports named of one range.
const MOST_RUNS: usize = 24;

/// Name and version of the format.
pub const SCHEMA: &str = "portmatrix/diff/1";

/// The difference between two results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Always `portmatrix/diff/1`.
    pub schema: String,
    /// When the older run began, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub old: Timestamp,
    /// When the newer run began.
    #[schemars(with = "String")]
    pub new: Timestamp,
    /// Hops of both results that stand otherwise, in the order of the newer one.
    pub changed: Vec<Change>,
    /// Hops of the newer result alone.
    pub added: Vec<Standing>,
    /// Hops of the older result alone.
    pub removed: Vec<Standing>,
    /// Hops that stand as before.
    pub unchanged: usize,
}

/// How one hop stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// Id of the hop.
    pub hop: String,
    /// The machine that tested it, where the row is for a whole network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tested_by: Option<TestedBy>,
    /// How it stands.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// What the other end named itself as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognised: Option<String>,
    /// How the ports of its dynamic range stand, where it was swept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
}

/// One hop, before and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Before.
    pub old: Standing,
    /// Now.
    pub new: Standing,
}

impl Standing {
    fn of(hop: &HopResult) -> Self {
        let tested_by = hop.tester().cloned();
        let HopResult { hop, verdict, reason, answered_by, recognised, sweep, .. } = hop.clone();
        Standing {
            hop,
            tested_by,
            verdict,
            reason,
            answered_by,
            recognised,
            range: sweep.map(|sweep| sweep.words(MOST_RUNS)),
        }
    }

    /// Whether it stands as another does; a machine may have got another address meanwhile.
    fn stands_as(&self, other: &Standing) -> bool {
        *self == Standing { tested_by: self.tested_by.clone(), ..other.clone() }
    }

    /// The hop for people, with the machine that tested it where several may have.
    fn lane(&self) -> String {
        self.tested_by
            .as_ref()
            .map_or_else(|| self.hop.clone(), |tester| format!("{} ({tester})", self.hop))
    }

    fn words(&self) -> String {
        let by = self.recognised.as_ref().map_or_else(
            || self.answered_by.shown().to_owned(),
            |r| format!("{} ({r})", self.answered_by.shown()),
        );
        let range = self.range.as_ref().map(|range| format!("; {range}")).unwrap_or_default();
        format!("{} {}, {by}{range}", self.verdict.name(), self.reason)
    }
}

impl Change {
    /// Whether it stands worse than before.
    pub fn is_worse(&self) -> bool {
        self.new.verdict > self.old.verdict
    }
}

/// Compares two results lane by lane: a hop as tested by one machine.
pub fn diff(old: &ResultFile, new: &ResultFile) -> Diff {
    let earlier = pairs(&old.hops, &new.hops);
    let mut changed = Vec::new();
    let mut unchanged = 0;
    for (hop, place) in new.hops.iter().zip(&earlier) {
        let Some(place) = place else { continue };
        let change = Change { old: Standing::of(&old.hops[*place]), new: Standing::of(hop) };
        if change.old.stands_as(&change.new) { unchanged += 1 } else { changed.push(change) }
    }
    let met: BTreeSet<usize> = earlier.iter().flatten().copied().collect();
    Diff {
        schema: SCHEMA.to_owned(),
        old: old.started,
        new: new.started,
        changed,
        added: new
            .hops
            .iter()
            .zip(&earlier)
            .filter(|(_, place)| place.is_none())
            .map(|(hop, _)| Standing::of(hop))
            .collect(),
        removed: old
            .hops
            .iter()
            .enumerate()
            .filter(|(place, _)| !met.contains(place))
            .map(|(_, hop)| Standing::of(hop))
            .collect(),
        unchanged,
    }
}

/// For each newer hop the place of the older one that it is held against. The same lane first, each
/// with its own turn, so that a file is always as itself; then the same machine under another
/// address; then, where one of the two does not say who tested, the only one of that id.
fn pairs(old: &[HopResult], new: &[HopResult]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = vec![None; new.len()];
    let mut free: BTreeSet<usize> = (0..old.len()).collect();
    let mut lanes: BTreeMap<String, std::collections::VecDeque<usize>> = BTreeMap::new();
    for (place, hop) in old.iter().enumerate() {
        lanes.entry(hop.lane()).or_default().push_back(place);
    }
    for (place, hop) in new.iter().enumerate() {
        found[place] = lanes.get_mut(&hop.lane()).and_then(std::collections::VecDeque::pop_front);
        if let Some(place_of_old) = found[place] {
            free.remove(&place_of_old);
        }
    }
    let machine =
        |hop: &HopResult| hop.tester().map(|tester| (hop.hop.clone(), tester.host.clone()));
    let id = |hop: &HopResult| Some((hop.hop.clone(), String::new()));
    let by_machine: &dyn Fn(&HopResult) -> Option<(String, String)> = &machine;
    for (key, unsaid) in [(by_machine, false), (&id, true)] {
        let mut alone: BTreeMap<(String, String), (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for place in &free {
            if let Some(key) = key(&old[*place]) {
                alone.entry(key).or_default().0.push(*place);
            }
        }
        for (place, hop) in new.iter().enumerate().filter(|(place, _)| found[*place].is_none()) {
            if let Some(key) = key(hop) {
                alone.entry(key).or_default().1.push(place);
            }
        }
        for (before, now) in alone.into_values() {
            if let ([before], [now]) = (before.as_slice(), now.as_slice())
                && (!unsaid || old[*before].tester().is_none() || new[*now].tester().is_none())
            {
                found[*now] = Some(*before);
                free.remove(before);
            }
        }
    }
    found
}

/// As one JSON document.
///
/// # Errors
/// None that a difference can cause; serde's signature has one.
pub fn json(diff: &Diff) -> serde_json::Result<String> {
    Ok(crate::text::json::pretty(diff)? + "\n")
}

/// For people: what is worse first.
pub fn document(diff: &Diff) -> Document {
    let none = || "–".to_owned();
    let mut changes: Vec<&Change> = diff.changed.iter().collect();
    changes.sort_by_key(|c| (!c.is_worse(), c.new.verdict == c.old.verdict));
    let changed = changes.into_iter().map(|change| {
        let word = match change.new.verdict.cmp(&change.old.verdict) {
            std::cmp::Ordering::Greater => "worse",
            std::cmp::Ordering::Less => "better",
            std::cmp::Ordering::Equal => "other",
        };
        [word.to_owned(), change.new.lane(), change.old.words(), change.new.words()]
    });
    let removed = diff.removed.iter().map(|s| ["gone".to_owned(), s.lane(), s.words(), none()]);
    let added = diff.added.iter().map(|s| ["new".to_owned(), s.lane(), none(), s.words()]);
    let column = |heading| Column::new(heading, Role::Words);
    let table = Table::of::<[String; 4]>(
        &[
            (column(""), &|row| row[0].as_str().into()),
            (column("Hop"), &|row| row[1].as_str().into()),
            (column("Before"), &|row| row[2].as_str().into()),
            (column("Now"), &|row| row[3].as_str().into()),
        ],
        changed.chain(removed).chain(added),
    );
    let section = |block| Section { heading: None, blocks: vec![block] };
    Document {
        summary: Some(counts(diff)),
        sections: vec![section(Block::Table(table)), section(Block::Summary)],
        ..Document::default()
    }
}

fn counts(diff: &Diff) -> Text {
    let worse = diff.changed.iter().filter(|c| c.is_worse()).count();
    let (changed, added, removed) = (diff.changed.len(), diff.added.len(), diff.removed.len());
    format!(
        "{changed} changed ({worse} worse), {added} new, {removed} gone, {} as before",
        diff.unchanged
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Style, terminal};

    fn file(hops: &[(&str, &str, &str, &str)]) -> ResultFile {
        let hops: Vec<serde_json::Value> = hops
            .iter()
            .map(|(id, verdict, reason, by)| {
                serde_json::json!({ "hop": id, "flow": "f/h", "source": "row 1", "from": { "role": "a", "host": "a" },
                    "to": { "role": "b", "host": "b", "port": 1 }, "protocol": "http", "expect": "allow", "required": true,
                    "verdict": verdict, "reason": reason, "answered_by": by, "ms": 1.0, "steps": [], "evidence": [] })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "schema": "portmatrix/result/2", "version": "0", "site": "s",
            "from": { "host": "a", "roles": [] }, "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z", "hops": hops }))
        .expect("a result")
    }

    #[test]
    fn what_changed_is_told_and_what_did_not_is_counted() {
        let old = file(&[
            ("same", "pass", "proved", "stand-in"),
            ("installed", "pass", "proved", "stand-in"),
            ("shut", "pass", "proved", "stand-in"),
            ("mended", "fail", "timed-out", "nobody"),
            ("gone", "pass", "proved", "stand-in"),
        ]);
        let new = file(&[
            ("same", "pass", "proved", "stand-in"),
            ("installed", "pass", "answered", "service"),
            ("shut", "fail", "timed-out", "nobody"),
            ("mended", "pass", "proved", "stand-in"),
            ("new", "pass", "proved", "stand-in"),
        ]);
        let diff = diff(&old, &new);
        assert_eq!(diff.unchanged, 1);
        let worse: Vec<(&str, bool)> =
            diff.changed.iter().map(|c| (c.new.hop.as_str(), c.is_worse())).collect();
        assert_eq!(worse, [("installed", false), ("shut", true), ("mended", false)]);
        assert_eq!((diff.added[0].hop.as_str(), diff.removed[0].hop.as_str()), ("new", "gone"));
        let text = terminal::render(&document(&diff), Style { width: 120, color: false });
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].contains("worse")
                && lines[2].contains("pass proved, stand-in")
                && lines[2].contains("fail timed-out, none"),
            "{text}"
        );
        assert!(
            text.contains("pass answered, service"),
            "the real service has taken the stand-in's place\n{text}"
        );
        assert!(text.ends_with("3 changed (1 worse), 1 new, 1 gone, 1 as before\n"), "{text}");
        let read: Diff = serde_json::from_str(&json(&diff).expect("JSON")).expect("its own JSON");
        assert_eq!(read, diff);
    }

    /// A hop of a network row, tested by one machine; `None` for a file of an earlier version.
    fn lane(file: &mut ResultFile, place: usize, tester: Option<(&str, &str)>) {
        let hop = &mut file.hops[place];
        hop.from.host = "10.20.0.0/16".into();
        hop.tested_by = tester
            .map(|(host, address)| TestedBy { host: host.into(), address: address.parse().ok() });
    }

    /// Words of a difference: changed, worse, new, gone, as before.
    fn numbers(old: &ResultFile, new: &ResultFile) -> [usize; 5] {
        let diff = diff(old, new);
        let worse = diff.changed.iter().filter(|c| c.is_worse()).count();
        [diff.changed.len(), worse, diff.added.len(), diff.removed.len(), diff.unchanged]
    }

    #[test]
    fn each_machine_of_a_network_is_a_lane_and_a_file_is_as_itself() {
        let row = [
            ("row", "pass", "proved", "stand-in"),
            ("row", "fail", "timed-out", "nobody"),
            ("row", "pass", "proved", "stand-in"),
        ];
        let mut all = file(&row);
        assert_eq!(
            numbers(&all, &all),
            [0, 0, 0, 0, 3],
            "of an earlier version: nobody says who tested"
        );
        for (place, tester) in [("ws1", "10.20.0.1"), ("ws2", "10.20.0.2"), ("ws3", "10.20.0.3")]
            .into_iter()
            .enumerate()
        {
            lane(&mut all, place, Some(tester));
        }
        assert_eq!(numbers(&all, &all), [0, 0, 0, 0, 3]);
        let mut turned = all.clone();
        turned.hops.reverse();
        assert_eq!(numbers(&all, &turned), [0, 0, 0, 0, 3], "whatever the order of the files");
        let mut twice = all.clone();
        twice.hops.extend(all.hops.clone());
        assert_eq!(numbers(&twice, &twice), [0, 0, 0, 0, 6], "and if one was given twice");
        let mut later =
            file(&[("row", "fail", "timed-out", "nobody"), ("row", "fail", "timed-out", "nobody")]);
        lane(&mut later, 0, Some(("ws1", "10.20.9.9")));
        lane(&mut later, 1, Some(("ws4", "10.20.0.4")));
        assert_eq!(
            numbers(&all, &later),
            [1, 1, 1, 2, 0],
            "ws1 has another address now, ws4 is new"
        );
    }

    #[test]
    fn results_of_an_earlier_version_are_held_against_those_of_this_one() {
        let old =
            file(&[("row", "pass", "proved", "stand-in"), ("fixed", "pass", "proved", "stand-in")]);
        let mut new = file(&[
            ("row", "fail", "timed-out", "nobody"),
            ("fixed", "pass", "proved", "stand-in"),
        ]);
        lane(&mut new, 0, Some(("ws1", "10.20.0.1")));
        new.hops[1].tested_by = Some(TestedBy { host: "psp".into(), address: None });
        assert_eq!(numbers(&old, &new), [1, 1, 0, 0, 1]);
        assert_eq!(numbers(&new, &old), [1, 0, 0, 0, 1]);
    }
}
