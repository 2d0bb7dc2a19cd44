//! Names, asked of a real DNS server (`dnsmasq`) by the built program in a network namespace with a
//! resolver configuration of its own. In CI these tests must run; elsewhere they say why they do
//! not.

use crate::support::deployment::{Deployment, text};
use crate::support::netns::Process;
use serde_json::Value;
use std::time::{Duration, Instant};

const KEY: Option<&str> = Some("site.key");

/// What the server says. `psp` is the only host that is alive; nobody has 10.77.2.77. Other names
/// below `example` are not there.
const ZONE: &[&str] = &[
    "--host-record=one.example,10.77.2.2",
    "--host-record=two.example,10.77.2.2",
    "--host-record=two.example,10.77.2.77",
    "--host-record=dual.example,10.77.2.2,fd77:2::2",
    "--host-record=real.example,10.77.2.2",
    "--cname=alias.example,real.example",
    "--txt-record=text.example,no address",
    "--host-record=fromhosts.example,10.77.2.77",
    // Nobody answers there.
    "--server=/slow.example/10.77.3.2#5300",
    "--local=/example/",
];

/// Three namespaces: `ws` asks the server in `dc`, and `psp` listens. `None`, with a sentence,
/// where that cannot be.
struct Site {
    site: Deployment,
    _server: Process,
    _psp: Process,
}

impl Site {
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new() -> Option<Self> {
        let site = Deployment::new("direct")?;
        if let Err(error) = std::process::Command::new("dnsmasq").arg("--version").output() {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI is set, so dnsmasq must be here: {error}"
            );
            eprintln!(
                "left out: dnsmasq cannot be run here ({error}); on Debian `apt-get install \
                    dnsmasq-base`"
            );
            return None;
        }
        let many = (0..150).map(|n| format!("--host-record=many.example,10.77.2.{}", 100 + n));
        let many: Vec<String> = many
            .chain((0..200).map(|n| format!("--host-record=many.example,fd77:2::{:x}", 0x1000 + n)))
            .collect();
        let zone: Vec<&str> = ZONE.iter().copied().chain(many.iter().map(String::as_str)).collect();
        let server = serve(&site, &zone);
        // The listener is told its addresses: it needs no DNS.
        write(&site, "{ name = \"psp.contoso.test\", addresses = [\"10.77.2.2\", \"fd77:2::2\"] }");
        let mut psp = site.net.host("psp").start(
            crate::support::deployment::PROGRAM,
            &[
                "listen",
                "--site",
                &site.path("site.toml"),
                "--as",
                "psp.contoso.test",
                "--for",
                "120s",
            ],
        );
        psp.wait_listening(site.net.host("psp"), &[5000], Duration::from_secs(20));
        site.net.host("ws").resolver("nameserver 10.77.3.2\n");
        Some(Site { site, _server: server, _psp: psp })
    }

    /// What the workstation finds when the service has these names.
    fn connect(&self, names: &[&str], more: &[&str]) -> crate::support::deployment::Seen {
        write(&self.site, &names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", "));
        self.site.connect("ws", None, more)
    }

    /// Verdict and reason of every hop to a name, by its address.
    fn found(&self, name: &str) -> Vec<(String, String, String)> {
        let seen = self.connect(&[name], &[]);
        let mut found: Vec<_> = seen
            .hops()
            .iter()
            .map(|h| {
                (
                    h["to"]["address"].as_str().unwrap_or("-").to_owned(),
                    text(h, "/verdict").to_owned(),
                    text(h, "/reason").to_owned(),
                )
            })
            .collect();
        found.sort();
        found
    }
}

fn write(site: &Deployment, service: &str) {
    let text = format!(
        "[site]\nname = \"dns\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nfeatures = \
            [\"!entra-id\"]\n\n[roles]\n\
         migration-agent = {{ name = \"ws.contoso.test\", addresses = [\"10.77.1.2\"] \
         }}\npsp-service = [{service}]\n"
    );
    std::fs::write(site.path("site.toml"), text).expect("the site file can be written");
}

/// Starts the server and waits until it listens (over TCP too, which it opens last).
fn serve(site: &Deployment, zone: &[&str]) -> Process {
    let host = site.net.host("dc");
    let fixed = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=root",
        "--pid-file=",
        "--port=53",
    ];
    let args: Vec<&str> = fixed.iter().chain(zone).copied().collect();
    let mut server = host.start("dnsmasq", &args);
    server.wait_listening(host, &[53], Duration::from_secs(20));
    server
}

