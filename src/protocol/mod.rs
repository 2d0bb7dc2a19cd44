//! One folder for each protocol: its codec, and what its answers say (both pure), its probe for the
//! connector, its stand-in for the listener. [`list`] has a line for each; what is here, and in
//! [`classify`], calls into the folders by it.

pub mod classify;
pub mod greeting;
pub mod grpc;
pub mod http;
pub mod kerberos;
pub mod ldap;
pub mod list;
pub mod raw;
pub mod rpc;
pub mod speaker;
pub mod udp;

use crate::climb::{Climb, Stop, Target, Tools};
use crate::net::Io;
use crate::observation::Observation;
use crate::stand_in::{Caller, StandIn};
use futures_util::future::BoxFuture;
use list::{Protocol, protocols};
use std::io;
use std::sync::Arc;

macro_rules! dispatch {
    ($(
        $(#[doc = $doc:literal])+
        $folder:ident $application:ident, proof $proof:ident {
            $($name:ident $word:literal $security:ident over $transport:ident: $says:literal),+
        }
    )+) => {
        async fn rungs(climb: &mut Climb<'_>) -> Result<(), Stop> {
            match climb.target.hop.flow.protocol {
                $($(Protocol::$name)|+ => Box::pin($folder::probe::climb(climb)).await,)+
            }
        }

        /// Serves one connection as a stand-in of the protocol, TLS being taken off already.
        ///
        /// # Errors
        /// Those of the connection.
        pub async fn serve(
            protocol: Protocol,
            stream: impl Io + 'static,
            seen: Caller,
            here: &Arc<StandIn>,
        ) -> io::Result<()> {
            match protocol {
                $($(Protocol::$name)|+ => $folder::stand_in::serve(stream, seen, here).await,)+
            }
        }
    };
}
protocols!(dispatch);

/// Climbs the rungs of the hop's protocol. Boxed, since callers climb again here and there: without
/// it each of them would hold a ladder's state for every place at which it does.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed; the rung itself is in the notes.
pub(super) fn ladder<'c>(climb: &'c mut Climb<'_>) -> BoxFuture<'c, Result<(), Stop>> {
    Box::pin(rungs(climb))
}

/// Climbs a hop's rungs on one connection, without a second look at what went wrong there.
pub async fn once(target: &Target<'_>, tools: &Tools) -> Observation {
    let mut climb = Climb::new(target, tools);
    // What ended the climb is in its notes.
    let _ = ladder(&mut climb).await;
    climb.finish()
}
