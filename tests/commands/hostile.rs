//! Nothing that somebody else wrote becomes a part of what is shown: property tests over whole
//! reports, in every format. A result gets hostile words in every text and under every name that may
//! be any, once as `report` reads it from a file and once as `connect` has it in its hands; and each
//! format is read by a parser of its own, not by our view of it.

use portmatrix::document::{Style, html, markdown, terminal};
use portmatrix::input::json;
use portmatrix::report::{diff, format, results};
use portmatrix::result::ResultFile;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;
use std::sync::LazyLock;

const EVERYTHING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/document/everything.json"));

/// What nobody may write into a terminal, a ticket, a page or a spreadsheet.
const PIECES: [&str; 44] = [
    "\u{1b}[2J",
    "\u{1b}]8;;http://e.example\u{7}",
    "\u{9b}31m",
    "\r",
    "\n",
    "\n\n",
    "\t",
    "\u{0}",
    "\u{7f}",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{61c}",
    "\u{2028}",
    "\u{200b}",
    "\u{2060}",
    "\u{feff}",
    "\u{e0041}",
    "![p](http://e.example/p.png)",
    "[a](javascript:x)",
    "[r][s]",
    "[d]: http://e.example",
    "[^1]",
    "<img src=x>",
    "<http://e.example>",
    "http://e.example",
    "www.e.example",
    "ann@e.example",
    "@ann",
    "#123",
    "!7",
    "$x$",
    "`",
    "``",
    "```",
    "# ",
    "- ",
    "|",
    "\\",
    "=1+1",
    "+cmd",
    "@SUM(A1)",
    "&lt;",
    "\"'><script>alert(1)</script>",
];

fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => Just(" ".to_owned()),
        1 => "[a-z]{1,4}",
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// Pointers to all texts and all objects, but for the words by which something else is chosen.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::String(_) => into.push(at.to_owned()),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, one)| places(one, &format!("{at}/{n}"), into));
        }
        Value::Object(map) => {
            into.push(at.to_owned());
            for (key, one) in
                map.iter().filter(|(key, _)| !["step", "list"].contains(&key.as_str()))
            {
                places(one, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        _ => {}
    }
}

/// A document with words in one place: behind and before a text, or under names made of them in an
/// object.
fn put(file: &mut Value, at: &str, number: usize, words: &str) {
    match file.pointer_mut(at) {
        Some(Value::String(text)) => *text = format!("{words}{text}{words}"),
        Some(Value::Object(map)) => {
            let inner = serde_json::json!({ words: [words, { words: 1 }] });
            map.insert(format!("{words}{number}"), inner);
        }
        _ => {}
    }
}

/// The places that take any words: addresses, times and closed sets of words refuse them.
static FREE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let plain: Value = serde_json::from_str(EVERYTHING).expect("JSON");
    let mut all = Vec::new();
    places(&plain, "", &mut all);
    all.retain(|at| {
        let mut tried = plain.clone();
        put(&mut tried, at, 0, " any Words, {}\u{1b}");
        serde_json::from_value::<ResultFile>(tried).is_ok()
    });
    assert!(all.len() > 250, "only {} places are free", all.len());
    all
});

/// The document with words in all of them.
fn with_words(words: impl Fn(usize) -> String) -> Value {
    let mut file: Value = serde_json::from_str(EVERYTHING).expect("JSON");
    for (number, at) in FREE.iter().enumerate() {
        put(&mut file, at, number, &words(number));
    }
    file
}

/// The same with harmless words in the place of these: other ones where they are others.
fn harmless(all: &[String]) -> ResultFile {
    let document = with_words(|number| {
        let own = &all[number % all.len()];
        format!("w{}", all.iter().position(|words| words == own).unwrap_or_default())
    });
    serde_json::from_value(document).expect("a result")
}

/// Words in all places, and harmless ones in theirs: as `connect` has such a result, and as `report`
/// reads it, to which words that look the same are the same.
fn both(all: &[String]) -> [[ResultFile; 2]; 2] {
    let hostile = with_words(|number| all[number % all.len()].clone());
    let looks: Vec<String> =
        all.iter().map(|words| portmatrix::text::lines(&words.replace('\n', "\r"))).collect();
    let read = json::read(&hostile.to_string()).expect("a result");
    let had = serde_json::from_value(hostile).expect("a result");
    [[had, harmless(all)], [read, harmless(&looks)]]
}

/// Said anew, and not asked of the program: what turns, hides or steers.
fn steers(c: char) -> bool {
    let hidden = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}', '\u{fffe}', '\u{ffff}'];
    let runs = [
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{e0000}'..='\u{e007f}',
    ];
    (c != '\n' && c.is_control()) || hidden.contains(&c) || runs.iter().any(|run| run.contains(&c))
}

fn assert_plain(text: &str, of: &str) {
    let found = text.char_indices().find(|(_, c)| steers(*c));
    assert!(
        found.is_none(),
        "{of}: {found:?} in {:?}",
        found.map(|(at, _)| &text[at.saturating_sub(40)..at])
    );
}

