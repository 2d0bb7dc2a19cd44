//! What the reader says about good and bad files.

use super::*;
use proptest::prelude::*;

/// As the program shows a mistake, without colour and at a fixed width.
fn shown(mistakes: &[Mistake]) -> String {
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
        .with_width(100)
        .with_links(false);
    let mut text = String::new();
    for mistake in mistakes {
        handler.render_report(&mut text, mistake).expect("a string takes everything");
    }
    text
}

fn messages(document: &Document) -> Vec<String> {
    document.mistakes().iter().map(|m| m.message().to_owned()).collect()
}

#[test]
fn every_mistake_is_reported_in_the_order_of_the_file() {
    let text = "[site]\nname = 7\ntoplogy = \"direct\"\nport = 70000\nlist = [\"a\", \
        1]\n\n[[flow]]\nid = \"\"\n[[flow]]\nup = \"yes\"\n";
    let document = Document::parse("site.toml", text).expect("the syntax is right");
    let root = document.root();
    let site = root.required_table("site").expect("it is there");
    assert_eq!(site.required_string("name"), None);
    assert_eq!(site.required_string("topology"), None);
    assert_eq!(site.port("port"), None);
    assert_eq!(site.strings("list").len(), 1);
    site.finish();
    for flow in root.tables("flow") {
        let _ = (flow.required_string("id"), flow.boolean("up"));
        flow.finish();
    }
    root.finish();
    assert_eq!(
        messages(&document),
        [
            "`topology` is missing in [site]",
            "`name` must be a string, not a whole number",
            "`toplogy` is not a key of [site]",
            "`port` must be between 1 and 65535",
            "each entry of `list` must be a string, not a whole number",
            "`id` must not be empty",
            "`id` is missing in [[flow]]",
            "`up` must be true or false, not a string",
        ]
    );
    let places: Vec<_> = document.mistakes().iter().filter_map(Mistake::position).collect();
    assert_eq!(places, [(1, 1), (2, 8), (3, 1), (4, 8), (5, 14), (8, 6), (9, 1), (10, 6)]);
    assert_eq!(document.asked()["[[flow]]"].iter().collect::<Vec<_>>(), ["id", "up"]);
}

#[test]
fn the_caret_and_the_help_are_shown() {
    let document =
        Document::parse("site.toml", "[site]\nnmae = \"x\"\n").expect("the syntax is right");
    let site = document.root().required_table("site").expect("it is there");
    let _ = site.string("name");
    site.finish();
    let wanted = "  x `nmae` is not a key of [site]\n   ,-[site.toml:2:1]\n 1 | [site]\n 2 | nmae \
        = \"x\"\n   : ^^|^\n   :   `-- unknown key\n   `----\n  help: did you mean `name`? the \
        keys are: name\n";
    assert_eq!(shown(&document.mistakes()), wanted);
}

#[test]
fn syntax_mistakes_have_a_place() {
    let mistakes =
        Document::parse("m.toml", "a = \nb = 1\n[c\nd = 'x'\nb = 2\n").expect_err("it is broken");
    assert!(mistakes.len() >= 2, "{mistakes:?}");
    assert_eq!(mistakes[0].position(), Some((1, 5)));
    assert!(shown(&mistakes).contains("m.toml:1:5"), "{}", shown(&mistakes));
    let twice = Document::parse("m.toml", "b = 1\nb = 2\n").expect_err("a key twice");
    assert!(twice[0].message().contains("duplicate"), "{twice:?}");
    assert!(
        Document::parse("m.toml", &format!("a = {}", "[".repeat(100_000)))
            .expect_err("too deep")
            .len()
            <= 5
    );
}

#[test]
fn tables_of_ones_own_keys_keep_the_order_of_the_file() {
    let document =
        Document::parse("s", "[ports]\nz = 1\na = 2\nm = \"x\"\n").expect("the syntax is right");
    let ports = document.root().table("ports").expect("it is there");
    let read: Vec<_> =
        ports.entries().map(|(key, value)| (key.value, value.port().map(At::into_inner))).collect();
    ports.finish();
    assert_eq!(
        read,
        [("z".to_owned(), Some(1)), ("a".to_owned(), Some(2)), ("m".to_owned(), None)]
    );
    assert_eq!(messages(&document), ["`m` must be a whole number, not a string"]);
}

