//! Where a `Location` leads, seen from what was asked (RFC 9110 section 4.3.1).

use crate::protocol::http::codec::status::Place;
use hyper::Uri;

/// Scheme, name and port that were asked.
pub(crate) struct Origin {
    pub(crate) scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
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
