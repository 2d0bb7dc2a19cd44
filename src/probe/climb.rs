//! The ladder that all probes climb: each step under its own deadline, each noted with its outcome.

use crate::matrix::model::Protocol;
use crate::net::failure::Failure;
use crate::net::sweep::Allowance;
use crate::net::tcp_info::Watch;
use crate::net::tls::{self, Session, Told, Trust};
use crate::net::{Io, clock, dial, random};
use crate::observation::{Detail, Evidence, Initiator, Latency, Observation, Step, StepKind, Sweep};
use crate::plan::model::Hop;
use crate::proto::challenge::{self, Challenge, Exporter, ProofOutcome, SiteKey};
use crate::proto::question;
use crate::reason::Reason;
use jiff::Timestamp;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    /// Where a listener proved itself: a sample and its edges, then every port, unless the whole sample was silent.
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
    /// Places for connections to this address, shared by all hops to it; without one there are as many as one likes.
    pub places: Option<Arc<Semaphore>>,
    /// What the listener is asked about another hop, in every challenge.
    pub question: Option<question::Asked>,
    /// Connections on which both ends send small packets only, where the system can make such (Linux).
    pub small_segments: bool,
}

/// Steps' deadlines that one hop may take altogether. An honest host needs far less; one that answers each of many questions at the last
/// moment must not hold up a run.
const STEPS_PER_HOP: u32 = 24;

/// How long a connection that is not answered keeps its place: longer than a round trip of most networks, and short enough that a thousand
/// dropped hops to one host have all begun after a second or two.
const GIVE_UP_PLACE: Duration = Duration::from_millis(100);

async fn take_place(places: Option<&Arc<Semaphore>>) -> Option<OwnedSemaphorePermit> {
    // Nobody closes it.
    places?.clone().acquire_owned().await.ok()
}

/// A rung was not climbed. Which, and why, is in the notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// A challenge made for one connection.
#[derive(Debug, Clone)]
pub struct Asked {
    challenge: Challenge,
    /// The 40 octets.
    pub octets: [u8; challenge::CHALLENGE_LEN],
    /// The same as 80 hexadecimal digits.
    pub text: String,
}

