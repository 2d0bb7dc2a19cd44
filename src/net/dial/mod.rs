//! Opening TCP connections, with a reason for each that does not open.

mod ending;
pub mod icmp;
#[cfg(target_os = "linux")]
pub(super) mod linux;
#[cfg(not(target_os = "linux"))]
mod plain;

pub(super) use ending::is_own;

use crate::net::clock;
use crate::observation::Evidence;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use ending::{blank, route_source, unopened};
#[cfg(target_os = "linux")]
use linux::Attempt;
#[cfg(not(target_os = "linux"))]
use plain::Attempt;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// The most attempts that one deadline can hold.
pub const MAX_ATTEMPTS: u32 = 6;

/// The fewest. Where the system is told to send no SYN twice, so that a reset is known at once
/// (Windows), the second attempt is what makes up for a lost packet.
const LEAST_ATTEMPTS: u32 = if cfg!(windows) { 2 } else { 1 };

/// The part of a deadline that the first of several attempts has for itself: long enough for a
/// second SYN after a lost one.
const FIRST_SHARE: f64 = 0.6;

/// Opens a connection within `deadline`; also returns what a firewall team needs to find it in a
/// log, one entry for each attempt.
///
/// Where nothing comes back, up to `retries` more attempts are made within the same deadline, each
/// from a port of its own; the earlier ones stay open, and the first one to be answered decides. An
/// answer is never asked for again.
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
    let count = retries.saturating_add(1).clamp(LEAST_ATTEMPTS, MAX_ATTEMPTS);
    let mut attempts = Vec::new();
    for number in 1..=count {
        match Attempt::begin(source, to, number, deadline) {
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

/// Octets of a small segment: every link of the Internet carries a packet with so many (RFC 1122
/// section 3.3.3).
const SMALL_SEGMENT: u32 = 536;

/// Opens a connection on which both ends send small packets only: what works over it and not over
/// another is lost for its size. `None` where it does not open in time, or the system cannot do it
/// (it is Linux that can).
pub async fn connect_with_small_segments(
    source: Option<IpAddr>,
    to: SocketAddr,
    deadline: Duration,
) -> Option<TcpStream> {
    #[cfg(target_os = "linux")]
    {
        let mut attempt =
            Attempt::shaped(source, to, 1, linux::Shape { ttl: None, mss: Some(SMALL_SEGMENT) })
                .ok()?;
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

fn first_of(
    attempts: &mut [Attempt],
    context: &mut Context<'_>,
) -> Poll<(usize, Result<TcpStream, Failure>)> {
    for (place, attempt) in attempts.iter_mut().enumerate() {
        if let Poll::Ready(outcome) = attempt.poll(context) {
            return Poll::Ready((place, outcome));
        }
    }
    Poll::Pending
}

/// What is known of each attempt, where that at place `decided` ended them all, opened or for the
/// reason `failed`. Those before it were silent for their whole time; those after it were broken
/// off.
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

#[cfg(test)]
mod tests;
