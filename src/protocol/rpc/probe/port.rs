//! The ports that the mapper gave for one interface: one rung, whatever their number.

use super::connect::{dial, prove, within};
use super::look_up::{Located, about};
use super::session::{Bound, Session, unless_busy};
use crate::climb::{Climb, SentChallenge, Stop};
use crate::matrix::model::Interface;
use crate::net::clock;
use crate::observation::facts::Unreachable;
use crate::observation::failure::Failure;
use crate::observation::{Facts, Initiator, Outcome, PortState, Segment, StepKind};
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use tokio::net::TcpStream;

/// Tries every port, since a client may take any of them: rung `rpc-port`, climbed when one port
/// answers a bind. Ports that do not answer then stand in the rung's `facts.rpc.unreachable`, and
/// its `reason` is `rpc-port-blocked`.
///
/// # Errors
/// [`Stop`] when no port answers.
pub(super) async fn try_all(
    climb: &mut Climb<'_>,
    interface: &Interface,
    located: &Located,
) -> Result<(), Stop> {
    let begun = clock::instant();
    let mut open: Vec<(u16, Bound<TcpStream>, Option<SentChallenge>)> = Vec::new();
    let mut shut: Vec<(u16, Failure)> = Vec::new();
    for port in &located.ports {
        let asked = climb.challenge_at(*port);
        match try_one(climb, located, *port, asked.as_ref()).await {
            Ok(bound) => open.push((*port, bound, asked)),
            Err(failure) => shut.push((*port, failure)),
        }
    }
    let mut facts = about(interface);
    facts.rpc.left_out = Some(located.left_out).filter(|left_out| *left_out > 0);
    let range = climb.target.hop.flow.options.range().cloned();
    if !located.outside(range.as_ref()).is_empty() {
        facts.rpc.outside_range = true;
        facts.rpc.range = range.map(|r| r.to_string());
    }
    if let Some((port, bound, _)) = open.first() {
        facts.rpc.port = Some(*port);
        facts.rpc.answered = open.iter().map(|(port, ..)| *port).collect();
        facts.absorb(bound.facts.clone());
        facts.rpc.unreachable = list(&shut);
        climb.note(StepKind::RpcPort, begun, Ok(facts));
        // What is shut is worse than what answers and says no.
        let blocked = shut
            .iter()
            .find(|(_, failure)| failure.reason == Reason::RpcPortBlocked)
            .or(shut.first());
        if let Some((_, failure)) = blocked {
            climb.remark(failure.reason);
        }
    } else {
        climb.note(StepKind::RpcPort, begun, Err(all_shut(facts, shut)));
        return Err(Stop);
    }
    let mut outcome = Ok(());
    for (port, bound, asked) in open {
        if prove(climb, port, bound, asked.as_ref()).await.is_none() {
            outcome = Err(Stop);
        }
    }
    outcome
}

/// The first of these ports on which the listener proved itself.
pub(super) fn proved(climb: &Climb<'_>, located: &Located) -> Option<u16> {
    let on = |port: u16| {
        climb
            .proofs()
            .iter()
            .any(|p| matches!(p, ProofOutcome::Valid { claims, .. } if claims.local.port() == port))
    };
    located.ports.iter().copied().find(|port| on(*port))
}

/// Connects to one port, at the address that is in use already, and binds.
async fn try_one(
    climb: &mut Climb<'_>,
    located: &Located,
    port: u16,
    asked: Option<&SentChallenge>,
) -> Result<Bound<TcpStream>, Failure> {
    let first = bind(climb, located, port, asked).await;
    unless_busy(first, bind(climb, located, port, asked)).await
}

async fn bind(
    climb: &mut Climb<'_>,
    located: &Located,
    port: u16,
    asked: Option<&SentChallenge>,
) -> Result<Bound<TcpStream>, Failure> {
    let stream = dial(climb, port).await.map_err(|failure| {
        let cause = failure.reason;
        // A fault of this machine is not the path's.
        let reason =
            if failure.initiator == Initiator::Local { cause } else { Reason::RpcPortBlocked };
        Failure { reason, ..failure }.noting(|facts| facts.ended.cause = Some(cause))
    })?;
    let binding = Session::bind(stream, located.interface, asked.map(|a| &a.octets));
    within(climb.step_deadline(), binding).await
}

/// The failure of the first port, which the others follow in `unreachable`.
fn all_shut(facts: Facts, shut: Vec<(u16, Failure)>) -> Failure {
    let unreachable = if shut.len() > 1 { list(&shut) } else { Vec::new() };
    let Some((port, mut failure)) = shut.into_iter().next() else {
        // The look-up gives at least one port.
        return Failure { facts, ..Failure::peer(Reason::RpcNotRegistered) };
    };
    failure.facts.absorb(facts);
    failure.facts.rpc.port = Some(port);
    failure.facts.rpc.unreachable = unreachable;
    failure
}

/// Corrects what was said of ports that did not open, where the sweep has proved every one of them
/// since. Gives whether nothing else is wrong.
pub(super) fn was_proved_since(climb: &mut Climb<'_>) -> bool {
    let Some(sweep) = climb.sweep.clone() else { return false };
    let is_proved = |port: u16| {
        let of = |s: &&Segment| (s.first..=s.last).contains(&port);
        sweep
            .segments
            .iter()
            .find(of)
            .is_some_and(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate))
    };
    climb.amend(|step| {
        if step.step != StepKind::RpcPort || step.reason() != Some(Reason::RpcPortBlocked) {
            return;
        }
        let listed = step.facts.rpc.unreachable.iter().map(|one| one.port);
        let own = step.facts.rpc.port.filter(|_| !step.is_climbed());
        let mut shut = listed.chain(own).peekable();
        if shut.peek().is_some() && shut.all(is_proved) {
            step.outcome = Outcome::Climbed { remark: Some(Reason::Retried) };
            step.facts.rpc.proved_by_sweep = true;
        }
    });
    climb.is_unbroken()
}

fn list(shut: &[(u16, Failure)]) -> Vec<Unreachable> {
    let one = |(port, failure): &(u16, Failure)| Unreachable {
        port: *port,
        cause: failure.facts.ended.cause.unwrap_or(failure.reason),
    };
    shut.iter().map(one).collect()
}
