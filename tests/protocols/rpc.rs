//! DCE/RPC on loopback: the probe against the stand-in, and against peers that follow a script.

use portmatrix::climb::{Target, Tools};
use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::server;
use portmatrix::matrix::model::{Interface, Protocol};
use portmatrix::matrix::port_set::PortSet;
use portmatrix::net::identity::Identity;
use portmatrix::net::tls::Trust;
use portmatrix::observation::{Observation, Step, StepKind};
use portmatrix::plan::model::{Hop, HopEnd, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::probe::probe;
use portmatrix::protocol::rpc::codec::epm::{self, MapRequest, MapResponse, NO_HANDLE};
use portmatrix::protocol::rpc::codec::{
    Assembler, BindAck, BindNak, Body, ContextResult, Fault, MAX_FRAG, Order, Pdu, Response,
    Syntax, Tower, status,
};
use portmatrix::reason::Reason;
use portmatrix::site::model::Host;
use portmatrix::stand_in::StandIn;
use portmatrix::stand_in::memory::journal::Journal;
use portmatrix::wire::challenge::{ProofOutcome, SiteKey};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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

fn drsuapi() -> Interface {
    interface("drsuapi", "e3514235-4b06-11d1-ab04-00c04fc2dcd2", (4, 0))
}

fn samr() -> Interface {
    interface("samr", "12345778-1234-abcd-ef00-0123456789ac", (1, 0))
}

fn interface(name: &str, uuid: &str, version: (u16, u16)) -> Interface {
    let hint = Some(format!("switch {name} on"));
    Interface { name: name.into(), uuid: uuid.parse().expect("a UUID"), version, title: None, hint }
}

/// Stand-ins on free ports of one address, until they are dropped.
struct Site {
    address: IpAddr,
    key: Option<SiteKey>,
    journal: Arc<Journal>,
    stop: CancellationToken,
}

impl Site {
    fn new(key: Option<SiteKey>) -> Self {
        Site { address: LOOPBACK, key, journal: Arc::default(), stop: CancellationToken::new() }
    }

    async fn open(&self, interfaces: Vec<(Interface, u16)>, is_mapper: bool) -> u16 {
        let socket = TcpListener::bind((self.address, 0)).await.expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let here = StandIn {
            interfaces,
            is_mapper,
            ..StandIn::new(HOST, Protocol::Rpc, self.key.clone())
        };
        tokio::spawn(server::run(
            socket,
            Arc::new(here),
            Gate::new(Limits::default()),
            self.journal.clone(),
            self.stop.clone(),
        ));
        port
    }

    /// The port of one interface's own stand-in.
    async fn serve(&self, interface: Interface) -> u16 {
        self.open(vec![(interface, 0)], false).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn dead_port() -> u16 {
    let socket = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    socket.local_addr().expect("an address").port()
}

fn hop(interfaces: Vec<Interface>, port: u16) -> Hop {
    let end = |name: &str| HopEnd {
        role: name.into(),
        host: Host::Named { name: name.into(), addresses: vec![LOOPBACK] },
    };
    let flow = PlannedFlow {
        options: Options::Rpc { interfaces, range: None },
        ..PlannedFlow::new("test/rpc", Protocol::Rpc)
    };
    Hop::new(Arc::new(flow), end("a"), end(HOST), Some(LOOPBACK), port)
}

async fn climb(hop: &Hop, key: Option<SiteKey>) -> Observation {
    climb_at(hop, key, LOOPBACK).await
}

async fn climb_at(hop: &Hop, key: Option<SiteKey>, address: IpAddr) -> Observation {
    let chain = Identity::self_signed(&["nobody.example".to_owned()]).expect("a certificate").chain;
    let trust = Trust::roots(chain).expect("a root");
    let tools = Tools {
        key,
        trust,
        connect_deadline: Duration::from_secs(5),
        retries: 0,
        step_deadline: Duration::from_millis(700),
        idle: None,
        range: portmatrix::climb::RangeMode::Never,
        allowance: portmatrix::net::sweep::Allowance::unlimited(),
    };
    probe(
        &Target {
            hop,
            address,
            server_name: HOST.to_owned(),
            source: None,
            places: None,
            question: None,
            small_segments: false,
        },
        &tools,
    )
    .await
}

fn rungs(seen: &Observation) -> Vec<(StepKind, bool)> {
    seen.steps.iter().map(|s| (s.step, s.is_climbed())).collect()
}

fn failed(seen: &Observation) -> &Step {
    seen.first_failure().unwrap_or_else(|| panic!("nothing failed: {seen:#?}"))
}

fn step(seen: &Observation, kind: StepKind) -> &Step {
    seen.steps
        .iter()
        .find(|s| s.step == kind)
        .unwrap_or_else(|| panic!("no {} in {seen:#?}", kind.name()))
}

#[tokio::test]
async fn with_the_key_every_connection_is_proved() {
    let site = Site::new(key(1));
    let (first, second) = (site.serve(drsuapi()).await, site.serve(samr()).await);
    let mapper = site.open(vec![(drsuapi(), first), (samr(), second)], true).await;
    let seen = climb(&hop(vec![drsuapi(), samr()], mapper), key(1)).await;
    use StepKind::{Connect, Payload, Proof, RpcBind, RpcMap, RpcPort};
    let wanted = [Connect, RpcBind, Proof, RpcMap, RpcPort, Proof, RpcMap, RpcPort, Proof, Payload]
        .map(|s| (s, true));
    assert_eq!(rungs(&seen), wanted, "{seen:#?}");
    assert_eq!(
        step(&seen, Payload).facts.flat()["octets_received"],
        portmatrix::wire::challenge::PADDING
    );
    let ports: Vec<u16> = seen
        .proofs
        .iter()
        .map(|p| match p {
            ProofOutcome::Valid { claims, .. } if claims.host == HOST => claims.local.port(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ports, [mapper, first, second]);
    // Once more to one of the ports that were given, with something large.
    assert_eq!(
        seen.evidence.iter().map(|e| e.destination.port()).collect::<Vec<_>>(),
        [mapper, first, second, first]
    );
    assert!(seen.evidence.iter().all(|e| e.source.is_some_and(|s| s.port() != 0)));
    let bind = step(&seen, RpcBind);
    assert_eq!(
        (bind.facts.flat()["max_xmit"].clone(), bind.facts.flat()["sec_addr"].clone()),
        (5840.into(), mapper.to_string().into())
    );
    let map = step(&seen, RpcMap);
    assert_eq!(
        (map.facts.flat()["interface"].clone(), map.facts.flat()["ports"].clone()),
        ("drsuapi".into(), vec![first].into())
    );
    assert!(
        !map.facts.flat().contains_key("reported_addresses"),
        "the mapper gave the address that is in use"
    );
    assert_eq!(step(&seen, RpcPort).facts.flat()["port"], first);
    for _ in 0..100 {
        if site.journal.snapshot().arrivals.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let arrivals = site.journal.snapshot().arrivals;
    assert_eq!(arrivals.iter().filter(|a| a.proved).count(), 3, "{arrivals:?}");
}

#[tokio::test]
async fn without_the_right_key_everything_is_climbed_and_nothing_proved() {
    for (theirs, ours, wanted) in [
        (key(1), None, ProofOutcome::NotAsked),
        (None, key(1), ProofOutcome::None),
        (key(2), key(1), ProofOutcome::None),
    ] {
        let site = Site::new(theirs);
        let port = site.serve(samr()).await;
        let mapper = site.open(vec![(samr(), port)], true).await;
        let seen = climb(&hop(vec![samr()], mapper), ours).await;
        use StepKind::{Connect, RpcBind, RpcMap, RpcPort};
        assert_eq!(rungs(&seen), [Connect, RpcBind, RpcMap, RpcPort].map(|s| (s, true)));
        assert_eq!(seen.proofs, vec![wanted; 2]);
        assert_eq!(seen.recognised, None, "an endpoint mapper does not say what it is");
    }
}

#[tokio::test]
async fn over_ipv6_it_is_the_same() {
    let mut site = Site::new(key(1));
    site.address = Ipv6Addr::LOCALHOST.into();
    let port = site.serve(samr()).await;
    let mapper = site.open(vec![(samr(), port)], true).await;
    let seen = climb_at(&hop(vec![samr()], mapper), key(1), site.address).await;
    assert!(seen.first_failure().is_none(), "{seen:#?}");
    assert!(seen.proofs.iter().all(|p| matches!(p, ProofOutcome::Valid { .. })));
}

#[tokio::test]
async fn a_missing_interface_is_named_with_its_hint_and_the_others_are_still_tried() {
    let site = Site::new(key(1));
    let port = site.serve(samr()).await;
    let mapper = site.open(vec![(samr(), port)], true).await;
    let seen = climb(&hop(vec![drsuapi(), samr()], mapper), key(1)).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::RpcMap, Some(Reason::RpcNotRegistered)));
    assert_eq!(
        (step.facts.flat()["hint"].clone(), step.facts.flat()["interface"].clone()),
        ("switch drsuapi on".into(), "drsuapi".into())
    );
    assert!(seen.steps.iter().any(|s| s.step == StepKind::RpcPort
        && s.is_climbed()
        && s.facts.flat()["interface"] == "samr"));
}

#[tokio::test]
async fn a_shut_port_is_blocked_with_its_cause_and_the_others_are_still_tried() {
    let site = Site::new(key(1));
    let (shut, open) = (dead_port().await, site.serve(samr()).await);
    let mapper = site.open(vec![(drsuapi(), shut), (samr(), open)], true).await;
    let mut hop = hop(vec![drsuapi(), samr()], mapper);
    Arc::get_mut(&mut hop.flow).expect("one owner").options =
        Options::Rpc { interfaces: vec![drsuapi(), samr()], range: Some(PortSet::run(1, 2)) };
    let seen = climb(&hop, key(1)).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::RpcPort, Some(Reason::RpcPortBlocked)));
    assert_eq!(
        (step.facts.flat()["cause"].clone(), step.facts.flat()["port"].clone()),
        ("refused".into(), shut.into())
    );
    assert_eq!(
        (step.facts.flat()["outside_range"].clone(), step.facts.flat()["range"].clone()),
        (true.into(), "1-2".into())
    );
    assert_eq!(
        seen.steps.iter().filter(|s| s.step == StepKind::Connect).count(),
        1,
        "one rung for a dynamic port"
    );
    assert!(
        seen.evidence.iter().any(|e| e.destination.port() == shut),
        "a firewall team finds the attempt"
    );
    assert!(seen.steps.iter().any(|s| s.step == StepKind::RpcPort
        && s.is_climbed()
        && s.facts.flat()["interface"] == "samr"));
}

#[tokio::test]
async fn another_service_on_the_interfaces_port_is_a_rejected_bind() {
    let site = Site::new(key(1));
    let port = site.serve(samr()).await;
    let mapper = site.open(vec![(drsuapi(), port)], true).await;
    let seen = climb(&hop(vec![drsuapi()], mapper), key(1)).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::RpcPort, Some(Reason::RpcBindRejected)));
    assert_eq!(
        (step.facts.flat()["result"].clone(), step.facts.flat()["result_reason"].clone()),
        (2.into(), 1.into())
    );
}

