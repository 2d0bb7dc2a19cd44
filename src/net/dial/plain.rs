//! Systems other than Linux: what their own `connect` says, and on Windows the ICMP message that ended it.

use super::{blank, route_source, unopened};
use crate::net::failure::Failure;
use crate::net::os;
use crate::observation::Evidence;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::net::{TcpSocket, TcpStream};

/// One connection attempt.
pub(super) struct Attempt {
    evidence: Evidence,
    opening: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
}

impl Attempt {
    /// Makes the socket; the SYN goes out when it is first polled.
    pub(super) fn begin(source: Option<IpAddr>, to: SocketAddr, number: u32) -> Result<Attempt, (Evidence, Failure)> {
        let mut evidence = blank(to, number);
        match open(source, to) {
            Ok(socket) => {
                // Only a bound socket has a source port before it is connected. Where it stays unknown on failure, it is not given.
                evidence.source = socket.local_addr().ok().filter(|a| a.port() != 0);
                Ok(Attempt { evidence, opening: Box::pin(socket.connect(to)) })
            }
            Err(error) => Err(unopened(evidence, &error, route_source(to))),
        }
    }

    /// Whether it has ended, and how. Must not be asked again after that.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<TcpStream, Failure>> {
        Poll::Ready(match ready!(self.opening.as_mut().poll(context)) {
            Ok(stream) => {
                self.evidence.source = stream.local_addr().ok();
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Err(error) => Err(os::connect_failure(&error)),
        })
    }

    /// What is known of it.
    pub(super) fn evidence(self) -> Evidence {
        self.evidence
    }
}

/// A socket bound to a source address and a port of the system's choice, so that a failed attempt can be found by its 5-tuple.
fn open(source: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let fixed = source.filter(|s| s.is_ipv4() == to.is_ipv4()).or_else(|| route_source(to).ok());
    if let Some(source) = fixed {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}
