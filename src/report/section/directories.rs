//! Directories as a host sees them: what they say of themselves, how far away they are, and what an
//! open port does not show.

use crate::document::{Block, Column, Heading, Note, Role, Section, Size, Table, Text};
use crate::observation::{Spread, Step, StepKind};
use crate::report::words::to_text;
use crate::result::{HopResult, Nearer, Nearness, ResultFile};

/// Nothing where no directory answered and nothing is to be said.
pub fn sections(file: &ResultFile) -> Vec<Section> {
    let rows: Vec<Row> = file.hops.iter().filter_map(Row::of).collect();
    let near = file.nearness.iter().filter_map(sentence);
    let heading = (!rows.is_empty()).then(|| Heading {
        words: "Directories".into(),
        about: Some("times in ms: shortest/median/95 of 100".into()),
    });
    let told = heading.is_some().then(|| Block::Table(table(rows)));
    let blocks: Vec<Block> = told.into_iter().chain(near).collect();
    let mut sections = Vec::new();
    if !blocks.is_empty() {
        sections.push(Section { heading, blocks });
    }
    let cautions = cautions(&file.hops);
    if !cautions.is_empty() {
        let point =
            |(caution, hops): (&str, Vec<String>)| format!("{}: {caution}", hops.join(", ")).into();
        let words = Text::alarm("Open ports that may still fail");
        sections.push(Section {
            heading: Some(Heading { words, about: None }),
            blocks: vec![Block::List(cautions.into_iter().map(point).collect())],
        });
    }
    sections
}

/// One line for each directory; domain, site and functional level where there is room.
fn table(rows: Vec<Row>) -> Table {
    let several = rows.iter().any(|row| row.from != rows[0].from);
    let from = if several { Size::Narrow } else { Size::Page };
    let column = |heading| Column::new(heading, Role::Words);
    Table::of::<Row>(
        &[
            (column("From").from(from), &|row| row.from.as_str().into()),
            (column("Directory"), &|row| row.directory.as_str().into()),
            (column("Domain").from(Size::Wide), &|row| row.domain.as_str().into()),
            (column("Is"), &|row| row.is.as_str().into()),
            (column("Level").from(Size::Wide), &|row| row.level.as_str().into()),
            (column("Site").from(Size::Wide), &|row| row.site.as_str().into()),
            (column("Clock"), &|row| row.clock.as_str().into()),
            (column("Connect"), &|row| row.connect.as_str().into()),
            (column("Answer"), &|row| row.answer.as_str().into()),
        ],
        rows,
    )
}

/// One directory that answered.
struct Row {
    from: String,
    directory: String,
    domain: String,
    is: String,
    level: String,
    site: String,
    clock: String,
    connect: String,
    answer: String,
}

impl Row {
    fn of(hop: &HopResult) -> Option<Self> {
        let told = hop.steps.iter().rev().find(|s| {
            s.is_climbed() && s.step == StepKind::Ldap && s.facts.ldap.entries.is_some()
        })?;
        let said = &told.facts.ldap;
        let directory = hop.steps.iter().find(|s| s.is_climbed() && s.step == StepKind::Directory);
        let domain = directory
            .and_then(|d| d.facts.directory.domain.as_ref())
            .or(said.default_naming_context.as_ref());
        let latency = hop.latency.unwrap_or_default();
        Some(Row {
            from: hop.from.host.clone(),
            directory: to_text(hop, &hop.to.host),
            domain: domain.cloned().unwrap_or_default(),
            is: roles(hop, told, directory),
            level: said.domain_controller_functionality.map(level).unwrap_or_default(),
            site: said.site.clone().unwrap_or_default(),
            clock: told.facts.clock_offset_s.map(|s| format!("{s:+} s")).unwrap_or_default(),
            connect: spread(latency.connect),
            answer: spread(latency.request),
        })
    }
}

/// What kind of directory it is, and which roles it says that it has.
fn roles(hop: &HopResult, told: &Step, directory: Option<&Step>) -> String {
    let said = &told.facts.ldap;
    let mut words = Vec::new();
    if hop.answered_by == crate::verdict::AnsweredBy::StandIn {
        words.push("stand-in".to_owned());
    } else {
        words.push(match (said.active_directory, &hop.recognised) {
            (Some(true), _) => "AD".to_owned(),
            (_, Some(other)) => other.clone(),
            _ => "no AD".to_owned(),
        });
    }
    if let Some(directory) = directory {
        if directory.facts.directory.pdc == Some(true) {
            words.push("PDC".to_owned());
        }
        if directory.facts.directory.writable == Some(false) {
            words.push("read-only".to_owned());
        }
    }
    match said.is_global_catalog_ready {
        Some(true) => words.push("GC".to_owned()),
        Some(false) => words.push("GC not ready".to_owned()),
        None => {}
    }
    if said.is_synchronized == Some(false) {
        words.push("not synchronised".to_owned());
    }
    words.join(" ")
}

/// The Windows Server that a functional level stands for (MS-ADTS section 6.1.4).
fn level(level: i64) -> String {
    match level {
        0 => "2000",
        1 => "2003 interim",
        2 => "2003",
        3 => "2008",
        4 => "2008 R2",
        5 => "2012",
        6 => "2012 R2",
        7 => "2016",
        10 => "2025",
        other => return other.to_string(),
    }
    .to_owned()
}

fn spread(spread: Option<Spread>) -> String {
    spread
        .map(|s| format!("{:.1}/{:.1}/{:.1}", s.min_ms, s.median_ms, s.p95_ms))
        .unwrap_or_default()
}

