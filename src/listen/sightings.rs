//! What came to this host lately, by where it came from: the memory from which "did you see me on port N?" is answered.

use super::nonces::Nonces;
use crate::net::clock;
use crate::net::half_open::{self, Table};
use crate::proto::challenge::Question;
use crate::proto::ports;
use crate::proto::sighting::{Doubt, Seen, Sighting};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Connections remembered; the oldest go first.
const MAX_ENTRIES: usize = 8192;
/// How often the kernel's table is read. A half-open connection stays in it for seconds, however the handshake ends.
const EVERY: Duration = Duration::from_millis(200);
/// With more own ports than this, who listens is read only once in so many readings: it would cost more than everything else here.
const MANY: usize = 1024;
const LISTENING_EVERY: u64 = 10;
/// While no TCP segment comes to this host, the table is read only once in so many times: for who listens, which changes without any.
const QUIET_EVERY: u64 = 25;
/// What is noted of one port of the other end later than this is another connection, in seconds.
const ANOTHER: i64 = 3;
/// For how long after it turned a connection away a listener does not say that it would have answered, in seconds.
const LATELY: i64 = 60;
/// Longest words about the listener's ports, in characters.
const MAX_WORDS: usize = 512;
/// How much earlier than the attempt a connection may seem to have come, in seconds: times in a question are whole seconds.
const SLACK: i64 = 2;

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

/// Shared by all ports of a listener.
#[derive(Debug, Default)]
pub struct Sightings {
    inner: Mutex<Inner>,
    /// Challenges that were answered.
    pub nonces: Nonces,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the other end's address and port, then the own port.
    entries: BTreeMap<Key, Entry>,
    /// The same keys in the order in which they came.
    order: VecDeque<Key>,
    /// From when on everything that came is remembered: since the listener began, or since the last entry that had to go.
    whole_since: Option<Timestamp>,
    /// The listener's own ports.
    own: BTreeSet<u16>,
    /// Where somebody listens on this host, as it was last seen.
    listening: BTreeSet<SocketAddr>,
    /// The system's count of half-open connections that were reset, and when it was last seen to have grown.
    resets: Option<u64>,
    reset_at: Option<Timestamp>,
}

type Key = (IpAddr, u16, u16);

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// First and last time that it was noted.
    at: Timestamp,
    last: Timestamp,
    local: SocketAddr,
    state: Seen,
}

impl Sightings {
    /// Notes how far a connection came. What came further before stays so.
    pub fn note(&self, peer: SocketAddr, local: SocketAddr, state: Seen, now: Timestamp) {
        let Ok(mut inner) = self.inner.lock() else { return };
        let key = (peer.ip().to_canonical(), peer.port(), local.port());
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        match inner.entries.get_mut(&key) {
            Some(entry) if now.as_second() - entry.last.as_second() <= ANOTHER => {
                entry.state = entry.state.max(state);
                entry.last = now;
            }
            Some(entry) => *entry = Entry { at: now, last: now, local, state },
            None => {
                if inner.order.len() >= MAX_ENTRIES
                    && let Some(oldest) = inner.order.pop_front()
                    && let Some(gone) = inner.entries.remove(&oldest)
                {
                    // Of that time "nothing came" cannot be said any more.
                    inner.whole_since = inner.whole_since.max(Some(gone.last));
                }
                inner.order.push_back(key);
                inner.entries.insert(key, Entry { at: now, last: now, local, state });
            }
        }
    }

