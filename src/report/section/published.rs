//! Names and ranges of cloud services: one line for each, whatever the number of addresses behind
//! it.

use crate::matrix::endpoints::day;
use crate::report::Style;
use crate::result::ResultFile;
use crate::result::published::{
    Published, PublishedName, PublishedRange, RangeState, Revocation, Through,
};
use crate::text::{markdown_safe, wrap};
use comfy_table::{Cell, ColumnConstraint};
use std::fmt::Write as _;

/// From this many columns on, class, HTTP status, time and certificate have columns of their own;
/// from so many more, the alias has one.
const WIDE: u16 = 110;
const VERY_WIDE: u16 = 150;
/// Addresses named for one range.
const MOST_ADDRESSES: usize = 4;

/// For a terminal; empty where no cloud service was looked at.
pub fn table(file: &ResultFile, style: Style) -> String {
    let width = usize::from(style.width.max(40));
    let mut text = String::new();
    for one in &file.published {
        let (tested, wildcards) = parts(one);
        let columns = match style.width {
            VERY_WIDE.. => &ALL_COLUMNS[..],
            WIDE.. => &ALL_COLUMNS[..ALL_COLUMNS.len() - 1],
            _ => &COLUMNS,
        };
        let _ = writeln!(text, "\nNames of {} from {}{}", one.role, one.from, through(one));
        text.push_str(&drawn(columns, tested.iter().map(|name| cells(name, columns)), style));
        for wildcard in wildcards {
            text.push_str(&wrap(&about_wildcard(wildcard), "  ", width));
        }
        if let Some(words) = aged(one) {
            text.push_str(&wrap(&words, "", width));
        }
        if !one.ranges.is_empty() {
            let _ = writeln!(text, "\nRanges of {}: {}", one.role, coverage(&one.ranges));
            text.push_str(&drawn(&RANGE_COLUMNS, one.ranges.iter().map(range_cells), style));
            text.push_str(&wrap(CAUTION, "  ", width));
        }
    }
    if !file.revocation.is_empty() {
        let _ = writeln!(text, "\nRevocation: hosts that the certificates name");
        text.push_str(&drawn(
            &REVOCATION_COLUMNS,
            file.revocation.iter().map(revocation_cells),
            style,
        ));
        if file.revocation.iter().any(|one| !one.reached) {
            text.push_str(&wrap(WAITS, "  ", width));
        }
    }
    text
}

/// For a ticket or a wiki page.
pub fn markdown(file: &ResultFile) -> String {
    let mut text = String::new();
    for one in &file.published {
        let (tested, wildcards) = parts(one);
        let _ = writeln!(
            text,
            "\n### Names of {} from {}{}\n",
            markdown_safe(&one.role),
            markdown_safe(&one.from),
            through(one)
        );
        rows(&mut text, &ALL_COLUMNS, tested.iter().map(|name| cells(name, &ALL_COLUMNS)));
        for wildcard in wildcards {
            let _ = writeln!(text, "\n- {}", markdown_safe(&about_wildcard(wildcard)));
        }
        if let Some(words) = aged(one) {
            let _ = writeln!(text, "\n{}", markdown_safe(&words));
        }
        if !one.ranges.is_empty() {
            let _ = writeln!(
                text,
                "\n### Ranges of {}\n\n{}\n",
                markdown_safe(&one.role),
                coverage(&one.ranges)
            );
            rows(&mut text, &RANGE_COLUMNS, one.ranges.iter().map(range_cells));
            let _ = writeln!(text, "\n{CAUTION}");
        }
    }
    if !file.revocation.is_empty() {
        text.push_str("\n### Revocation\n\nHosts that the certificates name.\n\n");
        rows(&mut text, &REVOCATION_COLUMNS, file.revocation.iter().map(revocation_cells));
        if file.revocation.iter().any(|one| !one.reached) {
            let _ = writeln!(text, "\n{WAITS}");
        }
    }
    text
}

/// A list that is older than this, in days, has most likely changed: additions are announced a
/// month ahead, every month.
const OLD: i64 = 180;

/// That the list has grown old.
fn aged(one: &Published) -> Option<String> {
    let days = one.list_days.filter(|days| *days > OLD)?;
    let date = day(one.list.as_deref()?)?;
    Some(format!(
        "OLD LIST: the names and ranges of {} are those of {date}, {days} days ago: `portmatrix \
            matrix diff` compares them with what is published \
         now, and `portmatrix matrix import endpoints` brings them up to date.",
        one.role
    ))
}

