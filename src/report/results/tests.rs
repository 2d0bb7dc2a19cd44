//! What a result looks like in every format of text, and that nothing in it becomes part of a
//! format (of a ticket: `tests/commands/hostile.rs`). What it looks like today is in
//! `tests/data/document`.

use super::*;
use crate::document::{Style, html, markdown, terminal};
use serde_json::Value;
use std::path::Path;

/// A result with something in every part of a document.
const EVERYTHING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/document/everything.json"));

/// What nobody may write into a terminal, a ticket or a page, on both sides of a word.
const HOSTILE: &str = "x\u{1b}]0;t\u{7}\u{9b}2J\r\n# h\u{2028}\u{202e}\u{61c}|`b`<script>alert(1)\
    </script>\"'><img src=x onerror=y>[a](http://e.example)![p](http://e.example/p.png)[r][s] &lt;\\";

/// The same without anything that could be markup, but for backquotes: they stand around commands
/// in notes and advice.
const HARMLESS: &str = "x`b`y";

fn everything() -> ResultFile {
    serde_json::from_str(EVERYTHING).expect("a result")
}

/// The result with something behind each of its texts that may be any text; and how many those are.
fn with_suffix(suffix: &str) -> (ResultFile, usize) {
    let mut file: Value = serde_json::from_str(EVERYTHING).expect("JSON");
    let mut places = Vec::new();
    texts(&file, "", &mut places);
    let mut changed = 0;
    for place in places {
        let mut tried = file.clone();
        let Some(Value::String(text)) = tried.pointer_mut(&place) else { continue };
        text.push_str(suffix);
        // Addresses, times and closed sets of words refuse it.
        if serde_json::from_value::<ResultFile>(tried.clone()).is_ok() {
            (file, changed) = (tried, changed + 1);
        }
    }
    (serde_json::from_value(file).expect("a result"), changed)
}

/// Pointers to all texts, but for those by which something else is chosen.
fn texts(value: &Value, place: &str, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(place.to_owned()),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, v)| texts(v, &format!("{place}/{n}"), places));
        }
        Value::Object(map) => {
            let told = map.iter().filter(|(key, _)| !["step", "list"].contains(&key.as_str()));
            told.for_each(|(key, v)| texts(v, &format!("{place}/{key}"), places));
        }
        _ => {}
    }
}

fn steering(text: &str) -> String {
    text.chars().filter(|c| *c != '\n' && crate::text::steers(*c)).collect()
}

#[test]
fn nothing_in_a_result_steers_a_terminal() {
    let (file, changed) = with_suffix(HOSTILE);
    assert!(changed > 150, "only {changed} texts were changed");
    for width in [40, 80, 100, 120, 200] {
        let text = terminal::render(&document(&file), Style { width, color: false });
        assert_eq!(steering(&text), "", "at {width} columns");
        assert!(text.contains("alert(1)") && text.contains('\u{fffd}'), "it is shown");
    }
    // What colours a terminal is ours: in its place stand letters.
    let text = terminal::render(&document(&file), Style { width: 120, color: true });
    let ours = ["[38;5;9m", "[38;5;10m", "[38;5;11m", "[38;5;13m", "[1m", "[0m", "[39m"];
    for (place, _) in text.match_indices('\u{1b}') {
        let rest = &text[place + 1..];
        assert!(ours.iter().any(|code| rest.starts_with(code)), "{:?}", rest.get(..12));
    }
    assert_eq!(steering(&text.replace('\u{1b}', "")), "");
}

/// Everything in angle brackets, without the values of attributes.
fn tags(page: &str) -> Vec<String> {
    let body = page.split_once("</style>").map(|(_, body)| body).expect("a style");
    let tag = |piece: &str| {
        let tag = piece.split('>').next().unwrap_or_default();
        tag.split('"').step_by(2).collect::<String>()
    };
    body.split('<').skip(1).map(tag).collect()
}

#[test]
fn nothing_in_a_result_becomes_markup_of_a_page() {
    let (hostile, plain) = (with_suffix(HOSTILE).0, with_suffix(HARMLESS).0);
    let page = html::render(&document(&hostile));
    let (found, wanted) = (tags(&page), tags(&html::render(&document(&plain))));
    let other = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
    assert!(other.is_none(), "{:?}", other.map(|place| &found[place.saturating_sub(5)..=place]));
    assert_eq!(found.len(), wanted.len());
    assert_eq!(steering(&page), "");
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown");
    let title = page.split("</title>").next().expect("a title");
    assert!(!title.contains("<script") && title.contains("&lt;script"), "{title}");
}

/// What the formats look like is in files, so that a change of them is seen; with `UPDATE_EXPECTED`
/// they are written anew.
#[test]
fn the_formats_look_as_they_are_kept() {
    let document = document(&everything());
    let screen = |width| terminal::render(&document, Style { width, color: false });
    for (name, text) in [
        ("everything.terminal-80.txt", screen(80)),
        ("everything.terminal-120.txt", screen(120)),
        ("everything.terminal-160.txt", screen(160)),
        ("everything.md", markdown::render(&document)),
        ("everything.html", html::render(&document)),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/document").join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&file, &text).expect("the file can be written");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            kept == text,
            "tests/data/document/{name} looks otherwise: `UPDATE_EXPECTED=1 cargo test --lib \
                report`, and look at what changed\n{text}"
        );
    }
}

#[test]
fn a_ticket_holds_the_evidence_and_the_advice() {
    let text = markdown::render(&document(&everything()));
    for words in [
        "### fail: ws.corp.example → srv6.corp.example:443, https /agent",
        "- hop: `prod/flow/ws.corp.example/srv6.corp.example:443`",
        "- at: `connect · error a ' tick`",
        "- path: `to 10.0.9.9:443: 10.0.0.254 → ? → 10.0.2.1 → silent`",
        "- do: Allow TCP 10.0.0.1 → 10.0.0.2:443, in the firewall between the two networks, for good.",
        "- row: Table, row 1",
    ] {
        assert!(text.lines().any(|line| line == words), "{words} is not in\n{text}");
    }
    assert!(!text.contains("### pass"), "{text}");
}

#[test]
fn a_page_leads_from_each_hop_to_what_is_told_of_it() {
    let page = html::render(&document(&everything()));
    let links: Vec<&str> =
        page.split("<a href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links.len(), 10, "{links:?}");
    for link in links {
        assert_eq!(page.matches(&format!("<section id=\"{link}\">")).count(), 1, "{link}");
    }
}

#[test]
fn what_is_too_much_for_a_screen_is_counted() {
    let file = everything();
    let hops: Vec<HopResult> =
        std::iter::repeat_n(file.hops[1].clone(), 103).chain(file.hops).collect();
    let document = of_hops(&hops);
    let text = terminal::render(&document, Style { width: 120, color: false });
    assert!(text.contains("\n… and 12 more, which --format json and --format csv tell in full\n"));
    // The three addresses of one name that time out or are refused stand together.
    assert!(text.contains("4 hops to 1 published names: see the tables of names below."), "{text}");
    assert_eq!(markdown::render(&document).matches("### fail: ").count(), 103 + 7);
}

#[test]
fn where_there_is_nothing_to_test_every_format_says_so() {
    let file = ResultFile { nothing_begins_here: true, hops: Vec::new(), ..everything() };
    let document = document(&file);
    let screen = terminal::render(&document, Style { width: 120, color: false });
    assert_eq!(screen, format!("{NOTHING}\n"));
    for text in [markdown::render(&document), html::render(&document)] {
        assert!(text.contains(NOTHING), "{text}");
    }
}
