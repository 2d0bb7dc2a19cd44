//! The built program's `lab`: every row of the product's tables on real sockets of this machine's loopback, and files to go on by hand.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");

/// Tables that the lab must show whole.
const TABLES: &[&str] = &["direct", "reverse-proxy", "directory-sync", "password-sync", "sid-history"];

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env("NO_COLOR", "1").stdin(Stdio::null()).output().expect("the program can be run")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is a text in {value:#}"))
}

/// Ids of the flows of one table, read from its file without the program's own reader.
fn flows_of(table: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("matrices/powersyncpro/{table}.toml"));
    let text = std::fs::read_to_string(&path).expect("the table is there");
    let table_text: toml::Table = text.parse().expect("the table is TOML");
    let flows = table_text["flow"].as_array().expect("it has flows");
    flows.iter().map(|f| format!("{table}/{}", f["id"].as_str().expect("an id is a text"))).collect()
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An offset for the ports that runs beside this one do not have, below every port that the system gives to clients.
fn offset(base: u16) -> u16 {
    base + u16::try_from(std::process::id() % 1500).expect("it is small")
}

#[test]
fn the_lab_shows_every_row_and_one_failure() {
    let offset = offset(21_000);
    let shifted = offset.to_string();
    let output = run(&["lab", "--port-offset", &shifted, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let result = json(&output);
    let schema = json(&run(&["report", "--schema"]));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let wrong: Vec<String> = validator.iter_errors(&result).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    let hops = result["hops"].as_array().expect("there are hops");
    let also = hops.iter().flat_map(|h| h["also"].as_array().into_iter().flatten()).filter_map(Value::as_str);
    let shown: BTreeSet<&str> = hops.iter().map(|h| text(h, "/flow")).chain(also).collect();
    let mut missing: Vec<String> = TABLES.iter().flat_map(|table| flows_of(table)).collect();
    missing.retain(|id| !shown.contains(id.as_str()));
    assert!(missing.is_empty(), "no sample of the lab has {missing:?}");

    let failed: Vec<&Value> = hops.iter().filter(|h| text(h, "/verdict") != "pass").collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!((text(failed[0], "/verdict"), text(failed[0], "/reason")), ("fail", "refused"));
    assert_eq!((text(failed[0], "/to/host"), &failed[0]["to"]["port"]), ("dc-source.direct.example", &Value::from(offset + 636)));
    for hop in hops.iter().filter(|h| text(h, "/verdict") == "pass") {
        let wanted = if text(hop, "/expect") == "deny" { "denied" } else { "proved" };
        assert_eq!(text(hop, "/reason"), wanted, "{hop:#}");
    }
    assert!(hops.iter().any(|h| text(h, "/expect") == "deny"), "rows that must be shut are shown as well");
    let ids: BTreeSet<(&str, &str)> = hops.iter().map(|h| (text(h, "/hop"), text(h, "/from/host"))).collect();
    assert_eq!(ids.len(), hops.len(), "each hop is there once");

    // The same port while somebody else has it: a clear word, and nothing is claimed.
    let address = format!("127.77.1.10:{}", 5000 + offset);
    let taken = std::net::TcpListener::bind(&address).expect("the port is free again");
    let output = run(&["lab", "--only", "direct", "--port-offset", &shifted, "--format", "json"]);
    drop(taken);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty() && said.contains(&address) && said.contains("--port-offset"), "{said}");
}

#[test]
fn kept_files_serve_a_listener_and_a_connector_by_hand() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let kept = folder.path().join("lab");
    let kept = kept.to_str().expect("the path is UTF-8");
    let offset = offset(23_000);
    let lab = run(&["lab", "--keep", kept, "--only", "reverse-proxy", "--port-offset", &offset.to_string()]);
    let said = String::from_utf8_lossy(&lab.stdout).into_owned();
    assert_eq!(lab.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&lab.stderr));
    // A second time would overwrite what is there.
    assert_eq!(run(&["lab", "--keep", kept, "--only", "reverse-proxy"]).status.code(), Some(2));

    // The two commands that the lab itself tells.
    let site = format!("{kept}/reverse-proxy.toml");
    let commands: Vec<Vec<String>> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("portmatrix "))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let command = |name: &str| commands.iter().find(|c| c[0] == name).unwrap_or_else(|| panic!("{name} is told in {said}"));
    assert!(command("listen").contains(&site), "{said}");

    // Without a listener the ways are not open, and nothing passes.
    let connect: Vec<&str> = command("connect").iter().map(String::as_str).chain(["--format", "json"]).collect();
    let alone = run(&connect);
    assert_eq!(alone.status.code(), Some(1), "{alone:?}");
    assert!(json(&alone)["hops"].as_array().is_some_and(|h| !h.is_empty() && h.iter().all(|h| text(h, "/verdict") != "pass")), "{alone:?}");

    let child = Command::new(PROGRAM)
        .args(command("listen"))
        .args(["--for", "60s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn();
    let mut listener = Running(child.expect("the program can be run"));
    let mut out = BufReader::new(listener.0.stdout.take().expect("it is piped"));
    std::thread::spawn(move || {
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|n| n > 0) {
            line.clear();
        }
    });
    let end = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.77.3.10", 5000 + offset)).is_err() {
        assert!(Instant::now() < end, "the listener opens its port");
        std::thread::sleep(Duration::from_millis(50));
    }
    let seen = run(&connect);
    let result = json(&seen);
    let past = result["hops"].as_array().and_then(|all| all.iter().find(|h| text(h, "/to/host").starts_with("psp.")));
    let past = past.unwrap_or_else(|| panic!("the way past the proxy is planned: {result:#}"));
    // A listener by hand turns nobody away, so the way that must be shut is open, and that is said.
    assert_eq!((text(past, "/verdict"), text(past, "/reason"), text(past, "/answered_by")), ("fail", "unexpectedly-open", "stand-in"));
    assert_eq!(seen.status.code(), Some(1));
}
