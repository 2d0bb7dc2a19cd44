//! One scenario: builds the bed, breaks it, runs the connector at both rates, and compares.

use crate::certificates::Authorities;
use crate::judge::{self, Difference};
use crate::net::{self, Bed};
use crate::scenario::{At, Family, Key, Listen, Scenario, Way};
use crate::support::netns::Process;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");

/// The bed's port tables.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/bed");

/// A shifted clock for one program (Debian package `faketime`).
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// No run of the connector takes longer on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Ten times the default of `connect --rate`.
const FAST: u32 = 10 * portmatrix::run::RATE;

/// Named ports of the bed that a listener on `srv` opens, and the one of `other`.
const PORTS: &[(&str, u16)] = &[
    ("tcp", 7001),
    ("tcp-mute", 7002),
    ("tls", 7003),
    ("http", 7080),
    ("http-other", 7081),
    ("https", 7443),
    ("h2c", 7050),
    ("grpc", 7051),
    ("ldap", 7389),
    ("starttls", 7390),
    ("ldaps", 7636),
    ("rpc", 7135),
    ("deny", 7999),
    ("optional", 7100),
    ("directory", 7391),
    ("redis", 7201),
    ("postgres", 7202),
    ("ssh", 7203),
    ("redis-tls", 7204),
    ("mysql", 7205),
    ("kerberos", 7088),
];
const OTHER_PORT: u16 = 7005;

/// What came of one scenario in one family on one kind of way.
pub struct Row {
    pub scenario: Scenario,
    pub way: Way,
    pub family: Family,
    pub expected: String,
    /// At the ordinary and at ten times the rate.
    pub reported: [String; 2],
    pub differences: Vec<Difference>,
    pub seconds: f64,
}

/// What every scenario shares.
pub struct Shared {
    pub folder: TempDir,
    pub authorities: Authorities,
    ca: PathBuf,
}

impl Shared {
    /// Makes keys and authorities.
    ///
    /// # Errors
    /// When the program cannot make a key.
    pub fn new() -> Result<Shared, String> {
        let folder = TempDir::new().map_err(|e| e.to_string())?;
        for key in ["site.key", "other.key"] {
            let made = std::process::Command::new(PROGRAM)
                .args(["key", "new"])
                .arg(folder.path().join(key))
                .output();
            let made = made.map_err(|e| format!("{PROGRAM}: {e}"))?;
            if !made.status.success() {
                return Err(String::from_utf8_lossy(&made.stderr).into_owned());
            }
        }
        let authorities = Authorities::new();
        let ca = authorities.write_root(folder.path());
        Ok(Shared { folder, authorities, ca })
    }

    fn key(&self, key: Key) -> Option<PathBuf> {
        match key {
            Key::Site => Some(self.folder.path().join("site.key")),
            Key::Other => Some(self.folder.path().join("other.key")),
            Key::None => None,
        }
    }
}

/// Whether a scenario can be run here at all.
///
/// # Errors
/// What is missing.
pub fn possible(scenario: &Scenario) -> Result<(), String> {
    if scenario.connect.clock.is_some() && !Path::new(FAKETIME).exists() {
        return Err("a shifted clock needs the Debian package faketime".to_owned());
    }
    Ok(())
}

/// Runs a scenario over one kind of way: one row for each of its families.
///
/// # Panics
/// When the bed cannot be built.
pub fn run(scenario: &Scenario, way: Way, shared: &Shared) -> Vec<Row> {
    let begun = std::time::Instant::now();
    let folder = TempDir::new_in(shared.folder.path()).expect("a folder can be made");
    let bed = Bed::new(way);
    bed.add_addresses(scenario.more_addresses);
    let standing = Standing { scenario, bed: &bed, shared, folder: folder.path() };
    let programs: Vec<_> = scenario
        .program
        .iter()
        .filter(|p| !p.each_run())
        .map(|p| {
            p.start(bed.node(p.at).name(), &shared.authorities)
                .unwrap_or_else(|e| panic!("{p:?}: {e}"))
        })
        .collect();
    let both = [Listen::default(), Listen { at: At::Other, ..Listen::default() }];
    let default = if scenario.flows().contains("other") { &both[..] } else { &both[..1] };
    let whole = scenario.listen.as_deref().unwrap_or(default).iter().filter(|l| !l.is_passing());
    let listeners: Vec<Process> = whole.map(|l| standing.listen(l)).collect();
    standing.workstation();
    for rules in &scenario.nft {
        bed.rules(rules.at, &rules.rules);
    }
    for script in scenario.sh.iter().filter(|s| s.after.is_none()) {
        bed.node(script.at).must_sh(&script.script);
    }
    if scenario.connect.warm_up {
        let _ = standing.connect(None);
    }
    let seen = [standing.connect(None), standing.connect(Some(FAST))];
    drop(listeners);
    drop(programs);
    bed.end_left_over();
    let seconds = begun.elapsed().as_secs_f64();
    let mut rows: Vec<Row> = scenario
        .families
        .iter()
        .map(|family| {
            let expected = scenario.expected(*family);
            let judged = seen.each_ref().map(|s| judge::family(s, *family, &expected));
            let mut differences = Vec::new();
            for (judged, rate) in judged.iter().zip(["ordinary rate", "ten times the rate"]) {
                differences.extend(judged.differences.iter().map(|d| d.at(rate)));
            }
            Row {
                scenario: scenario.clone(),
                way,
                family: *family,
                expected: expected.first().map(|e| e.words()).unwrap_or_default(),
                reported: judged.map(|j| j.reported),
                differences,
                seconds,
            }
        })
        .collect();
    // A hop that nobody expected is a difference too, and so is a verdict that its own notes deny.
    if let Some(row) = rows.first_mut() {
        for seen in &seen {
            row.differences.extend(judge::unexpected(seen, &scenario.families));
            row.differences.extend(judge::contradictions(seen));
        }
    }
    rows
}

