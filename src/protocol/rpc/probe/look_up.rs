//! What the mapper's answer about one interface means. No I/O.

use super::session::{Called, hex, not_spoken, of_fault};
use crate::matrix::model::Interface;
use crate::matrix::port_set::PortSet;
use crate::observation::Facts;
use crate::observation::failure::Failure;
use crate::protocol::rpc::codec::epm::{Handle, MapResponse, NO_HANDLE};
use crate::protocol::rpc::codec::{Syntax, Tower};
use crate::reason::Reason;
use std::net::{IpAddr, Ipv4Addr};

/// Ports of one interface that are tried; a server with several network stacks names each a time or
/// two.
const MAX_PORTS: usize = 16;
/// Towers that are taken of one mapper.
const MAX_TOWERS: usize = 64;

/// Where the mapper says that an interface is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// The interface.
    pub(super) interface: Syntax,
    /// TCP ports, in the mapper's order, each once, none of them 0.
    pub(super) ports: Vec<u16>,
    /// How many more there are, which are not tried.
    pub(super) left_out: usize,
    /// Addresses that the mapper gave, `0.0.0.0` left out. Only reported: behind NAT they are
    /// useless.
    pub(super) addresses: Vec<Ipv4Addr>,
}

impl Located {
    /// Facts for the rung; addresses only where they are not the one that is in use already.
    pub(super) fn facts(&self, in_use: IpAddr) -> Facts {
        let others = |a: &&Ipv4Addr| IpAddr::V4(**a) != in_use.to_canonical();
        Facts::of(|facts| {
            facts.rpc.ports.clone_from(&self.ports);
            facts.rpc.reported_addresses = self.addresses.iter().filter(others).copied().collect();
        })
    }

    /// Ports that the flow's range, and so the rule of a firewall, does not have.
    pub(super) fn outside(&self, range: Option<&PortSet>) -> Vec<u16> {
        let outside = |port: &u16| range.is_some_and(|r| !r.contains(*port));
        self.ports.iter().copied().filter(outside).collect()
    }
}

/// What the rungs of an interface are about.
pub(super) fn about(interface: &Interface) -> Facts {
    Facts::of(|facts| {
        facts.rpc.interface = Some(interface.name.clone());
        facts.rpc.uuid = Some(interface.uuid.to_string());
        facts.rpc.version = Some(format!("{}.{}", interface.version.0, interface.version.1));
    })
}

/// The answers to an `ept_map` call, of which each holds a few towers, and a handle to ask for
/// more.
#[derive(Debug, Default)]
pub(super) struct Pages {
    towers: Vec<Tower>,
    status: u32,
}

impl Pages {
    /// Reads one answer, and gives the handle for the next one where there is more.
    ///
    /// # Errors
    /// `rpc-access-denied`, `rpc-server-busy`, `rpc-bind-rejected` for any other fault,
    /// `rpc-not-spoken` for an answer that cannot be read; of the first one only: what came before
    /// stays.
    pub(super) fn add(&mut self, called: Called) -> Result<Option<Handle>, Failure> {
        let is_first = self.towers.is_empty();
        let read = match called {
            Called::Fault(code) => Err(of_fault(code)),
            Called::Answered(stub, order) => MapResponse::decode(&stub, order).map_err(not_spoken),
        };
        let page = match read {
            Ok(page) => page,
            Err(failure) => return if is_first { Err(failure) } else { Ok(None) },
        };
        if is_first {
            self.status = page.status;
        }
        let more = page.handle != NO_HANDLE
            && !page.towers.is_empty()
            && self.towers.len() + page.towers.len() < MAX_TOWERS;
        self.towers.extend(page.towers);
        Ok(more.then_some(page.handle))
    }

