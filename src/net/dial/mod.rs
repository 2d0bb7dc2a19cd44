//! Opening TCP connections, with a reason for each that does not open.

pub mod icmp;
#[cfg(target_os = "linux")]
pub(super) mod linux;
#[cfg(not(target_os = "linux"))]
mod plain;

use super::failure::Failure;
use super::{host, os};
use crate::net::clock;
use crate::observation::{Evidence, Icmp, Initiator};
use crate::reason::Reason;
#[cfg(target_os = "linux")]
use linux::Attempt;
#[cfg(not(target_os = "linux"))]
use plain::Attempt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// The most attempts that one deadline can hold.
pub const MAX_ATTEMPTS: u32 = 6;

/// The part of a deadline that the first of several attempts has for itself: long enough for a second SYN after a lost one.
const FIRST_SHARE: f64 = 0.6;

/// Opens a connection within `deadline`; also returns what a firewall team needs to find it in a log, one entry for each attempt.
///
/// Where nothing comes back, up to `retries` more attempts are made within the same deadline, each from a port of its own; the earlier ones
/// stay open, and the first one to be answered decides. An answer is never asked for again.
///
/// # Errors
/// [`Failure`] with the reason; a local one when this machine could not even send.
pub async fn connect(
    source: Option<IpAddr>,
    to: SocketAddr,
    deadline: Duration,
    retries: u32,
) -> (Vec<Evidence>, Result<TcpStream, Failure>) {
    let begun = clock::instant();
    let count = retries.saturating_add(1).min(MAX_ATTEMPTS);
    let mut attempts = Vec::new();
    for number in 1..=count {
        match Attempt::begin(source, to, number) {
            Ok(attempt) => attempts.push(attempt),
            // Nothing was sent: whatever it is, it is this machine's fault.
            Err(error) if attempts.is_empty() => {
                let (evidence, failure) = unopened(blank(to, number), &error, route_source(to));
                return (vec![evidence], Err(failure));
            }
            // Later on it is no answer of the path: the attempts that are out go on.
            Err(_) => {}
        }
        let until = begun + deadline.mul_f64(share(number, count));
        let first = std::future::poll_fn(|context| first_of(&mut attempts, context));
        if let Ok((which, outcome)) = tokio::time::timeout_at(until.into(), first).await {
            let failed = outcome.as_ref().err().map(|f| f.reason);
            return (evidence(attempts, which, failed), outcome);
        }
    }
    let waited = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    let failure = Failure::unknown(Reason::TimedOut).with("waited_ms", waited);
    (evidence(attempts, usize::MAX, None), Err(failure))
}

/// Octets of a small segment: every link of the Internet carries a packet with so many (RFC 1122 section 3.3.3).
const SMALL_SEGMENT: u32 = 536;

/// Opens a connection on which both ends send small packets only: what works over it and not over another is lost for its size. `None` where
/// it does not open in time, or the system cannot do it (it is Linux that can).
pub async fn connect_with_small_segments(source: Option<IpAddr>, to: SocketAddr, deadline: Duration) -> Option<TcpStream> {
    #[cfg(target_os = "linux")]
    {
        let mut attempt = Attempt::shaped(source, to, 1, linux::Shape { ttl: None, mss: Some(SMALL_SEGMENT) }).ok()?;
        let opened = std::future::poll_fn(|context| attempt.poll(context));
        tokio::time::timeout(deadline, opened).await.ok()?.ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (source, to, deadline, SMALL_SEGMENT);
        None
    }
}

/// When attempt `number` of `count` gives way to the next, as a part of the whole deadline.
fn share(number: u32, count: u32) -> f64 {
    match count {
        0 | 1 => 1.0,
        _ => FIRST_SHARE + (1.0 - FIRST_SHARE) * f64::from(number - 1) / f64::from(count - 1),
    }
}

fn first_of(attempts: &mut [Attempt], context: &mut Context<'_>) -> Poll<(usize, Result<TcpStream, Failure>)> {
    for (place, attempt) in attempts.iter_mut().enumerate() {
        if let Poll::Ready(outcome) = attempt.poll(context) {
            return Poll::Ready((place, outcome));
        }
    }
    Poll::Pending
}

/// What is known of each attempt, where that at place `decided` ended them all, opened or for the reason `failed`. Those before it were
/// silent for their whole time; those after it were broken off.
fn evidence(attempts: Vec<Attempt>, decided: usize, failed: Option<Reason>) -> Vec<Evidence> {
    let with_outcome = |(place, attempt): (usize, Attempt)| {
        let outcome = match place.cmp(&decided) {
            std::cmp::Ordering::Less => Some(Reason::TimedOut),
            std::cmp::Ordering::Equal => failed,
            std::cmp::Ordering::Greater => Some(Reason::NotTested),
        };
        Evidence { outcome, ..attempt.evidence() }
    };
    attempts.into_iter().enumerate().map(with_outcome).collect()
}

/// The evidence of an attempt that is only about to begin.
fn blank(to: SocketAddr, number: u32) -> Evidence {
    Evidence { source: None, destination: to, sent_at: clock::steady(), attempts: number, syns: None, outcome: None, icmp: None }
}

/// What a policy (a cgroup's, a sandbox's) answers on Linux. A route that prohibits answers `EACCES`.
const EPERM: i32 = 1;

/// What it means that no packet could be sent at all. Linux has an error of its own for each kind of route that refuses, and some are those
/// of a policy as well: the routing table, asked by other means (`route`), tells which it is.
fn unopened(mut evidence: Evidence, error: &io::Error, route: Result<IpAddr, io::Error>) -> (Evidence, Failure) {
    let failure = os::begin_failure(error);
    let no_route = route.is_err_and(|e| e.raw_os_error() != Some(EPERM) && os::begin_failure(&e).reason != Reason::LocalResources);
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
fn ports_used_up(error: io::Error, kind: io::ErrorKind) -> io::Error {
    if error.kind() == kind { io::Error::new(USED_UP, "no source port is left for this destination") } else { error }
}

/// The address that the system would send from. A connected UDP socket sends nothing; it only asks the routing table.
fn route_source(to: SocketAddr) -> Result<IpAddr, io::Error> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(to)?;
    let ip = socket.local_addr()?.ip();
    if ip.is_unspecified() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(ip) }
}

/// What an error means that came once the first packet was out, without an ICMP message. Where this machine has lost its route meanwhile, it is that.
fn ended(error: &io::Error, to: SocketAddr) -> Failure {
    let failure = os::connect_failure(error);
    match failure.reason {
        Reason::NetUnreachable if route_source(to).is_err() => {
            Failure { initiator: Initiator::Local, reason: Reason::LocalNoRoute, ..failure }
        }
        _ => failure,
    }
}

/// Whether one of this machine's own addresses sent the message.
pub(super) fn is_own(icmp: &Icmp, source: Option<SocketAddr>) -> bool {
    icmp.from.is_loopback() || source.is_some_and(|s| s.ip() == icmp.from) || host::this_host().addresses.contains(&icmp.from)
}

#[cfg(test)]
mod tests;
