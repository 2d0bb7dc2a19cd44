//! What the rest of a run tells about one hop: of its host, by the hops that reached it, and of
//! this machine.

use crate::reason::Reason;
use crate::wire::sighting::Arrived;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What is known of a hop beside what its own probe saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Known {
    /// Of requests of this hop, what the listener knows that they go to in the end.
    pub arrived: Option<Arrived>,
    /// The site's own listener proved itself at this very address, and holds the hop's port there:
    /// it would have answered.
    pub listener_holds: bool,
    /// Whether the kernel of the host had a connection to the hop's port while it was open here, as
    /// the listener beside the service says.
    pub at_host: Option<bool>,
    /// Where a proof of this hop came from, and where the listener is that has the address: two
    /// listeners with one name and one key.
    #[schemars(with = "Option<String>")]
    pub clone_at: Option<SocketAddr>,
    /// Where a proof of this hop came from, and the host to which the site gives that address and
    /// whose own listener there is another one.
    #[schemars(with = "Option<(String, String)>")]
    pub at_other_host: Option<(SocketAddr, String)>,
    /// What became of the listener while the run was under way.
    pub listener: Option<Change>,
    /// What another hop showed to be wrong with the host at this address, and its flow.
    pub stranger: Option<(Reason, String)>,
    /// This machine's own rules refuse the hop's packets.
    pub refused_here: bool,
    /// They refuse those of other hops, and nobody has looked whether this one's.
    pub perhaps_refused_here: bool,
    /// What more attempts to the port brought about at the other end's kernel.
    pub shots: Option<Shots>,
    /// Of connections to the port from as many source ports, how many opened.
    pub spread: Option<Spread>,
    /// Of connections to the port from as many source ports, how many were answered; where some
    /// opened and heard nothing, be it the first or one after it.
    pub answered: Option<Spread>,
    /// Of connections that were open to the port at the same time, how many the way took; where it
    /// takes only so many.
    pub limit: Option<Spread>,
    /// How somebody ended a connection to a row on which nothing is to be said to a real service,
    /// once the challenge was said there: the site's listener has the port, and would have
    /// answered.
    pub cut_off: Option<Reason>,
    /// A way to the same address that worked in this run worked no more at its end.
    pub shut_out: bool,
    /// Seconds by which the host's clock is ahead, by its own word on another hop.
    pub host_clock: Option<i64>,
}

/// What became of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It proved itself, and does not listen any more.
    Ended,
    /// It began only after the hop was tried.
    Began,
}

/// What the other end's kernel counted while more attempts were made: the connection that is asked
/// for is there for no time at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shots {
    /// Each was reset while it was half open.
    Reset,
    /// Each was ended by an ICMP message about its answer.
    ReplyRefused,
    /// Each was answered with a cookie, and the answer never taken up.
    ReplyLost,
    /// Each found a full queue.
    QueueFull,
    /// None was counted: they never arrived.
    NoneArrived,
}

/// Connections from several source ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PortSpread")]
pub struct Spread {
    /// How many opened, or were answered.
    pub opened: u32,
    /// Of how many.
    pub of: u32,
}
