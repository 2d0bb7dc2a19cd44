//! Whom this machine stands for: several names, another host, none at all; and which key it has.

use crate::support::program::{Done, Folder};
use std::net::SocketAddr;

/// A product of one client and two servers, both of which are asked on the same port, and one of
/// them on another as well.
const TABLES: &str = r#"
[matrix]
id = "x/t"
title = "X"
[matrix.source]
document = "own"
updated = 2026-01-01
[product]
id = "x"
title = "X"
[ports]
web = 8080
[[role]]
id = "client"
title = "Client"
[[role]]
id = "first"
title = "First"
[[role]]
id = "second"
title = "Second"
[[role]]
id = "idle"
title = "Idle"
[[flow]]
id = "a"
from = "client"
to = "first"
port = "web"
protocol = "http"
row = 1
[[flow]]
id = "b"
from = "client"
to = "second"
port = "web"
protocol = "http"
row = 2
[[flow]]
id = "c"
from = "client"
to = "second"
port = 8081
protocol = "http"
row = 3
[[flow]]
id = "d"
from = "idle"
to = "first"
port = 8082
protocol = "http"
required = false
row = 4
"#;

/// A site with these roles; its ports are `offset` further up, and it names the key `site.key`.
fn site(offset: u16, roles: &str) -> Folder {
    let head = format!(
        "[site]\nname = \"t\"\nproduct = \"x\"\nmatrices = [\"tables\"]\nport-offset = \
            {offset}\nkey = \"site.key\"\n"
    );
    let folder = Folder::new(&format!("{head}[roles]\n{roles}"));
    std::fs::create_dir(folder.path("tables")).expect("a folder");
    let (matrix, product) = TABLES.split_once("[product]").expect("two tables");
    let (product, flows) = product.split_once("[[flow]]").expect("flows");
    std::fs::write(folder.path("tables/t.toml"), format!("{matrix}[[flow]]{flows}"))
        .expect("written");
    std::fs::write(folder.path("tables/p.toml"), format!("[product]{product}")).expect("written");
    folder
}

fn with_key(folder: Folder) -> Folder {
    assert_eq!(folder.run(&["key", "new"]).code, Some(0));
    folder
}

