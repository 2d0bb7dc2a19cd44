//! DNS itself, asked by this program: for `--dns`, for records that the system's resolver does not
//! give, and for why that one found nothing.

use super::found::{MAX_ALIASES, Targets};
use crate::net::{clock, os};
use crate::observation::failure::Failure;
use crate::reason::Reason;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as HickoryResolver, TokioResolver};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Servers that are asked side by side: a resolver configuration holds three (resolv.conf(5)), and
/// the dead ones must not hold up the others.
const SIDE_BY_SIDE: usize = 3;

/// How much longer the answer for one family of addresses is waited for once that for the other is
/// there. Some firewalls drop the questions for one of them.
const OTHER_FAMILY: Duration = Duration::from_secs(5);

/// A client of some DNS servers.
#[derive(Clone)]
pub(super) struct Dns {
    inner: Result<TokioResolver, String>,
}

/// What DNS said of a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// It has addresses; so many milliseconds later.
    Addresses(f64),
    /// Something else.
    Not(Failure),
}

impl Said {
    /// Whether a server answered at all, with whatever it was.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Said::Addresses(_) => true,
            Said::Not(failure) => {
                matches!(failure.reason, Reason::NameNotFound | Reason::NameNoAddress)
                    || (failure.reason == Reason::DnsFailed
                        && failure.initiator == crate::observation::Initiator::Peer)
            }
        }
    }
}

impl Dns {
    /// The servers that this system is set up for. A configuration that cannot be read is reported
    /// when it is used, not before: a site of addresses needs no DNS.
    pub(super) fn of_system(deadline: Duration) -> Self {
        let inner = HickoryResolver::builder_tokio()
            .and_then(|mut builder| {
                set(builder.options_mut(), deadline);
                builder.build()
            })
            .map_err(|e| e.to_string());
        Dns { inner }
    }

    /// This server alone.
    pub(super) fn of_server(server: SocketAddr, deadline: Duration) -> Self {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_name_servers(vec![config]);
        let mut builder =
            HickoryResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set(builder.options_mut(), deadline);
        Dns { inner: builder.build().map_err(|e| e.to_string()) }
    }

    async fn ask(
        &self,
        name: &str,
        kind: RecordType,
        deadline: Duration,
    ) -> Result<Lookup, Failure> {
        let resolver =
            self.inner.as_ref().map_err(|e| Failure::local(Reason::DnsFailed).saying(e.clone()))?;
        // Names with a dot are taken as complete: no search list is applied to them.
        let complete = if name.contains('.') && !name.ends_with('.') {
            format!("{name}.")
        } else {
            name.to_owned()
        };
        match tokio::time::timeout(deadline, resolver.lookup(complete, kind)).await {
            Err(_) => Err(Failure::unknown(Reason::DnsTimedOut)),
            Ok(Err(error)) => Err(failure(&error)),
            Ok(Ok(found)) => Ok(found),
        }
    }

    /// Addresses and aliases of a name.
    pub(super) async fn addresses(
        &self,
        name: &str,
        deadline: Duration,
    ) -> Result<(Vec<IpAddr>, Vec<String>), Failure> {
        let v4 = self.ask(name, RecordType::A, deadline);
        let v6 = self.ask(name, RecordType::AAAA, deadline);
        tokio::pin!(v4, v6);
        let late = Err(Failure::unknown(Reason::DnsTimedOut));
        let (one, other) = tokio::select! {
            v4 = &mut v4 => (v4, tokio::time::timeout(OTHER_FAMILY, v6).await.unwrap_or(late)),
            v6 = &mut v6 => (v6, tokio::time::timeout(OTHER_FAMILY, v4).await.unwrap_or(late)),
        };
        let found: Vec<&Lookup> =
            [&one, &other].into_iter().filter_map(|lookup| lookup.as_ref().ok()).collect();
        let addresses: Vec<IpAddr> = found
            .iter()
            .flat_map(|lookup| lookup.answers())
            .filter_map(|r| r.data.ip_addr())
            .collect();
        if !addresses.is_empty() {
            return Ok((addresses, aliases(&found)));
        }
        Err(match (one, other) {
            (Err(one), Err(other)) => worse(one, other),
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => failure,
            (Ok(_), Ok(_)) => Failure::peer(Reason::NameNoAddress),
        })
    }

    /// What DNS says of a name.
    pub(super) async fn says(&self, name: &str, deadline: Duration) -> Said {
        let begun = clock::instant();
        match tokio::time::timeout(deadline, self.addresses(name, deadline)).await {
            Ok(Ok(_)) => Said::Addresses(clock::ms_since(begun)),
            Ok(Err(failure)) => Said::Not(failure),
            Err(_) => Said::Not(Failure::unknown(Reason::DnsTimedOut)),
        }
    }