#[test]
fn dates_are_checked_also_in_quotes() {
    let document = Document::parse(
        "s",
        "a = 2025-11-07\nb = \"2025-11-07\"\nc = \"7 November\"\nd = 2025-11-07T10:00:00Z\n",
    )
    .expect("syntax");
    let root = document.root();
    let read: Vec<_> = ["a", "b", "c", "d"]
        .iter()
        .map(|key| root.value(key).and_then(|v| v.date()).is_some())
        .collect();
    assert_eq!(read, [true, true, false, false]);
}

#[test]
fn one_table_where_a_list_of_tables_belongs() {
    let document = Document::parse("s", "[flow]\nid = \"a\"\n").expect("syntax");
    assert!(document.root().tables("flow").first().is_none());
    assert_eq!(
        document.mistakes()[0].help_text(),
        Some("write [[flow]] with two brackets on each side")
    );
}

#[test]
fn files_that_cannot_be_used_say_why_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, octets: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, octets).expect("written");
        path
    };
    let message = |path: &std::path::Path| read(path).expect_err("it cannot be used").to_string();
    assert!(message(&dir.path().join("none.toml")).ends_with("none.toml does not exist"));
    assert!(message(dir.path()).ends_with("is a folder, not a file"));
    assert!(
        message(&write("big.toml", &vec![b'#'; 10 << 20])).ends_with("is larger than 1024 KiB")
    );
    let latin = read(&write("latin.toml", b"a = 1\nb = \"Z\xfcrich\"\n")).expect_err("not UTF-8");
    assert_eq!((latin.message(), latin.position()), ("not UTF-8 text: octet 0xfc", Some((2, 7))));
    assert!(message(&write("odd.toml", b"\xff\xfea\x00b")).contains("half a character"));
    assert!(message(&write("surrogate.toml", b"\xff\xfe\x00\xd8")).contains("surrogates"));
    for (name, octets) in [
        ("plain.toml", b"a = 1".to_vec()),
        ("bom.toml", b"\xef\xbb\xbfa = 1".to_vec()),
        ("powershell.toml", b"\xff\xfea\x00 \x00=\x00 \x001\x00".to_vec()),
        ("be.toml", b"\xfe\xff\x00a\x00 \x00=\x00 \x001".to_vec()),
    ] {
        assert_eq!(read(&write(name, &octets)).expect("readable"), "a = 1", "{name}");
    }
}

#[test]
fn a_long_line_is_named_and_not_shown_and_control_characters_are_not_sent_to_the_terminal() {
    let long =
        Document::parse("s", &format!("[a]\nb = \"{}\"\n", "x".repeat(5000))).expect("syntax");
    long.root().table("a").expect("there").finish();
    let text = shown(&long.mistakes());
    assert!(text.contains("s:2:1: `b` is not a key of [a]") && text.len() < 400, "{text}");
    let hostile = Document::parse("s", "b = \"\u{9b}31m\"\n# \u{9b}2J\u{1b}[2J\n").map_or_else(
        |m| m,
        |d| {
            d.root().finish();
            d.mistakes()
        },
    );
    assert!(
        !hostile.is_empty() && !shown(&hostile).contains(['\u{1b}', '\u{9b}']),
        "{:?}",
        shown(&hostile)
    );
}

