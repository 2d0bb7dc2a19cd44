//! What a climb is given: the tools of the run, and its target.

use crate::net::sweep::Allowance;
use crate::net::tls::Trust;
use crate::plan::model::Hop;
use crate::site::model::Host;
use crate::wire::challenge::SiteKey;
use crate::wire::question;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What every probe of a run shares.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The site key; without one nothing is proved.
    pub key: Option<SiteKey>,
    /// How certificates are judged.
    pub trust: Trust,
    /// Deadline of a TCP handshake, with all its attempts.
    pub connect_deadline: Duration,
    /// How many more attempts are made where nothing comes back.
    pub retries: u32,
    /// Deadline of each other step.
    pub step_deadline: Duration,
    /// How long a proved connection is left quiet before it is used again; not at all without it.
    pub idle: Option<Duration>,
    /// How dynamic ranges are swept.
    pub range: RangeMode,
    /// What all sweeps of the run may take together.
    pub allowance: Arc<Allowance>,
}

/// How dynamic ranges are swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RangeMode {
    /// Where a listener proved itself: a sample and its edges, then every port, unless the whole
    /// sample was silent.
    #[default]
    Stages,
    /// Every port, whoever is there.
    Exact,
    /// A sample and its edges, whoever is there.
    Sample,
    /// Not at all.
    Never,
}

/// One hop with everything that had to be found out before it can be probed.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The hop.
    pub hop: &'a Hop,
    /// Address to connect to.
    pub address: IpAddr,
    /// Name for SNI, certificate check and `Host` header: the host's name, or its address.
    pub server_name: String,
    /// Address to connect from, where the From host fixes one that this machine has.
    pub source: Option<IpAddr>,
    /// Places for connections to this address, shared by all hops to it; without one there are as
    /// many as one likes.
    pub places: Option<Arc<Semaphore>>,
    /// What the listener is asked about another hop, in every challenge.
    pub question: Option<question::Asked>,
    /// Connections on which both ends send small packets only, where the system can make such
    /// (Linux).
    pub small_segments: bool,
}

impl<'a> Target<'a> {
    /// A hop at one of its addresses, with as many connections as one likes and no question.
    pub fn new(hop: &'a Hop, address: IpAddr, source: Option<IpAddr>) -> Self {
        let server_name = match &hop.to.host {
            Host::Named { name, .. } => name.clone(),
            _ => address.to_string(),
        };
        Target {
            hop,
            address,
            server_name,
            source,
            places: None,
            question: None,
            small_segments: false,
        }
    }
}

/// Without the form of IPv4 addresses inside IPv6.
pub fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