/// Which directories a host is nearer to, and whether it should be so; nothing where there is no
/// clear difference, for nothing is to be done about it.
fn sentence(near: &Nearness) -> Option<Block> {
    let Nearness { role, host, wanted, other, nearer } = near;
    let named = |group: &crate::result::DirectoryGroup| {
        format!("{} ({}, {:.1} ms)", group.roles.join(", "), group.nearest, group.median_ms)
    };
    let (wanted, other) = (named(wanted), named(other));
    match nearer {
        Nearer::Wanted => {
            let words =
                format!("{host} is nearer to {wanted} than to {other}, as a {role} should be.");
            Some(Block::Paragraph(words.into()))
        }
        Nearer::Other => {
            let words = format!(
                "{host} is nearer to {other} than to {wanted}: a {role} belongs nearer to the latter."
            );
            Some(Block::Note(Note { label: "Latency", words: words.into() }))
        }
        Nearer::Neither => None,
    }
}

/// What may still fail although a way is open, each once, with the hops that it is said of.
fn cautions(hops: &[HopResult]) -> Vec<(&str, Vec<String>)> {
    let mut all: Vec<(&str, Vec<String>)> = Vec::new();
    for hop in hops {
        let Some(caution) = hop.caution.as_deref() else { continue };
        let to = to_text(hop, &hop.to.host);
        match all.iter_mut().find(|(words, _)| *words == caution) {
            Some((_, hops)) if hops.contains(&to) => {}
            Some((_, hops)) => hops.push(to),
            None => all.push((caution, vec![to])),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, Style, markdown, terminal};
    use crate::result::DirectoryGroup;
    use serde_json::json;

    fn file() -> ResultFile {
        let hop = |host: &str, from: &str| {
            json!({ "hop": format!("m/f/{from}/{host}:389"), "flow": "m/f", "source": "row 1", "from": { "role": "svc", "host": from },
                "to": { "role": "dc", "host": host, "port": 389 }, "protocol": "ldap", "expect": "allow", "required": true, "verdict": "pass",
                "reason": "answered", "answered_by": "service", "recognised": "Active Directory", "ms": 1.0, "evidence": [],
                "caution": "NTLM may be denied.",
                "latency": { "connect": { "samples": 5, "min_ms": 0.1, "median_ms": 0.2, "p95_ms": 0.9 },
                    "request": { "samples": 10, "min_ms": 1.0, "median_ms": 2.04, "p95_ms": 3.0 } },
                "steps": [{ "step": "ldap", "ok": true, "at_ms": 0.0, "ms": 1.0, "facts": { "clock_offset_s": -3, "ldap": { "entries": 1, "active_directory": true,
                    "domain_controller_functionality": 7, "is_global_catalog_ready": true, "site": "London" } } },
                    { "step": "directory", "ok": true, "at_ms": 0.0, "ms": 1.0, "facts": { "directory": { "domain": "corp.example", "pdc": true } } }] })
        };
        serde_json::from_value(
            json!({ "schema": crate::result::SCHEMA, "version": "0", "site": "s", "from": { "host": "svc", "roles": [] },
            "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z",
            "hops": [hop("dc1.corp.example", "svc"), hop("dc2.corp.example", "svc")] }),
        )
        .expect("a result")
    }

    fn document(file: &ResultFile) -> Document {
        Document { sections: sections(file), ..Document::default() }
    }

    fn screen(file: &ResultFile, width: u16) -> String {
        terminal::render(&document(file), Style { width, color: false })
    }

    #[test]
    fn a_directory_has_a_line_and_a_caution_is_said_once() {
        for (width, site) in [(80, false), (120, true)] {
            let text = screen(&file(), width);
            assert!(text.lines().all(|l| l.chars().count() <= usize::from(width)), "{text}");
            let line =
                text.lines().find(|l| l.contains("dc1.corp") && l.contains("AD PDC")).expect(&text);
            assert!(
                line.contains("-3 s")
                    && line.contains("0.1/0.2/0.9")
                    && line.contains("1.0/2.0/3.0"),
                "{line}"
            );
            assert_eq!(line.contains("2016") && line.contains("London"), site, "{line}");
            assert!(
                text.contains("dc1.corp.example:389, dc2.corp.example:389: NTLM may be denied."),
                "{text}"
            );
        }
        let text = markdown::render(&document(&file()));
        assert!(
            text.contains(
                "| svc | dc1.corp.example:389 | corp.example | AD PDC GC | \
                    2016 | London | -3 s | 0.1/0.2/0.9 |"
            ),
            "{text}"
        );
        assert_eq!(screen(&ResultFile { hops: Vec::new(), ..file() }, 80), "");
    }

    #[test]
    fn it_is_said_where_a_host_belongs() {
        let group = |role: &str, median_ms| DirectoryGroup {
            roles: vec![role.to_owned()],
            nearest: format!("{role}1"),
            median_ms,
        };
        let said = |nearer| {
            let near = Nearness {
                role: "svc".into(),
                host: "h".into(),
                wanted: group("target", 1.0),
                other: group("source", 9.0),
                nearer,
            };
            screen(&ResultFile { nearness: vec![near], hops: Vec::new(), ..file() }, 200)
        };
        assert_eq!(
            said(Nearer::Wanted),
            "h is nearer to target (target1, 1.0 ms) than to source (source1, 9.0 ms), as a svc \
                should be.\n"
        );
        assert!(said(Nearer::Other).starts_with("LATENCY: h is nearer to source (source1"));
        assert_eq!(said(Nearer::Neither), "", "nothing is to be done about it");
    }
}
