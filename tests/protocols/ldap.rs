//! LDAP on loopback: the probe against the stand-in, and against peers that follow a script.

use portmatrix::climb::{Target, Tools};
use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::server;
use portmatrix::matrix::model::Protocol;
use portmatrix::net::identity::Identity;
use portmatrix::net::tls::Trust;
use portmatrix::observation::{Observation, Step, StepKind};
use portmatrix::plan::model::{Hop, HopEnd, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::probe::probe;
use portmatrix::reason::Reason;
use portmatrix::site::model::Host;
use portmatrix::stand_in::memory::journal::{Arrival, Journal};
use portmatrix::stand_in::{ServerTls, StandIn};
use portmatrix::wire::challenge::{PADDING, ProofOutcome, SiteKey};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOST: &str = "dc01.contoso.com";

fn key(seed: u8) -> Option<SiteKey> {
    Some(SiteKey::new(&[seed; 32]))
}

/// A stand-in on a free port, until it is dropped.
struct Listener {
    port: u16,
    journal: Arc<Journal>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    identity: Identity,
}

impl Listener {
    async fn start(protocol: Protocol, key: Option<SiteKey>, tls: bool) -> Self {
        let identity = Identity::self_signed(&[HOST.to_owned()]).expect("a certificate");
        let server_tls = tls.then(|| ServerTls {
            acceptor: identity.acceptor(&[]).expect("an acceptor"),
            certificate_sha256: identity.sha256().into(),
            own: true,
        });
        let here = StandIn { tls: server_tls, ..StandIn::new(HOST, protocol, key) };
        let socket = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let (journal, stop) = (Arc::new(Journal::default()), CancellationToken::new());
        let task = tokio::spawn(server::run(
            socket,
            Arc::new(here),
            Gate::new(Limits::default()),
            journal.clone(),
            stop.clone(),
        ));
        Listener { port, journal, stop, task, identity }
    }

    async fn end(self) -> Arc<Journal> {
        self.stop.cancel();
        self.task.await.expect("the listener ends in order");
        self.journal
    }

    /// Waits until this many connections have come to their own end, and returns how they did.
    async fn arrivals(self, count: usize) -> Vec<Arrival> {
        for _ in 0..200 {
            if self.journal.snapshot().arrivals.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.end().await.snapshot().arrivals
    }

    fn trust(&self) -> Trust {
        Trust::roots(self.identity.chain.clone()).expect("a root")
    }
}

fn hop(protocol: Protocol, starttls: bool, port: u16) -> Hop {
    let end = |name: &str| HopEnd {
        role: name.into(),
        host: Host::Named { name: name.into(), addresses: vec![LOOPBACK] },
    };
    let flow = PlannedFlow {
        options: Options::Ldap { starttls },
        ..PlannedFlow::new("test/ldap", protocol)
    };
    Hop::new(Arc::new(flow), end("a"), end(HOST), Some(LOOPBACK), port)
}

async fn climb(hop: &Hop, key: Option<SiteKey>, trust: Trust) -> Observation {
    let tools = Tools {
        key,
        trust,
        connect_deadline: Duration::from_secs(5),
        retries: 0,
        step_deadline: Duration::from_millis(1500),
        idle: None,
        range: portmatrix::climb::RangeMode::Never,
        allowance: portmatrix::net::sweep::Allowance::unlimited(),
    };
    let target = Target {
        hop,
        address: LOOPBACK,
        server_name: HOST.to_owned(),
        source: None,
        places: None,
        question: None,
        small_segments: false,
    };
    probe(&target, &tools).await
}

fn any_trust() -> Trust {
    Trust::roots(
        Identity::self_signed(&["nobody.example".to_owned()]).expect("a certificate").chain,
    )
    .expect("a root")
}

fn rungs(seen: &Observation) -> Vec<(StepKind, bool)> {
    seen.steps.iter().map(|s| (s.step, s.is_climbed())).collect()
}

fn failed(seen: &Observation) -> &Step {
    seen.first_failure().unwrap_or_else(|| panic!("nothing failed: {seen:#?}"))
}

fn valid(outcome: &ProofOutcome) -> Option<bool> {
    match outcome {
        ProofOutcome::Valid { claims, same_tls_session } => {
            assert_eq!(claims.host, HOST);
            *same_tls_session
        }
        other => panic!("no valid proof: {other:?}"),
    }
}

#[tokio::test]
async fn plain_ldap_is_proved() {
    use StepKind::{Connect, Ldap, Payload, Proof};
    let listener = Listener::start(Protocol::Ldap, key(1), false).await;
    let seen = climb(&hop(Protocol::Ldap, false, listener.port), key(1), any_trust()).await;
    assert_eq!(rungs(&seen), [(Connect, true), (Ldap, true), (Proof, true), (Payload, true)]);
    assert_eq!(seen.steps[3].facts.flat()["octets_received"], PADDING, "what was sent came back");
    assert_eq!(valid(&seen.proofs[0]), None);
    let detail = &seen.steps[1].facts.flat();
    assert_eq!(detail["dns_host_name"], HOST);
    assert_eq!(detail["default_naming_context"], "DC=contoso,DC=com");
    assert_eq!(detail["supported_ldap_version"], serde_json::json!([3]));
    assert_eq!(detail["active_directory"], false);
    assert!(detail["clock_offset_s"].as_i64().is_some_and(|s| s.abs() <= 2), "{detail:?}");
    assert_eq!(seen.recognised, None, "a stand-in claims to be no product");
    assert_eq!(
        listener.arrivals(1).await.iter().map(|a| (a.proved, a.ended.as_str())).collect::<Vec<_>>(),
        [(true, "closed")]
    );
}

#[tokio::test]
async fn without_the_right_key_nothing_is_proved() {
    use StepKind::{Connect, Ldap, Payload};
    for (here, there, wanted) in [
        (None, key(1), ProofOutcome::NotAsked),
        (key(1), None, ProofOutcome::None),
        (key(1), key(2), ProofOutcome::None),
    ] {
        let listener = Listener::start(Protocol::Ldap, there, false).await;
        let seen = climb(&hop(Protocol::Ldap, false, listener.port), here, any_trust()).await;
        // Without a key nothing is said again.
        let said_again = (wanted != ProofOutcome::NotAsked).then_some((Payload, true));
        assert_eq!(
            rungs(&seen),
            [(Connect, true), (Ldap, true)].into_iter().chain(said_again).collect::<Vec<_>>()
        );
        assert_eq!(seen.proofs, [wanted]);
        assert_eq!(
            listener.arrivals(1).await.iter().map(|a| a.proved).collect::<Vec<_>>(),
            [false]
        );
    }
}

#[tokio::test]
async fn starttls_is_climbed_and_proved_twice() {
    use StepKind::{Connect, Ldap, Payload, Proof, StartTls, Tls};
    let listener = Listener::start(Protocol::Ldap, key(1), true).await;
    let seen = climb(&hop(Protocol::Ldap, true, listener.port), key(1), listener.trust()).await;
    let wanted = [Connect, Ldap, Proof, StartTls, Tls, Ldap, Proof, Payload];
    assert_eq!(rungs(&seen), wanted.map(|s| (s, true)), "{seen:#?}");
    assert_eq!(seen.proofs.iter().map(valid).collect::<Vec<_>>(), [None, Some(true)]);
    let ProofOutcome::Valid { claims, .. } = &seen.proofs[1] else { unreachable!() };
    assert_eq!(claims.tls.as_ref().and_then(|t| t.sni.as_deref()), Some(HOST));
    assert_eq!(seen.steps[4].reason(), None, "the certificate is trusted");
}

#[tokio::test]
async fn ldaps_is_proved_inside_tls() {
    use StepKind::{Connect, Ldap, Payload, Proof, Tls};
    let listener = Listener::start(Protocol::Ldaps, key(1), true).await;
    let seen = climb(&hop(Protocol::Ldaps, false, listener.port), key(1), listener.trust()).await;
    assert_eq!(rungs(&seen), [Connect, Tls, Ldap, Proof, Payload].map(|s| (s, true)), "{seen:#?}");
    assert_eq!(valid(&seen.proofs[0]), Some(true));
}

#[tokio::test]
async fn starttls_without_a_certificate_is_refused_with_advice() {
    let listener = Listener::start(Protocol::Ldap, key(1), false).await;
    let seen = climb(&hop(Protocol::Ldap, true, listener.port), key(1), any_trust()).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::StartTls, Some(Reason::LdapRefused)));
    assert_eq!(
        (&step.facts.flat()["result_code"], &step.facts.flat()["result"]),
        (&52.into(), &"unavailable".into())
    );
    assert!(step.facts.flat()["hint"].as_str().is_some_and(|h| h.contains("certificate")));
    assert_eq!(valid(&seen.proofs[0]), None, "the plain search had been proved before");
}

