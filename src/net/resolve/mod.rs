//! Names to addresses: what this system says they are. Its own resolver is asked, as every program on the machine asks it: hosts file, search
//! list, name service switch, DNS client. DNS is asked by this program itself only for `--dns`, and for records that the system does not give.

mod dns;
mod system;

use super::failure::Failure;
use super::host;
use dns::Dns;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a name stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Every address, IPv4 first, each once.
    pub addresses: Vec<IpAddr>,
    /// The names that it stands for, in the order of the answer (CNAME, RFC 1034 section 3.6.2).
    pub aliases: Vec<String>,
    /// Of the addresses, those of a family that this machine has no way out for, where it has one for the other.
    pub unroutable: Vec<IpAddr>,
    /// Whether the system's resolver gave up by its own settings, and found it only with more patience.
    pub impatient: bool,
}

impl Found {
    fn new(addresses: impl IntoIterator<Item = IpAddr>, aliases: Vec<String>) -> Self {
        let addresses = in_order(addresses);
        Found { unroutable: unroutable(&addresses), addresses, aliases, impatient: false }
    }

    /// The addresses that a client on this machine would try.
    pub fn routable(&self) -> Vec<IpAddr> {
        self.addresses.iter().copied().filter(|a| !self.unroutable.contains(a)).collect()
    }
}

/// IPv4 first, each once, always in the same order. An IPv4 address in the clothes of IPv6 is one of IPv4.
fn in_order(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.into_iter().map(|a| a.to_canonical()).collect();
    addresses.sort_by_key(|a| (a.is_ipv6(), *a));
    addresses.dedup();
    addresses
}

/// The addresses of the family that this machine has no route for, where it has one for an address of the other family: it is not set up for that
/// family, and its clients do not use it.
fn unroutable(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let dead = |of: fn(&IpAddr) -> bool| {
        let family: Vec<IpAddr> = addresses.iter().copied().filter(of).collect();
        let none = family.iter().all(|address| !host::has_route(*address));
        if none { family } else { Vec::new() }
    };
    let (v4, v6) = (dead(IpAddr::is_ipv4), dead(IpAddr::is_ipv6));
    if v4.len() + v6.len() == addresses.len() { Vec::new() } else { [v4, v6].concat() }
}

/// Names of a chain that are kept.
const MAX_ALIASES: usize = 16;

/// Slow is not dead. A resolver waits five seconds for a server by itself (resolv.conf(5)), and asks the next one, or again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patience {
    /// Where nobody answers at all.
    silent: Duration,
    /// Where DNS answers, and the system's resolver has not come to its end: it goes through a search list, or waits for a server or a family
    /// of addresses that is dead.
    whole: Duration,
    /// Of one server that was named on the command line, and of records that are asked for directly.
    direct: Duration,
}

impl Patience {
    /// By the deadline of a step of a probe.
    fn new(step: Duration) -> Self {
        let own = Duration::from_secs(5).max(step);
        Patience { silent: own + Duration::from_secs(1), whole: own * 4, direct: own * 2 }
    }
}

/// The system's resolver, or a DNS server in its place.
#[derive(Clone)]
pub struct Resolver {
    dns: Dns,
    /// Whether the system is asked for addresses.
    system: bool,
    patience: Patience,
}

impl Resolver {
    /// Asking this server, or the system.
    pub fn new(server: Option<SocketAddr>, step: Duration) -> Self {
        server.map_or_else(|| Self::system(step), |server| Self::of_server(server, step))
    }

    /// Asks the system.
    pub fn system(step: Duration) -> Self {
        let patience = Patience::new(step);
        Resolver { dns: Dns::of_system(patience.direct), system: true, patience }
    }

    /// Asks this server alone, and no hosts file.
    pub fn of_server(server: SocketAddr, step: Duration) -> Self {
        let patience = Patience::new(step);
        Resolver { dns: Dns::of_server(server, patience.direct), system: false, patience }
    }

    /// The targets of a name's SRV records (RFC 2782), by priority, then the heavier first: each once.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`.
    pub async fn targets(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.dns.targets(name, self.patience.direct).await
    }

    /// Every address of a name, IPv4 first, each once, and the names on the way to them.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`; a local reason where this machine could not ask.
    pub async fn look_up(&self, name: &str) -> Result<Found, Failure> {
        if self.system {
            return system::look_up(name, &self.dns, self.patience).await;
        }
        let (addresses, aliases) = self.dns.addresses(name, self.patience.direct).await?;
        Ok(Found::new(addresses, aliases))
    }

    /// The addresses alone.
    ///
    /// # Errors
    /// As [`Resolver::look_up`].
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        self.look_up(name).await.map(|found| found.addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_one_order_whatever_order_they_came_in() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let came = ["fd00::2", "10.0.0.9", "::ffff:10.0.0.1", "10.0.0.1", "fd00::1", "10.0.0.9"].map(address);
        let wanted = ["10.0.0.1", "10.0.0.9", "fd00::1", "fd00::2"].map(address);
        assert_eq!(in_order(came), wanted);
        assert_eq!(in_order(came.into_iter().rev()), wanted);
    }

    #[test]
    fn there_is_time_for_two_tries_whatever_the_steps_have() {
        for seconds in [1, 2, 5, 30] {
            let patience = Patience::new(Duration::from_secs(seconds));
            assert!(patience.silent > Duration::from_secs(5) && patience.direct >= Duration::from_secs(10), "{patience:?}");
            assert!(patience.whole >= patience.silent + patience.direct, "{patience:?}");
        }
    }
}
