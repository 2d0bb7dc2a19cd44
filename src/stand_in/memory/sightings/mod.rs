//! What came to this host lately, by where it came from and where it arrived: the memory from which
//! "did you see me on port N?" is answered.

use super::answered::Answered;
use super::requests::Requests;
use crate::lock::lock;
use crate::net::half_open::{self, Ends, Stands, Table};
use crate::net::host::this_host;
use crate::net::{clock, random};
use crate::wire::hex::hex;
use crate::wire::ports;
use crate::wire::question::{AddressTag, Question, address_tag};
use crate::wire::sighting::{Counters, Doubt, Seen, Sighting, tag_of_words};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

/// Connections remembered; the oldest go first.
const MAX_ENTRIES: usize = 8192;
/// With more own ports than this, who listens is read only once in so many readings: it would cost
/// more than everything else here.
pub(crate) const MANY: usize = 1024;
/// What is noted of one port of the other end later than this is another connection.
const ANOTHER: SignedDuration = SignedDuration::from_secs(3);
/// For how long after it turned a connection away a listener does not say that it would have
/// answered.
const LATELY: SignedDuration = SignedDuration::from_secs(60);
/// Longest words about the listener's ports, in characters.
const MAX_WORDS: usize = 512;
/// How much earlier than the attempt a connection may seem to have come: a question is longer on
/// its way than a SYN was.
const SLACK: SignedDuration = SignedDuration::from_secs(2);
/// The same for what came from elsewhere, which is a reason for doubt only where it came at that
/// time.
const SHORTLY: SignedDuration = SignedDuration::from_millis(150);
/// A connection that is half open for longer than this has lost its answer, and that answer's first
/// repetition.
const LASTING: SignedDuration = SignedDuration::from_secs(1);
/// How much later than the attempt the listener may seem to have begun, for the same reason, and
/// the attempt still came too early for it.
const LITTLE: SignedDuration = SignedDuration::from_millis(20);

/// A SYN that was answered, and whose connection never opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HalfOpen {
    /// When it was first seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Own address and port.
    #[schemars(with = "String")]
    pub local: SocketAddr,
    /// The other end's, after any NAT.
    #[schemars(with = "String")]
    pub peer: SocketAddr,
}

/// Answers of one connection that are remembered: a greeting has fewer.
const MAX_ANSWERS: usize = 6;

/// Shared by all ports of a listener.
#[derive(Debug, Default)]
pub struct Sightings {
    inner: Mutex<Inner>,
    /// Challenges that were answered.
    pub answered: Answered,
    /// Requests of hops.
    pub requests: Requests,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the other end's address and port, then the own ones.
    entries: BTreeMap<Key, Entry>,
    /// The same keys in the order in which they came.
    order: VecDeque<Key>,
    /// When the listener began, and what tells this run of it from all others.
    began: Option<Timestamp>,
    instance: String,
    /// Since when everything that came is remembered, where some had to go.
    whole_since: Option<Timestamp>,
    /// The listener's own ports; on all addresses where the address is none.
    own: BTreeSet<SocketAddr>,
    /// Where somebody listens on this host, as it was last seen.
    listening: BTreeSet<SocketAddr>,
    /// Of these, where as many wait as may.
    full: BTreeSet<SocketAddr>,
    /// What the system has counted, and when it was last seen to have grown.
    counters: Option<Counters>,
    gone_at: Option<Timestamp>,
}

/// Where a connection came from, and where it arrived.
type Key = (SocketAddr, SocketAddr);

#[derive(Debug, Clone)]
struct Entry {
    /// First and last time that it was noted.
    at: Timestamp,
    last: Timestamp,
    state: Seen,
    /// What had been read each time that it was answered.
    answered: Vec<String>,
}

impl Entry {
    /// Whether it was seen for so long that it is no handshake under way.
    fn is_lasting(&self) -> bool {
        self.last.duration_since(self.at) >= LASTING
    }
}

/// Without the form of IPv4 addresses inside IPv6.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A question with its addresses: those of the connection on which it came, unless it names others.
struct Sought {
    port: u16,
    source_port: u16,
    source: Named,
    destination: Named,
    since: Timestamp,
}

/// An address that is known, or a tag of one.
#[derive(Clone, Copy)]
enum Named {
    Is(IpAddr),
    Tag(AddressTag),
}

