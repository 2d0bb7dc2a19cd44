//! A whole dynamic range: every port of it greets a sweep of the site's own connector with a stamp
//! in the answer to its bind. Whoever wants more than that, or is a stranger, is served as on any
//! other port of an interface.

use crate::listen::crowd::{self, Admission, Crowd, Ticket};
use crate::listen::gate::Gate;
use crate::listen::server::Arrived;
use crate::net::clock;
use crate::net::many_listeners::{Entry, Greeter, Greeting};
use crate::protocol::rpc::codec::{BindAck, Body, ContextResult, MAX_FRAG, MIN_FRAG, Pdu, Syntax};
use crate::protocol::rpc::stand_in::conversation::stamp;
use crate::stand_in::StandIn;
use crate::stand_in::memory::journal::Journal;
use crate::wire::sighting::Seen::Opened;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections held for a greeting at a time: a sweep closes each as soon as it has its answer.
const MAX_HELD: usize = 2048;
/// Peers that have shown the key, of which that is remembered, and for how long: a sweep shows it
/// with every port.
const MAX_KNOWN: usize = 256;
const LATELY: Duration = Duration::from_secs(10);
/// Octets of a header that say how long the whole is.
const HEADER: usize = 10;

/// Greets on all ports of a range.
pub struct RangeGreeter {
    pub(crate) here: Arc<StandIn>,
    pub(crate) interfaces: Vec<Syntax>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) runtime: Handle,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// The address that stands for the whole range in the journal.
    pub(crate) endpoint: SocketAddr,
    /// Who is held for a greeting.
    pub(crate) held: Held,
}

/// The connections that are held for a greeting, by their places. When all are taken, of the peer
/// that has the most the oldest goes: who half opens thousands shuts nobody out.
///
/// A peer that has lately shown the key may have half of all places for connections that have not
/// yet: a sweep has hundreds under way at a time, and would else be the one that has the most.
pub struct Held {
    crowd: Crowd<usize>,
    tickets: HashMap<usize, Ticket>,
    trusted: usize,
    /// Peers that have shown the key, and when at last.
    known: HashMap<IpAddr, Instant>,
}

impl Held {
    /// At most so many, where this process has so many descriptors left.
    pub fn within(descriptors: usize) -> Self {
        let most = descriptors.clamp(16, MAX_HELD);
        Held {
            crowd: Crowd::new(most, most),
            tickets: HashMap::new(),
            trusted: most / 2,
            known: HashMap::new(),
        }
    }

    /// This peer showed the key just now.
    fn showed_key(&mut self, peer: IpAddr, now: Instant) {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&peer) {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at).map(|(peer, _)| *peer);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.known.insert(peer, now);
    }

    fn admit(&mut self, peer: IpAddr, place: usize, now: Instant) -> Entry {
        let (ticket, entry) = match self.crowd.admit(peer, place) {
            Admission::In(ticket) => (ticket, Entry::In),
            Admission::Instead(ticket, gone) => {
                self.tickets.remove(&gone);
                (ticket, Entry::Instead(gone))
            }
            Admission::Full => return Entry::No,
        };
        let peer = crowd::peer_of(peer);
        if self.known.get(&peer).is_some_and(|at| now.saturating_duration_since(*at) < LATELY) {
            self.crowd.trust(ticket, self.trusted);
        }
        self.tickets.insert(place, ticket);
        entry
    }

    fn gone(&mut self, place: usize) {
        if let Some(ticket) = self.tickets.remove(&place) {
            self.crowd.leave(ticket);
        }
    }
}

impl RangeGreeter {
    fn answer(&self, port: u16, peer: SocketAddr, pdu: &Pdu, out: &mut Vec<u8>) -> Option<()> {
        let Body::Bind(bind) = &pdu.body else { return None };
        if pdu.minor != 0 || pdu.auth.is_some() {
            return None;
        }
        let mut stamped = false;
        let results = bind
            .contexts
            .iter()
            .map(|context| match stamp(&self.here, context, port, peer.ip()) {
                Some(result) => {
                    stamped = true;
                    result
                }
                None if self.interfaces.iter().any(|own| own.serves(&context.interface)) => {
                    ContextResult::accepted(Syntax::NDR32)
                }
                None => ContextResult::rejected(1),
            })
            .collect();
        stamped.then_some(())?;
        self.here.sightings.opened_of_sweep(peer, port);
        let ack = BindAck {
            max_xmit: bind.max_recv.clamp(MIN_FRAG, MAX_FRAG),
            max_recv: bind.max_xmit.clamp(MIN_FRAG, MAX_FRAG),
            assoc_group: 0x5000_0000 | u32::from(port),
            sec_addr: port.to_string(),
            results,
        };
        *out = Pdu::new(pdu.call_id, Body::BindAck(ack)).encode(MAX_FRAG);
        Some(())
    }
}

