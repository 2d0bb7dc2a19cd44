//! What is said again on a connection that was proved: something large, and, where it was asked
//! for, something after a long silence. The first exchange is small and quick; links that lose
//! large packets, and devices that forget a quiet connection, let it pass.

pub use super::same_peer::Heard;
use super::same_peer::{Same, is_unchanged, same_listener};
use super::{Climb, SentChallenge, Stop};
use crate::matrix::model::Expect;
use crate::net::clock;
use crate::observation::facts::Families;
use crate::observation::failure::Failure;
use crate::observation::{Facts, Initiator, StepKind};
use crate::reason::Reason;
use crate::wire::challenge::{self, Exporter, PADDING, ProofOutcome};
use std::future::Future;
use std::time::Duration;

/// A proved connection that can be spoken on again.
pub trait Exchange {
    /// Begins what is to last through a silence, where the protocol has more to keep open than the
    /// connection; without a deadline.
    ///
    /// # Errors
    /// What became of the connection.
    fn hold(&mut self, _: &SentChallenge) -> impl Future<Output = Result<(), Failure>> + Send
    where
        Self: Send,
    {
        async { Ok(()) }
    }

    /// Whether each answer brings a proof: where it does, one without shows that somebody else
    /// answered this time.
    fn proves(&self) -> bool {
        true
    }

    /// Whether a service answers what is sent again although it knows nothing of challenges and
    /// padding.
    fn answers_anybody(&self) -> bool {
        false
    }

    /// Whether the other end has said that it closes after each answer.
    fn may_close(&self) -> bool {
        false
    }

    /// Sends a challenge with this padding and waits for the whole answer, without a deadline.
    ///
    /// # Errors
    /// What became of the connection.
    fn exchange(
        &mut self,
        asked: &SentChallenge,
        padding: &str,
    ) -> impl Future<Output = Result<Heard, Failure>> + Send;
}

/// Climbs the rungs above the proof: `payload`, and with `--idle` also `idle`. Nothing is done
/// where nothing was proved.
///
/// # Errors
/// [`Stop`] when one of them is not climbed.
pub async fn further_steps(
    climb: &mut Climb<'_>,
    exporter: Option<&Exporter>,
    connection: &mut (impl Exchange + Send),
) -> Result<(), Stop> {
    if climb.light || climb.target.hop.flow.expect == Expect::Deny {
        return Ok(());
    }
    match climb.proofs().last() {
        Some(ProofOutcome::Valid { .. }) => {}
        Some(ProofOutcome::None) if connection.answers_anybody() => {
            return large_to_service(climb, connection).await;
        }
        _ => return Ok(()),
    }
    let quiet = climb.tools.idle;
    small_words(climb, exporter, connection).await?;
    for (kind, padding, wait) in [(StepKind::Payload, PADDING, None), (StepKind::Idle, 0, quiet)]
        .into_iter()
        .filter(|(kind, _, wait)| *kind == StepKind::Payload || wait.is_some())
    {
        let Some(asked) = climb.challenge() else { return Ok(()) };
        // Octets that nobody can make up who has not read them all.
        let padding = challenge::padding(&asked.octets, padding);
        let mut begun = clock::instant();
        let mut heard = Ok(Heard::default());
        if let Some(wait) = wait {
            // What fails before the silence does not fail for it.
            let held = tokio::time::timeout(climb.step_deadline(), connection.hold(&asked)).await;
            heard = held
                .unwrap_or_else(|_| Err(Failure::silent()))
                .map(|()| Heard::default())
                .map_err(|f| f.noting(|facts| facts.exchange.before_the_silence = true));
            if heard.is_ok() {
                tokio::time::sleep(wait).await;
                begun = clock::instant();
            }
        }
        if heard.is_ok() {
            let exchanged =
                tokio::time::timeout(climb.step_deadline(), connection.exchange(&asked, &padding))
                    .await;
            heard = exchanged.unwrap_or_else(|_| Err(Failure::silent()));
        }
        let outcome = match heard {
            Ok(heard) => {
                let mut facts = facts(kind, wait, padding.len(), &heard);
                let proof = climb.weigh(Some(&asked), heard.proof.as_deref(), exporter);
                let same = Same {
                    hosts: hosts_behind(climb),
                    proves: connection.proves(),
                    padding: padding.as_bytes(),
                };
                match same_listener(climb.proofs().last(), &proof, &heard, &same) {
                    Ok(()) => Ok(facts),
                    Err(failure) => {
                        facts.absorb(failure.facts);
                        Err(Failure { facts, ..failure })
                    }
                }
            }
            // A front that closes after each answer has said so: a payload then has no connection
            // to go over.
            Err(failure)
                if failure.reason == Reason::ClosedAfterConnect
                    && kind == StepKind::Payload
                    && connection.may_close() =>
            {
                return Ok(());
            }
            // Of a quiet connection an orderly end is the right of every server and front; how long
            // the way keeps one, which was asked for, stays unknown.
            Err(failure)
                if failure.reason == Reason::ClosedAfterConnect && kind == StepKind::Idle =>
            {
                climb.note(
                    kind,
                    begun,
                    Ok(Facts::of(|facts| facts.exchange.closed_by_peer = true)),
                );
                climb.remark(failure.reason);
                return Ok(());
            }
            Err(failure) => Err(judge(kind, wait, failure, climb.was_delivered())),
        };
        let climbed = outcome.is_ok();
        climb.note(kind, begun, outcome);
        if !climbed {
            return Err(Stop);
        }
    }
    Ok(())
}

