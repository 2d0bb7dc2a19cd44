//! Linux: a stream that is watched while it connects, so that its error queue and counters can be
//! read.

use super::ending::{self, blank, is_own, ports_used_up};
use super::icmp;
use crate::net::os::linux::{self as kernel, TcpState};
use crate::observation::failure::Failure;
use crate::observation::{Evidence, Icmp, Initiator};
use crate::reason::Reason;
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What is out of the ordinary about a SYN.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct Shape {
    /// Nodes for which it lives.
    pub ttl: Option<u8>,
    /// Octets of the largest segment, in both directions: what this end announces also binds the
    /// other (RFC 9293 section 3.7.1).
    pub mss: Option<u32>,
}

/// One SYN and what comes of it.
pub(in crate::net) struct Attempt {
    /// Taken when the connection is handed out.
    stream: Option<TcpStream>,
    evidence: Evidence,
}

impl Attempt {
    /// Sends the SYN.
    pub(super) fn begin(
        source: Option<IpAddr>,
        to: SocketAddr,
        number: u32,
        _: Duration,
    ) -> io::Result<Attempt> {
        Attempt::shaped(source, to, number, Shape::default())
    }

    /// Sends a SYN of another shape.
    pub(in crate::net) fn shaped(
        source: Option<IpAddr>,
        to: SocketAddr,
        number: u32,
        shape: Shape,
    ) -> io::Result<Attempt> {
        // The clock is read first: what is in a log comes after it.
        let evidence = blank(to, number);
        let stream = open(source, to, shape)?;
        // Known from here on, because `connect` has chosen it.
        Ok(Attempt {
            evidence: Evidence { source: local(&stream), ..evidence },
            stream: Some(stream),
        })
    }

    /// The ICMP message that ended it.
    pub(in crate::net) fn icmp(&self) -> Option<Icmp> {
        self.evidence.icmp
    }

    /// Whether it has ended, and how. Must not be asked again after that.
    pub(in crate::net) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<TcpStream, Failure>> {
        loop {
            let Some(stream) = &self.stream else { return Poll::Pending };
            if let Err(error) = ready!(stream.poll_write_ready(context)) {
                return Poll::Ready(Err(ended(&error, self.evidence.destination)));
            }
            match look(&SockRef::from(stream), &mut self.evidence) {
                Some(Err(failure)) => return Poll::Ready(Err(failure)),
                Some(Ok(())) => return Poll::Ready(self.hand_out()),
                // Woken for nothing: wait for the next event.
                None => {
                    drop(stream.try_io(Interest::WRITABLE, || {
                        Err::<(), _>(io::ErrorKind::WouldBlock.into())
                    }))
                }
            }
        }
    }

    /// What is known of it, with the number of SYNs so far.
    pub(super) fn evidence(self) -> Evidence {
        let syns =
            self.stream.as_ref().and_then(|s| kernel::tcp_state(&SockRef::from(s))).map(syns);
        Evidence { syns: syns.or(self.evidence.syns), ..self.evidence }
    }

    fn hand_out(&mut self) -> Result<TcpStream, Failure> {
        let Some(stream) = self.stream.take() else {
            return Err(Failure::local(Reason::NotTested));
        };
        let socket = SockRef::from(&stream);
        self.evidence.syns = kernel::tcp_state(&socket).map(syns);
        // In an open connection the queue would make harmless messages fatal. It could be switched
        // on, so it can be switched off.
        let _ = kernel::set_error_queue(&socket, self.evidence.destination.is_ipv4(), false);
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

fn syns(state: TcpState) -> u32 {
    state.retransmitted.saturating_add(1)
}

fn open(source: Option<IpAddr>, to: SocketAddr, shape: Shape) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking().cloexec(), None)?;
    kernel::set_error_queue(&socket, to.is_ipv4(), true)?;
    if let Some(mss) = shape.mss {
        socket.set_tcp_mss(mss)?;
    }
    match shape.ttl.map(u32::from) {
        Some(ttl) if to.is_ipv4() => socket.set_ttl_v4(ttl)?,
        Some(ttl) => socket.set_unicast_hops_v6(ttl)?,
        None => {}
    }
    let fixed = source.filter(|s| s.is_ipv4() == to.is_ipv4());
    if let Some(source) = fixed {
        // Very old kernels lack it; there each socket takes a port from all destinations.
        let _ = kernel::set_bind_address_only(&socket);
        socket
            .bind(&SocketAddr::new(source, 0).into())
            .map_err(|e| ports_used_up(e, io::ErrorKind::AddrInUse))?;
    }
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        // The address is ours, or was the system's choice: what is not available is a port.
        Err(error) => return Err(ports_used_up(error, io::ErrorKind::AddrNotAvailable)),
        Ok(()) => {}
    }
    // Only now: a socket that was not connected yet counts as ready.
    TcpStream::from_std(socket.into())
}

fn local(stream: &TcpStream) -> Option<SocketAddr> {
    stream.local_addr().ok().filter(|a| a.port() != 0)
}

/// Whether the attempt has ended. The pending error must be read before the queue, which clears it.
/// Where the ICMP message comes back before `connect` returns (a path without delay), the kernel
/// does not end the attempt but goes on trying: the message decides all the same.
fn look(socket: &Socket, evidence: &mut Evidence) -> Option<Result<(), Failure>> {
    let error = socket.take_error().unwrap_or_else(Some);
    let mut queued = None;
    while let Some(message) = kernel::take_queued(socket) {
        queued = queued.or(Some(message));
    }
    if let Some(icmp) = queued.and_then(|q| q.icmp) {
        evidence.icmp = Some(icmp);
        let own = is_own(&icmp, evidence.source);
        return Some(Err(icmp::failure(&icmp, evidence.destination.ip(), own)));
    }
    if let Some(error) = error.or_else(|| queued.map(|q| io::Error::from_raw_os_error(q.error))) {
        return Some(Err(ended(&error, evidence.destination)));
    }
    match kernel::tcp_state(socket)?.state {
        kernel::SYN_SENT | kernel::SYN_RECEIVED => None,
        kernel::CLOSED => Some(Err(Failure::unknown(Reason::ResetAfterConnect))),
        _ => Some(Ok(())),
    }
}

/// What an error without an ICMP message means, once the SYN was sent.
fn ended(error: &io::Error, to: SocketAddr) -> Failure {
    match error.raw_os_error() {
        // A reset of a SYN is `ECONNREFUSED`; this one came after the answer to it.
        Some(libc::ECONNRESET | libc::EPIPE) => {
            Failure::unknown(Reason::ResetAfterConnect).saying(error.to_string())
        }
        // Nothing on the way said so, and this machine's own neighbour table says it without a
        // sender.
        Some(libc::EHOSTUNREACH) => {
            Failure { initiator: Initiator::Unknown, ..ending::ended(error, to) }
        }
        _ => ending::ended(error, to),
    }
}
