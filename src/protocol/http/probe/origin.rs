//! What a request is addressed to (RFC 9110 section 4.3.1).

use crate::climb::Climb;
use crate::matrix::model::Protocol;
pub(crate) use crate::protocol::http::classify::origin::{Origin, default_port};
use std::net::Ipv6Addr;

/// Scheme, name and port that are asked.
pub(crate) fn origin(climb: &Climb<'_>) -> Origin {
    let scheme = if climb.target.hop.flow.protocol == Protocol::Https { "https" } else { "http" };
    Origin { scheme, host: climb.target.server_name.clone(), port: climb.target.hop.port }
}

/// `host` or `host:port`, as it stands in `Host` and `:authority` (RFC 9110 section 7.2).
pub(crate) fn authority(climb: &Climb<'_>, scheme: &str) -> String {
    let name = &climb.target.server_name;
    let host = if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name.clone() };
    let port = climb.target.hop.port;
    if port == default_port(scheme) { host } else { format!("{host}:{port}") }
}

/// A path as it stands in a request: with a slash in front.
pub fn rooted(path: Option<&str>) -> String {
    let path = path.unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
