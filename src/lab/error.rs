//! Why the lab cannot run.

use crate::net::identity::IdentityError;
use crate::net::tls::RootsError;
use std::net::SocketAddr;

/// What stands in the lab's way.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The sample site wants two things of one port.
    #[error("the lab cannot open {0}")]
    Conflict(String),
    /// The sample site has a front without an address.
    #[error("the lab's front has no address")]
    NoAddress,
    /// A port cannot be opened.
    #[error(
        "the lab cannot open {address}: {why}; `portmatrix lab --port-offset 21000` moves the lab to \
            other ports"
    )]
    Port {
        /// The port.
        address: SocketAddr,
        /// Why, in words.
        why: String,
    },
    /// The port of the front cannot be opened.
    #[error("the lab's reverse proxy cannot open {address}: {error}")]
    Front {
        /// The port.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A certificate of the lab's own cannot be made or used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It cannot be trusted.
    #[error(transparent)]
    Roots(#[from] RootsError),
}
