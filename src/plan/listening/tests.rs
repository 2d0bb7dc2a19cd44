//! Which ports are opened, and for what.

use super::*;
use crate::matrix::model::{Flow, Protocol::*};
use crate::matrix::port_set::PortSet;
use crate::plan::fixture::*;

fn example() -> Plan {
    let http = |id: &str, port, protocol, path: &str| Flow {
        path: Some(path.into()),
        ..flow(id, "agent", "web", port, protocol)
    };
    let rpc = |id: &str, interface: &str| Flow {
        interfaces: vec![interface.into()],
        range: Some("rpc".into()),
        ..flow(id, "web", "db", 135, Rpc)
    };
    let flows = vec![
        Flow { expect: Expect::Deny, ..http("admin", 443, Https, "/admin") },
        http("page", 443, Https, "/agent"),
        http("stream", 443, Grpc, "/agent"),
        http("plain", 80, Http, "/a"),
        http("h2c", 80, GrpcH2c, "/b"),
        flow("raw", "agent", "web", 80, Tcp),
        Flow { starttls: true, ..flow("ldap", "web", "db", 389, Ldap) },
        rpc("r1", "drs"),
        rpc("r2", "samr"),
        Flow { expect: Expect::Deny, ..flow("sql", "agent", "db", 1433, Tcp) },
    ];
    plan(
        flows,
        &site(&[
            ("agent", &["w1", "w2"]),
            ("web", &["srv"]),
            ("db", &["d1=10.0.0.1,10.0.0.2", "d2"]),
        ]),
    )
}

#[test]
fn http_and_grpc_share_a_port_and_a_denied_path_is_not_served() {
    let plan = example();
    let listening = listen_endpoints(&plan, &Who::said("srv")).expect("a host");
    let ports: Vec<u16> = listening.endpoints.iter().map(|e| e.port).collect();
    assert_eq!(ports, [443, 80]);
    let https = &listening.endpoints[0];
    assert_eq!(https.protocols, [Https, Grpc]);
    assert_eq!(https.paths, ["/agent"]);
    assert_eq!(https.hops.len(), 6, "the denied ones too");
    assert!(https.tls && !https.starttls);
    assert!(https.addresses.is_empty());
    let http = &listening.endpoints[1];
    assert_eq!(http.protocols, [Http, GrpcH2c]);
    assert_eq!(http.paths, ["/a", "/b"]);
    assert!(!http.tls);
    let conflicts: Vec<String> = listening.conflicts.iter().map(Conflict::to_string).collect();
    assert_eq!(
        conflicts,
        [
            "port 80 of srv speaks http and cannot speak tcp for base/raw/w1/srv:80",
            "port 80 of srv speaks http and cannot speak tcp for base/raw/w2/srv:80"
        ]
    );
}

#[test]
fn each_host_has_its_own_ports() {
    let plan = example();
    let listening = listen_endpoints(&plan, &Who::said("db")).expect("a role");
    let places: Vec<(String, u16)> =
        listening.endpoints.iter().map(|e| (e.host.label(), e.port)).collect();
    let wanted = [("d1", 389), ("d2", 389), ("d1", 135), ("d2", 135), ("d1", 1433), ("d2", 1433)];
    assert_eq!(places, wanted.map(|(host, port)| (host.to_owned(), port)));
    let of = |host: &str, port| {
        listening
            .endpoints
            .iter()
            .find(|e| e.host.label() == host && e.port == port)
            .expect("it is there")
    };
    assert!(of("d1", 389).starttls && !of("d1", 389).tls);
    assert_eq!(of("d1", 389).hops.len(), 2, "one for each address");
    assert_eq!(of("d1", 389).addresses.len(), 2);
    let mapper = of("d2", 135);
    assert_eq!(mapper.interfaces, [interface("drs"), interface("samr")]);
    assert_eq!(mapper.range, Some(PortSet::run(49152, 65535)));
    assert_eq!(
        of("d2", 1433).hops.len(),
        2,
        "a port that must be shut is opened, to show that it is shut"
    );
    assert!(listening.conflicts.is_empty());
    assert!(listen_endpoints(&plan, &Who::said("nobody")).is_err());
}

#[test]
fn a_port_of_an_application_serves_its_bare_rows_as_well() {
    use Protocol::{Kerberos, Ldap, Tcp, Tls};
    let speaks = |rows: &[Protocol]| {
        let flows = rows.iter().zip(["a", "b"]);
        let flows: Vec<Flow> =
            flows.map(|(protocol, id)| flow(id, "web", "db", 88, *protocol)).collect();
        let plan = plan(flows, &site(&[("web", &["w"]), ("db", &["d"])]));
        let listening = listen_endpoints(&plan, &Who::said("db")).expect("it is planned");
        (listening.endpoints[0].protocols[0], listening.conflicts.len())
    };
    assert_eq!(speaks(&[Kerberos, Tcp]), (Kerberos, 0));
    assert_eq!(speaks(&[Tcp, Kerberos]), (Kerberos, 0));
    assert_eq!(speaks(&[Kerberos, Tls]).1, 1);
    assert_eq!(speaks(&[Ldap, Tcp]).1, 1, "a challenge has a place in LDAP alone");
}
