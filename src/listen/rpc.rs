//! rpc, listener's side.
use super::{Seen, StandIn};
use crate::net::Io;
use std::io;

/// Serves one connection.
///
/// # Errors
/// Those of the connection.
pub async fn serve(stream: impl Io, seen: Seen, here: &StandIn) -> io::Result<()> {
    let _ = (stream, seen, here);
    Ok(())
}
