//! Packets that this machine's own rules refuse look like silence. The kernel counts the repetitions that it could not send; where that count grew, each
//! silent hop is tried once more alone.

use super::Probed;
use super::ask::Asking;
use crate::net::{dial, os};
use crate::observation::Evidence;
use crate::reason::Reason;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Time for one attempt: the first repetition of a SYN comes after a second.
const TIME: Duration = Duration::from_millis(1200);
/// Destinations that are tried alone.
const MAX: usize = 16;

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
