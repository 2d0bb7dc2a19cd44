//! Nobody stands in: no port of UDP is opened, and so no stream can come.

use crate::net::Io;
use crate::stand_in::{Caller, StandIn};
use std::io;

/// Serves nobody.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub async fn serve(_stream: impl Io, _seen: Caller, _here: &StandIn) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