fn triple(address: &str, verdict: &str, reason: &str) -> (String, String, String) {
    (address.to_owned(), verdict.to_owned(), reason.to_owned())
}

fn hop<'a>(hops: &'a [Value], part: &str) -> &'a Value {
    hops.iter()
        .find(|h| text(h, "/hop").contains(part))
        .unwrap_or_else(|| panic!("{part} is not in {hops:#?}"))
}

#[test]
fn names_with_addresses_give_one_hop_each() {
    let Some(site) = Site::new() else { return };
    // The names are not the listener's own, so its proof is of another host: the answer came, and
    // that is what DNS is asked for here.
    for name in ["one.example", "alias.example"] {
        assert_eq!(site.found(name), [triple("10.77.2.2", "pass", "answered")], "{name}");
    }
    assert_eq!(
        site.found("two.example"),
        [triple("10.77.2.2", "pass", "answered"), triple("10.77.2.77", "fail", "host-unreachable")]
    );
    assert_eq!(
        site.found("dual.example"),
        [triple("10.77.2.2", "pass", "answered"), triple("fd77:2::2", "pass", "answered")]
    );

    let seen = site.connect(&["two.example"], &["--connect-timeout", "1s"]);
    let ids: Vec<&str> = seen.hops().iter().map(|h| text(h, "/hop")).collect();
    assert_eq!(
        ids,
        [
            "direct/migration-agent-to-service/ws.contoso.test/two.example[10.77.2.2]:5000",
            "direct/migration-agent-to-service/ws.contoso.test/two.example[10.77.2.77]:5000"
        ]
    );
    let resolve = &seen.hops()[1]["steps"][0];
    assert_eq!(
        (text(resolve, "/step"), &resolve["ok"]),
        ("resolve", &Value::Bool(true)),
        "{resolve:#}"
    );
    assert_eq!(
        resolve["facts"]["resolve"]["addresses"],
        serde_json::json!(["10.77.2.2", "10.77.2.77"])
    );
}

#[test]
fn of_a_name_with_hundreds_of_addresses_some_are_tested_and_the_rest_is_counted() {
    let Some(site) = Site::new() else { return };
    let seen = site.connect(&["many.example"], &["--connect-timeout", "1s"]);
    let hops = seen.hops();
    assert_eq!(hops.len(), 32);
    let of_v6 =
        hops.iter().filter(|h| h["to"]["address"].as_str().is_some_and(|a| a.contains(':')));
    assert_eq!(of_v6.count(), 16, "both families are tested");
    for hop in hops {
        let told = "many.example has 318 more addresses, which are not tested";
        assert!(hop["notes"].as_array().is_some_and(|n| n.iter().any(|n| n == told)), "{hop:#}");
    }
}

#[test]
fn names_without_addresses_have_their_reason() {
    let Some(site) = Site::new() else { return };
    assert_eq!(site.found("nobody.example"), [triple("-", "fail", "name-not-found")]);
    assert_eq!(site.found("text.example"), [triple("-", "fail", "name-no-address")]);
    // A server that knows nothing beyond its own zone, and has nobody to ask, refuses.
    assert_eq!(site.found("elsewhere.test"), [triple("-", "fail", "dns-failed")]);
    // One hop, one result, and its advice is about the name.
    let seen = site.connect(&["nobody.example"], &[]);
    assert_eq!(seen.hops().len(), 1);
    assert!(text(&seen.hops()[0], "/advice").contains("nobody.example"), "{}", seen.done);
}

