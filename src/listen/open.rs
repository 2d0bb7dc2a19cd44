//! Opens every port that the plan wants on this host, and says of each that does not open why, and
//! what to do.

use super::range::{self, OpenRange};
use super::server;
use super::wanted::{Shared, Wanted};
use crate::matrix::model::{Interface, Protocol};
use crate::matrix::port_set::PortSet;
use crate::net::identity::IdentityError;
use crate::net::occupied::{BindProblem, Occupied};
use crate::net::serve::bind;
use crate::net::{clock, os};
use crate::stand_in::{ServerTls, StandIn};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// How many ports of a dynamic range are tried for one interface.
const DYNAMIC_TRIES: usize = 512;

/// One port, open or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Where.
    pub address: SocketAddr,
    /// What it speaks.
    pub protocol: Protocol,
    /// What it is for: flow ids, or the RPC interface.
    pub purpose: String,
    /// `None` when it is open.
    pub problem: Option<(BindProblem, String)>,
}

/// What a listener has opened.
pub struct Opened {
    /// Ports, open or not.
    pub ports: Vec<Port>,
    /// Ranges, apart from the ports in `ports`.
    pub ranges: Vec<OpenRange>,
    /// Ends when every port has ended.
    pub tracker: TaskTracker,
}

/// Opens the wanted ports and begins to accept on those that opened.
///
/// # Errors
/// When the certificate and its key cannot be used.
pub fn open(wanted: &[Wanted], shared: &Shared) -> Result<Opened, IdentityError> {
    let tracker = TaskTracker::new();
    let mut ports = Vec::new();
    let mut ranges = Vec::new();
    let mut unsaid = Vec::new();
    // What this listener opens itself is none of it: two of its flows may want one port.
    let occupied = Occupied::now();
    for want in wanted {
        let tls = server_tls(want.protocol, shared)?;
        let purpose = want.flows.join(", ");
        let stand_in = |interfaces: Vec<(Interface, u16)>, is_mapper: bool| StandIn {
            key: shared.key.clone(),
            host: want.host.clone(),
            also: want.also.clone(),
            fronts: want.fronts.clone(),
            protocol: want.protocol,
            paths: want.paths.clone(),
            interfaces,
            is_mapper,
            greeting: want.greeting,
            sightings: shared.sightings.clone(),
            receipts: shared.receipts.clone(),
            tls: tls.clone(),
        };
        let addresses = addresses(want);
        let (opened, problems) =
            bind_all(&addresses, want.port, want.addresses.is_empty(), &occupied);
        let mut interfaces = Vec::new();
        if want.protocol == Protocol::Rpc && !opened.is_empty() {
            for interface in &want.interfaces {
                match bind_dynamic(&addresses, want, &occupied) {
                    Some((port, listeners)) => {
                        let here = Arc::new(stand_in(vec![(interface.clone(), port)], false));
                        for listener in listeners {
                            ports.push(opened_port(
                                &listener,
                                want.protocol,
                                format!("{} {}", want.host, interface.name),
                            ));
                            spawn(&tracker, listener, here.clone(), shared);
                        }
                        interfaces.push((interface.clone(), port));
                    }
                    // The mapper then does not know it, as on a host without the service.
                    None => {
                        let range =
                            want.range.as_ref().map(ToString::to_string).unwrap_or_default();
                        let problem = (
                            BindProblem::Taken,
                            format!(
                                "no free port for {} in {range}: widen the range",
                                interface.name
                            ),
                        );
                        let address = SocketAddr::new(
                            addresses[0],
                            want.range.as_ref().map_or(0, PortSet::first),
                        );
                        ports.push(Port {
                            address,
                            protocol: want.protocol,
                            purpose: interface.name.clone(),
                            problem: Some(problem),
                        });
                    }
                }
            }
            if let Some(range) = want.range.as_ref().filter(|_| shared.whole_ranges) {
                let own = interfaces.iter().map(|(_, port)| *port).collect();
                ranges.push(range::open(
                    want,
                    range,
                    &own,
                    stand_in(interfaces.clone(), false),
                    shared,
                    (&tracker, &occupied),
                ));
            }
        }
        let here = Arc::new(stand_in(interfaces, want.protocol == Protocol::Rpc));
        for listener in opened {
            ports.push(opened_port(&listener, want.protocol, purpose.clone()));
            spawn(&tracker, listener, here.clone(), shared);
        }
        for Refused { address, problem, error } in problems {
            unsaid.push((ports.len(), error));
            ports.push(Port {
                address,
                protocol: want.protocol,
                purpose: purpose.clone(),
                problem: Some((problem, String::new())),
            });
        }
    }
    tracker.close();
    advise(&mut ports, unsaid);
    let own = ports.iter().filter(|p| p.problem.is_none()).map(|p| p.address);
    shared
        .sightings
        .begin(own.chain(ranges.iter().flat_map(OpenRange::sockets)).collect(), clock::steady());
    Ok(Opened { ports, ranges, tracker })
}