/// A peer that does the same with every connection.
async fn peer<F, W>(work: F) -> u16
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let socket = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(work(stream));
        }
    });
    port
}

/// A peer that answers each PDU by a script; nothing ends the connection.
async fn scripted(script: impl Fn(&Pdu) -> Option<Vec<u8>> + Clone + Send + Sync + 'static) -> u16 {
    peer(move |mut stream| {
        let script = script.clone();
        async move {
            let mut assembler = Assembler::default();
            let mut chunk = [0; 1024];
            while let Ok(n @ 1..) = stream.read(&mut chunk).await {
                assembler.push(&chunk[..n]);
                while let Some(pdu) = assembler.next_pdu().expect("the probe speaks DCE/RPC") {
                    let Some(answer) = script(&pdu) else { return };
                    stream.write_all(&answer).await.expect("the probe reads");
                }
            }
        }
    })
    .await
}

fn accept(pdu: &Pdu, others: ContextResult) -> Option<Vec<u8>> {
    let Body::Bind(bind) = &pdu.body else { return None };
    let mut results = vec![others; bind.contexts.len()];
    results[0] = ContextResult::accepted(Syntax::NDR32);
    Some(answer(
        pdu,
        Body::BindAck(BindAck {
            max_xmit: 5840,
            max_recv: 5840,
            assoc_group: 7,
            sec_addr: "135".into(),
            results,
        }),
    ))
}

