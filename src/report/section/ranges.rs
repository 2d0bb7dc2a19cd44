//! Dynamic ranges as they were swept: a strip, and the runs of ports that stand alike.

use crate::document::{Block, Heading, Mark, Section, Strip};
use crate::observation::{PortState, Segment, Sweep};
use crate::reason::Reason;
use crate::report::words::to_text;
use crate::result::HopResult;

/// Runs named for one range, in a terminal and on a page.
const MOST_RUNS: (usize, usize) = (24, 200);

/// Nothing where no range was swept.
pub fn sections(hops: &[HopResult]) -> Vec<Section> {
    let swept = hops.iter().filter_map(|hop| strip(hop, hop.sweep.as_ref()?));
    let strips: Vec<Strip> = swept.collect();
    if strips.is_empty() {
        return Vec::new();
    }
    let heading = Some(Heading { words: "Dynamic ranges".into(), about: None });
    vec![Section { heading, blocks: vec![Block::Strips(strips)] }]
}

fn strip(hop: &HopResult, sweep: &Sweep) -> Option<Strip> {
    Some(Strip {
        title: title(hop, sweep).into(),
        first: sweep.segments.first()?.first,
        last: sweep.segments.last()?.last,
        parts: sweep.segments.iter().map(|segment| (segment.len(), mark(segment))).collect(),
        brief: sweep.words(MOST_RUNS.0).into(),
        full: sweep.words(MOST_RUNS.1).into(),
    })
}

fn mark(segment: &Segment) -> Mark {
    match (segment.state, segment.reason) {
        (PortState::Proved | PortState::ProvedLate, _) => Mark::Proved,
        (PortState::Open, _) => Mark::Open,
        (PortState::Untested, _) => Mark::Untried,
        (PortState::Shut, _) if segment.unsettled => Mark::Untried,
        (PortState::Shut, Some(Reason::TimedOut)) => Mark::Dropped,
        (PortState::Shut, _) => Mark::Shut,
    }
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
    use crate::document::{Document, Style, markdown, terminal};
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
        let sections = sections(std::slice::from_ref(&hop));
        let document = Document { sections, ..Document::default() };
        assert_eq!(
            terminal::render(&document, Style { width: 80, color: false }),
            format!(
                "Dynamic ranges (# proved, o open without a proof, . dropped, x shut, / several\nof \
                    these, ? not tried)\n  ws → dc:135: 16384 ports in 0.64 s\n    {}{}\n    proved \
                    49152-57343; dropped 57344-65535\n",
                "#".repeat(32),
                ".".repeat(32)
            )
        );
        assert!(markdown::render(&document).contains(
            "| ws → dc:135: 16384 ports in 0.64 s | proved 49152-57343; dropped 57344-65535 |"
        ));
        assert_eq!(super::sections(&[]), []);
    }

    #[test]
    fn a_range_that_cannot_be_is_drawn_all_the_same() {
        let segment = |first: u16, last: u16, state: &str| json!({ "first": first, "last": last, "state": state });
        let hop = |segments: serde_json::Value| -> HopResult {
            serde_json::from_value(json!({
                "hop": "h", "flow": "f", "source": "", "from": { "role": "", "host": "" },
                "to": { "role": "", "host": "" }, "protocol": "x", "expect": "allow",
                "required": true, "verdict": "fail", "reason": "x", "answered_by": "nobody",
                "ms": -1.0, "evidence": [], "steps": [],
                "sweep": { "mode": "exact", "tried": 7, "lost": 0, "ms": 0.0, "segments": segments } }))
            .expect("a hop")
        };
        let hops = [
            hop(json!([])),
            hop(json!([segment(65535, 0, "proved"), segment(9, 9, "shut")])),
            hop(json!(vec![segment(0, 65535, "proved"); 3])),
        ];
        let document = crate::report::results::of_hops(&hops);
        let document =
            Document { sections: [document.sections, sections(&hops)].concat(), ..document };
        for width in [0, 1, 40, 80, 65535] {
            let text = terminal::render(&document, Style { width, color: true });
            assert!(text.contains("#x"), "{text}");
        }
        let page = crate::document::html::render(&document);
        assert!(page.contains("class=\"c-shut\"") && markdown::render(&document).contains("`#x`"));
    }
}
