//! The ladder that all probes climb: each step under its own deadline, each noted with its outcome.

mod asked;
mod dial;
pub mod first_octets;
pub mod further_steps;
mod prove;
mod same_peer;
mod target;

pub use asked::SentChallenge;
pub use target::{RangeMode, Target, Tools, plain};

use crate::matrix::model::Protocol;
use crate::net::tcp_info::Watch;
use crate::net::tls::{self, Session, Told};
use crate::net::{Io, clock};
use crate::observation::facts::Families;
use crate::observation::failure::Failure;
use crate::observation::{
    Evidence, Facts, Initiator, Latency, Observation, Outcome, Step, StepKind, Sweep,
};
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use jiff::Timestamp;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// Steps' deadlines that one hop may take altogether. An honest host needs far less; one that
/// answers each of many questions at the last moment must not hold up a run.
const STEPS_PER_HOP: u32 = 24;

/// A rung was not climbed. Which, and why, is in the notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// One probe under way.
pub struct Climb<'a> {
    /// What is probed.
    pub target: &'a Target<'a>,
    /// What all probes share.
    pub tools: &'a Tools,
    /// What the other end was recognised as.
    pub recognised: Option<String>,
    /// Tag of what was said to it, where the challenge had no place in that.
    pub said: Option<String>,
    /// How far away a directory is, as far as it was measured.
    pub latency: Latency,
    /// The dynamic range, port by port.
    pub sweep: Option<Sweep>,
    /// The shortest handshake so far.
    pub fastest: Option<Duration>,
    started: Timestamp,
    origin: Instant,
    steps: Vec<Step>,
    evidence: Vec<Evidence>,
    proofs: Vec<ProofOutcome>,
    /// Whether what was recognised is a front alone.
    pub only_fronts: bool,
    /// One of several connections: the rungs above the proof are left to the first.
    pub light: bool,
    /// Offers HTTP/1.1 alone where HTTP/2 might be chosen (ALPN).
    pub by_http1: bool,
    /// Small exchanges ahead of the large one.
    pub small_words: usize,
    /// What became of each of several connections, in words.
    spread: Vec<String>,
    /// On the connection under way.
    watch: Option<Watch>,
    /// Of the TLS session under way.
    session: Option<Arc<Told>>,
    /// Among the connections to this address.
    place: Option<OwnedSemaphorePermit>,
}

impl<'a> Climb<'a> {
    /// At the foot of the ladder.
    pub fn new(target: &'a Target<'a>, tools: &'a Tools) -> Self {
        Climb {
            target,
            tools,
            recognised: None,
            said: None,
            latency: Latency::default(),
            sweep: None,
            fastest: None,
            started: clock::steady(),
            origin: clock::instant(),
            steps: Vec::new(),
            evidence: Vec::new(),
            proofs: Vec::new(),
            only_fronts: false,
            light: false,
            by_http1: false,
            small_words: 0,
            spread: Vec::new(),
            watch: None,
            session: None,
            place: None,
        }
    }

    /// Time left for a step: its own deadline, or what is left of the hop's.
    pub fn step_deadline(&self) -> Duration {
        self.tools.step_deadline.min(self.left())
    }

    /// The same for a TCP handshake.
    pub fn connect_deadline(&self) -> Duration {
        self.tools.connect_deadline.min(self.left())
    }

    /// Whether the hop's time is used up; `Err` is what to note then.
    ///
    /// # Errors
    /// `silent-after-connect`, saying that the hop took too long altogether.
    pub fn in_time(&self) -> Result<(), Failure> {
        if self.left().is_zero() {
            return Err(
                Failure::silent().saying("the other end drew this hop out beyond all deadlines")
            );
        }
        Ok(())
    }

    /// Time since the hop was begun.
    pub fn elapsed(&self) -> Duration {
        clock::since(self.origin)
    }

    fn left(&self) -> Duration {
        let all =
            self.tools.connect_deadline.max(self.tools.step_deadline).saturating_mul(STEPS_PER_HOP);
        all.saturating_add(self.tools.idle.unwrap_or_default())
            .saturating_sub(clock::since(self.origin))
    }

