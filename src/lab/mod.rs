//! A whole site on this machine's loopback: listeners and connectors for every hop, on real
//! sockets. Nothing is simulated: the same code as in `listen` and `connect` does the work, only
//! all hosts are addresses of 127/8.

mod error;
mod relay;
pub mod sites;

use crate::climb::Tools;
use crate::event::Event;
use crate::listen::gate::{Gate, Limits};
use crate::listen::open::{self, Opened, Port};
use crate::listen::wanted::{Shared, Wanted};
use crate::listen::watch;
use crate::matrix::model::{Expect, Protocol};
use crate::net::host;
use crate::net::identity::Identity;
use crate::net::occupied::BindProblem;
use crate::net::resolve::Resolver;
use crate::net::tls::Trust;
use crate::plan::listening;
use crate::plan::model::{Hop, Plan};
use crate::reason::Reason;
use crate::result::HopResult;
use crate::run::{self, Settings};
use crate::stand_in::memory::journal::Journal;
use crate::stand_in::memory::sightings::Sightings;
use crate::verdict::Verdict;
use crate::wire::challenge::SiteKey;
use crate::wire::sighting::Seen;
pub use error::LabError;
use ipnet::IpNet;
use relay::Relay;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// One site of the lab, planned.
pub struct LabSite {
    /// The sample it was made from.
    pub sample: sites::Sample,
    /// Its hops.
    pub plan: Plan,
    /// Added to every port.
    pub port_offset: u16,
}

impl LabSite {
    /// Whether a hop is the one that no listener is there for.
    pub fn is_shut(&self, hop: &Hop) -> bool {
        self.is_shut_port(&hop.to.host.label(), hop.port)
    }

    fn is_shut_port(&self, host: &str, port: u16) -> bool {
        self.sample.shut.is_some_and(|(shut, number)| {
            self.sample.host(shut) == host && number.checked_add(self.port_offset) == Some(port)
        })
    }
}

/// What came of one hop of the lab.
pub struct LabHop {
    /// The result, as `connect` would report it.
    pub result: HopResult,
    /// Whether the lab had shut its port on purpose.
    pub shut: bool,
}

impl LabHop {
    /// Whether the hop came out as the lab expects: passed and proved; or, where nobody listens on
    /// purpose, refused; or, where the way must be shut, passed. Loopback has no firewall: where
    /// the lab's own listener turns the hop away in the place of one, the connector must see that
    /// it was no rule.
    pub fn as_expected(&self) -> bool {
        let r = &self.result;
        match (self.shut, r.expect) {
            (true, _) => r.verdict == Verdict::Fail && r.reason == Reason::Refused,
            (false, Expect::Allow) => r.verdict == Verdict::Pass && r.reason == Reason::Proved,
            (false, Expect::Deny) => {
                (r.verdict == Verdict::Pass && r.reason == Reason::Denied) || self.is_turned_away()
            }
        }
    }
}

impl LabHop {
    /// Whether the lab's listener turned a hop away that must be shut, and the connector says so.
    pub fn is_turned_away(&self) -> bool {
        let by_list = self.result.sighting.as_ref().is_some_and(|s| s.state == Seen::NotAllowed);
        self.result.expect == Expect::Deny
            && self.result.verdict == Verdict::Inconclusive
            && by_list
    }
}

/// Listens on every host of a site and connects from every host, on loopback.
///
/// # Errors
/// When a port of the lab cannot be opened: it names the port and how to move the lab.
pub async fn run(
    site: &LabSite,
    key: &SiteKey,
    stop: &CancellationToken,
    listener: impl FnMut(Event),
) -> Result<Vec<LabHop>, LabError> {
    let ended = CancellationToken::new();
    let tracker = TaskTracker::new();
    let front = front(site)?;
    let outcome = async {
        open_listeners(site, key, &ended, &tracker)?;
        let mut roots = Vec::new();
        if let Some((relay, identity)) = &front {
            relay.clone().start(identity, ended.clone(), &tracker)?;
            roots.extend(identity.chain.first().cloned());
        }
        // The front's certificate is trusted, as the real one's must be; the stand-ins' own are
        // not, and need not be.
        let spare = Identity::self_signed(&["unused.example".to_owned()])?;
        roots.extend(spare.chain.first().cloned());
        let tools = Tools {
            key: Some(key.clone()),
            trust: Trust::roots(roots)?,
            connect_deadline: Duration::from_secs(5),
            retries: 0,
            step_deadline: Duration::from_secs(5),
            idle: None,
            range: crate::climb::RangeMode::Never,
            allowance: crate::net::sweep::Allowance::unlimited(),
        };
        let settings = Settings { rate: 1000, loopback_sources: true, ..Settings::default() };
        let resolver = Resolver::system(Duration::from_secs(2));
        Ok::<_, LabError>(run::run(&site.plan, tools, &resolver, &settings, stop, listener).await)
    }
    .await;
    ended.cancel();
    tracker.close();
    let _ = tokio::time::timeout(Duration::from_secs(5), tracker.wait()).await;
    let (results, this) = (outcome?, host::this_host());
    Ok(site
        .plan
        .hops
        .iter()
        .zip(results)
        .map(|(hop, judged)| LabHop { shut: site.is_shut(hop), result: judged.result(&this) })
        .collect())
}

