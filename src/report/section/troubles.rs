//! What is not as expected, hop by hop, with what is needed to act on it.

use crate::document::{Block, Entries, Entry, Fact, Text};
use crate::reason::Reason;
use crate::report::words::{facts, to_text, tone};
use crate::result::{HopResult, TestedBy};
use crate::verdict::Verdict;

/// For each hop the anchor of what is told of it, where something is.
pub(super) fn anchors(hops: &[HopResult]) -> Vec<Option<String>> {
    let mut told = 0;
    let mut anchor = |hop: &HopResult| {
        (hop.verdict != Verdict::Pass).then(|| {
            told += 1;
            format!("hop-{told}")
        })
    };
    hops.iter().map(&mut anchor).collect()
}

/// Nothing where all hops are as expected.
pub fn blocks(hops: &[HopResult]) -> Vec<Block> {
    let told = hops.iter().zip(anchors(hops)).filter_map(|(hop, anchor)| Some((hop, anchor?)));
    let entries: Vec<Entry> = alike(told).into_iter().map(grouped).collect();
    if entries.is_empty() {
        return Vec::new();
    }
    let title = "Failures and open questions".into();
    let in_full = "--format json and --format csv".into();
    let hint = Text::command("portmatrix explain REASON").then(" says more.");
    vec![Block::Entries(Entries { title, entries, in_full }), Block::Hint(hint)]
}

/// A hop with its anchor.
type Told<'h> = (&'h HopResult, String);

/// Hops to a cloud service that stand alike are together: other addresses of the same name, and
/// other names where nothing was sent at all.
fn alike<'h>(hops: impl Iterator<Item = Told<'h>>) -> Vec<(Told<'h>, Vec<Told<'h>>)> {
    let mut groups: Vec<(Told, Vec<Told>)> = Vec::new();
    for told in hops {
        match groups.iter_mut().find(|((first, _), _)| are_alike(first, told.0)) {
            Some((_, others)) => others.push(told),
            None => groups.push((told, Vec::new())),
        }
    }
    groups
}

fn are_alike(one: &HopResult, other: &HopResult) -> bool {
    one.class.is_some()
        && key(one) == key(other)
        && (one.to.host == other.to.host || (one.evidence.is_empty() && other.evidence.is_empty()))
}

/// What hops that stand alike have in common.
fn key(hop: &HopResult) -> (&str, &str, Option<&TestedBy>, Option<&str>, Verdict, Reason) {
    let HopResult { flow, from, proxy, verdict, reason, .. } = hop;
    (flow, &from.host, hop.tester(), proxy.as_deref(), *verdict, *reason)
}

fn grouped(((first, anchor), others): (Told, Vec<Told>)) -> Entry {
    let name = &first.to.host;
    let alike = others.into_iter().map(|(hop, anchor)| entry(hop, anchor, name)).collect();
    Entry { alike, ..entry(first, anchor, name) }
}

/// One hop; `name` is the host of the first of those that stand alike.
fn entry(hop: &HopResult, anchor: String, name: &str) -> Entry {
    let path = hop.path.as_deref().map(|path| format!(" {path}")).unwrap_or_default();
    let (from, to) = (hop.from_text(), to_text(hop, &hop.to.host));
    Entry {
        tone: tone(hop.verdict),
        word: hop.verdict.name(),
        title: format!("{from} → {to}, {}{path}", hop.protocol).into(),
        id: Fact::new("hop", Text::code(hop.lane())),
        place: match hop.to.address {
            Some(address) if hop.to.host == name => address.to_string(),
            _ => hop.to.host.clone(),
        }
        .into(),
        anchor,
        facts: facts(hop),
        alike: Vec::new(),
    }
}
