//! Holds the table of layers in ARCHITECTURE.md against the code: who may import whom, where
//! sockets are opened and clocks are read, and that the program names no product. The checks work
//! on text alone, so that the map of the code stays one that a reader can check too.

mod support {
    pub mod modules;
    pub mod source;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use support::modules::{absolute, circles, graph, module_of};
use support::source::{self, File};

/// The line that begins the table in ARCHITECTURE.md: one line per layer, from the ground up, each
/// with its folders (or single files) and whether they are pure. A place may lie deeper
/// (`protocol/*/codec`, where `*` is any one name); a file belongs to the deepest that it lies in.
/// A file may import from places of the lines above its own, never from others of its own line or
/// from the lines below.
const HEADER: &str = "| layer | folders | pure |";

/// Opens a socket, or asks DNS. Types that only carry a socket which somebody else opened
/// (`TcpStream` as an argument) are not in it.
const OPENS_SOCKETS: &[&str] = &[
    "TcpStream::connect",
    "TcpListener::bind",
    "TcpListener::from_std",
    "TcpStream::from_std",
    "TcpSocket",
    "UdpSocket",
    "UnixDatagram",
    "UnixStream::connect",
    "UnixListener::bind",
    "socket2::",
    "ToSocketAddrs",
    "to_socket_addrs",
    "lookup_host",
    "hickory_resolver::",
];

/// Reads a clock.
const READS_CLOCK: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
    "OffsetDateTime::now",
];

/// Folders that may open sockets: `lab` looks for free ports, and `cli` waits for signals.
const MAY_OPEN_SOCKETS: &[&str] = &["net", "lab", "cli"];

/// The one file that may read a clock.
const CLOCK: &str = "net/clock.rs";

/// The one folder that may name a product: its example site belongs to one.
const MAY_NAME_PRODUCT: &str = "lab";

/// Where a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    pure: bool,
}

/// Folder to place, as the table says it.
fn read_table(document: &str) -> Result<BTreeMap<String, Place>, String> {
    let mut lines = document.lines().map(str::trim).skip_while(|l| *l != HEADER).skip(1);
    let rule = lines.next().ok_or_else(|| {
        format!("ARCHITECTURE.md has no table that begins with the line \"{HEADER}\"")
    })?;
    if !rule.starts_with("|--") && !rule.starts_with("| --") {
        return Err(format!("no rule under the table's header, but: {rule}"));
    }
    let mut places = BTreeMap::new();
    for (line, row) in lines.take_while(|l| l.starts_with('|')).enumerate() {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, folders, pure] = cells[..] else {
            return Err(format!("this row does not have three cells: {row}"));
        };
        let pure = match pure {
            "yes" => true,
            "" => false,
            other => {
                return Err(format!(
                    "\"{other}\" under pure: only \"yes\" or nothing is understood"
                ));
            }
        };
        // Only what stands in backquotes is a folder; the rest of the cell is prose.
        for folder in folders.split('`').skip(1).step_by(2).map(|f| f.trim_end_matches('/')) {
            if places.insert(folder.to_owned(), Place { line, pure }).is_some() {
                return Err(format!("{folder} is in the table twice"));
            }
        }
    }
    if places.is_empty() { Err("the table has no folders".into()) } else { Ok(places) }
}

/// The deepest place of the table that a module lies in.
fn place_of<'p>(
    module: &[String],
    places: &'p BTreeMap<String, Place>,
) -> Option<(&'p String, &'p Place)> {
    let lies_in = |place: &&String| {
        let names: Vec<&str> = place.split('/').collect();
        names.len() <= module.len()
            && names.iter().zip(module).all(|(name, own)| *name == "*" || name == own)
    };
    let found = places.keys().filter(lies_in).max_by_key(|place| place.matches('/').count())?;
    places.get_key_value(found)
}

