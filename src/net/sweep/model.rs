//! What is asked of a sweep, and what it tells.

use crate::observation::Icmp;
use crate::reason::Reason;
use jiff::Timestamp;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What became of one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An answer came, and the speaker made this of it.
    Answered(u8),
    /// The connection opened, and then nothing came.
    Mute,
    /// The connection opened, and was closed or reset before an answer.
    Closed,
    /// It did not open, for this reason: refused, timed out, an ICMP message, or a fault of this
    /// machine.
    Failed(Reason),
}

/// The packets of one try, for the log of a firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// Where it came from; absent when the system gave no address.
    pub source: Option<SocketAddr>,
    /// When its SYN was sent.
    pub sent_at: Timestamp,
    /// The ICMP message that ended it.
    pub icmp: Option<Icmp>,
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// What became of the port.
    pub fate: Fate,
    /// When the connection was begun.
    pub begun: Instant,
    /// Its packets, where it was not answered.
    pub packets: Option<Try>,
}

/// What is said on each connection, and what an answer means.
pub trait Speaker {
    /// Writes what to say on the connection to a port; `out` is empty.
    fn say(&mut self, port: u16, out: &mut Vec<u8>);

    /// What the octets mean that came so far; `None` while they are not enough.
    fn hear(&mut self, port: u16, octets: &[u8]) -> Option<u8>;
}

/// Where the ports are, and how long each may take.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// The address.
    pub address: IpAddr,
    /// Address to connect from, where one is fixed.
    pub source: Option<IpAddr>,
    /// For the answer to a SYN. Below a second the system sends no second SYN by itself.
    pub connect: Duration,
    /// For the answer to what is said.
    pub answer: Duration,
    /// Least time between the beginnings of two connections: to see how ports stand one after the
    /// other, and not all at once.
    pub gap: Duration,
    /// Connections under way at most once somebody answers: more would only wait for each other at
    /// the other end.
    pub most: usize,
}

/// Counts of one sweep.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Shortest time of a handshake.
    pub fastest: Option<Duration>,
    /// Most connections under way at a time.
    pub window: usize,
}
