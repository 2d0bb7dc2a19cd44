//! What the two ends saw of one connection, put together: the connector's failure and the
//! listener's sighting of it.

use super::reading::failed_step;
use crate::observation::{Change, Observation, Shots, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::sighting::{Doubt, Seen, Sighting};

/// What only both ends together tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherEnd {
    /// The request arrived and was answered, and the answer did not come back.
    ReplyLost,
    /// The connection was reset by somebody between, for the host listens there. `arrived` says
    /// that its SYN got there all the same.
    Rejected { arrived: bool },
    /// The request arrived, and the host dropped it: the program that has the port takes no more.
    QueueFull,
    /// The connection opened here and never arrived there.
    NeverArrived,
    /// The connection opened here and only began there: what follows its first packet is lost.
    OnlyBegan,
    /// It arrived, and the listener's own list of networks, or its limits, closed it.
    TurnedAway { not_allowed: bool },
    /// It ended early at the listener's own port, and the listener does not know any more whether
    /// it ended it itself.
    Forgotten,
    /// This very connection arrived at the port that was asked. `proved` says that the challenge
    /// was answered on it.
    Arrived { proved: bool },
    /// The listener was there before and is not any more, or began only afterwards.
    Changed(Change),
}

impl OtherEnd {
    /// The reason that it gives a hop, where it changes it.
    pub fn reason(self) -> Option<Reason> {
        match self {
            OtherEnd::ReplyLost => Some(Reason::ReplyLost),
            OtherEnd::Rejected { .. } => Some(Reason::Rejected),
            OtherEnd::NeverArrived => Some(Reason::AnsweredByMiddlebox),
            OtherEnd::OnlyBegan => Some(Reason::SilentAfterConnect),
            OtherEnd::Changed(_) | OtherEnd::Forgotten => Some(Reason::NotTested),
            OtherEnd::QueueFull | OtherEnd::TurnedAway { .. } | OtherEnd::Arrived { .. } => None,
        }
    }
}

/// Puts both ends together; `None` where nobody was asked, or the answer adds nothing.
pub(super) fn told(hop: &Hop, seen: &Observation) -> Option<OtherEnd> {
    let failed = failed_step(seen);
    let reason = failed.and_then(|s| s.reason());
    if let Some(told) = by_counters(reason, seen) {
        return Some(told);
    }
    // Its challenge was answered, whatever addresses and ports the connection had by then.
    if seen.known.arrived.is_some_and(|arrived| arrived.proved > 0) {
        return Some(OtherEnd::Arrived { proved: true });
    }
    if let Some(told) = seen.sighting.as_ref().and_then(|sighting| by_sighting(hop, seen, sighting))
    {
        return Some(told);
    }
    // What it was at the time of the attempt, nobody knows.
    seen.known.listener.filter(|_| ended_early(seen)).map(OtherEnd::Changed)
}

/// Whether a hop ended before its time: a rung failed, or its quiet connection was closed.
pub(super) fn ended_early(seen: &Observation) -> bool {
    seen.steps.iter().any(|s| !s.is_climbed() || (s.step == StepKind::Idle && s.reason().is_some()))
}

/// By what the other end's kernel counted while more attempts were made.
fn by_counters(reason: Option<Reason>, seen: &Observation) -> Option<OtherEnd> {
    match (reason?, seen.known.shots?) {
        (Reason::TimedOut | Reason::Refused, Shots::QueueFull) => Some(OtherEnd::QueueFull),
        (Reason::TimedOut, Shots::Reset | Shots::ReplyRefused | Shots::ReplyLost) => {
            Some(OtherEnd::ReplyLost)
        }
        (Reason::Refused, Shots::Reset | Shots::ReplyRefused | Shots::ReplyLost) => {
            Some(OtherEnd::Rejected { arrived: true })
        }
        (Reason::Refused, Shots::NoneArrived) => Some(OtherEnd::Rejected { arrived: false }),
        _ => None,
    }
}

/// How a connection ends on which nobody said anything that could be read.
const CUT_SHORT: &[Reason] = &[
    Reason::ResetAfterConnect,
    Reason::SilentAfterConnect,
    Reason::ClosedAfterConnect,
    Reason::TlsHandshakeFailed,
    Reason::TlsNotSupportedHere,
    Reason::ClientCertificateWanted,
    Reason::AnsweredByMiddlebox,
];

