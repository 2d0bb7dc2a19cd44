//! Which address may be another machine's.

use super::*;
use crate::site::proxy::Route;
use crate::verdict::tests::fixture::{flow, hop};
use Misplaced::{Group, LinkLocal, Loopback, Nowhere, Own};

fn of(from: &[&str], to: &str, loopback: bool) -> Option<Misplaced> {
    between(from, &[], to, loopback)
}

/// With addresses that the site file gives the two hosts.
fn between(from: &[&str], fixed: &[&str], to: &str, loopback: bool) -> Option<Misplaced> {
    let address = |text: &&str| text.parse::<IpAddr>().expect("an address");
    let host = |name: &str, all: &[&str]| Host::Named {
        name: name.into(),
        addresses: all.iter().map(address).collect(),
    };
    let mut hop = hop(flow());
    (hop.from.host, hop.to.host) = (host("ws", from), host("psp", fixed));
    let own = ["127.0.0.1", "::1", "10.1.0.7", "fd00:1::7", "fe80::7"].map(|text| address(&text));
    misplaced(
        &hop,
        address(&to),
        &Machine { name: "ws.example".into(), addresses: own.into() },
        loopback,
    )
}

/// Addresses of the From host, one of which is this machine's.
const HERE: &[&str] = &["10.1.0.7", "10.99.0.1"];

#[test]
fn another_machine_has_none_of_these() {
    for (to, kind) in [
        ("127.0.0.1", Loopback),
        ("127.9.9.9", Loopback),
        ("::1", Loopback),
        ("::ffff:127.0.0.1", Loopback),
        ("::127.0.0.1", Loopback),
        ("64:ff9b::7f00:1", Loopback),
        ("0.0.0.0", Nowhere),
        ("0.1.2.3", Nowhere),
        ("::", Nowhere),
        ("::ffff:0.0.0.0", Nowhere),
        ("64:ff9b::", Nowhere),
        ("100::1", Nowhere),
        ("224.0.0.251", Group),
        ("255.255.255.255", Group),
        ("240.0.0.1", Group),
        ("ff02::1", Group),
        ("10.1.0.7", Own),
        ("::ffff:10.1.0.7", Own),
        ("fd00:1::7", Own),
        ("fe80::7", Own),
        ("169.254.3.4", LinkLocal),
        ("fe80::8", LinkLocal),
    ] {
        assert_eq!(of(HERE, to, false), Some(kind), "{to}");
        let unknown = Some(kind).filter(|kind| *kind != Own);
        assert_eq!(
            of(&[], to, false),
            unknown,
            "{to}: nobody knows on which of the two machines this is"
        );
    }
    let both = ["10.1.0.7"];
    assert_eq!(
        between(&both, &both, "10.1.0.7", false),
        None,
        "the site file says that the two are one machine"
    );
    assert_eq!(between(&both, &["10.1.0.7", "127.0.0.1"], "127.0.0.1", false), Some(Loopback));
}

#[test]
fn every_other_address_may_be_another_machines() {
    for to in [
        "10.1.0.8",
        "192.0.2.1",
        "1.1.1.1",
        "fd00:1::8",
        "2001:db8::1",
        "64:ff9b::a01:8",
        "::ffff:10.1.0.8",
        "100.64.0.1",
        "223.255.255.1",
    ] {
        assert_eq!(of(&[], to, false), None, "{to}");
    }
}

#[test]
fn a_site_on_loopback_stays_there() {
    assert_eq!(
        of(&["127.0.9.2"], "127.0.9.1", false),
        None,
        "its hosts are told apart by their addresses on loopback"
    );
    assert_eq!(of(&["::1"], "127.0.0.1", false), None);
    assert_eq!(of(&[], "127.77.1.10", true), None, "the lab");
    assert_eq!(
        of(&["127.0.9.2"], "0.0.0.0", true),
        Some(Nowhere),
        "nobody lives there all the same"
    );
    assert_eq!(
        of(&["169.254.1.1"], "169.254.1.2", false),
        None,
        "two hosts on one link without a router"
    );
    let mut network = hop(flow());
    network.from.host = Host::Network("127.0.0.0/8".parse().expect("a network"));
    assert_eq!(misplaced(&network, [127, 0, 0, 1].into(), &Machine::default(), false), None);
}

#[test]
fn a_proxy_may_run_on_this_machine() {
    let mut hop = hop(flow());
    let Ok(Route::Proxy(proxy)) = "http://127.0.0.1:3128".parse() else { panic!("it is a proxy") };
    hop.proxy = Some(proxy);
    assert_eq!(misplaced(&hop, [127, 0, 0, 1].into(), &Machine::default(), false), None);
}

#[test]
fn a_machine_is_known_by_its_addresses_or_its_name() {
    let at = |name: &str, from: &str| {
        let mut hop = hop(flow());
        hop.from.host = Host::Named { name: from.into(), addresses: Vec::new() };
        let address = IpAddr::from([10, 1, 0, 7]);
        misplaced(&hop, address, &Machine { name: name.into(), addresses: vec![address] }, false)
    };
    assert_eq!(at("ws.example", "ws.example"), Some(Own));
    assert_eq!(at("ws", "ws.example"), Some(Own), "a name without its domain");
    assert_eq!(at("ws.other.example", "ws.example"), None, "a namesake");
    assert_eq!(at("", "ws.example"), None);
    assert_eq!(at("psp", "ws.example"), None, "this is the other end");
}