impl Named {
    fn of(tag: AddressTag, this: IpAddr) -> Self {
        if tag == AddressTag::default() { Named::Is(this.to_canonical()) } else { Named::Tag(tag) }
    }

    fn is(self, address: IpAddr) -> bool {
        match self {
            Named::Is(own) => own == address,
            Named::Tag(tag) => tag == address_tag(address),
        }
    }
}

impl Sightings {
    /// The listener begins: its ports are open from now on.
    pub fn begin(&self, own: BTreeSet<SocketAddr>, now: Timestamp) {
        let mut inner = lock(&self.inner);
        if inner.began.is_none() {
            inner.began = Some(now);
            inner.instance = hex(&random::<8>());
        }
        inner.own.extend(own.into_iter().map(plain));
    }

    /// When it began, and what tells this run of it from all others.
    pub fn instance(&self) -> (Option<Timestamp>, String) {
        let inner = lock(&self.inner);
        (inner.began, inner.instance.clone())
    }

    /// How many ports are its own.
    pub(crate) fn own_ports(&self) -> usize {
        lock(&self.inner).own.len()
    }

    /// The listener's own ports, where the system's table cannot be read: nothing else is known to
    /// be listened on.
    pub(crate) fn own_alone(&self) -> BTreeSet<SocketAddr> {
        lock(&self.inner).own.clone()
    }

    /// Notes how far a connection came. What came further before stays so.
    pub fn note(&self, peer: SocketAddr, local: SocketAddr, state: Seen, now: Timestamp) {
        let mut inner = lock(&self.inner);
        let key = (plain(peer), plain(local));
        match inner.entries.get_mut(&key) {
            Some(entry) if now.duration_since(entry.last) <= ANOTHER => {
                entry.state = entry.state.max(state);
                entry.last = now;
            }
            Some(entry) => *entry = Entry { at: now, last: now, state, answered: Vec::new() },
            None => {
                if inner.order.len() >= MAX_ENTRIES
                    && let Some(oldest) = inner.order.pop_front()
                    && let Some(gone) = inner.entries.remove(&oldest)
                {
                    // Of that time "nothing came" cannot be said any more.
                    inner.whole_since = inner.whole_since.max(Some(gone.last));
                }
                inner.order.push_back(key);
                inner
                    .entries
                    .insert(key, Entry { at: now, last: now, state, answered: Vec::new() });
            }
        }
    }

    /// The listener said something on a connection, on which it had read these octets.
    pub fn answered_to(&self, peer: SocketAddr, local: SocketAddr, heard: &[u8]) {
        let mut inner = lock(&self.inner);
        if let Some(entry) = inner.entries.get_mut(&(plain(peer), plain(local)))
            && entry.answered.len() < MAX_ANSWERS
        {
            entry.answered.push(tag_of_words(heard));
        }
    }

    /// A connection that was let in had to go for another one: whoever asks about it learns that it
    /// was turned away, as he would have been at the door.
    pub fn gave_way(&self, peer: SocketAddr, local: SocketAddr) {
        let mut inner = lock(&self.inner);
        if let Some(entry) = inner.entries.get_mut(&(plain(peer), plain(local)))
            && entry.state == Seen::Opened
        {
            entry.state = Seen::TurnedAway;
        }
    }

    /// A connection of a sweep opened. Sweeps are counted elsewhere, and would push everything else
    /// out; but this one is not half open any more.
    pub fn opened_of_sweep(&self, peer: SocketAddr, port: u16) {
        let mut inner = lock(&self.inner);
        let peer = plain(peer);
        let all = (peer, SocketAddr::new([0, 0, 0, 0].into(), 0))
            ..=(peer, SocketAddr::new([u16::MAX; 8].into(), u16::MAX));
        for (_, entry) in
            inner.entries.range_mut(all).filter(|((_, local), _)| local.port() == port)
        {
            entry.state = entry.state.max(Seen::Opened);
        }
    }

    /// Takes in one reading of the kernel's table. What is half open is remembered on other
    /// programs' ports too: the way back may be shut to the real service as well.
    pub fn take_in(&self, table: Table, now: Timestamp) {
        for (local, peer) in table.half_open {
            self.note(peer, local, Seen::HalfOpen, now);
        }
        let mut inner = lock(&self.inner);
        if let Some(listening) = table.listening {
            inner.listening = listening;
            inner.full = table.full;
        }
        let gone = |counters: Counters| counters.reset + counters.dropped + counters.cookies;
        if let (Some(before), Some(counters)) = (inner.counters, table.counters)
            && gone(counters) > gone(before)
        {
            inner.gone_at = Some(now);
        }
        inner.counters = table.counters;
    }