/// What a scripted peer does after the first octets of a request came, unless it acts at once.
enum Script {
    Silence,
    Close,
    Reset,
    Send(&'static [u8]),
    SendAndClose(&'static [u8]),
}

/// Probes a peer that follows the script.
async fn against(script: Script, protocol: Protocol, starttls: bool) -> Observation {
    let socket = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        match script {
            Script::Silence => {}
            Script::Close => return,
            Script::Reset => {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
                return;
            }
            Script::Send(octets) => stream.write_all(octets).await.expect("sent"),
            Script::SendAndClose(octets) => {
                stream.write_all(octets).await.expect("sent");
                return;
            }
        }
        // Held open until the probe has gone.
        let _ = stream.read(&mut request).await;
    });
    let seen = climb(&hop(protocol, starttls, port), key(1), any_trust()).await;
    peer.await.expect("the peer followed its script");
    seen
}

async fn reason_of(script: Script) -> (Observation, Reason) {
    let seen = against(script, Protocol::Ldap, false).await;
    let step = failed(&seen);
    assert_eq!(step.step, StepKind::Ldap);
    let reason = step.reason().expect("a reason");
    assert_eq!(seen.proofs, [ProofOutcome::None]);
    (seen, reason)
}

#[tokio::test]
async fn peers_that_are_no_directory_are_told_apart() {
    for (script, wanted) in [
        (Script::Silence, Reason::SilentAfterConnect),
        (Script::Close, Reason::ClosedAfterConnect),
        (Script::Reset, Reason::ResetAfterConnect),
        (Script::Send(b"\x30\x0c\x02\x01\x01\x65"), Reason::SilentAfterConnect),
        (Script::SendAndClose(b"\x30\x0c\x02\x01\x01\x65"), Reason::ClosedAfterConnect),
        (Script::Send(b"\x01\x02\x03garbage"), Reason::LdapNotSpoken),
        (Script::Send(b"\x30\x84\x7f\xff\xff\xff\x02\x01"), Reason::LdapNotSpoken),
        (Script::Send(b"\x30\x80\x02\x01\x01\x00\x00"), Reason::LdapNotSpoken),
        (
            Script::Send(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            Reason::LdapNotSpoken,
        ),
        (Script::Send(b"\x30\x05\x02\x01\x01\x65\x00"), Reason::LdapNotSpoken),
    ] {
        let (seen, reason) = reason_of(script).await;
        assert_eq!(reason, wanted, "{seen:#?}");
    }
}

#[tokio::test]
async fn an_http_answer_is_named() {
    let (seen, reason) = reason_of(Script::SendAndClose(b"HTTP/1.1 403 Forbidden\r\n\r\n")).await;
    assert_eq!(
        (reason, &failed(&seen).facts.flat()["looks_like"]),
        (Reason::LdapNotSpoken, &"HTTP".into())
    );
    assert_eq!(
        failed(&seen).facts.flat()["first_octets"],
        "HTTP/1.1 403 Forbidden",
        "no control characters"
    );
}

#[tokio::test]
async fn refusals_keep_their_code_and_words() {
    let referral =
        b"\x30\x1c\x02\x01\x01\x65\x17\x0a\x01\x0a\x04\x00\x04\x00\xa3\x0e\x04\x0cldap://a.b/c";
    let (seen, reason) = reason_of(Script::Send(referral)).await;
    let detail = &failed(&seen).facts.flat();
    assert_eq!(
        (reason, &detail["result"], &detail["referral"][0]),
        (Reason::LdapRefused, &"referral".into(), &"ldap://a.b/c".into())
    );

    let unknown = b"\x30\x0e\x02\x01\x01\x65\x09\x0a\x01\x5a\x04\x00\x04\x02no";
    let (seen, reason) = reason_of(Script::Send(unknown)).await;
    let detail = &failed(&seen).facts.flat();
    assert_eq!(
        (reason, &detail["result_code"], &detail["text"]),
        (Reason::LdapRefused, &90.into(), &"no".into())
    );

    // A notice of disconnection: message id 0, result busy.
    let notice =
        b"\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x33\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036";
    let (seen, reason) = reason_of(Script::SendAndClose(notice)).await;
    let detail = &failed(&seen).facts.flat();
    assert_eq!(
        (reason, &detail["result"], &detail["notice"]),
        (Reason::LdapRefused, &"busy".into(), &true.into())
    );
}

/// An element with its length in four octets, as Windows writes it.
fn windows(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).expect("short").to_be_bytes();
    [&[tag, 0x84], &length[..], &content].concat()
}

