//! Packets that this machine's own rules refuse look like silence, or like a reset of the host. The kernel counts the repetitions that it could not send;
//! where that count grew, each silent hop is tried once more alone. A reset of this machine's own making comes over its loopback device, whose packets are
//! counted too.

use super::Probed;
use super::ask::Asking;
use crate::net::{dial, os};
use crate::observation::Evidence;
use crate::reason::Reason;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Time for one attempt: the first repetition of a SYN comes after a second.
const TIME: Duration = Duration::from_millis(1200);
/// Destinations that are tried alone.
const MAX: usize = 16;

/// Attempts that must each be seen on the loopback device, which is quiet before and after for as long.
const ATTEMPTS: u32 = 3;
const QUIET: Duration = Duration::from_millis(4);
/// Destinations that are tried over and over because of others' packets on that device.
const TRIES: u32 = 4;

/// Looks at the hops that were reset before they opened.
pub(super) async fn look_at_resets(probed: &mut [Probed], asking: &Asking) {
    let mut ours: BTreeMap<SocketAddr, bool> = BTreeMap::new();
    for this in probed.iter_mut() {
        let Some(seen) = &mut this.seen else { continue };
        let reset = seen.first_failure().and_then(|s| s.reason).is_some_and(|r| matches!(r, Reason::Refused | Reason::Rejected));
        let Some(attempt) = Evidence::decisive(&seen.evidence).filter(|_| reset) else { continue };
        let (source, to) = (attempt.source.map(|s| s.ip()), attempt.destination);
        // To itself this machine speaks over that device in any case.
        if source == Some(to.ip()) || to.ip().is_loopback() {
            continue;
        }
        if !ours.contains_key(&to) {
            if ours.len() == MAX || asking.stop.is_cancelled() {
                continue;
            }
            ours.insert(to, is_reset_here(source, to).await);
        }
        seen.known.refused_here |= ours.get(&to).copied().unwrap_or_default();
    }
}

/// Whether each of some attempts is answered over the loopback device, on which nothing else goes on.
async fn is_reset_here(source: Option<IpAddr>, to: SocketAddr) -> bool {
    for _ in 0..TRIES {
        let mut counts = Vec::new();
        for _ in 0..ATTEMPTS {
            let before = os::loopback_packets();
            tokio::time::sleep(QUIET).await;
            let quiet = os::loopback_packets();
            let _ = dial::connect(source, to, TIME, 0).await;
            let after = os::loopback_packets();
            counts.push((quiet.zip(before).map(|(q, b)| q - b), after.zip(quiet).map(|(a, q)| a - q)));
        }
        match counts.as_slice() {
            all if all.iter().any(|(_, grown)| *grown == Some(0) || grown.is_none()) => return false,
            all if all.iter().all(|(quiet, _)| *quiet == Some(0)) => return true,
            // Others speak over it: once more.
            _ => {}
        }
    }
    false
}

/// Looks at the silent hops, where the kernel has refused to repeat anything since the run began.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking, before: Option<u64>) {
    if before.is_none() || os::refused_retransmissions() <= before {
        return;
    }
    let mut refused: BTreeMap<SocketAddr, bool> = BTreeMap::new();
    for this in probed.iter_mut() {
        let Some(seen) = &mut this.seen else { continue };
        let silent = seen.first_failure().and_then(|s| s.reason) == Some(Reason::TimedOut);
        let Some(attempt) = Evidence::decisive(&seen.evidence).filter(|_| silent) else { continue };
        let to = attempt.destination;
        if !refused.contains_key(&to) {
            if refused.len() == MAX || asking.stop.is_cancelled() {
                continue;
            }
            let count = os::refused_retransmissions();
            let _ = dial::connect(attempt.source.map(|s| s.ip()), to, TIME, 0).await;
            refused.insert(to, os::refused_retransmissions() > count);
        }
        seen.known.refused_here = refused.get(&to).copied().unwrap_or_default();
    }
}
