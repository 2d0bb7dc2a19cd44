//! One hop, probed: the ladder of its protocol, and second looks at what went wrong there.

mod balanced;
mod draining;
mod idle_dropped;
mod large;
mod legacy;
mod small_handshake;

use crate::climb::{Climb, RangeMode, Target, Tools, plain};
use crate::observation::{Evidence, Observation};
use crate::protocol::ladder;
use crate::wire::challenge::{Claims, ProofOutcome};
use jiff::Timestamp;

/// What a listener answered, and since when it may have done so.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its claims.
    pub claims: Claims,
    /// When the connection was begun on which it answered: what it says of its own clock was said
    /// after that, however late this machine came to read it.
    pub since: Timestamp,
}

/// Asks the listener of a hop that works the question of its target: the hop is probed once more,
/// and the answer is in the proof. `host` is the one that must answer.
///
/// # Errors
/// What was seen, where no proof of that host came.
pub async fn ask(
    target: &Target<'_>,
    host: &str,
    tools: &Tools,
) -> Result<Answered, Box<Observation>> {
    let mut seen =
        probe(target, &Tools { idle: None, range: RangeMode::Never, ..tools.clone() }).await;
    let own = |proof: &ProofOutcome| matches!(proof, ProofOutcome::Valid { claims, .. } if claims.host == host);
    let Some(place) = seen.proofs.iter().position(own) else { return Err(Box::new(seen)) };
    match seen.proofs.swap_remove(place) {
        ProofOutcome::Valid { mut claims, .. } => {
            let of_it = |e: &&Evidence| e.source.map(plain) == Some(plain(claims.peer));
            let since = seen.evidence.iter().find(of_it).map_or(seen.started, |e| e.sent_at);
            // NAT may leave the address alone and give every connection another port.
            let source = seen.evidence.first().and_then(|e| e.source).map(plain);
            if let Some(sighting) = &mut claims.sighting {
                sighting.translated = source != Some(plain(claims.peer));
            }
            Ok(Answered { claims, since })
        }
        _ => Err(Box::new(seen)),
    }
}

/// Probes one hop from its first rung to its last, and returns what was seen. Never fails: a failed
/// probe is an observation.
pub async fn probe(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    let mut climbed = ladder(&mut climb).await;
    // A server that serves one connection after the other serves no other before this one is
    // closed.
    climb.let_go();
    if climbed.is_err() {
        climbed = draining::look_again(&mut climb).await;
        climb.let_go();
    }
    if climbed.is_err() {
        small_handshake::look_again(&mut climb).await;
        legacy::look_again(&mut climb).await;
        large::look_again(&mut climb).await;
        idle_dropped::look_again(&mut climb).await;
    }
    balanced::look(&mut climb).await;
    climb.finish()
}
