//! A server that is about to end, or has too much to do, says so in HTTP/2 (GOAWAY,
//! REFUSED_STREAM), and clients then try a new connection.

use crate::climb::{Climb, Stop};
use crate::observation::failure::Failure;
use crate::protocol::ladder;
use crate::reason::Reason;

/// Makes the hop once more on a new connection where the other end asked for that, and takes what
/// comes of it.
///
/// # Errors
/// [`Stop`] where nobody asked, or the new connection ends in the same way.
pub async fn look_again(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let Some(said) = said(climb) else { return Err(Stop) };
    if climb.in_time().is_err() {
        return Err(Stop);
    }
    let mut again = Climb::new(climb.target, climb.tools);
    let climbed = ladder(&mut again).await;
    let repeated = self::said(&again).is_some();
    climb.take_over(again);
    climb.add_words("an_earlier_connection", said);
    // In a plan without a front nobody gives a call back in the name of a host behind: it is the
    // server that takes none.
    if repeated && climbed.is_err() && climb.target.hop.flow.relayed_to.is_none() {
        let is_grpc = matches!(
            climb.target.hop.flow.protocol,
            crate::matrix::model::Protocol::Grpc | crate::matrix::model::Protocol::GrpcH2c
        );
        climb.correct(Failure::peer(if is_grpc {
            Reason::GrpcFailed
        } else {
            Reason::ClosedAfterConnect
        }));
    }
    climbed
}

/// What the other end broke off with, where that asks for another connection.
fn said(climb: &Climb<'_>) -> Option<String> {
    let ended = &climb.failed_step()?.facts.ended;
    let of =
        |frame: &str, code: &Option<String>| code.as_ref().map(|code| format!("{frame} {code}"));
    of("GOAWAY", &ended.goaway).or_else(|| of("RST_STREAM", &ended.reset_stream))
}
