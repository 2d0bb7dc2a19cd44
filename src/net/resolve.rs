//! Names to addresses, through the system's own resolver configuration and hosts file.

use super::failure::Failure;
use super::host;
use crate::reason::Reason;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver as HickoryResolver, TokioResolver};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What DNS says of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Every address, IPv4 first, each once.
    pub addresses: Vec<IpAddr>,
    /// The names that it stands for, in the order of the answer (CNAME, RFC 1034 section 3.6.2).
    pub aliases: Vec<String>,
    /// Of the addresses, those of a family that this machine has no way out for, where it has one for the other.
    pub unroutable: Vec<IpAddr>,
}

impl Found {
    /// The addresses that a client on this machine would try.
    pub fn routable(&self) -> Vec<IpAddr> {
        self.addresses.iter().copied().filter(|a| !self.unroutable.contains(a)).collect()
    }
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

/// The system's resolver.
#[derive(Clone)]
pub struct Resolver {
    inner: Result<TokioResolver, String>,
    deadline: Duration,
}

impl Resolver {
    /// Asking this server, or those of the system.
    pub fn new(server: Option<SocketAddr>, deadline: Duration) -> Self {
        server.map_or_else(|| Self::system(deadline), |server| Self::of_server(server, deadline))
    }

    /// With the system's configuration. A configuration that cannot be read is reported when a name is looked up, not before: a site of
    /// addresses needs no DNS.
    pub fn system(deadline: Duration) -> Self {
        let inner = HickoryResolver::builder_tokio()
            .and_then(|mut builder| {
                set(builder.options_mut(), deadline);
                builder.build()
            })
            .map_err(|e| e.to_string());
        Resolver { inner, deadline }
    }

    /// Asks this server alone, and no hosts file.
    pub fn of_server(server: SocketAddr, deadline: Duration) -> Self {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_name_servers(vec![config]);
        let mut builder = HickoryResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set(builder.options_mut(), deadline);
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Resolver { inner: builder.build().map_err(|e| e.to_string()), deadline }
    }

    /// The targets of a name's SRV records (RFC 2782), by priority, then the heavier first: each once.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`.
    pub async fn targets(&self, name: &str) -> Result<Vec<String>, Failure> {
        let resolver = self.inner.as_ref().map_err(|e| Failure::local(Reason::DnsFailed).with("error", e.clone()))?;
        let found = match tokio::time::timeout(self.deadline, resolver.srv_lookup(format!("{}.", name.trim_end_matches('.')))).await {
            Err(_) => return Err(Failure::unknown(Reason::DnsTimedOut)),
            Ok(Err(error)) => return Err(failure(&error)),
            Ok(Ok(found)) => found,
        };
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, Reverse(srv.weight), srv.target.to_utf8().trim_end_matches('.').to_lowercase())),
            _ => None,
        });
        // "." says that the service is decidedly not there.
        let mut records: Vec<_> = records.filter(|(_, _, target)| !target.is_empty()).collect();
        records.sort();
        let mut targets: Vec<String> = Vec::new();
        for (_, _, target) in records {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        if targets.is_empty() { Err(Failure::peer(Reason::NameNoAddress)) } else { Ok(targets) }
    }

    /// Every address of a name, IPv4 first, each once, and the names on the way to them. Names are taken as complete: no search list is applied
    /// to a name with a dot.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`.
    pub async fn look_up(&self, name: &str) -> Result<Found, Failure> {
        let resolver = self.inner.as_ref().map_err(|e| Failure::local(Reason::DnsFailed).with("error", e.clone()))?;
        let complete = if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() };
        match tokio::time::timeout(self.deadline, resolver.lookup_ip(complete)).await {
            Err(_) => Err(Failure::unknown(Reason::DnsTimedOut)),
            Ok(Err(error)) => Err(failure(&error)),
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = found.iter().collect();
                addresses.sort_by_key(|a| (a.is_ipv6(), *a));
                addresses.dedup();
                if addresses.is_empty() {
                    return Err(Failure::peer(Reason::NameNoAddress));
                }
                let mut aliases: Vec<String> = Vec::new();
                for record in found.as_lookup().answers() {
                    if let RData::CNAME(target) = &record.data {
                        let target = target.0.to_utf8().trim_end_matches('.').to_lowercase();
                        // The answers for A and AAAA have the same chain.
                        if aliases.len() < MAX_ALIASES && !aliases.contains(&target) {
                            aliases.push(target);
                        }
                    }
                }
                Ok(Found { unroutable: unroutable(&addresses), addresses, aliases })
            }
        }
    }

    /// The addresses alone.
    ///
    /// # Errors
    /// As [`Resolver::look_up`].
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        self.look_up(name).await.map(|found| found.addresses)
    }
}

fn set(options: &mut ResolverOpts, deadline: Duration) {
    options.timeout = deadline / 2;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

fn failure(error: &NetError) -> Failure {
    let found = if error.is_nx_domain() {
        Failure::peer(Reason::NameNotFound)
    } else {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(_)) => Failure::peer(Reason::NameNoAddress),
            NetError::Dns(_) => Failure::peer(Reason::DnsFailed),
            NetError::Timeout => Failure::unknown(Reason::DnsTimedOut),
            NetError::NoConnections => Failure::local(Reason::DnsFailed),
            _ => Failure::unknown(Reason::DnsFailed),
        }
    };
    let words = match error {
        NetError::NoConnections => "none of the DNS servers that this machine is set up for can be reached".to_owned(),
        _ => error.to_string(),
    };
    found.with("error", words)
}