#[test]
fn a_server_that_says_nothing_is_dns_timed_out_within_the_deadline() {
    let Some(site) = Site::new() else { return };
    site.site.net.forward_rules("udp dport 53 drop\ntcp dport 53 drop");
    let begun = Instant::now();
    let seen = site.connect(&["one.example"], &["--timeout", "3s"]);
    let took = begun.elapsed();
    let hop = &seen.hops()[0];
    assert_eq!((text(hop, "/verdict"), text(hop, "/reason")), ("fail", "dns-timed-out"), "{hop:#}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_closed_port_of_the_server_is_dns_failed() {
    let Some(site) = Site::new() else { return };
    // Nothing listens on port 53 of `psp`: its answer is ICMP port unreachable.
    site.site.net.host("ws").resolver("nameserver 10.77.2.2\n");
    let found = site.found("one.example");
    assert_eq!((found.len(), found[0].1.as_str()), (1, "fail"), "{found:?}");
    assert!(["dns-failed", "dns-timed-out"].contains(&found[0].2.as_str()), "{found:?}");
}

#[test]
fn the_hosts_file_goes_before_dns() {
    let Some(site) = Site::new() else { return };
    site.site.net.host("ws").hosts("127.0.0.1 localhost\n10.77.2.2 fromhosts.example\n");
    assert_eq!(site.found("fromhosts.example"), [triple("10.77.2.2", "pass", "answered")]);
}

#[test]
fn a_slow_name_delays_nobody_else() {
    let Some(site) = Site::new() else { return };
    // What is below slow.example is asked of a port of the same host at which everything is lost.
    site.site.net.host("dc").must_sh(
        "nft add table inet lost; nft add chain inet lost input '{ type filter hook input priority \
            0; }'; \
         nft add rule inet lost input udp dport 5300 drop",
    );
    write(&site.site, "\"one.example\", \"x.slow.example\"");
    let seen = site.site.connect("ws", None, &["--timeout", "4s"]);
    let (fast, slow) = (hop(seen.hops(), "one.example"), hop(seen.hops(), "x.slow.example"));
    assert_eq!(
        (text(slow, "/reason"), text(fast, "/reason")),
        ("dns-timed-out", "answered"),
        "{}",
        seen.done
    );
    let time =
        |pointer: &str, v: &Value| text(v, pointer).parse::<jiff::Timestamp>().expect("a time");
    let waited = time("/evidence/0/sent_at", fast).duration_since(time("/started", &seen.json));
    assert!(waited.as_millis() < 1500, "the other hop waited {waited:?}");
}

#[test]
fn a_deny_hop_without_an_address_is_inconclusive() {
    let Some(site) = Site::new() else { return };
    for name in ["nobody.example", "text.example"] {
        let text_of_site = format!(
            "[site]\nname = \"dns\"\nproduct = \"powersyncpro\"\ntopology \
                = \"reverse-proxy\"\nfeatures = [\"!entra-id\"]\n\n[roles]\n\
             migration-agent = {{ name = \"ws.contoso.test\", addresses = [\"10.77.1.2\"] \
             }}\npsp-service = \"{name}\"\n\
             reverse-proxy = \"one.example\"\n"
        );
        std::fs::write(site.site.path("site.toml"), text_of_site)
            .expect("the site file can be written");
        let seen = site.site.connect("ws", KEY, &[]);
        let past = seen
            .hops()
            .iter()
            .find(|h| h["expect"] == "deny" && h["to"]["host"] == *name)
            .expect("the way past the proxy");
        assert_eq!(
            (text(past, "/verdict"), text(past, "/reason")),
            ("inconclusive", "denied-otherwise"),
            "{past:#}"
        );
    }
}

/// A zone in which domain controllers announce themselves.
fn locator_zone() -> Vec<String> {
    let mut zone: Vec<String> = [
        "--srv-host=_ldap._tcp.dc._msdcs.corp.example,dc2.corp.example,389,0,10",
        "--srv-host=_ldap._tcp.dc._msdcs.corp.example,dc1.corp.example,389,0,100",
        "--srv-host=_ldap._tcp.dc._msdcs.corp.example,dc3.corp.example,389,5,100",
        "--srv-host=_ldap._tcp.pdc._msdcs.corp.example,dc3.corp.example,389,0,100",
        "--srv-host=_ldap._tcp.London._sites.dc._msdcs.corp.example,dc2.corp.example,389,0,100",
        "--local=/example/",
    ]
    .map(str::to_owned)
    .into();
    // More than fits into one answer over UDP.
    let long = |n| {
        format!(
            "--srv-host=_ldap._tcp.dc._msdcs.big.example,a-domain-controller-with-a-long-name-{n:02}.big.example,389,0,{n}"
        )
    };
    zone.extend((1..=60).map(long));
    let many = |n| format!("--srv-host=_ldap._tcp.dc._msdcs.huge.example,d{n}.huge.example,389");
    zone.extend((1..=70).map(many));
    zone.extend((1..=3).map(|n| format!("--host-record=dc{n}.corp.example,10.77.2.2")));
    zone
}

/// The hosts of the hops to a port, each once, in the order of the result.
fn hosts_at(hops: &[Value], port: u64) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for hop in hops.iter().filter(|h| h["to"]["port"] == port) {
        let host = text(hop, "/to/host").to_owned();
        if !found.contains(&host) {
            found.push(host);
        }
    }
    found
}

