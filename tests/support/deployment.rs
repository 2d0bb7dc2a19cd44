//! One small deployment in namespaces: a workstation, the server of the service, and a domain
//! controller, with the built program on each.

use super::netns::{self, Done, Namespace, Net, Process};
use super::wine::Wine;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// The built program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");

/// Nothing in these tests takes longer than this on a slow machine.
pub const LIMIT: Duration = Duration::from_secs(90);

/// Ports of the service's stand-ins with each topology, and of the domain controller's.
pub const PSP_DIRECT: &[u16] = &[5000, 5001];
pub const PSP_BEHIND_PROXY: &[u16] = &[443, 5001];
pub const DC: &[u16] = &[135, 389, 636, 7001, 7002, 7003, 7389];

/// Port tables of the tests' own: plain TCP and plain TLS, which the product's tables do not have.
const RAW_PORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/raw-ports");

/// Namespaces, site file and keys.
pub struct Deployment {
    // Wine's servers are ended before the namespaces go.
    windows: BTreeMap<&'static str, Wine>,
    pub net: Net,
    folder: TempDir,
}

/// What a connector said.
pub struct Seen {
    pub done: Done,
    pub json: Value,
}

impl Deployment {
    /// `None`, with a sentence on standard error, where namespaces cannot be made.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn new(topology: &str) -> Option<Self> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        let deployment = Deployment {
            windows: BTreeMap::new(),
            net: Net::new(&["ws", "psp", "dc"]),
            folder: TempDir::new().expect("a temporary folder can be made"),
        };
        deployment.write_site(topology, |host| format!("\"{}\"", host.v4()));
        for key in ["site.key", "other.key"] {
            let made = deployment.net.host("ws").run(
                PROGRAM,
                &["key", "new", &deployment.path(key)],
                LIMIT,
            );
            assert_eq!(made.code, Some(0), "{made}");
        }
        Some(deployment)
    }

    /// The same with Windows on these hosts.
    pub fn with_windows(topology: &str, hosts: &[&'static str]) -> Option<Self> {
        let mut deployment = Deployment::new(topology)?;
        for host in hosts {
            let wine = Wine::on(deployment.net.host(host));
            deployment.windows.insert(host, wine);
        }
        Some(deployment)
    }

    /// What Wine keeps for a host.
    pub fn wine(&self, host: &str) -> &Wine {
        &self.windows[host]
    }

    /// The program as it runs on a host.
    fn program(&self, host: &str, args: Vec<String>) -> (String, Vec<String>) {
        match self.windows.get(host) {
            Some(wine) => wine.command(&args),
            None => (PROGRAM.to_owned(), args),
        }
    }

    /// The site file; `addresses` gives the inside of a host's list. Every name is fixed in the
    /// file, because nobody answers DNS here.
    pub fn write_site(&self, topology: &str, addresses: impl Fn(&Namespace) -> String) {
        let host = |name: &str| {
            format!(
                "[{{ name = \"{name}.contoso.test\", addresses = [{}] }}]",
                addresses(self.net.host(name))
            )
        };
        let (ws, psp, dc) = (host("ws"), host("psp"), host("dc"));
        // On one server with the service, as the prerequisites describe IIS.
        let proxy = if topology == "reverse-proxy" {
            format!("reverse-proxy = {psp}\n")
        } else {
            String::new()
        };
        let site = format!(
            "[site]\nname = \"contoso\"\nproduct = \"powersyncpro\"\ntopology = \"{topology}\"\n\
             features = [\"ldaps\", \"sid-history\", \"!entra-id\"]\nmatrices = \
             [\"{RAW_PORTS}\"]\n\n\
             [ranges]\nrpc-dynamic = \"50000-50019\"\n\n\
             [roles]\nmigration-agent = {ws}\npsp-service = {psp}\n{proxy}target-dc = \
             {dc}\ntarget-pdc = {dc}\n\
             password-agent = {dc}\n"
        );
        std::fs::write(self.path("site.toml"), site).expect("the site file can be written");
    }

    /// A file of this deployment.
    pub fn path(&self, file: &str) -> String {
        let path: PathBuf = self.folder.path().join(file);
        path.to_str().expect("the path is UTF-8").to_owned()
    }

    /// Replaces the dynamic range.
    pub fn ranges(&self, range: &str) {
        let site = std::fs::read_to_string(self.path("site.toml")).expect("written before");
        std::fs::write(self.path("site.toml"), site.replace("50000-50019", range))
            .expect("the site file can be written");
    }

    /// Starts a listener and waits for its ports.
    pub fn listen(&self, host: &str, key: Option<&str>, ports: &[u16]) -> Process {
        self.listen_with(host, key, ports, &[])
    }

    /// The same with more arguments.
    pub fn listen_with(
        &self,
        host: &str,
        key: Option<&str>,
        ports: &[u16],
        more: &[&str],
    ) -> Process {
        let out = self.path(&format!("{host}-listener.json"));
        let mut args = self.common("listen", host, key);
        args.extend(["--for", "120s", "--out", &out].map(str::to_owned));
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let namespace = self.net.host(host);
        let (program, args) = self.program(host, args);
        let mut listener = namespace.start(&program, &args);
        listener.wait_listening(namespace, ports, Duration::from_secs(20));
        listener
    }

    /// Runs a connector to its end. Whatever it found, the exit code must say the same as the
    /// verdicts.
    pub fn connect(&self, host: &str, key: Option<&str>, more: &[&str]) -> Seen {
        let mut args = self.common("connect", host, key);
        args.extend(
            ["--format", "json"].into_iter().chain(more.iter().copied()).map(str::to_owned),
        );
        let (program, args) = self.program(host, args);
        let done = self.net.host(host).run(&program, &args, LIMIT);
        let json: Value = serde_json::from_str(&done.out)
            .unwrap_or_else(|e| panic!("not one JSON document: {e}\n{done}"));
        assert_eq!(json["schema"], "portmatrix/result/2", "{done}");
        let seen = Seen { done, json };
        let verdicts: Vec<&str> = seen.hops().iter().map(|h| text(h, "/verdict")).collect();
        let code = match () {
            () if verdicts.contains(&"fail") => 1,
            () if verdicts.iter().any(|v| ["inconclusive", "skipped"].contains(v)) => 3,
            () => 0,
        };
        assert_eq!(
            seen.done.code,
            Some(code),
            "exit code and verdicts {verdicts:?}\n{}",
            seen.done
        );
        seen
    }

    fn common(&self, command: &str, host: &str, key: Option<&str>) -> Vec<String> {
        let mut args: Vec<String> =
            [command, "--site", &self.path("site.toml"), "--as", &format!("{host}.contoso.test")]
                .map(str::to_owned)
                .to_vec();
        if let Some(key) = key {
            args.extend(["--key".to_owned(), self.path(key)]);
        }
        args
    }
}

