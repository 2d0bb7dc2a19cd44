//! What became of an attempt that did not open: whose fault it was, and what is kept of it.

use crate::net::{clock, host, os};
use crate::observation::failure::Failure;
use crate::observation::{Evidence, Icmp, Initiator};
use crate::reason::Reason;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The evidence of an attempt that is only about to begin.
pub(super) fn blank(to: SocketAddr, number: u32) -> Evidence {
    Evidence {
        source: None,
        destination: to,
        sent_at: clock::steady(),
        attempt: number,
        syns: None,
        outcome: None,
        icmp: None,
    }
}

/// What a policy (a cgroup's, a sandbox's) answers on Linux. A route that prohibits answers
/// `EACCES`.
const EPERM: i32 = 1;

/// What it means that no packet could be sent at all. Linux has an error of its own for each kind
/// of route that refuses, and some are those of a policy as well: the routing table, asked by other
/// means (`route`), tells which it is.
pub(super) fn unopened(
    mut evidence: Evidence,
    error: &io::Error,
    route: Result<IpAddr, io::Error>,
) -> (Evidence, Failure) {
    let failure = os::begin_failure(error);
    let no_route = route.is_err_and(|e| {
        e.raw_os_error() != Some(EPERM) && os::begin_failure(&e).reason != Reason::LocalResources
    });
    let reason = match failure.reason {
        reason @ (Reason::LocalResources | Reason::LocalAddressInUse | Reason::Refused) => reason,
        _ if no_route => Reason::LocalNoRoute,
        _ if error.kind() == USED_UP && error.raw_os_error().is_none() => Reason::LocalResources,
        reason => reason,
    };
    evidence.outcome = Some(reason);
    (evidence, Failure { reason, ..failure })
}

/// What this program says itself where no port is left.
const USED_UP: io::ErrorKind = io::ErrorKind::ResourceBusy;

/// An error of this kind, where the port was the system's to choose, says that it has none left.
pub(super) fn ports_used_up(error: io::Error, kind: io::ErrorKind) -> io::Error {
    if error.kind() == kind {
        io::Error::new(USED_UP, "no source port is left for this destination")
    } else {
        error
    }
}

/// The address that the system would send from. A connected UDP socket sends nothing; it only asks
/// the routing table.
pub(super) fn route_source(to: SocketAddr) -> Result<IpAddr, io::Error> {
    let any: SocketAddr =
        if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(to)?;
    let ip = socket.local_addr()?.ip();
    if ip.is_unspecified() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(ip) }
}

/// What an error means that came once the first packet was out, without an ICMP message. Where this
/// machine has lost its route meanwhile, it is that.
pub(super) fn ended(error: &io::Error, to: SocketAddr) -> Failure {
    let failure = os::connect_failure(error);
    match failure.reason {
        Reason::NetUnreachable if matches!(host::has_route(to.ip()), Ok(false)) => {
            Failure { initiator: Initiator::Local, reason: Reason::LocalNoRoute, ..failure }
        }
        _ => failure,
    }
}

/// Whether one of this machine's own addresses sent the message.
pub(in crate::net) fn is_own(icmp: &Icmp, source: Option<SocketAddr>) -> bool {
    source.is_some_and(|s| s.ip() == icmp.from) || host::is_own(icmp.from)
}