    /// Shakes hands: rung `tls`. A certificate that is not trusted does not stop the climb; it is
    /// in the rung's `facts.tls.problem` and its `reason`.
    ///
    /// # Errors
    /// [`Stop`] when there is no TLS session at the end.
    pub async fn tls<S: Io>(&mut self, stream: S, alpn: &[&str]) -> Result<Session<S>, Stop> {
        let begun = clock::instant();
        self.session = None;
        let shaking = tls::connect(&self.tools.trust, stream, &self.target.server_name, alpn);
        let outcome = match tokio::time::timeout(self.step_deadline(), shaking).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::silent()),
        };
        match outcome {
            Ok(session) => {
                self.session = Some(session.told.clone());
                self.note(StepKind::Tls, begun, Ok(session.facts.clone()));
                if let Some(problem) = session.problem {
                    self.remark(problem);
                }
                Ok(session)
            }
            Err(mut failure) => {
                // Only gRPC cannot do without HTTP/2.
                if failure.reason == Reason::Http2NotOffered
                    && self.target.hop.flow.protocol != Protocol::Grpc
                {
                    failure.reason = Reason::TlsHandshakeFailed;
                }
                self.note(StepKind::Tls, begun, Err(failure));
                Err(Stop)
            }
        }
    }

    /// Climbs one rung under the step deadline.
    ///
    /// # Errors
    /// [`Stop`] when `work` fails or does not end in time (`silent-after-connect`).
    pub async fn step<T>(
        &mut self,
        kind: StepKind,
        work: impl Future<Output = Result<(T, Facts), Failure>>,
    ) -> Result<T, Stop> {
        let begun = clock::instant();
        let outcome = match tokio::time::timeout(self.step_deadline(), work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::silent()),
        };
        match outcome {
            Ok((value, facts)) => {
                self.note(kind, begun, Ok(facts));
                Ok(value)
            }
            Err(failure) => {
                self.note(kind, begun, Err(failure));
                Err(Stop)
            }
        }
    }

    /// Whether the other end took the handshake and never opened its window.
    pub fn is_window_shut(&self) -> bool {
        self.watch.as_ref().and_then(Watch::look).is_some_and(|info| info.is_window_shut())
    }

    /// Ends the watch on the connection under way: it is a handle of the socket, which stays open
    /// with it.
    pub fn let_go(&mut self) {
        self.watch = None;
    }

    /// Whether everything that was said on the connection under way has arrived, at the first try;
    /// `None` where the system does not tell.
    pub fn was_delivered(&self) -> Option<bool> {
        let info = self.watch.as_ref().and_then(Watch::look)?;
        Some(info.unacknowledged? == 0 && info.not_sent.unwrap_or(0) == 0)
    }

    /// What the kernel knows of a connection that went silent or was reset, added to the failure:
    /// whether what was sent has arrived, and whether anything ever took it.
    fn ask_kernel(&self, failure: &mut Failure) {
        let broken = [
            Reason::SilentAfterConnect,
            Reason::ResetAfterConnect,
            Reason::ClosedAfterConnect,
            Reason::MtuBlackHole,
            Reason::IdleDropped,
            Reason::AnsweredByMiddlebox,
        ];
        let Some(info) =
            self.watch.as_ref().filter(|_| broken.contains(&failure.reason)).and_then(Watch::look)
        else {
            return;
        };
        *failure.facts.tcp = info.facts();
        if failure.reason == Reason::SilentAfterConnect && info.is_window_shut() {
            *failure = Failure {
                reason: Reason::AnsweredByMiddlebox,
                initiator: Initiator::Path,
                facts: std::mem::take(&mut failure.facts),
            };
        }
    }

    /// What TLS knows of a failure inside it: an alert, or that the server had asked for a client
    /// certificate and hung up on who has none.
    fn ask_session(&self, failure: &mut Failure) {
        let Some(told) = &self.session else { return };
        if let Some(alert) = told.alert() {
            let ended = &mut failure.facts.ended;
            (ended.alert, ended.alert_code) = (Some(alert.name().to_owned()), Some(alert.0));
        }
        if let Some(reason) = told.reason(failure.reason) {
            failure.facts.more.add("seen_as", failure.reason.code());
            (failure.reason, failure.initiator) = (reason, Initiator::Peer);
        }
    }

    /// Notes a rung that was climbed, or not, without waiting for anything.
    pub fn note(&mut self, step: StepKind, begun: Instant, mut outcome: Result<Facts, Failure>) {
        if let Err(failure) = &mut outcome {
            self.ask_kernel(failure);
            self.ask_session(failure);
        }
        let at_ms = ((begun - self.origin).as_secs_f64() * 1e6).round() / 1e3;
        let ms = clock::ms_since(begun);
        self.steps.push(match outcome {
            Ok(facts) => Step { step, outcome: Outcome::CLIMBED, at_ms, ms, facts },
            Err(Failure { reason, initiator, facts }) => {
                Step { step, outcome: Outcome::failed(reason, initiator), at_ms, ms, facts }
            }
        });
    }

    /// Adds a reason to the last rung, which was climbed all the same.
    pub fn remark(&mut self, reason: Reason) {
        if let Some(step) = self.steps.last_mut() {
            step.outcome = step.outcome.for_reason(reason);
        }
    }

    /// The rung that was tried last.
    pub fn last_step(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// Takes the last rung back: it showed nothing.
    pub fn forget_last_step(&mut self) {
        self.steps.pop();
    }

    /// Gives the last rung another reason, which a second look has found; its facts stay.
    pub fn correct(&mut self, failure: Failure) {
        if let Some(step) = self.steps.last_mut() {
            step.outcome = match step.outcome {
                Outcome::Climbed { .. } => Outcome::Climbed { remark: Some(failure.reason) },
                Outcome::Failed { .. } => Outcome::failed(failure.reason, failure.initiator),
            };
            step.facts.absorb(failure.facts);
        }
    }

    /// Looks at every rung again, with what was learnt since.
    pub fn amend(&mut self, change: impl FnMut(&mut Step)) {
        self.steps.iter_mut().for_each(change);
    }

    /// Whether every rung so far was climbed.
    pub fn is_unbroken(&self) -> bool {
        self.steps.iter().all(|step| step.is_climbed())
    }

    /// What became of the challenges so far.
    pub fn proofs(&self) -> &[ProofOutcome] {
        &self.proofs
    }

    /// The rung that decides how the climb ended, where it did not reach the top.
    pub fn failed_step(&self) -> Option<&Step> {
        self.steps.iter().find(|s| !s.is_climbed())
    }

    /// Adds facts to the rung that failed, else to the last.
    pub fn add(&mut self, note: impl FnOnce(&mut Families)) {
        let place = self
            .steps
            .iter()
            .position(|s| !s.is_climbed())
            .unwrap_or(self.steps.len().saturating_sub(1));
        if let Some(step) = self.steps.get_mut(place) {
            note(&mut step.facts);
        }
    }

    /// The same for a fact that is for people alone.
    pub fn add_words(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        self.add(|facts| facts.more.add(name, value));
    }

    /// The address that this hop's connections come from.
    pub fn own_address(&self) -> Option<IpAddr> {
        self.evidence.iter().rev().find_map(|e| e.source).map(|s| s.ip())
    }

    /// When the climb began.
    pub fn started_at(&self) -> Instant {
        self.origin
    }

    /// Takes what another climb of the same hop has seen in the place of what this one has.
    pub fn take_over(&mut self, other: Climb<'_>) {
        let begun = other.origin;
        self.replace(other.finish(), Some(begun));
    }

    /// What was seen so far.
    pub fn seen_so_far(&self) -> Observation {
        Observation {
            only_fronts: self.only_fronts,
            evidence: self.evidence.clone(),
            proofs: self.proofs.clone(),
            recognised: self.recognised.clone(),
            said: self.said.clone(),
            ..Observation::of_steps(
                &self.target.hop.id,
                self.started,
                clock::ms_since(self.origin),
                self.steps.clone(),
            )
        }
    }

    /// Puts what was seen of the same hop, from `begun` on, in the place of what this climb has.
    pub fn replace(&mut self, seen: Observation, begun: Option<Instant>) {
        let later = begun
            .map_or(0.0, |begun| begun.saturating_duration_since(self.origin).as_secs_f64() * 1e3);
        self.steps = seen.steps;
        for step in &mut self.steps {
            step.at_ms = ((step.at_ms + later) * 1e3).round() / 1e3;
        }
        (self.evidence, self.proofs, self.spread) = (seen.evidence, seen.proofs, seen.spread);
        (self.recognised, self.only_fronts) = (seen.recognised, seen.only_fronts);
        self.said = seen.said;
    }

    /// Everything that was seen.
    pub fn finish(self) -> Observation {
        Observation {
            only_fronts: self.only_fronts,
            spread: self.spread,
            evidence: self.evidence,
            proofs: self.proofs,
            recognised: self.recognised,
            said: self.said,
            latency: self.latency.measured(),
            sweep: self.sweep,
            ..Observation::of_steps(
                &self.target.hop.id,
                self.started,
                clock::ms_since(self.origin),
                self.steps,
            )
        }
    }
}
