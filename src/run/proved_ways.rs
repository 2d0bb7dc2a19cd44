//! Hops on which the listener of a host proved itself: over these it can be asked about others.

use super::probed::Probed;
use crate::climb::plain;
use crate::matrix::model::Expect;
use crate::observation::StepKind;
use crate::plan::model::Hop;
use crate::protocol::list::Application;
use crate::wire::challenge::{Claims, ProofOutcome};
use crate::wire::ports;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// A hop over which a listener can be asked.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub hop: Arc<Hop>,
    /// The host that proved itself.
    pub host: String,
    /// Whether that is the host that the hop connects to, with no front in between.
    pub straight: bool,
    /// Address that is connected to.
    pub address: IpAddr,
    /// Address that is connected from.
    pub source: IpAddr,
    /// Whether the listener sees this end as it is: no NAT and no relay changes address or port.
    pub untranslated: bool,
    /// The listener's own address, as it said.
    pub local: IpAddr,
    /// Which run of a listener it is; empty where it did not say.
    pub instance: String,
    /// Its ports at that address, in words.
    pub ports: String,
}

/// The ways of a run. Of two listeners with one name and one key, the one that has the host's
/// address speaks for it.
pub(super) fn ways(probed: &[Probed]) -> Vec<Way> {
    let all: Vec<Way> = probed.iter().filter_map(way).collect();
    let holders: Vec<(String, IpAddr, String)> = all
        .iter()
        .filter(|w| w.has_its_address())
        .map(|w| (w.host.clone(), w.address, w.instance.clone()))
        .collect();
    let speaks = |way: &Way| {
        let mut of_address = holders
            .iter()
            .filter(|(host, address, _)| *address == way.address && *host == way.host)
            .peekable();
        of_address.peek().is_none() || of_address.any(|(_, _, instance)| *instance == way.instance)
    };
    // One that stands at an address at which another host's listener was reached speaks for nobody:
    // the connection was led there.
    let led_away = |way: &Way| {
        way.straight
            && !way.has_its_address()
            && at_other_host(&all, way.local, &way.host, &way.instance).is_some()
    };
    let told: Vec<bool> =
        all.iter().map(|way| !way.straight || (speaks(way) && !led_away(way))).collect();
    all.into_iter().zip(told).filter_map(|(way, told)| told.then_some(way)).collect()
}

/// The way that reached another host's listener at an address from which a proof came: that host
/// has the address, and another run of a listener there.
pub(super) fn at_other_host<'w>(
    ways: &'w [Way],
    at: IpAddr,
    host: &str,
    instance: &str,
) -> Option<&'w Way> {
    let mut there = ways
        .iter()
        .filter(|way| way.local == at && way.has_its_address() && !way.instance.is_empty())
        .peekable();
    let other = there.peek().copied().filter(|_| !instance.is_empty())?;
    there.all(|way| way.host != host && way.instance != instance).then_some(other)
}

impl Way {
    /// Whether the listener has the very address that was connected to.
    pub fn has_its_address(&self) -> bool {
        self.straight && self.local == self.address.to_canonical()
    }

    /// Whether it goes straight to this hop's host, at the same address.
    pub fn is_to(&self, hop: &Hop) -> bool {
        // The address first: it is compared for every pair of a way and a hop, and the name must be
        // put together.
        Some(self.address) == hop.address && self.straight && self.host == hop.to.host.label()
    }

    /// Whether its listener has the port of a hop to the same address, and would have answered
    /// there.
    pub fn holds_port_of(&self, hop: &Hop) -> bool {
        self.is_to(hop) && ports::holds(&self.ports, hop.port)
    }

    /// How dear its protocol is.
    pub fn cost(&self) -> u8 {
        let protocol = self.hop.flow.protocol;
        let spoken = match protocol.application() {
            Application::Raw | Application::Http => 0,
            Application::Ldap => 1,
            Application::Grpc => 2,
            _ => 3,
        };
        let tls = match protocol.application() {
            Application::Http => 2,
            _ => 1,
        };
        spoken + if protocol.is_tls() { tls } else { 0 }
    }
}

/// When a listener began, by this machine's clock: what it says of its own clock is only compared
/// with itself.
pub(super) fn began(claims: &Claims, now: Timestamp) -> Option<Timestamp> {
    now.checked_sub(claims.now.duration_since(claims.started?)).ok()
}

/// A hop that was proved to its end, by the host that it goes to or, through a front, by one
/// behind.
fn way(probed: &Probed) -> Option<Way> {
    let (hop, seen) = (&probed.hop, probed.seen.as_ref()?);
    let claims: Vec<&Claims> = seen
        .proofs
        .iter()
        .map(|p| match p {
            ProofOutcome::Valid { claims, .. } => Some(claims),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let first = *claims.first()?;
    let (behind_front, own) = (hop.flow.relayed_to.is_some(), hop.to.host.label());
    // Of a front that is the service's own machine, the port tells.
    let straight = first.host == own && (!behind_front || first.local.port() == hop.port);
    let behind =
        hop.flow.relayed_to.as_ref().is_some_and(|behind| behind.hosts.contains(&first.host));
    let right = claims.iter().all(|c| c.host == first.host) && (straight || behind);
    let works = hop.flow.expect == Expect::Allow
        && hop.proxy.is_none()
        && seen.steps.iter().all(|s| s.is_climbed() || s.step == StepKind::Resolve);
    let source = seen.evidence.first().and_then(|e| e.source)?;
    (right && works).then_some(Way {
        hop: hop.clone(),
        host: first.host.clone(),
        straight,
        address: hop.address?,
        source: source.ip(),
        untranslated: plain(first.peer) == plain(source),
        local: first.local.ip().to_canonical(),
        instance: first.instance.clone(),
        ports: first.ports.clone(),
    })
}
