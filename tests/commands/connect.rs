//! `connect` and `report` as a user runs them: what cannot be tested, an end before the end, result
//! files from Windows.

use crate::support::program::Folder;
#[cfg(unix)]
use serde_json::Value;
#[cfg(unix)]
use std::net::TcpListener;

/// A workstation and a service on addresses of 127.93/16; `more` goes under `[roles]`.
fn site(more: &str) -> Folder {
    site_at("127.93.0", more)
}

/// The same in another network, for a test that listens itself: the others' programs would come to
/// it.
fn site_at(network: &str, more: &str) -> Folder {
    let head = "[site]\nname = \"t\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nfeatures \
        = [\"!entra-id\"]\nport-offset = 20000\n";
    let ranges = "[ranges]\nrpc-dynamic = \"30000-30009\"\n";
    Folder::new(&format!(
        "{head}{ranges}[roles]\nmigration-agent = [\"{network}.1\"]\npsp-service = \
            [\"{network}.2\"]\n{more}"
    ))
}

#[test]
fn a_host_with_nothing_but_untestable_flows_is_not_wrong_input() {
    let folder = site("target-dc = { discover = \"fabrikam.example\" }\n");
    let done = folder.run(&["connect", "--as", "psp-service"]);
    assert_eq!(done.code, Some(3), "{}{}", done.out, done.err);
    assert!(
        done.out.contains("NOT TESTED") && done.out.contains("list them as hosts"),
        "{}",
        done.out
    );
    let done = folder.run(&["connect", "--as", "psp-service", "--format", "markdown"]);
    assert!(
        done.out.contains("### Not tested") && done.out.contains("fabrikam.example"),
        "{}",
        done.out
    );
    let done = site("").run(&["connect", "--as", "psp-service"]);
    assert_eq!(done.code, Some(0), "nothing to test is no mistake: {done}");
    assert!(
        done.out.contains("nothing was tested") && done.out.contains("portmatrix listen"),
        "{done}"
    );
}

#[test]
fn a_wrong_proxy_is_told_and_its_password_is_not() {
    for (proxy, words) in [
        ("https://ann:s3cr3t@p:1", "not with https"),
        ("", "port of the proxy is missing"),
        ("http://w/x.pac", "auto-config"),
    ] {
        let done = site("").run(&["connect", "--as", "migration-agent", "--proxy", proxy]);
        let said = done.err.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(done.code, Some(2), "{done}");
        assert!(said.contains(words) && !said.contains("s3cr3t"), "{done}");
    }
    let twice = site("").run(&[
        "connect",
        "--as",
        "migration-agent",
        "--proxy",
        "http://ann:a@p:1",
        "--proxy",
        "http://bob:b@p:1",
    ]);
    assert!(twice.code == Some(2) && twice.err.contains("p:1 is named twice"), "{twice}");
    for line in [
        "proxy = \"socks5://ann:s3cr3t@p:1\"",
        "prxy = \"http://ann:s3cr3t@p:1\"",
        "proxy = \"http://ann:s3cr3t@p:1",
    ] {
        let folder = site("");
        let text = std::fs::read_to_string(folder.path("site.toml")).expect("a file");
        std::fs::write(
            folder.path("site.toml"),
            text.replace("[ranges]", &format!("{line}\n[ranges]")),
        )
        .expect("a file");
        let done = folder.run(&["plan"]);
        assert!(
            done.code == Some(2) && !done.err.contains("s3cr3t") && done.err.contains("****"),
            "{done}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = site("");
    let pipe = folder.path("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .is_ok_and(|status| status.success())
    );
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read_to_string(pipe))
    };
    let done =
        folder.run(&["connect", "--as", "migration-agent", "--out", &pipe.display().to_string()]);
    let read = reader.join().expect("a reader").expect("a text");
    assert!(read.contains("portmatrix/result/2"), "{done}");
    assert!(std::fs::metadata(&pipe).is_ok_and(|there| there.file_type().is_fifo()));
}

