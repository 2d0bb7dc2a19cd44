//! What one hop knows of a host counts for its others: who holds its ports, which of two listeners
//! is the right one, whether it ended or began meanwhile, and whether it is the host that it is
//! taken for.

use super::ask::Asking;
use super::probed::Probed;
use super::proved_ways;
use super::proved_ways::{Way, began};
use crate::climb::plain;
use crate::matrix::model::Expect;
use crate::observation::{Change, Evidence, Observation, StepKind};
use crate::plan::model::Hop;
use crate::probe::Answered;
use crate::reason::Reason;
use crate::verdict::{self, Policy};
use crate::wire::challenge::{Claims, ProofOutcome};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Listeners that are asked once more whether they are still there.
const MAX_CHECKED: usize = 64;

/// How much later than an attempt a listener must have begun: both times are of this machine's
/// clock, one with the time of an answer in it.
const LITTLE: SignedDuration = SignedDuration::from_millis(5);

/// Notes for each hop what the ways tell of its host.
pub(super) fn of_listeners(probed: &mut [Probed], ways: &[Way]) {
    let own = addresses(probed);
    for this in probed.iter_mut() {
        let Some(seen) = &mut this.seen else { continue };
        seen.known.at_other_host = at_other_host(seen, &this.hop, &own, ways);
        seen.known.listener_holds = ways.iter().any(|way| way.holds_port_of(&this.hop));
        seen.known.clone_at = clone_at(
            seen,
            ways.iter().filter(|way| is_meant(way, &this.hop) && way.has_its_address()),
        );
    }
}

/// By host, the addresses at which it was to be reached.
fn addresses(probed: &[Probed]) -> BTreeMap<String, BTreeSet<IpAddr>> {
    let mut all: BTreeMap<String, BTreeSet<IpAddr>> = BTreeMap::new();
    for hop in probed.iter().map(|this| &this.hop) {
        let own = all.entry(hop.to.host.label()).or_default();
        own.extend(hop.address.map(|address| address.to_canonical()));
    }
    all
}

/// Whether a way leads straight to the host that a hop is to reach: its own, or one behind the
/// front.
fn is_meant(way: &Way, hop: &Hop) -> bool {
    match &hop.flow.relayed_to {
        Some(behind) => way.straight && behind.hosts.contains(&way.host),
        None => way.is_to(hop),
    }
}

/// Where a proof came from that the listener at the hop's own address did not give.
fn clone_at<'w>(seen: &Observation, holders: impl Iterator<Item = &'w Way>) -> Option<SocketAddr> {
    let holders: Vec<&Way> = holders.collect();
    let is_clone = |claims: &Claims| {
        let mut own = holders.iter().filter(|holder| holder.host == claims.host).peekable();
        let known = own.peek().is_some() && !claims.instance.is_empty();
        known
            && own.all(|holder| {
                claims.instance != holder.instance && plain(claims.local).ip() != holder.local
            })
    };
    seen.proofs.iter().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } if is_clone(claims) => Some(claims.local),
        _ => None,
    })
}

/// Where a proof of a hop came from, if another host has that address and another listener there:
/// the destination is changed on the way, or a front passes on to that host. That both names are
/// one machine with two listeners nobody can rule out, unless both have that address.
fn at_other_host(
    seen: &Observation,
    hop: &Hop,
    own: &BTreeMap<String, BTreeSet<IpAddr>>,
    ways: &[Way],
) -> Option<(SocketAddr, String)> {
    if hop.proxy.is_some() {
        return None;
    }
    seen.proofs.iter().find_map(|proof| {
        let ProofOutcome::Valid { claims, .. } = proof else { return None };
        let local = plain(claims.local).ip();
        let is_own = own.get(&claims.host).is_some_and(|own| own.contains(&local));
        let other = (Some(local) != hop.address && !is_own)
            .then(|| proved_ways::at_other_host(ways, local, &claims.host, &claims.instance))??;
        Some((claims.local, other.host.clone()))
    })
}

/// Reasons that say of a host that it is another one than it is taken for.
const STRANGERS: &[Reason] =
    &[Reason::WrongListener, Reason::NotActiveDirectory, Reason::DirectoryNameMismatch];