    /// These ports are the listener's own from now on. They are before the kernel's table is read for the first time: on a busy machine the first
    /// proof is given earlier.
    pub fn own(&self, ports: impl IntoIterator<Item = u16>) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.own.extend(ports);
        }
    }

    /// A connection of a sweep opened. Sweeps are counted elsewhere, and would push everything else out; but this one is not half open any more.
    pub fn opened_of_sweep(&self, peer: SocketAddr, port: u16) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(&(peer.ip().to_canonical(), peer.port(), port))
        {
            entry.state = entry.state.max(Seen::Opened);
        }
    }

    /// Takes in one reading of the kernel's table; `own` are the listener's ports. What is half open is remembered on other programs' ports too:
    /// the way back may be shut to the real service as well.
    pub fn take_in(&self, table: Table, own: &BTreeSet<u16>, now: Timestamp) {
        for (local, peer) in table.half_open {
            self.note(peer, local, Seen::HalfOpen, now);
        }
        if let Ok(mut inner) = self.inner.lock() {
            inner.whole_since.get_or_insert(now);
            if let Some(listening) = table.listening {
                inner.listening = listening;
            }
            inner.own.clone_from(own);
            if inner.resets.is_some() && table.resets > inner.resets {
                inner.reset_at = Some(now);
            }
            inner.resets = table.resets;
        }
    }

    /// Answers a question of whoever asks from this address, at this one of the host's own. Only a connection from the very port that is asked
    /// about counts, and only one that came at that time or later: ports come back, and another connection would tell another story. It may
    /// have arrived at another port than the one that was asked for. `apart` is how many seconds this host's clock is ahead of the asker's.
    pub fn answer(&self, asker: IpAddr, own: IpAddr, question: &Question, apart: i64) -> Sighting {
        let unseen = Sighting { listening: false, state: Seen::Nothing, doubt: None, translated: false, peer: None, local: None, at: None };
        let Ok(inner) = self.inner.lock() else { return unseen };
        let asker = asker.to_canonical();
        let since = i64::from(question.since).saturating_add(apart).saturating_sub(SLACK);
        let from = inner.entries.range((asker, question.source_port, 0)..=(asker, question.source_port, u16::MAX));
        let found = from.filter(|(_, e)| e.last.as_second() >= since).max_by_key(|((_, _, local), e)| (*local == question.port, e.at));
        // Of thousands at once the table tells some; the one that is asked about is looked for by itself.
        let (here, there) = (SocketAddr::new(own.to_canonical(), question.port), SocketAddr::new(asker, question.source_port));
        let exact = found.is_some_and(|((_, _, local), _)| *local == question.port);
        let now_half_open = !exact && half_open::is_half_open(here, there) == Some(true);
        let listening = half_open::is_listened_on(&inner.listening, SocketAddr::new(own, question.port));
        if now_half_open {
            let at = Some(crate::net::clock::now());
            return Sighting { listening, state: Seen::HalfOpen, peer: Some(there), local: Some(here), at, ..unseen };
        }
        match found {
            Some(((address, port, _), entry)) => Sighting {
                listening,
                state: entry.state,
                peer: Some(SocketAddr::new(*address, *port)),
                local: Some(entry.local),
                at: Some(entry.at),
                ..unseen
            },
            None => match inner.doubt(question.port, own.to_canonical(), since, listening) {
                Some(doubt) => Sighting { listening, state: Seen::Unknown, doubt: Some(doubt), ..unseen },
                None => Sighting { listening, ..unseen },
            },
        }
    }

    /// The listener's ports, as words for a proof: on these it would answer. None while it turns connections away.
    pub fn would_answer_on(&self, now: Timestamp) -> String {
        let Ok(inner) = self.inner.lock() else { return String::new() };
        let lately = now.as_second() - LATELY;
        if inner.entries.values().any(|e| e.state == Seen::TurnedAway && e.last.as_second() >= lately) {
            return String::new();
        }
        Some(ports::text(inner.own.iter().copied())).filter(|words| words.len() <= MAX_WORDS).unwrap_or_default()
    }

    /// The connections to the listener's own ports that stayed half open, in the order in which they came.
    pub fn half_open(&self) -> Vec<HalfOpen> {
        let Ok(inner) = self.inner.lock() else { return Vec::new() };
        let found = inner
            .order
            .iter()
            .filter_map(|key| Some((key, inner.entries.get(key)?)))
            .filter(|(_, e)| e.state == Seen::HalfOpen && inner.own.contains(&e.local.port()));
        found.map(|(key, e)| HalfOpen { at: e.at, local: e.local, peer: SocketAddr::new(key.0, key.1) }).collect()
    }
}