impl Greeter for RangeGreeter {
    fn admit(&mut self, peer: SocketAddr, place: usize) -> Entry {
        if !self.gate.allows(peer.ip()) {
            self.journal.turned_away(self.endpoint);
            return Entry::No;
        }
        self.held.admit(peer.ip(), place, clock::instant())
    }

    fn greet(&mut self, port: u16, peer: SocketAddr, octets: &[u8], out: &mut Vec<u8>) -> Greeting {
        // A bind begins so; its length stands in octets 8 and 9. Everything else is somebody else's
        // business.
        let begins = octets.iter().zip([5, 0, 11]).all(|(have, want)| *have == want);
        let length = octets.get(8..HEADER).map(|l| usize::from(u16::from_le_bytes([l[0], l[1]])));
        match length {
            _ if !begins => Greeting::HandOn,
            Some(length) if octets.len() < length && length <= usize::from(MAX_FRAG) => {
                Greeting::More
            }
            None => Greeting::More,
            Some(length) if octets.len() > length => Greeting::HandOn,
            Some(_) => {
                match Pdu::decode(octets).ok().and_then(|pdu| self.answer(port, peer, &pdu, out)) {
                    Some(()) => {
                        self.held.showed_key(crowd::peer_of(peer.ip()), clock::instant());
                        Greeting::Answer
                    }
                    None => Greeting::HandOn,
                }
            }
        }
    }

    fn hand_on(&mut self, port: u16, peer: SocketAddr, stream: std::net::TcpStream, head: Vec<u8>) {
        let endpoint = self.endpoint;
        let passed = self.gate.admit(peer.ip());
        let local = stream.local_addr().unwrap_or(SocketAddr::new(endpoint.ip(), port));
        self.here.sightings.note(
            peer,
            local,
            passed.as_ref().err().copied().unwrap_or(Opened),
            clock::steady(),
        );
        let Ok(pass) = passed else { return self.journal.turned_away(endpoint) };
        let _inside = self.runtime.enter();
        let Ok(stream) = TcpStream::try_from(stream) else { return };
        let endpoint = SocketAddr::new(endpoint.ip(), port);
        let arrived = Arrived { stream, head, peer, endpoint };
        self.tracker.spawn_on(
            arrived.serve(pass, self.here.clone(), self.journal.clone(), self.stop.clone()),
            &self.runtime,
        );
    }

    fn gone(&mut self, place: usize) {
        self.held.gone(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_half_opens_most_gives_up_his_places() {
        let (mut held, now) = (Held::within(16), Instant::now());
        let (stranger, honest) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert!((0..16).all(|place| held.admit(stranger, place, now) == Entry::In));
        assert_eq!(held.admit(honest, 16, now), Entry::Instead(0));
        held.gone(16);
        assert_eq!(held.admit(honest, 0, now), Entry::In, "a place that came back");
        assert_eq!(held.admit(stranger, 16, now), Entry::Instead(1), "his own oldest");
        held.gone(1);
        assert_eq!(held.crowd.len(), 16, "one that had to go is counted once");
    }

    #[test]
    fn a_sweep_with_the_key_keeps_its_connections_beside_half_binds() {
        let (mut held, now) = (Held::within(100), Instant::now());
        let (stranger, honest) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        held.showed_key(honest, now);
        (0..50).for_each(|place| assert_eq!(held.admit(honest, place, now), Entry::In));
        (50..100).for_each(|place| assert_eq!(held.admit(stranger, place, now), Entry::In));
        for place in 100..300 {
            let Entry::Instead(gone) = held.admit(stranger, place, now) else { panic!("{place}") };
            assert!(gone >= 50, "{gone}");
        }
        // What is more than half is no better than others' are, nor what comes much later.
        assert_eq!(held.admit(honest, 300, now), Entry::Instead(250));
        assert_eq!(held.crowd.len(), 100);
        (0..2000_u32).for_each(|n| held.showed_key(std::net::Ipv4Addr::from(n).into(), now));
        assert_eq!(held.known.len(), MAX_KNOWN);
        let (mut held, later) = (Held::within(16), now + 2 * LATELY);
        held.showed_key(honest, now);
        (0..16).for_each(|place| assert_eq!(held.admit(honest, place, later), Entry::In));
        assert_eq!(held.admit(stranger, 16, later), Entry::Instead(0));
    }
}