/// Every breach of one file, in words.
fn check(file: &File, places: &BTreeMap<String, Place>) -> Vec<String> {
    let mut found = Vec::new();
    let folder = file.top_level();
    let say = |what: String| format!("src/{}: {what}", file.path);
    if folder != MAY_NAME_PRODUCT {
        if let Some(line) = source::find_word_start(&file.text, "powersyncpro") {
            found.push(say(format!("line {line} names a product; products belong in matrices/")));
        }
        if let Some(line) = source::find_word_start(&file.code, "psp") {
            found.push(say(format!(
                "line {line} names a product by its short name; products belong in matrices/"
            )));
        }
    }
    // The two roots declare everything and decide nothing.
    if matches!(folder, "lib" | "main") {
        return found;
    }
    let Some((own, place)) = place_of(&module_of(&file.path), places) else {
        found.push(say(format!("`{folder}` is not in the table of ARCHITECTURE.md")));
        return found;
    };
    let module = module_of(&file.path);
    let named: BTreeSet<&String> = file
        .paths()
        .iter()
        .filter_map(|path| place_of(&absolute(&module, path)?, places))
        .map(|(name, _)| name)
        .collect();
    for import in file.imports() {
        if places.keys().all(|place| place.split('/').next() != Some(&import)) {
            found.push(say(format!(
                "imports `{import}`, which is not in the table of ARCHITECTURE.md"
            )));
        }
    }
    for import in named.into_iter().filter(|import| *import != own) {
        let other = places[import];
        if other.line == place.line {
            found.push(say(format!("imports `{import}`, a sibling on the same line")));
        } else if other.line > place.line {
            found.push(say(format!("imports `{import}`, which stands above it")));
        }
    }
    if !MAY_OPEN_SOCKETS.contains(&folder) {
        found.extend(
            file.uses(OPENS_SOCKETS)
                .map(|what| say(format!("`{what}`: only net/ opens sockets and asks DNS"))),
        );
    }
    if file.path != CLOCK {
        found.extend(
            file.uses(READS_CLOCK)
                .map(|what| say(format!("`{what}`: only src/{CLOCK} reads a clock"))),
        );
    }
    if place.pure {
        found.extend(
            file.uses(&["tokio::"]).map(|_| say("names tokio, and its folder is pure".into())),
        );
    }
    found
}

fn places() -> BTreeMap<String, Place> {
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"))
            .expect("ARCHITECTURE.md is there; its table of layers is what this test holds");
    read_table(&document).expect("the table of layers can be read")
}

