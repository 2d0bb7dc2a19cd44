//! What a name stands for, in one order, and how long is waited for it.

use crate::net::host;
use std::net::IpAddr;
use std::time::Duration;

/// What a name stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its addresses, IPv4 first, each once, and 32 at most.
    pub addresses: Vec<IpAddr>,
    /// How many more it has.
    pub left_out: usize,
    /// The names that it stands for, in the order of the answer (CNAME, RFC 1034 section 3.6.2).
    pub aliases: Vec<String>,
    /// Of the addresses, those of a family that this machine has no way out for, where it has one
    /// for the other.
    pub unroutable: Vec<IpAddr>,
    /// Whether the system's resolver gave up by its own settings, and found it only with more
    /// patience.
    pub impatient: bool,
}

impl Found {
    pub(super) fn new(addresses: impl IntoIterator<Item = IpAddr>, aliases: Vec<String>) -> Self {
        let (addresses, left_out) = bounded(in_order(addresses));
        let unroutable = unroutable(&addresses);
        Found { unroutable, addresses, left_out, aliases, impatient: false }
    }

    /// The addresses that a client on this machine would try.
    pub fn routable(&self) -> Vec<IpAddr> {
        self.addresses.iter().copied().filter(|a| !self.unroutable.contains(a)).collect()
    }
}

/// The targets of a name's SRV records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// By priority, then the heavier first, each once, and 64 at most: an answer has room for
    /// thousands.
    pub names: Vec<String>,
    /// How many more there are.
    pub left_out: usize,
}

/// Addresses of one name that are tried: an answer has room for thousands, and each is a hop.
pub const MAX_ADDRESSES: usize = 32;

/// The first so many, with room for both families, and how many are left out.
fn bounded(mut addresses: Vec<IpAddr>) -> (Vec<IpAddr>, usize) {
    let of_v4 = addresses.iter().filter(|a| a.is_ipv4()).count();
    let of_v6 = addresses.len() - of_v4;
    let left_out = addresses.len().saturating_sub(MAX_ADDRESSES);
    let half = MAX_ADDRESSES / 2;
    let v4 = of_v4.min(half.max(MAX_ADDRESSES.saturating_sub(of_v6)));
    let v6 = of_v6.min(MAX_ADDRESSES - v4);
    addresses.drain(of_v4 + v6..);
    addresses.drain(v4..of_v4);
    (addresses, left_out)
}

/// IPv4 first, each once, always in the same order. An IPv4 address in the clothes of IPv6 is one
/// of IPv4.
fn in_order(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.into_iter().map(|a| a.to_canonical()).collect();
    addresses.sort_by_key(|a| (a.is_ipv6(), *a));
    addresses.dedup();
    addresses
}

/// The addresses of the family that this machine has no route for, where it has one for an address
/// of the other family: it is not set up for that family, and its clients do not use it.
fn unroutable(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let dead = |of: fn(&IpAddr) -> bool| {
        let family: Vec<IpAddr> = addresses.iter().copied().filter(of).collect();
        let none = family.iter().all(|address| matches!(host::has_route(*address), Ok(false)));
        if none { family } else { Vec::new() }
    };
    let (v4, v6) = (dead(IpAddr::is_ipv4), dead(IpAddr::is_ipv6));
    if v4.len() + v6.len() == addresses.len() { Vec::new() } else { [v4, v6].concat() }
}

/// Names of a chain that are kept.
pub(super) const MAX_ALIASES: usize = 16;

/// Slow is not dead. A resolver waits five seconds for a server by itself (resolv.conf(5)), and
/// asks the next one, or again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// Where nobody answers at all.
    pub(super) silent: Duration,
    /// Where DNS answers, and the system's resolver has not come to its end: it goes through a
    /// search list, or waits for a server or a family of addresses that is dead.
    pub(super) whole: Duration,
    /// Of one server that was named on the command line, and of records that are asked for
    /// directly.
    pub(super) direct: Duration,
}

impl Patience {
    /// By the deadline of a step of a probe.
    pub(super) fn new(step: Duration) -> Self {
        let own = Duration::from_secs(5).max(step);
        Patience { silent: own + Duration::from_secs(1), whole: own * 4, direct: own * 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_one_order_whatever_order_they_came_in() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let came = ["fd00::2", "10.0.0.9", "::ffff:10.0.0.1", "10.0.0.1", "fd00::1", "10.0.0.9"]
            .map(address);
        let wanted = ["10.0.0.1", "10.0.0.9", "fd00::1", "fd00::2"].map(address);
        assert_eq!(in_order(came), wanted);
        assert_eq!(in_order(came.into_iter().rev()), wanted);
    }

    #[test]
    fn a_name_of_thousands_has_some_of_each_family() {
        let of = |v4: u32, v6: u32| {
            let v4 = (0..v4).map(|n| IpAddr::from(n.to_be_bytes()));
            let v6 =
                (0..v6).map(|n| IpAddr::from((0x20_u128 << 120 | u128::from(n)).to_be_bytes()));
            let (some, left_out) = bounded(in_order(v4.chain(v6)));
            let of_v4 = some.iter().filter(|a| a.is_ipv4()).count();
            (of_v4, some.len() - of_v4, left_out)
        };
        assert_eq!(of(1000, 1000), (16, 16, 1968));
        assert_eq!(of(1000, 3), (29, 3, 971));
        assert_eq!(of(2, 1000), (2, 30, 970));
        assert_eq!(of(0, 40), (0, 32, 8));
        assert_eq!(of(20, 12), (20, 12, 0));
    }

    #[test]
    fn there_is_time_for_two_tries_whatever_the_steps_have() {
        for seconds in [1, 2, 5, 30] {
            let patience = Patience::new(Duration::from_secs(seconds));
            assert!(
                patience.silent > Duration::from_secs(5)
                    && patience.direct >= Duration::from_secs(10),
                "{patience:?}"
            );
            assert!(patience.whole >= patience.silent + patience.direct, "{patience:?}");
        }
    }
}
