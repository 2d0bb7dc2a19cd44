//! Names and ranges of cloud services: one line for each, whatever the number of addresses behind
//! it.

use crate::document::{Block, Column, Heading, Note, Role, Section, Size, Table, Text};
use crate::matrix::endpoints::day;
use crate::report::words::tone;
use crate::result::ResultFile;
use crate::result::published::{
    Published, PublishedName, PublishedRange, RangeState, Revocation, Through,
};

/// Addresses named for one range.
const MOST_ADDRESSES: usize = 4;

/// Nothing where no cloud service was looked at.
pub fn sections(file: &ResultFile) -> Vec<Section> {
    let mut sections: Vec<Section> =
        file.published.iter().flat_map(|one| [Some(names(one)), ranges(one)]).flatten().collect();
    if !file.revocation.is_empty() {
        let mut blocks = vec![Block::Table(revocation_table(&file.revocation))];
        if file.revocation.iter().any(|one| !one.reached) {
            blocks.push(Block::Remark(WAITS.into()));
        }
        sections.push(section("Revocation: hosts that the certificates name".to_owned(), blocks));
    }
    sections
}

fn section(words: String, blocks: Vec<Block>) -> Section {
    Section { heading: Some(Heading { words: words.into(), about: None }), blocks }
}

fn names(one: &Published) -> Section {
    let (tested, wildcards) = parts(one);
    let points: Vec<Text> = wildcards.into_iter().map(|name| about_wildcard(name).into()).collect();
    let mut blocks = vec![Block::Table(name_table(&tested))];
    if !points.is_empty() {
        blocks.push(Block::List(points));
    }
    blocks.extend(aged(one).map(Block::Note));
    section(format!("Names of {} from {}{}", one.role, one.from, through(one)), blocks)
}

fn ranges(one: &Published) -> Option<Section> {
    let words = format!("Ranges of {}: {}", one.role, coverage(&one.ranges));
    let blocks = vec![Block::Table(range_table(&one.ranges)), Block::Remark(CAUTION.into())];
    (!one.ranges.is_empty()).then(|| section(words, blocks))
}

/// A list that is older than this, in days, has most likely changed: additions are announced a
/// month ahead, every month.
const OLD: i64 = 180;

/// That the list has grown old.
fn aged(one: &Published) -> Option<Note> {
    let days = one.list_days.filter(|days| *days > OLD)?;
    let date = day(one.list.as_deref()?)?;
    let words = Text::from(format!(
        "the names and ranges of {} are those of {date}, {days} days ago: ",
        one.role
    ))
    .then(Text::with_commands(
        "`portmatrix matrix diff` compares them with what is published now, and `portmatrix matrix \
            import endpoints` brings them up to date.",
    ));
    Some(Note { label: "Old list", words })
}

/// Which way was taken.
fn through(one: &Published) -> String {
    one.proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

const CAUTION: &str = "A range is seen through the addresses that the names have now; of its other \
    addresses nothing is known.";
const WAITS: &str = "A client that cannot reach these waits for them at every new connection, and \
    then goes on without knowing, or breaks off: allow TCP 80.";

fn revocation_table(hosts: &[Revocation]) -> Table {
    Table::of::<&Revocation>(
        &[
            (Column::new("Host", Role::Word), &|one| {
                let proxy = one.proxy.as_ref().map(|proxy| format!(" through {proxy}"));
                format!("{}:{}{}", one.host, one.port, proxy.unwrap_or_default()).into()
            }),
            (Column::new("For", Role::Word), &|one| one.purposes.join(", ").into()),
            (Column::new("Reached", Role::Word), &|one| match (&one.error, one.status) {
                (Some(_), _) => "no".into(),
                (None, None) => "yes".into(),
                (None, Some(status)) => format!("yes, HTTP {status}").into(),
            }),
            (Column::new("Why not", Role::Words), &|one| {
                one.error.as_deref().unwrap_or_default().into()
            }),
        ],
        hosts,
    )
}

/// Names that were tested, those that matter most first, and wildcards.
fn parts(one: &Published) -> (Vec<&PublishedName>, Vec<&PublishedName>) {
    let (wildcards, mut tested): (Vec<&PublishedName>, Vec<_>) =
        one.names.iter().partition(|name| name.name.starts_with("*."));
    tested.sort_by_key(|name| name.class);
    (tested, wildcards)
}

fn name_table(names: &[&PublishedName]) -> Table {
    let wide = |heading| Column::new(heading, Role::Word).from(Size::Wide);
    Table::of::<&PublishedName>(
        &[
            (Column::new("Verdict", Role::Word), &|name| {
                let word = name.verdict.map_or("not asked", crate::verdict::Verdict::name);
                Text::from(word).tone(name.verdict.map(tone))
            }),
            (Column::new("Name", Role::Word), &|name| name.name.as_str().into()),
            (Column::new("Works", Role::Word), &|name| match name.addresses {
                0 => "-".into(),
                addresses => format!("{}/{addresses}", name.working).into(),
            }),
            (Column::new("Reason", Role::Word), &|name| {
                name.reason.map(|reason| reason.code()).unwrap_or_default().into()
            }),
            (wide("Class"), &|name| name.class.name().into()),
            (wide("HTTP"), &|name| shown(name.status)),
            (wide("ms"), &|name| shown(name.connect_ms.map(|ms| format!("{ms:.1}")))),
            (Column::new("Certificate from", Role::Words).from(Size::Wide), &|name| {
                name.issuer.as_deref().map(common_name).unwrap_or_default().into()
            }),
            (Column::new("Alias of", Role::Words).from(Size::VeryWide), &|name| {
                shown(name.aliases.last())
            }),
        ],
        names.iter().copied(),
    )
}

fn shown(cell: Option<impl ToString>) -> Text {
    cell.map(|cell| cell.to_string()).unwrap_or_default().into()
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

fn range_table(ranges: &[PublishedRange]) -> Table {
    Table::of::<&PublishedRange>(
        &[
            (Column::new("Range", Role::Word), &|range| range.network.to_string().into()),
            (Column::new("State", Role::Word), &|range| range.state.words().into()),
            (Column::new("Through", Role::Words), &|range| ways(range).into()),
        ],
        ranges,
    )
}

/// The addresses through which a range was seen.
fn ways(range: &PublishedRange) -> String {
    let mut through: Vec<String> = range.through.iter().take(MOST_ADDRESSES).map(way).collect();
    if range.through.len() > MOST_ADDRESSES {
        through.push(format!("and {} more", range.through.len() - MOST_ADDRESSES));
    }
    if through.is_empty() {
        through.push("no name has an address here now".to_owned());
    }
    through.join(", ")
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