    /// Who listens, read once more before a question is answered, where that costs little.
    pub fn refresh(&self) {
        if self.own_ports() <= MANY
            && let Ok(table) = half_open::table(true)
        {
            self.take_in(Table { half_open: Vec::new(), ..table }, clock::steady());
        }
    }

    /// Answers a question of whoever asks from this address, at this one of the host's own. Only a
    /// connection from the very port that is asked about counts, only one that arrived at the very
    /// address and port, and only one that came at that time or later: ports come back, and another
    /// connection would tell another story. Where one from that port arrived elsewhere on this
    /// host, that is told beside it.
    pub fn answer(
        &self,
        asker: IpAddr,
        own: IpAddr,
        question: &Question,
        now: Timestamp,
    ) -> Sighting {
        let mut answer = Sighting::of(Seen::Nothing);
        let host = match Named::of(question.destination, own) {
            Named::Is(_) => Vec::new(),
            Named::Tag(_) => this_host().addresses,
        };
        let inner = lock(&self.inner);
        let sought = Sought {
            port: question.port,
            source_port: question.source_port,
            source: Named::of(question.source, asker),
            destination: Named::of(question.destination, own),
            since: now - SignedDuration::from_millis(question.age_ms.into()),
        };
        answer.counters = inner.counters;
        let Some(here) = inner.socket(&sought, own.to_canonical(), &host) else {
            // Nobody here knows that address: it is another host's, or it is changed on the way.
            return Sighting { state: Seen::Unknown, doubt: Some(Doubt::OthersCame), ..answer };
        };
        answer.listening = half_open::is_listened_on(&inner.listening, here);
        answer.own = half_open::is_listened_on(&inner.own, here);
        let (found, elsewhere) = inner.find(&sought, here);
        answer.elsewhere = elsewhere;
        // The kernel is asked without the lock, which each connection takes that is accepted.
        drop(inner);
        // Of thousands at once the table tells some; the one that is asked about is looked for by
        // itself.
        let there = match (&found, sought.source) {
            (None, Named::Is(address)) if sought.source_port != 0 => {
                Some(SocketAddr::new(address, sought.source_port))
            }
            _ => None,
        };
        let stands = there.and_then(|there| half_open::connection(here, there));
        answer.connections = half_open::count(Ends::Port(here.port()));
        if !answer.own {
            answer.in_table = stands.and_then(|stands| match stands {
                Stands::HalfOpen | Stands::Opened => Some(true),
                // At another port of this host it arrived all the same; and what this host leads on
                // itself is in none of its tables.
                Stands::Absent
                    if there
                        .is_some_and(|there| half_open::count(Ends::Peer(there)) != Some(0)) =>
                {
                    None
                }
                Stands::Absent => {
                    (answer.listening && !half_open::is_led_on(here)).then_some(false)
                }
            });
        }
        if stands == Some(Stands::HalfOpen) {
            return Sighting {
                state: Seen::HalfOpen,
                peer: there,
                local: Some(here),
                at: Some(now),
                ..answer
            };
        }
        match found {
            Some((peer, entry)) => Sighting {
                state: entry.state,
                peer: Some(peer),
                local: Some(here),
                at: Some(entry.at),
                answered: entry.answered,
                ..answer
            },
            None => {
                let is_others = answer.listening && !answer.own;
                match lock(&self.inner).doubt(&sought, here, is_others) {
                    Some(doubt) => Sighting { state: Seen::Unknown, doubt: Some(doubt), ..answer },
                    None => answer,
                }
            }
        }
    }

    /// The ports that the listener has at one of its host's addresses, as words for a proof: on
    /// these it would answer. None while it turns connections away.
    pub fn would_answer_on(&self, own: IpAddr, now: Timestamp) -> String {
        let inner = lock(&self.inner);
        let lately = |entry: &Entry| now.duration_since(entry.last) <= LATELY;
        if inner.entries.values().any(|e| e.state == Seen::TurnedAway && lately(e)) {
            return String::new();
        }
        let own = own.to_canonical();
        let mut held: Vec<u16> = inner
            .own
            .iter()
            .filter(|socket| {
                socket.ip() == own
                    || half_open::is_listened_on(
                        &[**socket].into(),
                        SocketAddr::new(own, socket.port()),
                    )
            })
            .map(SocketAddr::port)
            .collect();
        held.sort_unstable();
        held.dedup();
        Some(ports::text(held)).filter(|words| words.len() <= MAX_WORDS).unwrap_or_default()
    }

