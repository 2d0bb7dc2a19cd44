//! What a directory tells for free once it has answered: as a domain controller, which roles it
//! has; and how long its answers take.

use super::root_dse;
use super::talk::Searches;
use crate::climb::Climb;
use crate::net::{Io, clock};
use crate::observation::facts::Directory;
use crate::observation::failure::Failure;
use crate::observation::{Facts, Spread, StepKind};
use crate::protocol::ldap::codec::netlogon::{self, Netlogon};
use crate::reason::Reason;
use ldap3_proto::proto::LdapFilter;
use std::time::Duration;

/// Round trips that are measured, and connections.
const REQUESTS: usize = 10;
const CONNECTIONS: usize = 5;
/// Time for all of either: a few samples of a slow way say as much as many.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
/// Fewer than these are no sample.
const FEWEST: usize = 3;

/// Rung `directory`, where an Active Directory of `domain` answered the search that locates
/// controllers. One that does not answer it is none the worse for it. `false` when the connection
/// broke over it.
pub(super) async fn look(
    climb: &mut Climb<'_>,
    searches: &mut Searches<impl Io>,
    domain: &str,
) -> bool {
    let begun = clock::instant();
    let asked = tokio::time::timeout(climb.step_deadline(), searches.netlogon(domain)).await;
    match asked.unwrap_or_else(|_| Err(Failure::silent())) {
        Ok(Some(told)) => climb.note(StepKind::Directory, begun, Ok(facts(&told))),
        Ok(None) => {}
        // A refusal is an answer: the connection is as good as before.
        Err(failure) => return failure.reason == Reason::LdapRefused,
    }
    true
}

/// How long the directory takes to answer, and to open a connection. It is a measure and no rung:
/// whatever fails here, fails nothing.
pub(super) async fn measure(climb: &mut Climb<'_>, searches: &mut Searches<impl Io>) {
    climb.latency.request = requests(searches).await;
    // A listener would count these connections, and show them as ones that proved nothing.
    if climb.recognised.is_some() {
        climb.latency.connect = connections(climb).await;
    }
}

/// The smallest request there is, again and again.
async fn requests(searches: &mut Searches<impl Io>) -> Option<Spread> {
    let mut times = Vec::new();
    let asking = async {
        while times.len() < REQUESTS {
            let begun = clock::instant();
            if searches.ping().await.is_err() {
                return;
            }
            times.push(clock::ms_since(begun));
        }
    };
    let _ = tokio::time::timeout(LONG_ENOUGH, asking).await;
    spread(&times)
}

/// Connections that are opened and closed again, one after the other.
async fn connections(climb: &Climb<'_>) -> Option<Spread> {
    let mut times = Vec::new();
    let connecting = async {
        while times.len() < CONNECTIONS {
            let Some(ms) = climb.time_of_a_connection().await else { return };
            times.push(ms);
        }
    };
    let _ = tokio::time::timeout(LONG_ENOUGH, connecting).await;
    spread(&times)
}

fn spread(times: &[f64]) -> Option<Spread> {
    Spread::of(times).filter(|_| times.len() >= FEWEST)
}

impl<S: Io> Searches<S> {
    /// What the controller says of itself; `None` when it does not say it, or not in a form that
    /// can be read.
    async fn netlogon(&mut self, domain: &str) -> Result<Option<Netlogon>, Failure> {
        let id = self.next_id();
        let entry = self
            .talk
            .entry(id, netlogon::filter(domain), std::iter::once(netlogon::ATTRIBUTE))
            .await?;
        Ok(entry.and_then(|entry| {
            root_dse::octets(&entry, netlogon::ATTRIBUTE).and_then(netlogon::parse)
        }))
    }

    async fn ping(&mut self) -> Result<(), Failure> {
        let id = self.next_id();
        let attributes = std::iter::once("supportedLDAPVersion");
        self.talk
            .entry(id, LdapFilter::Present("objectClass".to_owned()), attributes)
            .await
            .map(|_| ())
    }
}

fn facts(told: &Netlogon) -> Facts {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let directory = Directory {
        pdc: Some(told.is_pdc()),
        global_catalog: Some(told.is_global_catalog()),
        writable: Some(told.is_writable()),
        time_service: Some(told.keeps_time()),
        closest: Some(told.is_closest()),
        forest: said(&told.forest),
        domain: said(&told.domain),
        host: said(&told.host),
        netbios_domain: said(&told.netbios_domain),
        site: said(&told.site),
        client_site: said(&told.client_site),
    };
    Facts::of(|facts| *facts.directory = directory)
}
