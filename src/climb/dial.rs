//! Connections of a climb: to which address, in whose turn, and what is kept of each attempt.

use super::{Climb, Stop};
use crate::net::tcp_info::Watch;
use crate::net::{clock, dial};
use crate::observation::failure::Failure;
use crate::observation::{Evidence, Facts, StepKind};
use crate::reason::Reason;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection that is not answered keeps its place: longer than a round trip of most
/// networks, and short enough that a thousand dropped hops to one host have all begun after a
/// second or two.
const GIVE_UP_PLACE: Duration = Duration::from_millis(100);

async fn take_place(places: Option<&Arc<Semaphore>>) -> Option<OwnedSemaphorePermit> {
    // Nobody closes it.
    places?.clone().acquire_owned().await.ok()
}

impl Climb<'_> {
    /// Opens a TCP connection to `port` of the target: rung `connect`.
    ///
    /// # Errors
    /// [`Stop`] when it does not open.
    pub async fn connect(&mut self, port: u16) -> Result<TcpStream, Stop> {
        self.connect_any(&[self.target.address], port).await
    }

    /// The same to the first of these addresses that opens. The others that were tried are told
    /// with it.
    ///
    /// # Errors
    /// [`Stop`] when none opens; how the last one ended decides.
    pub async fn connect_any(
        &mut self,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<TcpStream, Stop> {
        let begun = clock::instant();
        let mut tried: Vec<String> = Vec::new();
        let mut place = 0;
        loop {
            let to =
                SocketAddr::new(addresses.get(place).copied().unwrap_or(self.target.address), port);
            let outcome = self.dial_to(to).await;
            place += 1;
            let mut facts = Facts::of(|facts| facts.connect.destination = Some(to));
            // Of several attempts, the one that opened; else the last.
            let of_this = self.evidence.iter().rev().filter(|e| e.destination == to);
            facts.connect.source = of_this
                .clone()
                .find(|e| e.outcome.is_none())
                .or(of_this.clone().next())
                .and_then(|e| e.source);
            facts.connect.tried_before = tried.clone();
            match outcome {
                Ok(stream) => {
                    self.note(StepKind::Connect, begun, Ok(facts));
                    return Ok(stream);
                }
                Err(failure) if place < addresses.len() && self.in_time().is_ok() => {
                    tried.push(format!("{} ({})", to.ip(), failure.reason));
                }
                Err(mut failure) => {
                    failure.facts.absorb(facts);
                    self.note(StepKind::Connect, begun, Err(failure));
                    return Err(Stop);
                }
            }
        }
    }

    /// Opens a TCP connection to `port` of the target, as a part of a rung, and keeps the evidence
    /// of each attempt.
    ///
    /// # Errors
    /// The failure, when it does not open.
    pub async fn dial(&mut self, port: u16) -> Result<TcpStream, Failure> {
        self.dial_to(SocketAddr::new(self.target.address, port)).await
    }

    async fn dial_to(&mut self, to: SocketAddr) -> Result<TcpStream, Failure> {
        let places = self.target.places.clone();
        let source = self.target.source.filter(|source| source.is_ipv4() == to.is_ipv4());
        if self.place.is_none() {
            self.place = take_place(places.as_ref()).await;
        }
        if self.target.small_segments {
            let small =
                dial::connect_with_small_segments(source, to, self.connect_deadline()).await;
            return small.ok_or_else(|| Failure::local(Reason::NotTested));
        }
        let begun = clock::instant();
        let dialling = dial::connect(source, to, self.connect_deadline(), self.tools.retries);
        tokio::pin!(dialling);
        let (evidence, outcome) = match tokio::time::timeout(GIVE_UP_PLACE, &mut dialling).await {
            Ok(done) => done,
            Err(_) => {
                // What is not answered is no connection yet, and must not keep others from theirs.
                self.place = None;
                let done = dialling.await;
                if done.1.is_ok() {
                    self.place = take_place(places.as_ref()).await;
                }
                done
            }
        };
        if outcome.is_ok() {
            let took = clock::since(begun);
            self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
        }
        self.evidence.extend(evidence);
        self.session = None;
        // From now on the kernel is asked about this connection when something fails.
        self.watch = outcome.as_ref().ok().and_then(Watch::on);
        outcome
    }

    /// Opens one more connection to the hop's port. It belongs to no rung and leaves no evidence.
    ///
    /// # Errors
    /// The failure, when it does not open.
    pub async fn dial_aside(&self) -> Result<TcpStream, Failure> {
        self.dial_once(self.target.hop.port).await
    }

    /// The same, with the watch on it.
    ///
    /// # Errors
    /// The failure, when it does not open.
    pub async fn dial_watched(&mut self) -> Result<TcpStream, Failure> {
        let outcome = self.dial_aside().await;
        self.watch = outcome.as_ref().ok().and_then(Watch::on);
        outcome
    }

    /// The same to another port: that of a proxy on the way.
    ///
    /// # Errors
    /// The failure, when it does not open.
    pub async fn dial_once(&self, port: u16) -> Result<TcpStream, Failure> {
        let (source, to) = (self.target.source, SocketAddr::new(self.target.address, port));
        if self.target.small_segments {
            return dial::connect_with_small_segments(source, to, self.connect_deadline())
                .await
                .ok_or_else(Failure::silent);
        }
        dial::connect(source, to, self.connect_deadline(), 0).await.1
    }

    /// How many milliseconds such a connection takes, which is closed at once; `None` when it does
    /// not open.
    pub async fn time_of_a_connection(&self) -> Option<f64> {
        let begun = clock::instant();
        self.dial_aside().await.ok().map(|_| clock::ms_since(begun))
    }

    /// Keeps attempts of a sweep: those to other ports than the hop's own. Where a rung failed
    /// before, its attempt stays the last, which decides.
    pub fn evidence_of_sweep(&mut self, attempts: Vec<Evidence>) {
        let place =
            if self.steps.iter().all(|step| step.is_climbed()) { self.evidence.len() } else { 0 };
        self.evidence.splice(place..place, attempts);
    }
}
