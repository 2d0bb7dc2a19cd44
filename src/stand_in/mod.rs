//! What all stand-ins of a listener share: who they are, and how they answer a challenge.

pub mod memory;
pub mod patience;
pub(crate) mod replayed;
pub mod standing;
pub(crate) mod tls;

use crate::matrix::model::{Interface, Protocol};
use crate::net::clock;
use crate::protocol::greeting::list::Greeting;
use crate::wire::challenge::{
    self, Aim, Challenge, Claims, Exporter, HttpSeen, Received, SiteKey, TlsSeen,
};
use crate::wire::hex::unhex;
use crate::wire::ports::Swept;
use crate::wire::question::Asked;
use crate::wire::sighting::Seen::Proved;
use crate::wire::sighting::Sighting;
use crate::wire::stamp::{self, STAMP_LEN, SWEEP_LEN};
use memory::receipts::{Receipts, SweepId};
use memory::sightings::Sightings;
use standing::Standing;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// How far the clock in a challenge may be from this host's, in seconds. A wrong time zone is at
/// most 26 hours.
const MAX_AGE_SECONDS: u64 = 27 * 3600;
/// The same for one that was sent to somebody else: it is told who is here only while it may be a
/// connection that was led astray, and no recording. So far apart may clocks be in a domain, too.
const MAX_AGE_ELSEWHERE: u64 = 300;
/// How long before a listener began a challenge may have been sent that makes its connection one of
/// the site's: as far as clocks may be apart in a domain.
const SLOW_CLOCK_SECONDS: i64 = 300;

/// One open port and what it stands in for.
pub struct StandIn {
    /// The site key; without one no challenge is understood.
    pub key: Option<SiteKey>,
    /// This host, as the site file names it.
    pub host: String,
    /// Other names of the site file for this machine whose hops lead to the same port.
    pub also: Vec<String>,
    /// Fronts that pass on to this port: challenges that were sent to them come here.
    pub fronts: Vec<(String, u16)>,
    /// What the port speaks. HTTP and gRPC flows of one port are served together.
    pub protocol: Protocol,
    /// HTTP: the paths that the plan's flows ask for. Everything else is 404.
    pub paths: Vec<String>,
    /// RPC, on the mapper's port: each interface of the plan with the port where it is served. On
    /// an interface's own port: that one alone.
    pub interfaces: Vec<(Interface, u16)>,
    /// RPC: whether this is the endpoint mapper's port.
    pub is_mapper: bool,
    /// TCP and TLS: the greeting that is answered, instead of first lines with challenges.
    pub greeting: Option<Greeting>,
    /// What came to this host lately.
    pub sightings: Arc<Sightings>,
    /// What sweeps came to this host.
    pub receipts: Arc<Receipts>,
    /// For TLS from the first octet, and for StartTLS; with the SHA-256 of the certificate and
    /// whether it is the listener's own.
    pub tls: Option<ServerTls>,
}

/// TLS of one open port.
#[derive(Clone)]
pub struct ServerTls {
    /// Shakes hands.
    pub acceptor: TlsAcceptor,
    /// SHA-256 of the certificate shown.
    pub certificate_sha256: Arc<str>,
    /// Whether the certificate was made for this run.
    pub own: bool,
}

/// One connection as the listener sees it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Own address and port.
    pub local: SocketAddr,
    /// The other end's, after any NAT.
    pub peer: SocketAddr,
    /// The version of the PROXY protocol whose header came first, where one did.
    pub proxy_protocol: Option<&'static str>,
    /// TLS, once it is up.
    pub tls: Option<TlsSeen>,
    /// Channel binding of that TLS session.
    pub exporter: Option<Exporter>,
    /// What it may do, by what it has shown.
    pub standing: Arc<Standing>,
}

impl Caller {
    /// A connection that was just accepted.
    pub fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Caller {
            local,
            peer,
            proxy_protocol: None,
            tls: None,
            exporter: None,
            standing: Standing::new(),
        }
    }

    /// The same connection once TLS is up.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsSeen, exporter: Option<Exporter>) -> Self {
        self.tls = Some(tls);
        self.exporter = exporter;
        self
    }
}

impl StandIn {
    /// For one port of a host, with nothing of what only some protocols have, and a memory of its
    /// own.
    pub fn new(host: &str, protocol: Protocol, key: Option<SiteKey>) -> Self {
        StandIn {
            key,
            host: host.to_owned(),
            also: Vec::new(),
            fronts: Vec::new(),
            protocol,
            paths: Vec::new(),
            interfaces: Vec::new(),
            is_mapper: false,
            greeting: None,
            sightings: Arc::default(),
            receipts: Arc::default(),
            tls: None,
        }
    }

    /// Whether these octets are a challenge made with the site key that may be answered on this
    /// connection.
    pub fn understands(&self, seen: &Caller, octets: &[u8]) -> bool {
        self.challenge(octets, seen.local.port())
            .is_some_and(|(challenge, _)| self.is_first(seen, &challenge))
    }

