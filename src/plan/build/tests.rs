//! One test for each rule of planning.

use super::*;
use crate::matrix::model::Port;
use crate::matrix::port_set::PortSet;
use crate::plan::fixture::*;
use crate::site::proxy::{NoProxy, Route};
use std::collections::BTreeMap;

fn tcp(id: &str, from: &str, to: &str) -> Flow {
    flow(id, from, to, 80, Protocol::Tcp)
}

#[test]
fn every_pair_of_hosts_is_a_hop() {
    let plan = plan(
        vec![tcp("f", "web", "db")],
        &site(&[("web", &["w1", "10.0.0.2"]), ("db", &["d1", "d2"])]),
    );
    assert_eq!(
        ids(&plan),
        ["base/f/w1/d1:80", "base/f/w1/d2:80", "base/f/10.0.0.2/d1:80", "base/f/10.0.0.2/d2:80"]
    );
    assert!(plan.unplanned.is_empty());
    assert_eq!(plan.hops[0].from, HopEnd { role: "web".into(), host: host("w1") });
    assert_eq!(plan.hops[0].flow.id, "base/f");
}

#[test]
fn a_table_applies_at_its_topology_and_product() {
    let site = site(&[("web", &["w"]), ("db", &["d"])]);
    let table = |id: &str, topology: Option<&str>, product: &str| Matrix {
        topology: topology.map(str::to_owned),
        product: product.into(),
        ..matrix(id, vec![tcp(id.rsplit('/').next().expect("a part"), "web", "db")])
    };
    let mut tables = [
        table("shop/direct", Some("direct"), "shop"),
        table("shop/proxied", Some("proxied"), "shop"),
        table("shop/any", None, "shop"),
        table("mill/direct", Some("direct"), "mill"),
    ];
    // Different ports, so that none is folded.
    for (number, table) in tables.iter_mut().enumerate() {
        table.flows[0].port = Port::Literal(100 + number as u16);
    }
    assert_eq!(
        ids(&build(&product(), &tables, &site).expect("a plan")),
        ["direct/direct/w/d:100", "any/any/w/d:102"]
    );
}

#[test]
fn features_are_said_or_implied_or_default() {
    let conditional =
        |condition: &str| Flow { when: vec![when(condition)], ..tcp("f", "web", "db") };
    let hosts: &[(&str, &[&str])] = &[("web", &["w"]), ("db", &["d"])];
    let with_cache: &[(&str, &[&str])] = &[("web", &["w"]), ("db", &["d"]), ("cache", &["c"])];
    let said = |roles, feature: &str, on| {
        let mut site = site(roles);
        site.features.insert(feature.into(), on);
        site
    };
    for (name, condition, site, planned) in [
        ("off unless said", "audit", site(hosts), false),
        ("and its opposite", "!audit", site(hosts), true),
        ("on when said", "audit", said(hosts, "audit", true), true),
        ("not implied", "caching", site(hosts), false),
        ("implied by a host of the role", "caching", site(with_cache), true),
        ("the site's word goes first", "caching", said(with_cache, "caching", false), false),
        ("on by default", "search", site(hosts), true),
        ("off in spite of the default", "search", said(hosts, "search", false), false),
        ("unknown is off", "nonsense", site(hosts), false),
    ] {
        let plan = plan(vec![conditional(condition)], &site);
        assert_eq!(plan.hops.len(), usize::from(planned), "{name}");
        let why = Why::ConditionFalse { condition: condition.into() };
        assert_eq!(whys(&plan), if planned { vec![] } else { vec![&why] }, "{name}");
    }
}

#[test]
fn the_first_unmet_condition_is_named() {
    let flow = Flow {
        when: vec![when("search"), when("!search"), when("audit")],
        ..tcp("f", "web", "db")
    };
    let plan = plan(vec![flow], &site(&[("web", &["w"]), ("db", &["d"])]));
    assert_eq!(whys(&plan), [&Why::ConditionFalse { condition: "!search".into() }]);
}

