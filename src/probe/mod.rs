//! The connector's side: one file per application protocol, each climbing its rungs and noting what it saw.

mod again;
pub mod climb;
pub mod grpc;
pub mod http;
pub mod ldap;
mod recognise;
pub mod rpc;
mod starved;
mod tap;
pub mod tcp;

pub use climb::{Climb, RangeMode, Stop, Target, Tools};

use crate::matrix::model::Protocol;
use crate::observation::Observation;
use crate::proto::challenge::ProofOutcome;
use crate::proto::sighting::Sighting;

/// Asks the listener of a hop that works the question of its target: the hop is probed once more, and the answer is in the proof.
pub async fn ask(target: &Target<'_>, tools: &Tools) -> Option<Sighting> {
    let seen = probe(target, &Tools { idle: None, range: RangeMode::Never, ..tools.clone() }).await;
    let own = seen.evidence.first().and_then(|e| e.source).map(|s| s.ip().to_canonical());
    seen.proofs.into_iter().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } if claims.host == target.hop.to.host.label() => {
            let translated = own != Some(claims.peer.ip().to_canonical());
            claims.sighting.map(|sighting| Sighting { translated, ..sighting })
        }
        _ => None,
    })
}

/// Probes one hop from its first rung to its last, and returns what was seen. Never fails: a failed probe is an observation.
pub async fn probe(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    // `Stop` only says that a rung was not climbed; the rung itself is in the notes.
    let climbed = match target.hop.flow.protocol {
        Protocol::Tcp | Protocol::Tls => tcp::climb(&mut climb).await,
        Protocol::Http | Protocol::Https => http::climb(&mut climb).await,
        Protocol::Grpc | Protocol::GrpcH2c => grpc::climb(&mut climb).await,
        Protocol::Ldap | Protocol::Ldaps => ldap::climb(&mut climb).await,
        Protocol::Rpc => rpc::climb(&mut climb).await,
        // Never planned (`Why::ProtocolNotProbed`); an observation without steps is judged as not tested.
        Protocol::Udp => Ok(()),
    };
    if climbed.is_err() {
        starved::look_again(&mut climb).await;
    }
    climb.finish()
}