#[test]
fn domain_controllers_are_found_as_windows_finds_them() {
    let Some(site) = Deployment::new("direct") else { return };
    let zone = locator_zone();
    let _server = serve(&site, &zone.iter().map(String::as_str).collect::<Vec<_>>());
    let connect = |source: &str| {
        let text = format!(
            "[site]\nname = \"dns\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nfeatures = \
                [\"!entra-id\", \"sid-history\"]\n\n\
             [roles]\npsp-service = {{ name = \"ws.contoso.test\", addresses = [\"10.77.1.2\"] \
             }}\nsource-dc = {{ {source} }}\n\
             target-pdc = {{ discover = \"corp.example\" }}\n"
        );
        std::fs::write(site.path("site.toml"), text).expect("the site file can be written");
        // Whatever the hops say, for nobody listens there. The machine itself has no DNS: the
        // server is named.
        site.connect(
            "ws",
            None,
            &["--dns", "10.77.3.2", "--connect-timeout", "1s", "--trace", "never"],
        )
    };
    let all = connect("discover = \"corp.example\"");
    assert_eq!(
        hosts_at(all.hops(), 389),
        ["dc1.corp.example", "dc2.corp.example", "dc3.corp.example"],
        "by priority, then weight"
    );
    assert_eq!(hosts_at(all.hops(), 135), ["dc3.corp.example"], "the PDC emulator alone");
    let london = connect("discover = \"corp.example\", site = \"London\"");
    assert_eq!(hosts_at(london.hops(), 389), ["dc2.corp.example"]);
    let big = connect("discover = \"big.example\"");
    assert_eq!(
        hosts_at(big.hops(), 389).len(),
        60,
        "an answer that is cut short is asked for again over TCP"
    );

    // What is not found is not silently left out.
    let untested = connect("discover = \"nowhere.example\"").json["untested"].to_string();
    assert!(
        untested.contains("nowhere.example") && untested.contains("name-not-found"),
        "{untested}"
    );

    // A controller that stands in for itself looks the domain up as well, for only so does it find
    // itself in the plan.
    connect("discover = \"corp.example\"");
    let dc = site.net.host("dc");
    let listen = |dns: &str| {
        let site = site.path("site.toml");
        dc.start(
            crate::support::deployment::PROGRAM,
            &["listen", "--site", &site, "--as", "dc2.corp.example", "--dns", dns, "--for", "60s"],
        )
    };
    let mut listener = listen("10.77.3.2");
    listener.wait_listening(dc, &[389], Duration::from_secs(20));
    drop(listener);
    let lost = listen("10.77.3.2:5300").finish(crate::support::deployment::LIMIT);
    assert!(lost.code == Some(2) && lost.err.contains("corp.example were not found"), "{lost}");
}

#[test]
fn of_hundreds_of_domain_controllers_some_are_tested_and_the_rest_is_not() {
    let Some(site) = Deployment::new("direct") else { return };
    let zone = locator_zone();
    let _server = serve(&site, &zone.iter().map(String::as_str).collect::<Vec<_>>());
    let text = "[site]\nname = \"dns\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nfeatures \
        = [\"!entra-id\"]\n\n[roles]\npsp-service = { name = \"ws.contoso.test\", addresses = \
        [\"10.77.1.2\"] }\nsource-dc = { discover = \"huge.example\" }\n";
    std::fs::write(site.path("site.toml"), text).expect("the site file can be written");
    let seen = site.connect("ws", None, &["--dns", "10.77.3.2", "--trace", "never"]);
    assert_eq!(hosts_at(seen.hops(), 389).len(), 64);
    let untested = seen.json["untested"].as_array().expect("what was not tested");
    let left_out =
        |entry: &&Value| entry["why"]["code"] == "not-all-discovered" && entry["why"]["more"] == 6;
    assert!(untested.iter().any(|entry| left_out(&entry)), "{untested:#?}");
}