fn answer(pdu: &Pdu, body: Body) -> Vec<u8> {
    Pdu::new(pdu.call_id, body).encode(MAX_FRAG)
}

/// Answers binds as Samba does, and `ept_map` with these ports and this address, in fragments of
/// this size.
fn mapper(pdu: &Pdu, ports: &[u16], address: Ipv4Addr, max_frag: u16) -> Option<Vec<u8>> {
    let Body::Request(request) = &pdu.body else { return accept(pdu, ContextResult::rejected(2)) };
    assert_eq!(
        (request.opnum, request.context),
        (epm::MAP, 0),
        "no call on a context that was rejected"
    );
    let asked = MapRequest::decode(&request.stub, Order::Little)
        .expect("a request")
        .tower
        .expect("a tower");
    let interface = asked.interface().expect("an interface");
    let towers = ports.iter().map(|p| Tower::tcp(interface, *p, address)).collect();
    let stub = MapResponse { handle: NO_HANDLE, max_count: 4, towers, status: 0 }.encode(3);
    Some(Pdu::new(pdu.call_id, Body::Response(Response { context: 0, stub })).encode(max_frag))
}

async fn bind_failure(port: u16) -> (StepKind, Option<Reason>, Step) {
    let seen = climb(&hop(vec![samr()], port), key(1)).await;
    let step = failed(&seen).clone();
    assert_eq!(seen.recognised, None);
    (step.step, step.reason(), step)
}

