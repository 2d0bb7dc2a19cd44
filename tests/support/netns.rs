//! A small network of namespaces: hosts, each on a network of its own, behind one router. Needs
//! root, `ip` and `nft`; touches nothing outside the namespaces that it makes, and removes them
//! when it is dropped, also while a test panics.

use std::io::{Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whether namespaces can be made here.
///
/// # Errors
/// What is missing, in words.
pub fn possible() -> Result<(), String> {
    let probe = format!("{}probe{}", prefix(), COUNTER.fetch_add(1, Ordering::Relaxed));
    ip(&["netns", "add", &probe]).and_then(|()| ip(&["netns", "del", &probe])).and_then(|()| {
        let found =
            Command::new("nft").arg("--version").output().map_err(|e| format!("nft: {e}"))?;
        if found.status.success() { Ok(()) } else { Err("nft --version fails".into()) }
    })
}

/// The same; in CI (`CI` is set) it is an error that they cannot, elsewhere the caller says so and
/// goes on.
///
/// # Errors
/// What is missing, in words.
pub fn available() -> Result<(), String> {
    let outcome = possible();
    assert!(
        outcome.is_ok() || std::env::var_os("CI").is_none(),
        "CI is set, so network namespaces must work here, but: {}",
        outcome.expect_err("it is an error")
    );
    outcome
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A number that no other network of this process has: the first part of its namespaces' names.
pub fn next_id() -> u32 {
    remove_left_over();
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// How all namespaces of this process begin.
fn prefix() -> String {
    format!("pm{}-", std::process::id())
}

fn ip(args: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("ip: {e}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn must(args: &[&str]) {
    ip(args).expect("the network is built");
}

/// Hosts behind a router.
pub struct Net {
    router: Namespace,
    hosts: Vec<Namespace>,
}

impl Net {
    /// One network per host, `10.77.N.0/24` and `fd77:N::/64` with N from 1: the host is `.2`, the
    /// router `.1`.
    pub fn new(hosts: &[&str]) -> Self {
        let id = next_id();
        let router = Namespace::new(id, "router", 0);
        router.must_sh(
            "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > \
            /proc/sys/net/ipv6/conf/all/forwarding",
        );
        let mut net = Net { router, hosts: Vec::new() };
        for (name, number) in hosts.iter().zip(1_u8..) {
            // Pushed first, so that it is removed if a later line panics.
            net.hosts.push(Namespace::new(id, name, number));
            net.wire(&net.hosts[usize::from(number) - 1]);
        }
        net.hosts.iter().chain([&net.router]).for_each(Namespace::wait_for_links);
        net
    }

    /// Joins a host to the router: both ends are made inside their namespaces, so that no name ever
    /// shows outside.
    fn wire(&self, host: &Namespace) {
        let (router, n) = (&self.router.name, host.number);
        must(&[
            "link",
            "add",
            "eth0",
            "netns",
            &host.name,
            "type",
            "veth",
            "peer",
            "name",
            &format!("eth{n}"),
            "netns",
            router,
        ]);
        for (namespace, device, last) in
            [(&host.name, "eth0".to_owned(), 2), (router, format!("eth{n}"), 1)]
        {
            must(&[
                "-n",
                namespace,
                "addr",
                "add",
                &format!("10.77.{n}.{last}/24"),
                "dev",
                &device,
            ]);
            must(&[
                "-n",
                namespace,
                "addr",
                "add",
                &format!("fd77:{n}::{last}/64"),
                "dev",
                &device,
                "nodad",
            ]);
            must(&["-n", namespace, "link", "set", &device, "up"]);
        }
        must(&["-n", &host.name, "route", "add", "default", "via", &format!("10.77.{n}.1")]);
        must(&["-n", &host.name, "-6", "route", "add", "default", "via", &format!("fd77:{n}::1")]);
    }

    /// Whether a namespace of this name is one of these.
    pub fn owns(&self, name: &str) -> bool {
        self.router.name == name || self.hosts.iter().any(|h| h.name == name)
    }

    /// A host by the name it was made with.
    pub fn host(&self, name: &str) -> &Namespace {
        self.hosts
            .iter()
            .find(|h| h.label == name)
            .unwrap_or_else(|| panic!("no host is called {name}"))
    }

    /// Puts nftables rules into the router's way between two networks: lines of a chain on the
    /// `forward` hook, such as `tcp dport 389 drop`; the set `lost` can remember ports for them.
    /// They replace earlier ones.
    pub fn forward_rules(&self, rules: &str) {
        let set = "set lost { type inet_service; flags dynamic; size 64; }";
        self.router_table(
            "rules",
            &format!("{set}\nchain forward {{ type filter hook forward priority 0;\n{rules}\n}}"),
        );
    }

    /// Gives the router a way to one more network, which lies behind a host.
    pub fn route_behind(&self, network: &str, host: &str) {
        must(&[
            "-n",
            &self.router.name,
            "route",
            "add",
            network,
            "via",
            &self.host(host).v4().to_string(),
        ]);
    }

    /// Makes the router send with its own address what it passes on to a host (source NAT).
    pub fn translate_sources_towards(&self, host: &str) {
        let device = format!("eth{}", self.host(host).number);
        let rule = format!("oifname \"{device}\" masquerade");
        self.router_table(
            "nat",
            &format!("chain postrouting {{ type nat hook postrouting priority 100;\n{rule}\n}}"),
        );
    }

    /// Runs a script on the router.
    pub fn router_sh(&self, script: &str) {
        self.router.must_sh(script);
    }

    /// Replaces one nftables table of the router as a whole.
    fn router_table(&self, table: &str, chain: &str) {
        let text = format!(
            "table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{chain}\n}}\n"
        );
        let mut nft = self
            .router
            .command("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("nft can be run");
        nft.stdin
            .take()
            .expect("nft has a standard input")
            .write_all(text.as_bytes())
            .expect("nft reads");
        assert!(nft.wait().expect("nft ends").success(), "nft takes the rules:\n{text}");
    }
}

/// One host, or the router.
pub struct Namespace {
    name: String,
    label: String,
    number: u8,
}

impl Namespace {
    /// An empty namespace with its loopback up, which a caller wires by itself. `number` is of use
    /// to [`Namespace::v4`] alone.
    pub fn new(id: u32, label: &str, number: u8) -> Self {
        let name = format!("{}{id}-{label}", prefix());
        // Names are not looked up anywhere: a query is refused by the namespace's own loopback at
        // once.
        let folder = format!("/etc/netns/{name}");
        std::fs::create_dir_all(&folder).expect("a folder under /etc/netns can be made");
        std::fs::write(
            format!("{folder}/resolv.conf"),
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        )
        .expect("it can be written");
        let namespace = Namespace { name, label: label.to_owned(), number };
        must(&["netns", "add", &namespace.name]);
        must(&["-n", &namespace.name, "link", "set", "lo", "up"]);
        // Without duplicate address detection an IPv6 address can be used at once, and not after
        // two seconds.
        namespace.must_sh(
            "for c in all default; do echo 0 > \
            /proc/sys/net/ipv6/conf/$c/accept_dad; echo 0 > \
            /proc/sys/net/ipv6/conf/$c/dad_transmits; done",
        );
        namespace
    }

    /// Waits until IPv6 works on every link. A device has its link-local address, without which the
    /// system asks for no neighbour, only once the kernel has noticed that the other end is up: on
    /// a busy machine that takes a second.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn wait_for_links(&self) {
        self.must_sh(
            "for device in $(ip -o link show type veth | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1/'); do \
                n=0; \
             until grep -q \" 20 80 *$device\\$\" /proc/net/if_inet6; do n=$((n + 1)); [ $n -lt \
             200 ]; sleep 0.05; done; done",
        );
    }

    /// Its name under `/run/netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a program with this standard input to its end; its words when it fails.
    pub fn feed(&self, program: &str, args: &[&str], input: &str) -> Result<(), String> {
        let mut command = self.command(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        child
            .stdin
            .take()
            .expect("standard input is piped")
            .write_all(input.as_bytes())
            .map_err(|e| format!("{program}: {e}"))?;
        let output = child.wait_with_output().map_err(|e| format!("{program}: {e}"))?;
        let words = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{}: {program} {}: {words}\n{input}", self.label, args.join(" ")))
        }
    }

    /// The host's IPv4 address.
    pub fn v4(&self) -> IpAddr {
        Ipv4Addr::new(10, 77, self.number, 2).into()
    }

    /// The host's IPv6 address.
    pub fn v6(&self) -> IpAddr {
        Ipv6Addr::new(0xfd77, u16::from(self.number), 0, 0, 0, 0, 0, 2).into()
    }

    /// A command that will run inside. `ip netns exec` becomes the program, so that its process id
    /// is the program's.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .stdin(Stdio::null())
            .env("NO_COLOR", "1");
        command
    }

    /// Replaces the resolver configuration that programs started from now on will see. It lies
    /// under `/etc/netns`, which `ip netns exec` lays over `/etc`, and goes with the namespace.
    pub fn resolver(&self, text: &str) {
        self.own_file("resolv.conf", text);
    }

    /// Replaces the hosts file, in the same way.
    pub fn hosts(&self, text: &str) {
        self.own_file("hosts", text);
    }

    fn own_file(&self, file: &str, text: &str) {
        std::fs::write(format!("/etc/netns/{}/{file}", self.name), text)
            .expect("a file under /etc/netns can be written");
    }

    /// Runs a script inside.
    ///
    /// # Panics
    /// When it fails.
    pub fn must_sh(&self, script: &str) {
        assert!(
            self.command("sh").args(["-ec", script]).status().expect("sh can be run").success(),
            "{}: {script}",
            self.name
        );
    }

    /// Runs a program to its end.
    pub fn run<S: AsRef<str>>(&self, program: &str, args: &[S], limit: Duration) -> Done {
        self.start(program, args).finish(limit)
    }

    /// Starts a program and returns at once.
    pub fn start<S: AsRef<str>>(&self, program: &str, args: &[S]) -> Process {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        let shown = format!("[{}] {program} {}", self.label, args.join(" "));
        let mut child = self
            .command(program)
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ip can be run");
        let out = drain(child.stdout.take().expect("standard output is piped"));
        let err = drain(child.stderr.take().expect("standard error is piped"));
        Process { child: Some(child), shown, out: Some(out), err: Some(err) }
    }

    /// TCP ports that are listened on inside, over IPv4 or IPv6.
    pub fn listening(&self) -> Vec<u16> {
        let output = self
            .command("cat")
            .args(["/proc/self/net/tcp", "/proc/self/net/tcp6"])
            .output()
            .expect("cat can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // Second column: local address and port; fourth: state, 0A for LISTEN.
        text.lines()
            .filter_map(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                let port = columns.get(1)?.rsplit(':').next()?;
                (columns.get(3) == Some(&"0A")).then(|| u16::from_str_radix(port, 16).ok())?
            })
            .collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn remove(name: &str) {
    let _ = ip(&["netns", "del", name]);
    let _ = std::fs::remove_dir_all(format!("/etc/netns/{name}"));
}

/// Removes namespaces of earlier runs whose process was killed before it could clean up.
fn remove_left_over() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix("pm")
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            remove(&name);
        }
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut octets = Vec::new();
        let _ = pipe.read_to_end(&mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    })
}

/// A program under way; killed by its process id when dropped.
pub struct Process {
    child: Option<Child>,
    shown: String,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Done {
    /// What was run, for messages.
    pub shown: String,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\nexit code {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown, self.code, self.out, self.err
        )
    }
}

impl Process {
    /// Waits until the program listens on all these ports.
    ///
    /// # Panics
    /// When it ends before, or the time is up.
    pub fn wait_listening(&mut self, at: &Namespace, ports: &[u16], limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let open = at.listening();
            let missing: Vec<u16> = ports.iter().copied().filter(|p| !open.contains(p)).collect();
            if missing.is_empty() {
                return;
            }
            let ended = self
                .child
                .as_mut()
                .is_none_or(|c| c.try_wait().expect("a child can be asked").is_some());
            if ended || Instant::now() > end {
                let done = self.collect();
                panic!("nothing listens on {missing:?} (but on {open:?}): {done}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the time is up; the program is killed first.
    pub fn finish(mut self, limit: Duration) -> Done {
        let end = Instant::now() + limit;
        while self
            .child
            .as_mut()
            .is_some_and(|c| c.try_wait().expect("a child can be asked").is_none())
        {
            if Instant::now() > end {
                let done = self.collect();
                panic!("not at its end after {} s: {done}", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.collect()
    }

    /// The most memory that the program has had so far, in KiB; `None` once it has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        self.memory_in("VmHWM:")
    }

    /// The memory that the program has now, in KiB; `None` once it has ended.
    pub fn memory(&self) -> Option<u64> {
        self.memory_in("VmRSS:")
    }

    fn memory_in(&self, name: &str) -> Option<u64> {
        let pid = self.child.as_ref()?.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Whether the program still runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|c| c.try_wait().expect("a child can be asked").is_none())
    }

    /// Sends the signal that Ctrl-C sends, and waits for the end.
    pub fn interrupt(self, limit: Duration) -> Done {
        let pid = self.child.as_ref().expect("the program was not collected yet").id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -INT {pid}")])
            .status()
            .expect("sh can be run");
        assert!(sent.success(), "{} is there to be interrupted", self.shown);
        self.finish(limit)
    }

    fn collect(&mut self) -> Done {
        let code = self.child.take().and_then(|mut child| {
            let _ = child.kill();
            child.wait().expect("a child can be waited for").code()
        });
        let text = |thread: Option<JoinHandle<String>>| {
            thread.and_then(|t| t.join().ok()).unwrap_or_default()
        };
        Done {
            shown: self.shown.clone(),
            code,
            out: text(self.out.take()),
            err: text(self.err.take()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
