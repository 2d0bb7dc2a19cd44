//! A capture of everything that passes a host, read by tshark.

use crate::support::netns::{Namespace, Process};
use std::process::Command;
use std::time::{Duration, Instant};

/// A capture under way.
pub struct Capture<'a> {
    at: &'a Namespace,
    process: Process,
    file: String,
}

/// What is sent last, so that everything before it is in the file once this is.
const LAST: &str = "nothing that is looked at comes after this";

impl<'a> Capture<'a> {
    /// Begins to capture. `None`, with a sentence on standard error, where tshark is missing; on a
    /// build server it must be there.
    ///
    /// # Panics
    /// When nothing is captured.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn start(at: &'a Namespace, file: &str) -> Option<Self> {
        let found = Command::new("sh")
            .args(["-c", "command -v tshark dumpcap"])
            .output()
            .is_ok_and(|o| o.status.success());
        if !found {
            assert!(std::env::var_os("CI").is_none(), "tshark must be installed where CI runs");
            eprintln!("left out: tshark is not installed, so no capture is looked at");
            return None;
        }
        let process = at.start("dumpcap", &["-q", "-i", "eth0", "-w", file]);
        let end = Instant::now() + Duration::from_secs(20);
        while std::fs::metadata(file).map_or(0, |m| m.len()) == 0 {
            assert!(Instant::now() < end, "the capture does not begin");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Capture { at, process, file: file.to_owned() })
    }

    /// Ends it. No frame may be malformed, and of each protocol something must have been seen: who
    /// looks at nothing finds nothing wrong.
    ///
    /// # Panics
    /// When one is, or nothing was seen.
    pub fn assert_well_formed(self, decode: &[&str], protocols: &[&str]) {
        // What was just sent is still on its way to the file, which holds it in order.
        let send = format!(
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'{LAST}', \
                ('192.0.2.1', 9))"
        );
        let sent = self.at.run("python3", &["-c", &send], Duration::from_secs(20));
        assert_eq!(sent.code, Some(0), "{sent}");
        let end = Instant::now() + Duration::from_secs(20);
        let is_last = |octets: &[u8]| octets == LAST.as_bytes();
        while !std::fs::read(&self.file).is_ok_and(|all| all.windows(LAST.len()).any(is_last)) {
            assert!(Instant::now() < end, "the capture does not come to its end");
            std::thread::sleep(Duration::from_millis(50));
        }
        let done = self.process.interrupt(Duration::from_secs(20));
        let read = |filter: &str| -> Vec<String> {
            let mut command = Command::new("tshark");
            command.args([
                "-n",
                "-r",
                &self.file,
                "-Y",
                filter,
                "-T",
                "fields",
                "-e",
                "frame.number",
                "-e",
                "_ws.col.Protocol",
            ]);
            command.args([
                "-e",
                "tcp.srcport",
                "-e",
                "tcp.dstport",
                "-e",
                "_ws.col.Info",
                "-e",
                "_ws.expert.message",
            ]);
            command.args(decode.iter().flat_map(|d| ["-d", d]));
            let output = command.output().expect("tshark runs");
            assert!(
                output.status.success(),
                "{filter}: {}\n{done}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        };
        for protocol in protocols {
            let seen = read(protocol).len();
            assert!(seen >= 2, "tshark saw {seen} frames of {protocol}");
        }
        let malformed =
            read("_ws.malformed || (_ws.expert.severity == \"Error\" && !tcp.analysis.flags)");
        assert!(malformed.is_empty(), "malformed frames:\n{}", malformed.join("\n"));
    }
}
