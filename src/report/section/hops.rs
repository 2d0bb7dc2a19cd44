//! The matrix: a line for each hop.

use super::names::Names;
use super::troubles::anchors;
use crate::document::{Column, Role, Size, Table, Text};
use crate::matrix::model::Expect;
use crate::report::words::{steps, to_text, tone};
use crate::result::HopResult;
use std::collections::BTreeSet;

/// A hop, and where it is told.
type Line<'h> = (&'h HopResult, Option<String>);

/// One line for each hop. Names of cloud services have several addresses each and a table of their
/// own, so in a terminal their hops are only counted.
pub fn table(hops: &[HopResult]) -> Table {
    let (cloud, own): (Vec<&HopResult>, Vec<&HopResult>) =
        hops.iter().partition(|hop| hop.class.is_some());
    let names = Names::of(&own);
    let short = |hop: &HopResult| (from(hop, &names), to_text(hop, names.short(&hop.to.host)));
    let column = Column::new;
    let mut table = Table::of::<Line>(
        &[
            (column("Verdict", Role::Word), &|(hop, _)| {
                Text::from(hop.verdict.name()).tone(Some(tone(hop.verdict)))
            }),
            (
                column("Table", Role::Word).from(Size::VeryWide).up_to(Size::VeryWide),
                &|(hop, _)| hop.flow.split('/').next().unwrap_or(&hop.flow).into(),
            ),
            (column("From and to", Role::Words).up_to(Size::Narrow), &|(hop, _)| {
                let (from, to) = short(hop);
                from.then(" →").then_line(to)
            }),
            (column("From", Role::Words).from(Size::Medium).up_to(Size::VeryWide), &|(hop, _)| {
                short(hop).0
            }),
            (column("To", Role::Words).from(Size::Medium).up_to(Size::VeryWide), &|(hop, _)| {
                short(hop).1.into()
            }),
            (column("From", Role::Words).from(Size::Page), &|(hop, _)| hop.from_text().into()),
            (column("To", Role::Words).from(Size::Page), &|(hop, _)| {
                to_text(hop, &hop.to.host).into()
            }),
            (column("Protocol", Role::Words).up_to(Size::VeryWide), &|(hop, _)| {
                match hop.expect {
                    Expect::Deny => format!("{} (deny)", protocol(hop)),
                    Expect::Allow => hop.protocol.to_string(),
                }
                .into()
            }),
            (column("Protocol", Role::Words).from(Size::Page), &|(hop, _)| protocol(hop).into()),
            (column("Expect", Role::Words).from(Size::Page), &|(hop, _)| match hop.expect {
                Expect::Deny => Text::strong("deny"),
                Expect::Allow => "allow".into(),
            }),
            (column("Reason", Role::Word), &|(hop, anchor)| {
                Text::from(hop.reason.code()).linked(anchor.as_deref())
            }),
            (column("Answered by", Role::Word), &|(hop, _)| hop.answered_by.shown().into()),
            (column("Steps", Role::Words).from(Size::Medium).up_to(Size::Medium), &|(hop, _)| {
                let climbed = hop.steps.iter().filter(|s| s.is_climbed()).count();
                format!("{climbed}/{}", hop.steps.len()).into()
            }),
            (column("Steps", Role::Detail).from(Size::Wide), &|(hop, _)| steps(hop).into()),
            (column("ms", Role::Number).from(Size::Medium), &|(hop, _)| {
                let digits = if hop.ms < 1000.0 { 1 } else { 0 };
                format!("{:.digits$}", hop.ms).into()
            }),
        ],
        hops.iter().zip(anchors(hops)),
    );
    for (row, hop) in table.rows.iter_mut().zip(hops) {
        row.only_on_pages = hop.class.is_some();
    }
    let published: BTreeSet<&str> = cloud.iter().map(|hop| hop.to.host.as_str()).collect();
    let words = format!(
        "{} hops to {} published names: see the tables of names below.",
        cloud.len(),
        published.len()
    );
    Table { omitted: names.omitted().map(Text::from), summed_up: Some(words.into()), ..table }
}

/// The From side in a terminal; of a network, the machine that tested on a line of its own.
fn from(hop: &HopResult, names: &Names) -> Text {
    let host = Text::from(names.short(&hop.from.host));
    match hop.tester() {
        Some(tester) => host.then_line(tester.to_string()),
        None => host,
    }
}

/// The protocol, with its path.
fn protocol(hop: &HopResult) -> String {
    let path = hop.path.as_deref().map(|path| format!(" {path}")).unwrap_or_default();
    format!("{}{path}", hop.protocol)
}