fn by_sighting(hop: &Hop, seen: &Observation, sighting: &Sighting) -> Option<OtherEnd> {
    let failed = failed_step(seen);
    match (failed.and_then(|s| s.reason()), sighting.state) {
        // The queue is full, and whether this found it so the counters tell.
        (Some(Reason::TimedOut), Seen::Unknown)
            if sighting.doubt == Some(Doubt::QueueFull) && seen.known.shots.is_none() =>
        {
            Some(OtherEnd::QueueFull)
        }
        // Something came from elsewhere; but from here, nothing is changed on the way to this host.
        (Some(Reason::Refused), Seen::Unknown)
            if matches!(sighting.doubt, Some(Doubt::OthersCame | Doubt::OthersBegan))
                && sighting.own
                && !sighting.translated
                && seen.known.listener_holds =>
        {
            Some(OtherEnd::Rejected { arrived: false })
        }
        // The listener opened it, has forgotten it among too many, and may have ended it itself.
        (Some(Reason::ResetAfterConnect | Reason::ClosedAfterConnect), Seen::Unknown)
            if sighting.own && sighting.doubt == Some(Doubt::NotRemembered) =>
        {
            Some(OtherEnd::Forgotten)
        }
        (Some(_), Seen::Unknown) if sighting.doubt == Some(Doubt::BeganLater) => {
            Some(OtherEnd::Changed(Change::Began))
        }
        // What was answered there to its end is no connection that never opened here: it is another
        // one's.
        (Some(Reason::TimedOut), state) => (state == Seen::HalfOpen).then_some(OtherEnd::ReplyLost),
        // Half open and then reset: somebody did not let the answer through.
        (Some(Reason::Refused), state) if state >= Seen::HalfOpen => {
            Some(OtherEnd::Rejected { arrived: true })
        }
        // Of another program's port nobody knows what it takes and what it refuses.
        (Some(Reason::Refused), Seen::Nothing) if sighting.listening => {
            Some(OtherEnd::Rejected { arrived: false })
        }
        // Opened here, and nothing came to the port: what came from the very source port came to
        // another one (sent on there, or another connection).
        (None, Seen::Unknown)
            if came_elsewhere(sighting) && seen.known.listener_holds && opened(seen, failed) =>
        {
            Some(OtherEnd::NeverArrived)
        }
        (_, Seen::Unknown) => None,
        _ if !opened(seen, failed) => None,
        // Nothing at all came to the port, from whatever address: NAT makes no difference. Who
        // answered there with an error has said himself who he is.
        (reason, Seen::Nothing) => reason
            .is_none_or(|reason| CUT_SHORT.contains(&reason))
            .then_some(OtherEnd::NeverArrived),
        // Where NAT gives connections other ports, that one from this port was there says nothing.
        _ if sighting.translated || !is_this_one(hop, seen, sighting) => None,
        // A device that takes handshakes for the host has shown itself here already.
        (Some(Reason::AnsweredByMiddlebox), Seen::HalfOpen) => None,
        (_, Seen::HalfOpen) => Some(OtherEnd::OnlyBegan),
        (_, Seen::NotAllowed) => Some(OtherEnd::TurnedAway { not_allowed: true }),
        (_, Seen::TurnedAway) => Some(OtherEnd::TurnedAway { not_allowed: false }),
        (_, Seen::Opened) => Some(OtherEnd::Arrived { proved: false }),
        (_, Seen::Proved) => Some(OtherEnd::Arrived { proved: true }),
    }
}

/// Whether nothing came to the port itself, and what came from the very source port came elsewhere
/// on the host, with nothing between that changes where it comes from.
fn came_elsewhere(sighting: &Sighting) -> bool {
    sighting.elsewhere.is_some()
        && sighting.local == sighting.elsewhere
        && sighting.own
        && !sighting.translated
}

