//! Thousands of listening ports in one event loop: a task for each would cost more memory than
//! their sockets. A connection is greeted here, by its first octets; one that wants more than a
//! greeting is handed on, and served like any other.

use super::clock;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events taken at a time.
const EVENTS: usize = 1024;
/// Time for the first octets of a connection, and for the other end to close it after the greeting.
const GREETING: Duration = Duration::from_secs(10);
/// Octets of a greeting.
const MAX_FIRST: usize = 4096;
/// Time before the next try to accept where this machine has no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Connections taken from one port before others have their turn.
const AT_A_TIME: usize = 32;

/// What to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Not enough octets yet.
    More,
    /// What was written into `out` is the answer; the other end closes.
    Answer,
    /// It is served elsewhere.
    HandOn,
    /// Closed.
    Close,
}

/// Whether a connection may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It may.
    In,
    /// It may, and the one at this place has to go.
    Instead(usize),
    /// It may not.
    No,
}

/// Who greets.
pub trait Greeter {
    /// Whether a connection may come in, to be held at this place, and which other one has to go
    /// for it. Each that was let in is told to [`Greeter::gone`] once, or has to go.
    fn admit(&mut self, peer: SocketAddr, place: usize) -> Entry;

    /// What the first octets on `port` want.
    fn greet(&mut self, port: u16, peer: SocketAddr, octets: &[u8], out: &mut Vec<u8>) -> Greeting;

    /// Serves a connection further; `head` are the octets that came.
    fn hand_on(&mut self, port: u16, peer: SocketAddr, stream: std::net::TcpStream, head: Vec<u8>);

    /// The connection of this place is no longer held here.
    fn gone(&mut self, place: usize);
}

/// Ends a loop from elsewhere, at the latest when it is dropped: a runtime that shuts down drops
/// its tasks, and waits for its threads.
#[derive(Debug)]
pub struct StopGuard(Stop);

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        let _ = self.0.waker.wake();
    }
}

#[derive(Debug, Clone)]
struct Stop {
    stopped: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

/// Many open ports, before anybody is greeted on them.
pub struct Many {
    poll: Poll,
    listeners: Vec<(TcpListener, u16)>,
    /// Kept here too: a waker that is dropped after it was used may take its event with it.
    stop: Stop,
}

/// The token of the waker.
const WAKER: Token = Token(usize::MAX);

impl Many {
    /// A loop for these listeners, and what ends it.
    ///
    /// # Errors
    /// When the event queue cannot be made.
    pub fn new(listeners: Vec<(TcpListener, u16)>) -> io::Result<(Many, StopGuard)> {
        let poll = Poll::new()?;
        let stop =
            Stop { stopped: Arc::default(), waker: Arc::new(Waker::new(poll.registry(), WAKER)?) };
        let mut many = Many { poll, listeners, stop: stop.clone() };
        for (place, (listener, _)) in many.listeners.iter_mut().enumerate() {
            many.poll.registry().register(listener, Token(place), Interest::READABLE)?;
        }
        Ok((many, StopGuard(stop)))
    }

    /// Greets until it is stopped.
    pub fn run(self, greeter: &mut impl Greeter) {
        let mut running = Running {
            many: self,
            greeter,
            connections: Vec::new(),
            free: Vec::new(),
            ends: VecDeque::new(),
            generation: 0,
            more: VecDeque::new(),
            hungry: VecDeque::new(),
        };
        let mut events = Events::with_capacity(EVENTS);
        while !running.many.stop.stopped.load(Ordering::Relaxed) {
            let pause = match () {
                () if !running.more.is_empty() => Some(Duration::ZERO),
                () if !running.hungry.is_empty() => Some(BACK_OFF),
                () => running.next_end(),
            };
            if let Err(error) = running.many.poll.poll(&mut events, pause)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the event queue of a range broke");
                return;
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(place) if place < running.many.listeners.len() => running.accept(place),
                    Token(place) => running.ready(place - running.many.listeners.len()),
                }
            }
            running.expire();
            running.feed();
        }
        running.close_all();
    }
}

/// A connection that was not greeted yet, or not closed since.
struct Connection {
    stream: TcpStream,
    port: u16,
    peer: SocketAddr,
    head: Vec<u8>,
    answered: bool,
    generation: u32,
}

struct Running<'a, G> {
    many: Many,
    greeter: &'a mut G,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// In the order of their ends, since all have the same time.
    ends: VecDeque<(Instant, usize, u32)>,
    generation: u32,
    /// Listeners with somebody waiting whose turn comes again.
    more: VecDeque<usize>,
    /// Listeners with somebody waiting for whom there was no descriptor.
    hungry: VecDeque<usize>,
}

