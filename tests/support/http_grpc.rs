//! A stand-in on loopback, a hop that leads to it, and the words to ask an observation.
#![allow(dead_code, reason = "three test programs share this file, and none needs all of it")]

use portmatrix::climb::{Target, Tools};
use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::server;
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::net::identity::Identity;
use portmatrix::net::occupied::Occupied;
use portmatrix::net::serve;
use portmatrix::net::tls::Trust;
use portmatrix::observation::{Observation, Step, StepKind};
use portmatrix::plan::model::{Hop, HopEnd, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::reason::Reason;
use portmatrix::site::model::Host;
use portmatrix::stand_in::ServerTls;
use portmatrix::stand_in::StandIn;
use portmatrix::stand_in::memory::journal::Journal;
use portmatrix::wire::challenge::{Claims, ProofOutcome, SiteKey};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn key(seed: u8) -> SiteKey {
    SiteKey::new(&[seed; 32])
}

pub fn identity() -> Identity {
    Identity::self_signed(&["localhost".into(), "127.0.0.1".into()]).expect("a certificate")
}

fn pem(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// An open port with a stand-in behind it; closed when dropped.
pub struct Listener {
    pub address: SocketAddr,
    pub journal: Arc<Journal>,
    /// Its own certificate in PEM, where it speaks TLS.
    pub certificate: Option<String>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Listener {
    /// Ends it and every connection to it. What it remembers is whole then: an entry is written
    /// when its connection has ended.
    pub async fn end(mut self) -> Arc<Journal> {
        self.stop.cancel();
        (&mut self.task).await.expect("the listener ends in order");
        self.journal.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn listen(protocol: Protocol, key: Option<SiteKey>, paths: &[&str]) -> Listener {
    listen_within(protocol, key, paths, Limits::default())
}

pub fn listen_within(
    protocol: Protocol,
    key: Option<SiteKey>,
    paths: &[&str],
    limits: Limits,
) -> Listener {
    let listener = serve::bind((LOOPBACK, 0).into(), &Occupied::default()).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut certificate = None;
    let tls = protocol.is_tls().then(|| {
        let identity = identity();
        certificate = Some(pem(&identity.chain[0]));
        ServerTls {
            acceptor: identity.acceptor(&["h2", "http/1.1"]).expect("key and certificate fit"),
            certificate_sha256: identity.sha256().into(),
            own: true,
        }
    });
    let here = Arc::new(StandIn {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        tls,
        ..StandIn::new("psp", protocol, key)
    });
    let (journal, stop) = (Arc::new(Journal::default()), CancellationToken::new());
    let task =
        tokio::spawn(server::run(listener, here, Gate::new(limits), journal.clone(), stop.clone()));
    Listener { address, journal, certificate, stop, task }
}

pub fn hop(protocol: Protocol, port: u16, path: Option<&str>, expect: Expect) -> Hop {
    let end = |role: &str| HopEnd { role: role.into(), host: Host::Address(LOOPBACK) };
    let flow = PlannedFlow {
        options: Options::Web { path: path.map(str::to_owned) },
        expect,
        ..PlannedFlow::new("test/flow", protocol)
    };
    Hop {
        id: format!("test/flow/agent/psp:{port}"),
        ..Hop::new(Arc::new(flow), end("agent"), end("psp"), Some(LOOPBACK), port)
    }
}

/// Probes a port of loopback with a step deadline of `ms`.
pub async fn probe_for(hop: &Hop, key: Option<SiteKey>, ms: u64) -> Observation {
    let tools = Tools {
        key,
        trust: Trust::roots(identity().chain).expect("a root"),
        connect_deadline: Duration::from_secs(2),
        retries: 0,
        step_deadline: Duration::from_millis(ms),
        idle: None,
        range: portmatrix::climb::RangeMode::Never,
        allowance: portmatrix::net::sweep::Allowance::unlimited(),
    };
    let target = Target {
        hop,
        address: LOOPBACK,
        server_name: "localhost".into(),
        source: None,
        places: None,
        question: None,
        small_segments: false,
    };
    portmatrix::probe::probe(&target, &tools).await
}

/// The same with time enough for a loaded machine.
pub async fn probe(
    protocol: Protocol,
    port: u16,
    path: Option<&str>,
    key: Option<SiteKey>,
) -> Observation {
    probe_for(&hop(protocol, port, path, Expect::Allow), key, 10_000).await
}

/// What was seen, in a form that a test can ask.
pub trait Ask {
    fn step(&self, kind: StepKind) -> &Step;
    fn names(&self) -> Vec<&'static str>;
    /// First rung that was not climbed, and why.
    fn failed(&self) -> Option<(StepKind, Reason)>;
    fn claims(&self) -> &Claims;
}

impl Ask for Observation {
    fn step(&self, kind: StepKind) -> &Step {
        self.steps
            .iter()
            .find(|s| s.step == kind)
            .unwrap_or_else(|| panic!("no {} in {:#?}", kind.name(), self.steps))
    }

    fn names(&self) -> Vec<&'static str> {
        self.steps.iter().map(|s| s.step.name()).collect()
    }

    fn failed(&self) -> Option<(StepKind, Reason)> {
        self.first_failure().map(|s| (s.step, s.reason().expect("a failed rung has a reason")))
    }

    fn claims(&self) -> &Claims {
        match self.proofs.as_slice() {
            [ProofOutcome::Valid { claims, .. }] => claims,
            other => panic!("not one valid proof but {other:#?} in {:#?}", self.steps),
        }
    }
}
