//! What a listener saw of a connection that the connector asks about: the other end's view of a hop that did not work.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The listener's answer to "did you see me on port N?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// Whether something listens on that port of the host: the listener itself, or a program that has the port.
    pub listening: bool,
    /// How far the connection came.
    pub state: Seen,
    /// Whether the address that asked is changed on the way (NAT): the connection in question may then have come from another one, and that
    /// nothing is known of it means nothing. Filled in by the connector.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translated: bool,
    /// From which address and port it came, as the listener's host saw it; absent when nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub peer: Option<SocketAddr>,
    /// At which address and port it arrived; absent when nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub local: Option<SocketAddr>,
    /// When it was first seen, by the listener's clock, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
}

/// How far a connection came, as the To host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Another program has the port, and the listener does not see what it accepts.
    Unknown,
    /// Nothing came from that address.
    Nothing,
    /// A SYN came and was answered, and the answer to that never came: the connection stayed half open.
    HalfOpen,
    /// The connection opened.
    Opened,
    /// The connection opened, and the site's challenge was answered on it.
    Proved,
}