#[tokio::test]
async fn what_is_no_mapper_is_told_apart() {
    let silent = peer(|mut stream| async move {
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink).await;
    })
    .await;
    assert_eq!(bind_failure(silent).await.1, Some(Reason::SilentAfterConnect));
    let web = peer(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let (kind, reason, step) = bind_failure(web).await;
    assert_eq!((kind, reason), (StepKind::RpcBind, Some(Reason::RpcNotSpoken)));
    assert!(step.facts.flat()["error"].as_str().is_some_and(|e| e.contains("0x48")), "{step:?}");
    let closed = peer(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    assert_eq!(bind_failure(closed).await.1, Some(Reason::ClosedAfterConnect));
    let reset = peer(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        stream.set_zero_linger().expect("an open socket");
    })
    .await;
    assert_eq!(bind_failure(reset).await.1, Some(Reason::ResetAfterConnect));
    let half = peer(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(&[5, 0, 12, 3, 0x10, 0, 0, 0, 60, 0]).await;
    })
    .await;
    let (_, reason, step) = bind_failure(half).await;
    assert_eq!(
        (reason, step.facts.flat()["answer_begun"].clone()),
        (Some(Reason::ClosedAfterConnect), true.into())
    );
}

#[tokio::test]
async fn refused_binds_say_why() {
    let nak = scripted(|pdu| Some(answer(pdu, Body::BindNak(BindNak::new(8))))).await;
    let (kind, reason, step) = bind_failure(nak).await;
    assert_eq!(
        (kind, reason, step.facts.flat()["bind_nak"].clone()),
        (StepKind::RpcBind, Some(Reason::RpcBindRejected), 8.into())
    );
    let rejecting = scripted(|pdu| {
        let results = vec![ContextResult::rejected(1); 2];
        Some(answer(
            pdu,
            Body::BindAck(BindAck {
                max_xmit: 0,
                max_recv: 0,
                assoc_group: 1,
                sec_addr: String::new(),
                results,
            }),
        ))
    })
    .await;
    assert_eq!(bind_failure(rejecting).await.1, Some(Reason::RpcBindRejected));
    let empty = scripted(|pdu| {
        let ack = BindAck {
            max_xmit: 0,
            max_recv: 0,
            assoc_group: 1,
            sec_addr: String::new(),
            results: Vec::new(),
        };
        Some(answer(pdu, Body::BindAck(ack)))
    })
    .await;
    assert_eq!(bind_failure(empty).await.1, Some(Reason::RpcNotSpoken));
    let mixed_up = scripted(|pdu| Some(Pdu::new(99, pdu.body.clone()).encode(MAX_FRAG))).await;
    assert_eq!(bind_failure(mixed_up).await.1, Some(Reason::RpcNotSpoken));
}

