//! Hostile peers on loopback: no probe hangs, panics or shows green for them, and a listener tells
//! a stranger nothing.

use portmatrix::climb::{Target, Tools};
use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::server;
use portmatrix::matrix::model::{Interface, Protocol};
use portmatrix::net::clock;
use portmatrix::net::identity::Identity;
use portmatrix::net::random;
use portmatrix::net::tls::{Trust, crypto};
use portmatrix::observation::Observation;
use portmatrix::plan::model::{Hop, HopEnd, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::probe::probe;
use portmatrix::protocol::list::Application;
use portmatrix::protocol::rpc::codec::epm::{MapResponse, NO_HANDLE};
use portmatrix::protocol::rpc::codec::{
    Assembler, BindAck, Body, ContextResult, MAX_FRAG, Pdu, Response, Syntax, Tower, Uuid,
};
use portmatrix::reason::Reason;
use portmatrix::result::HopResult;
use portmatrix::site::model::Host;
use portmatrix::stand_in::memory::journal::Journal;
use portmatrix::stand_in::{Caller, StandIn};
use portmatrix::verdict::{Judgement, Policy, Verdict, judge};
use portmatrix::wire::challenge::{Aim, Challenge, ProofOutcome, SiteKey, verify};
use portmatrix::wire::question::{HopQuestion, hop_tag};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOST: &str = "psp.contoso.com";
/// Deadline of each step in these tests, and of a whole hop (24 steps), with time for a busy
/// machine.
const STEP: Duration = Duration::from_millis(300);
const WHOLE_HOP: Duration = Duration::from_millis(300 * 24 + 4000);

fn key() -> SiteKey {
    SiteKey::new(&[7; 32])
}

fn interface(n: u8) -> Interface {
    let uuid = Uuid::from_bytes([n; 16]);
    Interface { name: format!("interface{n}"), uuid, version: (1, 0), title: None, hint: None }
}

fn hop(protocol: Protocol, interfaces: Vec<Interface>, port: u16) -> Hop {
    let end = |name: &str| HopEnd {
        role: name.into(),
        host: Host::Named { name: name.into(), addresses: vec![LOOPBACK] },
    };
    let flow = PlannedFlow {
        options: match protocol.application() {
            Application::Raw => Options::Raw { first_bytes: true, greeting: None },
            Application::Ldap => Options::Ldap { starttls: protocol == Protocol::Ldap },
            Application::Rpc => Options::Rpc { interfaces, range: None },
            _ => Options::Web { path: Some("/Agent".into()) },
        },
        ..PlannedFlow::new("test/hostile", protocol)
    };
    Hop::new(Arc::new(flow), end("ws"), end(HOST), Some(LOOPBACK), port)
}

async fn climb(hop: &Hop) -> (Observation, Judgement) {
    let chain = Identity::self_signed(&["nobody.example".to_owned()]).expect("a certificate").chain;
    let trust = Trust::roots(chain).expect("a root");
    let tools = Tools {
        key: Some(key()),
        trust,
        connect_deadline: STEP,
        retries: 0,
        step_deadline: STEP,
        idle: None,
        range: portmatrix::climb::RangeMode::Never,
        allowance: portmatrix::net::sweep::Allowance::unlimited(),
    };
    let seen = probe(
        &Target {
            hop,
            address: LOOPBACK,
            server_name: HOST.to_owned(),
            source: None,
            places: None,
            question: None,
            small_segments: false,
        },
        &tools,
    )
    .await;
    let judged = judge(hop, Some(&seen), Policy::default());
    (seen, judged)
}

async fn bind() -> (TcpListener, u16) {
    let socket = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}

/// What a hostile service does to everybody: its first octets, then some more again and again.
#[derive(Debug, Clone, Copy)]
struct Hostile {
    first: &'static [u8],
    again: &'static [u8],
    pause: Duration,
}

async fn hostile(manner: Hostile) -> u16 {
    let (socket, port) = bind().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let more = if manner.pause.is_zero() {
                    manner.again.repeat(16 * 1024 / manner.again.len())
                } else {
                    manner.again.to_vec()
                };
                let mut sent = stream.write_all(manner.first).await;
                while sent.is_ok() {
                    tokio::time::sleep(manner.pause).await;
                    sent = stream.write_all(&more).await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_service_holds_a_probe_or_passes() {
    const FAST: Duration = Duration::ZERO;
    const SLOW: Duration = Duration::from_millis(40);
    let manners = [
        Hostile { first: b"", again: b"x", pause: FAST },
        Hostile { first: b"", again: b"\0", pause: FAST },
        Hostile { first: b"", again: b"\0", pause: SLOW },
        Hostile { first: b"", again: b"HTTP/1.1 100 Continue\r\n\r\n", pause: FAST },
        Hostile { first: b"HTTP/1.1 200 OK\r\n", again: b"a: b\r\n", pause: FAST },
        Hostile { first: b"HTTP/1.1 200 OK\r\na: ", again: b"b", pause: FAST },
        Hostile { first: b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", again: b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", pause: FAST },
        Hostile {
            first: b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88",
            again: b"\x00\x00\x00\x09\x00\x00\x00\x00\x01",
            pause: FAST,
        },
        Hostile { first: b"", again: b"\x16\x03\x03\x40\x00", pause: SLOW },
        Hostile { first: b"\x16\x03\x03\x00\x04\x02\x00\x40\x00", again: b"\x16\x03\x03\x00\x01\x00", pause: FAST },
        Hostile { first: b"", again: b"\x30\x0c\x02\x01\x05\x65\x07\x0a\x01\x00\x04\x00\x04\x00", pause: FAST },
        Hostile { first: b"\x30\x84\x00\x0f\xff\xff", again: b"\x30\x80", pause: FAST },
        Hostile {
            first: b"",
            again: b"\x05\x00\x02\x00\x10\x00\x00\x00\x18\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            pause: FAST,
        },
        Hostile { first: b"PORTMATRIX/1 ", again: b"A.", pause: FAST },
    ];
    let protocols = [
        Protocol::Tcp,
        Protocol::Tls,
        Protocol::Http,
        Protocol::Https,
        Protocol::Grpc,
        Protocol::GrpcH2c,
        Protocol::Ldap,
        Protocol::Ldaps,
        Protocol::Rpc,
    ];
    for manner in manners {
        let port = hostile(manner).await;
        let mut probes = tokio::task::JoinSet::new();
        for protocol in protocols {
            probes.spawn(async move {
                let begun = Instant::now();
                let (_, judged) =
                    climb(&hop(protocol, vec![interface(1), interface(2)], port)).await;
                (protocol, begun.elapsed(), judged)
            });
        }
        while let Some(done) = probes.join_next().await {
            let (protocol, took, judged) = done.expect("the probe does not panic");
            assert!(took < WHOLE_HOP, "{protocol} took {took:?} of {manner:?}");
            assert_ne!(judged.verdict, Verdict::Pass, "{protocol} {manner:?}: {judged:?}");
        }
    }
}

/// An endpoint mapper, and eight ports for every interface, that answer everything late but within
/// the deadline of one step.
async fn late_mapper(delay: Duration) -> u16 {
    let mut sockets = Vec::new();
    for _ in 0..9 {
        sockets.push(bind().await);
    }
    let ports: Vec<u16> = sockets.iter().map(|(_, port)| *port).collect();
    for (socket, _) in sockets {
        let others = ports[1..].to_vec();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(late_answers(stream, others.clone(), delay));
            }
        });
    }
    ports[0]
}

