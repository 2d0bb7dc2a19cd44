//! Refuses every ticket, as a KDC does that knows nobody.

use super::codec::DIALOGUE;
use crate::net::Io;
use crate::protocol::greeting::stand_in;
use crate::stand_in::{Caller, StandIn};
use std::io;

/// Serves one connection.
///
/// # Errors
/// Those of the connection.
pub async fn serve(stream: impl Io, seen: Caller, here: &StandIn) -> io::Result<()> {
    stand_in::serve(stream, seen, here, &DIALOGUE).await
}