/// Entry and result of a Windows domain controller.
fn windows_answer() -> Vec<u8> {
    let attribute = |name: &str, value: &str| {
        let value = windows(0x31, &[&windows(0x04, &[value.as_bytes()])]);
        windows(0x30, &[&windows(0x04, &[name.as_bytes()]), &value])
    };
    let attributes = windows(
        0x30,
        &[
            &attribute("dnsHostName", "dc1.fab.com"),
            &attribute("supportedCapabilities", "1.2.840.113556.1.4.800"),
        ],
    );
    let entry = windows(0x30, &[b"\x02\x01\x01", &windows(0x64, &[b"\x04\x00", &attributes])]);
    let done =
        windows(0x30, &[b"\x02\x01\x01", &windows(0x65, &[b"\x0a\x01\x00\x04\x00\x04\x00"])]);
    [entry, done].concat()
}

#[tokio::test]
async fn an_answer_as_windows_writes_it_is_read() {
    let octets: &'static [u8] = Box::leak(windows_answer().into_boxed_slice());
    let seen = against(Script::Send(octets), Protocol::Ldap, false).await;
    assert_eq!(rungs(&seen), [(StepKind::Connect, true), (StepKind::Ldap, true)], "{seen:#?}");
    assert_eq!(seen.recognised.as_deref(), Some("Active Directory"));
    assert_eq!(seen.steps[1].facts.flat()["dns_host_name"], "dc1.fab.com");
    assert_eq!(seen.proofs, [ProofOutcome::None]);
}

