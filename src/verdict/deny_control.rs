//! The second look at a way that must be shut: shut must be shut by the way, in the whole run,
//! which takes a control.

use super::deny::{CUT_OFF, FITTING, refused_alone, refused_by, status};
use super::judgement::{AnsweredBy, Judgement, Verdict};
use super::reading::claims;
use crate::observation::{Initiator, Observation};
use crate::protocol::http::codec::status;
use crate::reason::Reason;

/// Whether the other hops of a run showed that the two hosts of a deny hop reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// They did not.
    No,
    /// They do.
    Yes,
    /// They do, and a listener with the site key has the very port that must be shut: it would have
    /// answered.
    Holds,
}

/// How a deny hop was when it was tried once more, at the end of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Shut, as before.
    Shut,
    /// Open.
    Open,
    /// Tried from several source ports at once, some connections opened and others did not.
    OpenToSome {
        /// Connections that opened.
        opened: usize,
        /// All of them.
        of: usize,
    },
    /// It ended in another way.
    Otherwise(Reason),
}

/// How a control was when it was tried once more: another way between the two hosts of a deny hop,
/// which was open before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Still {
    /// Open each time.
    Open,
    /// This machine had no port or descriptor left for it, so that nothing is known.
    Unknown,
    /// Not open, once at least.
    Shut,
}

/// What the rest of a run shows of a deny hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Whether its two hosts reached each other.
    pub reached: Reached,
    /// Whether the host itself proved that it was reached: of an open port, or a service's answer,
    /// nobody knows who it is.
    pub proved: bool,
    /// Packets between them were lost, and came when they were sent again.
    pub lossy: bool,
    /// How the hop itself was at the end; absent where it was not tried again.
    pub again: Option<Again>,
    /// Whether they still reached each other after that; absent where that was not tried.
    pub after: Option<Still>,
}

impl Control {
    /// One that holds in every respect, in as far as the hosts reach each other.
    pub fn that_holds(reached: Reached) -> Self {
        Control {
            reached,
            proved: true,
            lossy: false,
            again: Some(Again::Shut),
            after: Some(Still::Open),
        }
    }
}

/// The second look at a deny hop, once the run is over: shut counts only when the same two hosts
/// reached each other in another way, before it and after. `opened` says that the port took the
/// connection and then dropped it: a filter does that, but so does a service that was asked in
/// another protocol than its own. It counts only where a listener has that port, which would have
/// answered.
pub fn with_control(mut judgement: Judgement, control: &Control, opened: bool) -> Judgement {
    if judgement.reason != Reason::Denied || judgement.verdict != Verdict::Inconclusive {
        return judgement;
    }
    let silent = judgement.shut_by == Some(Reason::TimedOut);
    let unreachable = judgement.shut_by == Some(Reason::HostUnreachable);
    let (reason, note) = match control {
        Control { reached: Reached::No, .. } => (
            Reason::Denied,
            "nothing got through, but nothing else in this run shows that the two hosts can reach \
                each other at all"
                .to_owned(),
        ),
        Control { reached: Reached::Yes, .. } if opened => (
            Reason::DeniedOtherwise,
            "the port is open and drops the connection: a filter, or a service that was asked in \
                another protocol than its own"
                .to_owned(),
        ),
        Control { again: Some(Again::OpenToSome { opened, of }), .. } => {
            judgement.notes.push(format!(
                "of {of} connections at the end of the run {opened} opened: what \
                    must be shut is open to some of them"
            ));
            return Judgement {
                verdict: Verdict::Fail,
                reason: Reason::UnexpectedlyOpen,
                answered_by: AnsweredBy::Unproved,
                ..judgement
            };
        }
        Control { again: Some(Again::Open), .. } => (
            Reason::DeniedOtherwise,
            "it was shut at first, and open when it was tried once more \
                at the end of the run"
                .to_owned(),
        ),
        Control { again: Some(Again::Otherwise(Reason::LocalResources)), .. }
        | Control { after: Some(Still::Unknown), .. } => (
            Reason::Denied,
            "this machine had no port or file descriptor left to see that it stays shut while \
                another way is open"
                .to_owned(),
        ),
        Control { again: Some(Again::Otherwise(reason)), .. } => (
            Reason::DeniedOtherwise,
            format!(
                "it was shut at first, and ended otherwise when it \
                was tried once more: {reason}"
            ),
        ),
        Control { after: Some(Still::Shut), .. } => (
            Reason::Denied,
            "the open way between the two hosts that was seen before did not work \
                any more afterwards"
                .to_owned(),
        ),
        Control { again: None, .. } | Control { after: None, .. } => (
            Reason::Denied,
            "the run ended before it could be seen that it stays shut while \
                another way is open"
                .to_owned(),
        ),
        Control { lossy: true, .. } if silent => (
            Reason::Denied,
            "packets between these two hosts were lost in this run, so silence \
                shows no rule"
                .to_owned(),
        ),
        Control { proved: false, .. } if unreachable => (
            Reason::DeniedOtherwise,
            "a router says that the host cannot be reached, as of one that is off, and what \
                answers on the open way did not prove to be that host"
                .to_owned(),
        ),
        Control { again: Some(Again::Shut), after: Some(Still::Open), .. } => {
            judgement.verdict = Verdict::Pass;
            return judgement;
        }
    };
    judgement.reason = reason;
    judgement.notes.push(note);
    judgement
}

/// How a connection that was tried once more stands to the first, where neither opened.
pub fn shut_again(first: Option<Reason>, now: Reason, initiator: Initiator) -> Again {
    let alike = first == Some(now)
        || (FITTING.contains(&now) && first.is_some_and(|first| FITTING.contains(&first)));
    if alike && initiator != Initiator::Local { Again::Shut } else { Again::Otherwise(now) }
}

/// How a hop that was tried once more stands to the first time, where its connection had opened.
pub fn same_again(before: &Observation, now: &Observation) -> Again {
    let failed = now.first_failure().and_then(|s| s.reason());
    match (status(before), status(now)) {
        _ if claims(now).next().is_some() && claims(before).next().is_none() => Again::Open,
        (Some(was), Some(is))
            if was == is
                && refused_by(before) == refused_by(now)
                && refused_alone(before) == refused_alone(now) =>
        {
            Again::Shut
        }
        (Some(_), Some(is)) if status::is_refusing(is) => Again::Otherwise(Reason::HttpStatus),
        (Some(_), Some(_)) => Again::Open,
        (None, None) if failed.is_some_and(|reason| CUT_OFF.contains(&reason)) => Again::Shut,
        _ => failed.map_or(Again::Open, Again::Otherwise),
    }
}
