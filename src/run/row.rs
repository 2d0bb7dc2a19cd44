//! A row that must be shut and looks so, and what shows that its two hosts reach each other.

use crate::verdict::{Again, Reached, Still};
use std::net::{IpAddr, SocketAddr};

/// One deny hop that looks shut.
pub(super) struct Row {
    pub place: usize,
    /// Whether its port took the connection and then dropped it.
    pub opened: bool,
    pub reached: Reached,
    /// By what it is controlled.
    pub control: Option<Open>,
    /// Whether the host proved itself there.
    pub proved: bool,
    /// What else the site file declares to be open there.
    pub others: Vec<Open>,
    pub lossy: bool,
    pub again: Option<Again>,
    pub after: Option<Still>,
}

/// What shows that two hosts reach each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Open {
    /// A hop that passed, by its place.
    Hop(usize),
    /// A port that the site file declares to be open.
    Declared(SocketAddr, Option<IpAddr>),
}
