//! The ports that the mapper gave for one interface: one rung, whatever their number.

use super::connect::{dial, prove, within};
use super::look_up::{Located, about};
use super::session::{Bound, Session, unless_busy};
use crate::matrix::model::Interface;
use crate::net::clock;
use crate::net::failure::Failure;
use crate::observation::{Detail, Initiator, PortState, Segment, StepKind};
use crate::probe::climb::Asked;
use crate::probe::climb::{Climb, Stop};
use crate::proto::challenge::ProofOutcome;
use crate::reason::Reason;
use serde_json::json;
use tokio::net::TcpStream;

/// Tries every port, since a client may take any of them: rung `rpc-port`, climbed when one port
/// answers a bind. Ports that do not answer then stand in the rung's `detail.unreachable`, and its
/// `reason` is `rpc-port-blocked`.
///
/// # Errors
/// [`Stop`] when no port answers.
pub(super) async fn try_all(
    climb: &mut Climb<'_>,
    interface: &Interface,
    located: &Located,
) -> Result<(), Stop> {
    let begun = clock::instant();
    let mut open: Vec<(u16, Bound<TcpStream>, Option<Asked>)> = Vec::new();
    let mut shut: Vec<(u16, Failure)> = Vec::new();
    for port in &located.ports {
        let asked = climb.challenge();
        match try_one(climb, located, *port, asked.as_ref()).await {
            Ok(bound) => open.push((*port, bound, asked)),
            Err(failure) => shut.push((*port, failure)),
        }
    }
    let mut detail = about(interface);
    if located.left_out > 0 {
        detail.insert("left_out".to_owned(), located.left_out.into());
    }
    let range = climb.target.hop.flow.range.clone();
    if !located.outside(range.as_ref()).is_empty() {
        detail.insert("outside_range".to_owned(), true.into());
        detail.insert("range".to_owned(), range.map(|r| r.to_string()).into());
    }
    if let Some((port, bound, _)) = open.first() {
        detail.insert("port".to_owned(), (*port).into());
        detail.insert(
            "answered".to_owned(),
            open.iter().map(|(port, ..)| *port).collect::<Vec<_>>().into(),
        );
        detail.extend(bound.detail.clone());
        if !shut.is_empty() {
            detail.insert("unreachable".to_owned(), list(&shut));
        }
        climb.note(StepKind::RpcPort, begun, Ok(detail));
        // What is shut is worse than what answers and says no.
        let blocked = shut
            .iter()
            .find(|(_, failure)| failure.reason == Reason::RpcPortBlocked)
            .or(shut.first());
        if let Some((_, failure)) = blocked {
            climb.remark(failure.reason);
        }
    } else {
        climb.note(StepKind::RpcPort, begun, Err(all_shut(detail, shut)));
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
    asked: Option<&Asked>,
) -> Result<Bound<TcpStream>, Failure> {
    let first = bind(climb, located, port, asked).await;
    unless_busy(first, bind(climb, located, port, asked)).await
}

async fn bind(
    climb: &mut Climb<'_>,
    located: &Located,
    port: u16,
    asked: Option<&Asked>,
) -> Result<Bound<TcpStream>, Failure> {
    let stream = dial(climb, port).await.map_err(|failure| {
        let cause = failure.reason;
        // A fault of this machine is not the path's.
        let reason =
            if failure.initiator == Initiator::Local { cause } else { Reason::RpcPortBlocked };
        Failure { reason, ..failure }.with("cause", cause.code())
    })?;
    let binding = Session::bind(stream, located.interface, asked.map(|a| &a.octets));
    within(climb.step_deadline(), binding).await
}

/// The failure of the first port, which the others follow in `unreachable`.
fn all_shut(detail: Detail, shut: Vec<(u16, Failure)>) -> Failure {
    let unreachable = (shut.len() > 1).then(|| list(&shut));
    let Some((port, mut failure)) = shut.into_iter().next() else {
        // The look-up gives at least one port.
        return Failure { detail, ..Failure::peer(Reason::RpcNotRegistered) };
    };
    failure.detail.extend(detail);
    failure.detail.insert("port".to_owned(), port.into());
    failure.detail.extend(unreachable.map(|list| ("unreachable".to_owned(), list)));
    failure
}

/// Corrects what was said of ports that did not open, where the sweep has proved every one of them
/// since. Gives whether nothing else is wrong.
pub(super) fn was_proved_since(climb: &mut Climb<'_>) -> bool {
    let Some(sweep) = climb.sweep.clone() else { return false };
    let is_proved = |port: u64| {
        let of = |s: &&Segment| (u64::from(s.first)..=u64::from(s.last)).contains(&port);
        sweep
            .segments
            .iter()
            .find(of)
            .is_some_and(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate))
    };
    climb.amend(|step| {
        if step.step != StepKind::RpcPort || step.reason != Some(Reason::RpcPortBlocked) {
            return;
        }
        let listed = step
            .detail
            .get("unreachable")
            .and_then(|v| v.as_array())
            .into_iter()
            .flatten()
            .filter_map(|v| v.get("port")?.as_u64());
        let own = step.detail.get("port").filter(|_| !step.ok).and_then(|v| v.as_u64());
        let mut shut = listed.chain(own).peekable();
        if shut.peek().is_some() && shut.all(is_proved) {
            (step.ok, step.reason, step.initiator) = (true, Some(Reason::Retried), None);
            step.detail.insert("proved_by_sweep".to_owned(), true.into());
        }
    });
    climb.is_unbroken()
}

fn list(shut: &[(u16, Failure)]) -> serde_json::Value {
    shut.iter()
        .map(|(port, failure)| {
            let cause = failure
                .detail
                .get("cause")
                .cloned()
                .unwrap_or_else(|| failure.reason.code().into());
            json!({ "port": port, "cause": cause })
        })
        .collect()
}
