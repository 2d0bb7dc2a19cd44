//! Names to addresses, through the system's own resolver configuration and hosts file.

use super::failure::Failure;
use crate::reason::Reason;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver as HickoryResolver, TokioResolver};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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

    /// Every address of a name, IPv4 first, each once. Names are taken as complete: no search list is applied to a name with a dot.
    ///
    /// # Errors
    /// `name-not-found`, `name-no-address`, `dns-timed-out` or `dns-failed`.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let resolver = self.inner.as_ref().map_err(|e| Failure::local(Reason::DnsFailed).with("error", e.clone()))?;
        let complete = if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() };
        match tokio::time::timeout(self.deadline, resolver.lookup_ip(complete)).await {
            Err(_) => Err(Failure::unknown(Reason::DnsTimedOut)),
            Ok(Err(error)) => Err(failure(&error)),
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = found.iter().collect();
                addresses.sort_by_key(|a| (a.is_ipv6(), *a));
                addresses.dedup();
                if addresses.is_empty() { Err(Failure::peer(Reason::NameNoAddress)) } else { Ok(addresses) }
            }
        }
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
