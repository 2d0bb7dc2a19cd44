//! Names to addresses, through the system's own resolver configuration and hosts file.

use super::failure::Failure;
use crate::reason::Reason;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{Resolver as HickoryResolver, TokioResolver};
use std::net::IpAddr;
use std::time::Duration;

/// The system's resolver.
#[derive(Clone)]
pub struct Resolver {
    inner: Result<TokioResolver, String>,
    deadline: Duration,
}

impl Resolver {
    /// With the system's configuration. A configuration that cannot be read is reported when a name is looked up, not before: a site of
    /// addresses needs no DNS.
    pub fn system(deadline: Duration) -> Self {
        let inner = HickoryResolver::builder_tokio()
            .and_then(|mut builder| {
                let options = builder.options_mut();
                options.timeout = deadline / 2;
                options.attempts = 1;
                options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
                builder.build()
            })
            .map_err(|e| e.to_string());
        Resolver { inner, deadline }
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