impl<G: Greeter> Running<'_, G> {
    fn next_end(&self) -> Option<Duration> {
        self.ends.front().map(|end| end.0.saturating_duration_since(clock::instant()))
    }

    fn accept(&mut self, place: usize) {
        for _ in 0..AT_A_TIME {
            let (listener, port) = &self.many.listeners[place];
            let port = *port;
            match listener.accept() {
                Ok((stream, peer)) => self.let_in(stream, port, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // It was gone before it was taken.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(_) => return self.hungry.push_back(place),
            }
        }
        if !self.more.contains(&place) {
            self.more.push_back(place);
        }
    }

    /// Those that waited, in turn; once each, for a descriptor may be missing still.
    fn feed(&mut self) {
        let more = std::mem::take(&mut self.more);
        let hungry = std::mem::take(&mut self.hungry);
        more.into_iter().chain(hungry).for_each(|place| self.accept(place));
    }

    fn let_in(&mut self, stream: TcpStream, port: u16, peer: SocketAddr) {
        let place = self.free.pop().unwrap_or(self.connections.len());
        match self.greeter.admit(peer, place) {
            Entry::No => return self.give_back(place),
            Entry::In => {}
            Entry::Instead(other) => drop(self.take(other)),
        }
        if !self.hold(stream, port, peer, place) {
            self.greeter.gone(place);
            self.give_back(place);
        }
    }

    fn give_back(&mut self, place: usize) {
        if place < self.connections.len() {
            self.free.push(place);
        }
    }

    /// Holds a connection at a place that is free; not, where the system will not watch it.
    fn hold(&mut self, mut stream: TcpStream, port: u16, peer: SocketAddr, place: usize) -> bool {
        // A greeting is one small packet, and an acknowledgement that waits would hold it up.
        let _ = stream.set_nodelay(true);
        let token = Token(self.many.listeners.len() + place);
        if self.many.poll.registry().register(&mut stream, token, Interest::READABLE).is_err() {
            return false;
        }
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let head = Vec::new();
        let connection = Some(Connection { stream, port, peer, head, answered: false, generation });
        match self.connections.get_mut(place) {
            Some(free) => *free = connection,
            None => self.connections.push(connection),
        }
        self.ends.push_back((clock::instant() + GREETING, place, generation));
        // Those that had to go early leave their ends behind.
        if self.ends.len() > 4 * (self.connections.len() + EVENTS) {
            let connections = &self.connections;
            self.ends.retain(|(_, place, generation)| is_held(connections, *place, *generation));
        }
        true
    }

    fn ready(&mut self, place: usize) {
        let mut chunk = [0; 1024];
        let mut out = Vec::new();
        loop {
            let Some(Some(connection)) = self.connections.get_mut(place) else { return };
            let read = match connection.stream.read(&mut chunk) {
                Ok(0) => return self.close(place),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.close(place),
            };
            // After the answer there is nothing more to be said here.
            if connection.answered || connection.head.len() + read > MAX_FIRST {
                return self.close(place);
            }
            connection.head.extend_from_slice(&chunk[..read]);
            match self.greeter.greet(connection.port, connection.peer, &connection.head, &mut out) {
                Greeting::More => {}
                // A greeting fits into what a new connection takes at once.
                Greeting::Answer if connection.stream.write(&out).is_ok_and(|n| n == out.len()) => {
                    connection.answered = true
                }
                Greeting::Answer | Greeting::Close => return self.close(place),
                Greeting::HandOn => return self.hand_on(place),
            }
        }
    }

    fn hand_on(&mut self, place: usize) {
        let Some(mut connection) = self.take(place) else { return };
        let _ = self.many.poll.registry().deregister(&mut connection.stream);
        self.greeter.gone(place);
        let Connection { stream, port, peer, head, .. } = connection;
        self.greeter.hand_on(port, peer, stream.into(), head);
    }

    fn close(&mut self, place: usize) {
        if self.take(place).is_some() {
            self.greeter.gone(place);
        }
    }

    fn take(&mut self, place: usize) -> Option<Connection> {
        let connection = self.connections.get_mut(place)?.take()?;
        self.free.push(place);
        Some(connection)
    }

    fn expire(&mut self) {
        let now = clock::instant();
        while let Some(&(_, place, generation)) = self.ends.front().filter(|end| end.0 <= now) {
            self.ends.pop_front();
            if is_held(&self.connections, place, generation) {
                self.close(place);
            }
        }
    }

    fn close_all(&mut self) {
        (0..self.connections.len()).for_each(|place| self.close(place));
    }
}

/// Whether the connection of this number is still at its place.
fn is_held(connections: &[Option<Connection>], place: usize, generation: u32) -> bool {
    let held = connections.get(place).and_then(Option::as_ref);
    held.is_some_and(|connection| connection.generation == generation)
}
