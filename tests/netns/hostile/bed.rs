//! Three hosts: a listener, an honest connector, and a stranger with thousands of addresses.

use crate::support::inside::Inside;
use crate::support::netns::{self, Net, Process};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile");
pub const LIMIT: Duration = Duration::from_secs(120);
pub const PLAIN: u16 = 7001;
pub const WEB: u16 = 7080;
pub const TLS: u16 = 7443;
pub const LDAP: u16 = 389;
pub const MAPPER: u16 = 135;
/// First port of the range, and the range as the tables have it.
pub const RANGE: u16 = 50_000;
const SHORT_RANGE: &str = "50000-50999";
/// What Windows has.
const WHOLE_RANGE: &str = "49152-65535";

/// Whether the attacks are at their full length (`scripts/hostile`), or short enough for every run.
pub fn is_long() -> bool {
    std::env::var_os("PORTMATRIX_HOSTILE").is_some_and(|length| length == "long")
}

/// The bed.
pub struct Bed {
    pub net: Net,
    folder: TempDir,
    listener: Option<Process>,
}

/// What an honest connector got.
pub struct Honest {
    pub json: Value,
    pub took: Duration,
    pub words: String,
}

impl Honest {
    pub fn hops(&self) -> impl Iterator<Item = (&str, &str, &str, f64)> {
        self.json["hops"].as_array().into_iter().flatten().map(|hop| {
            let word = |name: &str| hop[name].as_str().unwrap_or_default();
            (word("hop"), word("verdict"), word("reason"), slowest(hop))
        })
    }

    /// # Panics
    /// Unless every port of the range was proved, at whichever try.
    pub fn must_lose_no_port(&self) {
        let hops = self.json["hops"].as_array().into_iter().flatten();
        let mut steps = hops.flat_map(|hop| hop["steps"].as_array().into_iter().flatten());
        let sweep = steps.find(|step| step["step"] == "rpc-range").expect("the range was swept");
        let count = |name: &str| sweep["facts"]["more"][name].as_u64();
        assert_eq!(count("proved"), count("ports"), "{sweep:#}");
        assert!(count("ports").is_some_and(|ports| ports > 0), "{sweep:#}");
    }

    /// # Panics
    /// Unless every hop was proved; that to the spared port, on which nothing is said, may be
    /// `inconclusive`: it was turned away, or the listener has forgotten it among thousands.
    pub fn must_be_proved_but(&self, spared: Option<u16>) {
        let may_be = ["not-tested", "not-proved"];
        let is_good = |id: &str, verdict: &str, reason: &str| {
            let is_spared = spared.is_some_and(|port| id.ends_with(&format!(":{port}")));
            (verdict, reason) == ("pass", "proved")
                || (is_spared && verdict == "inconclusive" && may_be.contains(&reason))
        };
        let bad: Vec<_> =
            self.hops().filter(|(id, verdict, reason, _)| !is_good(id, verdict, reason)).collect();
        assert!(bad.is_empty() && self.hops().count() == 5, "{bad:?}\n{}", self.words);
    }
}

/// Milliseconds of the slowest rung but a sweep's.
fn slowest(hop: &Value) -> f64 {
    let steps = hop["steps"].as_array().into_iter().flatten();
    let own = steps.filter(|step| step["step"] != "rpc-range");
    own.filter_map(|step| step["ms"].as_f64()).fold(0.0, f64::max)
}

impl Bed {
    /// With a listener; `None` where there are no namespaces, which in CI is a failure.
    pub fn new() -> Option<Self> {
        Bed::empty()?.listening()
    }

    /// With a listener that has a whole dynamic range.
    pub fn with_whole_range() -> Option<Self> {
        let bed = Bed::empty()?;
        std::fs::create_dir(bed.path("tables")).expect("made");
        for name in ["product.toml", "lan.toml"] {
            let text = std::fs::read_to_string(format!("{TABLES}/{name}")).expect("read");
            std::fs::write(
                format!("{}/{name}", bed.path("tables")),
                text.replace(SHORT_RANGE, WHOLE_RANGE),
            )
            .expect("written");
        }
        let site = std::fs::read_to_string(bed.path("site.toml")).expect("read");
        let tables = bed.path("tables");
        std::fs::write(bed.path("site.toml"), site.replace(TABLES, &tables)).expect("written");
        bed.listening()
    }

    fn listening(self) -> Option<Self> {
        let mut bed = self;
        let srv = bed.net.host("srv");
        let (site, out) = (bed.path("site.toml"), bed.path("srv.listen.json"));
        let arguments = ["listen", "--site", &site, "--as", "srv.bed.test", "--out", &out];
        let mut listener = srv.start(PROGRAM, &arguments);
        listener.wait_listening(srv, &[PLAIN, WEB, TLS, LDAP, MAPPER, RANGE], LIMIT);
        bed.listener = Some(listener);
        Some(bed)
    }

