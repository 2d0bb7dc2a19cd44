//! http, listener's side.
use super::{Seen, StandIn};
use crate::net::Io;
use std::io;

/// Serves one connection.
///
/// # Errors
/// Those of the connection.
pub async fn serve(stream: impl Io + 'static, seen: Seen, here: std::sync::Arc<StandIn>) -> io::Result<()> {
    let _ = (stream, seen, here);
    Ok(())
}
