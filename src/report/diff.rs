//! What changed between two results of the same hops: what stands otherwise, who answers now, what came and what went.

use super::{Style, table::LINES};
use crate::reason::Reason;
use crate::result::{HopResult, ResultFile};
use crate::verdict::{AnsweredBy, Verdict};
use comfy_table::{Cell, ContentArrangement, Table};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

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
    pub added: Vec<Stand>,
    /// Hops of the older result alone.
    pub removed: Vec<Stand>,
    /// Hops that stand as before.
    pub unchanged: usize,
}

/// How one hop stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stand {
    /// Id of the hop.
    pub hop: String,
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
    pub old: Stand,
    /// Now.
    pub new: Stand,
}

impl Stand {
    fn of(hop: &HopResult) -> Self {
        let HopResult { hop, verdict, reason, answered_by, recognised, sweep, .. } = hop.clone();
        Stand { hop, verdict, reason, answered_by, recognised, range: sweep.map(|sweep| sweep.words(MOST_RUNS)) }
    }

    fn words(&self) -> String {
        let by =
            self.recognised.as_ref().map_or_else(|| self.answered_by.name().to_owned(), |r| format!("{} ({r})", self.answered_by.name()));
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

/// Compares two results hop by hop, by the hops' ids.
pub fn diff(old: &ResultFile, new: &ResultFile) -> Diff {
    let before: BTreeMap<&str, &HopResult> = old.hops.iter().map(|h| (h.hop.as_str(), h)).collect();
    let now: BTreeMap<&str, &HopResult> = new.hops.iter().map(|h| (h.hop.as_str(), h)).collect();
    let mut changed = Vec::new();
    let mut unchanged = 0;
    for hop in &new.hops {
        let Some(earlier) = before.get(hop.hop.as_str()) else { continue };
        let change = Change { old: Stand::of(earlier), new: Stand::of(hop) };
        if change.old == change.new { unchanged += 1 } else { changed.push(change) }
    }
    Diff {
        schema: SCHEMA.to_owned(),
        old: old.started,
        new: new.started,
        changed,
        added: new.hops.iter().filter(|h| !before.contains_key(h.hop.as_str())).map(Stand::of).collect(),
        removed: old.hops.iter().filter(|h| !now.contains_key(h.hop.as_str())).map(Stand::of).collect(),
        unchanged,
    }
}

/// As one JSON document.
pub fn json(diff: &Diff) -> String {
    serde_json::to_string_pretty(diff).unwrap_or_default() + "\n"
}

/// For a terminal: what is worse first.
pub fn table(diff: &Diff, style: Style) -> String {
    let mut rows: Vec<(&str, &str, String, String)> = Vec::new();
    let mut changes: Vec<&Change> = diff.changed.iter().collect();
    changes.sort_by_key(|c| (!c.is_worse(), c.new.verdict == c.old.verdict));
    for change in changes {
        let word = match change.new.verdict.cmp(&change.old.verdict) {
            std::cmp::Ordering::Greater => "worse",
            std::cmp::Ordering::Less => "better",
            std::cmp::Ordering::Equal => "other",
        };
        rows.push((word, &change.new.hop, change.old.words(), change.new.words()));
    }
    rows.extend(diff.removed.iter().map(|s| ("gone", s.hop.as_str(), s.words(), "–".to_owned())));
    rows.extend(diff.added.iter().map(|s| ("new", s.hop.as_str(), "–".to_owned(), s.words())));
    let mut text = String::new();
    if !rows.is_empty() {
        let mut table = Table::new();
        table.load_style(LINES).set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
        table.force_no_tty().set_header(vec!["", "Hop", "Before", "Now"]);
        for (word, hop, before, now) in rows {
            table.add_row(vec![Cell::new(word), Cell::new(hop), Cell::new(before), Cell::new(now)]);
        }
        let _ = writeln!(text, "{}\n", table.trim_fmt());
    }
    let worse = diff.changed.iter().filter(|c| c.is_worse()).count();
    let (changed, added, removed) = (diff.changed.len(), diff.added.len(), diff.removed.len());
    let _ = writeln!(text, "{changed} changed ({worse} worse), {added} new, {removed} gone, {} as before", diff.unchanged);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(hops: &[(&str, &str, &str, &str)]) -> ResultFile {
        let hops: Vec<serde_json::Value> = hops
            .iter()
            .map(|(id, verdict, reason, by)| {
                serde_json::json!({ "hop": id, "flow": "f/h", "source": "row 1", "from": { "role": "a", "host": "a" },
                    "to": { "role": "b", "host": "b", "port": 1 }, "protocol": "http", "expect": "allow", "required": true,
                    "verdict": verdict, "reason": reason, "answered_by": by, "ms": 1.0, "steps": [], "evidence": [] })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "schema": "portmatrix/result/1", "version": "0", "site": "s",
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
        let worse: Vec<(&str, bool)> = diff.changed.iter().map(|c| (c.new.hop.as_str(), c.is_worse())).collect();
        assert_eq!(worse, [("installed", false), ("shut", true), ("mended", false)]);
        assert_eq!((diff.added[0].hop.as_str(), diff.removed[0].hop.as_str()), ("new", "gone"));
        let text = table(&diff, Style { width: 120, color: false });
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].contains("worse") && lines[2].contains("pass proved, stand-in") && lines[2].contains("fail timed-out, nobody"),
            "{text}"
        );
        assert!(text.contains("pass answered, service"), "the real service has taken the stand-in's place\n{text}");
        assert!(text.ends_with("3 changed (1 worse), 1 new, 1 gone, 1 as before\n"), "{text}");
        let read: Diff = serde_json::from_str(&json(&diff)).expect("its own JSON");
        assert_eq!(read, diff);
    }
}
