//! Whole runs on loopback, end to end: 1,000 hops with TCP, challenge, proof and verdict, and the
//! sweep of a range. Sweeps between hosts, and what is dropped on the way, are measured by
//! `peers/range.py`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portmatrix::climb::{RangeMode, Tools};
use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::open;
use portmatrix::listen::wanted::{Shared, Wanted};
use portmatrix::matrix::model::{Interface, Protocol};
use portmatrix::matrix::port_set::PortSet;
use portmatrix::net::identity::Identity;
use portmatrix::net::resolve::Resolver;
use portmatrix::net::tls::Trust;
use portmatrix::plan::model::{Hop, HopEnd, Plan, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::protocol::list::Application;
use portmatrix::run::{self, Settings};
use portmatrix::site::model::Host;
use portmatrix::stand_in::memory::journal::Journal;
use portmatrix::verdict::Verdict;
use portmatrix::wire::challenge::SiteKey;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HOPS: usize = 1000;
/// Ports of the range: above those that Linux gives outgoing connections.
const RANGE: (u16, u16) = (61_000, 63_047);
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// So many hops to one port.
fn plan(hops: usize, wanted: &Wanted) -> Plan {
    let (port, protocol) = (wanted.port, wanted.protocol);
    let flow = Arc::new(PlannedFlow {
        options: match protocol.application() {
            Application::Raw => Options::Raw { first_bytes: true, greeting: None },
            Application::Rpc => {
                Options::Rpc { interfaces: wanted.interfaces.clone(), range: wanted.range.clone() }
            }
            _ => Options::None,
        },
        ..PlannedFlow::new("bench/flow", protocol)
    });
    let hops = (0..hops).map(|i| {
        let name = format!("from{i}");
        let from =
            HopEnd { role: "from".into(), host: Host::Named { name, addresses: vec![LOOPBACK] } };
        let to = HopEnd { role: "to".into(), host: Host::Address(LOOPBACK) };
        Hop {
            id: format!("bench/flow/from{i}/to:{port}"),
            ..Hop::new(flow.clone(), from, to, Some(LOOPBACK), port)
        }
    });
    Plan {
        site: "bench".into(),
        hops: hops.collect(),
        inside: Vec::new(),
        unplanned: Vec::new(),
        roles: Vec::new(),
        controls: Vec::new(),
        missing: Vec::new(),
    }
}

/// What a listener of the benchmark opens.
fn wanted(port: u16, protocol: Protocol) -> Wanted {
    Wanted {
        also: Vec::new(),
        fronts: Vec::new(),
        host: LOOPBACK.to_string(),
        addresses: vec![LOOPBACK],
        port,
        protocol,
        paths: Vec::new(),
        interfaces: Vec::new(),
        range: None,
        greeting: None,
        flows: vec!["bench/flow".into()],
    }
}

/// Measures runs of so many hops against a listener of their own.
fn measure(c: &mut Criterion, group: &str, cases: &[(&str, Wanted)], hops: usize, each: u64) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let key = SiteKey::new(&[7; 32]);
    let identity = Arc::new(Identity::self_signed(&["127.0.0.1".into()]).expect("a certificate"));
    let trust = Trust::roots(identity.chain.clone()).expect("a root");
    let mut group = c.benchmark_group(group);
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Elements(each));
    for (name, wanted) in cases {
        let stop = CancellationToken::new();
        let shared = Shared {
            whole_ranges: true,
            sightings: Arc::default(),
            receipts: Arc::default(),
            descriptors: None,
            key: Some(key.clone()),
            identity: identity.clone(),
            gate: Gate::new(Limits::default()),
            journal: Arc::new(Journal::default()),
            stop: stop.clone(),
        };
        let opened = runtime
            .block_on(async { open::open(std::slice::from_ref(wanted), &shared) })
            .expect("the port opens");
        assert!(opened.ports.iter().all(|p| p.problem.is_none()), "{:?}", opened.ports);
        let plan = plan(hops, wanted);
        let tools = Tools {
            key: Some(key.clone()),
            trust: trust.clone(),
            connect_deadline: Duration::from_secs(5),
            retries: 0,
            step_deadline: Duration::from_secs(5),
            idle: None,
            range: RangeMode::Exact,
            allowance: portmatrix::net::sweep::Allowance::unlimited(),
        };
        let settings = Settings { rate: 100_000, ..Settings::default() };
        group.bench_function(*name, |b| {
            b.iter(|| {
                let resolver = Resolver::system(Duration::from_secs(1));
                let results = runtime.block_on(run::run(
                    &plan,
                    tools.clone(),
                    &resolver,
                    &settings,
                    &CancellationToken::new(),
                    |_| {},
                ));
                assert!(
                    results.iter().all(|r| r.judgement.verdict == Verdict::Pass),
                    "a hop of the benchmark was not proved: {:?}",
                    results[0].judgement.notes
                );
            });
        });
        stop.cancel();
    }
    group.finish();
}

fn thousand_hops(c: &mut Criterion) {
    let cases = [
        ("tcp, proved", wanted(27_001, Protocol::Tcp)),
        ("tls, proved", wanted(27_002, Protocol::Tls)),
    ];
    measure(c, "1,000 hops on loopback", &cases, HOPS, 1000);
}

fn range(c: &mut Criterion) {
    let interface = Interface {
        name: "first".into(),
        uuid: "12345778-1234-abcd-ef00-0123456789ac".parse().expect("a UUID"),
        version: (1, 0),
        title: None,
        hint: None,
    };
    let range = Some(PortSet::run(RANGE.0, RANGE.1));
    let wanted = Wanted { interfaces: vec![interface], range, ..wanted(27_003, Protocol::Rpc) };
    measure(c, "a range on loopback", &[("2,048 ports, proved", wanted)], 1, 2048);
}

criterion_group!(benches, thousand_hops, range);
criterion_main!(benches);
