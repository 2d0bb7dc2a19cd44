//! Ports of plain TCP and plain TLS: the greeting of a known service where the row names one, and
//! otherwise only challenges are answered.

use super::answer;
use crate::net::Io;
use crate::protocol::greeting;
use crate::stand_in::{Caller, StandIn};
use std::io;

/// Serves one connection.
///
/// # Errors
/// Those of the connection.
pub async fn serve(stream: impl Io, seen: Caller, here: &StandIn) -> io::Result<()> {
    match here.greeting {
        Some(greeting) => greeting::stand_in::serve(stream, seen, here, &greeting.dialogue()).await,
        None => answer::lines(stream, seen, here).await,
    }
}
