//! `matrix diff` and `matrix import endpoints` by the built program: on three files made for the
//! purpose (the same as the built-in table, grown, shrunk), and on a web service that speaks as the
//! real one does.

use crate::support::program::{Done, Folder};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

const SITE: &str = "[site]\nname = \"s\"\nproduct = \"powersyncpro\"\ntopology \
    = \"direct\"\n[roles]\npsp-service = [\"psp01.contoso.test\"]\n";

fn list(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/endpoints")
        .join(format!("{name}.json"))
        .display()
        .to_string()
}

fn diff(folder: &Folder, source: &str, more: &[&str]) -> (Done, Value) {
    let words = [
        &[
            "matrix",
            "diff",
            source,
            "--matrix",
            "powersyncpro/entra-id",
            "--format",
            "json",
            "--proxy",
            "direct",
        ],
        more,
    ]
    .concat();
    let done = folder.run(&words);
    let json = done.json();
    (done, json)
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let entries = value["roles"][0][key].as_array().expect("a list");
    entries
        .iter()
        .map(|entry| entry["name"].as_str().or(entry.as_str()).expect("a text").to_owned())
        .collect()
}

#[test]
fn the_same_addresses_otherwise_cut_are_the_same() {
    let folder = Folder::new(SITE);
    let (done, json) = diff(&folder, &list("same"), &[]);
    assert_eq!((done.code, &json["same"]), (Some(0), &json!(true)), "{done}");
}

#[test]
fn what_a_list_has_more_or_less_is_named() {
    let folder = Folder::new(SITE);
    let (done, grown) = diff(&folder, &list("grown"), &["--edition", "2026110100"]);
    assert_eq!((done.code, &grown["list_version"]), (Some(1), &json!("2026110100")));
    assert_eq!(
        texts(&grown, "names_only_in_service"),
        ["*.entra.example.com", "signin.example.com"]
    );
    assert_eq!(texts(&grown, "networks_only_in_service"), ["20.231.0.0/17", "2603:1063:2000::/38"]);
    assert_eq!(
        (texts(&grown, "names_only_in_table").len(), texts(&grown, "networks_only_in_table").len()),
        (0, 0)
    );

    let (done, shrunk) = diff(&folder, &list("shrunk"), &[]);
    assert_eq!(done.code, Some(1));
    let gone = [
        "*.msftidentity.com",
        "autologon.microsoftazuread-sso.com",
        "graph.windows.net",
        "provisioningapi.microsoftonline.com",
    ];
    assert_eq!(texts(&shrunk, "names_only_in_table"), gone);
    assert_eq!(shrunk["roles"][0]["names_only_in_table"][3]["set"], 59, "where it is now");
    assert_eq!(
        texts(&shrunk, "networks_only_in_table"),
        ["20.231.128.0/19", "40.126.32.0/19", "2603:1057:2::/48"]
    );
    assert_eq!(
        (
            texts(&shrunk, "names_only_in_service").len(),
            texts(&shrunk, "networks_only_in_service").len()
        ),
        (0, 0)
    );
}

#[test]
fn what_is_announced_is_told_and_makes_no_difference_yet() {
    let folder = Folder::new(SITE);
    std::fs::write(folder.path("changes.json"), CHANGES).expect("a file");
    let done = folder.run(&[
        "matrix",
        "diff",
        &list("same"),
        "--matrix",
        "entra-id",
        "--changes",
        "changes.json",
    ]);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(
        done.out.contains("soon.example.com") && done.out.contains("in use from 2999-12-01"),
        "{done}"
    );
    assert!(!done.out.contains("signin.example.com"), "{done}");
}