impl Inner {
    /// Why it cannot be said of one connection to this port, begun at this time, that it never came.
    fn doubt(&self, port: u16, own: IpAddr, since: i64, listening: bool) -> Option<Doubt> {
        if listening && !self.own.contains(&port) {
            return Some(Doubt::AnotherProgram);
        }
        if self.whole_since.is_none_or(|whole| whole.as_second() > since + SLACK) {
            return Some(Doubt::NotRemembered);
        }
        if self.reset_at.is_some_and(|at| at.as_second() >= since) {
            return Some(Doubt::GoneAtOnce);
        }
        let at = SocketAddr::new(own, port);
        let came = self.entries.values().any(|entry| entry.local == at && entry.last.as_second() >= since);
        came.then_some(Doubt::OthersCame)
    }
}

/// Reads the kernel's table again and again until `stop`. Where the system has none, only the own ports are known.
pub async fn watch(sightings: &Sightings, own: BTreeSet<u16>, stop: CancellationToken) {
    let many = own.len() > MANY;
    let mut before = BTreeSet::new();
    let mut segments = None;
    for reading in 0_u64.. {
        if reading > 0 {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        let segments_before = std::mem::replace(&mut segments, half_open::segments_in());
        let quiet = segments.is_some() && segments == segments_before && before.is_empty();
        if quiet && !reading.is_multiple_of(QUIET_EVERY) {
            continue;
        }
        let table = match half_open::table(!many || quiet || reading.is_multiple_of(LISTENING_EVERY)) {
            Ok(table) => {
                // A handshake is half open for as long as the way is long; one of thousands is always under way.
                let now: BTreeSet<_> = table.half_open.iter().copied().collect();
                let before = std::mem::replace(&mut before, now);
                Table { half_open: table.half_open.into_iter().filter(|c| before.contains(c)).collect(), ..table }
            }
            Err(error) => {
                tracing::debug!(%error, "the table of connections cannot be read");
                let all = |port: &u16| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), *port);
                Table { listening: Some(own.iter().map(all).collect()), ..Table::default() }
            }
        };
        sightings.take_in(table, &own, clock::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn ask(sightings: &Sightings, asker: &str, port: u16, source_port: u16, since: u32) -> (Seen, Option<u16>) {
        let question = Question { port, source_port, since };
        let sighting = sightings.answer(asker.parse().expect("an address"), [10, 0, 0, 9].into(), &question, 0);
        (sighting.state, sighting.local.map(|l| l.port()))
    }

    /// A listener that began before all of these tests.
    fn begun() -> Sightings {
        let sightings = Sightings::default();
        sightings.take_in(Table::default(), &[389].into(), at(500));
        sightings
    }

    #[test]
    fn nothing_came_is_said_only_of_a_time_that_is_remembered() {
        let sightings = begun();
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 100).0, Seen::Unknown, "before the listener began");
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Nothing);
        for port in 0..=u16::try_from(MAX_ENTRIES).expect("small") {
            sightings.note(SocketAddr::new([10, 9, 9, 9].into(), port), address("10.0.0.9:389"), Seen::Opened, at(1001));
        }
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 990).0, Seen::Unknown, "a flood may have pushed it out");
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1100).0, Seen::Nothing, "the flood is over");
    }

    #[test]
    fn only_the_askers_own_connections_are_told() {
        let sightings = begun();
        sightings.note(address("[::ffff:10.0.0.1]:50000"), address("[::ffff:10.0.0.9]:389"), Seen::HalfOpen, at(1001));
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000), (Seen::HalfOpen, Some(389)));
        assert_eq!(ask(&sightings, "10.0.0.2", 389, 50000, 1000), (Seen::Unknown, None), "NAT may have changed its address");
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50001, 1000), (Seen::Unknown, None), "or its port");
        assert_eq!(ask(&sightings, "10.0.0.2", 389, 50000, 1010), (Seen::Nothing, None), "nothing came since");
    }

    #[test]
    fn the_own_ports_are_known_before_the_first_reading() {
        let sightings = Sightings::default();
        sightings.own([389, 135]);
        assert_eq!(sightings.would_answer_on(at(500)), "135,389");
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 500).0, Seen::Unknown, "what came is not known yet");
    }

    #[test]
    fn it_would_answer_on_its_own_ports_unless_it_turns_away() {
        let sightings = Sightings::default();
        sightings.take_in(Table::default(), &[135, 389, 390].into(), at(500));
        assert_eq!(sightings.would_answer_on(at(501)), "135,389-390");
        sightings.note(address("10.0.0.1:50000"), address("10.0.0.9:389"), Seen::NotAllowed, at(502));
        assert_eq!(sightings.would_answer_on(at(502)), "135,389-390");
        sightings.note(address("10.0.0.1:50001"), address("10.0.0.9:389"), Seen::TurnedAway, at(503));
        assert_eq!((sightings.would_answer_on(at(504)).as_str(), sightings.would_answer_on(at(600)).as_str()), ("", "135,389-390"));
    }

    #[test]
    fn what_was_reset_at_once_may_have_come() {
        let sightings = begun();
        let read = |resets, second| sightings.take_in(Table { resets: Some(resets), ..Table::default() }, &[389].into(), at(second));
        read(7, 900);
        read(7, 1000);
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Nothing);
        read(8, 1001);
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Unknown);
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1010).0, Seen::Nothing, "that was before");
    }

    #[test]
    fn the_very_port_counts_wherever_it_arrived() {
        let sightings = Sightings::default();
        sightings.note(address("10.0.0.1:50002"), address("10.0.0.9:636"), Seen::Opened, at(1003));
        assert_eq!(ask(&sightings, "10.0.0.1", 8636, 50002, 1003), (Seen::Opened, Some(636)), "sent on to another port on the way");
        sightings.note(address("10.0.0.1:50002"), address("10.0.0.9:8636"), Seen::HalfOpen, at(1003));
        assert_eq!(ask(&sightings, "10.0.0.1", 8636, 50002, 1003), (Seen::HalfOpen, Some(8636)));
    }

    #[test]
    fn what_is_old_is_another_connection() {
        let sightings = begun();
        let (peer, local) = (address("10.0.0.1:50000"), address("10.0.0.9:389"));
        sightings.note(peer, local, Seen::Proved, at(1001));
        sightings.note(peer, local, Seen::HalfOpen, at(1002));
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1001).0, Seen::Proved, "what came further stays");
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1030).0, Seen::Nothing, "it came before the attempt");
        sightings.take_in(Table { half_open: vec![(local, peer)], ..Table::default() }, &[389].into(), at(1030));
        assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1030).0, Seen::HalfOpen);
        assert_eq!(sightings.half_open().len(), 1);
        let question = Question { port: 389, source_port: 50000, since: 5030 };
        let seen = |apart| sightings.answer(peer.ip(), local.ip(), &question, apart).state;
        assert_eq!((seen(0), seen(-4000)), (Seen::Nothing, Seen::HalfOpen), "the asker's clock is ahead");
    }

    #[test]
    fn the_memory_is_bounded_and_other_programs_ports_are_told_apart() {
        let sightings = Sightings::default();
        let half_open = (0..20_000_u16).map(|n| (address("10.0.0.9:389"), SocketAddr::new([10, 0, 0, 1].into(), n))).collect();
        sightings.take_in(
            Table { half_open, listening: Some([address("10.0.0.9:389")].into()), ..Table::default() },
            &[389].into(),
            at(1001),
        );
        assert_eq!(sightings.half_open().len(), MAX_ENTRIES);
        let half_open = vec![(address("10.0.0.9:22"), address("10.0.0.7:1"))];
        let others = Table { half_open, listening: Some([address("0.0.0.0:22")].into()), ..Table::default() };
        sightings.take_in(others, &[389].into(), at(1002));
        assert!(sightings.half_open().iter().all(|h| h.local.port() == 389));
        let asked = |source_port| {
            let question = Question { port: 22, source_port, since: 1000 };
            let sighting = sightings.answer([10, 0, 0, 7].into(), [10, 0, 0, 9].into(), &question, 0);
            (sighting.listening, sighting.state)
        };
        assert_eq!(asked(1), (true, Seen::HalfOpen), "whoever listens");
        assert_eq!(asked(2), (true, Seen::Unknown), "what another program accepts is not seen");
    }
}
