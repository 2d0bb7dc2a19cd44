//! The rungs of each protocol.

use super::climb::{Climb, Stop, Target, Tools};
use super::{grpc, http, ldap, rpc, tcp};
use crate::matrix::model::Protocol;
use crate::observation::Observation;
use futures_util::future::BoxFuture;

/// Climbs the rungs of the hop's protocol. Boxed, since callers climb again here and there: without
/// it each of them would hold a ladder's state for every place at which it does.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed; the rung itself is in the notes.
pub(super) fn ladder<'c>(climb: &'c mut Climb<'_>) -> BoxFuture<'c, Result<(), Stop>> {
    Box::pin(rungs(climb))
}

async fn rungs(climb: &mut Climb<'_>) -> Result<(), Stop> {
    match climb.target.hop.flow.protocol {
        Protocol::Tcp | Protocol::Tls => tcp::climb(climb).await,
        Protocol::Http | Protocol::Https => http::climb(climb).await,
        Protocol::Grpc | Protocol::GrpcH2c => Box::pin(grpc::climb(climb)).await,
        Protocol::Ldap | Protocol::Ldaps => ldap::climb(climb).await,
        Protocol::Rpc => rpc::climb(climb).await,
        // Never planned (`Why::ProtocolNotProbed`); an observation without steps is judged as not
        // tested.
        Protocol::Udp => Ok(()),
    }
}

/// Climbs a hop's rungs on one connection, without a second look at what went wrong there.
pub async fn once(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    // What ended the climb is in its notes.
    let _ = ladder(&mut climb).await;
    climb.finish()
}
