//! What is said again on a connection that was proved: something large, and, where it was asked for, something after a long silence. The
//! first exchange is small and quick; links that lose large packets, and devices that forget a quiet connection, let it pass.

use super::climb::Asked;
use super::{Climb, Stop};
use crate::matrix::model::Expect;
use crate::net::clock;
use crate::net::failure::Failure;
use crate::observation::{Detail, Initiator, StepKind};
use crate::proto::challenge::{Exporter, PADDING, ProofOutcome};
use crate::reason::Reason;
use std::future::Future;
use std::time::Duration;

/// What came back in a further exchange.
#[derive(Debug, Default)]
pub struct Heard {
    /// The proof; `None` where the protocol's own echo shows who answered, or where there was none.
    pub proof: Option<String>,
    /// Octets of padding that came back.
    pub octets: usize,
}

/// A proved connection that can be spoken on again.
pub trait Exchange {
    /// Begins what is to last through a silence, where the protocol has more to keep open than the connection; without a deadline.
    ///
    /// # Errors
    /// What became of the connection.
    fn hold(&mut self, _: &Asked) -> impl Future<Output = Result<(), Failure>> + Send
    where
        Self: Send,
    {
        async { Ok(()) }
    }

    /// Sends a challenge with so many octets of padding and waits for the answer, without a deadline.
    ///
    /// # Errors
    /// What became of the connection.
    fn exchange(&mut self, asked: &Asked, padding: usize) -> impl Future<Output = Result<Heard, Failure>> + Send;
}

/// Climbs the rungs above the proof: `payload`, and with `--idle` also `idle`. Nothing is done where nothing was proved.
///
/// # Errors
/// [`Stop`] when one of them is not climbed.
pub async fn again(climb: &mut Climb<'_>, exporter: Option<&Exporter>, connection: &mut (impl Exchange + Send)) -> Result<(), Stop> {
    if climb.target.hop.flow.expect == Expect::Deny || !matches!(climb.proofs().last(), Some(ProofOutcome::Valid { .. })) {
        return Ok(());
    }
    let quiet = climb.tools.idle;
    for (kind, padding, wait) in [(StepKind::Payload, PADDING, None), (StepKind::Idle, 0, quiet)]
        .into_iter()
        .filter(|(kind, _, wait)| *kind == StepKind::Payload || wait.is_some())
    {
        let Some(asked) = climb.challenge() else { return Ok(()) };
        let mut begun = clock::instant();
        let mut heard = Ok(Heard::default());
        if let Some(wait) = wait {
            // What fails before the silence does not fail for it.
            let held = tokio::time::timeout(climb.step_deadline(), connection.hold(&asked)).await;
            heard = held.unwrap_or_else(|_| Err(Failure::silent())).map(|()| Heard::default()).map_err(|f| f.with("before", "the silence"));
            if heard.is_ok() {
                tokio::time::sleep(wait).await;
                begun = clock::instant();
            }
        }
        if heard.is_ok() {
            let exchanged = tokio::time::timeout(climb.step_deadline(), connection.exchange(&asked, padding)).await;
            heard = exchanged.unwrap_or_else(|_| Err(Failure::silent()));
        }
        let outcome = match heard {
            Ok(heard) => {
                let detail = detail(kind, wait, padding, &heard);
                match heard.proof {
                    Some(proof) => match climb.weigh(Some(&asked), Some(&proof), exporter) {
                        ProofOutcome::Invalid { why } => Err(Failure::peer(Reason::ProofInvalid).with("why", why)),
                        _ => Ok(detail),
                    },
                    None => Ok(detail),
                }
            }
            // An orderly end is the right of every server and front. A payload then has no connection to go over; how long the way keeps a
            // quiet one, which was asked for, stays unknown.
            Err(failure) if failure.reason == Reason::ClosedAfterConnect => {
                if kind == StepKind::Idle {
                    climb.note(kind, begun, Ok(Detail::from([("closed_by_peer".to_owned(), true.into())])));
                    climb.remark(failure.reason);
                }
                return Ok(());
            }
            Err(failure) => Err(judge(kind, wait, failure)),
        };
        let climbed = outcome.is_ok();
        climb.note(kind, begun, outcome);
        if !climbed {
            return Err(Stop);
        }
    }
    Ok(())
}

fn detail(kind: StepKind, wait: Option<Duration>, padding: usize, heard: &Heard) -> Detail {
    match (kind, wait) {
        (StepKind::Idle, Some(wait)) => Detail::from([("idle_ms".to_owned(), millis(wait).into())]),
        _ => Detail::from([("octets_sent".to_owned(), padding.into()), ("octets_received".to_owned(), heard.octets.into())]),
    }
}

/// What it means that a proved connection gave no answer this time.
fn judge(kind: StepKind, wait: Option<Duration>, failure: Failure) -> Failure {
    let path = |reason| Failure { reason, initiator: Initiator::Path, ..failure.clone() };
    match (kind, failure.reason) {
        (StepKind::Idle, _) if failure.detail.contains_key("before") => failure,
        (StepKind::Idle, cause @ (Reason::SilentAfterConnect | Reason::ResetAfterConnect)) => {
            path(Reason::IdleDropped).with("idle_ms", wait.map_or(0, millis)).with("cause", cause.code())
        }
        (StepKind::Payload, Reason::SilentAfterConnect) => path(Reason::MtuBlackHole).with("octets_sent", PADDING),
        (StepKind::Payload, _) => failure.with("octets_sent", PADDING),
        _ => failure,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(kind: StepKind, failure: Failure) -> Reason {
        judge(kind, Some(Duration::from_secs(30)), failure).reason
    }

    #[test]
    fn what_a_further_exchange_tells() {
        assert_eq!(judged(StepKind::Payload, Failure::silent()), Reason::MtuBlackHole);
        assert_eq!(judged(StepKind::Payload, Failure::unknown(Reason::ResetAfterConnect)), Reason::ResetAfterConnect, "a filter");
        assert_eq!(judged(StepKind::Idle, Failure::silent()), Reason::IdleDropped);
        assert_eq!(judged(StepKind::Idle, Failure::unknown(Reason::ResetAfterConnect)), Reason::IdleDropped);
        assert_eq!(judged(StepKind::Idle, Failure::peer(Reason::BadGateway)), Reason::BadGateway);
    }
}