/// Whether the connection in question opened at this end.
fn opened(seen: &Observation, failed: Option<&Step>) -> bool {
    // The handshake was done, and the reset came before the system said so.
    if failed.is_some_and(|s| {
        s.step == StepKind::Connect && s.reason() == Some(Reason::ResetAfterConnect)
    }) {
        return true;
    }
    failed.is_none_or(|s| {
        !matches!(s.step, StepKind::Resolve | StepKind::Connect | StepKind::RpcPort)
    }) && seen.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect)
}

/// Whether what the listener saw is the connection that was made, and not merely one from the same
/// address.
fn is_this_one(hop: &Hop, seen: &Observation, sighting: &Sighting) -> bool {
    let (Some(peer), Some(local)) = (sighting.peer, sighting.local) else { return false };
    local.port() == hop.port
        && seen.evidence.iter().any(|e| {
            e.source.is_some_and(|s| s.port() == peer.port()) && e.destination.port() == hop.port
        })
}

/// The other end's view, in words.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let host = hop.to.host.label();
    let mut notes: Vec<String> = seen
        .sighting
        .as_ref()
        .and_then(|sighting| of_sighting(hop, seen, sighting))
        .into_iter()
        .collect();
    notes.extend(seen.known.shots.map(|shots| {
        let what = match shots {
            Shots::Reset => "each is reset while it is half open",
            Shots::ReplyRefused => "its answer to each is sent back by an ICMP message",
            Shots::ReplyLost => "its answer to each is never taken up",
            Shots::QueueFull => "it drops each, since the program that has the port takes no more",
            Shots::NoneArrived => {
                return format!(
                    "more attempts were made, and the kernel of \
                {host} counted none: they do not arrive"
                );
            }
        };
        format!(
            "more attempts were made, and the kernel of {host} counted them: they arrive, and \
            {what}"
        )
    }));
    if ended_early(seen) {
        notes.extend(seen.known.listener.map(|change| match change {
            Change::Ended => format!(
                "the listener on {host} answers no more: it has ended meanwhile, or something on \
                    the way shuts this machine out"
            ),
            Change::Began => {
                format!("the listener on {host} was started only after this was tried")
            }
        }));
    }
    notes
}

fn of_sighting(hop: &Hop, seen: &Observation, sighting: &Sighting) -> Option<String> {
    let host = hop.to.host.label();
    let when =
        sighting.at.map(|at| at.strftime(" at %H:%M:%S%.3fZ").to_string()).unwrap_or_default();
    let from = sighting.peer.map(|p| format!(" from {p}")).unwrap_or_default();
    let failed = failed_step(seen);
    // What never opened here is not what was answered there.
    let other = failed.and_then(|s| s.reason()) == Some(Reason::TimedOut)
        && sighting.state > Seen::HalfOpen;
    Some(match sighting.state {
        _ if other => return None,
        Seen::Unknown
            if failed.is_none() && seen.known.listener_holds && came_elsewhere(sighting) =>
        {
            let local = sighting.local?;
            format!(
                "{host} saw nothing{from} at port {}; what came from there came to {local}",
                hop.port
            )
        }
        // Said of what works it would be said of every real service.
        Seen::Unknown if failed.is_none() => return None,
        Seen::Unknown => {
            let words = sighting.doubt.map_or("nobody knows why", Doubt::words);
            format!("{host} cannot tell what became of it there: {words}")
        }
        Seen::Nothing if sighting.listening => {
            format!("{host} listens there, and saw no connection from here")
        }
        Seen::Nothing => {
            format!("{host} has nobody listening there, and saw no connection from here")
        }
        Seen::HalfOpen => format!(
            "{host} saw the connection begin{from}{when}, and its answer was never taken up"
        ),
        Seen::NotAllowed => format!(
            "{host} saw the connection{from}{when}, and lets only other networks in (`listen \
                --allow-from`)"
        ),
        Seen::TurnedAway => {
            format!(
                "{host} saw the connection{from}{when}, and had as many as it takes (`listen \
                    --max-connections`, `--max-per-peer`)"
            )
        }
        Seen::Opened => format!("{host} saw a connection open{from}{when}"),
        Seen::Proved => format!("{host} saw a connection{from}{when}, and proved itself on it"),
    })
}

#[cfg(test)]
mod tests;
