//! A table for a ticket or a wiki page.

use super::{rungs, to_text};
use crate::matrix::model::Expect;
use crate::result::{Counts, HopResult};
use crate::text::markdown_safe;
use std::fmt::Write as _;

/// The matrix, and a line with the counts.
pub fn render(hops: &[HopResult]) -> String {
    let mut text = String::from(
        "| Verdict | From | To | Protocol | Expect | Reason | Answered by | Rungs | ms |\n|---|---|---|---|---|---|---|---|---:|\n",
    );
    for hop in hops {
        let expect = if hop.expect == Expect::Deny { "**deny**" } else { "allow" };
        let cells = [hop.verdict.name(), &hop.from.host, &to_text(hop, &hop.to.host), hop.protocol.name()].map(markdown_safe);
        let _ = writeln!(
            text,
            "| {} | {expect} | {} | {} | {} | {:.1} |",
            cells.join(" | "),
            hop.reason,
            hop.answered_by.name(),
            rungs(hop),
            hop.ms
        );
    }
    let _ = writeln!(text, "\n{}", Counts::of(hops));
    text
}
