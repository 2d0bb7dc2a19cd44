//! One socket of a sweep, and why it did not open.

use super::model::Fate;
use crate::net::os;
use crate::observation::Icmp;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use mio::net::TcpStream;
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A connection under way, which will be closed with a reset: thousands in TIME-WAIT would take the
/// ports of this machine.
pub(super) fn begin(
    source: Option<IpAddr>,
    to: SocketAddr,
    #[cfg_attr(target_os = "linux", expect(unused, reason = "a reset is told at once"))]
    patience: Duration,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    #[cfg(target_os = "linux")]
    {
        os::linux::set_error_queue(&socket, to.is_ipv4(), true)?;
        if source.is_some() {
            // Very old kernels lack it; there each socket takes a port from all destinations.
            let _ = os::linux::set_bind_address_only(&socket);
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        os::report_icmp(&socket);
        os::end_at_first_answer(&socket, patience);
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&to.into()) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock && !os::is_in_progress(&error) => {
            Err(error)
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// The ICMP message that ended a connection, if one did. On a path without delay it comes back
/// before `connect` returns: the system then goes on trying, and only its error queue knows.
pub(super) fn icmp(stream: &TcpStream) -> Option<Icmp> {
    icmp_of(&SockRef::from(stream))
}

/// What such a message means.
pub(super) fn of_icmp(icmp: &Icmp, stream: &TcpStream, to: SocketAddr) -> Reason {
    let own = crate::net::dial::is_own(icmp, stream.local_addr().ok());
    crate::net::dial::icmp::failure(icmp, to.ip(), own).reason
}

/// What an error means with which a connection did not open.
pub(super) fn of_error(error: &io::Error) -> Fate {
    match error.kind() {
        // A reset of a SYN is "refused"; this one came after the answer to it.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Fate::Closed,
        io::ErrorKind::ConnectionAborted => of_open(error),
        _ => Fate::Failed(os::connect_failure(error).reason),
    }
}

/// What an error means with which a connection did not open, and the ICMP message behind it.
pub(super) fn of_ended(
    error: &io::Error,
    stream: &TcpStream,
    to: SocketAddr,
) -> (Fate, Option<Icmp>) {
    let icmp = icmp(stream);
    let fate = match &icmp {
        Some(icmp) => Fate::Failed(of_icmp(icmp, stream, to)),
        None => of_error(error),
    };
    (fate, icmp)
}

/// What an error means that came once the connection was open.
pub(super) fn of_open(error: &io::Error) -> Fate {
    match Failure::after_connect(error).reason {
        Reason::ResetAfterConnect | Reason::ClosedAfterConnect => Fate::Closed,
        Reason::SilentAfterConnect => Fate::Mute,
        reason => Fate::Failed(reason),
    }
}

#[cfg(target_os = "linux")]
fn icmp_of(socket: &Socket) -> Option<Icmp> {
    let mut icmp = None;
    while let Some(message) = os::linux::take_queued(socket) {
        icmp = icmp.or(message.icmp);
    }
    icmp
}

#[cfg(not(target_os = "linux"))]
fn icmp_of(socket: &Socket) -> Option<Icmp> {
    os::icmp_of(socket)
}
