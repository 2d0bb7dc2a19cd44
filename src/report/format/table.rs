//! The matrix for a terminal: one line per hop, then what is not as expected, with evidence and
//! advice.

use crate::matrix::model::Expect;
use crate::plan::model::Unplanned;
use crate::report::style::Style;
use crate::report::words::{facts, steps, to_text};
use crate::result::{Counts, HopResult, ResultFile};
use crate::text::wrap;
use crate::verdict::Verdict;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// From this many columns on, the steps are named; below, they are counted.
const WIDE: u16 = 110;
/// Below this many columns, a hop's two ends share a column, and its steps and time are left to the
/// other formats.
const NARROW: u16 = 100;
/// From this many columns on, there is room for whole words.
const LEAST: u16 = 72;
/// From this many columns on, each hop's port table is named too.
const VERY_WIDE: u16 = 150;

/// Hops that are explained one by one below the table.
const MAX_TROUBLES: usize = 100;

/// The whole report of some hops.
pub fn render(hops: &[HopResult], style: Style) -> String {
    // Names of cloud services have several addresses each and a table of their own.
    let (cloud, own): (Vec<&HopResult>, Vec<&HopResult>) =
        hops.iter().partition(|hop| hop.class.is_some());
    let mut text =
        if own.is_empty() { String::new() } else { format!("{}\n", matrix(&own, style)) };
    if !cloud.is_empty() {
        let names: BTreeSet<&str> = cloud.iter().map(|hop| hop.to.host.as_str()).collect();
        let _ = writeln!(
            text,
            "{} hops to {} published names: see the tables of names below.",
            cloud.len(),
            names.len()
        );
    }
    if hops.iter().any(|h| h.verdict != Verdict::Pass) {
        text.push('\n');
    }
    let troubled = alike(hops.iter().filter(|h| h.verdict != Verdict::Pass));
    for (hop, others) in troubled.iter().take(MAX_TROUBLES) {
        text.push_str(&trouble(hop, others, style));
    }
    if troubled.len() > MAX_TROUBLES {
        let _ = writeln!(
            text,
            "… and {} more, which --format json and --format csv tell in full\n",
            troubled.len() - MAX_TROUBLES
        );
    }
    if !troubled.is_empty() {
        text.push_str("`portmatrix explain REASON` says more.\n\n");
    }
    let _ = writeln!(text, "{}", Counts::of(hops));
    text
}

/// What holds for the whole run: that it was made from elsewhere than planned, and with which key.
pub fn head(file: &ResultFile, style: Style) -> String {
    let mut text = String::new();
    let width = usize::from(style.width.max(40));
    if let Some(words) = elsewhere(file) {
        text.push_str(&wrap(&words, "NOTE: ", width));
    }
    if let Some(fingerprint) = &file.key_fingerprint {
        let _ = writeln!(text, "Site key: {fingerprint}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// That what was tested is not what was planned.
pub(super) fn elsewhere(file: &ResultFile) -> Option<String> {
    let planned = file.from.elsewhere.join(", ");
    (!planned.is_empty()).then(|| {
        format!(
            "planned from {planned}, and tested from another machine. Another way was tested than \
                the one that the firewall rules are for."
        )
    })
}

/// The flows that could not be tested at all, and why.
pub fn untested(flows: &[Unplanned], style: Style) -> String {
    if flows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nNOT TESTED: {} that this site asks for\n",
        if flows.len() == 1 { "a flow" } else { "flows" }
    );
    for flow in flows {
        text.push_str(&wrap(
            &format!("{} ({} → {}): {}", flow.flow, flow.from, flow.to, flow.why),
            "  ",
            usize::from(style.width.max(40)),
        ));
    }
    text
}

/// Hops that are not as expected, each with those to a cloud service that stand alike: other
/// addresses of the same name, and other names where nothing was sent at all.
fn alike<'h>(
    hops: impl Iterator<Item = &'h HopResult>,
) -> Vec<(&'h HopResult, Vec<&'h HopResult>)> {
    let mut groups: Vec<(&HopResult, Vec<&HopResult>)> = Vec::new();
    for hop in hops {
        let same = |first: &HopResult| {
            hop.class.is_some()
                && (
                    &first.flow,
                    &first.from.host,
                    first.tester(),
                    &first.proxy,
                    first.verdict,
                    first.reason,
                ) == (
                    &hop.flow,
                    &hop.from.host,
                    hop.tester(),
                    &hop.proxy,
                    hop.verdict,
                    hop.reason,
                )
                && (first.to.host == hop.to.host
                    || (first.evidence.is_empty() && hop.evidence.is_empty()))
        };
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, others)) => others.push(hop),
            None => groups.push((hop, Vec::new())),
        }
    }
    groups
}

