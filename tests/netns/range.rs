//! A whole dynamic range, 16,384 ports between two namespaces: proved port by port, with its edges,
//! losses and limits, and never green where nobody looked.

use crate::support::netns::{self, Namespace, Net, Process};
use serde_json::Value;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");
/// One flow with a range; the benchmarks have the same.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/range");
const FIRST: u16 = 49152;
/// A debug build on a busy machine; nothing here is about time.
const LIMIT: Duration = Duration::from_secs(120);
const MOST_MEMORY_KIB: u64 = 60 * 1024;

/// Two hosts, a router and a listener.
struct Bed {
    net: Net,
    folder: TempDir,
    listener: Option<Process>,
}

impl Bed {
    /// `None` where there are no namespaces; in CI that is a failure.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new(key: bool) -> Option<Self> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        let bed = Bed {
            net: Net::new(&["ws", "srv"]),
            folder: tempfile::tempdir().expect("a temporary folder"),
            listener: None,
        };
        let (from, to) = (bed.net.host("ws").v4(), bed.net.host("srv").v4());
        let mut site =
            "[site]\nname = \"range\"\nproduct = \"range\"\ntopology = \"lan\"\nmatrices = [\""
                .to_owned()
                + TABLES
                + "\"]\n";
        if key {
            let made =
                bed.net.host("ws").run(PROGRAM, &["key", "new", &bed.path("site.key")], LIMIT);
            assert_eq!(made.code, Some(0), "{made}");
            site.push_str("key = \"site.key\"\n");
        }
        site.push_str(&format!(
            "\n[roles]\nclient = [{{ name = \"ws.bed.test\", addresses = [\"{from}\"] }}]\nserver \
                = [{{ name = \"srv.bed.test\", addresses = [\"{to}\"] }}]\n"
        ));
        std::fs::write(bed.path("site.toml"), site).expect("written");
        Some(bed)
    }

    fn listening(key: bool) -> Option<Self> {
        let mut bed = Bed::new(key)?;
        bed.listen("unlimited");
        Some(bed)
    }

    /// Starts the listener under this limit of descriptors.
    fn listen(&mut self, limit: &str) {
        let srv = self.net.host("srv");
        let command = format!(
            "{}exec {PROGRAM} listen --site {} --as srv.bed.test",
            ulimit(limit),
            self.path("site.toml")
        );
        let mut listener = srv.start("sh", &["-c", &command]);
        listener.wait_listening(srv, &[135, FIRST], LIMIT);
        self.listener = Some(listener);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Runs the connector, and gives its only hop and its exit code.
    fn connect(&self, limit: &str, more: &str) -> (Value, Option<i32>) {
        let site = self.path("site.toml");
        let rate = if more.contains("--rate") { "" } else { "--rate max" };
        let command = format!(
            "{}exec {PROGRAM} connect --site {site} --as ws.bed.test {rate} --connect-timeout 2s \
                --format json {more}",
            ulimit(limit)
        );
        let done = self.net.host("ws").run("sh", &["-c", &command], LIMIT);
        let result: Value =
            serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"));
        (result["hops"][0].clone(), done.code)
    }

    fn forward(&self, rules: &str) {
        // An answer may go to a port of the range too: only what goes to the server is meant.
        let to = format!("ip daddr {}", self.net.host("srv").v4());
        self.net
            .forward_rules(&rules.lines().map(|rule| format!("{to} {rule}\n")).collect::<String>());
    }
}

fn ulimit(limit: &str) -> String {
    if limit == "unlimited" { String::new() } else { format!("ulimit -n {limit}; ") }
}

/// Connections that the kernel of a host has accepted so far.
fn accepted(host: &Namespace) -> u64 {
    let counters = host.run("cat", &["/proc/self/net/snmp"], LIMIT).out;
    let mut lines = counters.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let place = names.split(' ').position(|name| name == "PassiveOpens");
    place.and_then(|place| values.split(' ').nth(place)?.parse().ok()).unwrap_or_default()
}

/// Verdict and reason.
fn verdict(hop: &Value) -> (&str, &str) {
    (hop["verdict"].as_str().unwrap_or_default(), hop["reason"].as_str().unwrap_or_default())
}