fn words(done: &Done) -> String {
    format!("{} {}", done.out, done.err)
        .replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_machine_of_two_names_listens_as_both_and_proves_each() {
    let here = "{ name = \"one.x.example\", addresses = [\"127.0.0.1\"] }";
    let roles = format!(
        "client = \"127.94.1.9\"\nfirst = {here}\nsecond = {}\n",
        here.replace("one", "two")
    );
    let folder = with_key(site(21_000, &roles));
    let port: SocketAddr = "127.0.0.1:29081".parse().expect("an address");
    let mut listener = folder.listen(&["--for", "60s", "--out", "listen.json"], port);
    let done = folder.run(&[
        "connect", "--as", "client", "--format", "json", "--expect", "stand-in", "--trace", "never",
    ]);
    let said = listener.end();
    assert_eq!(done.code, Some(0), "{done}\n{said}");
    let hops = done.json()["hops"].as_array().cloned().unwrap_or_default();
    assert_eq!(hops.len(), 3, "{done}");
    for hop in hops {
        assert_eq!(
            (&hop["verdict"], &hop["reason"], &hop["answered_by"]),
            (&"pass".into(), &"proved".into(), &"stand-in".into()),
            "{hop}"
        );
        assert!(hop["notes"].is_null(), "{hop}");
    }
    for only in [["--as", "first", "--as", "second"], ["--as", "one.x.example", "--as", "two"]] {
        let mut listener = folder.listen(&[&["--for", "60s"], only.as_slice()].concat(), port);
        let done =
            folder.run(&["connect", "--as", "client", "--expect", "stand-in", "--trace", "never"]);
        assert_eq!(done.code, Some(0), "{done}\n{}", listener.end());
    }
    let plan = folder.run(&["plan", "--as", "first", "--as", "second", "--format", "csv"]);
    assert_eq!(plan.out.lines().count(), 4, "{plan}");
}

#[test]
fn one_of_several_hosts_of_a_role_must_be_said() {
    let roles = "client = \"127.94.2.9\"\nfirst = [{ name = \"a\", addresses = [\"203.0.113.1\"] \
        }, { name = \"b\", addresses = [\"203.0.113.2\"] }]\nsecond = \"127.94.2.2\"\n";
    let folder = with_key(site(21_100, roles));
    let done = folder.run(&["listen", "--as", "first"]);
    assert!(
        done.code == Some(2)
            && words(&done).contains("this machine could be a or b: say which with --as HOST"),
        "{done}"
    );
}

#[test]
fn a_host_where_no_hop_begins_has_an_empty_result_and_is_not_wrong() {
    let folder = with_key(site(
        21_200,
        "client = \"127.94.3.9\"\nfirst = \"127.94.3.1\"\nsecond = \"127.94.3.2\"\n",
    ));
    let done = folder.run(&["connect", "--as", "first", "--out", "first.json"]);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(
        done.out.contains("nothing was tested") && done.out.contains("portmatrix listen"),
        "{done}"
    );
    let done = folder.run(&["connect", "--as", "first", "--format", "json"]);
    assert_eq!(
        (
            done.code,
            done.json()["nothing_begins_here"].as_bool(),
            done.json()["hops"].as_array().map(Vec::len)
        ),
        (Some(0), Some(true), Some(0))
    );
    assert!(done.err.contains("nothing was tested"), "{done}");
    let report = folder.run(&["report", "first.json"]);
    assert!(report.code == Some(0) && report.out.contains("nothing was tested"), "{report}");
    assert_eq!(
        folder.run(&["connect", "--as", "first", "--flow", "t/a"]).code,
        Some(0),
        "the same job on every host"
    );
    assert_eq!(
        folder.run(&["connect", "--as", "first", "--flow", "t/aa"]).code,
        Some(2),
        "no flow of the site"
    );
    assert_eq!(folder.run(&["connect", "--as", "nobody"]).code, Some(2), "no host of the site");
    // A result that holds nothing, and does not say that there was nothing, is still no success.
    let text = std::fs::read_to_string(folder.path("first.json"))
        .expect("read")
        .replace("\"nothing_begins_here\": true,", "");
    std::fs::write(folder.path("emptied.json"), text).expect("written");
    assert_eq!(folder.run(&["report", "emptied.json"]).code, Some(3));
}

#[test]
fn a_machine_that_is_not_the_planned_host_says_so_or_refuses() {
    let roles = "client = { name = \"c.x.example\", addresses = [\"203.0.113.7\"] }\nfirst \
        = \"127.94.4.1\"\nsecond = \"127.94.4.2\"\n";
    let folder = with_key(site(21_300, roles));
    let done = folder.run(&["connect", "--as", "client"]);
    assert!(
        done.code == Some(2)
            && words(&done).contains("is not c.x.example (203.0.113.7)")
            && words(&done).contains("--elsewhere"),
        "{done}"
    );
    let note = "planned from c.x.example (203.0.113.7); tested from ";
    let done = folder.run(&[
        "connect",
        "--as",
        "client",
        "--elsewhere",
        "--format",
        "json",
        "--trace",
        "never",
    ]);
    assert_eq!(done.code, Some(1), "{done}");
    let file = done.json();
    assert_eq!(file["from"]["elsewhere"][0], "c.x.example (203.0.113.7)");
    for hop in file["hops"].as_array().expect("hops") {
        let notes: Vec<&str> = hop["notes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|note| note.as_str())
            .collect();
        assert!(notes.iter().any(|words| words.starts_with(note)), "{hop}");
        assert!(hop["tested_by"]["address"].is_string(), "{hop}");
    }
    let table = folder.run(&["connect", "--as", "client", "--elsewhere", "--trace", "never"]);
    assert!(
        table.out.starts_with(
            "NOTE: planned from c.x.example (203.0.113.7), and tested from another machine."
        ),
        "{table}"
    );
    let network = with_key(site(
        21_310,
        "client = \"203.0.113.0/24\"\nfirst = \"127.94.4.1\"\nsecond = \"127.94.4.2\"\n",
    ));
    let done = network.run(&["connect", "--as", "client", "--format", "json", "--trace", "never"]);
    assert!(done.out.contains("planned from 203.0.113.0/24; tested from 127."), "{done}");
    // Loopback is every machine's own.
    let lab = with_key(site(
        21_320,
        "client = \"127.94.4.9\"\nfirst = \"127.94.4.1\"\nsecond = \"127.94.4.2\"\n",
    ));
    let done = lab.run(&["connect", "--as", "client", "--format", "json", "--trace", "never"]);
    assert!(done.code == Some(1) && !done.out.contains("planned from"), "{done}");
}

#[test]
fn a_result_of_a_network_row_is_as_itself() {
    let folder = with_key(site(
        21_400,
        "client = [\"127.94.5.0/24\", \"203.0.113.0/24\"]\nfirst = \"127.94.5.1\"\nsecond \
            = \"127.94.5.2\"\n",
    ));
    folder.run(&["connect", "--as", "client", "--out", "one.json", "--trace", "never"]);
    let text = std::fs::read_to_string(folder.path("one.json")).expect("read");
    let name = serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["hops"][0]["tested_by"]["host"].as_str().map(str::to_owned);
    let name = name.expect("a name");
    std::fs::write(
        folder.path("other.json"),
        text.replace(&format!("\"host\": \"{name}\""), "\"host\": \"ws-99\"")
            .replace("refused", "timed-out"),
    )
    .expect("written");
    let both = folder.run(&["report", "one.json", "other.json", "--format", "json"]);
    std::fs::write(folder.path("both.json"), &both.out).expect("written");
    let same = folder.run(&["diff", "both.json", "both.json"]);
    assert!(
        same.code == Some(0) && same.out.contains("0 changed (0 worse), 0 new, 0 gone"),
        "{same}"
    );
    let other = folder.run(&["diff", "one.json", "other.json"]);
    assert!(
        other.code == Some(3) || other.code == Some(1),
        "another machine is another lane: {other}"
    );
    assert!(other.out.contains("(ws-99 127."), "{other}");
    let report = folder.run(&["report", "both.json"]);
    assert!(report.out.contains("ws-99"), "{report}");
}

#[test]
fn a_missing_key_is_to_be_copied_and_fingerprints_are_compared() {
    let folder =
        site(21_500, "client = \"127.94.6.9\"\nfirst = \"127.94.6.1\"\nsecond = \"127.94.6.2\"\n");
    for command in
        [&["connect", "--as", "client"][..], &["listen", "--as", "first"], &["key", "show"]]
    {
        let done = folder.run(command);
        let said = words(&done);
        assert!(
            done.code == Some(2)
                && said.contains("copy the file from the host where it was made")
                && !said.contains("key new"),
            "{done}"
        );
    }
    let folder = with_key(folder);
    let shown = folder.run(&["key", "show"]).out;
    let fingerprint = shown.split_whitespace().next().unwrap_or_default().to_owned();
    assert!(
        fingerprint.len() == 19 && fingerprint.split('-').all(|part| part.len() == 4),
        "{shown}"
    );
    let secret = std::fs::read_to_string(folder.path("site.key")).expect("read");
    assert!(!secret.contains(&fingerprint.replace('-', "")));
    let done = folder.run(&["connect", "--as", "client", "--format", "json", "--trace", "never"]);
    assert_eq!(done.json()["key_fingerprint"], fingerprint.as_str());
    assert!(
        folder.run(&["connect", "--as", "client", "--trace", "never"]).out.contains(&fingerprint)
    );
    let listener = folder.listen(
        &["--as", "first", "--for", "60s"],
        "127.94.6.1:29580".parse().expect("an address"),
    );
    // A port is open before the listener has said so.
    assert!(listener.interrupt().out.contains(&fingerprint));
}

#[test]
fn a_missing_role_that_much_depends_on_is_told() {
    let folder = site(21_600, "client = \"127.94.7.9\"\nfirst = \"127.94.7.1\"\n");
    let folder = with_key(folder);
    for command in [&["plan"][..], &["connect", "--as", "client", "--trace", "never"]] {
        let done = folder.run(command);
        assert!(
            done.err
                .contains("warning: no host has the role second: 2 of 3 required flows need it"),
            "{done}"
        );
        assert!(!done.err.contains("role idle"), "nothing that is required needs it: {done}");
    }
    let plan = folder.run(&["plan"]);
    assert!(plan.out.contains("WARNING: no host has the role second"), "{plan}");
    let whole = Folder::new(
        "[site]\nname = \"t\"\nproduct = \"powersyncpro\"\ntopology \
            = \"direct\"\n[roles]\nmigration-agent = \"10.1.1.1\"\n",
    );
    let plan = whole.run(&["plan"]);
    assert!(
        plan.code == Some(0) && plan.err.contains("no host has the role psp-service"),
        "{plan}"
    );
    let front = "[site]\nname = \"t\"\nproduct = \"powersyncpro\"\ntopology \
        = \"reverse-proxy\"\n[roles]\nmigration-agent = \"10.1.1.1\"\npsp-service = \"10.1.1.2\"\n";
    let plan = Folder::new(front).run(&["plan"]);
    assert!(plan.err.contains("no host has the role reverse-proxy"), "{plan}");
}