/// The reverse proxy of the site: one that really relays, so that the proof comes from the service
/// behind it.
fn front(site: &LabSite) -> Result<Option<(Relay, Identity)>, LabError> {
    let Some(hop) = site
        .plan
        .hops
        .iter()
        .find(|h| h.flow.relayed_to.is_some() && h.flow.expect == Expect::Allow)
    else {
        return Ok(None);
    };
    let Some(leg) = site
        .plan
        .hops
        .iter()
        .find(|h| h.from.host == hop.to.host && h.flow.protocol == Protocol::Http)
    else {
        return Ok(None);
    };
    let (Some(front), Some(backend)) = (hop.address, leg.address) else {
        return Err(LabError::NoAddress);
    };
    let relay = Relay {
        front: SocketAddr::new(front, hop.port),
        backend: SocketAddr::new(backend, leg.port),
        path: hop.flow.options.path().map(str::to_owned).unwrap_or_else(|| "/".to_owned()),
    };
    Ok(Some((relay, Identity::self_signed(&[hop.to.host.label()])?)))
}

/// Opens the ports of every host, but for the front's, which the relay has, and the one that is
/// shut on purpose.
fn open_listeners(
    site: &LabSite,
    key: &SiteKey,
    ended: &CancellationToken,
    tracker: &TaskTracker,
) -> Result<(), LabError> {
    let all: Vec<&Hop> =
        site.plan.hops.iter().filter(|h| h.flow.relayed_to.is_none() && !site.is_shut(h)).collect();
    let (endpoints, conflicts) = listening::endpoints(&all);
    if let Some(conflict) = conflicts.first() {
        return Err(LabError::Conflict(conflict.to_string()));
    }
    let names: Vec<String> = endpoints.iter().map(|e| e.host.label()).collect();
    let identity = Arc::new(Identity::self_signed(&names)?);
    let journal = Arc::new(Journal::default());
    let sightings = Arc::<Sightings>::default();
    for endpoint in &endpoints {
        let shared = Shared {
            sightings: sightings.clone(),
            receipts: Arc::default(),
            // The sample sites have small ranges.
            whole_ranges: true,
            descriptors: None,
            key: Some(key.clone()),
            identity: identity.clone(),
            gate: Gate::new(Limits { allowed: may_connect(&endpoint.hops), ..Limits::default() }),
            journal: journal.clone(),
            stop: ended.clone(),
        };
        let Opened { ports, tracker: opened, .. } =
            open::open(&[Wanted::of(endpoint, &site.plan)], &shared)?;
        if let Some(error) = ports.iter().find_map(unopened) {
            return Err(error);
        }
        tracker.spawn(async move { opened.wait().await });
    }
    let stop = ended.clone();
    tracker.spawn(async move { watch::watch(&sightings, stop).await });
    Ok(())
}

fn unopened(port: &Port) -> Option<LabError> {
    let (problem, advice) = port.problem.as_ref()?;
    let why = match problem {
        BindProblem::Taken => "somebody has it already, another lab perhaps".to_owned(),
        _ => advice.clone(),
    };
    Some(LabError::Port { address: port.address, why })
}

/// Where a way to a port must be shut, the lab's listener itself turns those away who may not come:
/// loopback has no firewall.
fn may_connect(hops: &[&Hop]) -> Vec<IpNet> {
    if hops.iter().all(|h| h.flow.expect == Expect::Allow) {
        return Vec::new();
    }
    hops.iter()
        .filter(|h| h.flow.expect == Expect::Allow)
        .flat_map(|h| addresses(&h.from.host))
        .map(IpNet::from)
        .collect()
}

fn addresses(host: &crate::site::model::Host) -> Vec<IpAddr> {
    match host {
        crate::site::model::Host::Named { addresses, .. } => addresses.clone(),
        crate::site::model::Host::Address(address) => vec![*address],
        _ => Vec::new(),
    }
}