/// The runs of ports that stand alike, as `57344-65535 shut timed-out`.
fn segments(hop: &Value) -> Vec<String> {
    let all = hop["sweep"]["segments"].as_array().unwrap_or_else(|| panic!("no sweep: {hop:#}"));
    let text = |value: &Value| value.as_str().map(|text| format!(" {text}")).unwrap_or_default();
    let runs = all.iter().map(|s| {
        format!("{}-{}{}{}", s["first"], s["last"], text(&s["state"]), text(&s["reason"]))
    });
    // More than these is wrong in any case, and nobody reads thousands.
    runs.take(8).collect()
}

#[test]
fn every_port_of_the_range_is_proved_and_both_ends_count_alike() {
    let Some(mut bed) = Bed::listening(true) else { return };
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!((verdict(&hop), code), (("pass", "proved"), Some(0)), "{hop:#}");
    assert_eq!(segments(&hop), ["49152-65535 proved"]);
    assert_eq!(
        (&hop["sweep"]["tried"], &hop["sweep"]["seen_there"], &hop["sweep"]["lost"]),
        (&16384.into(), &16384.into(), &0.into())
    );
    let listener = bed.listener.take().expect("started");
    let peak = listener.peak_memory().expect("it runs");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB for 16,384 ports");
    let done = listener.interrupt(LIMIT);
    assert!(done.out.contains("reached 16384 ports"), "{done}");
    assert!(!done.out.contains("Half open"), "a handshake under way is none that failed: {done}");
}

#[test]
fn an_edge_is_exact_to_the_port_and_named_in_the_table() {
    let Some(bed) = Bed::listening(true) else { return };
    for edge in [49153_u16, 57344, 61234, 65535] {
        bed.forward(&format!("tcp dport {edge}-65535 drop"));
        let (hop, code) = bed.connect("unlimited", "");
        assert_eq!((verdict(&hop), code), (("fail", "range-partly-blocked"), Some(1)), "{hop:#}");
        assert_eq!(
            segments(&hop),
            [format!("49152-{} proved", edge - 1), format!("{edge}-65535 shut timed-out")]
        );
        assert_eq!(
            hop["evidence"].as_array().map(Vec::len).unwrap_or_default(),
            3,
            "mapper, interface, and one attempt of the run: {hop:#}"
        );
        assert!(hop["evidence"][2]["source"].is_string(), "with its source port: {hop:#}");
    }
    let site = bed.path("site.toml");
    let args = [
        "connect",
        "--site",
        &site,
        "--as",
        "ws.bed.test",
        "--rate",
        "max",
        "--connect-timeout",
        "2s",
    ];
    let done = bed.net.host("ws").run(PROGRAM, &args, LIMIT);
    assert!(done.out.contains("proved 49152-65534; dropped 65535"), "{done}");
}

#[test]
fn a_silent_range_is_broken_off_and_says_so_unless_every_port_is_asked_for() {
    let Some(bed) = Bed::listening(true) else { return };
    bed.forward("tcp dport 49152-65535 drop");
    let (hop, _) = bed.connect("unlimited", "");
    assert_eq!(
        (verdict(&hop), &hop["sweep"]["mode"]),
        (("fail", "rpc-port-blocked"), &"broken-off".into()),
        "{hop:#}"
    );
    assert!(hop["notes"].to_string().contains("silent as a whole"), "{hop:#}");
    let (hop, _) = bed.connect("unlimited", "--range exact");
    assert_eq!(segments(&hop), ["49152-65535 shut timed-out"]);
    assert_eq!((&hop["sweep"]["tried"], &hop["sweep"]["mode"]), (&16384.into(), &"exact".into()));
    // Others than the interface's own.
    bed.forward("tcp dport 49160-65535 drop");
    let (hop, _) = bed.connect("unlimited", "");
    assert_eq!(verdict(&hop), ("fail", "range-partly-blocked"), "{hop:#}");
    assert_eq!(segments(&hop), ["49152-49159 proved", "49160-65535 shut timed-out"]);
}

#[test]
fn a_port_that_opens_at_the_second_try_is_a_loss() {
    let Some(bed) = Bed::listening(true) else { return };
    bed.forward(
        "tcp dport 49200-49263 tcp flags & (syn|ack) == syn tcp dport != @lost add @lost { \
        tcp dport } drop",
    );
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!((verdict(&hop), code), (("warn", "retried"), Some(0)), "{hop:#}");
    assert_eq!(hop["sweep"]["lost"], 64, "{:#}", hop["sweep"]);
    assert_eq!(
        segments(&hop),
        ["49152-49199 proved", "49200-49263 proved-late", "49264-65535 proved"]
    );
    assert!(
        hop["notes"].to_string().contains("64 ports of the range opened only at another try"),
        "{hop:#}"
    );
}