/// What a forge makes of a ticket: headings and cells as they were meant, and no link, picture,
/// mention, footnote, formula or markup of HTML.
fn skeleton(ticket: &str) -> Vec<String> {
    assert_plain(ticket, "a ticket");
    let mut kept = Vec::new();
    for event in Parser::new_ext(ticket, Options::all()) {
        match event {
            Event::Start(
                tag @ (Tag::Heading { .. } | Tag::Table(_) | Tag::TableCell | Tag::Item),
            ) => {
                // Names of headings are of their words.
                let tag = format!("{tag:?}");
                kept.push(tag.split('{').next().unwrap_or_default().to_owned());
            }
            Event::Start(
                tag @ (Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::FootnoteDefinition(_)
                | Tag::HtmlBlock
                | Tag::BlockQuote(_)
                | Tag::CodeBlock(_)
                | Tag::DefinitionList
                | Tag::Strikethrough
                | Tag::MetadataBlock(_)),
            ) => panic!("{tag:?} in\n{ticket}"),
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Rule
            | Event::TaskListMarker(_) => panic!("{event:?} in\n{ticket}"),
            Event::Text(words) => {
                let lower = words.to_lowercase();
                for sign in ["@", "://", "www.", "mailto:", "#1"] {
                    assert!(!lower.contains(sign), "{sign} of {words:?} in\n{ticket}");
                }
            }
            _ => {}
        }
    }
    kept
}

/// The elements of a page with their attributes, without the values of these.
fn elements(page: &str) -> Vec<String> {
    assert_plain(page, "a page");
    let body = page.split_once("</style>").map(|(_, body)| body).expect("a style");
    let element = |piece: &str| {
        let tag = piece.split_once('>').expect("an element ends").0;
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        for place in tag.split("href=\"").skip(1) {
            assert!(place.starts_with("#hop-"), "{tag}");
        }
        tag.split('"').step_by(2).collect::<String>()
    };
    // What stands in backquotes is shown as a command, in texts that may have one.
    let kept = |element: &String| !["code", "/code"].contains(&element.as_str());
    body.split('<').skip(1).map(element).filter(kept).collect()
}

fn assert_sheet(text: &str, hops: usize) {
    assert_plain(text, "a sheet");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), hops + 1);
    for cell in rows.iter().flatten() {
        let first = cell.trim_start().chars().next();
        assert!(!first.is_some_and(|c| "=+-@\t\r".contains(c)), "{cell:?}");
    }
}

fn assert_xml(text: &str) {
    assert_plain(text, "JUnit");
    let report = quick_junit::Report::deserialize_from_str(text).expect("JUnit");
    assert!(report.tests > 0);
    assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
}

/// Parts are sorted by words in places, and so may stand in another order.
fn assert_alike(mut found: Vec<String>, mut wanted: Vec<String>) {
    found.sort();
    wanted.sort();
    let other = found.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
    assert!(
        other.is_none() && found.len() == wanted.len(),
        "{other:?}, {} {}",
        found.len(),
        wanted.len()
    );
}

fn hold(file: &ResultFile, harmless: &ResultFile) {
    let (shown, plain) = (results::document(file), results::document(harmless));
    for width in [40, 100, 200] {
        assert_plain(&terminal::render(&shown, Style { width, color: false }), "a terminal");
    }
    assert_alike(skeleton(&markdown::render(&shown)), skeleton(&markdown::render(&plain)));
    assert_alike(elements(&html::render(&shown)), elements(&html::render(&plain)));
    assert_sheet(&format::csv::render(&file.hops).expect("a sheet"), file.hops.len());
    assert_xml(&format::junit::render(file).expect("XML"));
    let text = format::json::render(file).expect("JSON");
    assert_plain(&text, "JSON");
    // What steers is an escape there: nothing is lost.
    assert_eq!(&serde_json::from_str::<ResultFile>(&text).expect("a result"), file);
    let changed = diff::diff(harmless, file);
    assert_plain(&diff::json(&changed).expect("JSON"), "a difference");
    let changed = diff::document(&changed);
    assert_plain(&terminal::render(&changed, Style { width: 100, color: false }), "a difference");
    skeleton(&markdown::render(&changed));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_stands_in_a_result_is_words(all in proptest::collection::vec(words(), 24)) {
        for [file, plain] in &both(&all) {
            hold(file, plain);
        }
    }
}

/// Each piece, alone in the places that it has.
#[test]
fn each_piece_alone_is_words() {
    for turn in 0..4 {
        let pieces =
            (0..PIECES.len()).map(|n| PIECES[(n * 5 + turn * 11) % PIECES.len()].to_owned());
        let pieces: Vec<String> = pieces.collect();
        for [file, plain] in &both(&pieces) {
            hold(file, plain);
        }
    }
}
