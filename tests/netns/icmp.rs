//! What an attempt that does not open tells: the ICMP message and its sender, the way walked, the
//! attempts. Between network namespaces, on paths without delay: the message is there before
//! `connect` returns, and the kernel goes on trying.

use crate::support::deployment::{DC, Deployment, text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEY: Option<&str> = Some("site.key");
const QUICK: &[&str] = &["--connect-timeout", "1500ms"];

/// Routers answer six packets at once and then one a second, and all of a machine so many together;
/// several codes in one run need more.
const NO_ICMP_LIMIT: &str = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > \
    /proc/sys/net/ipv6/icmp/ratelimit; \
     echo 100000 > /proc/sys/net/ipv4/icmp_msgs_per_sec; echo 10000 > \
     /proc/sys/net/ipv4/icmp_msgs_burst";

/// Reason, initiator and `type/code sender` of the hop to a port of the domain controller.
fn told(hop: &Value) -> (String, String, String) {
    let evidence = hop["evidence"]
        .as_array()
        .and_then(|all| all.last())
        .unwrap_or_else(|| panic!("evidence in {hop:#}"));
    let icmp = &evidence["icmp"];
    let icmp = if icmp.is_null() {
        String::new()
    } else {
        format!("{}/{} {}", icmp["type"], icmp["code"], icmp["from"].as_str().unwrap_or("?"))
    };
    assert_eq!(evidence["outcome"], hop["reason"], "{hop:#}");
    (text(hop, "/reason").to_owned(), text(hop, "/initiator").to_owned(), icmp)
}

fn assert_told(site: &Deployment, expected: &[(u16, &str, &str, &str)], verdict: &str) {
    let seen = site.connect("psp", KEY, QUICK);
    for (port, reason, initiator, icmp) in expected {
        let hop = seen.allow_to("dc", *port)[0];
        assert_eq!(
            told(hop),
            ((*reason).to_owned(), (*initiator).to_owned(), (*icmp).to_owned()),
            "port {port}\n{hop:#}"
        );
        assert_eq!(text(hop, "/verdict"), verdict, "{hop:#}");
        assert_eq!(
            hop["evidence"].as_array().map(Vec::len),
            Some(1),
            "an answer is not asked again: {hop:#}"
        );
        assert!(
            hop["ms"].as_f64().is_some_and(|ms| ms < 1000.0),
            "it ends with the message, not with the deadline: {hop:#}"
        );
    }
}

#[test]
fn every_icmp_code_of_a_router_is_told_with_its_sender() {
    let Some(site) = Deployment::new("direct") else { return };
    site.net.router_sh(NO_ICMP_LIMIT);
    let rules = |family: &str, codes: &[(u16, &str)]| {
        let icmp = if family == "ipv4" { "icmp" } else { "icmpv6" };
        let rule = |(port, code): &(u16, &str)| {
            format!("meta nfproto {family} tcp dport {port} reject with {icmp} type {code}\n")
        };
        site.net.forward_rules(&codes.iter().map(rule).collect::<String>());
    };
    let codes = [
        "net-unreachable",
        "host-unreachable",
        "prot-unreachable",
        "port-unreachable",
        "net-prohibited",
        "host-prohibited",
    ];
    let ports = [135, 389, 636, 7001, 7002, 7003, 7389];
    rules(
        "ipv4",
        &ports.into_iter().zip(codes.into_iter().chain(["admin-prohibited"])).collect::<Vec<_>>(),
    );
    assert_told(
        &site,
        &[
            (135, "net-unreachable", "path", "3/0 10.77.2.1"),
            (389, "host-unreachable", "path", "3/1 10.77.2.1"),
            (636, "port-unreachable", "path", "3/2 10.77.2.1"),
            (7001, "port-unreachable", "path", "3/3 10.77.2.1"),
            (7002, "admin-prohibited", "path", "3/9 10.77.2.1"),
            (7003, "admin-prohibited", "path", "3/10 10.77.2.1"),
            (7389, "admin-prohibited", "path", "3/13 10.77.2.1"),
        ],
        "fail",
    );
    let prohibited = site.connect("psp", KEY, QUICK);
    let hop = prohibited.allow_to("dc", 7389)[0];
    assert!(
        text(hop, "/advice").contains("in the log of 10.77.2.1, which said so (ICMP 3/13)"),
        "{hop:#}"
    );

    site.write_site("direct", |host| format!("\"{}\"", host.v6()));
    let codes = [
        "no-route",
        "admin-prohibited",
        "addr-unreachable",
        "port-unreachable",
        "policy-fail",
        "reject-route",
    ];
    rules("ipv6", &ports.into_iter().zip(codes).collect::<Vec<_>>());
    assert_told(
        &site,
        &[
            (135, "net-unreachable", "path", "1/0 fd77:2::1"),
            (389, "admin-prohibited", "path", "1/1 fd77:2::1"),
            (636, "host-unreachable", "path", "1/3 fd77:2::1"),
            (7001, "port-unreachable", "path", "1/4 fd77:2::1"),
            (7002, "admin-prohibited", "path", "1/5 fd77:2::1"),
            (7003, "admin-prohibited", "path", "1/6 fd77:2::1"),
        ],
        "fail",
    );
}

#[test]
fn a_message_of_the_destination_itself_is_the_peers() {
    let Some(site) = Deployment::new("direct") else { return };
    site.net.host("dc").must_sh(NO_ICMP_LIMIT);
    site.net.host("dc").must_sh(
        "nft add table inet t; nft add chain inet t i '{ type filter hook input priority 0; }'; \
            nft add rule inet t i tcp dport 389 reject; \
         nft add rule inet t i tcp dport 636 reject with icmpx type admin-prohibited",
    );
    let expected = [
        (389, "port-unreachable", "peer", "3/3 10.77.3.2"),
        (636, "admin-prohibited", "peer", "3/13 10.77.3.2"),
        (7001, "refused", "peer", ""),
    ];
    assert_told(&site, &expected, "fail");
}

#[test]
fn what_this_machine_does_to_itself_is_local() {
    let Some(site) = Deployment::new("direct") else { return };
    let psp = site.net.host("psp");
    let check = |set: &str, unset: &str, reason: &str, icmp: &str, v6: bool| {
        site.write_site("direct", |host| format!("\"{}\"", if v6 { host.v6() } else { host.v4() }));
        psp.must_sh(set);
        let seen = site.connect("psp", KEY, QUICK);
        let hop = seen.allow_to("dc", 389)[0];
        assert_eq!(
            told(hop),
            (reason.to_owned(), "local".to_owned(), icmp.to_owned()),
            "{set}\n{hop:#}"
        );
        assert_eq!(text(hop, "/verdict"), "inconclusive", "{set}\n{hop:#}");
        assert!(hop["trace"].is_null(), "there is no way to walk: {hop:#}");
        psp.must_sh(unset);
    };
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let route =
            |family: &str, verb: &str, to: &str| format!("ip {family} route {verb} {kind} {to}");
        check(
            &route("-4", "add", "10.77.3.0/24"),
            &route("-4", "del", "10.77.3.0/24"),
            "local-no-route",
            "",
            false,
        );
        check(
            &route("-6", "add", "fd77:3::/64"),
            &route("-6", "del", "fd77:3::/64"),
            "local-no-route",
            "",
            true,
        );
    }
    check(
        "ip route del default",
        "ip route add default via 10.77.2.1",
        "local-no-route",
        "",
        false,
    );
    check(
        "ip -6 route del default",
        "ip -6 route add default via fd77:2::1",
        "local-no-route",
        "",
        true,
    );
    let chain = "nft add table inet t; nft add chain inet t o '{ type filter hook output priority \
        0; }'; nft add rule inet t o tcp dport 389";
    check(
        &format!("{chain} reject"),
        "nft delete table inet t",
        "local-permission",
        "3/3 10.77.2.2",
        false,
    );
    check(
        &format!("{chain} reject"),
        "nft delete table inet t",
        "local-permission",
        "1/4 fd77:2::2",
        true,
    );
    let prohibited = format!("{chain} reject with icmpx type admin-prohibited");
    check(&prohibited, "nft delete table inet t", "local-permission", "3/13 10.77.2.2", false);
}