/// One bed with everything in it.
struct Standing<'a> {
    scenario: &'a Scenario,
    bed: &'a Bed,
    shared: &'a Shared,
    folder: &'a Path,
}

impl Standing<'_> {
    /// Writes a site file. `ports` are lines of its table of ports; `by_name` leaves the server's
    /// addresses to DNS.
    fn site(&self, file: &str, ports: &str, by_name: bool) -> PathBuf {
        let families = if self.scenario.families.contains(&Family::None) {
            &[Family::V4, Family::V6][..]
        } else {
            &self.scenario.families
        };
        let list = |addresses: Vec<String>| {
            addresses.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", ")
        };
        let host = |at: At| {
            let own = families.iter().map(|f| net::of(at, *f).to_string()).collect();
            let others = &self.scenario.connect.from_addresses;
            let addresses =
                list(if at == At::Ws && !others.is_empty() { others.clone() } else { own });
            format!("{{ name = \"{}.bed.test\", addresses = [{addresses}] }}", at.word())
        };
        let own = families.iter().map(|f| net::of(At::Srv, *f));
        let more = families
            .iter()
            .flat_map(|f| (0..self.scenario.more_addresses).map(|n| net::more(*f, n)));
        let server = match by_name {
            true => "\"srv.bed.test\"".to_owned(),
            false if file == "ws.toml" && !self.scenario.connect.to_addresses.is_empty() => {
                format!(
                    "{{ name = \"srv.bed.test\", addresses = [{}] }}",
                    list(self.scenario.connect.to_addresses.clone())
                )
            }
            false => format!(
                "{{ name = \"srv.bed.test\", addresses = [{}] }}",
                list(own.chain(more).map(|a| a.to_string()).collect())
            ),
        };
        let text = format!(
            "[site]\nname = \"bed\"\nproduct = \"bed\"\nmatrices = \
                [\"{TABLES}\"]\n\n[ports]\n{ports}\n\n[ranges]\n{}\n\n[roles]\nclient = {}\n\
             server = {server}\ncontroller = {server}\npdc = {server}\nother = {}\nfront = \
             {}\n\n[certificates]\n{}\n\n[controls]\n{}\n",
            self.scenario.ranges,
            host(At::Ws),
            host(At::Other),
            host(At::Other),
            self.scenario.connect.certificates,
            self.scenario.connect.controls
        );
        let path = self.folder.join(file);
        std::fs::write(&path, text).expect("a site file can be written");
        path
    }

    /// The words of a listener's command.
    fn listener(&self, listen: &Listen) -> Vec<String> {
        // A port that a listener is to leave alone is another one in its own site file.
        let ports: String = listen
            .without
            .iter()
            .zip(20_001..)
            .map(|(name, port)| format!("{name} = {port}\n"))
            .collect();
        let site = self.site(&format!("{}.toml", listen.at.word()), &ports, false);
        let mut args = vec!["listen".to_owned(), "--site".into(), shown(&site), "--as".into()];
        args.push(listen.who.clone().unwrap_or_else(|| format!("{}.bed.test", listen.at.word())));
        args.extend(["--for".into(), "300s".into()]);
        args.extend(
            self.shared
                .key(listen.key)
                .into_iter()
                .flat_map(|key| ["--key".to_owned(), shown(&key)]),
        );
        if let Some(kind) = &listen.cert {
            let pem = self.folder.join("cert.pem");
            std::fs::write(&pem, self.shared.authorities.make(kind).pem)
                .expect("a certificate can be written");
            args.extend(["--cert".into(), shown(&pem), "--cert-key".into(), shown(&pem)]);
        }
        args.extend(listen.args.iter().cloned());
        args
    }

    fn listen(&self, listen: &Listen) -> Process {
        let node = self.bed.node(listen.at);
        let mut process = node.start(PROGRAM, &self.listener(listen));
        let there = PORTS
            .iter()
            .filter(|(name, _)| !listen.without.iter().any(|w| w == name))
            .map(|(_, port)| *port);
        let ports: Vec<u16> = if listen.at == At::Other && listen.who.is_none() {
            vec![OTHER_PORT]
        } else {
            there.collect()
        };
        process.wait_listening(node, &ports, Duration::from_secs(30));
        process
    }

    /// The listener of a host as a function of a script.
    fn command_of_listener(&self, at: At) -> String {
        let default = Listen { at, ..Listen::default() };
        let listen = self
            .scenario
            .listen
            .as_deref()
            .unwrap_or_default()
            .iter()
            .find(|l| l.at == at)
            .unwrap_or(&default);
        let words: Vec<String> =
            self.listener(listen).iter().map(|word| format!("'{word}'")).collect();
        format!("listener() {{ exec '{PROGRAM}' {}; }}\n", words.join(" "))
    }

    /// Names, as the workstation looks them up.
    fn workstation(&self) {
        let node = self.bed.node(At::Ws);
        if let Some(program) = self.scenario.program.iter().find(|p| p.is_dns()) {
            let server = net::of(program.at, Family::V4);
            node.resolver(&format!("nameserver {server}\noptions timeout:1 attempts:1\n"));
        }
        if let Some(resolver) = &self.scenario.connect.resolver {
            node.resolver(resolver);
        }
        if let Some(hosts) = &self.scenario.connect.hosts {
            node.hosts(hosts);
        }
    }

    /// Runs the connector to its end, and gives the JSON that it printed.
    ///
    /// # Errors
    /// What it said instead.
    fn connect(&self, rate: Option<u32>) -> Result<Value, String> {
        let connect = &self.scenario.connect;
        let site = self.site("ws.toml", &connect.ports, connect.by_name);
        let mut args: Vec<String> = Vec::new();
        if let Some(seconds) = connect.clock {
            args.extend([
                "env".into(),
                format!("LD_PRELOAD={FAKETIME}"),
                format!("FAKETIME={seconds:+}"),
                "DONT_FAKE_MONOTONIC=1".into(),
            ]);
        }
        if let Some(most) = connect.nofile {
            args.extend(["prlimit".into(), format!("--nofile={most}:{most}")]);
        }
        args.extend([
            PROGRAM.to_owned(),
            "connect".into(),
            "--site".into(),
            shown(&site),
            "--as".into(),
            "ws.bed.test".into(),
        ]);
        args.extend(["--format".into(), "json".into(), "--ca".into(), shown(&self.shared.ca)]);
        args.extend([
            "--connect-timeout".into(),
            connect.connect_timeout.clone().unwrap_or_else(|| "2s".into()),
        ]);
        args.extend(["--timeout".into(), connect.timeout.clone().unwrap_or_else(|| "2s".into())]);
        args.extend(
            self.shared
                .key(connect.key)
                .into_iter()
                .flat_map(|key| ["--key".to_owned(), shown(&key)]),
        );
        args.extend(
            self.scenario
                .flows()
                .iter()
                .flat_map(|flow| ["--flow".to_owned(), format!("hop/{flow}")]),
        );
        let own_rate = connect.args.iter().any(|a| a == "--rate");
        args.extend(
            rate.filter(|_| !own_rate)
                .into_iter()
                .flat_map(|rate| ["--rate".to_owned(), rate.to_string()]),
        );
        args.extend(connect.args.iter().cloned());
        let node = self.bed.node(At::Ws);
        let each_run: Vec<_> = self.scenario.program.iter().filter(|p| p.each_run()).collect();
        let _programs: Vec<_> = each_run
            .iter()
            .map(|p| {
                p.start(self.bed.node(p.at).name(), &self.shared.authorities)
                    .unwrap_or_else(|e| panic!("{p:?}: {e}"))
            })
            .collect();
        let passing: Vec<&Listen> =
            self.scenario.listen.iter().flatten().filter(|l| l.is_passing()).collect();
        let mut there: Vec<Option<Process>> =
            passing.iter().map(|l| l.begins.is_none().then(|| self.listen(l))).collect();
        let timed = there.iter().any(|t| t.is_none())
            || passing.iter().any(|l| l.ends.is_some())
            || self.scenario.sh.iter().any(|s| s.after.is_some());
        if timed {
            self.bed.count_packets();
        }
        let process = node.start(&args[0], &args[1..]);
        if timed {
            self.bed.wait_for_a_packet(Duration::from_secs(10));
        }
        for (listen, there) in passing.iter().zip(&mut there) {
            if let Some(begins) = listen.begins {
                std::thread::sleep(Duration::from_secs_f64(begins));
                *there = Some(self.listen(listen));
            }
            if let Some(ends) = listen.ends {
                std::thread::sleep(Duration::from_secs_f64(ends));
                *there = None;
            }
        }
        let later: Vec<_> = self.scenario.sh.iter().filter(|s| s.after.is_some()).collect();
        for script in &later {
            std::thread::sleep(Duration::from_secs_f64(script.after.unwrap_or_default()));
            self.bed.node(script.at).must_sh(&format!(
                "{}{}",
                self.command_of_listener(script.at),
                script.script
            ));
        }
        let done = process.finish(LIMIT);
        for script in later {
            self.bed.node(script.at).must_sh(script.undo.as_deref().unwrap_or("true"));
        }
        serde_json::from_str(&done.out)
            .map_err(|_| format!("exit code {:?}: {}", done.code, done.err.trim()))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