/// Something large for a service that proves nobody: rung `payload`. That it is silent shows
/// nothing yet (see `probe/large.rs`).
async fn large_to_service(
    climb: &mut Climb<'_>,
    connection: &mut (impl Exchange + Send),
) -> Result<(), Stop> {
    let (Some(asked), begun) = (climb.challenge(), clock::instant()) else { return Ok(()) };
    let padding = challenge::padding(&asked.octets, PADDING);
    let outcome =
        match tokio::time::timeout(climb.step_deadline(), connection.exchange(&asked, &padding))
            .await
        {
            Ok(Ok(_)) => Ok(Facts::of(of_stranger)),
            // Whoever ends the connection has had something of it, or does not like it.
            Ok(Err(_)) => return Ok(()),
            // What has arrived is not lost for its size: whoever took it is silent.
            Err(_) if climb.was_delivered() != Some(false) => return Ok(()),
            Err(_) => Err(Failure::silent().noting(of_stranger)),
        };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Payload, begun, outcome);
    if climbed { Ok(()) } else { Err(Stop) }
}

/// Something large on one more connection of a hop, to a port of its own; noted only where it does
/// not come back as it was sent.
///
/// # Errors
/// [`Stop`] when it does not.
pub async fn large_on(
    climb: &mut Climb<'_>,
    port: u16,
    connection: &mut (impl Exchange + Send),
) -> Result<(), Stop> {
    let (Some(asked), begun) = (climb.challenge(), clock::instant()) else { return Ok(()) };
    let padding = challenge::padding(&asked.octets, PADDING);
    let exchanged =
        tokio::time::timeout(climb.step_deadline(), connection.exchange(&asked, &padding)).await;
    let outcome = exchanged
        .unwrap_or_else(|_| Err(Failure::silent()))
        .map_err(|failure| judge(StepKind::Payload, None, failure, None));
    let outcome = outcome.and_then(|heard| is_unchanged(padding.as_bytes(), &heard.padding));
    let Err(failure) = outcome else { return Ok(()) };
    climb.note(StepKind::Payload, begun, Err(failure.with("port", port)));
    Err(Stop)
}

