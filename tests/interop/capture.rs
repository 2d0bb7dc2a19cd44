//! A capture of everything that passes a host, read by tshark.

use crate::support::netns::{Namespace, Process};
use std::process::Command;
use std::time::{Duration, Instant};

/// A capture under way.
pub struct Capture {
    process: Process,
    file: String,
}

impl Capture {
    /// Begins to capture. `None`, with a sentence on standard error, where tshark is missing; on a
    /// build server it must be there.
    ///
    /// # Panics
    /// When nothing is captured.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn start(at: &Namespace, file: &str) -> Option<Self> {
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
        Some(Capture { process, file: file.to_owned() })
    }

    /// Ends it. No frame may be malformed, and of each protocol something must have been seen: who
    /// looks at nothing finds nothing wrong.
    ///
    /// # Panics
    /// When one is, or nothing was seen.
    pub fn assert_well_formed(self, decode: &[&str], protocols: &[&str]) {
        // What was just sent is still on its way to the file.
        std::thread::sleep(Duration::from_millis(1500));
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