    /// A challenge of this site and of these days, and whether it was sent to this port. One that
    /// was recorded long ago opens no mouth any more; clocks may be hours apart all the same, which
    /// is for the connector to find.
    fn challenge(&self, octets: &[u8], port: u16) -> Option<(Challenge, bool)> {
        let key = self.key.as_ref()?;
        let received = Received::decode(key, octets)?;
        let names = self.also.iter().chain([&self.host]).map(|name| Aim::new(name, port));
        let fronts = self.fronts.iter().map(|(host, port)| Aim::new(host, *port));
        let is_for_here = names.chain(fronts).any(|aim| received.is_for(key, aim));
        let challenge = received.challenge;
        let age = clock::now().as_second().abs_diff(i64::from(challenge.sent()));
        let most = if is_for_here { MAX_AGE_SECONDS } else { MAX_AGE_ELSEWHERE };
        (age <= most).then_some((challenge, is_for_here))
    }

    fn is_first(&self, seen: &Caller, challenge: &Challenge) -> bool {
        let (nonce, sent) = (challenge.nonce(), challenge.sent());
        self.sightings.answered.may_be(nonce, sent, seen.standing.id())
    }

    /// The stamp for a challenge in octets on one of this host's ports, whose arrival is noted;
    /// `None` for anything that the site key did not make, was sent elsewhere, or came before.
    pub fn stamp(
        &self,
        octets: &[u8; challenge::CHALLENGE_LEN],
        port: u16,
        peer: IpAddr,
    ) -> Option<[u8; STAMP_LEN]> {
        let key = self.key.as_ref()?;
        let (challenge, is_for_here) = self.challenge(octets, port)?;
        (is_for_here && challenge.asks().is_none() && challenge.port_of_try() == port)
            .then_some(())?;
        self.receipts
            .note(sweep_of(&challenge), peer, port, challenge.number_of_try())
            .then(|| stamp::stamp(key, octets, challenge::stamp_name(&self.host, &self.also), port))
    }

    /// The proof for a challenge in octets; `None` for anything that the site key did not make, and
    /// for what was answered on another connection. To what was sent to somebody else it says who is
    /// here, and proves nothing.
    pub fn prove(&self, seen: &Caller, octets: &[u8], http: Option<HttpSeen>) -> Option<String> {
        let key = self.key.as_ref()?;
        let (challenge, is_for_here) = self.challenge(octets, seen.local.port())?;
        // Where nobody is at home for it, nobody is asked about others.
        let asked = challenge.asks();
        if (!is_for_here && asked.is_some()) || !self.is_first(seen, &challenge) {
            return None;
        }
        // The clock may be set at any time: what is remembered goes by another one.
        let (wall, now) = (clock::now(), clock::steady());
        // Before anything is answered: this connection is no stranger's.
        if is_for_here {
            self.sightings.note(seen.peer, seen.local, Proved, now);
        }
        let (started, instance) = self.sightings.instance();
        let sighting = match &asked {
            Some(Asked::Connection(question)) => {
                self.sightings.refresh();
                let sighting =
                    self.sightings.answer(seen.peer.ip(), seen.local.ip(), question, now);
                Some(Sighting {
                    at: sighting.at.map(|at| wall - now.duration_since(at)),
                    ..sighting
                })
            }
            _ => None,
        };
        let arrived = match &asked {
            Some(Asked::Hop(question)) => {
                Some(self.sightings.requests.answer(question, started, now))
            }
            _ => None,
        };
        let swept = || {
            Swept::of(
                &self.receipts.ports(sweep_of(&challenge)),
                &self.receipts.taken(),
                &self.receipts.holders(),
            )
        };
        let claims = Claims {
            nonce: String::new(),
            hop: String::new(),
            misdirected: !is_for_here,
            host: self.host.clone(),
            also: self.also.clone(),
            local: seen.local,
            peer: seen.peer,
            tls: seen.tls.clone(),
            http,
            proxy_protocol: seen.proxy_protocol.map(str::to_owned),
            now: wall,
            sighting,
            arrived,
            swept: (asked == Some(Asked::Sweep)).then(swept),
            ports: match is_for_here {
                true => self.sightings.would_answer_on(seen.local.ip(), now),
                false => String::new(),
            },
            instance,
            started: started.map(|began| wall - now.duration_since(began)),
        };
        if let Some(hop) = challenge.hop() {
            // What was sent to somebody else came, and is no proof: whoever led it here would
            // otherwise be believed for having taken the answer away.
            match is_for_here {
                true => self.sightings.requests.proved(hop, now),
                false => self.sightings.requests.led_here(hop, now),
            }
        }
        // What was sent before this listener began may be a recording, answered by the one before it:
        // the connection stays a stranger's, and pushes nobody out.
        let began = started.map(|began| (wall - now.duration_since(began)).as_second());
        let is_of_this_run =
            began.is_none_or(|began| i64::from(challenge.sent()) >= began - SLOW_CLOCK_SECONDS);
        if is_for_here && is_of_this_run {
            seen.standing.prove();
        }
        Some(challenge::prove(key, &challenge, claims, seen.exporter.as_ref()))
    }

    /// The proof for a challenge in text.
    pub fn prove_text(&self, seen: &Caller, text: &str, http: Option<HttpSeen>) -> Option<String> {
        self.prove(seen, &unhex(text)?, http)
    }
}

fn sweep_of(challenge: &Challenge) -> SweepId {
    let mut own = [0; SWEEP_LEN];
    own.copy_from_slice(&challenge.nonce()[..SWEEP_LEN]);
    (challenge.sent(), own)
}