#[test]
fn a_role_includes_the_hosts_of_others_each_once() {
    let site =
        site(&[("web", &["w"]), ("store", &["s"]), ("db", &["d", "both"]), ("cache", &["both"])]);
    let plan = plan(vec![tcp("f", "web", "store")], &site);
    assert_eq!(ids(&plan), ["base/f/w/s:80", "base/f/w/d:80", "base/f/w/both:80"]);
    assert!(plan.hops.iter().all(|hop| hop.to.role == "store"));
}

#[test]
fn roles_that_include_each_other_end() {
    let mut product = product();
    for role in &mut product.roles {
        if role.id == "db" {
            role.includes.push("store".into());
        }
    }
    let plan = build(
        &product,
        &[matrix("shop/base", vec![tcp("f", "web", "db")])],
        &site(&[("web", &["w"]), ("store", &["s"])]),
    )
    .expect("a plan");
    assert_eq!(ids(&plan), ["base/f/w/s:80"]);
}

#[test]
fn a_cloud_role_has_its_published_names() {
    let plan_1 = plan(vec![tcp("f", "web", "cloud")], &site(&[("web", &["w1", "w2"])]));
    assert_eq!(
        ids(&plan_1),
        ["base/f/w1/login.cloud.example:80", "base/f/w2/login.cloud.example:80"]
    );
    assert_eq!(
        whys(&plan_1),
        [&Why::Wildcard { name: "*.cloud.example".into() }],
        "once, not for each From host"
    );
    assert_eq!(plan_1.hops[0].flow.networks.len(), 1);

    let own =
        plan(vec![tcp("f", "web", "cloud")], &site(&[("web", &["w1"]), ("cloud", &["10.9.9.9"])]));
    assert_eq!(ids(&own), ["base/f/w1/10.9.9.9:80"]);
    assert!(own.unplanned.is_empty());
    assert!(own.hops[0].flow.networks.is_empty(), "the site says where it is");

    for (given, checked) in [
        ("a.cloud.example", true),
        ("login.cloud.example=10.1.1.1", false),
        ("cloud.example", false),
    ] {
        let some =
            plan(vec![tcp("f", "web", "cloud")], &site(&[("web", &["w1"]), ("cloud", &[given])]));
        assert_eq!(!some.hops[0].flow.networks.is_empty(), checked, "{given}");
    }
}

