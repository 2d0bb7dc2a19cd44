//! Names to addresses: what this system says they are. Its own resolver is asked, as every program
//! on the machine asks it: hosts file, search list, name service switch, DNS client. DNS is asked
//! by this program itself only for `--dns`, and for records that the system does not give.

mod dns;
mod found;
mod system;

use crate::observation::failure::Failure;
pub use found::{Found, Targets};

use dns::Dns;
use found::Patience;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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

    /// The targets of a name's SRV records (RFC 2782).
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`.
    pub async fn targets(&self, name: &str) -> Result<Targets, Failure> {
        self.dns.targets(name, self.patience.direct).await
    }

    /// Every address of a name, IPv4 first, each once, and the names on the way to them.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`; a local reason where
    /// this machine could not ask.
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
