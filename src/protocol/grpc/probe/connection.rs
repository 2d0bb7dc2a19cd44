//! An HTTP/2 connection on which calls are made.

use crate::climb::first_octets::Recorded;
use crate::net::fetch::Driver;
use h2::client::SendRequest;
use hyper::body::Bytes;
use std::sync::Arc;

/// An HTTP/2 connection on which calls are made.
pub(crate) struct Connection {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) head: Arc<Recorded>,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Name and port, as `:authority`.
    pub(super) authority: String,
    /// Challenge of this connection, in text.
    pub(super) challenge: Option<String>,
    pub(super) _driver: Driver,
}