/// A text of a result by its JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is a text in {value:#}"))
}

impl Seen {
    /// All hops.
    pub fn hops(&self) -> &[Value] {
        self.json["hops"].as_array().unwrap_or_else(|| panic!("there are hops\n{}", self.done))
    }

    /// Hops to one host and port.
    pub fn to(&self, host: &str, port: u16) -> Vec<&Value> {
        let name = format!("{host}.contoso.test");
        let found: Vec<&Value> = self
            .hops()
            .iter()
            .filter(|h| h["to"]["host"] == *name && h["to"]["port"] == port)
            .collect();
        assert!(!found.is_empty(), "no hop to {name}:{port}\n{}", self.done);
        found
    }

    /// Hops to one host and port whose way should be open.
    pub fn allow_to(&self, host: &str, port: u16) -> Vec<&Value> {
        let found: Vec<&Value> =
            self.to(host, port).into_iter().filter(|h| h["expect"] == "allow").collect();
        assert!(!found.is_empty(), "no allow hop to {host}:{port}\n{}", self.done);
        found
    }

    /// Asserts verdict, reason and who answered for the allow hops to one host and port.
    pub fn assert(&self, host: &str, port: u16, verdict: &str, reason: &str, answered_by: &str) {
        for hop in self.allow_to(host, port) {
            let found = (text(hop, "/verdict"), text(hop, "/reason"), text(hop, "/answered_by"));
            assert_eq!(
                found,
                (verdict, reason, answered_by),
                "{host}:{port}\n{hop:#}\n{}",
                self.done.err
            );
        }
    }

    /// Asserts that the allow hops to these ports were proved by the listener.
    pub fn assert_proved(&self, host: &str, ports: &[u16]) {
        for port in ports {
            self.assert(host, *port, "pass", "proved", "stand-in");
        }
    }

    /// Asserts that a rung was climbed on the allow hops to one port.
    pub fn assert_step(&self, host: &str, port: u16, step: &str) {
        for hop in self.allow_to(host, port) {
            let climbed = hop["steps"]
                .as_array()
                .is_some_and(|all| all.iter().any(|s| s["step"] == step && s["ok"] == true));
            assert!(climbed, "{step} was not climbed: {hop:#}");
        }
    }
}
