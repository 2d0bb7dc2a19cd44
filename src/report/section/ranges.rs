//! Dynamic ranges as they were swept: a strip, and the runs of ports that stand alike.

use crate::observation::{Segment, Sweep};
use crate::report::style::Style;
use crate::report::words::to_text;
use crate::result::HopResult;
use crate::text::{markdown_safe, wrap};
use std::fmt::Write as _;

/// Marks of a strip: with its indent it fits a terminal of 80 columns, and one mark of a whole
/// dynamic range is 256 ports.
const MARKS: usize = 64;
/// Runs named for one range.
const MOST_RUNS: usize = 24;

/// For a terminal; empty where no range was swept.
pub fn table(hops: &[HopResult], style: Style) -> String {
    let mut text = String::new();
    let width = usize::from(style.width.max(40));
    for (hop, sweep) in swept(hops) {
        if text.is_empty() {
            text.push_str(&wrap(&format!("Dynamic ranges ({})", Sweep::MARKS), "", width));
            text.insert(0, '\n');
        }
        text.push_str(&wrap(&title(hop, sweep), "  ", width));
        let _ = writeln!(text, "    {}", sweep.strip(MARKS.min(width.saturating_sub(4))));
        text.push_str(&wrap(&sweep.words(MOST_RUNS), "    ", width));
    }
    text
}

/// For a ticket or a wiki page.
pub fn markdown(hops: &[HopResult]) -> String {
    let mut text = String::new();
    for (hop, sweep) in swept(hops) {
        if text.is_empty() {
            text.push_str("\n### Dynamic ranges\n\n| Hop | Ports | |\n|---|---|---|\n");
        }
        let _ = writeln!(
            text,
            "| {} | {} | `{}` |",
            markdown_safe(&title(hop, sweep)),
            markdown_safe(&sweep.words(MOST_RUNS)),
            sweep.strip(MARKS)
        );
    }
    if !text.is_empty() {
        let _ = writeln!(text, "\n{}.", markdown_safe(Sweep::MARKS));
    }
    text
}

fn swept(hops: &[HopResult]) -> impl Iterator<Item = (&HopResult, &Sweep)> {
    hops.iter()
        .filter_map(|hop| Some((hop, hop.sweep.as_ref()?)))
        .filter(|(_, sweep)| !sweep.segments.is_empty())
}

fn title(hop: &HopResult, sweep: &Sweep) -> String {
    let ports: usize = sweep.segments.iter().map(Segment::len).sum();
    let tried = if sweep.tried == ports {
        format!("{ports} ports")
    } else {
        format!("{} of {ports} ports", sweep.tried)
    };
    format!(
        "{} → {}: {tried} in {:.2} s",
        hop.from_text(),
        to_text(hop, &hop.to.host),
        sweep.ms / 1000.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_range_is_drawn_and_told() {
        let hop: HopResult = serde_json::from_value(json!({
            "hop": "m/f/ws/dc:135", "flow": "m/f", "source": "row 1", "from": { "role": "ws", "host": "ws" },
            "to": { "role": "dc", "host": "dc", "port": 135 }, "protocol": "rpc", "expect": "allow", "required": true, "verdict": "fail",
            "reason": "range-partly-blocked", "answered_by": "stand-in", "ms": 1.0, "evidence": [], "steps": [],
            "started": "2026-01-01T00:00:00Z",
            "sweep": { "mode": "exact", "tried": 16384, "lost": 0, "ms": 640.0, "segments": [
                { "first": 49152, "last": 57343, "state": "proved" },
                { "first": 57344, "last": 65535, "state": "shut", "reason": "timed-out" }] } }))
        .expect("a hop");
        let text = table(std::slice::from_ref(&hop), Style { width: 80, color: false });
        assert_eq!(
            text,
            format!(
                "\nDynamic ranges (# proved, o open without a proof, . dropped, x shut, / \
                    several\nof these, ? not tried)\n  \
                 ws → dc:135: 16384 ports in 0.64 s\n    {}{}\n    proved 49152-57343; dropped \
                 57344-65535\n",
                "#".repeat(32),
                ".".repeat(32)
            )
        );
        assert!(markdown(std::slice::from_ref(&hop)).contains(
            "| ws → dc:135: 16384 ports in 0.64 s | proved 49152-57343; dropped 57344-65535 |"
        ));
        assert_eq!(table(&[], Style { width: 80, color: false }), "");
    }
}
