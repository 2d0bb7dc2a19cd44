//! Connections that are gone at once where they arrive: no reading of the other end's table sees
//! them. A few more are made, and the other end's kernel is asked for its counters before and
//! after.

use super::ask::Asking;
use super::probed::Probed;
use super::proved_ways::Way;
use crate::net::dial;
use crate::observation::{Evidence, Shots};
use crate::reason::Reason;
use crate::wire::question::{AddressTag, Asked, Question};
use crate::wire::sighting::{Counters, Doubt};
use futures_util::future::join_all;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Attempts for one hop: each must be counted.
const ATTEMPTS: u64 = 3;
/// Attempts at once, where others' half-open connections are to be told from them.
const SALVO: u32 = 12;
/// Time for each. Below a second the system sends no second SYN by itself.
const TIME: Duration = Duration::from_millis(250);
/// Hops of a run that are looked at so, one after the other, since counters are of the whole host.
const MAX: usize = 24;

/// Looks at the hops of which the other end cannot tell, since half-open connections were gone at
/// that time.
pub(super) async fn count(probed: &mut [Probed], ways: &[Way], asking: &Asking) {
    let mut looked = 0;
    for this in probed.iter_mut() {
        let Some(seen) = &mut this.seen else { continue };
        let doubt = seen.sighting.as_ref().and_then(|s| s.doubt);
        let gone = matches!(doubt, Some(Doubt::GoneAtOnce | Doubt::QueueFull | Doubt::OthersBegan));
        let failed = seen
            .first_failure()
            .and_then(|s| s.reason())
            .is_some_and(|r| matches!(r, Reason::TimedOut | Reason::Refused));
        let Some(attempt) = Evidence::decisive(&seen.evidence).filter(|_| gone && failed) else {
            continue;
        };
        let mut fit: Vec<&Way> = ways.iter().filter(|way| way.is_to(&this.hop)).collect();
        fit.sort_by_key(|way| way.cost());
        let Some(way) = fit.first() else { continue };
        if looked == MAX || asking.stop.is_cancelled() {
            return;
        }
        looked += 1;
        let (source, to) = (attempt.source.map(|s| s.ip()), attempt.destination);
        seen.known.shots = match doubt {
            Some(Doubt::OthersBegan) => salvo(way, source, to, asking).await,
            _ => shoot(way, source, to, asking).await,
        };
    }
}

async fn shoot(
    way: &Way,
    source: Option<IpAddr>,
    to: SocketAddr,
    asking: &Asking,
) -> Option<Shots> {
    let before = counters(way, asking).await?;
    for _ in 0..ATTEMPTS {
        let _ = dial::connect(source, to, TIME, 0).await;
    }
    meaning(before, counters(way, asking).await?)
}

/// Many attempts at once: where they arrive, from whatever address NAT gives them, the other end
/// has as many more half-open connections at the port.
async fn salvo(
    way: &Way,
    source: Option<IpAddr>,
    to: SocketAddr,
    asking: &Asking,
) -> Option<Shots> {
    let before = connections(way, to.port(), asking).await?;
    join_all((0..SALVO).map(|_| dial::connect(source, to, TIME, 0))).await;
    of_salvo(before, connections(way, to.port(), asking).await?)
}

/// What a salvo tells: others may come and go meanwhile.
fn of_salvo(before: u32, after: u32) -> Option<Shots> {
    match after.saturating_sub(before) {
        SALVO.. => Some(Shots::ReplyLost),
        grown if grown <= SALVO / 2 => Some(Shots::NoneArrived),
        _ => None,
    }
}

/// How many connections to a port the other end's kernel has.
async fn connections(way: &Way, port: u16, asking: &Asking) -> Option<u32> {
    let this = AddressTag::default();
    let question = Question { port, source_port: 1, age_ms: 0, source: this, destination: this };
    asking.over(way, || Some(Asked::Connection(question))).await.ok()?.sighting?.connections
}

/// What became of the attempts, where each of them was counted, or none.
fn meaning(before: Counters, after: Counters) -> Option<Shots> {
    let grown = |of: fn(&Counters) -> u64| of(&after).saturating_sub(of(&before)) >= ATTEMPTS;
    // Each question is a connection too, and may be answered with a cookie.
    let cookies = after.cookies.saturating_sub(before.cookies);
    if (Counters { cookies: 0, ..before }) == (Counters { cookies: 0, ..after }) && cookies <= 1 {
        Some(Shots::NoneArrived)
    } else if grown(|c| c.overflowed) {
        Some(Shots::QueueFull)
    } else if grown(|c| c.reset) {
        Some(Shots::Reset)
    } else if grown(|c| c.dropped) {
        Some(Shots::ReplyRefused)
    } else if cookies > ATTEMPTS {
        Some(Shots::ReplyLost)
    } else {
        None
    }
}

/// The counters of the other end's kernel: they come with the answer to any question.
async fn counters(way: &Way, asking: &Asking) -> Option<Counters> {
    let this = AddressTag::default();
    let question =
        Question { port: way.hop.port, source_port: 1, age_ms: 0, source: this, destination: this };
    asking.over(way, || Some(Asked::Connection(question))).await.ok()?.sighting?.counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salvo_stands_out_among_others() {
        assert_eq!(of_salvo(40, 40 + SALVO), Some(Shots::ReplyLost));
        assert_eq!(of_salvo(40, 43), Some(Shots::NoneArrived));
        assert_eq!(of_salvo(40, 38), Some(Shots::NoneArrived));
        assert_eq!(of_salvo(40, 48), None);
    }

    #[test]
    fn every_attempt_must_have_been_counted() {
        let counters =
            |reset, dropped, overflowed| Counters { reset, dropped, overflowed, cookies: 5 };
        let before = counters(10, 10, 10);
        let of = |after| meaning(before, after);
        assert_eq!(of(counters(13, 10, 10)), Some(Shots::Reset));
        assert_eq!(of(counters(10, 13, 10)), Some(Shots::ReplyRefused));
        assert_eq!(of(counters(10, 10, 14)), Some(Shots::QueueFull));
        assert_eq!(of(counters(12, 12, 12)), None, "others' noise");
        assert_eq!(of(before), Some(Shots::NoneArrived));
        let cookies = |cookies| of(Counters { cookies, ..before });
        assert_eq!(cookies(6), Some(Shots::NoneArrived), "that of the question");
        assert_eq!(cookies(9), Some(Shots::ReplyLost));
    }
}