/// One probe under way.
pub struct Climb<'a> {
    /// What is probed.
    pub target: &'a Target<'a>,
    /// What all probes share.
    pub tools: &'a Tools,
    /// What the other end was recognised as.
    pub recognised: Option<String>,
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
            return Err(Failure::silent().with("error", "the other end drew this hop out beyond all deadlines"));
        }
        Ok(())
    }

    /// Time since the hop was begun.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    fn left(&self) -> Duration {
        let all = self.tools.connect_deadline.max(self.tools.step_deadline).saturating_mul(STEPS_PER_HOP);
        all.saturating_add(self.tools.idle.unwrap_or_default()).saturating_sub(self.origin.elapsed())
    }

    /// Opens a TCP connection to `port` of the target: rung `connect`.
    ///
    /// # Errors
    /// [`Stop`] when it does not open.
    pub async fn connect(&mut self, port: u16) -> Result<TcpStream, Stop> {
        self.connect_any(&[self.target.address], port).await
    }

    /// The same to the first of these addresses that opens. The others that were tried are told with it.
    ///
    /// # Errors
    /// [`Stop`] when none opens; how the last one ended decides.
    pub async fn connect_any(&mut self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, Stop> {
        let begun = clock::instant();
        let mut tried: Vec<String> = Vec::new();
        let mut place = 0;
        loop {
            let to = SocketAddr::new(addresses.get(place).copied().unwrap_or(self.target.address), port);
            let outcome = self.dial_to(to).await;
            place += 1;
            let mut detail = Detail::from([("destination".to_owned(), to.to_string().into())]);
            // Of several attempts, the one that opened; else the last.
            let of_this = self.evidence.iter().rev().filter(|e| e.destination == to);
            if let Some(source) = of_this.clone().find(|e| e.outcome.is_none()).or(of_this.clone().next()).and_then(|e| e.source) {
                detail.insert("source".into(), source.to_string().into());
            }
            if !tried.is_empty() {
                detail.insert("tried_before".into(), tried.clone().into());
            }
            match outcome {
                Ok(stream) => {
                    self.note(StepKind::Connect, begun, Ok(detail));
                    return Ok(stream);
                }
                Err(failure) if place < addresses.len() && self.in_time().is_ok() => {
                    tried.push(format!("{} ({})", to.ip(), failure.reason));
                }
                Err(mut failure) => {
                    failure.detail.extend(detail);
                    self.note(StepKind::Connect, begun, Err(failure));
                    return Err(Stop);
                }
            }
        }
    }

    /// Opens a TCP connection to `port` of the target, as a part of a rung, and keeps the evidence of each attempt.
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
            let small = dial::connect_with_small_segments(source, to, self.connect_deadline()).await;
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
            let took = begun.elapsed();
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
            return dial::connect_with_small_segments(source, to, self.connect_deadline()).await.ok_or_else(Failure::silent);
        }
        dial::connect(source, to, self.connect_deadline(), 0).await.1
    }

    /// How many milliseconds such a connection takes, which is closed at once; `None` when it does not open.
    pub async fn time_of_a_connection(&self) -> Option<f64> {
        let begun = clock::instant();
        self.dial_aside().await.ok().map(|_| clock::ms_since(begun))
    }

    /// Keeps attempts of a sweep: those to other ports than the hop's own. Where a rung failed before, its attempt stays the last, which decides.
    pub fn evidence_of_sweep(&mut self, attempts: Vec<Evidence>) {
        let place = if self.steps.iter().all(|step| step.ok) { self.evidence.len() } else { 0 };
        self.evidence.splice(place..place, attempts);
    }

    /// Shakes hands: rung `tls`. A certificate that is not trusted does not stop the climb; it is in the rung's `detail.problem` and its `reason`.
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
                self.note(StepKind::Tls, begun, Ok(session.detail.clone()));
                if let Some(problem) = session.problem {
                    self.remark(problem);
                }
                Ok(session)
            }
            Err(mut failure) => {
                // Only gRPC cannot do without HTTP/2.
                if failure.reason == Reason::Http2NotOffered && self.target.hop.flow.protocol != Protocol::Grpc {
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
    pub async fn step<T>(&mut self, kind: StepKind, work: impl Future<Output = Result<(T, Detail), Failure>>) -> Result<T, Stop> {
        let begun = clock::instant();
        let outcome = match tokio::time::timeout(self.step_deadline(), work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::silent()),
        };
        match outcome {
            Ok((value, detail)) => {
                self.note(kind, begun, Ok(detail));
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

    /// Ends the watch on the connection under way: it is a handle of the socket, which stays open with it.
    pub fn let_go(&mut self) {
        self.watch = None;
    }

    /// Whether everything that was said on the connection under way has arrived, at the first try; `None` where the system does not tell.
    pub fn was_delivered(&self) -> Option<bool> {
        let info = self.watch.as_ref().and_then(Watch::look)?;
        Some(info.unacknowledged? == 0 && info.not_sent.unwrap_or(0) == 0)
    }

    /// What the kernel knows of a connection that went silent or was reset, added to the failure: whether what was sent has arrived, and
    /// whether anything ever took it.
    fn ask_kernel(&self, failure: &mut Failure) {
        let broken = [
            Reason::SilentAfterConnect,
            Reason::ResetAfterConnect,
            Reason::ClosedAfterConnect,
            Reason::MtuBlackHole,
            Reason::IdleDropped,
            Reason::AnsweredByMiddlebox,
        ];
        let Some(info) = self.watch.as_ref().filter(|_| broken.contains(&failure.reason)).and_then(Watch::look) else { return };
        failure.detail.extend(info.detail());
        if failure.reason == Reason::SilentAfterConnect && info.is_window_shut() {
            *failure =
                Failure { reason: Reason::AnsweredByMiddlebox, initiator: Initiator::Path, detail: std::mem::take(&mut failure.detail) };
        }
    }

    /// What TLS knows of a failure inside it: an alert, or that the server had asked for a client certificate and hung up on who has none.
    fn ask_session(&self, failure: &mut Failure) {
        let Some(told) = &self.session else { return };
        if let Some(alert) = told.alert() {
            failure.detail.insert("alert".to_owned(), alert.name().into());
            failure.detail.insert("alert_code".to_owned(), alert.0.into());
        }
        if let Some(reason) = told.reason(failure.reason) {
            failure.detail.insert("seen_as".to_owned(), failure.reason.code().into());
            (failure.reason, failure.initiator) = (reason, Initiator::Peer);
        }
    }

    /// Notes a rung that was climbed, or not, without waiting for anything.
    pub fn note(&mut self, step: StepKind, begun: Instant, mut outcome: Result<Detail, Failure>) {
        if let Err(failure) = &mut outcome {
            self.ask_kernel(failure);
            self.ask_session(failure);
        }
        let at_ms = ((begun - self.origin).as_secs_f64() * 1e6).round() / 1e3;
        let ms = clock::ms_since(begun);
        self.steps.push(match outcome {
            Ok(detail) => Step { step, ok: true, reason: None, initiator: None, at_ms, ms, detail },
            Err(Failure { reason, initiator, detail }) => {
                Step { step, ok: false, reason: Some(reason), initiator: Some(initiator), at_ms, ms, detail }
            }
        });
    }

    /// Adds a reason to the last rung, which was climbed all the same.
    pub fn remark(&mut self, reason: Reason) {
        if let Some(step) = self.steps.last_mut() {
            step.reason = Some(reason);
        }
    }

    /// A fresh challenge for one connection; `None` without a site key.
    pub fn challenge(&self) -> Option<Asked> {
        let key = self.tools.key.as_ref()?;
        let challenge = match &self.target.question {
            // What is asked says how long ago it was when it is sent, not when this climb began.
            Some(question) => Challenge::question(random(), &question.later(self.origin.elapsed()), clock::now()),
            None => Challenge::new(random(), &self.target.hop.id, clock::now()),
        };
        Some(Asked { challenge, octets: challenge.encode(key), text: challenge.encode_text(key) })
    }

    /// Notes what became of a challenge: rung `proof`. `answer` is the proof as it came, if any; `exporter` is this end's, where it spoke
    /// TLS. Without a key nothing is noted. A missing proof is noted as a fact of the hop and is not a failed rung: real services give none.
    pub fn proof(&mut self, asked: Option<&Asked>, answer: Option<&str>, exporter: Option<&Exporter>) {
        let outcome = self.weigh(asked, answer, exporter);
        self.note_proof(outcome);
    }

    /// What became of a challenge, without noting it: for a protocol whose own rung depends on what the listener says it saw.
    pub fn weigh(&self, asked: Option<&Asked>, answer: Option<&str>, exporter: Option<&Exporter>) -> ProofOutcome {
        let (Some(key), Some(asked)) = (self.tools.key.as_ref(), asked) else { return ProofOutcome::NotAsked };
        match answer {
            None => ProofOutcome::None,
            // What was said comes back: somebody repeats it, and nobody proves anything.
            Some(answer) if answer.trim() == asked.text => ProofOutcome::None,
            Some(answer) => {
                let hop = self.target.hop;
                let to = hop.to.host.label();
                let behind = hop.flow.relayed_to.iter().flat_map(|behind| &behind.hosts).map(String::as_str);
                challenge::verify(key, &asked.challenge, answer, exporter).named([to.as_str()].into_iter().chain(behind))
            }
        }
    }

    /// Notes an outcome of [`Climb::weigh`], as [`Climb::proof`] does.
    pub fn note_proof(&mut self, outcome: ProofOutcome) {
        self.note_proof_on(outcome, None);
    }

    /// The same for a probe of several ports: `port` is the one that this connection was made to.
    pub fn note_proof_on(&mut self, outcome: ProofOutcome, port: Option<u16>) {
        let begun = clock::instant();
        match &outcome {
            ProofOutcome::Valid { claims, same_tls_session } => {
                let mut detail = Detail::from([
                    ("host".to_owned(), claims.host.clone().into()),
                    ("local".to_owned(), claims.local.to_string().into()),
                    ("peer".to_owned(), claims.peer.to_string().into()),
                    ("clock".to_owned(), claims.now.to_string().into()),
                ]);
                detail.insert("http".into(), serde_json::to_value(&claims.http).unwrap_or_default());
                detail.insert("tls".into(), serde_json::to_value(&claims.tls).unwrap_or_default());
                detail.insert("proxy_protocol".into(), claims.proxy_protocol.clone().into());
                detail.insert("same_tls_session".into(), (*same_tls_session).into());
                detail.insert("port".into(), port.into());
                detail.insert("listener_ports".into(), Some(claims.ports.clone()).filter(|p| !p.is_empty()).into());
                detail.retain(|_, v| !v.is_null());
                self.note(StepKind::Proof, begun, Ok(detail));
            }
            ProofOutcome::Invalid { why } => {
                self.note(StepKind::Proof, begun, Err(Failure::peer(Reason::ProofInvalid).with("why", why.clone())));
            }
            ProofOutcome::None | ProofOutcome::NotAsked => {}
        }
        self.proofs.push(outcome);
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
            (step.reason, step.initiator) = (Some(failure.reason), Some(failure.initiator));
            step.detail.extend(failure.detail);
        }
    }

    /// Looks at every rung again, with what was learnt since.
    pub fn amend(&mut self, change: impl FnMut(&mut Step)) {
        self.steps.iter_mut().for_each(change);
    }

    /// Whether every rung so far was climbed.
    pub fn is_unbroken(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }

    /// What became of the challenges so far.
    pub fn proofs(&self) -> &[ProofOutcome] {
        &self.proofs
    }

    /// The rung that decides how the climb ended, where it did not reach the top.
    pub fn failed_step(&self) -> Option<&Step> {
        self.steps.iter().find(|s| !s.ok)
    }

    /// Adds a fact to the rung that failed, else to the last.
    pub fn add_detail(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        let place = self.steps.iter().position(|s| !s.ok).unwrap_or(self.steps.len().saturating_sub(1));
        if let Some(step) = self.steps.get_mut(place) {
            step.detail.insert(name.to_owned(), value.into());
        }
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
            ..Observation::of_steps(&self.target.hop.id, self.started, clock::ms_since(self.origin), self.steps.clone())
        }
    }

    /// Puts what was seen of the same hop, from `begun` on, in the place of what this climb has.
    pub fn replace(&mut self, seen: Observation, begun: Option<Instant>) {
        let later = begun.map_or(0.0, |begun| begun.saturating_duration_since(self.origin).as_secs_f64() * 1e3);
        self.steps = seen.steps;
        for step in &mut self.steps {
            step.at_ms = ((step.at_ms + later) * 1e3).round() / 1e3;
        }
        (self.evidence, self.proofs, self.spread) = (seen.evidence, seen.proofs, seen.spread);
        (self.recognised, self.only_fronts) = (seen.recognised, seen.only_fronts);
    }

    /// Everything that was seen.
    pub fn finish(self) -> Observation {
        Observation {
            only_fronts: self.only_fronts,
            spread: self.spread,
            evidence: self.evidence,
            proofs: self.proofs,
            recognised: self.recognised,
            latency: self.latency.measured(),
            sweep: self.sweep,
            ..Observation::of_steps(&self.target.hop.id, self.started, clock::ms_since(self.origin), self.steps)
        }
    }
}