#[tokio::test]
async fn a_mapper_that_denies_strangers_is_told_apart() {
    let denying = scripted(|pdu| {
        accept(pdu, ContextResult::rejected(1)).or_else(|| {
            Some(answer(pdu, Body::Fault(Fault { context: 0, status: status::ACCESS_DENIED })))
        })
    })
    .await;
    let seen = climb(&hop(vec![samr(), drsuapi()], denying), key(1)).await;
    assert_eq!(failed(&seen).reason(), Some(Reason::RpcAccessDenied));
    assert_eq!(seen.steps.iter().filter(|s| s.step == StepKind::RpcMap).count(), 2);
    assert_eq!(seen.evidence.len(), 1, "a fault does not cost a connection");
    assert_eq!(seen.proofs, [ProofOutcome::None]);
}

#[tokio::test]
async fn of_several_towers_one_is_enough_and_the_dead_one_is_remarked() {
    let site = Site::new(key(1));
    let (dead, live) = (dead_port().await, site.serve(samr()).await);
    let mapper = scripted(move |pdu| {
        mapper(pdu, &[0, dead, live, live], Ipv4Addr::new(192, 0, 2, 7), MAX_FRAG)
    })
    .await;
    let seen = climb(&hop(vec![samr()], mapper), key(1)).await;
    assert!(seen.first_failure().is_none(), "{seen:#?}");
    assert_eq!(
        step(&seen, StepKind::RpcMap).facts.flat()["ports"],
        serde_json::json!([dead, live])
    );
    assert_eq!(
        step(&seen, StepKind::RpcMap).facts.flat()["reported_addresses"],
        serde_json::json!(["192.0.2.7"])
    );
    let port = step(&seen, StepKind::RpcPort);
    assert_eq!(
        (port.reason(), port.facts.flat()["port"].clone()),
        (Some(Reason::RpcPortBlocked), live.into())
    );
    assert_eq!(
        port.facts.flat()["unreachable"],
        serde_json::json!([{ "port": dead, "cause": "refused" }])
    );
    assert!(
        matches!(seen.proofs[..], [ProofOutcome::None, ProofOutcome::Valid { .. }]),
        "{:?}",
        seen.proofs
    );
    assert!(
        seen.evidence.iter().all(|e| e.destination.ip() == LOOPBACK),
        "the mapper's address is only reported"
    );
}

