//! Packets that this machine's own rules refuse look like silence, or like a reset of the host. The
//! kernel counts the repetitions that it could not send; where that count grew, each silent hop is
//! tried once more alone. A reset of this machine's own making comes over its loopback device,
//! whose packets are counted too.

use super::ask::Asking;
use super::probed::Probed;
use crate::matrix::model::Expect;
use crate::net::{clock, dial, os};
use crate::observation::{Evidence, Observation};
use crate::reason::Reason;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Time for one attempt: the first repetition of a SYN comes after a second.
const TIME: Duration = Duration::from_millis(1200);
/// Destinations that are tried alone.
const MAX: usize = 16;

/// Time for all destinations together; the one that is under way is looked at to its end.
const ALL: Duration = Duration::from_secs(20);
/// Attempts at once, where others are refused as well.
const CROWD: u64 = 48;

/// Attempts that must each be seen on the loopback device, which is quiet before and after for as
/// long.
const ATTEMPTS: u32 = 3;
const QUIET: Duration = Duration::from_millis(4);
/// Destinations that are tried over and over because of others' packets on that device.
const TRIES: u32 = 4;

/// Looks at the hops that were reset before they opened.
pub(super) async fn look_at_resets(probed: &mut [Probed], asking: &Asking) {
    let mut ours: BTreeMap<SocketAddr, bool> = BTreeMap::new();
    let mut not_looked_at = Vec::new();
    for place in shut_first(probed) {
        let Some(seen) = &mut probed[place].seen else { continue };
        let reset = seen
            .first_failure()
            .and_then(|s| s.reason())
            .is_some_and(|r| matches!(r, Reason::Refused | Reason::Rejected));
        let Some(attempt) = Evidence::decisive(&seen.evidence).filter(|_| reset) else { continue };
        let (source, to) = (attempt.source.map(|s| s.ip()), attempt.destination);
        // To itself this machine speaks over that device in any case.
        if source == Some(to.ip()) || to.ip().is_loopback() {
            continue;
        }
        if !ours.contains_key(&to) {
            if ours.len() == MAX || asking.stop.is_cancelled() {
                not_looked_at.push(place);
                continue;
            }
            ours.insert(to, is_reset_here(source, to).await);
        }
        seen.known.refused_here |= ours.get(&to).copied().unwrap_or_default();
    }
    doubt(probed, &not_looked_at, &ours);
}

/// Whether each of some attempts is answered over the loopback device, on which nothing else goes
/// on.
async fn is_reset_here(source: Option<IpAddr>, to: SocketAddr) -> bool {
    for _ in 0..TRIES {
        let mut counts = Vec::new();
        for _ in 0..ATTEMPTS {
            let before = os::loopback_packets();
            tokio::time::sleep(QUIET).await;
            let quiet = os::loopback_packets();
            let _ = dial::connect(source, to, TIME, 0).await;
            let after = os::loopback_packets();
            counts.push((
                quiet.zip(before).map(|(q, b)| q - b),
                after.zip(quiet).map(|(a, q)| a - q),
            ));
        }
        match counts.as_slice() {
            all if all.iter().any(|(_, grown)| *grown == Some(0) || grown.is_none()) => {
                return false;
            }
            all if all.iter().all(|(quiet, _)| *quiet == Some(0)) => return true,
            // Others speak over it: once more.
            _ => {}
        }
    }
    false
}

/// How many repetitions this machine could not send up to some moment, where it counts them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted(Option<u64>);

impl Counted {
    /// Up to now.
    pub fn now() -> Self {
        Counted(os::refused_retransmissions())
    }

    /// How many more since then; 0 where nobody counts.
    fn grown(self) -> u64 {
        Counted::now().0.zip(self.0).map_or(0, |(now, then)| now.saturating_sub(then))
    }
}

/// Looks at the silent hops, where the kernel has refused to repeat anything since the run began.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking, before: Counted) {
    let is_silent = |seen: &Observation| {
        seen.first_failure().and_then(|s| s.reason()) == Some(Reason::TimedOut)
    };
    if before.grown() == 0 || !probed.iter().filter_map(|p| p.seen.as_ref()).any(is_silent) {
        return;
    }
    let quiet = by_others().await;
    let mut refused: BTreeMap<SocketAddr, bool> = BTreeMap::new();
    let until = clock::instant() + ALL;
    let mut not_looked_at = Vec::new();
    for place in shut_first(probed) {
        let Some(seen) = &mut probed[place].seen else { continue };
        let Some(attempt) = Evidence::decisive(&seen.evidence).filter(|_| is_silent(seen)) else {
            continue;
        };
        let (source, to) = (attempt.source.map(|s| s.ip()), attempt.destination);
        if !refused.contains_key(&to) {
            if refused.len() == MAX || asking.stop.is_cancelled() || clock::instant() > until {
                not_looked_at.push(place);
                continue;
            }
            let ours = is_stopped_here(quiet, source, to).await;
            refused.insert(to, ours);
        }
        seen.known.refused_here = refused.get(&to).copied().unwrap_or_default();
    }
    doubt(probed, &not_looked_at, &refused);
}

/// The hops in the order in which they are looked at: those that must be shut first, since of them
/// silence and a reset are good.
fn shut_first(probed: &[Probed]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..probed.len()).collect();
    places.sort_by_key(|place| probed[*place].hop.flow.expect != Expect::Deny);
    places
}

/// Notes for hops that there was no time to look at that others are stopped by this machine's own
/// rules.
fn doubt(probed: &mut [Probed], not_looked_at: &[usize], looked_at: &BTreeMap<SocketAddr, bool>) {
    if looked_at.values().any(|ours| *ours) {
        for place in not_looked_at {
            if let Some(seen) = &mut probed[*place].seen {
                seen.known.perhaps_refused_here = true;
            }
        }
    }
}

/// Whether this machine's own rules stop what is sent to a destination: the count grows with an
/// attempt. Where it grows by itself as well, many at once must make it grow by as many more.
async fn is_stopped_here(quiet: u64, source: Option<IpAddr>, to: SocketAddr) -> bool {
    match by_attempts(1, source, to).await {
        0 => false,
        _ if quiet == 0 => true,
        _ => stands_out(by_attempts(CROWD, source, to).await, quiet.max(by_others().await)),
    }
}

async fn by_attempts(attempts: u64, source: Option<IpAddr>, to: SocketAddr) -> u64 {
    let before = Counted::now();
    join_all((0..attempts).map(|_| dial::connect(source, to, TIME, 0))).await;
    before.grown()
}

async fn by_others() -> u64 {
    let before = Counted::now();
    tokio::time::sleep(TIME).await;
    before.grown()
}

/// Whether a count grew by so much more than it does without our attempts that they made it grow.
fn stands_out(grown: u64, by_others: u64) -> bool {
    grown.saturating_sub(by_others) >= CROWD * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_are_refused_is_not_ours() {
        assert!(stands_out(CROWD, 0) && stands_out(CROWD + 30, 35));
        assert!(!stands_out(30, 25) && !stands_out(12, 40));
    }
}
