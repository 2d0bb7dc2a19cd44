//! A site of a thousand hops behind a firewall that drops them all: known soon after the deadline,
//! in little memory, and none of them green.

use crate::support::netns::{self, Net};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");
const HOPS: usize = 1000;
const DEADLINE: Duration = Duration::from_secs(5);
/// Beyond the deadline: a second to begin them all, and one to walk the way.
const GRACE: Duration = Duration::from_secs(2);
const MOST_MEMORY_KIB: u64 = 100 * 1024;

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that is left out says so, and one that is not says what it measured"
)]
fn a_thousand_dropped_hops_are_known_in_time() {
    if let Err(why) = netns::available() {
        eprintln!("left out: network namespaces cannot be made here ({why})");
        return;
    }
    let net = Net::new(&["ws", "srv"]);
    net.route_behind("10.88.0.0/16", "srv");
    net.forward_rules("ip daddr 10.88.0.0/16 drop");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    write_site(&path, net.host("ws").v4().to_string().as_str());

    let out = path("result.json");
    let args = [
        "connect",
        "--site",
        &path("site.toml"),
        "--as",
        "ws.bed.test",
        "--connect-timeout",
        "5s",
        "--format",
        "json",
        "--out",
        &out,
    ];
    let mut program = net.host("ws").start(PROGRAM, &args);
    let mut peak = 0;
    while program.runs() {
        peak = program.peak_memory().unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = program.finish(Duration::from_secs(10));
    assert_eq!(done.code, Some(1), "{}", done.err);
    let result: Value =
        serde_json::from_str(&std::fs::read_to_string(&out).expect("the result was written"))
            .expect("JSON");
    let hops = result["hops"].as_array().expect("hops");
    let mut verdicts: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for hop in hops {
        let word = |name: &str| hop[name].as_str().unwrap_or_default().to_owned();
        *verdicts.entry((word("verdict"), word("reason"), word("answered_by"))).or_default() += 1;
    }
    assert_eq!(
        verdicts.into_iter().collect::<Vec<_>>(),
        [(("fail".into(), "timed-out".into(), "nobody".into()), HOPS)]
    );
    let time = |name: &str| {
        result[name].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339")
    };
    let took = Duration::try_from(time("finished").duration_since(time("started")))
        .expect("the clock goes forward");
    assert!(took >= DEADLINE && took <= DEADLINE + GRACE, "{HOPS} dropped hops took {took:?}");
    assert!(peak > 0 && peak < MOST_MEMORY_KIB, "{peak} KiB");
    eprintln!(
        "{HOPS} dropped hops: {:.2} s with a deadline of {} s, at most {} MiB",
        took.as_secs_f64(),
        DEADLINE.as_secs(),
        peak / 1024
    );
}

/// One port table with one flow, and a thousand hosts that it goes to.
fn write_site(path: &dyn Fn(&str) -> String, from: &str) {
    let table = "[matrix]\nid = \"many/lan\"\ntitle = \"One flow\"\ntopology \
        = \"lan\"\n\n[matrix.source]\ndocument = \"This test\"\n\n\
                 [[flow]]\nid = \"client-to-server\"\nfrom = \"client\"\nto = \"server\"\nport = \
                 443\nprotocol = \"https\"\n\
                 inferred = \"A port to be dropped.\"\n";
    let product = "[product]\nid = \"many\"\ntitle = \"Many\"\n\n[[role]]\nid = \"client\"\ntitle \
        = \"Client\"\n\n[[role]]\nid = \"server\"\ntitle = \"Server\"\n";
    std::fs::create_dir(path("tables")).expect("a folder");
    std::fs::write(path("tables/lan.toml"), table).expect("written");
    std::fs::write(path("tables/product.toml"), product).expect("written");
    let mut site = "[site]\nname = \"many\"\nproduct = \"many\"\ntopology = \"lan\"\nmatrices = \
        [\"tables\"]\n\n[roles]\n"
        .to_owned();
    let _ = writeln!(site, "client = [{{ name = \"ws.bed.test\", addresses = [\"{from}\"] }}]");
    let hosts: Vec<String> = (0..HOPS)
        .map(|n| {
            format!(
                "{{ name = \"h{n}.bed.test\", addresses = [\"10.88.{}.{}\"] }}",
                n / 250,
                n % 250 + 1
            )
        })
        .collect();
    let _ = writeln!(site, "server = [{}]", hosts.join(", "));
    std::fs::write(path("site.toml"), site).expect("written");
}