#[test]
fn a_list_of_some_sets_is_compared_with_the_tables_of_these() {
    let folder = Folder::new(SITE);
    let whole: Value =
        serde_json::from_str(&std::fs::read_to_string(list("same")).expect("a file"))
            .expect("JSON");
    let only: Vec<&Value> =
        whole.as_array().expect("sets").iter().filter(|set| set["id"] == 56).collect();
    std::fs::write(folder.path("only.json"), serde_json::to_string(&only).expect("JSON"))
        .expect("a file");
    let done = folder.run(&["matrix", "diff", "only.json", "--format", "json"]);
    assert_eq!(
        (done.code, done.json()["roles"].as_array().map(Vec::len)),
        (Some(0), Some(1)),
        "{done}"
    );
    assert!(done.err.contains("exchange-online is not compared"), "{done}");
    let none = folder.run(&[
        "matrix",
        "import",
        "endpoints",
        "only.json",
        "--matrix",
        "entra-id",
        "--edition",
        "2020010100",
    ]);
    assert!(none.code == Some(0) && none.err.contains("OLDER than the one"), "{none}");
    std::fs::write(folder.path("empty.json"), r#"[{"id":56,"ips":["192.0.2.0/24"]}]"#)
        .expect("a file");
    let empty =
        folder.run(&["matrix", "import", "endpoints", "empty.json", "--matrix", "entra-id"]);
    assert!(
        empty.code == Some(2) && empty.out.is_empty() && empty.err.contains("no name for the role"),
        "{empty}"
    );
}

#[test]
fn an_imported_table_takes_the_place_of_the_built_in_one() {
    let folder = Folder::new(SITE);
    let tables = folder.path("tables");
    std::fs::create_dir(&tables).expect("a folder");
    let (out, tables) =
        (tables.join("entra-id.toml").display().to_string(), tables.display().to_string());
    let words = [
        "matrix",
        "import",
        "endpoints",
        &list("grown"),
        "--matrix",
        "entra-id",
        "--edition",
        "2026110100",
        "--out",
        &out,
    ];
    let done = folder.run(&words);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.err.contains("27 names, 19 ranges (25 and 16 before)"), "{done}");
    let text = std::fs::read_to_string(&out).expect("a file");
    assert!(
        text.contains("# Entra ID. The names and ranges")
            && text.contains("updated = 2026-11-01")
            && text.contains("\"2026110100\""),
        "{text}"
    );
    assert!(
        text.contains("[role.concrete]")
            && text.contains("strongauthenticationservice.auth.microsoft.com"),
        "{text}"
    );
    assert_eq!(
        diff(&folder, &list("grown"), &["--matrices", &tables]).0.code,
        Some(0),
        "it is the list now"
    );
    assert_eq!(diff(&folder, &list("shrunk"), &["--matrices", &tables]).0.code, Some(1));
    let shown = folder
        .run(&[
            "matrix",
            "show",
            "powersyncpro/entra-id",
            "--matrices",
            &tables,
            "--format",
            "json",
        ])
        .json();
    assert_eq!(shown["flows"].as_array().map(Vec::len), Some(1), "{shown:#}");
    assert_eq!(folder.run(&["plan", "--matrices", &tables]).code, Some(0));
}

#[test]
fn bad_lists_and_unclear_tables_end_with_2_and_say_why() {
    let folder = Folder::new(SITE);
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path(name), text).expect("a file");
        folder.path(name).display().to_string()
    };
    let wrong = write(
        "wrong.json",
        r#"[{"id":56,"ips":["20.20.32/19","x"],"urls":["a.example.com"]},{"urls":[]}]"#,
    );
    let version = write("version.json", r#"{"instance":"Worldwide","latest":"2026102700"}"#);
    let other = write("other.json", r#"[{"id":1,"urls":["a.example.com"],"tcpPorts":"443"}]"#);
    let import = |more: &[&str]| folder.run(&[&["matrix", "import", "endpoints"], more].concat());
    for (done, words) in [
        (
            import(&[&wrong, "--matrix", "entra-id"]),
            vec![
                "set 56: \"20.20.32/19\" is no network",
                "\"x\" is no network",
                "entry 2 has no `id`",
            ],
        ),
        (import(&[&version, "--matrix", "entra-id"]), vec!["/version"]),
        (import(&[&other, "--matrix", "entra-id"]), vec!["no set 56", "another cloud"]),
        (
            import(&[&list("same")]),
            vec!["say which with --matrix", "supplementary/exchange-online"],
        ),
        (
            import(&[&list("same"), "--matrix", "direct"]),
            vec!["no port table \"direct\"", "powersyncpro/entra-id"],
        ),
        (import(&["nowhere.json", "--matrix", "entra-id"]), vec!["nowhere.json"]),
        (import(&[&list("same"), "--matrix", "entra-id", "--edition", "2026"]), vec!["ten digits"]),
        (
            import(&["ftp://x/", "--matrix", "entra-id", "--proxy", "http://wpad/proxy.pac"]),
            vec!["auto-config"],
        ),
    ] {
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{done}");
        let said = done.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {done}");
    }
}

/// One addition that is not in use yet, and one that is.
const CHANGES: &str = r#"[{"id":2,"endpointSetId":56,"disposition":"Change","add":{"effectiveDate":"29991201","urls":["soon.example.com"]}},
    {"id":1,"endpointSetId":56,"disposition":"Change","add":{"effectiveDate":"20240101","urls":["signin.example.com"]}}]"#;