#[test]
fn a_range_whose_answers_are_lost_is_open_there_and_shut_back() {
    let Some(bed) = Bed::listening(true) else { return };
    bed.net.forward_rules(&format!(
        "ip saddr {} tcp sport 60000-65535 drop",
        bed.net.host("srv").v4()
    ));
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!((verdict(&hop), code), (("fail", "reply-lost"), Some(1)), "{hop:#}");
    assert_eq!(segments(&hop), ["49152-59999 proved", "60000-65535 shut reply-lost"]);
    assert!(
        hop["advice"]
            .as_str()
            .is_some_and(|words| words.starts_with("Requests arrive, but replies are lost")),
        "{hop:#}"
    );
}

#[test]
fn a_guard_against_too_many_connections_is_met_slowly() {
    let Some(bed) = Bed::listening(true) else { return };
    bed.forward(
        "tcp dport 49152-65535 tcp flags & (syn|ack) == syn limit rate over 700/second \
        burst 100 packets drop",
    );
    // Without --rate max, which would be met by the guard for ever.
    let (hop, code) = bed.connect("unlimited", "--rate 1500");
    assert_eq!((verdict(&hop), code), (("warn", "retried"), Some(0)), "{:#}", hop["notes"]);
}

#[test]
fn a_listener_that_ends_in_the_middle_is_no_fault_of_the_way() {
    let Some(mut bed) = Bed::listening(true) else { return };
    let listener = bed.listener.take().expect("started");
    let (hop, code) = std::thread::scope(|threads| {
        threads.spawn(|| {
            let end = Instant::now() + LIMIT;
            while accepted(bed.net.host("srv")) < 4000 {
                assert!(Instant::now() < end, "the run does not come to its middle");
                std::thread::sleep(Duration::from_millis(20));
            }
            listener.interrupt(LIMIT)
        });
        bed.connect("unlimited", "--rate 1500")
    });
    assert_eq!(
        (verdict(&hop), code),
        (("inconclusive", "not-tested"), Some(3)),
        "{:#}",
        hop["notes"]
    );
}

#[test]
fn a_sample_is_not_green() {
    let Some(bed) = Bed::listening(true) else { return };
    let (hop, _) = bed.connect("unlimited", "--range sample");
    assert_eq!(
        (verdict(&hop), &hop["sweep"]["mode"]),
        (("warn", "range-partly-tested"), &"sample".into()),
        "{hop:#}"
    );
    assert!(hop["sweep"]["tried"].as_u64().is_some_and(|n| n < 100), "{:#}", hop["sweep"]);
    let (hop, _) = bed.connect("unlimited", "--range never");
    assert_eq!(
        (verdict(&hop), &hop["sweep"]),
        (("pass", "proved"), &Value::Null),
        "what was not asked for is not judged"
    );
    assert!(
        hop["notes"].to_string().contains("besides the interfaces' own were not tried"),
        "and that is said: {hop:#}"
    );
}

#[test]
fn few_descriptors_only_make_it_slower() {
    let Some(bed) = Bed::listening(true) else { return };
    let (hop, code) = bed.connect("256", "");
    assert_eq!((verdict(&hop), code), (("pass", "proved"), Some(0)), "{hop:#}");
    assert_eq!(segments(&hop), ["49152-65535 proved"]);
}

#[test]
fn ports_that_the_listener_could_not_open_are_unknown() {
    let Some(mut bed) = Bed::new(true) else { return };
    bed.listen("1024");
    let (hop, _) = bed.connect("unlimited", "");
    assert_eq!(verdict(&hop), ("warn", "range-partly-tested"), "{hop:#}");
    let segments = segments(&hop);
    assert!(
        segments.len() == 2
            && segments[0].ends_with(" proved")
            && segments[1].ends_with("-65535 shut refused"),
        "{segments:?}"
    );
    let done = bed.listener.take().expect("started").interrupt(LIMIT);
    assert!(done.out.contains("no more descriptors"), "{done}");
    assert_eq!(done.code, Some(3), "not all was opened");
}