/// Small exchanges, so that small packets are seen to pass; what fails then is no matter of size.
async fn small_words(
    climb: &mut Climb<'_>,
    exporter: Option<&Exporter>,
    connection: &mut (impl Exchange + Send),
) -> Result<(), Stop> {
    for _ in 0..climb.small_words {
        let (Some(asked), begun) = (climb.challenge(), clock::instant()) else { return Ok(()) };
        let exchanged =
            tokio::time::timeout(climb.step_deadline(), connection.exchange(&asked, "")).await;
        let heard = exchanged.unwrap_or_else(|_| Err(Failure::silent())).and_then(|heard| {
            let proof = climb.weigh(Some(&asked), heard.proof.as_deref(), exporter);
            let same =
                Same { hosts: hosts_behind(climb), proves: connection.proves(), padding: b"" };
            same_listener(climb.proofs().last(), &proof, &heard, &same)
        });
        if let Err(failure) = heard {
            climb.note(
                StepKind::Payload,
                begun,
                Err(failure.noting(|facts| facts.exchange.small_exchange = true)),
            );
            return Err(Stop);
        }
    }
    Ok(())
}

/// A large exchange with somebody who proves nothing.
pub fn of_stranger(facts: &mut Families) {
    facts.exchange.octets_sent = Some(PADDING);
    facts.exchange.unproved = true;
}

fn facts(kind: StepKind, wait: Option<Duration>, padding: usize, heard: &Heard) -> Facts {
    Facts::of(|facts| match (kind, wait) {
        (StepKind::Idle, Some(wait)) => facts.exchange.idle_ms = Some(millis(wait)),
        _ => {
            facts.exchange.octets_sent = Some(padding);
            facts.exchange.octets_received = Some(heard.padding.len());
        }
    })
}

fn hosts_behind<'a>(climb: &Climb<'a>) -> &'a [String] {
    climb.target.hop.flow.relayed_to.as_ref().map_or(&[], |behind| &behind.hosts)
}

/// What it means that a proved connection gave no answer this time. `delivered` says that all that
/// was said has arrived, as far as the system tells: then it is not the way that lost it.
fn judge(
    kind: StepKind,
    wait: Option<Duration>,
    failure: Failure,
    delivered: Option<bool>,
) -> Failure {
    let path = |reason| Failure { reason, initiator: Initiator::Path, ..failure.clone() };
    match (kind, failure.reason) {
        (StepKind::Idle, _) if failure.facts.exchange.before_the_silence => failure,
        (StepKind::Idle, Reason::SilentAfterConnect) if delivered == Some(true) => {
            Failure { initiator: Initiator::Peer, ..failure }
                .noting(|facts| facts.exchange.delivered = true)
        }
        (StepKind::Idle, cause @ (Reason::SilentAfterConnect | Reason::ResetAfterConnect)) => {
            path(Reason::IdleDropped).noting(|facts| {
                facts.exchange.idle_ms = Some(wait.map_or(0, millis));
                facts.ended.cause = Some(cause);
            })
        }
        // Until small packets have been seen to pass (`crate::probe::large`), silence is all that
        // is known.
        (StepKind::Payload, _) => {
            failure.noting(|facts| facts.exchange.octets_sent = Some(PADDING))
        }
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
        judge(kind, Some(Duration::from_secs(30)), failure, None).reason
    }

    #[test]
    fn what_a_further_exchange_tells() {
        assert_eq!(
            judged(StepKind::Payload, Failure::silent()),
            Reason::SilentAfterConnect,
            "until small packets were seen to pass"
        );
        assert_eq!(
            judged(StepKind::Payload, Failure::unknown(Reason::ResetAfterConnect)),
            Reason::ResetAfterConnect,
            "a filter"
        );
        assert_eq!(judged(StepKind::Idle, Failure::silent()), Reason::IdleDropped);
        assert_eq!(
            judged(StepKind::Idle, Failure::unknown(Reason::ResetAfterConnect)),
            Reason::IdleDropped
        );
        assert_eq!(judged(StepKind::Idle, Failure::peer(Reason::BadGateway)), Reason::BadGateway);
        let taken =
            |kind| judge(kind, Some(Duration::from_secs(30)), Failure::silent(), Some(true));
        let idle = taken(StepKind::Idle);
        assert_eq!(
            (idle.reason, idle.initiator),
            (Reason::SilentAfterConnect, Initiator::Peer),
            "it arrived: the other end is silent"
        );
    }
}
