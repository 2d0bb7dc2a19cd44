//! The connector's side: one file per application protocol, each climbing its rungs and noting what it saw.

mod again;
pub mod climb;
mod draining;
mod forgotten;
pub mod greeting;
pub mod grpc;
pub mod http;
mod http1;
mod large;
pub mod ldap;
mod legacy;
pub mod proxy;
mod recognise;
pub mod rpc;
mod shared;
mod starved;
mod tap;
pub mod tcp;

pub use climb::{Climb, RangeMode, Stop, Target, Tools};

use crate::matrix::model::Protocol;
use crate::net::failure::Failure;
use crate::observation::Observation;
use crate::proto::challenge::{Claims, ProofOutcome};
use crate::reason::Reason;
use std::net::SocketAddr;

/// Asks the listener of a hop that works the question of its target: the hop is probed once more, and the answer is in the proof. `host` is the one
/// that must answer.
///
/// # Errors
/// What was seen, where no proof of that host came.
pub async fn ask(target: &Target<'_>, host: &str, tools: &Tools) -> Result<Claims, Box<Observation>> {
    let mut seen = probe(target, &Tools { idle: None, range: RangeMode::Never, ..tools.clone() }).await;
    let own = |proof: &ProofOutcome| matches!(proof, ProofOutcome::Valid { claims, .. } if claims.host == host);
    let Some(place) = seen.proofs.iter().position(own) else { return Err(Box::new(seen)) };
    match seen.proofs.swap_remove(place) {
        ProofOutcome::Valid { mut claims, .. } => {
            // NAT may leave the address alone and give every connection another port.
            let source = seen.evidence.first().and_then(|e| e.source).map(plain);
            if let Some(sighting) = &mut claims.sighting {
                sighting.translated = source != Some(plain(claims.peer));
            }
            Ok(claims)
        }
        _ => Err(Box::new(seen)),
    }
}

/// Without the form of IPv4 addresses inside IPv6.
pub fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What it means that the other end broke off HTTP/2: by a code of RST_STREAM or GOAWAY, before a call has its status (RFC 9113 section 7).
/// `otherwise` stands for codes that say nothing else.
fn ended_by_peer(error: &h2::Error, otherwise: Reason) -> Failure {
    let code = error.reason();
    let reason = match code {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Reason::Http2NotCarried,
        // nginx and IIS in front of a host with which they speak HTTP/1.x.
        Some(h2::Reason::INTERNAL_ERROR) if otherwise == Reason::GrpcFailed => Reason::Http2NotCarried,
        // haproxy, when the host behind it hung up before an answer: on HTTP/1.x, which it does not speak, or because it never said a word.
        Some(h2::Reason::REFUSED_STREAM) => Reason::BadGateway,
        Some(h2::Reason::NO_ERROR | h2::Reason::ENHANCE_YOUR_CALM) if otherwise != Reason::GrpcFailed => Reason::ClosedAfterConnect,
        _ => otherwise,
    };
    let failure = Failure::peer(reason).with("error", error.to_string());
    match code {
        Some(code @ (h2::Reason::NO_ERROR | h2::Reason::ENHANCE_YOUR_CALM | h2::Reason::REFUSED_STREAM)) => {
            failure.with(if error.is_go_away() { "goaway" } else { "reset_stream" }, format!("{code:?}"))
        }
        _ => failure,
    }
}

/// Probes one hop from its first rung to its last, and returns what was seen. Never fails: a failed probe is an observation.
pub async fn probe(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    let mut climbed = ladder(&mut climb).await;
    // A server that serves one connection after the other serves no other before this one is closed.
    climb.let_go();
    if climbed.is_err() {
        climbed = draining::look_again(&mut climb).await;
        climb.let_go();
    }
    if climbed.is_err() {
        starved::look_again(&mut climb).await;
        legacy::look_again(&mut climb).await;
        large::look_again(&mut climb).await;
        forgotten::look_again(&mut climb).await;
    }
    shared::look(&mut climb).await;
    climb.finish()
}

/// Climbs a hop's rungs on one connection, without a second look at what went wrong there.
pub async fn once(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    // What ended the climb is in its notes.
    let _ = ladder(&mut climb).await;
    climb.finish()
}

/// Climbs the rungs of the hop's protocol.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed; the rung itself is in the notes.
async fn ladder(climb: &mut Climb<'_>) -> Result<(), Stop> {
    match climb.target.hop.flow.protocol {
        Protocol::Tcp | Protocol::Tls => tcp::climb(climb).await,
        Protocol::Http | Protocol::Https => http::climb(climb).await,
        Protocol::Grpc | Protocol::GrpcH2c => grpc::climb(climb).await,
        Protocol::Ldap | Protocol::Ldaps => ldap::climb(climb).await,
        Protocol::Rpc => rpc::climb(climb).await,
        // Never planned (`Why::ProtocolNotProbed`); an observation without steps is judged as not tested.
        Protocol::Udp => Ok(()),
    }
}