#[test]
fn a_port_of_somebody_else_is_named_with_its_holder() {
    let Some(mut bed) = Bed::new(true) else { return };
    let srv = bed.net.host("srv");
    let mut other = srv.start("python3", &["-m", "http.server", "50001"]);
    other.wait_listening(srv, &[50001], LIMIT);
    bed.listen("unlimited");
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!(
        (verdict(&hop), code),
        (("pass", "proved"), Some(0)),
        "the way to it is open: {hop:#}"
    );
    let held = &hop["sweep"]["segments"][1];
    // It waits for the end of a line, and says that it understands nothing where the challenge
    // happens to have one.
    assert!(held["state"] == "shut" || held["state"] == "open", "{held:#}");
    assert_eq!((&held["first"], &held["taken"]), (&50001.into(), &true.into()), "{held:#}");
    assert!(
        held["holder"].as_str().is_some_and(|h| h.starts_with("python3") && h.contains(", pid ")),
        "{held:#}"
    );
    assert!(hop["notes"].to_string().contains("50001 (held there by python3"), "{hop:#}");
    let done = bed.listener.take().expect("started").interrupt(LIMIT);
    assert!(done.out.contains("else has 50001 (python3"), "{done}");
}

#[test]
fn pinned_ports_are_all_of_the_range() {
    let Some(mut bed) = Bed::new(true) else { return };
    let site = std::fs::read_to_string(bed.path("site.toml")).expect("a site");
    std::fs::write(
        bed.path("site.toml"),
        site + "\n[ranges]\nrpc-dynamic = \"49152,50001,50010-50019\"\n",
    )
    .expect("written");
    bed.listen("unlimited");
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!((verdict(&hop), code), (("pass", "proved"), Some(0)), "{hop:#}");
    assert_eq!(segments(&hop), ["49152-49152 proved", "50001-50001 proved", "50010-50019 proved"]);
    assert_eq!(hop["to"]["range"], "49152,50001,50010-50019");
    bed.forward("tcp dport 50015-50019 drop");
    let (hop, _) = bed.connect("unlimited", "");
    assert_eq!(verdict(&hop), ("fail", "range-partly-blocked"), "{hop:#}");
    assert!(
        hop["notes"].to_string().contains("proved 49152, 50001, 50010-50014; dropped 50015-50019"),
        "{hop:#}"
    );
}

#[test]
fn nothing_is_proved_without_a_key_and_nothing_is_swept_unasked() {
    let Some(bed) = Bed::listening(false) else { return };
    let (hop, _) = bed.connect("unlimited", "");
    assert_eq!(
        (hop["reason"].as_str(), &hop["sweep"]),
        (Some("answered"), &Value::Null),
        "{hop:#}"
    );
    let (hop, _) = bed.connect("unlimited", "--range exact");
    assert_eq!(segments(&hop), ["49152-65535 open not-proved"]);
    assert_eq!(
        (verdict(&hop), hop["answered_by"].as_str()),
        (("pass", "answered"), Some("unproved")),
        "{hop:#}"
    );
    bed.forward("tcp dport 57344-65535 drop");
    let (hop, _) = bed.connect("unlimited", "--range exact");
    assert_eq!(verdict(&hop), ("warn", "not-proved"), "what is swallowed is not green: {hop:#}");
}

#[test]
fn a_host_that_needs_its_ports_keeps_them_and_says_so() {
    let Some(mut bed) = Bed::new(true) else { return };
    // As on Windows: outgoing connections come from the very range.
    bed.net.host("srv").must_sh("echo '49152 65535' > /proc/sys/net/ipv4/ip_local_port_range");
    bed.listen("unlimited");
    let (hop, code) = bed.connect("unlimited", "");
    assert_eq!(
        (verdict(&hop), code, &hop["sweep"]),
        (("warn", "range-partly-tested"), Some(0), &Value::Null),
        "{hop:#}"
    );
    assert!(hop["notes"].to_string().contains("only a few ports open"), "{hop:#}");
    let done = bed.listener.take().expect("started").interrupt(LIMIT);
    assert!(done.out.contains("`--range whole` opens them"), "{done}");
    // What is asked for all the same is done, and is not green.
    bed.listen("unlimited");
    let (hop, _) = bed.connect("unlimited", "--range exact");
    assert_eq!(
        verdict(&hop),
        ("warn", "range-partly-tested"),
        "refused, and the listener says that it does not hold them: {hop:#}"
    );
}