    /// Where the interface is.
    ///
    /// # Errors
    /// `rpc-not-registered`, `rpc-access-denied`, `rpc-server-busy`.
    pub(super) fn locate(self, wanted: Syntax) -> Result<Located, Failure> {
        // Towers of other interfaces and transports (named pipes, HTTP) are none that were asked
        // for.
        let towers =
            || self.towers.iter().filter(|t| t.interface().is_some_and(|i| i.serves(&wanted)));
        let mut ports: Vec<u16> = Vec::new();
        for port in towers().filter_map(|t| t.tcp_port()).filter(|p| *p != 0) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        let left_out = ports.len().saturating_sub(MAX_PORTS);
        ports.truncate(MAX_PORTS);
        let mut addresses: Vec<Ipv4Addr> =
            towers().filter_map(|t| t.address()).filter(|a| !a.is_unspecified()).collect();
        addresses.dedup();
        addresses.truncate(MAX_PORTS);
        if !ports.is_empty() {
            return Ok(Located { interface: wanted, ports, left_out, addresses });
        }
        // What a call says by a fault, some say by the status of its answer.
        let said = of_fault(self.status);
        if said.reason != Reason::RpcBindRejected {
            return Err(Failure::peer(said.reason).with("status", hex(self.status)));
        }
        let failure = Failure::peer(Reason::RpcNotRegistered)
            .with("status", hex(self.status))
            .with("towers", self.towers.len());
        let others = self
            .towers
            .iter()
            .filter_map(Tower::interface)
            .filter(|i| i.uuid == wanted.uuid && i.major != wanted.major);
        let mut versions: Vec<String> =
            others.map(|i| format!("{}.{}", i.major, i.minor)).collect();
        versions.dedup();
        Err(failure.noting(|facts| facts.rpc.other_versions = versions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rpc::codec::{Order, status};

    const WANTED: Syntax = Syntax { major: 4, minor: 0, ..Syntax::EPM };

    fn answer(towers: Vec<Tower>, status: u32) -> Result<Located, Failure> {
        read(Called::Answered(page(NO_HANDLE, towers, status), Order::Little))
    }

    fn page(handle: Handle, towers: Vec<Tower>, status: u32) -> Vec<u8> {
        let max_count = u32::try_from(towers.len()).expect("few").max(4);
        MapResponse { handle, max_count, towers, status }.encode(3)
    }

    fn read(called: Called) -> Result<Located, Failure> {
        let mut pages = Pages::default();
        assert_eq!(pages.add(called)?, None);
        pages.locate(WANTED)
    }

    fn reason(outcome: Result<Located, Failure>) -> Reason {
        outcome.expect_err("a failure").reason
    }

    fn tower(port: u16, last: u8) -> Tower {
        Tower::tcp(WANTED, port, Ipv4Addr::new(10, 0, 0, last))
    }

    #[test]
    fn ports_come_once_in_order_and_without_zero() {
        let located =
            answer(vec![tower(0, 1), tower(49700, 1), tower(49152, 1), tower(49700, 2)], 0)
                .expect("ports");
        assert_eq!(located.ports, [49700, 49152]);
        assert_eq!(located.addresses, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]);
        assert_eq!(located.outside(Some(&PortSet::run(49152, 49200))), [49700]);
        assert_eq!(located.outside(None), [0; 0]);
    }

    #[test]
    fn only_another_address_is_reported() {
        let located = answer(vec![tower(49152, 1)], 0).expect("ports");
        assert!(
            located
                .facts("10.0.0.1".parse().expect("an address"))
                .rpc
                .reported_addresses
                .is_empty()
        );
        assert_eq!(
            located.facts("192.0.2.1".parse().expect("an address")).rpc.reported_addresses,
            [Ipv4Addr::new(10, 0, 0, 1)]
        );
        let empty =
            answer(vec![Tower::tcp(WANTED, 49152, Ipv4Addr::UNSPECIFIED)], 0).expect("ports");
        assert!(
            empty.facts("192.0.2.1".parse().expect("an address")).rpc.reported_addresses.is_empty()
        );
    }

    #[test]
    fn an_interface_without_a_port_is_not_registered() {
        assert_eq!(reason(answer(Vec::new(), status::NOT_REGISTERED)), Reason::RpcNotRegistered);
        assert_eq!(reason(answer(vec![tower(0, 1)], 0)), Reason::RpcNotRegistered);
        let other = Tower::tcp(Syntax { major: 3, ..WANTED }, 49152, Ipv4Addr::UNSPECIFIED);
        assert_eq!(
            reason(answer(vec![other], 0)),
            Reason::RpcNotRegistered,
            "another version is another interface"
        );
    }

    #[test]
    fn denials_and_rubbish_are_told_apart() {
        assert_eq!(reason(answer(Vec::new(), status::ACCESS_DENIED)), Reason::RpcAccessDenied);
        assert_eq!(reason(read(Called::Fault(status::ACCESS_DENIED))), Reason::RpcAccessDenied);
        assert_eq!(
            reason(read(Called::Fault(status::UNSUPPORTED_AUTHN_LEVEL))),
            Reason::RpcAccessDenied
        );
        assert_eq!(reason(read(Called::Fault(status::SERVER_TOO_BUSY))), Reason::RpcServerBusy);
        assert_eq!(
            reason(answer(Vec::new(), status::RPC_S_SERVER_TOO_BUSY)),
            Reason::RpcServerBusy
        );
        assert_eq!(
            reason(read(Called::Fault(status::OPNUM_OUT_OF_RANGE))),
            Reason::RpcBindRejected
        );
        assert_eq!(
            reason(read(Called::Answered(vec![1, 2, 3], Order::Little))),
            Reason::RpcNotSpoken
        );
    }

    #[test]
    fn an_answer_in_pages_is_read_to_its_end() {
        let mut pages = Pages::default();
        let handle = [7; 20];
        let four = |from: u16| (from..from + 4).map(|port| tower(port, 1)).collect::<Vec<_>>();
        let mut add = |handle, towers| {
            pages.add(Called::Answered(page(handle, towers, 0), Order::Little)).expect("a page")
        };
        assert_eq!(add(handle, four(49152)), Some(handle));
        assert_eq!(add(handle, four(50000)), Some(handle));
        assert_eq!(add(NO_HANDLE, vec![tower(60000, 1)]), None);
        let located = pages.locate(WANTED).expect("ports");
        assert_eq!(
            (located.ports.len(), located.ports.last(), located.left_out),
            (9, Some(&60000), 0)
        );
        // A mapper that never ends, one that breaks off, one with more ports than are tried.
        let mut endless = Pages::default();
        let mut count = 0;
        while endless
            .add(Called::Answered(page(handle, four(1 + 4 * count), 0), Order::Little))
            .expect("a page")
            .is_some()
        {
            count += 1;
        }
        assert!(count < 20);
        let located = endless.locate(WANTED).expect("ports");
        assert_eq!((located.ports.len(), located.left_out), (MAX_PORTS, MAX_TOWERS - MAX_PORTS));
        let mut broken = Pages::default();
        broken.add(Called::Answered(page(handle, four(1), 0), Order::Little)).expect("a page");
        assert_eq!(
            broken.add(Called::Fault(status::CONTEXT_MISMATCH)).expect("what came stays"),
            None
        );
    }

    #[test]
    fn another_version_of_the_interface_is_named() {
        let failure = answer(
            vec![Tower::tcp(Syntax { major: 3, ..WANTED }, 49152, Ipv4Addr::UNSPECIFIED)],
            0,
        )
        .expect_err("a failure");
        assert_eq!(
            (failure.reason, failure.facts.rpc.other_versions.clone()),
            (Reason::RpcNotRegistered, vec!["3.0".to_owned()])
        );
    }
}
