//! What the mapper's answer about one interface means. No I/O.

use super::session::{Called, hex, not_spoken};
use crate::matrix::model::Interface;
use crate::matrix::port_set::PortSet;
use crate::net::failure::Failure;
use crate::observation::Detail;
use crate::proto::rpc::epm::MapResponse;
use crate::proto::rpc::{Syntax, status};
use crate::reason::Reason;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

/// Ports of one interface that are tried; a server with several network stacks names each a time or two.
const MAX_PORTS: usize = 8;

/// Where the mapper says that an interface is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// The interface.
    pub(super) interface: Syntax,
    /// TCP ports, in the mapper's order, each once, none of them 0.
    pub(super) ports: Vec<u16>,
    /// Addresses that the mapper gave, `0.0.0.0` left out. Only reported: behind NAT they are useless.
    pub(super) addresses: Vec<Ipv4Addr>,
}

impl Located {
    /// Facts for the rung; addresses only where they are not the one that is in use already.
    pub(super) fn detail(&self, in_use: IpAddr) -> Detail {
        let mut detail = Detail::from([("ports".to_owned(), json!(self.ports))]);
        let others: Vec<String> =
            self.addresses.iter().filter(|a| IpAddr::V4(**a) != in_use.to_canonical()).map(Ipv4Addr::to_string).collect();
        if !others.is_empty() {
            detail.insert("reported_addresses".to_owned(), json!(others));
        }
        detail
    }

    /// Ports that the flow's range, and so the rule of a firewall, does not have.
    pub(super) fn outside(&self, range: Option<&PortSet>) -> Vec<u16> {
        let outside = |port: &u16| range.is_some_and(|r| !r.contains(*port));
        self.ports.iter().copied().filter(outside).collect()
    }
}

/// What the rungs of an interface are about.
pub(super) fn about(interface: &Interface) -> Detail {
    Detail::from([
        ("interface".to_owned(), interface.name.clone().into()),
        ("uuid".to_owned(), interface.uuid.clone().into()),
        ("version".to_owned(), format!("{}.{}", interface.version.0, interface.version.1).into()),
    ])
}

/// Reads the end of an `ept_map` call about `wanted`.
///
/// # Errors
/// `rpc-not-registered`, `rpc-access-denied`, `rpc-bind-rejected` for any other fault, `rpc-not-spoken` for an answer that cannot be read.
pub(super) fn read(called: Called, wanted: Syntax) -> Result<Located, Failure> {
    let (stub, order) = match called {
        Called::Fault(status::ACCESS_DENIED) => return Err(denied().with("fault", hex(status::ACCESS_DENIED))),
        Called::Fault(fault) => return Err(Failure::peer(Reason::RpcBindRejected).with("fault", hex(fault))),
        Called::Answered(stub, order) => (stub, order),
    };
    let answer = MapResponse::decode(&stub, order).map_err(not_spoken)?;
    // Towers of other interfaces and transports (named pipes, HTTP) are none that were asked for.
    let towers = || answer.towers.iter().filter(|t| t.interface().is_some_and(|i| i.serves(&wanted)));
    let mut ports: Vec<u16> = Vec::new();
    for port in towers().filter_map(|t| t.tcp_port()).filter(|p| *p != 0) {
        if !ports.contains(&port) && ports.len() < MAX_PORTS {
            ports.push(port);
        }
    }
    let mut addresses: Vec<Ipv4Addr> = towers().filter_map(|t| t.address()).filter(|a| !a.is_unspecified()).collect();
    addresses.dedup();
    addresses.truncate(MAX_PORTS);
    match (answer.status, ports.is_empty()) {
        (_, false) => Ok(Located { interface: wanted, ports, addresses }),
        (status::ACCESS_DENIED, true) => Err(denied().with("status", hex(answer.status))),
        (code, true) => Err(Failure::peer(Reason::RpcNotRegistered).with("status", hex(code)).with("towers", answer.towers.len())),
    }
}

fn denied() -> Failure {
    Failure::peer(Reason::RpcAccessDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rpc::epm::NO_HANDLE;
    use crate::proto::rpc::{Order, Tower};

    const WANTED: Syntax = Syntax { major: 4, minor: 0, ..Syntax::EPM };

    fn answer(towers: Vec<Tower>, status: u32) -> Result<Located, Failure> {
        let stub = MapResponse { handle: NO_HANDLE, max_count: 4, towers, status }.encode(3);
        read(Called::Answered(stub, Order::Little), WANTED)
    }

    fn reason(outcome: Result<Located, Failure>) -> Reason {
        outcome.expect_err("a failure").reason
    }

    fn tower(port: u16, last: u8) -> Tower {
        Tower::tcp(WANTED, port, Ipv4Addr::new(10, 0, 0, last))
    }

    #[test]
    fn ports_come_once_in_order_and_without_zero() {
        let located = answer(vec![tower(0, 1), tower(49700, 1), tower(49152, 1), tower(49700, 2)], 0).expect("ports");
        assert_eq!(located.ports, [49700, 49152]);
        assert_eq!(located.addresses, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]);
        assert_eq!(located.outside(Some(&PortSet::run(49152, 49200))), [49700]);
        assert_eq!(located.outside(None), [0; 0]);
    }

    #[test]
    fn only_another_address_is_reported() {
        let located = answer(vec![tower(49152, 1)], 0).expect("ports");
        assert!(!located.detail("10.0.0.1".parse().expect("an address")).contains_key("reported_addresses"));
        assert_eq!(located.detail("192.0.2.1".parse().expect("an address"))["reported_addresses"], json!(["10.0.0.1"]));
        let empty = answer(vec![Tower::tcp(WANTED, 49152, Ipv4Addr::UNSPECIFIED)], 0).expect("ports");
        assert!(!empty.detail("192.0.2.1".parse().expect("an address")).contains_key("reported_addresses"));
    }

    #[test]
    fn an_interface_without_a_port_is_not_registered() {
        assert_eq!(reason(answer(Vec::new(), status::NOT_REGISTERED)), Reason::RpcNotRegistered);
        assert_eq!(reason(answer(vec![tower(0, 1)], 0)), Reason::RpcNotRegistered);
        let other = Tower::tcp(Syntax { major: 3, ..WANTED }, 49152, Ipv4Addr::UNSPECIFIED);
        assert_eq!(reason(answer(vec![other], 0)), Reason::RpcNotRegistered, "another version is another interface");
    }

    #[test]
    fn denials_and_rubbish_are_told_apart() {
        assert_eq!(reason(answer(Vec::new(), status::ACCESS_DENIED)), Reason::RpcAccessDenied);
        assert_eq!(reason(read(Called::Fault(status::ACCESS_DENIED), WANTED)), Reason::RpcAccessDenied);
        assert_eq!(reason(read(Called::Fault(0x1c01_0014), WANTED)), Reason::RpcBindRejected);
        assert_eq!(reason(read(Called::Answered(vec![1, 2, 3], Order::Little), WANTED)), Reason::RpcNotSpoken);
    }
}