#[tokio::test]
async fn clear_text_behind_the_starttls_answer_is_not_taken_into_tls() {
    // Search done, then StartTLS agreed to, and behind it an octet too many, all of it foreseen.
    const ANSWERS: &[u8] = b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00\
        \x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x16";
    let seen = against(Script::Send(ANSWERS), Protocol::Ldap, true).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::StartTls, Some(Reason::LdapNotSpoken)));
}

/// A connection to a stand-in on which octets are sent, and everything up to the end, or up to a
/// pause, is read.
async fn raw(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(SocketAddr::new(LOOPBACK, port)).await.expect("connected");
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_millis(300), stream.read_to_end(&mut answer)).await;
    answer
}

/// The octets of a file in `tests/vectors`.
fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a vector");
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .map(|d| u8::from_str_radix(d, 16).expect("two digits"))
        .collect()
}

#[tokio::test]
async fn requests_of_real_clients_get_the_answers_of_a_directory() {
    let listener = Listener::start(Protocol::Ldap, key(1), true).await;
    let port = listener.port;
    assert_eq!(
        raw(port, &vector("ldap_anon_bind_req")).await,
        vector("ldap_anon_bind_resp"),
        "anonymous bind"
    );
    assert_eq!(
        raw(port, &vector("ldap_starttls_req")).await,
        vector("ldap_starttls_resp"),
        "StartTLS"
    );
    assert_eq!(raw(port, &vector("ldap_unbind_req")).await, b"", "unbind closes");
    assert_eq!(
        raw(port, &vector("ldap_netlogon_ping_tcp_req")).await,
        vector("ldap_rootdse_done_resp"),
        "no entry, success"
    );
    // Of these the result code is what counts; the words are our own.
    for (request, id, op, code) in [
        ("ldap_simple_bind_cleartext_req", 2, 0x61, 8),
        ("ldap_anon_domain_search_req", 2, 0x65, 1),
        ("ldap_extreq_unknown_req", 1, 0x78, 2),
    ] {
        let answer = raw(port, &vector(request)).await;
        assert_eq!((answer[4], answer[5], answer[9]), (id, op, code), "{request}: {answer:02x?}");
    }
    let entry = raw(port, &vector("ldap_rootdse_all_req")).await;
    let text = String::from_utf8_lossy(&entry);
    assert!(
        text.contains(HOST)
            && text.contains("1.3.6.1.4.1.1466.20037")
            && text.contains("DC=contoso,DC=com"),
        "{text:?}"
    );
    assert!(entry.ends_with(&vector("ldap_rootdse_done_resp")));
    for hostile in ["hostile_ldap_len", "hostile_ldap_indef"] {
        assert_eq!(raw(port, &vector(hostile)).await, b"", "{hostile}");
    }
    let ended: Vec<String> = listener.arrivals(10).await.into_iter().map(|a| a.ended).collect();
    assert_eq!(ended.iter().filter(|e| e.contains("not LDAP")).count(), 2, "{ended:?}");
}