#[test]
fn the_code_keeps_to_the_table_of_architecture_md() {
    let places = places();
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(
        files.len() > 40,
        "only {} files found in src/: is the test looking in the right place?",
        files.len()
    );
    let breaches: Vec<String> = files.iter().flat_map(|f| check(f, &places)).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn no_file_is_in_a_circle() {
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let graph = graph(&files);
    assert!(
        graph.values().map(|names| names.len()).sum::<usize>() > 1000,
        "hardly anything found: is the test looking in the right place?"
    );
    let words = |(from, to): (&Vec<String>, &Vec<String>)| {
        format!("{} names {}", from.join("::"), to.join("::"))
    };
    let left = circles(graph);
    let left: Vec<String> = left
        .iter()
        .flat_map(|(from, names)| names.iter().map(move |to| words((from, to))))
        .collect();
    assert!(
        left.is_empty(),
        "what two files need belongs into a third one:\n{}\n",
        left.join("\n")
    );
}

/// A verdict that reads a fact by a text is right until somebody renames it; the fields of
/// `observation/facts` cannot be renamed on one side alone.
#[test]
fn facts_are_read_by_their_fields() {
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let readers = |by: &str| -> Vec<String> {
        let found = files.iter().filter(|f| f.code.contains(by));
        let is_theirs =
            |path: &str| path.starts_with("report/") || path.starts_with("observation/facts");
        found.map(|f| f.path.clone()).filter(|path| !is_theirs(path)).collect()
    };
    assert!(
        files.iter().any(|f| f.path.starts_with("report/") && f.code.contains(".flat()")),
        "nobody shows facts by name: is the test looking for the right word?"
    );
    assert_eq!(readers(".flat()"), Vec::<String>::new(), "facts by name are for people alone");
    assert_eq!(readers("detail.get("), Vec::<String>::new());
}

/// Whoever gives up on a lock whose holder panicked calls nothing seen what was not looked at.
#[test]
fn locks_are_taken_in_one_way() {
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let others = |file: &source::File| -> bool {
        let code = file.code.split_whitespace().collect::<String>();
        code.match_indices(".lock()").any(|(at, _)| {
            let is_stream = code[..at].ends_with("stdout()") || code[..at].ends_with("stderr()");
            !is_stream && !code[at..].starts_with(".lock().await")
        })
    };
    let found: Vec<&str> = files.iter().filter(|f| others(f)).map(|f| f.path.as_str()).collect();
    assert_eq!(found, ["lock.rs"], "use lock::lock");
}

/// Callers tell errors apart by their type, and not by their words. The command line only shows
/// them.
#[test]
fn no_public_function_gives_its_error_as_a_text() {
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let signatures = |file: &source::File| -> Vec<String> {
        let code = file.code.split_whitespace().collect::<Vec<_>>().join(" ");
        let functions = code.split("pub ").skip(1).filter_map(|rest| {
            let end = rest.find(['{', ';'])?;
            let signature = &rest[..end];
            let is_function = ["fn ", "async fn "].iter().any(|word| signature.starts_with(word));
            is_function.then(|| signature.trim().to_owned())
        });
        functions.collect()
    };
    let all: Vec<(String, String)> = files
        .iter()
        .filter(|file| !file.path.starts_with("cli/"))
        .flat_map(|file| signatures(file).into_iter().map(|s| (file.path.clone(), s)))
        .collect();
    assert!(all.len() > 500, "only {} functions found", all.len());
    let texts: Vec<&(String, String)> = all
        .iter()
        .filter(|(_, signature)| {
            signature.split("-> ").last().is_some_and(|result| {
                result.starts_with("Result<") && result.ends_with(", String>")
            })
        })
        .collect();
    assert!(texts.is_empty(), "{texts:#?}");
}

#[test]
fn circles_are_found_however_they_are_written() {
    let circle = |one: &str, other: &str| {
        let files = [
            File::new("net/mod.rs", "mod dial;\nmod tls;"),
            File::new("net/dial.rs", one),
            File::new("net/tls.rs", other),
        ];
        !circles(graph(&files)).is_empty()
    };
    for (one, other) in [
        ("use super::tls::A;", "use super::dial::B;"),
        ("use crate::net::{clock, tls};", "fn f() { crate::net::dial::g(); }"),
        ("use crate::{a, net::{self, tls::{A, B}}};", "pub use super::{dial as d, x};"),
        ("fn f(x: super::tls::A) {}", "fn f() -> Vec<super :: dial :: B> {}"),
    ] {
        assert!(circle(one, other), "{one}\n{other}");
    }
    for (one, other) in [
        ("use super::tls::A;", ""),
        ("use super::tls::A;", "/// See [`super::dial::B`].\npub(in crate::net::dial) fn f() {}"),
        ("use super::tls::A;", "#[cfg(all(test, unix))]\nmod tests { use super::super::dial::B; }"),
        ("use super::tls::A;", "use hyper::dial::B;"),
    ] {
        assert!(!circle(one, other), "{one}\n{other}");
    }
    let parent = [
        File::new("net/mod.rs", "mod dial;\npub use dial::A;\npub struct B;"),
        File::new("net/dial.rs", "use super::B;"),
    ];
    assert!(!circles(graph(&parent)).is_empty(), "a module and its part");
    assert!(
        circles(graph(&[
            File::new("net/mod.rs", "mod dial;"),
            File::new("net/dial.rs", "use super::B;")
        ]))
        .is_empty()
    );
}

#[test]
fn the_table_names_no_folder_that_is_gone() {
    let files = source::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let gone: Vec<String> = places()
        .into_keys()
        .filter(|place| {
            let only = BTreeMap::from([(place.clone(), Place { line: 0, pure: false })]);
            files.iter().all(|f| place_of(&module_of(&f.path), &only).is_none())
        })
        .collect();
    assert!(gone.is_empty(), "in the table of ARCHITECTURE.md, but not in src/: {gone:?}");
}

/// What `check` finds in one made-up file of a small made-up table.
fn breaches(path: &str, text: &str) -> String {
    let table = format!(
        "# A\n\n{HEADER}\n|---|---|---|\n| ground | `reason`, `proto/` | yes |\n\
         | codecs | `spoken/*/codec` | yes |\n| world | `net/` | |\n| spoken | `spoken/` | |\n\
         | ends | `probe/`, `listen/` | |\n\
         | lab | `lab/` | |\n| top | `cli/` | |\n\nText | with | bars\n"
    );
    let places = read_table(&table).expect("the made-up table can be read");
    check(&File::new(path, text), &places).join("\n")
}

#[test]
fn imports_upwards_and_sideways_are_found_however_they_are_written() {
    for (path, text, wanted) in [
        ("net/dial.rs", "use crate::probe::Climb;", "imports `probe`, which stands above it"),
        ("probe/http.rs", "use crate::listen::StandIn;", "imports `listen`, a sibling"),
        (
            "proto/rpc.rs",
            "use crate::{reason::Reason, net};",
            "imports `net`, which stands above it",
        ),
        (
            "proto/rpc.rs",
            "use crate::{\n    proto::{net, x},\n    net::clock,\n};",
            "imports `net`",
        ),
        ("reason.rs", "fn f() { crate::net::clock::now(); }", "imports `net`"),
        ("net/dial.rs", "use super::super::probe::Climb;", "imports `probe`"),
        ("net/mod.rs", "use super::probe::Climb;", "imports `probe`"),
        ("net/os/mod.rs", "use super::super::probe::Climb;", "imports `probe`"),
        ("net/dial.rs", "use crate::nowhere::X;", "`nowhere`, which is not in the table"),
        ("nowhere/x.rs", "", "`nowhere` is not in the table"),
        ("net/dial.rs", "use crate::spoken::ldap::probe;", "imports `spoken`, which stands above"),
        ("spoken/ldap/codec.rs", "use super::probe::X;", "imports `spoken`, which stands above"),
        ("spoken/ldap/codec.rs", "use crate::net;", "imports `net`, which stands above it"),
        ("spoken/ldap/codec/time.rs", "use tokio::x;", "its folder is pure"),
        ("cli/lab.rs", "#[cfg(test)]\nmod tests { }\nuse crate::nowhere::X;", "`nowhere`"),
    ] {
        let found = breaches(path, text);
        assert!(found.contains(wanted), "{path}: {text}\nwanted: {wanted}\nfound: {found}");
    }
}

#[test]
fn sockets_clocks_tokio_and_products_are_found() {
    for (path, text, wanted) in [
        (
            "probe/tcp.rs",
            "let s = tokio::net::TcpStream::connect(a).await;",
            "only net/ opens sockets",
        ),
        ("listen/open.rs", "use socket2::Socket;", "only net/ opens sockets"),
        ("probe/tcp.rs", "let t = std::time::Instant::now();", "reads a clock"),
        ("net/dial.rs", "let t = Timestamp :: now();", "reads a clock"),
        ("proto/rpc.rs", "async fn f(s: impl tokio::io::AsyncRead) {}", "its folder is pure"),
        ("proto/rpc.rs", "// as PowerSyncPro does", "names a product"),
        ("cli/init.rs", "const HOST: &str = \"psp01.contoso.com\";", "short name"),
        ("cli/init.rs", "fn f(x: PspService) {}", "short name"),
    ] {
        let found = breaches(path, text);
        assert!(found.contains(wanted), "{path}: {text}\nwanted: {wanted}\nfound: {found}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, text) in [
        (
            "probe/tcp.rs",
            "use crate::net::clock;\nuse super::{Climb, Stop};\nuse crate::probe::tcp;",
        ),
        ("probe/tcp.rs", "use tokio::net::TcpStream;\nfn f(stream: TcpStream) {}"),
        (
            "net/dial.rs",
            "/// See [`crate::probe`].\n// crate::cli\n/* crate::cli /* crate::cli */ */",
        ),
        (
            "net/dial.rs",
            "const TEXT: &str = \"crate::cli\"; const RAW: &str = r#\"crate::cli \" \"#; const C: \
                char = '\"';",
        ),
        (
            "net/dial.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::probe::tcp; fn f() { \"}\"; '}'; \
                Instant::now(); }\n}",
        ),
        ("net/dial/tests.rs", "use crate::listen::server;"),
        ("net/clock.rs", "pub fn now() -> Timestamp { Timestamp::now() }"),
        ("lab/mod.rs", "const PRODUCT: &str = \"powersyncpro\"; fn f() { TcpListener::bind(a); }"),
        ("net/serve.rs", "use socket2::Socket; // https_proxy, ldapsprobe"),
        ("net/dial.rs", "use crate::spoken::ldap::codec::time;"),
        ("spoken/ldap/probe.rs", "use super::codec;\nuse crate::net;\nuse tokio::x;"),
        ("spoken/ldap/codec.rs", "use crate::spoken::rpc::codec::x;"),
        ("lib.rs", "pub mod cli;"),
    ] {
        let found = breaches(path, text);
        assert!(found.is_empty(), "{path}: {text}\nfound: {found}");
    }
}

#[test]
fn a_table_that_is_missing_or_broken_is_an_error() {
    let row = "| ground | `reason` | yes |";
    for (document, wanted) in [
        (String::new(), "no table"),
        (format!("{HEADER}\n{row}\n"), "no rule"),
        (format!("{HEADER}\n|---|---|---|\n\n{row}\n"), "no folders"),
        (format!("{HEADER}\n|---|---|---|\n{row}\n{row}\n"), "twice"),
        (format!("{HEADER}\n|---|---|---|\n| ground | `reason` | maybe |\n"), "maybe"),
        (format!("{HEADER}\n|---|---|---|\n| ground | `reason` |\n"), "three cells"),
    ] {
        let error = read_table(&document).expect_err("a broken table is not read");
        assert!(error.contains(wanted), "wanted {wanted}, found {error}");
    }
}