/// Notes for each hop that proved nobody what another hop to the same address showed to be wrong
/// with the host there.
pub(super) fn of_strangers(probed: &mut [Probed], policy: Policy) {
    let mut strangers: BTreeMap<(String, IpAddr), (Reason, String)> = BTreeMap::new();
    for this in probed
        .iter()
        .filter(|p| p.hop.flow.expect == Expect::Allow && p.hop.flow.relayed_to.is_none())
    {
        let reason = verdict::judge(&this.hop, this.seen.as_ref(), policy).reason;
        if let Some(address) = this.hop.address.filter(|_| STRANGERS.contains(&reason)) {
            strangers
                .entry((this.hop.to.host.label(), address))
                .or_insert((reason, this.hop.flow.id.clone()));
        }
    }
    for this in probed.iter_mut() {
        let Some(address) = this.hop.address else { continue };
        if let (Some(seen), Some(stranger)) =
            (&mut this.seen, strangers.get(&(this.hop.to.host.label(), address)))
            && stranger.1 != this.hop.flow.id
        {
            seen.known.stranger = Some(stranger.clone());
        }
    }
}

/// Reasons with which a hop ends because nobody listens, or nobody listens any more.
const ABSENT: &[Reason] = &[
    Reason::Refused,
    Reason::ResetAfterConnect,
    Reason::ClosedAfterConnect,
    Reason::SilentAfterConnect,
    Reason::IdleDropped,
    Reason::TlsHandshakeFailed,
    Reason::AnsweredByMiddlebox,
    Reason::RpcPortBlocked,
    Reason::PortUnreachable,
    Reason::NotProved,
];

/// Asks each listener of which a hop failed once more whether it is there, and notes where it has
/// ended, or began only after the hop was tried.
pub(super) async fn of_changes(probed: &mut [Probed], ways: &[Way], asking: &Asking) {
    let mut now: BTreeMap<(String, IpAddr), State> = BTreeMap::new();
    for this in probed.iter_mut() {
        let (hop, Some(tried)) = (this.hop.clone(), failed_at(this)) else { continue };
        let Some(way) = ways.iter().filter(|way| way.is_to(&hop)).min_by_key(|way| way.cost())
        else {
            continue;
        };
        let key = (way.host.clone(), way.address);
        if !now.contains_key(&key) {
            if now.len() >= MAX_CHECKED || asking.stop.is_cancelled() {
                continue;
            }
            now.insert(key.clone(), state(way, asking).await);
        }
        let Some(seen) = &mut this.seen else { continue };
        seen.known.listener = match now.get(&key) {
            Some(State::Gone) => Some(Change::Ended),
            Some(State::There { began: Some(began) }) if *began > tried + LITTLE => {
                Some(Change::Began)
            }
            _ => None,
        };
    }
}

/// How a listener stands at the end of a run.
enum State {
    There {
        began: Option<Timestamp>,
    },
    /// Its port is refused or cut off, where it had proved itself.
    Gone,
    Unknown,
}

async fn state(way: &Way, asking: &Asking) -> State {
    match asking.answer_over(way, || None).await {
        // Not by the time at which the answer was read: a busy machine reads late, and a listener
        // would seem to have begun so much later.
        Ok(Answered { claims, since }) => State::There { began: began(&claims, since) },
        Err(seen) => match seen.first_failure().and_then(|s| s.reason()) {
            Some(Reason::Refused | Reason::ResetAfterConnect | Reason::ClosedAfterConnect) => {
                State::Gone
            }
            // Somebody else answers there now.
            None if seen.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect) => {
                State::Gone
            }
            _ => State::Unknown,
        },
    }
}

/// When the attempt was made with which a hop ended as it does where nobody listens.
fn failed_at(this: &Probed) -> Option<Timestamp> {
    let seen = this.seen.as_ref()?;
    let failed = seen
        .steps
        .iter()
        .find(|s| !s.is_climbed() || (s.step == StepKind::Idle && s.reason().is_some()))?;
    failed.reason().filter(|reason| ABSENT.contains(reason))?;
    Some(Evidence::decisive(&seen.evidence).map_or(seen.started, |e| e.sent_at))
}
