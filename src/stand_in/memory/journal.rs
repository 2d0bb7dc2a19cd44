//! What a listener saw: one entry per connection, and counts that stay right when entries are
//! dropped.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

/// Entries kept; later ones are only counted.
pub const MAX_ARRIVALS: usize = 100_000;

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Arrival {
    /// When it was accepted.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Own address and port.
    #[schemars(with = "String")]
    pub local: SocketAddr,
    /// The other end's, after any NAT.
    #[schemars(with = "String")]
    pub peer: SocketAddr,
    /// Whether a challenge of the site's key was answered.
    pub proved: bool,
    /// How it ended, in words.
    pub ended: String,
}

/// What a port saw in total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Of these, the ones on which a challenge was answered.
    pub proved: u64,
    /// Turned away by a limit or the list of networks.
    pub turned_away: u64,
}

/// Shared by all ports of a listener.
#[derive(Debug, Default)]
pub struct Journal {
    inner: Mutex<(Vec<Arrival>, BTreeMap<SocketAddr, Counts>)>,
}

impl Journal {
    /// Adds a finished connection.
    pub fn arrived(&self, endpoint: SocketAddr, arrival: Arrival) {
        if let Ok(mut inner) = self.inner.lock() {
            let counts = inner.1.entry(endpoint).or_default();
            counts.accepted += 1;
            counts.proved += u64::from(arrival.proved);
            if inner.0.len() < MAX_ARRIVALS {
                inner.0.push(arrival);
            }
        }
    }

    /// Counts a connection that a limit turned away.
    pub fn turned_away(&self, endpoint: SocketAddr) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.1.entry(endpoint).or_default().turned_away += 1;
        }
    }

    /// Entries and counts so far.
    pub fn snapshot(&self) -> (Vec<Arrival>, BTreeMap<SocketAddr, Counts>) {
        self.inner.lock().map(|inner| inner.clone()).unwrap_or_default()
    }
}
