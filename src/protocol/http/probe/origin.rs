//! What a request is addressed to (RFC 9110 section 4.3.1).

use crate::climb::Climb;
use crate::matrix::model::Protocol;
use crate::protocol::http::codec::status::Place;
use hyper::Uri;
use std::net::Ipv6Addr;

/// Scheme, name and port that were asked.
pub(super) struct Origin {
    pub(crate) scheme: &'static str,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Origin {
    pub(crate) fn of(climb: &Climb<'_>) -> Self {
        let scheme =
            if climb.target.hop.flow.protocol == Protocol::Https { "https" } else { "http" };
        Origin { scheme, host: climb.target.server_name.clone(), port: climb.target.hop.port }
    }

    /// Where a `Location` leads (RFC 3986 section 4.2). A relative one stays here; what cannot be
    /// read does not.
    pub(crate) fn place(&self, location: &str) -> Place {
        let absolute = match location.strip_prefix("//") {
            Some(rest) => format!("{}://{rest}", self.scheme),
            None if location
                .split(['/', '?', '#'])
                .next()
                .is_some_and(|first| first.contains(':')) =>
            {
                location.to_owned()
            }
            None => return Place::Here,
        };
        let Ok(uri) = absolute.parse::<Uri>() else { return Place::Elsewhere };
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Place::Elsewhere;
        };
        let port = uri.port_u16().unwrap_or(default_port(scheme));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.eq_ignore_ascii_case(&self.host) {
            true if scheme == self.scheme && port == self.port => Place::Here,
            true if scheme == "https" && self.scheme == "http" => Place::OwnHttps,
            _ => Place::Elsewhere,
        }
    }
}

/// The port that a URL of this scheme means when it names none.
pub(crate) fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
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