/// Anybody may have put it where the file was to be.
#[test]
#[cfg(unix)]
fn a_pipe_from_which_nobody_reads_is_not_waited_for() {
    let folder = site("");
    let pipe = folder.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let done =
        folder.run(&["connect", "--as", "migration-agent", "--out", &pipe.display().to_string()]);
    assert_eq!(done.code, Some(2), "{done}");
    assert!(done.err.contains("nobody reads from this pipe"), "{done}");
}

#[test]
fn a_result_that_powershell_wrote_is_read() {
    let folder = site("");
    let done = folder.run(&["connect", "--as", "migration-agent", "--format", "json"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    let utf16: Vec<u8> = format!("\u{feff}{}", done.out.replace('\n', "\r\n"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.path("ws.json"), utf16).expect("written");
    let report = folder.run(&["report", "ws.json", "--format", "markdown"]);
    assert_eq!(report.code, Some(1), "{}", report.err);
    assert!(report.out.contains("### fail: 127.93.0.1 → 127.93.0.2:25000, http"), "{}", report.out);
    assert!(
        report.out.contains("- evidence: `TCP 127.93.0.1:") && report.out.contains("- do: "),
        "{}",
        report.out
    );
}

#[test]
fn a_network_where_a_host_is_needed_is_noted() {
    let folder = site("target-dc = [\"127.94.0.0/16\"]\n");
    let done = folder.run(&["plan"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("nothing is tested towards the role")
            && done.err.contains("127.94.0.0/16"),
        "{}",
        done.err
    );
}

/// A service manager or a batch system ends programs so; what is known by then must not be lost.
#[cfg(unix)]
#[test]
fn an_order_to_end_leaves_a_whole_result() {
    let folder = site_at("127.93.1", "");
    let silent =
        TcpListener::bind("127.93.1.2:25000").expect("a port that accepts and says nothing");
    let mut child = folder
        .command(&["connect", "--as", "migration-agent", "--timeout", "60s", "--out", "ws.json"])
        .spawn()
        .expect("the program starts");
    let _accepted = silent.accept().expect("the probe has come");
    let ordered = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(ordered.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let result: Value =
        serde_json::from_slice(&std::fs::read(folder.path("ws.json")).expect("a file"))
            .expect("JSON");
    assert_eq!(result["hops"][0]["verdict"], "skipped");
}

/// What lacks a package of Python's is left out with a sentence, and not where CI runs.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn missing(package: &str) {
    assert!(std::env::var_os("CI").is_none(), "no Python with {package} is there");
    eprintln!("left out: no Python with {package} is there");
}

/// Ten lines that take nothing of ours but the key file and the result.
const VERIFY: &str = r#"
import hashlib, hmac, json, sys
import rfc8785
secret = bytes.fromhex(open(sys.argv[1]).read().strip())
document = json.load(open(sys.argv[2]))
seal = document.pop("seal")
key = hmac.new(secret, b"portmatrix/1 seal", hashlib.sha256).digest()
value = hmac.new(key, rfc8785.dumps(document), hashlib.sha256).hexdigest()
assert seal["alg"] == "HMAC-SHA256" and hmac.compare_digest(value, seal["value"]), value
print("whole")
"#;

#[test]
fn a_result_is_sealed_and_a_change_of_it_is_refused() {
    let folder = site("");
    let at = |name: &str| folder.path(name);
    assert_eq!(folder.run(&["key", "new", "site.key"]).code, Some(0));
    assert_eq!(folder.run(&["key", "new", "other.key"]).code, Some(0));
    let connect = ["connect", "--as", "psp-service", "--key", "site.key", "--out", "r.json"];
    let done = folder.run(&connect);
    assert_eq!(done.code, Some(0), "{done}");
    let report = |file: &str, more: &[&str]| {
        folder.run(&[&["report", file, "--format", "json"][..], more].concat())
    };
    let strict = ["--key", "site.key", "--require-seal"];
    let done = report("r.json", &strict);
    assert!(done.code == Some(0) && done.err.is_empty(), "{done}");

    let text = std::fs::read_to_string(at("r.json")).expect("it was written");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    std::fs::write(at("changed.json"), text.replace("\"site\": \"t\"", "\"site\": \"u\""))
        .expect("written");
    for more in [&strict[..], &strict[..2]] {
        let done = report("changed.json", more);
        assert!(done.code == Some(2) && done.err.contains("changed.json"), "{done}");
    }
    let done = folder.run(&["diff", "r.json", "changed.json", "--key", "site.key"]);
    assert!(done.code == Some(2) && done.err.contains("seal"), "{done}");

    let mut without = document.clone();
    without.as_object_mut().expect("an object").shift_remove("seal").expect("it was sealed");
    std::fs::write(at("without.json"), without.to_string()).expect("written");
    assert_eq!(report("without.json", &strict).code, Some(2));
    for more in [&strict[..2], &[]] {
        let done = report("without.json", more);
        assert!(done.code == Some(0) && done.err.contains("carries no seal"), "{done}");
    }
    let done = report("r.json", &["--key", "other.key"]);
    assert!(done.code == Some(0) && done.err.contains("another key"), "{done}");
    assert_eq!(report("r.json", &["--key", "other.key", "--require-seal"]).code, Some(2));
    assert_eq!(report("r.json", &["--require-seal"]).code, Some(2), "it takes a key");

    // By somebody else's canonical form.
    let python = std::env::var("PORTMATRIX_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = std::process::Command::new(&python).args(["-c", "import rfc8785"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        return missing("rfc8785");
    }
    for (file, whole) in [("r.json", true), ("changed.json", false)] {
        let mut verify = std::process::Command::new(&python);
        let done = verify.args(["-c", VERIFY]).args([at("site.key"), at(file)]).output();
        let done = done.expect("it was there before");
        assert_eq!(done.status.success(), whole, "{file}: {done:?}");
    }
}

/// Counts by a reader of JUnit XML that is not ours.
const COUNT: &str = r#"
import sys
from junitparser import JUnitXml
report = JUnitXml.fromstring(sys.stdin.read())
print(report.tests, report.failures, report.errors, report.skipped)
"#;

#[test]
fn a_build_server_sees_what_is_unknown() {
    let hop = |verdict: &str, required: bool| {
        serde_json::json!({ "hop": format!("m/f/a/b:{verdict}{required}"), "flow": "m/f",
            "source": "row 1", "from": { "role": "a", "host": "a" },
            "to": { "role": "b", "host": "b", "port": 1 }, "protocol": "http", "expect": "allow",
            "required": required, "verdict": verdict, "reason": "timed-out",
            "answered_by": "nobody", "ms": 1.0, "steps": [], "evidence": [] })
    };
    let hops =
        [hop("pass", true), hop("fail", true), hop("inconclusive", false), hop("skipped", true)];
    let file = serde_json::json!({ "schema": "portmatrix/result/2", "version": "0", "site": "s",
        "from": { "host": "a", "roles": [] }, "hops": hops,
        "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z" });
    let folder = site("");
    std::fs::write(folder.path("r.json"), file.to_string()).expect("written");
    let done = folder.run(&["report", "r.json", "--format", "junit"]);
    assert_eq!(done.code, Some(1), "{done}");
    let python = std::env::var("PORTMATRIX_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = std::process::Command::new(&python).args(["-c", "import junitparser"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        return missing("junitparser");
    }
    std::fs::write(folder.path("r.xml"), &done.out).expect("written");
    let xml = std::fs::File::open(folder.path("r.xml")).expect("it is there");
    let count = std::process::Command::new(&python).args(["-c", COUNT]).stdin(xml).output();
    let count = count.expect("it was there before");
    assert_eq!(String::from_utf8_lossy(&count.stdout).trim(), "4 1 2 0", "{count:?}");
}