fn spawn(tracker: &TaskTracker, listener: TcpListener, here: Arc<StandIn>, shared: &Shared) {
    tracker.spawn(server::run(
        listener,
        here,
        shared.gate.clone(),
        shared.journal.clone(),
        shared.stop.clone(),
    ));
}

fn opened_port(listener: &TcpListener, protocol: Protocol, purpose: String) -> Port {
    let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    Port { address: listener.local_addr().unwrap_or(unknown), protocol, purpose, problem: None }
}

fn server_tls(protocol: Protocol, shared: &Shared) -> Result<Option<ServerTls>, IdentityError> {
    let alpn: &[&str] = match protocol {
        Protocol::Https | Protocol::Grpc => &["h2", "http/1.1"],
        Protocol::Tls | Protocol::Ldaps | Protocol::Ldap => &[],
        _ => return Ok(None),
    };
    Ok(Some(ServerTls {
        acceptor: shared.identity.acceptor(alpn)?,
        certificate_sha256: shared.identity.sha256().into(),
        own: shared.identity.own,
    }))
}

fn addresses(want: &Wanted) -> Vec<IpAddr> {
    if want.addresses.is_empty() {
        vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
    } else {
        want.addresses.clone()
    }
}

/// A port that did not open.
struct Refused {
    address: SocketAddr,
    problem: BindProblem,
    error: std::io::Error,
}

/// Opens one port on every address. On "all addresses" a machine without IPv6 is no problem as long
/// as IPv4 opened.
fn bind_all(
    addresses: &[IpAddr],
    port: u16,
    any: bool,
    occupied: &Occupied,
) -> (Vec<TcpListener>, Vec<Refused>) {
    let mut opened = Vec::new();
    let mut problems = Vec::new();
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match bind(address, occupied) {
            Ok(listener) => opened.push(listener),
            Err(error) => {
                let problem = occupied.problem(address, &error);
                let no_ipv6 = any
                    && address.is_ipv6()
                    && matches!(problem, BindProblem::Other | BindProblem::NoSuchAddress);
                if !no_ipv6 {
                    problems.push(Refused { address, problem, error });
                }
            }
        }
    }
    (opened, problems)
}

/// A port of the range that is free on every address.
fn bind_dynamic(
    addresses: &[IpAddr],
    want: &Wanted,
    occupied: &Occupied,
) -> Option<(u16, Vec<TcpListener>)> {
    let range = want.range.clone().unwrap_or_else(|| PortSet::run(49152, 65535));
    range.iter().take(DYNAMIC_TRIES).find_map(|port| {
        let (opened, problems) = bind_all(addresses, port, want.addresses.is_empty(), occupied);
        (problems.is_empty() && !opened.is_empty()).then_some((port, opened))
    })
}

/// Says of each port that did not open, by its place among `ports`, what to do: also who has it,
/// where somebody has, as far as this process may know.
fn advise(ports: &mut [Port], unsaid: Vec<(usize, std::io::Error)>) {
    let taken: Vec<u16> = unsaid
        .iter()
        .map(|(at, _)| &ports[*at])
        .filter(|port| matches!(port.problem, Some((BindProblem::Taken, _))))
        .map(|port| port.address.port())
        .collect();
    let holders = range::named_holders(&taken);
    for (at, error) in unsaid {
        let number = ports[at].address.port();
        if let Some((problem, words)) = &mut ports[at].problem {
            *words = advice(*problem, number, &error, holders.get(&number));
        }
    }
}

fn advice(
    problem: BindProblem,
    port: u16,
    error: &std::io::Error,
    holder: Option<&String>,
) -> String {
    match problem {
        BindProblem::Taken => {
            let holder = holder.map(|holder| format!(" ({holder})")).unwrap_or_default();
            format!(
                "somebody{holder} listens there already, most likely the real service: leave it, the \
                connector meets it on this port"
            )
        }
        BindProblem::Forbidden => os::advice_for_privileged_port(port),
        BindProblem::NoSuchAddress => {
            "this machine does not have the address: run the listener on the right host, mend the \
                site file, or use --bind"
                .to_owned()
        }
        BindProblem::Other => error.to_string(),
    }
}
