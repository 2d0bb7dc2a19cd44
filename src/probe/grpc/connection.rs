//! An HTTP/2 connection on which calls are made.

use crate::net::fetch::Driver;
use crate::probe::tap::Head;
use h2::client::SendRequest;
use hyper::body::Bytes;
use std::sync::Arc;

/// An HTTP/2 connection on which calls are made.
pub(in crate::probe) struct Connection {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) head: Arc<Head>,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Name and port, as `:authority`.
    pub(super) authority: String,
    /// Challenge of this connection, in text.
    pub(super) challenge: Option<String>,
    pub(super) _driver: Driver,
}