    /// Whether a server answers a question about this name, with whatever.
    pub(super) async fn answers(&self, name: &str, deadline: Duration) -> Said {
        let begun = clock::instant();
        match self.ask(name, RecordType::A, deadline).await {
            Ok(_) => Said::Addresses(clock::ms_since(begun)),
            Err(failure) => Said::Not(failure),
        }
    }

    /// The names that a name stands for.
    pub(super) async fn aliases(&self, name: &str, deadline: Duration) -> Vec<String> {
        self.ask(name, RecordType::A, deadline)
            .await
            .map(|found| aliases(&[&found]))
            .unwrap_or_default()
    }

    /// The targets of a name's SRV records (RFC 2782).
    pub(super) async fn targets(&self, name: &str, deadline: Duration) -> Result<Targets, Failure> {
        let found = self
            .ask(&format!("{}.", name.trim_end_matches('.')), RecordType::SRV, deadline)
            .await?;
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((
                srv.priority,
                Reverse(srv.weight),
                srv.target.to_utf8().trim_end_matches('.').to_lowercase(),
            )),
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
        if targets.is_empty() {
            return Err(Failure::peer(Reason::NameNoAddress));
        }
        let left_out = targets.len().saturating_sub(MAX_TARGETS);
        targets.truncate(MAX_TARGETS);
        Ok(Targets { names: targets, left_out })
    }
}

/// See [`Targets::names`].
const MAX_TARGETS: usize = 64;

/// The names on the way to the addresses (CNAME), as the answers for both families have them.
fn aliases(found: &[&Lookup]) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for record in found.iter().flat_map(|lookup| lookup.answers()) {
        if let RData::CNAME(target) = &record.data {
            let target = target.0.to_utf8().trim_end_matches('.').to_lowercase();
            if aliases.len() < MAX_ALIASES && !aliases.contains(&target) {
                aliases.push(target);
            }
        }
    }
    aliases
}

/// Of two families without an address, the failure that says more: a name that is not there has
/// none of either; what was not answered may have one.
fn worse(one: Failure, other: Failure) -> Failure {
    let weight = |failure: &Failure| match failure.reason {
        Reason::NameNotFound => 0,
        Reason::NameNoAddress => 3,
        Reason::DnsFailed => 1,
        _ => 2,
    };
    if weight(&other) < weight(&one) { other } else { one }
}

/// The deadline is kept by the caller. Within it the client sends a lost question again by itself.
fn set(options: &mut ResolverOpts, deadline: Duration) {
    options.timeout = deadline;
    options.attempts = 1;
    options.num_concurrent_reqs = SIDE_BY_SIDE;
    options.use_hosts_file = ResolveHosts::Never;
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
            NetError::Io(error) if os::lacks_resources(error) => {
                Failure::local(Reason::LocalResources)
            }
            _ => Failure::unknown(Reason::DnsFailed),
        }
    };
    let words = match error {
        NetError::NoConnections => {
            "none of the DNS servers that this machine is set up for can be reached".to_owned()
        }
        _ => error.to_string(),
    };
    found.saying(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_families_the_one_that_says_more_decides() {
        let of = |reason| Failure::unknown(reason);
        for (one, other, reason) in [
            (Reason::NameNoAddress, Reason::NameNotFound, Reason::NameNotFound),
            (Reason::NameNoAddress, Reason::DnsTimedOut, Reason::DnsTimedOut),
            (Reason::NameNoAddress, Reason::DnsFailed, Reason::DnsFailed),
            (Reason::NameNoAddress, Reason::NameNoAddress, Reason::NameNoAddress),
            (Reason::DnsTimedOut, Reason::DnsFailed, Reason::DnsFailed),
        ] {
            assert_eq!(worse(of(one), of(other)).reason, reason);
            assert_eq!(worse(of(other), of(one)).reason, reason);
        }
    }

    #[test]
    fn only_what_a_server_said_is_an_answer() {
        assert!(Said::Addresses(3000.0).is_answer());
        assert!(Said::Not(Failure::peer(Reason::NameNotFound)).is_answer());
        assert!(Said::Not(Failure::peer(Reason::DnsFailed)).is_answer(), "SERVFAIL");
        assert!(!Said::Not(Failure::unknown(Reason::DnsTimedOut)).is_answer());
        assert!(!Said::Not(Failure::local(Reason::DnsFailed)).is_answer(), "no way to any server");
    }
}