/// A service that counts what it is asked, and answers so.
fn service(
    answers: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head =
                BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
            let Some(path) = head.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned))
            else {
                continue;
            };
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let (status, body) = answers(&path);
            log.lock().expect("a log").push(path);
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nRetry-After: 5\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (url, asked)
}

fn asked(folder: &Folder, url: &str) -> Done {
    let mut command = folder.command(&[
        "matrix",
        "diff",
        url,
        "--matrix",
        "powersyncpro/entra-id",
        "--format",
        "json",
        "--proxy",
        "direct",
    ]);
    let cache = folder.path("cache");
    command.env("XDG_CACHE_HOME", &cache).env("LOCALAPPDATA", &cache);
    Done::of(command.output().expect("it runs"))
}

#[test]
fn the_service_is_asked_for_its_version_first_with_one_id_and_once_an_hour() {
    let folder = Folder::new(SITE);
    let grown = std::fs::read_to_string(list("grown")).expect("a file");
    let (url, log) = service(move |path| match path.split('?').next() {
        Some("/version/Worldwide") => {
            (200, r#"{"instance":"Worldwide","latest":"2026110100"}"#.to_owned())
        }
        Some("/endpoints/Worldwide") => (200, grown.clone()),
        Some("/changes/Worldwide/2023073100") => (200, CHANGES.to_owned()),
        _ => (404, String::new()),
    });
    let first = asked(&folder, &url);
    assert_eq!(
        (first.code, first.json()["list_version"].as_str()),
        (Some(1), Some("2026110100")),
        "{first}"
    );
    let said = log.lock().expect("a log").clone();
    let ids: Vec<&str> = said
        .iter()
        .filter_map(|path| path.split_once("?ClientRequestId=").map(|(_, id)| id))
        .collect();
    assert_eq!((said.len(), ids.len(), ids[0].len()), (3, 3, 36), "{said:?}");
    assert_eq!(first.json()["roles"][0]["announced"][0]["from"], "2999-12-01", "{first}");
    assert_eq!(ids[0], ids[1]);
    let second = asked(&folder, &url);
    assert_eq!((second.code, second.out), (Some(1), first.out));
    assert!(second.err.contains("at most once an hour"), "{}", second.err);
    assert_eq!(log.lock().expect("a log").len(), 3, "nothing more was asked");
}

#[test]
fn announcements_that_were_not_read_are_not_taken_for_none() {
    let folder = Folder::new(SITE);
    let same = std::fs::read_to_string(list("same")).expect("a file");
    let (url, log) = service(move |path| match path.split('?').next() {
        Some("/version/Worldwide") => (200, r#"{"latest":"2026110100"}"#.to_owned()),
        Some("/endpoints/Worldwide") => (200, same.clone()),
        _ => (429, String::new()),
    });
    for _ in 0..2 {
        let done = asked(&folder, &url);
        assert_eq!(
            (done.code, done.json()["roles"][0].get("announced")),
            (Some(0), None),
            "{done}"
        );
        assert!(
            done.err.contains("not read") || done.err.contains("at most once an hour"),
            "{done}"
        );
        assert_eq!(
            log.lock().expect("a log").len(),
            3,
            "the list is remembered, and the service is left alone"
        );
    }
}

#[test]
fn a_service_that_wants_to_be_left_alone_is() {
    let folder = Folder::new(SITE);
    let (url, log) = service(|_| (429, String::new()));
    for times in [1, 1] {
        let done = asked(&folder, &url);
        assert_eq!(done.code, Some(2), "{done}");
        assert!(done.err.contains("name a FILE") || done.err.contains("FILE with its"), "{done}");
        assert_eq!(log.lock().expect("a log").len(), times);
    }
    let (url, _) = service(|_| (503, String::new()));
    let done = asked(&folder, &url);
    assert!(done.code == Some(2) && done.err.contains("status 503"), "{done}");
}

#[test]
fn a_broken_answer_is_not_remembered() {
    let folder = Folder::new(SITE);
    let same = std::fs::read_to_string(list("same")).expect("a file");
    let times = std::sync::atomic::AtomicUsize::new(0);
    let (url, _) = service(move |path| match path.split('?').next() {
        Some("/version/Worldwide") => (200, r#"{"latest":"2026110100"}"#.to_owned()),
        Some("/endpoints/Worldwide") => {
            let is_first = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            (200, if is_first { "[{\"id\": 1, ".to_owned() } else { same.clone() })
        }
        _ => (200, "[]".to_owned()),
    });
    let broken = asked(&folder, &url);
    assert!(broken.code == Some(2) && broken.err.contains("no JSON"), "{broken}");
    let done = asked(&folder, &url);
    assert_eq!(done.code, Some(0), "it is asked for again: {done}");
}
