//! Systems other than Linux: what their own `connect` says, and on Windows the ICMP message that
//! ended it.

use super::ending::{blank, ended, is_own, ports_used_up, route_source};
use super::icmp;
use crate::net::os;
use crate::observation::Evidence;
use crate::observation::failure::Failure;
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// One connection attempt.
pub(super) struct Attempt {
    evidence: Evidence,
    /// Taken when the connection is handed out.
    stream: Option<TcpStream>,
}

impl Attempt {
    /// Begins to connect.
    pub(super) fn begin(
        source: Option<IpAddr>,
        to: SocketAddr,
        number: u32,
        deadline: Duration,
    ) -> io::Result<Attempt> {
        let evidence = blank(to, number);
        let stream = open(source, to, deadline)?;
        // Only a bound socket has a source port before it is connected. Where it stays unknown on
        // failure, it is not given.
        let source = stream.local_addr().ok().filter(|a| a.port() != 0);
        Ok(Attempt { evidence: Evidence { source, ..evidence }, stream: Some(stream) })
    }

    /// Whether it has ended, and how. Must not be asked again after that.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<TcpStream, Failure>> {
        loop {
            let Some(stream) = &self.stream else { return Poll::Pending };
            if let Err(error) = ready!(stream.poll_write_ready(context)) {
                return Poll::Ready(Err(ended(&error, self.evidence.destination)));
            }
            if let Some(error) = stream.take_error().unwrap_or_else(Some) {
                // The system has given up waiting before we have: that is no answer.
                if error.kind() == io::ErrorKind::TimedOut {
                    self.stream = None;
                    return Poll::Pending;
                }
                self.evidence.icmp = os::icmp_of(&SockRef::from(stream));
                return Poll::Ready(Err(match self.evidence.icmp {
                    Some(icmp) => icmp::failure(
                        &icmp,
                        self.evidence.destination.ip(),
                        is_own(&icmp, self.evidence.source),
                    ),
                    None => ended(&error, self.evidence.destination),
                }));
            }
            if stream.peer_addr().is_ok() {
                self.evidence.source = stream.local_addr().ok();
                let _ = stream.set_nodelay(true);
                return Poll::Ready(self.stream.take().ok_or_else(Failure::silent));
            }
            // Woken for nothing: wait for the next event.
            drop(
                stream
                    .try_io(Interest::WRITABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into())),
            );
        }
    }

    /// What is known of it.
    pub(super) fn evidence(self) -> Evidence {
        self.evidence
    }
}

/// A connection under way, from a source address and a port of the system's choice, so that a
/// failed attempt can be found by its 5-tuple.
fn open(source: Option<IpAddr>, to: SocketAddr, deadline: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    os::report_icmp(&socket);
    os::end_at_first_answer(&socket, deadline);
    let fixed = source.filter(|s| s.is_ipv4() == to.is_ipv4()).or_else(|| route_source(to).ok());
    if let Some(source) = fixed {
        socket
            .bind(&SocketAddr::new(source, 0).into())
            .map_err(|e| ports_used_up(e, io::ErrorKind::AddrInUse))?;
    }
    match socket.connect(&to.into()) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock && !os::is_in_progress(&error) => {
            Err(ports_used_up(error, io::ErrorKind::AddrNotAvailable))
        }
        _ => TcpStream::from_std(socket.into()),
    }
}
