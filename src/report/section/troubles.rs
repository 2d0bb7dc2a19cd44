//! What is not as expected, hop by hop, with what is needed to act on it.

use crate::document::{Block, Entries, Entry, Fact, Text};
use crate::reason::Reason;
use crate::report::words::{facts, to_text, tone};
use crate::result::{HopResult, TestedBy};
use crate::verdict::Verdict;
use std::collections::BTreeMap;

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
    // The first group of each name, and of names to which nothing was sent: there may be many hops.
    let mut of_name: BTreeMap<(Key, &str), usize> = BTreeMap::new();
    let mut of_unsent: BTreeMap<Key, usize> = BTreeMap::new();
    for told in hops {
        let (hop, place) = (told.0, groups.len());
        if hop.class.is_none() {
            groups.push((told, Vec::new()));
            continue;
        }
        let same = of_name.get(&(key(hop), hop.to.host.as_str()));
        let unsent = of_unsent.get(&key(hop)).filter(|_| hop.evidence.is_empty());
        match same.into_iter().chain(unsent).min() {
            Some(group) => groups[*group].1.push(told),
            None => {
                of_name.entry((key(hop), &hop.to.host)).or_insert(place);
                if hop.evidence.is_empty() {
                    of_unsent.entry(key(hop)).or_insert(place);
                }
                groups.push((told, Vec::new()));
            }
        }
    }
    groups
}

/// What hops that stand alike have in common.
type Key<'h> = (&'h str, &'h str, Option<&'h TestedBy>, Option<&'h str>, Verdict, Reason);

fn key(hop: &HopResult) -> Key<'_> {
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
