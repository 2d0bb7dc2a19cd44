//! For a ticket or a wiki page: a table, then what is not as expected, with evidence and advice.

use crate::matrix::model::Expect;
use crate::plan::model::Unplanned;
use crate::report::words::{facts, steps, to_text};
use crate::result::{Counts, HopResult, ResultFile};
use crate::text::{markdown_code, markdown_safe};
use crate::verdict::Verdict;
use std::fmt::Write as _;

/// The matrix, a line with the counts, and a section for each hop that is not as expected.
pub fn render(hops: &[HopResult]) -> String {
    let mut text = String::from(
        "| Verdict | From | To | Protocol | Expect | Reason | Answered by | Steps | ms \
            |\n|---|---|---|---|---|---|---|---|---:|\n",
    );
    for hop in hops {
        let expect = if hop.expect == Expect::Deny { "**deny**" } else { "allow" };
        let cells = [
            hop.verdict.name(),
            &hop.from_text(),
            &to_text(hop, &hop.to.host),
            hop.protocol.text(),
        ]
        .map(markdown_safe);
        let _ = writeln!(
            text,
            "| {} | {expect} | {} | {} | {} | {:.1} |",
            cells.join(" | "),
            hop.reason,
            hop.answered_by.shown(),
            steps(hop),
            hop.ms
        );
    }
    let _ = writeln!(text, "\n{}", Counts::of(hops));
    for hop in hops.iter().filter(|h| h.verdict != Verdict::Pass) {
        let _ = writeln!(
            text,
            "\n### {}: {}\n\n- hop: {}",
            hop.verdict.name(),
            between(hop),
            markdown_code(&hop.hop)
        );
        for (label, words) in facts(hop) {
            // What the network said must not become a heading, a link or a picture in somebody's
            // ticket.
            let words = if matches!(label, "at" | "evidence" | "path") {
                markdown_code(&words)
            } else {
                markdown_safe(&words)
            };
            let _ = writeln!(text, "- {label}: {words}");
        }
    }
    text
}

/// What holds for the whole run.
pub fn head(file: &ResultFile) -> String {
    super::table::elsewhere(file)
        .map(|words| format!("**Note:** {}\n\n", markdown_safe(&words)))
        .unwrap_or_default()
}

/// The flows that could not be tested at all, and why.
pub fn untested(flows: &[Unplanned]) -> String {
    if flows.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n### Not tested, although this site asks for it\n\n");
    for flow in flows {
        let _ = writeln!(
            text,
            "- {}",
            markdown_safe(&format!("{} ({} → {}): {}", flow.flow, flow.from, flow.to, flow.why))
        );
    }
    text
}

fn between(hop: &HopResult) -> String {
    let path = hop.path.as_deref().map(|path| format!(" {path}")).unwrap_or_default();
    markdown_safe(&format!(
        "{} → {}, {}{path}",
        hop.from_text(),
        to_text(hop, &hop.to.host),
        hop.protocol
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = r#"{"hop":"a/b/ws/srv:443","flow":"a/b","source":"Table, row 1","from":{"role":"ws","host":"ws"},
        "to":{"role":"srv","host":"srv","port":443},"protocol":"https","path":"/Agent","expect":"allow","required":true,
        "verdict":"fail","reason":"refused","answered_by":"nobody","started":"2026-11-24T04:00:00Z","ms":1.0,
        "steps":[{"step":"connect","ok":false,"reason":"refused","initiator":"path","at_ms":0.0,"ms":1.0,"facts":{"ended":{"error":"a ` tick"}}}],
        "evidence":[{"source":"10.0.0.1:50000","destination":"10.0.0.2:443","sent_at":"2026-11-24T04:00:00.1234567Z","attempts":1}],
        "advice":"Allow TCP 10.0.0.1 → 10.0.0.2:443."}"#;

    #[test]
    fn a_ticket_holds_the_evidence_and_the_advice() {
        let hop: HopResult = serde_json::from_str(REFUSED).expect("a hop");
        let text = render(std::slice::from_ref(&hop));
        for words in [
            "### fail: ws → srv:443, https /Agent",
            "- hop: `a/b/ws/srv:443`",
            "- at: `connect · error a ' tick`",
            "- evidence: `TCP 10.0.0.1:50000 → 10.0.0.2:443 at 2026-11-24 04:00:00.123Z`",
            "- do: Allow TCP 10.0.0.1 → 10.0.0.2:443.",
            "- row: Table, row 1",
        ] {
            assert!(text.lines().any(|line| line == words), "{words} is not in\n{text}");
        }
        let passed = HopResult { verdict: Verdict::Pass, ..hop };
        assert!(!render(&[passed]).contains("###"));
    }
}
