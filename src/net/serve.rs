//! Binding ports for the listener: never one that somebody else has.

use super::occupied::Occupied;
use super::os;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// Opens a port for listening that nobody has. An IPv6 address takes IPv6 alone, so that `0.0.0.0` and `::` can
/// stand side by side.
///
/// # Errors
/// The operating system's; see [`super::occupied::BindProblem::from_error`].
pub fn bind(address: SocketAddr, occupied: &Occupied) -> io::Result<TcpListener> {
    refuse(address, occupied)?;
    TcpListener::from_std(open(address, true, 1024)?.into())
}

/// Opens a port for a loop of many ([`super::many_listeners`]). An IPv6 address may take IPv4 as
/// well: half the sockets for twice the addresses.
///
/// # Errors
/// As [`bind`].
pub fn bind_one_of_many(
    address: SocketAddr,
    only_v6: bool,
    occupied: &Occupied,
) -> io::Result<mio::net::TcpListener> {
    refuse(address, occupied)?;
    Ok(mio::net::TcpListener::from_std(open(address, only_v6, 128)?.into()))
}

fn refuse(address: SocketAddr, occupied: &Occupied) -> io::Result<()> {
    if occupied.has(address) { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) }
}

/// Ends a connection with a reset: how an orderly close is seen depends on what the other end had
/// sent by then.
pub fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
    drop(stream);
}

fn open(address: SocketAddr, only_v6: bool, backlog: i32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    os::set_exclusive(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket)
}
