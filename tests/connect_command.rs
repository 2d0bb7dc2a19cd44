//! `connect` and `report` as a user runs them: what cannot be tested, an end before the end, result
//! files from Windows.

mod support {
    #[allow(dead_code)]
    pub mod program;
}

#[cfg(unix)]
use serde_json::Value;
#[cfg(unix)]
use std::net::TcpListener;
use support::program::Folder;

/// A workstation and a service on addresses of 127.93/16; `more` goes under `[roles]`.
fn site(more: &str) -> Folder {
    let head = "[site]\nname = \"t\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nfeatures \
        = [\"!entra-id\"]\nport-offset = 20000\n";
    let ranges = "[ranges]\nrpc-dynamic = \"30000-30009\"\n";
    Folder::new(&format!(
        "{head}{ranges}[roles]\nmigration-agent = [\"127.93.0.1\"]\npsp-service = \
            [\"127.93.0.2\"]\n{more}"
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
    assert!(read.contains("portmatrix/result/1"), "{done}");
    assert!(std::fs::metadata(&pipe).is_ok_and(|there| there.file_type().is_fifo()));
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
    let folder = site("");
    let silent =
        TcpListener::bind("127.93.0.2:25000").expect("a port that accepts and says nothing");
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