/// A local rule that drops is silent; only the walk, on which not even the first router answers,
/// hints at it.
#[test]
fn a_local_drop_is_told_by_the_counters_of_this_machine() {
    let Some(site) = Deployment::new("direct") else { return };
    site.net.host("psp").must_sh(
        "nft add table inet t; nft add chain inet t o '{ type filter hook output priority 0; }'; \
            nft add rule inet t o tcp dport 389 drop",
    );
    let seen = site.connect("psp", KEY, QUICK);
    let hop = seen.allow_to("dc", 389)[0];
    assert_eq!(
        (text(hop, "/verdict"), text(hop, "/reason")),
        ("inconclusive", "local-permission"),
        "{hop:#}"
    );
    assert_eq!(hop["evidence"].as_array().map(Vec::len), Some(2), "{hop:#}");
    assert_eq!(hop["trace"]["nodes"], json!([{ "ttl": 1, "answer": "silent" }]), "{hop:#}");
    assert!(text(hop, "/advice").contains("Mend this machine first"), "{hop:#}");
}

#[test]
fn nobody_on_the_local_network_answers_for_the_address() {
    let Some(site) = Deployment::new("direct") else { return };
    site.write_site("direct", |host| {
        if host.v4().to_string() == "10.77.3.2" {
            "\"10.77.2.77\"".into()
        } else {
            format!("\"{}\"", host.v4())
        }
    });
    let seen = site.connect("psp", KEY, &["--connect-timeout", "6s"]);
    let hop = seen.allow_to("dc", 389)[0];
    let (reason, initiator, _) = told(hop);
    assert_eq!(
        (reason.as_str(), initiator.as_str(), text(hop, "/verdict")),
        ("host-unreachable", "unknown", "fail"),
        "{hop:#}"
    );
    assert!(
        text(hop, "/advice").contains("nobody on this machine's own network answers"),
        "{hop:#}"
    );
}

