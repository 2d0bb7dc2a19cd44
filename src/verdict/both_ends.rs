//! What the two ends saw of one connection, put together: the connector's failure and the listener's sighting of it.

use super::allow::failed_step;
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::proto::sighting::{Doubt, Seen, Sighting};
use crate::reason::Reason;

/// What only both ends together tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The request arrived and was answered, and the answer did not come back.
    ReplyLost,
    /// The connection was reset by somebody between, for the host listens there. `arrived` says that its SYN got there all the same.
    Rejected { arrived: bool },
    /// The connection opened here and never arrived there.
    NeverArrived,
    /// The connection opened here and only began there: what follows its first packet is lost.
    OnlyBegan,
    /// It arrived, and the listener's own list of networks, or its limits, closed it.
    TurnedAway { not_allowed: bool },
    /// This very connection arrived at the port that was asked.
    Arrived,
}

impl Told {
    /// The reason that it gives a hop, where it changes it.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Told::ReplyLost => Some(Reason::ReplyLost),
            Told::Rejected { .. } => Some(Reason::Rejected),
            Told::NeverArrived => Some(Reason::AnsweredByMiddlebox),
            Told::OnlyBegan => Some(Reason::SilentAfterConnect),
            Told::TurnedAway { .. } | Told::Arrived => None,
        }
    }
}

/// Puts both ends together; `None` where nobody was asked, or the answer adds nothing.
pub(super) fn told(hop: &Hop, seen: &Observation) -> Option<Told> {
    let sighting = seen.sighting.as_ref()?;
    let failed = failed_step(seen);
    let reason = failed.and_then(|s| s.reason);
    match (reason, sighting.state) {
        (Some(Reason::TimedOut), state) => (state >= Seen::HalfOpen).then_some(Told::ReplyLost),
        // Half open and then reset: somebody did not let the answer through.
        (Some(Reason::Refused), state) if state >= Seen::HalfOpen => Some(Told::Rejected { arrived: true }),
        // Of another program's port nobody knows what it takes and what it refuses.
        (Some(Reason::Refused), Seen::Nothing) if sighting.listening => Some(Told::Rejected { arrived: false }),
        (_, Seen::Unknown) => None,
        _ if !opened(seen, failed) => None,
        // Where NAT may give every connection another address, that this one was not found says nothing.
        (_, Seen::Nothing) => (!sighting.translated).then_some(Told::NeverArrived),
        // Nor, where it gives connections other ports, that one from this port was.
        _ if sighting.translated || !is_this_one(hop, seen, sighting) => None,
        // A device that takes handshakes for the host has shown itself here already.
        (Some(Reason::AnsweredByMiddlebox), Seen::HalfOpen) => None,
        (_, Seen::HalfOpen) => Some(Told::OnlyBegan),
        (_, Seen::NotAllowed) => Some(Told::TurnedAway { not_allowed: true }),
        (_, Seen::TurnedAway) => Some(Told::TurnedAway { not_allowed: false }),
        (_, Seen::Opened | Seen::Proved) => Some(Told::Arrived),
    }
}

/// Whether the connection in question opened at this end.
fn opened(seen: &Observation, failed: Option<&Step>) -> bool {
    // The handshake was done, and the reset came before the system said so.
    if failed.is_some_and(|s| s.step == StepKind::Connect && s.reason == Some(Reason::ResetAfterConnect)) {
        return true;
    }
    failed.is_none_or(|s| !matches!(s.step, StepKind::Resolve | StepKind::Connect | StepKind::RpcPort))
        && seen.steps.iter().any(|s| s.ok && s.step == StepKind::Connect)
}

/// Whether what the listener saw is the connection that was made, and not merely one from the same address.
fn is_this_one(hop: &Hop, seen: &Observation, sighting: &Sighting) -> bool {
    let (Some(peer), Some(local)) = (sighting.peer, sighting.local) else { return false };
    local.port() == hop.port
        && seen.evidence.iter().any(|e| e.source.is_some_and(|s| s.port() == peer.port()) && e.destination.port() == hop.port)
}

/// The other end's view, in words.
pub(super) fn note(hop: &Hop, seen: &Observation) -> Option<String> {
    let sighting = seen.sighting.as_ref()?;
    let host = hop.to.host.label();
    let when = sighting.at.map(|at| at.strftime(" at %H:%M:%S%.3fZ").to_string()).unwrap_or_default();
    let from = sighting.peer.map(|p| format!(" from {p}")).unwrap_or_default();
    let at = sighting.local.filter(|l| l.port() != hop.port).map(|l| format!(", on its port {}", l.port())).unwrap_or_default();
    Some(match sighting.state {
        // Said of what works it would be said of every real service.
        Seen::Unknown if failed_step(seen).is_none() => return None,
        Seen::Unknown => {
            let words = sighting.doubt.map_or("nobody knows why", Doubt::words);
            format!("{host} cannot tell what became of it there: {words}")
        }
        Seen::Nothing if sighting.listening => format!("{host} listens there, and saw no connection from here"),
        Seen::Nothing => format!("{host} has nobody listening there, and saw no connection from here"),
        Seen::HalfOpen => format!("{host} saw the connection begin{from}{when}{at}, and its answer was never taken up"),
        Seen::NotAllowed => format!("{host} saw the connection{from}{when}{at}, and lets only other networks in (`listen --allow-from`)"),
        Seen::TurnedAway => {
            format!("{host} saw the connection{from}{when}{at}, and had as many as it takes (`listen --max-connections`, `--max-per-peer`)")
        }
        Seen::Opened => format!("{host} saw a connection open{from}{when}{at}"),
        Seen::Proved => format!("{host} saw a connection{from}{when}{at}, and proved itself on it"),
    })
}
