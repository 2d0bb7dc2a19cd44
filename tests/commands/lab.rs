//! The built program's `lab`: every row of the product's tables on real sockets of this machine's
//! loopback, and files to go on by hand.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
#[cfg(unix)]
use std::{
    io::{BufRead as _, BufReader},
    process::Child,
    time::Duration,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");

/// Tables that the lab must show whole.
const TABLES: &[&str] =
    &["direct", "reverse-proxy", "directory-sync", "password-sync", "sid-history"];

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(args)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the program can be run")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is a text in {value:#}"))
}

/// Ids of the flows of one table, read from its file without the program's own reader.
fn flows_of(table: &str) -> Vec<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("matrices/powersyncpro/{table}.toml"));
    let text = std::fs::read_to_string(&path).expect("the table is there");
    let table_text: toml::Table = text.parse().expect("the table is TOML");
    let flows = table_text["flow"].as_array().expect("it has flows");
    flows
        .iter()
        .map(|f| format!("{table}/{}", f["id"].as_str().expect("an id is a text")))
        .collect()
}

/// A program that is ended with the test.
#[cfg(unix)]
struct Running(Child);

#[cfg(unix)]
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An offset for the ports that runs beside this one do not have, below every port that the system
/// gives to clients.
fn offset(base: u16) -> u16 {
    base + u16::try_from(std::process::id() % 1500).expect("it is small")
}

#[test]
fn the_lab_shows_every_row_and_one_failure() {
    let offset = offset(21_000);
    let shifted = offset.to_string();
    let output = run(&["lab", "--port-offset", &shifted, "--format", "json"]);
    let result = json(&output);
    let hops = result["hops"].as_array().into_iter().flatten();
    let odd: Vec<_> = hops.filter(|hop| hop["verdict"] != "pass").collect();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{odd:#?}",
        String::from_utf8_lossy(&output.stderr)
    );
    let schema = json(&run(&["report", "--schema"]));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let wrong: Vec<String> = validator.iter_errors(&result).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    let hops = result["hops"].as_array().expect("there are hops");
    let also = hops
        .iter()
        .flat_map(|h| h["also"].as_array().into_iter().flatten())
        .filter_map(Value::as_str);
    let shown: BTreeSet<&str> = hops.iter().map(|h| text(h, "/flow")).chain(also).collect();
    let mut missing: Vec<String> = TABLES.iter().flat_map(|table| flows_of(table)).collect();
    missing.retain(|id| !shown.contains(id.as_str()));
    assert!(missing.is_empty(), "no sample of the lab has {missing:?}");

    // Loopback has no firewall: the lab's listener turns these away in the place of one, and the
    // connector tells that from a rule.
    let turned_away =
        |hop: &Value| hop.pointer("/sighting/state").is_some_and(|state| state == "not-allowed");
    let (shut, other): (Vec<&Value>, Vec<&Value>) = hops.iter().partition(|hop| turned_away(hop));
    assert_eq!(shut.len(), 2, "one in each sample with a reverse proxy: {shut:#?}");
    for hop in shut {
        assert_eq!(
            (text(hop, "/expect"), text(hop, "/reason")),
            ("deny", "denied-otherwise"),
            "{hop:#}"
        );
    }
    let failed: Vec<&Value> = other.into_iter().filter(|h| text(h, "/verdict") != "pass").collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!((text(failed[0], "/verdict"), text(failed[0], "/reason")), ("fail", "refused"));
    assert_eq!(
        (text(failed[0], "/to/host"), &failed[0]["to"]["port"]),
        ("dc-source.direct.example", &Value::from(offset + 636))
    );
    for hop in hops.iter().filter(|h| text(h, "/verdict") == "pass") {
        let wanted = if text(hop, "/expect") == "deny" { "denied" } else { "proved" };
        assert_eq!(text(hop, "/reason"), wanted, "{hop:#}");
    }
    assert!(
        hops.iter().any(|h| text(h, "/expect") == "deny"),
        "rows that must be shut are shown as well"
    );
    let ids: BTreeSet<(&str, &str)> =
        hops.iter().map(|h| (text(h, "/hop"), text(h, "/from/host"))).collect();
    assert_eq!(ids.len(), hops.len(), "each hop is there once");

    // The same port while somebody else has it: a clear word, and nothing is claimed.
    let address = format!("127.77.1.10:{}", 5000 + offset);
    let taken = std::net::TcpListener::bind(&address).expect("the port is free again");
    let output = run(&["lab", "--only", "direct", "--port-offset", &shifted, "--format", "json"]);
    drop(taken);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        output.stdout.is_empty() && said.contains(&address) && said.contains("--port-offset"),
        "{said}"
    );
}

/// What the lab tells, followed to the letter from another folder: every listener, then every
/// connector. All of it is green.
#[cfg(unix)]
#[test]
fn what_the_lab_tells_works_when_it_is_followed() {
    for (number, sample) in ["direct", "reverse-proxy-agent"].into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let offset = offset(if number == 0 { 23_000 } else { 25_000 }).to_string();
        let lab = Command::new(PROGRAM)
            .args(["lab", "--keep", "my lab", "--only", sample, "--port-offset", &offset])
            .current_dir(folder.path())
            .output()
            .expect("the program can be run");
        let said = String::from_utf8_lossy(&lab.stdout).into_owned();
        assert_eq!(lab.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&lab.stderr));
        // A second time would overwrite what is there.
        let kept = folder.path().join("my lab");
        assert_eq!(
            run(&["lab", "--keep", kept.to_str().expect("UTF-8"), "--only", sample]).status.code(),
            Some(2)
        );

        let told = |what: &str| {
            said.lines()
                .filter(|line| line.starts_with("  ") && line.contains(what))
                .map(str::trim)
                .collect::<Vec<_>>()
        };
        let (listeners, connectors) = (told(" listen --site "), told(" connect --site "));
        assert!(listeners.len() >= 4 && connectors.len() >= 4, "{said}");

        // Without listeners the ways are not open, and nothing passes.
        let alone = shell(connectors[0]);
        assert_eq!(alone.status.code(), Some(1), "{alone:?}");
        let _running: Vec<Running> = listeners.iter().map(|line| listen(line)).collect();
        for line in connectors {
            let done = shell(line);
            assert_eq!(
                done.status.code(),
                Some(0),
                "{line}\n{}",
                String::from_utf8_lossy(&done.stdout)
            );
        }
    }
}

/// Runs a line as a shell does, in another folder than the lab was called in.
#[cfg(unix)]
fn shell(line: &str) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell")
}

/// The same for a listener, and waits until its ports are open.
#[cfg(unix)]
fn listen(line: &str) -> Running {
    let child = Command::new("sh")
        .args(["-c", &format!("exec {line} --for 120s")])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut listener = Running(child.expect("there is a shell"));
    let mut out = BufReader::new(listener.0.stdout.take().expect("it is piped"));
    let (opened, open) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|n| n > 0) {
            if line.starts_with("Listening on ") {
                let _ = opened.send(());
            }
            line.clear();
        }
    });
    open.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("it listens: {line}"));
    listener
}