/// A second router behind the first: the workstation's machine passes on to a network where nobody
/// answers.
fn two_routers(site: &Deployment, v6: bool) {
    site.net.router_sh(
        "ip route add 10.78.0.0/24 via 10.77.1.2; ip -6 route add fd78::/64 via fd77:1::2",
    );
    site.net.host("ws").must_sh(
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; \
         ip link add far type veth peer name farther; ip link set far up; ip link set farther up; \
         ip addr add 10.78.0.1/24 dev far; ip -6 addr add fd78::1/64 dev far nodad; \
         nft add table inet t; nft add chain inet t f '{ type filter hook forward priority 0; \
         policy drop; }'",
    );
    let far = if v6 { "\"fd78::9\"" } else { "\"10.78.0.9\"" };
    site.write_site("direct", |host| match host.v4().to_string().as_str() {
        "10.77.3.2" => far.to_owned(),
        _ => format!("\"{}\"", if v6 { host.v6() } else { host.v4() }),
    });
}

#[test]
fn the_walk_names_the_router_that_drops() {
    for (v6, first, second) in [(false, "10.77.2.1", "10.77.1.2"), (true, "fd77:2::1", "fd77:1::2")]
    {
        let Some(site) = Deployment::new("direct") else { return };
        two_routers(&site, v6);
        let begun = Instant::now();
        let seen =
            site.connect("psp", KEY, &["--connect-timeout", "1s", "--hop", &hop_id(&site, 389)]);
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "a walk into silence is short: {:?}",
            begun.elapsed()
        );
        let hop = seen.allow_to("dc", 389)[0];
        assert_eq!(text(hop, "/reason"), "timed-out", "{hop:#}");
        let nodes: Vec<(&str, &Value)> = hop["trace"]["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .map(|n| (text(n, "/answer"), &n["from"]))
            .collect();
        assert_eq!(
            nodes,
            [
                ("time-exceeded", &json!(first)),
                ("time-exceeded", &json!(second)),
                ("silent", &Value::Null)
            ],
            "{hop:#}"
        );
        let advice = text(hop, "/advice");
        assert!(
            advice.contains(&format!("in the log of {second} or the device after it")),
            "{advice}"
        );
        let never = site.connect("psp", KEY, &["--connect-timeout", "1s", "--trace", "never"]);
        assert!(never.hops().iter().all(|h| h["trace"].is_null()), "{}", never.done);
    }
}

