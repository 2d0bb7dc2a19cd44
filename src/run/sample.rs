//! Addresses picked from published ranges, one connection each: whether the way into a range is
//! open where no name leads now. Few and slow, and only where it was asked for: they are
//! somebody's, and nobody need listen on them.

use crate::net::{clock, dial, host, random, trace};
use crate::result::published::{Published, RangeState, Through};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The port of all published ranges.
const PORT: u16 = 443;
/// Between two connections, and how many may be under way.
const PAUSE: Duration = Duration::from_millis(50);
const AT_A_TIME: usize = 16;
/// Connections of one run.
const MOST: usize = 256;

/// Picks `count` addresses of every range that was published for a direct way, and notes what
/// became of a connection to each.
pub async fn sample(
    published: &mut [Published],
    count: usize,
    deadline: Duration,
    stop: &CancellationToken,
) {
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    let ranges = published.iter().enumerate().flat_map(|(role, one)| {
        one.ranges.iter().enumerate().map(move |(range, r)| (role, range, r.network))
    });
    let picked = ranges.flat_map(|(role, range, network)| {
        pick(network, count).into_iter().map(move |address| (role, range, address))
    });
    for (role, range, address) in
        picked.filter(|(_, _, to)| !matches!(host::has_route(*to), Ok(false))).take(MOST)
    {
        let (limit, ended) = (limit.clone(), stop.clone());
        tasks.spawn(async move {
            let work = async {
                let _turn = limit.acquire_owned().await;
                look(address, deadline).await
            };
            let through = tokio::select! {
                biased;
                () = ended.cancelled() => None,
                through = work => Some(through),
            };
            (role, range, through)
        });
        tokio::time::sleep(PAUSE).await;
        if stop.is_cancelled() {
            break;
        }
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((role, range, Some(through))) = done {
            published[role].ranges[range].through.push(through);
        }
    }
    for range in published.iter_mut().flat_map(|one| &mut one.ranges) {
        range.state = RangeState::of(&range.through);
    }
}

async fn look(address: IpAddr, deadline: Duration) -> Through {
    let to = SocketAddr::new(address, PORT);
    let (_, outcome) = dial::connect(None, to, deadline, 0).await;
    match outcome {
        Ok(_) => {
            Through { address, name: None, reached: Some(true), reason: None, last_seen: None }
        }
        Err(failure) => {
            let begun = clock::instant();
            let walked = trace::walk(None, to).await;
            tracing::debug!(%to, ms = clock::ms_since(begun), "the way to a picked address was \
                walked");
            // Nobody need listen there: silence tells nothing of a rule, but the way may.
            Through {
                address,
                name: None,
                reached: None,
                reason: Some(failure.reason),
                last_seen: walked.and_then(|walk| walk.last_router()),
            }
        }
    }
}

/// Addresses anywhere in a network, each once.
fn pick(network: IpNet, count: usize) -> Vec<IpAddr> {
    let mut picked: Vec<IpAddr> = Vec::new();
    // A small network has fewer than are asked for.
    for _ in 0..count.saturating_mul(4) {
        if picked.len() == count {
            break;
        }
        let address: IpAddr = match network {
            IpNet::V4(net) => Ipv4Addr::from_bits(
                net.network().to_bits() | (u32::from_be_bytes(random()) & net.hostmask().to_bits()),
            )
            .into(),
            IpNet::V6(net) => Ipv6Addr::from_bits(
                net.network().to_bits()
                    | (u128::from_be_bytes(random()) & net.hostmask().to_bits()),
            )
            .into(),
        };
        if !picked.contains(&address) {
            picked.push(address);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picked_addresses_are_inside_and_each_once() {
        for (network, count, wanted) in
            [("20.190.128.0/18", 5, 5), ("192.0.2.7/32", 3, 1), ("2603:1006:2000::/48", 4, 4)]
        {
            let network: IpNet = network.parse().expect("a network");
            let picked = pick(network, count);
            assert_eq!(picked.len(), wanted, "{network}");
            assert!(picked.iter().all(|address| network.contains(address)), "{picked:?}");
        }
    }
}
