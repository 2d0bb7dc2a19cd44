//! `portmatrix explain` as a user runs it: pages, widths, exit codes, JSON; and the document made
//! from the same pages.
//!
//! `UPDATE_EXPECTED=1 cargo test --test commands explain` writes docs/reasons.md anew, to be read
//! before it is committed.

use crate::shown;
use portmatrix::reason::Reason;
use std::path::Path;
use std::process::Command;

fn stdout(width: u16, arguments: &[&str]) -> String {
    shown::stdout(&["explain"], width, arguments)
}

fn stderr(arguments: &[&str]) -> String {
    shown::stderr(&["explain"], arguments)
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(100, arguments)).expect("one JSON document")
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn the_list_has_every_reason_in_its_group() {
    for width in [80, 120] {
        let list = stdout(width, &[]);
        assert!(widest(&list) <= usize::from(width), "{list}");
        for reason in Reason::ALL {
            let lines = list.lines().filter(|line| {
                line.split_whitespace().next() == Some(reason.code()) && line.starts_with("  ")
            });
            assert_eq!(lines.count(), 1, "{reason} at {width} columns\n{list}");
        }
        let groups: Vec<&str> =
            list.lines().filter(|line| !line.is_empty() && !line.starts_with([' ', '`'])).collect();
        assert_eq!(
            groups,
            [
                "outcome", "local", "name", "path", "identity", "TLS", "HTTP", "LDAP", "RPC",
                "cloud", "deny"
            ]
        );
        let flat = list.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            Reason::ALL.iter().all(|reason| flat.contains(reason.summary())),
            "a sentence is cut"
        );
    }
}

#[test]
fn every_page_is_shown_whole_at_80_and_120_columns() {
    for reason in Reason::ALL {
        let page = json(&[reason.code(), "--format", "json"]);
        assert_eq!(
            (page["schema"].as_str(), page["reason"].as_str()),
            (Some("portmatrix/reason/1"), Some(reason.code()))
        );
        let mut texts: Vec<&str> = ["summary", "seen", "means", "not", "who"]
            .iter()
            .map(|key| page[key].as_str().expect("a text"))
            .collect();
        texts.extend(
            page["closer"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|item| item.as_str().expect("a text")),
        );
        texts.extend(page.get("windows").map(|text| text.as_str().expect("a text")));
        for width in [80, 120] {
            let shown = stdout(width, &[reason.code()]);
            assert!(widest(&shown) <= usize::from(width), "{shown}");
            let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                texts.iter().all(|text| flat.contains(text)),
                "{reason} at {width} columns\n{shown}"
            );
        }
        assert!(
            stdout(80, &[reason.code()]).lines().count()
                >= stdout(120, &[reason.code()]).lines().count(),
            "{reason}"
        );
    }
}

#[test]
fn json_of_all_pages_says_which_a_scenario_can_produce() {
    let all = json(&["--format", "json"]);
    assert_eq!(all["schema"], "portmatrix/reasons/1");
    let reasons = all["reasons"].as_array().expect("a list");
    assert_eq!(reasons.len(), Reason::ALL.len());
    for page in reasons {
        let produced = &page["produced"];
        let why = produced["cannot"].as_str();
        assert!(produced == "scenario" || why.is_some_and(|why| why.len() > 20), "{page:#}");
    }
    let cannot = reasons.iter().filter(|page| page["produced"] != "scenario").count();
    assert!(cannot < 5, "{cannot} reasons that nothing tests");
}

#[test]
fn an_unknown_reason_ends_with_2_and_a_suggestion() {
    for (word, meant) in [
        ("timedout", "timed-out"),
        ("Refused", "refused"),
        ("tls_expired", "tls-expired"),
        ("dns-timeout", "dns-timed-out"),
    ] {
        let words = stderr(&[word]);
        assert!(
            words.contains(&format!("no reason is called \"{word}\""))
                && words.contains(&format!("did you mean `{meant}`?")),
            "{words}"
        );
    }
    let words = stderr(&["xyzzy"]);
    assert!(
        !words.contains("did you mean") && words.contains("`portmatrix explain` lists them all"),
        "{words}"
    );
    assert!(stderr(&["refused", "timed-out"]).contains("unexpected argument"));
    assert!(
        !stderr(&["\u{1b}[31mred"]).contains('\u{1b}'),
        "what the user typed is shown without its escapes"
    );
}

#[test]
fn docs_reasons_md_is_made_from_the_pages() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reasons.md");
    let made = stdout(100, &["--format", "markdown"]);
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        std::fs::write(&file, &made).expect("docs/ can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        there == made,
        "docs/reasons.md is not what the pages say: UPDATE_EXPECTED=1 cargo test --test \
            commands explain"
    );
    assert_eq!(stdout(100, &["refused", "--format", "markdown"]).lines().next(), Some("# refused"));
}

/// Troubles are followed by one line that leads here; a run without any is not.
#[test]
fn the_table_of_a_run_with_troubles_ends_with_the_way_to_the_page() {
    let hop = |host: &str, verdict: &str, reason: &str| {
        serde_json::json!({
            "hop": format!("m/f/ws/{host}:443"), "flow": "m/f", "source": "Table, row 1",
            "from": { "role": "client", "host": "ws" }, "to": { "role": "server", "host": host, "port": 443 },
            "protocol": "tcp", "expect": "allow", "required": true, "verdict": verdict, "reason": reason, "answered_by": "nobody",
            "ms": 1.0, "steps": [], "evidence": [],
        })
    };
    let folder = tempfile::tempdir().expect("a folder");
    let shown = |hops: Vec<serde_json::Value>| {
        let file = folder.path().join("result.json");
        let at = "2026-01-01T00:00:00Z";
        let from = serde_json::json!({ "host": "ws", "roles": [] });
        let result = serde_json::json!({
            "schema": "portmatrix/result/2", "version": "0", "site": "s", "from": from, "started": at, "finished": at, "hops": hops
        });
        std::fs::write(&file, result.to_string()).expect("the file is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_portmatrix"));
        let output = command
            .arg("report")
            .arg(&file)
            .env("COLUMNS", "80")
            .output()
            .expect("the program runs");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let hint = "`portmatrix explain REASON` says more.";
    let troubled = shown(vec![
        hop("one", "fail", "refused"),
        hop("two", "fail", "timed-out"),
        hop("three", "pass", "proved"),
    ]);
    assert_eq!(troubled.matches(hint).count(), 1, "{troubled}");
    let (before, after) = troubled.split_once(hint).expect("the hint");
    assert!(
        before.contains("FAIL m/f/ws/two:443") && after.trim_start().starts_with("3 hops"),
        "{troubled}"
    );
    assert_eq!(shown(vec![hop("three", "pass", "proved")]).matches("explain").count(), 0);
}
