//! What else is worth knowing of a hop that must be open, whatever its verdict.

use super::greeting;
use super::reading::{address_note, answered_without_proof, claims, proved};
use super::relay::{self, came_through_relay};
use super::{clock, cloud, http_status, spread};
use crate::observation::facts::Connect;
use crate::observation::{Evidence, Observation, Step, StepKind};
use crate::plan::model::Hop;

/// Clocks further apart than this are worth a note: Kerberos allows five minutes.
const CLOCK_NOTE_SECONDS: i64 = 120;

/// How a connection opened that did not at once.
fn another_try(evidence: &Evidence) -> String {
    let syns = evidence
        .syns
        .filter(|syns| *syns > 1)
        .map(|syns| format!(", after {syns} SYNs"))
        .unwrap_or_default();
    format!(
        "the connection to {} opened at attempt {}{syns}",
        evidence.destination, evidence.attempt
    )
}

/// Which addresses of a name did not open before one did, or none did.
fn tried_before(step: &Step) -> Option<String> {
    let Connect { tried_before, destination, .. } = &*step.facts.connect;
    let to = destination.filter(|_| !tried_before.is_empty())?;
    Some(format!("tried before {to}: {}", tried_before.join(", ")))
}

/// A connection from an address to itself left this machine nowhere.
fn stayed_here(evidence: &Evidence) -> Option<String> {
    let address = evidence.destination.ip();
    let here =
        !address.is_loopback() && evidence.source.is_some_and(|source| source.ip() == address);
    here.then(|| format!("{address} is this machine's own address: nothing went over a network"))
}

/// A name that took so long is worth a note: every program on this machine waits as long.
const SLOW_NAME_MS: f64 = 1000.0;

fn slow_name(step: &Step) -> Option<String> {
    let slow = step.step == StepKind::Resolve && step.is_climbed() && step.ms >= SLOW_NAME_MS;
    let why = match step.facts.resolve.resolver_gave_up {
        true => {
            "this machine's resolver gives up sooner (resolv.conf: timeout, attempts), so its \
                other programs do not find it"
        }
        false => "look at this machine's DNS servers",
    };
    slow.then(|| format!("the name was found only after {:.1} s: {why}", step.ms / 1000.0))
}

pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes: Vec<String> =
        seen.evidence.iter().filter(|e| e.needed_another_try()).map(another_try).collect();
    notes.extend(address_note(hop, seen));
    notes.extend(seen.steps.iter().find_map(slow_name));
    notes.extend(seen.evidence.iter().find_map(stayed_here).filter(|_| seen.misplaced.is_none()));
    if hop.class.is_some() {
        notes.extend(cloud::notes(hop, seen));
    }
    notes.extend(of_proofs(hop, seen));
    let answered = seen.known.arrived.is_some_and(|arrived| arrived.proved > 0);
    if answered && hop.flow.relayed_to.is_none() && answered_without_proof(hop, seen) {
        notes.push(format!(
            "the listener of {} answered the challenge of this row, and its answer did not come \
                back: somebody between takes it out, or answers himself",
            hop.to.host.label()
        ));
    }
    if let Some(offset) = clock::hides_proof(seen) {
        let apart = clock::words(offset);
        notes.push(format!(
            "the clock of {} is {apart} this machine's: a listener answers no challenge that is \
                more than 27 hours off",
            hop.to.host.label()
        ));
    }
    notes.extend(greeting::notes(hop, seen));
    notes.extend(relay::misled(hop, seen));
    notes.extend(http_status::notes(hop, seen, proved(seen)));
    notes.extend(seen.steps.iter().find_map(tried_before));
    notes.extend(spread::notes(seen));
    notes.extend(of_others(hop, seen));
    notes.extend(hop.flow.remark.clone());
    notes.extend(hop.flow.doubt.as_ref().map(|d| format!("doubtful row: {d}")));
    let mut seen_before = std::collections::BTreeSet::new();
    notes.retain(|n| seen_before.insert(n.clone()));
    notes
}