#[tokio::test]
async fn answers_in_fragments_are_joined() {
    let site = Site::new(key(1));
    let live = site.serve(samr()).await;
    let mapper = scripted(move |pdu| mapper(pdu, &[live; 4], Ipv4Addr::UNSPECIFIED, 40)).await;
    let seen = climb(&hop(vec![samr()], mapper), key(1)).await;
    assert!(seen.first_failure().is_none(), "{seen:#?}");
    assert_eq!(step(&seen, StepKind::RpcMap).facts.flat()["ports"], serde_json::json!([live]));
}

#[tokio::test]
async fn a_mapper_that_hangs_up_after_each_answer_is_asked_again() {
    let site = Site::new(None);
    let (first, second) = (site.serve(drsuapi()).await, site.serve(samr()).await);
    // The first connection ends before its look-up is answered; the interface fails, and the next
    // one is asked for on a new connection.
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let port = scripted(move |pdu| {
        if matches!(pdu.body, Body::Request(_))
            && asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0
        {
            return None;
        }
        mapper(pdu, &[first, second], Ipv4Addr::UNSPECIFIED, MAX_FRAG)
    })
    .await;
    let seen = climb(&hop(vec![drsuapi(), samr()], port), None).await;
    let step = failed(&seen);
    assert_eq!((step.step, step.reason()), (StepKind::RpcMap, Some(Reason::ClosedAfterConnect)));
    assert!(
        seen.steps.iter().any(|s| s.step == StepKind::RpcPort
            && s.is_climbed()
            && s.facts.flat()["port"] == second),
        "{seen:#?}"
    );
    assert_eq!(seen.evidence.iter().filter(|e| e.destination.port() == port).count(), 2);
}

#[tokio::test]
async fn a_forged_proof_is_invalid_and_a_broken_one_a_failed_rung() {
    let forging = scripted(|pdu| {
        accept(pdu, ContextResult::accepted(Syntax::NDR32)).or_else(|| {
            let stub = [&7u32.to_le_bytes()[..], b"abc.def"].concat();
            Some(answer(pdu, Body::Response(Response { context: 1, stub })))
        })
    })
    .await;
    let seen = climb(&hop(Vec::new(), forging), key(1)).await;
    assert_eq!(
        (failed(&seen).step, failed(&seen).reason()),
        (StepKind::Proof, Some(Reason::ProofInvalid))
    );
    let hanging_up = scripted(|pdu| accept(pdu, ContextResult::accepted(Syntax::NDR32))).await;
    let seen = climb(&hop(Vec::new(), hanging_up), key(1)).await;
    assert_eq!(
        (failed(&seen).step, failed(&seen).reason()),
        (StepKind::Proof, Some(Reason::ClosedAfterConnect))
    );
    assert_eq!(seen.proofs, [ProofOutcome::None]);
}

#[tokio::test]
async fn each_connection_has_its_own_challenge() {
    let site = Site::new(key(1));
    let real = site.open(Vec::new(), true).await;
    let old = climb(&hop(Vec::new(), real), key(1)).await;
    let ProofOutcome::Valid { claims: old, .. } = &old.proofs[0] else { panic!("{old:?}") };
    let new = climb(&hop(Vec::new(), real), key(1)).await;
    let ProofOutcome::Valid { claims: new, .. } = &new.proofs[0] else { panic!("{new:?}") };
    assert_ne!(old.nonce, new.nonce, "a recorded proof is worth nothing");
}

#[tokio::test]
async fn strangers_are_closed_on_too_much_or_nonsense() {
    let site = Site::new(key(1));
    let port = site.open(Vec::new(), true).await;
    for nonsense in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        &[5, 0, 11, 3, 0x10, 0, 0, 0, 0xd1, 0x16, 0, 0, 1, 0, 0, 0],
    ] {
        let mut stream = TcpStream::connect((LOOPBACK, port)).await.expect("open");
        stream.write_all(nonsense).await.expect("sent");
        let mut answer = Vec::new();
        let ended =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "closed at once");
        assert_eq!(answer, Vec::<u8>::new());
    }
}
