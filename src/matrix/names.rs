//! Names that a file of port tables uses: what they refer to is declared somewhere in its product.

use crate::input::At;

/// What a name in a file refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A role.
    Role,
    /// A feature.
    Feature,
    /// A named port.
    Port,
    /// A named range.
    Range,
    /// An RPC interface.
    Interface,
}

impl Kind {
    /// In messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Role => "role",
            Kind::Feature => "feature",
            Kind::Port => "port",
            Kind::Range => "range",
            Kind::Interface => "interface",
        }
    }
}

/// A name that must be declared somewhere in the product.
#[derive(Debug, Clone)]
pub struct Use {
    /// What it refers to.
    pub kind: Kind,
    /// The name, and where it is used.
    pub name: At<String>,
}
