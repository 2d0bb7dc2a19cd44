//! What a directory tells for free once it has answered: as a domain controller, which roles it has; and how long its answers take.

use super::{Searches, root_dse};
use crate::net::failure::Failure;
use crate::net::{Io, clock};
use crate::observation::{Detail, Spread, StepKind};
use crate::probe::{Climb, Stop};
use crate::proto::ldap::netlogon::{self, Netlogon};
use crate::reason::Reason;
use ldap3_proto::proto::LdapFilter;
use std::time::{Duration, Instant};

/// Round trips that are measured, and connections.
const REQUESTS: usize = 10;
const CONNECTIONS: usize = 5;
/// Time for all of either: a few samples of a slow way say as much as many.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
/// Fewer than these are no sample.
const FEWEST: usize = 3;

/// Rung `directory`, where an Active Directory of `domain` answered the search that locates controllers; and the latency of every directory.
/// A directory that does not answer these is none the worse for it, and its connection is not used any further.
///
/// # Errors
/// [`Stop`] when the connection broke.
pub(super) async fn look(climb: &mut Climb<'_>, searches: &mut Searches<impl Io>, domain: Option<String>) -> Result<(), Stop> {
    if let Some(domain) = domain {
        let begun = clock::instant();
        match within(climb, searches.netlogon(&domain)).await {
            Ok(Some(told)) => climb.note(StepKind::Directory, begun, Ok(facts(&told))),
            // A refusal is an answer: the connection is as good as before.
            Ok(None) => {}
            Err(failure) if failure.reason == Reason::LdapRefused => {}
            Err(_) => return Ok(()),
        }
    }
    climb.latency.request = requests(climb, searches).await?;
    climb.latency.connect = connections(climb).await;
    Ok(())
}

/// The smallest request there is, again and again.
async fn requests(climb: &mut Climb<'_>, searches: &mut Searches<impl Io>) -> Result<Option<Spread>, Stop> {
    let (mut times, end) = (Vec::new(), clock::instant() + LONG_ENOUGH);
    while times.len() < REQUESTS && clock::instant() < end {
        let begun = clock::instant();
        match within(climb, searches.ping()).await {
            Ok(()) => times.push(clock::ms_since(begun)),
            Err(failure) => {
                climb.note(StepKind::Ldap, begun, Err(failure));
                return Err(Stop);
            }
        }
    }
    Ok(spread(&times))
}

/// Connections that are opened and closed again, one after the other.
async fn connections(climb: &Climb<'_>) -> Option<Spread> {
    let (mut times, end): (Vec<f64>, Instant) = (Vec::new(), clock::instant() + LONG_ENOUGH);
    while times.len() < CONNECTIONS && clock::instant() < end {
        times.push(climb.time_of_a_connection().await?);
    }
    spread(&times)
}

fn spread(times: &[f64]) -> Option<Spread> {
    Spread::of(times).filter(|_| times.len() >= FEWEST)
}

async fn within<T>(climb: &Climb<'_>, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(climb.step_deadline(), work).await.unwrap_or_else(|_| Err(Failure::silent()))
}

impl<S: Io> Searches<S> {
    /// What the controller says of itself; `None` when it does not say it, or not in a form that can be read.
    async fn netlogon(&mut self, domain: &str) -> Result<Option<Netlogon>, Failure> {
        let id = self.next_id();
        let entry = self.talk.entry(id, netlogon::filter(domain), std::iter::once(netlogon::ATTRIBUTE)).await?;
        Ok(entry.and_then(|entry| root_dse::octets(&entry, netlogon::ATTRIBUTE).and_then(netlogon::parse)))
    }

    async fn ping(&mut self) -> Result<(), Failure> {
        let id = self.next_id();
        let attributes = std::iter::once("supportedLDAPVersion");
        self.talk.entry(id, LdapFilter::Present("objectClass".to_owned()), attributes).await.map(|_| ())
    }
}

fn facts(told: &Netlogon) -> Detail {
    let mut detail = Detail::from([
        ("pdc".to_owned(), told.is_pdc().into()),
        ("global_catalog".to_owned(), told.is_global_catalog().into()),
        ("writable".to_owned(), told.is_writable().into()),
        ("time_service".to_owned(), told.keeps_time().into()),
        ("closest".to_owned(), told.is_closest().into()),
    ]);
    for (name, text) in [
        ("forest", &told.forest),
        ("domain", &told.domain),
        ("host", &told.host),
        ("netbios_domain", &told.netbios_domain),
        ("site", &told.site),
        ("client_site", &told.client_site),
    ] {
        if !text.is_empty() {
            detail.insert(name.to_owned(), text.clone().into());
        }
    }
    detail
}