    /// The connections to the listener's own ports that stayed half open, in the order in which
    /// they came.
    pub fn half_open(&self) -> Vec<HalfOpen> {
        let inner = lock(&self.inner);
        let found =
            inner.order.iter().filter_map(|key| Some((key, inner.entries.get(key)?))).filter(
                |((_, local), e)| {
                    e.state == Seen::HalfOpen && half_open::is_listened_on(&inner.own, *local)
                },
            );
        found.map(|((peer, local), e)| HalfOpen { at: e.at, local: *local, peer: *peer }).collect()
    }
}

impl Inner {
    /// The own address and port that a question is about; `None` where the address is none that
    /// anybody here listens on or anything came to.
    fn socket(&self, sought: &Sought, own: IpAddr, host: &[IpAddr]) -> Option<SocketAddr> {
        match sought.destination {
            Named::Is(address) => Some(SocketAddr::new(address, sought.port)),
            named @ Named::Tag(_) if named.is(own) => Some(SocketAddr::new(own, sought.port)),
            named @ Named::Tag(_) => {
                let known = self.entries.keys().map(|(_, local)| local.ip());
                let listened = self.own.iter().map(SocketAddr::ip);
                host.iter()
                    .copied()
                    .chain(listened)
                    .chain(known)
                    .find(|a| named.is(*a))
                    .map(|a| SocketAddr::new(a.to_canonical(), sought.port))
            }
        }
    }

    /// The connection that is asked about, and where else on this host one from the same address
    /// and port arrived.
    fn find(
        &self,
        sought: &Sought,
        here: SocketAddr,
    ) -> (Option<(SocketAddr, Entry)>, Option<SocketAddr>) {
        let since = sought.since - SLACK;
        let from =
            |(peer, _): &Key| peer.port() == sought.source_port && sought.source.is(peer.ip());
        let mut found: Option<(SocketAddr, Entry)> = None;
        let mut elsewhere: Option<(SocketAddr, Timestamp)> = None;
        for ((peer, local), entry) in
            self.entries.iter().filter(|(key, entry)| entry.last >= since && from(key))
        {
            if *local == here {
                found = Some((*peer, entry.clone()));
            } else if entry.last >= sought.since - SHORTLY
                && elsewhere.is_none_or(|(_, at)| entry.at > at)
            {
                elsewhere = Some((*local, entry.at));
            }
        }
        (found, elsewhere.map(|(local, _)| local))
    }

    /// Why it cannot be said of one connection to this port, begun at this time, that it never
    /// came.
    fn doubt(&self, sought: &Sought, here: SocketAddr, another: bool) -> Option<Doubt> {
        if half_open::is_listened_on(&self.full, here) {
            return Some(Doubt::QueueFull);
        }
        let begins = |((_, local), e): (&Key, &Entry)| {
            *local == here && e.state == Seen::HalfOpen && e.at >= sought.since && e.is_lasting()
        };
        if self.entries.iter().any(begins) {
            return Some(Doubt::OthersBegan);
        }
        if another {
            return Some(Doubt::AnotherProgram);
        }
        if self.began.is_none_or(|began| began > sought.since + LITTLE) {
            return Some(Doubt::BeganLater);
        }
        if self.whole_since.is_some_and(|whole| whole > sought.since) {
            return Some(Doubt::NotRemembered);
        }
        let since = sought.since - SHORTLY;
        if self.gone_at.is_some_and(|at| at >= since) {
            return Some(Doubt::GoneAtOnce);
        }
        // Whoever has shown the key is no connection that is missed: its own end knows that it was
        // answered.
        let came = |(_, local): &Key, entry: &Entry| {
            *local == here && entry.last >= since && entry.state != Seen::Proved
        };
        self.entries.iter().any(|(key, entry)| came(key, entry)).then_some(Doubt::OthersCame)
    }
}

#[cfg(test)]
mod tests;
