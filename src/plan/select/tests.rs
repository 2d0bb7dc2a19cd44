//! Who is found, and which hops are theirs.

use super::*;
use crate::matrix::model::{Flow, Protocol};
use crate::plan::fixture::*;

fn tcp(id: &str, from: &str, to: &str, port: u16) -> Flow {
    flow(id, from, to, port, Protocol::Tcp)
}

fn example() -> Plan {
    let flows = vec![
        tcp("a", "agent", "web", 80),
        tcp("b", "web", "db", 81),
        tcp("c", "web", "store", 81),
        tcp("d", "db", "web", 82),
    ];
    let hosts: &[(&str, &[&str])] = &[
        ("agent", &["ws-1.contoso.com", "10.20.0.0/16", "10.20.0.9"]),
        ("web", &["srv.contoso.com"]),
        ("db", &["dc01.contoso.com", "dc01.fabrikam.com=10.3.0.1"]),
        ("cache", &["cache.contoso.com"]),
    ];
    plan(flows, &site(hosts))
}

fn hops(hops: &[&Hop]) -> Vec<String> {
    hops.iter().map(|hop| hop.id.trim_start_matches("base/").to_owned()).collect()
}

fn said(text: &str) -> Who {
    Who::said(text)
}

fn here(name: &str, addresses: &[&str]) -> Who {
    Who::here(name, addresses.iter().map(|a| a.parse().expect("an address")).collect())
}

#[test]
fn a_role_selects_all_its_hops() {
    let plan = example();
    let agent = plan.for_host(&said("agent")).expect("a role");
    assert_eq!(agent.roles, ["agent"]);
    assert_eq!(
        hops(&agent.connect),
        [
            "a/ws-1.contoso.com/srv.contoso.com:80",
            "a/10.20.0.0_16/srv.contoso.com:80",
            "a/10.20.0.9/srv.contoso.com:80"
        ]
    );
    assert!(agent.listen.is_empty());
    assert_eq!(
        hops(&agent.connect_once()),
        ["a/ws-1.contoso.com/srv.contoso.com:80"],
        "for a machine that stands for all of them"
    );
}

#[test]
fn a_role_also_has_hops_of_wider_roles_and_folded_flows() {
    let plan = example();
    let store = plan.for_host(&said("store")).expect("a role");
    assert_eq!(
        hops(&store.listen),
        [
            "b/srv.contoso.com/dc01.contoso.com:81",
            "b/srv.contoso.com/dc01.fabrikam.com:81",
            "c/srv.contoso.com/cache.contoso.com:81"
        ],
        "two are folded into those of flow b"
    );
    let cache = plan.for_host(&said("cache")).expect("a role");
    assert_eq!(
        hops(&cache.listen),
        ["c/srv.contoso.com/cache.contoso.com:81"],
        "the flow speaks of the wider role"
    );
    let db = plan.for_host(&said("db")).expect("a role");
    assert_eq!(db.listen.len(), 2, "not the cache's");
    assert_eq!(db.connect.len(), 2);
}

#[test]
fn a_host_is_found_by_name_short_name_and_address() {
    let plan = example();
    for text in ["srv.contoso.com", "SRV.Contoso.COM.", "srv"] {
        let found = plan.for_host(&said(text)).expect(text);
        assert_eq!(found.hosts, [host("srv.contoso.com")], "{text}");
        assert_eq!(found.roles, ["web"]);
        assert_eq!((found.connect.len(), found.listen.len()), (3, 5), "{text}");
    }
    for (text, wanted) in [
        ("10.3.0.1", "dc01.fabrikam.com=10.3.0.1"),
        ("dc01.fabrikam.com", "dc01.fabrikam.com=10.3.0.1"),
        ("10.20.0.9", "10.20.0.9"),
        ("10.20.0.0/16", "10.20.0.0/16"),
        ("10.20.7.7", "10.20.0.0/16"),
    ] {
        assert_eq!(plan.for_host(&said(text)).expect(text).hosts, [host(wanted)], "{text}");
    }
    assert_eq!(
        plan.for_host(&said("10.3.0.1")).expect("a host").roles,
        ["db", "store"],
        "its own role, and the one that includes it"
    );
}

#[test]
fn nobody_is_an_error_with_a_suggestion() {
    let plan = example();
    let message = |who: &Who| plan.for_host(who).expect_err("nobody").to_string();
    assert_eq!(
        message(&said("agnet")),
        "\"agnet\" is neither a role nor a host of this site: did you mean \"agent\"?"
    );
    assert_eq!(
        message(&said("srv.contosso.com")),
        "\"srv.contosso.com\" is neither a role nor a host of this site: did you \
            mean \"srv.contoso.com\"?"
    );
    assert_eq!(message(&said("zzzzzz")), "\"zzzzzz\" is neither a role nor a host of this site");
    assert_eq!(message(&said("cloud")), "the site gives no host to the role cloud");
    assert_eq!(
        message(&said("dc01")),
        "\"dc01\" could be dc01.contoso.com or dc01.fabrikam.com: say which with --as"
    );
    assert_eq!(
        message(&here("laptop", &["127.0.0.1", "192.0.2.7"])),
        "this machine (laptop, 192.0.2.7) is not in the site file: add it there, or say --as ROLE \
            (the roles with hosts are: web, db, cache, store, agent)"
    );
}

#[test]
fn this_machine_finds_itself() {
    let plan = example();
    for (who, wanted) in [
        (here("srv.contoso.com", &[]), vec!["srv.contoso.com"]),
        (here("SRV", &[]), vec!["srv.contoso.com"]),
        // A machine that was moved to another domain keeps the first part of its name.
        (here("srv.fabrikam.com", &[]), vec!["srv.contoso.com"]),
        (here("dc01.contoso.com", &[]), vec!["dc01.contoso.com"]),
        (here("dc01", &["10.3.0.1"]), vec!["dc01.fabrikam.com=10.3.0.1"]),
        (here("ws-7", &["10.20.1.1"]), vec!["10.20.0.0/16"]),
        (here("", &["10.20.0.9"]), vec!["10.20.0.0/16", "10.20.0.9"]),
        (here("ws-1", &["10.20.0.4", "127.0.0.1"]), vec!["10.20.0.0/16", "ws-1.contoso.com"]),
    ] {
        let found = plan.for_host(&who).expect("somebody");
        assert_eq!(found.hosts, wanted.into_iter().map(host).collect::<Vec<_>>(), "{who:?}");
    }
    assert!(matches!(plan.for_host(&here("dc01", &[])), Err(NotFound::Ambiguous { .. })));
    assert!(matches!(plan.for_host(&here("", &[])), Err(NotFound::NotHere { .. })));
}

#[test]
fn this_machine_connects_once_under_its_most_exact_name() {
    let plan = example();
    let found = plan.for_host(&here("ws-1", &["10.20.0.9"])).expect("somebody");
    assert_eq!(found.hosts.len(), 3);
    assert_eq!(hops(&found.connect), ["a/ws-1.contoso.com/srv.contoso.com:80"]);
    let found = plan.for_host(&here("", &["10.20.0.9"])).expect("somebody");
    assert_eq!(hops(&found.connect), ["a/10.20.0.9/srv.contoso.com:80"]);
}
