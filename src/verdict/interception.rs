//! Whether somebody on the way opens TLS sessions (interception, TLS inspection).

use super::certificate;
use crate::observation::Observation;
use crate::plan::model::Hop;

/// Whether a proof shows it: its listener had another session than this end (RFC 9266). `None`
/// where the listener ended no TLS session.
pub(super) fn is_shown_by(same_tls_session: Option<bool>) -> bool {
    same_tls_session == Some(false)
}

/// Whether somebody opened the TLS session on the way to a cloud service: what such a service shows
/// comes from a public root. Who opened it says what he likes in it, or nothing.
pub(super) fn opens_cloud_sessions(hop: &Hop, seen: &Observation) -> bool {
    hop.class.is_some() && certificate::is_private(seen)
}