/// Which way was taken.
fn through(one: &Published) -> String {
    one.proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

const COLUMNS: [&str; 4] = ["Verdict", "Name", "Works", "Reason"];
const ALL_COLUMNS: [&str; 9] =
    ["Verdict", "Name", "Works", "Reason", "Class", "HTTP", "ms", "Certificate from", "Alias of"];
const RANGE_COLUMNS: [&str; 3] = ["Range", "State", "Through"];
const CAUTION: &str = "A range is seen through the addresses that the names have now; of its other \
    addresses nothing is known.";

const REVOCATION_COLUMNS: [&str; 4] = ["Host", "For", "Reached", "Why not"];
const WAITS: &str = "A client that cannot reach these waits for them at every new connection, and \
    then goes on without knowing, or breaks off: allow TCP 80.";

fn revocation_cells(one: &Revocation) -> Vec<String> {
    let proxy = one.proxy.as_ref().map(|proxy| format!(" through {proxy}")).unwrap_or_default();
    let reached = match (&one.error, one.status) {
        (Some(_), _) => "no".to_owned(),
        (None, status) => status.map_or("yes".to_owned(), |status| format!("yes, HTTP {status}")),
    };
    vec![
        format!("{}:{}{proxy}", one.host, one.port),
        one.purposes.join(", "),
        reached,
        one.error.clone().unwrap_or_default(),
    ]
}

/// Names that were tested, those that matter most first, and wildcards.
fn parts(one: &Published) -> (Vec<&PublishedName>, Vec<&PublishedName>) {
    let (wildcards, mut tested): (Vec<&PublishedName>, Vec<_>) =
        one.names.iter().partition(|name| name.name.starts_with("*."));
    tested.sort_by_key(|name| name.class);
    (tested, wildcards)
}

fn cells(name: &PublishedName, columns: &[&str]) -> Vec<String> {
    let cell = |column: &&str| match *column {
        "Verdict" => name.verdict.map_or("not asked", crate::verdict::Verdict::name).to_owned(),
        "Name" => name.name.clone(),
        "Class" => name.class.name().to_owned(),
        "Works" if name.addresses == 0 => "-".to_owned(),
        "Works" => format!("{}/{}", name.working, name.addresses),
        "Reason" => name.reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
        "HTTP" => name.status.map(|status| status.to_string()).unwrap_or_default(),
        "ms" => name.connect_ms.map(|ms| format!("{ms:.1}")).unwrap_or_default(),
        "Certificate from" => {
            name.issuer.as_deref().map(common_name).unwrap_or_default().to_owned()
        }
        _ => name.aliases.last().cloned().unwrap_or_default(),
    };
    columns.iter().map(cell).collect()
}

/// The common name of a certificate's issuer, or all of it.
fn common_name(subject: &str) -> &str {
    subject.split(',').map(str::trim).find_map(|part| part.strip_prefix("CN=")).unwrap_or(subject)
}

fn about_wildcard(name: &PublishedName) -> String {
    let words = match name.seen_as.as_slice() {
        [] => "an entry for an allow list, which cannot be probed; no name under it was met"
            .to_owned(),
        some => format!(
            "an entry for an allow list, which cannot be probed; met under it: {}",
            some.join(", ")
        ),
    };
    format!("{}: {words}", name.name)
}

fn range_cells(range: &PublishedRange) -> Vec<String> {
    let mut through: Vec<String> = range.through.iter().take(MOST_ADDRESSES).map(way).collect();
    if range.through.len() > MOST_ADDRESSES {
        through.push(format!("and {} more", range.through.len() - MOST_ADDRESSES));
    }
    if through.is_empty() {
        through.push("no name has an address here now".to_owned());
    }
    vec![range.network.to_string(), range.state.words().to_owned(), through.join(", ")]
}

fn way(through: &Through) -> String {
    let who = through.name.as_deref().unwrap_or("picked");
    let how = match (through.reached, through.reason) {
        (Some(true), _) => String::new(),
        (_, Some(reason)) => format!(", {reason}"),
        _ => ", not tried".to_owned(),
    };
    let last = through.last_seen.map(|node| format!(" after {node}")).unwrap_or_default();
    format!("{} ({who}{how}{last})", through.address)
}

fn coverage(ranges: &[PublishedRange]) -> String {
    let count = |state: RangeState| ranges.iter().filter(|range| range.state == state).count();
    let states = [
        RangeState::SeenOpen,
        RangeState::Partly,
        RangeState::NotReached,
        RangeState::NotExercised,
    ];
    let counts = states
        .into_iter()
        .filter(|state| count(*state) > 0)
        .map(|state| format!("{} {}", count(state), state.words()));
    format!("{} of {}", counts.collect::<Vec<_>>().join(", "), ranges.len())
}

fn drawn(columns: &[&str], rows: impl Iterator<Item = Vec<String>>, style: Style) -> String {
    let mut table = style.table();
    table.set_header(columns.to_vec());
    for row in rows {
        table.add_row(row.into_iter().map(Cell::new));
    }
    for (column, heading) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 1));
        if !matches!(*heading, "Certificate from" | "Alias of" | "Through" | "Why not") {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    format!("{}\n", table.trim_fmt())
}

fn rows(text: &mut String, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(text, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
    for row in rows {
        let _ = writeln!(
            text,
            "| {} |",
            row.iter().map(|cell| markdown_safe(cell)).collect::<Vec<_>>().join(" | ")
        );
    }
}