    /// Without one.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn empty() -> Option<Self> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        let bed = Bed {
            net: Net::new(&["ws", "srv", "bad"]),
            folder: tempfile::tempdir().expect("a temporary folder"),
            listener: None,
        };
        // Whatever comes from 10.99.0.0/16 is the stranger's.
        bed.net.route_behind("10.99.0.0/16", "bad");
        bed.net.host("bad").must_sh("ip route add local 10.99.0.0/16 dev lo");
        let ws = bed.net.host("ws");
        let made = ws.run(PROGRAM, &["key", "new", &bed.path("site.key")], LIMIT);
        assert_eq!(made.code, Some(0), "{made}");
        let (from, to) = (ws.v4(), bed.net.host("srv").v4());
        let site = format!(
            "[site]\nname = \"hostile\"\nproduct = \"hostile\"\ntopology = \"lan\"\nmatrices = \
                [\"{TABLES}\"]\nkey = \"site.key\"\n\n[roles]\nclient = [{{ name = \
                \"ws.bed.test\", addresses = [\"{from}\"] }}]\nserver = [{{ name = \
                \"srv.bed.test\", addresses = [\"{to}\"] }}]\n"
        );
        std::fs::write(bed.path("site.toml"), site).expect("written");
        Some(bed)
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Where the listener has a port.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.net.host("srv").v4(), port)
    }

    /// Runs the honest connector beside whatever else goes on.
    pub fn honest(&self) -> Honest {
        let site = self.path("site.toml");
        let begun = Instant::now();
        let done = self.net.host("ws").run(
            PROGRAM,
            &[
                "connect",
                "--site",
                &site,
                "--as",
                "ws.bed.test",
                "--format",
                "json",
                "--rate",
                "max",
            ],
            LIMIT,
        );
        let took = begun.elapsed();
        let json = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done}"));
        Honest { json, took, words: done.to_string() }
    }

    /// Runs the honest connector for one flow: its hop, its most memory in MiB, and the time.
    pub fn honest_with_memory(&self, flow: &str) -> (Value, u64, Duration) {
        let (site, out) = (self.path("site.toml"), self.path("result.json"));
        let begun = Instant::now();
        let arguments = [
            "connect",
            "--site",
            &site,
            "--as",
            "ws.bed.test",
            "--hop",
            flow,
            "--out",
            &out,
            "--trace",
            "never",
        ];
        let mut connector = self.net.host("ws").start(PROGRAM, &arguments);
        let mut peak = 0;
        while connector.runs() && begun.elapsed() < LIMIT {
            peak = peak.max(connector.peak_memory().unwrap_or_default());
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = begun.elapsed();
        let done = connector.finish(LIMIT);
        let file = std::fs::read_to_string(&out).unwrap_or_else(|e| panic!("{e}: {done}"));
        let result: Value = serde_json::from_str(&file).expect("JSON");
        (result["hops"][0].clone(), peak / 1024, took)
    }

    /// Memory of the listener in MiB: now, and the most so far.
    pub fn memory(&self) -> (u64, u64) {
        let listener = self.listener.as_ref().expect("it runs");
        (
            listener.memory().expect("it runs") / 1024,
            listener.peak_memory().expect("it runs") / 1024,
        )
    }

    /// Ends the listener, and gives what it wrote.
    pub fn end(mut self) -> Value {
        let done = self.listener.take().expect("it runs").interrupt(LIMIT);
        assert_eq!(done.code, Some(0), "{done}");
        let file = std::fs::read_to_string(self.path("srv.listen.json")).expect("written");
        serde_json::from_str(&file).expect("JSON")
    }

    /// Starts an attack in the stranger's namespace, with a runtime of its own.
    pub fn attack<F, P>(&self, prepare: P) -> Inside
    where
        P: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        self.attack_at("bad", prepare)
    }

    /// The same at another host.
    pub fn attack_at<F, P>(&self, host: &str, prepare: P) -> Inside
    where
        P: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        raise_descriptors();
        let namespace = self.net.host(host).name().to_owned();
        let begin = || {
            stand_back();
            Ok(prepare())
        };
        Inside::start(&namespace, begin).expect("the attack starts")
    }
}

/// A connection from the stranger's address of this number.
pub async fn connect_from(number: u32, to: SocketAddr) -> std::io::Result<TcpStream> {
    let address = Ipv4Addr::from_bits(u32::from_be_bytes([10, 99, 0, 1]) + number);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(address), 0))?;
    let connecting = tokio::time::timeout(Duration::from_secs(5), socket.connect(to));
    connecting.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
}

/// Attackers have machines of their own: what they compute here must not take the time of those who
/// are attacked. What they leave idle is the attack's, so that it is as strong as can be dealt with.
#[expect(unsafe_code, reason = "the standard library has no setpriority")]
fn stand_back() {
    // SAFETY: a plain system call, about this thread alone.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
}

/// Thousands of connections need as many descriptors of this process.
#[expect(unsafe_code, reason = "the standard library has no setrlimit")]
fn raise_descriptors() {
    let limit = libc::rlimit { rlim_cur: 20_000, rlim_max: 20_000 };
    // SAFETY: a plain system call with a valid structure.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}