#[tokio::test]
async fn an_unknown_operation_is_told_and_ends_the_connection() {
    let listener = Listener::start(Protocol::Ldap, None, false).await;
    for request in [
        &b"\x30\x05\x02\x01\x01\x7d\x00"[..],
        b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
    ] {
        let answer = raw(listener.port, request).await;
        assert_eq!(
            (answer[4], answer[5], answer[9]),
            (0, 0x78, 2),
            "a notice of disconnection: {answer:02x?}"
        );
        assert!(String::from_utf8_lossy(&answer).contains("1.3.6.1.4.1.1466.20036"));
    }
}

#[tokio::test]
async fn starttls_with_more_behind_it_is_refused_and_nothing_is_carried_over() {
    let listener = Listener::start(Protocol::Ldap, key(1), true).await;
    let request = [vector("ldap_starttls_req"), vector("ldap_anon_bind_req")].concat();
    let answer = raw(listener.port, &request).await;
    assert_eq!((answer[4], answer[5], answer[9]), (3, 0x78, 1), "operationsError: {answer:02x?}");
    assert!(
        answer.ends_with(&vector("ldap_anon_bind_resp")),
        "and the bind is answered in clear text"
    );
}

#[tokio::test]
async fn starttls_inside_tls_is_an_operations_error() {
    let listener = Listener::start(Protocol::Ldaps, key(1), true).await;
    let stream =
        TcpStream::connect(SocketAddr::new(LOOPBACK, listener.port)).await.expect("connected");
    let mut session = portmatrix::net::tls::connect(&any_trust(), stream, HOST, &[])
        .await
        .map_err(|failure| failure.reason)
        .expect("TLS")
        .stream;
    for (request, op, code) in
        [("ldap_starttls_req", 0x78, 1), ("ldap_simple_bind_cleartext_req", 0x61, 49)]
    {
        session.write_all(&vector(request)).await.expect("sent");
        let mut answer = vec![0; 4096];
        let n = session.read(&mut answer).await.expect("an answer");
        assert_eq!((answer[5], answer[9]), (op, code), "{request}: {:02x?}", &answer[..n]);
    }
}