/// The id of the hop from the server to a port of the domain controller.
fn hop_id(site: &Deployment, port: u16) -> String {
    let seen = site.connect(
        "psp",
        KEY,
        &["--connect-timeout", "200ms", "--retries", "0", "--trace", "never"],
    );
    text(seen.allow_to("dc", port)[0], "/hop").to_owned()
}

#[test]
fn the_walk_to_a_host_that_refuses_or_answers_ends_at_the_host() {
    let Some(site) = Deployment::new("direct") else { return };
    let _dc = site.listen("dc", KEY, DC);
    site.net.forward_rules("tcp dport 389 reject with tcp reset");
    let seen = site.connect("psp", KEY, &["--trace", "always"]);
    let path = |port| {
        let nodes =
            seen.allow_to("dc", port)[0]["trace"]["nodes"].as_array().expect("nodes").clone();
        nodes
            .iter()
            .map(|n| format!("{} {}", text(n, "/answer"), text(n, "/from")))
            .collect::<Vec<_>>()
    };
    // Two ports of one address are walked; the others share one of these walks.
    for hop in seen.hops().iter().filter(|h| h["to"]["host"] == "dc.contoso.test") {
        assert_eq!(hop["trace"]["nodes"].as_array().map(Vec::len), Some(2), "{hop:#}");
    }
    assert!(path(135)[0].starts_with("time-exceeded 10.77.2.1"), "{:?}", path(135));
    assert!(path(135)[1].ends_with(" 10.77.3.2"), "{:?}", path(135));
}

#[test]
fn a_lost_first_attempt_is_a_warning_with_both_attempts() {
    let Some(site) = Deployment::new("direct") else { return };
    let _dc = site.listen("dc", KEY, DC);
    // The source port of the first SYN is remembered, and everything from it dropped: another port
    // passes.
    site.net.forward_rules(
        "tcp dport 7001 tcp sport @lost drop\ntcp dport 7001 tcp flags syn limit rate 1/hour burst \
            1 packets add @lost { tcp sport } drop",
    );
    let seen = site.connect("psp", KEY, &["--connect-timeout", "3s"]);
    seen.assert("dc", 7001, "warn", "retried", "stand-in");
    let hop = seen.allow_to("dc", 7001)[0];
    let evidence = hop["evidence"].as_array().expect("evidence");
    assert_eq!(evidence.len(), 2, "{hop:#}");
    assert_eq!(
        (&evidence[0]["attempt"], &evidence[0]["outcome"]),
        (&json!(1), &json!("timed-out")),
        "{hop:#}"
    );
    assert_eq!(
        (&evidence[1]["attempt"], &evidence[1]["outcome"]),
        (&json!(2), &Value::Null),
        "{hop:#}"
    );
    assert!(evidence[0]["syns"].as_u64().is_some_and(|syns| syns >= 2), "{hop:#}");
    assert_ne!(evidence[0]["source"], evidence[1]["source"], "{hop:#}");
    assert!(hop["notes"].to_string().contains("opened at attempt 2"), "{hop:#}");
    seen.assert_proved("dc", &[135, 389, 636, 7003]);

    // One SYN lost, and the second one from the same port passes.
    site.net.forward_rules("tcp dport 7001 tcp flags syn limit rate 1/hour burst 1 packets drop");
    let seen = site.connect("psp", KEY, &["--connect-timeout", "3s"]);
    seen.assert("dc", 7001, "warn", "retried", "stand-in");
    let hop = seen.allow_to("dc", 7001)[0];
    assert_eq!(
        (hop["evidence"].as_array().map(Vec::len), &hop["evidence"][0]["syns"]),
        (Some(1), &json!(2)),
        "{hop:#}"
    );

    // Without another attempt the hop fails.
    site.net.forward_rules(
        "tcp dport 7001 tcp sport @lost drop\ntcp dport 7001 tcp flags syn limit rate 1/hour burst \
            1 packets add @lost { tcp sport } drop",
    );
    let seen = site.connect("psp", KEY, &["--connect-timeout", "3s", "--retries", "0"]);
    seen.assert("dc", 7001, "fail", "timed-out", "nobody");
}