#[test]
fn only_https_to_a_cloud_role_goes_through_a_proxy() {
    let flows = vec![
        tcp("plain", "web", "cloud"),
        flow("web", "web", "cloud", 443, Protocol::Https),
        flow("own", "web", "db", 443, Protocol::Https),
    ];
    let planned = || plan(flows.clone(), &site(&[("web", &["w"]), ("db", &["d"])]));
    let through = |routes: &[&str], except: &str| {
        let routes: Vec<Route> =
            routes.iter().map(|route| route.parse().expect("a route")).collect();
        ids(&planned().through(&routes, &NoProxy::parse(except)))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (plain, web, own) = (
        "base/plain/w/login.cloud.example:80",
        "base/web/w/login.cloud.example:443",
        "base/own/w/d:443",
    );
    assert_eq!(through(&["http://p:1"], ""), [plain, &format!("{web}@p:1"), own]);
    assert_eq!(through(&["http://p:1", "direct"], ""), [plain, &format!("{web}@p:1"), web, own]);
    assert_eq!(through(&["http://p:1"], "cloud.example"), [plain, web, own]);
    assert_eq!(through(&["direct"], ""), [plain, web, own]);
}

#[test]
fn named_ports_are_overridden_and_literal_ones_are_not() {
    let named = Flow { port: Port::Named("db".into()), ..tcp("f", "web", "db") };
    let mut site = site(&[("web", &["w"]), ("db", &["d"])]);
    assert_eq!(
        ids(&plan(vec![named.clone(), tcp("g", "web", "db")], &site)),
        ["base/f/w/d:5432", "base/g/w/d:80"]
    );
    site.ports = BTreeMap::from([("db".into(), 6000)]);
    site.port_offset = 20000;
    assert_eq!(
        ids(&plan(vec![named, tcp("g", "web", "db")], &site)),
        ["base/f/w/d:26000", "base/g/w/d:20080"]
    );
}

#[test]
fn the_range_is_overridden_and_shifted() {
    let rpc = Flow {
        range: Some("rpc".into()),
        interfaces: vec!["drs".into()],
        ..flow("f", "web", "db", 135, Protocol::Rpc)
    };
    let mut site = site(&[("web", &["w"]), ("db", &["d"])]);
    let planned = plan(vec![rpc.clone()], &site);
    assert_eq!(planned.hops[0].flow.options.range(), Some(&PortSet::run(49152, 65535)));
    assert_eq!(planned.hops[0].flow.options.interfaces(), [interface("drs")]);

    site.port_offset = 1000;
    let too_far = plan(vec![rpc.clone()], &site);
    assert!(too_far.hops.is_empty());
    assert_eq!(
        whys(&too_far),
        [&Why::NoPort { port: "49152-65535".into() }],
        "never a port that wraps around"
    );

    site.ranges = BTreeMap::from([("rpc".into(), PortSet::run(50000, 50010))]);
    let shifted = plan(vec![rpc], &site);
    assert_eq!(shifted.hops[0].flow.options.range(), Some(&PortSet::run(51000, 51010)));
    assert_eq!(shifted.hops[0].port, 1135);
}

#[test]
fn a_port_that_nobody_declares_or_that_wraps_is_left_out() {
    let mut site = site(&[("web", &["w"]), ("db", &["d"])]);
    site.port_offset = 65500;
    let flows = vec![
        Flow { port: Port::Named("x".into()), ..tcp("f", "web", "db") },
        tcp("g", "web", "db"),
    ];
    let plan = plan(flows, &site);
    assert!(plan.hops.is_empty());
    assert_eq!(
        whys(&plan),
        [&Why::NoPort { port: "x".into() }, &Why::NoPort { port: "80".into() }]
    );
}

#[test]
fn a_relay_is_connected_to_when_the_site_has_one() {
    let relayed = Flow { via: Some("cache".into()), ..tcp("f", "web", "db") };
    let without = plan(vec![relayed.clone()], &site(&[("web", &["w"]), ("db", &["d1", "d2"])]));
    assert_eq!(ids(&without), ["base/f/w/d1:80", "base/f/w/d2:80"]);
    assert_eq!(without.hops[0].flow.relayed_to, None);

    let with = plan(
        vec![relayed.clone()],
        &site(&[("web", &["w"]), ("db", &["d1", "d2"]), ("cache", &["c"])]),
    );
    assert_eq!(ids(&with), ["base/f/w/c:80"]);
    assert_eq!(with.hops[0].to, HopEnd { role: "cache".into(), host: host("c") });
    assert_eq!(
        with.hops[0].flow.relayed_to,
        Some(RelayedTo {
            role: "db".into(),
            hosts: vec!["d1".into(), "d2".into()],
            ..RelayedTo::default()
        })
    );
    assert_eq!(with.fronts_of("d2", 80), [("c".to_owned(), 80)], "what is sent to it comes here");
    assert!(with.fronts_of("w", 80).is_empty() && without.fronts_of("d2", 80).is_empty());

    let same =
        plan(vec![relayed.clone()], &site(&[("web", &["w"]), ("db", &["d"]), ("cache", &["d"])]));
    assert_eq!(ids(&same), ["base/f/w/d:80"], "the relay may be on the service's own host");

    let nobody = plan(vec![relayed], &site(&[("web", &["w"]), ("cache", &["c"])]));
    assert_eq!(whys(&nobody), [&Why::RoleWithoutHost { role: "db".into() }]);
}

#[test]
fn networks_may_connect_but_not_be_connected_to() {
    let plan = plan(
        vec![tcp("f", "web", "db")],
        &site(&[("web", &["10.1.0.0/16"]), ("db", &["d", "10.2.0.0/16"])]),
    );
    assert_eq!(ids(&plan), ["base/f/10.1.0.0_16/d:80"]);
    assert_eq!(whys(&plan), [&Why::NetworkOnToSide { network: "10.2.0.0/16".into() }]);
}

#[test]
fn nobody_connects_to_itself() {
    for (a, b) in [
        ("x", "x"),
        ("10.0.0.1", "10.0.0.1"),
        ("x=10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "x=10.0.0.1"),
    ] {
        let plan = plan(vec![tcp("f", "web", "db")], &site(&[("web", &[a]), ("db", &[b, "d"])]));
        assert_eq!(plan.hops.len(), 1, "{a} {b}");
        assert_eq!(whys(&plan), [&Why::SameHost { host: host(b).label() }]);
    }
}

#[test]
fn a_listener_is_there_for_a_front_on_the_services_own_machine() {
    let relayed = Flow {
        via: Some("cache".into()),
        protocol: Protocol::Http,
        path: Some("/x".into()),
        ..tcp("f", "web", "db")
    };
    let onward = Flow {
        from: "cache".into(),
        port: Port::Literal(5000),
        protocol: Protocol::Http,
        path: Some("/x".into()),
        ..tcp("g", "cache", "db")
    };
    let hosts = [("web", &["w"][..]), ("db", &["d=10.0.0.1"]), ("cache", &["d=10.0.0.1"])];
    let plan = plan(vec![relayed, onward], &site(&hosts));
    assert_eq!(ids(&plan), ["base/f/w/d:80"], "nobody connects to itself");
    let inside: Vec<&str> = plan.inside.iter().map(|hop| hop.id.as_str()).collect();
    assert_eq!(inside, ["base/g/d/d:5000"]);
    let who = crate::plan::select::Who::said("db");
    let listening = crate::plan::listening::listen_endpoints(&plan, &who).expect("it is planned");
    let of = |port: u16| listening.endpoints.iter().find(|endpoint| endpoint.port == port);
    let endpoint = of(5000).expect("the front passes on to it");
    assert_eq!(endpoint.paths, ["/x"]);
    let addresses: Vec<String> = endpoint.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.0.1", "127.0.0.1"], "the front may use the loopback device");
}

#[test]
fn what_is_asked_twice_is_one_hop() {
    let optional = Flow { required: false, ..tcp("a", "web", "db") };
    let flows = vec![
        optional,
        tcp("b", "web", "store"),
        Flow { path: Some("/x".into()), protocol: Protocol::Http, ..tcp("c", "web", "db") },
        Flow { path: Some("/y".into()), protocol: Protocol::Http, ..tcp("d", "web", "db") },
    ];
    let plan = plan(flows, &site(&[("web", &["w"]), ("db", &["d1", "d2"]), ("cache", &["c"])]));
    assert_eq!(
        ids(&plan)[..5],
        ["base/a/w/d1:80", "base/a/w/d2:80", "base/b/w/c:80", "base/c/w/d1:80", "base/c/w/d2:80"]
    );
    assert_eq!(ids(&plan).len(), 7, "each path is asked for itself");
    assert_eq!(plan.hops[0].also, ["base/b"]);
    assert_eq!(plan.hops[1].also, ["base/b"]);
    assert!(plan.hops[2].also.is_empty());
    let covered = |hop: &str| Why::CoveredBy { hop: hop.into() };
    assert_eq!(whys(&plan), [&covered("base/a/w/d1:80"), &covered("base/a/w/d2:80")]);
    assert_eq!(
        (plan.unplanned[0].flow.as_str(), plan.unplanned[0].to.as_str()),
        ("base/b", "store")
    );
    assert!(plan.hops[0].flow.required, "the second flow needs it");
    assert!(std::sync::Arc::ptr_eq(&plan.hops[0].flow, &plan.hops[1].flow));
}

#[test]
fn different_expectations_and_interfaces_are_not_folded() {
    let rpc = |id: &str, interface: &str| Flow {
        interfaces: vec![interface.into()],
        ..flow(id, "web", "db", 135, Protocol::Rpc)
    };
    let deny = Flow { expect: Expect::Deny, ..tcp("d", "web", "db") };
    let plan = plan(
        vec![tcp("a", "web", "db"), deny, rpc("e", "drs"), rpc("f", "samr")],
        &site(&[("web", &["w"]), ("db", &["d"])]),
    );
    assert_eq!(plan.hops.len(), 4);
    assert!(plan.unplanned.is_empty());
}

#[test]
fn what_cannot_be_probed_or_found_is_said() {
    let flows = vec![
        flow("u", "web", "db", 53, Protocol::Udp),
        tcp("f", "web", "db"),
        tcp("g", "db", "web"),
        tcp("h", "agent", "cache"),
    ];
    let plan = plan(flows, &site(&[("web", &["w"]), ("db", &["discover:fabrikam.com"])]));
    let missing = Why::NotDiscovered { domain: "fabrikam.com".into(), because: None };
    assert!(plan.hops.is_empty());
    assert_eq!(
        whys(&plan),
        [
            &Why::ProtocolNotProbed { protocol: Protocol::Udp },
            &missing,
            &missing,
            &Why::RoleWithoutHost { role: "agent".into() }
        ]
    );
}

#[test]
fn each_fixed_address_is_a_hop() {
    let plan = plan(
        vec![tcp("f", "web", "db")],
        &site(&[
            ("web", &["w=10.0.0.1,10.0.0.2"]),
            ("db", &["d=10.1.0.1,2001:db8::1", "e=10.1.0.9", "2001:db8::2"]),
        ]),
    );
    assert_eq!(
        ids(&plan),
        [
            "base/f/w/d[10.1.0.1]:80",
            "base/f/w/d[2001:db8::1]:80",
            "base/f/w/e:80",
            "base/f/w/[2001:db8::2]:80"
        ],
        "and the From host's addresses make no hops"
    );
    let addresses: Vec<String> =
        plan.hops.iter().filter_map(|hop| hop.address).map(|a| a.to_string()).collect();
    assert_eq!(addresses, ["10.1.0.1", "2001:db8::1", "10.1.0.9", "2001:db8::2"]);
}

#[test]
fn ids_do_not_depend_on_the_order_and_are_unique() {
    let flows = || {
        vec![
            tcp("a", "web", "db"),
            flow("b", "web", "db", 81, Protocol::Tcp),
            tcp("c", "db", "web"),
        ]
    };
    let hosts: &[(&str, &[&str])] =
        &[("web", &["w1", "w2", "10.0.0.0/8"]), ("db", &["d1", "d2=10.0.0.1,10.0.0.2"])];
    let turned: &[(&str, &[&str])] =
        &[("db", &["d2=10.0.0.1,10.0.0.2", "d1"]), ("web", &["10.0.0.0/8", "w2", "w1"])];
    let forward = plan(flows(), &site(hosts));
    let backward = plan(flows().into_iter().rev().collect(), &site(turned));
    let sorted = |plan: &Plan| {
        ids(plan).into_iter().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(sorted(&forward), sorted(&backward));
    assert_eq!(sorted(&forward).len(), forward.hops.len());
}

#[test]
fn tables_of_the_same_short_name_do_not_clash() {
    let deny = Flow { expect: Expect::Deny, ..tcp("f", "web", "db") };
    let tables =
        [matrix("shop/base", vec![tcp("f", "web", "db")]), matrix("other/base", vec![deny])];
    assert_eq!(
        ids(&build(&product(), &tables, &site(&[("web", &["w"]), ("db", &["d"])])).expect("a plan")),
        ["base/f/w/d:80", "base/f/w/d:80#2"]
    );
}

#[test]
fn the_source_is_cited() {
    let mut table = matrix(
        "shop/base",
        vec![
            Flow { row: Some(3), ..tcp("a", "web", "db") },
            Flow { section: Some("4.2".into()), ..tcp("b", "db", "web") },
        ],
    );
    let hosts = site(&[("web", &["w"]), ("db", &["d"])]);
    let sources = |table: &Matrix| {
        build(&product(), [table], &hosts)
            .expect("a plan")
            .hops
            .iter()
            .map(|hop| hop.flow.source.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(sources(&table), ["Handbook, row 3", "4.2"]);
    table.source.section = Some("Ports".into());
    assert_eq!(sources(&table), ["Ports, row 3", "4.2"]);
}

#[test]
fn names_become_addresses_when_dns_has_answered() {
    let flows = vec![tcp("a", "web", "db"), tcp("b", "web", "store")];
    let plan = plan(
        flows,
        &site(&[("web", &["w"]), ("db", &["one", "two", "none", "unknown", "fixed=10.0.0.9"])]),
    );
    assert_eq!(plan.names_to_resolve(), ["one", "two", "none", "unknown"]);
    let answer = |name: &str| match name {
        "one" => Some(vec!["10.0.0.1".parse().expect("an address")]),
        "two" => Some(
            ["10.0.0.2", "2001:db8::2", "10.0.0.2"]
                .map(|a| a.parse().expect("an address"))
                .to_vec(),
        ),
        "none" => Some(Vec::new()),
        "fixed" => panic!("a fixed address is not looked up"),
        _ => None,
    };
    let resolved = plan.with_addresses(&answer);
    assert_eq!(
        ids(&resolved),
        [
            "base/a/w/one:80",
            "base/a/w/two[10.0.0.2]:80",
            "base/a/w/two[2001:db8::2]:80",
            "base/a/w/none:80",
            "base/a/w/unknown:80",
            "base/a/w/fixed:80"
        ]
    );
    let addresses: Vec<bool> = resolved.hops.iter().map(|hop| hop.address.is_some()).collect();
    assert_eq!(addresses, [true, true, true, false, false, true]);
    assert_eq!(whys(&resolved)[1], &Why::CoveredBy { hop: "base/a/w/two[10.0.0.2]:80".into() });
    assert_eq!(resolved.names_to_resolve(), ["none", "unknown"]);
}

#[test]
fn ten_thousand_agents_are_ten_thousand_hops() {
    let agents: Vec<String> = (0..10_000).map(|n| format!("ws-{n:05}.contoso.com")).collect();
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    let flows = vec![
        tcp("a", "agent", "db"),
        tcp("b", "agent", "store"),
        flow("c", "agent", "web", 443, Protocol::Https),
    ];
    let plan = plan(flows, &site(&[("agent", &agents), ("db", &["d"]), ("web", &["w"])]));
    assert_eq!(plan.hops.len(), 20_000);
    assert_eq!(plan.unplanned.len(), 10_000, "the second flow is covered by the first");
    let unique: std::collections::HashSet<&str> = ids(&plan).into_iter().collect();
    assert_eq!(unique.len(), 20_000);
}

#[test]
fn declared_controls_are_carried_along() {
    let mut site = site(&[("web", &["w"]), ("db", &["d"])]);
    site.controls = BTreeMap::from([("d".to_owned(), vec![3389, 22])]);
    let plan = plan(vec![tcp("f", "web", "db")], &site);
    let found: Vec<(&str, u16)> =
        plan.controls.iter().map(|control| (control.host.as_str(), control.port)).collect();
    assert_eq!(found, [("d", 3389), ("d", 22)]);
    assert_eq!(plan.with_addresses(&|_: &str| None).controls, plan.controls, "resolved or not");
}