async fn late_answers(mut stream: TcpStream, ports: Vec<u16>, delay: Duration) {
    let mut assembler = Assembler::default();
    let mut chunk = [0; 4096];
    let mut asked = 0;
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        assembler.push(&chunk[..read]);
        while let Ok(Some(pdu)) = assembler.next_pdu() {
            let body = match pdu.body {
                Body::Bind(bind) => Body::BindAck(BindAck {
                    max_xmit: MAX_FRAG,
                    max_recv: MAX_FRAG,
                    assoc_group: 1,
                    sec_addr: String::new(),
                    results: [ContextResult::accepted(Syntax::NDR32), ContextResult::rejected(1)]
                        [..bind.contexts.len().min(2)]
                        .to_vec(),
                }),
                Body::Request(request) => {
                    asked += 1;
                    let wanted = Syntax { uuid: Uuid::from_bytes([asked; 16]), major: 1, minor: 0 };
                    let towers: Vec<Tower> = ports
                        .iter()
                        .map(|port| Tower::tcp(wanted, *port, Ipv4Addr::LOCALHOST))
                        .collect();
                    let stub = MapResponse { handle: NO_HANDLE, max_count: 8, towers, status: 0 }
                        .encode(3);
                    Body::Response(Response { context: request.context, stub })
                }
                _ => return,
            };
            tokio::time::sleep(delay).await;
            if stream.write_all(&Pdu::new(pdu.call_id, body).encode(MAX_FRAG)).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapper_that_is_late_with_everything_does_not_hold_up_a_run() {
    let mapper = late_mapper(STEP * 2 / 3).await;
    let begun = Instant::now();
    // Nine answers for each interface: without a bound for the whole hop this takes 20 s.
    let (seen, judged) =
        climb(&hop(Protocol::Rpc, (1..=11).map(interface).collect(), mapper)).await;
    assert!(begun.elapsed() < WHOLE_HOP, "{:?}", begun.elapsed());
    assert!(
        seen.steps
            .iter()
            .any(|s| s.is_climbed() && s.step == portmatrix::observation::StepKind::RpcPort),
        "the first ports answer: {seen:#?}"
    );
    assert_eq!(judged.verdict, Verdict::Fail);
    let told = serde_json::to_string(&seen.steps).expect("JSON");
    assert!(told.contains("beyond all deadlines"), "{told}");
}

fn stand_in(protocol: Protocol, interfaces: Vec<(Interface, u16)>, is_mapper: bool) -> StandIn {
    StandIn { interfaces, is_mapper, ..StandIn::new(HOST, protocol, Some(key())) }
}

async fn listen(here: StandIn) -> u16 {
    let (socket, port) = bind().await;
    tokio::spawn(server::run(
        socket,
        Arc::new(here),
        Gate::new(Limits::default()),
        Arc::new(Journal::default()),
        CancellationToken::new(),
    ));
    port
}

/// Relays every connection to another port, as a device in the way would.
async fn relay(to: u16) -> u16 {
    let (socket, port) = bind().await;
    tokio::spawn(async move {
        while let Ok((mut near, _)) = socket.accept().await {
            tokio::spawn(async move {
                let mut far = TcpStream::connect((LOOPBACK, to)).await.expect("connected");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_proof_relayed_from_another_port_is_no_proof() {
    // RPC: the mapper is honest, the interface's port is a device that passes everything on to
    // another port of the right host.
    let real = listen(stand_in(Protocol::Rpc, vec![(interface(1), 0)], false)).await;
    let mapper =
        listen(stand_in(Protocol::Rpc, vec![(interface(1), relay(real).await)], true)).await;
    let (_, judged) = climb(&hop(Protocol::Rpc, vec![interface(1)], mapper)).await;
    assert_eq!(
        (judged.verdict, judged.reason),
        (Verdict::Fail, Reason::WrongListener),
        "{judged:?}"
    );
    let mapper = listen(stand_in(Protocol::Rpc, vec![(interface(1), real)], true)).await;
    assert_eq!(
        climb(&hop(Protocol::Rpc, vec![interface(1)], mapper)).await.1.reason,
        Reason::Proved,
        "without the device"
    );

    for protocol in [Protocol::Tcp, Protocol::Http, Protocol::Ldap] {
        let real = listen(stand_in(protocol, Vec::new(), false)).await;
        let mut hop = hop(protocol, Vec::new(), relay(real).await);
        if protocol == Protocol::Ldap {
            Arc::make_mut(&mut hop.flow).options = Options::Ldap { starttls: false };
        }
        let (_, judged) = climb(&hop).await;
        assert_eq!(
            (judged.verdict, judged.reason),
            (Verdict::Fail, Reason::WrongListener),
            "{protocol}: {judged:?}"
        );
    }
}

#[test]
fn a_recorded_challenge_opens_no_mouth_later() {
    let here = stand_in(Protocol::Tcp, Vec::new(), false);
    let address = SocketAddr::new(LOOPBACK, 1);
    let asked_at = |hours: i64| {
        let sent = clock::now() + jiff::SignedDuration::from_hours(hours);
        let octets =
            Challenge::new(random(), "a hop", sent).encode(&key(), Aim::new(HOST, address.port()));
        let seen = Caller::new(address, address);
        let understood = here.understands(&seen, &octets);
        let proved = here.prove(&seen, &octets, None).is_some();
        assert_eq!(proved, understood, "RPC already tells at its bind");
        proved
    };
    assert!(asked_at(0));
    assert!(asked_at(-12) && asked_at(14), "a wrong time zone is for the connector to find");
    assert!(!asked_at(-30) && !asked_at(30));
}

#[test]
fn a_challenge_is_answered_once_and_where_it_was_sent_to() {
    let here = stand_in(Protocol::Tcp, Vec::new(), false);
    let (own, peer) = (SocketAddr::new(LOOPBACK, 5000), SocketAddr::new(LOOPBACK, 40_000));
    let ask = |seen: &Caller, host: &str, port, age| {
        let sent = clock::now() - jiff::SignedDuration::from_secs(age);
        let challenge = Challenge::new(random(), "a hop", sent);
        let octets = challenge.encode(&key(), Aim::new(host, port));
        let proof = here.prove(seen, &octets, None);
        let outcome = proof.as_deref().map(|proof| verify(&key(), &challenge, proof, None));
        let says = match outcome {
            Some(ProofOutcome::Valid { claims, .. }) if claims.misdirected => "who is here",
            Some(ProofOutcome::Valid { .. }) => "proved",
            None => "nothing",
            other => panic!("{other:?}"),
        };
        (octets, says)
    };
    let honest = Caller::new(own, peer);
    let (octets, says) = ask(&honest, HOST, 5000, 0);
    assert_eq!(says, "proved");
    assert!(here.prove(&honest, &octets, None).is_some(), "again on its own connection");
    assert!(honest.standing.is_proved());
    let replayed = Caller::new(own, peer);
    assert!(here.prove(&replayed, &octets, None).is_none());
    assert!(!here.understands(&replayed, &octets), "not at a bind either");
    assert!(!replayed.standing.is_proved());

    for (host, port) in [(HOST, 5001), ("dc.contoso.com", 5000)] {
        let stranger = Caller::new(own, peer);
        let (octets, says) = ask(&stranger, host, port, 10);
        assert_eq!(says, "who is here", "a connection that was led astray");
        assert!(here.prove(&Caller::new(own, peer), &octets, None).is_none(), "once, too");
        assert_eq!(ask(&stranger, host, port, 3600).1, "nothing", "a recording");
        assert!(!stranger.standing.is_proved(), "it keeps a stranger's limits");
    }
    // Whoever led it here and takes the answer away is not believed by the listener's word.
    let question = HopQuestion { hop: hop_tag("a hop"), age_ms: 60_000, path: [0; 2] };
    let came = here.sightings.requests.answer(&question, None, clock::steady());
    assert_eq!((came.proved, came.marked), (2, 2), "of its own, and of those that were led here");
    // A listener that began anew does not know what the one before it answered.
    here.sightings.begin(std::collections::BTreeSet::new(), clock::steady());
    for (age, is_of_this_run) in [(0, true), (3600, false)] {
        let seen = Caller::new(own, peer);
        assert_eq!(ask(&seen, HOST, 5000, age).1, "proved", "a slow clock is for the connector");
        assert_eq!(seen.standing.is_proved(), is_of_this_run, "{age} s before");
    }
    let swept = Challenge::new(random(), "a hop", clock::now()).at_port(5000);
    let try_at = |n: u16, port| {
        let octets = swept.at_try(n).encode(&key(), Aim::new(HOST, port));
        here.stamp(&octets, 5000, LOOPBACK).is_some()
    };
    assert!(try_at(1, 5000) && !try_at(1, 5000), "a stamp is given once");
    assert!(try_at(3, 5000) && !try_at(2, 5000), "and to no older try");
    assert!(!try_at(4, 5001), "nor to one of another port");
    assert_eq!(here.receipts.sweeps(), [(LOOPBACK, 1)]);
}

#[tokio::test]
async fn a_certificate_steers_no_terminal_and_is_not_green() {
    let mut parameters = rcgen::CertificateParams::new(vec![HOST.to_owned()]).expect("parameters");
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, "psp\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}");
    // The name under which a stand-in shows itself is anybody's to use.
    parameters
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, portmatrix::wire::challenge::OWN_CERTIFICATE);
    let pair = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&pair).expect("a certificate");
    let config = rustls::ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(pair.serialize_der()).into(),
        )
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (socket, port) = bind().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut chunk = [0; 4096];
            let _ = stream.read(&mut chunk).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nserver: \x1b[2Jx\r\nlocation: \x9b2J\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let hop = hop(Protocol::Https, Vec::new(), port);
    let (seen, judged) = climb(&hop).await;
    assert!(
        !matches!(judged.verdict, Verdict::Pass | Verdict::Warn),
        "an impostor's certificate ends in exit code 0: {judged:?}"
    );
    let result = HopResult::new(&hop, Some(&seen), judged);
    let subject = result
        .steps
        .iter()
        .find_map(|s| s.facts.certificate.subject.as_deref())
        .expect("a subject");
    assert!(subject.contains("psp"), "{subject}");
    let told =
        format!("{:?} {:?}", result.recognised, serde_json::to_value(&result.steps).expect("JSON"));
    let style = portmatrix::report::Style { width: 200, color: false };
    let shown = portmatrix::document::terminal::render(
        &portmatrix::report::results::of_hops(std::slice::from_ref(&result)),
        style,
    );
    for text in [subject, &shown, result.recognised.as_deref().unwrap_or_default()] {
        assert!(
            !text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{text:?} in {told}"
        );
    }
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_ended() {
    let identity = Identity::self_signed(&[HOST.to_owned()]).expect("a certificate");
    let server = portmatrix::stand_in::ServerTls {
        acceptor: identity.acceptor(&[]).expect("an acceptor"),
        certificate_sha256: identity.sha256().into(),
        own: true,
    };
    let port =
        listen(StandIn { tls: Some(server), ..stand_in(Protocol::Ldaps, Vec::new(), false) }).await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect((LOOPBACK, port)).await.expect("connected");
    let mut came = Vec::new();
    let ended = async {
        stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("written");
        stream.read_to_end(&mut came).await
    };
    let _ =
        tokio::time::timeout(Duration::from_secs(25), ended).await.expect("ended by the listener");
    assert!(
        begun.elapsed() > Duration::from_secs(5) && came.is_empty(),
        "{:?} {came:?}",
        begun.elapsed()
    );
}