fn matrix(hops: &[&HopResult], style: Style) -> String {
    let (wide, very_wide) = (style.width >= WIDE, style.width >= VERY_WIDE);
    let names = Names::of(hops);
    let mut table = style.table();
    if style.color {
        table.enforce_styling();
    }
    let narrow = style.width < NARROW;
    let mut header = match narrow {
        true => vec!["Verdict", "From and to", "Protocol", "Reason", "Answered by"],
        false => vec!["Verdict", "From", "To", "Protocol", "Reason", "Answered by", "Steps", "ms"],
    };
    if very_wide {
        header.insert(1, "Table");
    }
    table.set_header(header);
    for hop in hops {
        let protocol = match (hop.expect, &hop.path) {
            (Expect::Deny, Some(path)) => format!("{} {path} (deny)", hop.protocol),
            (Expect::Deny, None) => format!("{} (deny)", hop.protocol),
            (Expect::Allow, _) => hop.protocol.to_string(),
        };
        let (from, to) = (from(hop, &names), to_text(hop, names.short(&hop.to.host)));
        let mut row = vec![verdict_cell(hop.verdict, style)];
        if narrow {
            row.push(Cell::new(format!("{from} →\n{to}")));
        } else {
            row.extend([Cell::new(from), Cell::new(to)]);
        }
        row.extend([
            Cell::new(protocol),
            Cell::new(hop.reason),
            Cell::new(hop.answered_by.shown()),
        ]);
        if !narrow {
            let climbed = hop.steps.iter().filter(|s| s.ok).count();
            row.push(Cell::new(if wide {
                steps(hop)
            } else {
                format!("{climbed}/{}", hop.steps.len())
            }));
            let ms =
                if hop.ms < 1000.0 { format!("{:.1}", hop.ms) } else { format!("{:.0}", hop.ms) };
            row.push(Cell::new(ms).set_alignment(comfy_table::CellAlignment::Right));
        }
        if very_wide {
            row.insert(1, Cell::new(hop.flow.split('/').next().unwrap_or(&hop.flow)));
        }
        table.add_row(row);
    }
    // A word that is broken cannot be looked for: where there is room, only hosts and steps are
    // folded.
    let whole: &[usize] = match (narrow, very_wide) {
        (true, _) => &[0, 3, 4],
        (false, false) => &[0, 4, 5],
        (false, true) => &[0, 1, 5, 6],
    };
    for column in whole.iter().filter(|_| style.width >= LEAST) {
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    format!("{}{}", names.legend(), table.trim_fmt())
}

/// The From side; of a network, the machine that tested on a line of its own.
fn from(hop: &HopResult, names: &Names) -> String {
    let host = names.short(&hop.from.host);
    hop.tester().map_or_else(|| host.to_owned(), |tester| format!("{host}\n{tester}"))
}

/// Names are shown without the domains of the site's own hosts, so that a line holds a hop. A name
/// that would then be ambiguous, or is somebody else's (a cloud service), stays whole.
struct Names {
    domains: BTreeSet<String>,
    ambiguous: BTreeSet<String>,
}

impl Names {
    fn of(hops: &[&HopResult]) -> Self {
        let is_address =
            |host: &str| host.parse::<std::net::IpAddr>().is_ok() || host.contains('/');
        let all: BTreeSet<&str> = hops
            .iter()
            .flat_map(|h| [h.from.host.as_str(), h.to.host.as_str()])
            .filter(|h| !is_address(h))
            .collect();
        let own = hops.iter().map(|h| h.from.host.as_str()).filter(|h| !is_address(h));
        let domains = own.filter_map(|h| Some(h.split_once('.')?.1.to_owned())).collect();
        let mut first_labels: BTreeMap<&str, usize> = BTreeMap::new();
        for name in all {
            *first_labels.entry(name.split('.').next().unwrap_or(name)).or_default() += 1;
        }
        let ambiguous = first_labels
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(label, _)| label.to_owned())
            .collect();
        Names { domains, ambiguous }
    }

    fn short<'h>(&self, host: &'h str) -> &'h str {
        match host.split_once('.') {
            Some((label, domain))
                if self.domains.contains(domain) && !self.ambiguous.contains(label) =>
            {
                label
            }
            _ => host,
        }
    }

    fn legend(&self) -> String {
        if self.domains.is_empty() {
            return String::new();
        }
        let domains: Vec<String> = self.domains.iter().map(|d| format!(".{d}")).collect();
        format!("({} omitted)\n", domains.join(", "))
    }
}

fn verdict_cell(verdict: Verdict, style: Style) -> Cell {
    let cell = Cell::new(verdict.name());
    if !style.color {
        return cell;
    }
    match verdict {
        Verdict::Pass => cell.fg(Color::Green),
        Verdict::Warn => cell.fg(Color::Yellow),
        Verdict::Fail => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Verdict::Inconclusive | Verdict::Skipped => cell.fg(Color::Magenta),
    }
}

/// One hop that is not as expected: its id, and what is needed to act on it.
fn trouble(hop: &HopResult, others: &[&HopResult], style: Style) -> String {
    let mut text = format!("{} {}\n", hop.verdict.name().to_uppercase(), hop.lane());
    if !others.is_empty() {
        let at = |other: &&HopResult| match other.to.address {
            Some(address) if other.to.host == hop.to.host => address.to_string(),
            _ => other.to.host.clone(),
        };
        let words = format!("the same at {}", others.iter().map(at).collect::<Vec<_>>().join(", "));
        text.push_str(&wrap(&words, &format!("  {:<9}", "also"), usize::from(style.width.max(40))));
    }
    for (label, words) in facts(hop) {
        text.push_str(&wrap(&words, &format!("  {label:<9}"), usize::from(style.width.max(40))));
    }
    text.push('\n');
    text
}