/// Asks a document for everything in every way.
fn walk(table: TableReader<'_>, depth: usize) {
    for (key, value) in table.entries() {
        let _ = (
            value.string(),
            value.boolean(),
            value.port(),
            value.date(),
            value.strings(),
            value.list(),
            value.kind(),
        );
        for inner in table.tables(&key).chain(value.table()) {
            if depth < 5 {
                walk(inner, depth + 1);
            }
        }
    }
    table.missing("nothing");
    table.finish();
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|([a-z\\[\\]{}=\",'.#0-9 \\n\\t\\r]|\u{fc}|\u{1f600}|\u{85}){0,300}") {
        let mistakes = match Document::parse("fuzz.toml", &text) {
            Ok(document) => {
                walk(document.root(), 0);
                document.root().finish();
                document.mistakes()
            }
            Err(mistakes) => { prop_assert!(!mistakes.is_empty()); mistakes }
        };
        let _ = shown(&mistakes);
    }

    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        match file::decode("fuzz.toml", octets) {
            Ok(text) => { let _ = Document::parse("fuzz.toml", &text).map(|d| d.root().finish()); }
            Err(mistake) => { let _ = shown(&[mistake]); }
        }
    }

    #[test]
    fn every_span_can_be_shown(text in "[a\u{fc}\u{1f600}\\n]{0,40}", start in 0usize..200, length in 0usize..200) {
        let _ = shown(&[Source::new("s", &text).mistake(&(start..start + length), "m").label("l").also(&(length..start), "k")]);
    }
}

#[test]
fn a_file_in_another_encoding_is_one_mistake() {
    let text = "[site]\nname = \"b\u{f6}hm\"\n";
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    for octets in [wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
        let mistake = decode("site.toml", octets).expect_err("not UTF-8");
        assert_eq!(mistake.message(), "site.toml is UTF-16 without a byte order mark");
        assert_eq!(mistake.help_text(), Some("save the file as UTF-8"));
    }
    let utf32: Vec<u8> = [0xff, 0xfe, 0, 0]
        .into_iter()
        .chain(text.chars().flat_map(|c| u32::from(c).to_le_bytes()))
        .collect();
    assert!(decode("site.toml", utf32).expect_err("not UTF-8").message().contains("not text"));
    assert!(
        decode("site.toml", b"a\0b and so on".to_vec())
            .expect_err("no text")
            .message()
            .contains("octets 0x00")
    );
    let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(wide(u16::to_le_bytes)).collect();
    assert_eq!(decode("site.toml", marked).expect("UTF-16 with a mark"), text);
}

#[test]
fn a_backslash_in_double_quotes_is_explained_once_a_line() {
    let mistakes =
        Document::parse("site.toml", "a = [\"D:\\sites\", \"C:\\\"]\n[b]\nc = \"C:\\Users\"\n")
            .expect_err("no escapes");
    let lines: Vec<_> = mistakes
        .iter()
        .map(|m| (m.position().map(|(line, _)| line), m.help_text().unwrap_or_default()))
        .collect();
    assert!(lines.iter().all(|(_, help)| help.contains("single quotes")), "{lines:?}");
    assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [Some(1), Some(3)]);
    let document = Document::parse(
        "site.toml",
        "key = \"C:\\temp\"\nname = \"a\\tb\"\nother = '\\\\fs01\\share'\n",
    )
    .expect("right");
    let root = document.root();
    assert_eq!(root.path("key"), None);
    assert_eq!(root.path("other").map(At::into_inner).as_deref(), Some("\\\\fs01\\share"));
    assert_eq!(
        root.string("name").map(At::into_inner).as_deref(),
        Some("a\tb"),
        "a text may have one"
    );
    root.finish();
    assert_eq!(document.mistakes().len(), 1);
}

/// A file that was never meant for us has a mistake in every octet, and is turned down all the same.
#[test]
fn a_large_file_of_nothing_but_mistakes_is_soon_turned_down() {
    for unit in ["=\n", "=", "[\n", "a=1\n", "\"\\q"] {
        let text = unit.repeat((1 << 18) / unit.len());
        let begun = std::time::Instant::now();
        let mistakes = Document::parse("log", &text).expect_err("no TOML");
        assert!(!mistakes.is_empty() && mistakes.len() <= 5, "{unit:?}: {}", mistakes.len());
        assert!(begun.elapsed().as_secs() < 20, "{unit:?} took {:?}", begun.elapsed());
    }
}
