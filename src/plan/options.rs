//! What a protocol needs beyond a port.

use crate::matrix::model::Interface;
use crate::matrix::port_set::PortSet;
use crate::protocol::greeting::list::Greeting;

/// Of each protocol only what it has: no row of HTTP has interfaces.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Options {
    /// Nothing.
    #[default]
    None,
    /// Plain TCP and TLS.
    Raw {
        /// See [`crate::matrix::model::Flow::first_bytes`].
        first_bytes: bool,
        /// See [`crate::matrix::model::Flow::greeting`].
        greeting: Option<Greeting>,
    },
    /// HTTP and gRPC.
    Web {
        /// HTTP path, or path of the gRPC endpoint.
        path: Option<String>,
    },
    /// LDAP.
    Ldap {
        /// Climb the StartTLS step as well.
        starttls: bool,
    },
    /// RPC.
    Rpc {
        /// Interfaces needed.
        interfaces: Vec<Interface>,
        /// Dynamic range, after overrides and offset.
        range: Option<PortSet>,
    },
}

impl Options {
    /// HTTP path, or path of the gRPC endpoint.
    pub fn path(&self) -> Option<&str> {
        match self {
            Options::Web { path } => path.as_deref(),
            _ => None,
        }
    }

    /// LDAP: climb the StartTLS step as well.
    pub fn starttls(&self) -> bool {
        matches!(self, Options::Ldap { starttls: true })
    }

    /// RPC interfaces needed.
    pub fn interfaces(&self) -> &[Interface] {
        match self {
            Options::Rpc { interfaces, .. } => interfaces,
            _ => &[],
        }
    }

    /// RPC dynamic range, after overrides and offset.
    pub fn range(&self) -> Option<&PortSet> {
        match self {
            Options::Rpc { range, .. } => range.as_ref(),
            _ => None,
        }
    }

    /// Whether a stranger's first octets may be sent.
    pub fn first_bytes(&self) -> bool {
        matches!(self, Options::Raw { first_bytes: true, .. })
    }

    /// The greeting by which the service is recognised.
    pub fn greeting(&self) -> Option<Greeting> {
        match self {
            Options::Raw { greeting, .. } => *greeting,
            _ => None,
        }
    }
}