/// What the proofs say of the way.
fn of_proofs(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes = Vec::new();
    for (claims, _) in claims(seen) {
        let source = seen
            .evidence
            .iter()
            .filter_map(|e| e.source)
            .find(|s| s.ip().to_canonical() != claims.peer.ip().to_canonical());
        if let Some(version) = &claims.proxy_protocol {
            notes.push(format!(
                "a header of the PROXY protocol ({version}) came ahead of what was said: {} saw it \
                    as the first octets",
                claims.host
            ));
        }
        if came_through_relay(hop, claims) {
            notes.push(format!("relayed to {} on port {}", claims.host, claims.local.port()));
        } else if hop.flow.relayed_to.is_some() {
            notes.push(
                "a stand-in answered in the place of the front: that the front passes it on \
                is not tested"
                    .to_owned(),
            );
        }
        if !came_through_relay(hop, claims)
            && let Some(source) = source
        {
            notes.push(format!(
                "the source address is changed on the way: {} arrives as {}",
                source.ip(),
                claims.peer.ip()
            ));
        }
        // A relay that nobody planned looks like NAT on plain protocols: both are worth a line.
        if let Some(address) = hop.address
            && !came_through_relay(hop, claims)
            && claims.local.ip().to_canonical() != address.to_canonical()
        {
            notes.push(format!(
                "the destination address is changed on the way: {address} arrives at {}",
                claims.local.ip()
            ));
        }
        if claims.tls.as_ref().is_some_and(|t| t.own_certificate) {
            notes.push("the certificate is the stand-in's own: its trust is not judged".to_owned());
        }
        let apart = (claims.now.as_second() - seen.started.as_second()).abs();
        if apart > CLOCK_NOTE_SECONDS {
            notes.push(format!("the clocks of the two ends are {apart} s apart"));
        }
    }
    notes
}

/// What others know of this hop.
fn of_others(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(seen.known.at_other_host.as_ref().map(|(at, other)| {
        format!(
            "the proof came from {at}, which is an address of {other}, whose own listener is \
            another one: the connection is led to that host, or both names are one machine"
        )
    }));
    notes.extend(seen.known.cut_off.map(|reason| {
        format!(
            "the listener has the port, and what was said to it there was not answered: {reason}. \
                A device on the way ends what it does not know, or all; test it with the \
                application itself"
        )
    }));
    if seen.known.at_host == Some(false) {
        notes.push(format!(
            "the kernel of {} has no connection from here on port {} while one is open here: the \
                port is led to another host, or to a container",
            hop.to.host.label(),
            hop.port
        ));
    }
    if seen.known.shut_out {
        notes.push(format!(
            "a way to the same address that worked in this run works no more{}: a guard shut this \
                machine out, or the way broke meanwhile",
            seen.first_failure()
                .and_then(|step| step.reason())
                .map_or_else(String::new, |reason| format!(", and this one ended with {reason}"))
        ));
    }
    notes.extend(seen.known.clone_at.map(|at| {
        format!(
            "another listener with the name and key of {} answers, on {at}: it was copied, or the \
                port is led to it",
            hop.flow
                .relayed_to
                .as_ref()
                .map_or_else(|| hop.to.host.label(), |behind| behind.hosts.join(" or "))
        )
    }));
    notes.extend(relay::two_of_one_name(seen).filter(|_| seen.known.clone_at.is_none()).map(|(one, other)| {
        format!(
            "two listeners with one name and key answer in turn, on {one} and on {other}: one of \
                them is a copy, or belongs to another host"
        )
    }));
    notes.extend(seen.known.stranger.as_ref().map(|(reason, flow)| {
        format!(
            "the hop of {flow} to the same address says of the host there: {}",
            reason.summary()
        )
    }));
    notes
}
