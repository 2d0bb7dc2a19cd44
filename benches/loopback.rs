//! A run of 1,000 hops on loopback, end to end: TCP, challenge, proof, verdict.

use criterion::{Criterion, criterion_group, criterion_main};
use portmatrix::listen::journal::Journal;
use portmatrix::listen::open::{self, Shared, Wanted};
use portmatrix::listen::server::{Gate, Limits};
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::net::identity::Identity;
use portmatrix::net::resolve::Resolver;
use portmatrix::net::tls::Trust;
use portmatrix::plan::model::{Hop, HopEnd, Plan, PlannedFlow};
use portmatrix::probe::Tools;
use portmatrix::proto::challenge::SiteKey;
use portmatrix::run::{self, Settings};
use portmatrix::site::model::Host;
use portmatrix::verdict::Verdict;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HOPS: usize = 1000;

fn plan(port: u16, protocol: Protocol) -> Plan {
    let flow = Arc::new(PlannedFlow {
        id: "bench/flow".into(),
        matrix: "bench/bench".into(),
        protocol,
        relayed_to: None,
        path: None,
        starttls: false,
        interfaces: Vec::new(),
        range: None,
        first_bytes: true,
        expect: Expect::Allow,
        required: true,
        source: String::new(),
        remark: None,
        doubt: None,
        inferred: None,
        certificate: None,
        networks: Vec::new(),
        locate: None,
        caution: None,
    });
    let address = IpAddr::from([127, 0, 0, 1]);
    let hops = (0..HOPS).map(|i| Hop {
        id: format!("bench/flow/from{i}/to:{port}"),
        flow: flow.clone(),
        from: HopEnd { role: "from".into(), host: Host::Named { name: format!("from{i}"), addresses: vec![] } },
        to: HopEnd { role: "to".into(), host: Host::Address(address) },
        address: Some(address),
        port,
        also: Vec::new(),
    });
    Plan { site: "bench".into(), hops: hops.collect(), unplanned: Vec::new(), roles: Vec::new() }
}

fn thousand_hops(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let key = SiteKey::new(&[7; 32]);
    let identity = Arc::new(Identity::self_signed(&["127.0.0.1".into()]).expect("a certificate"));
    let trust = Trust::roots(identity.chain.clone()).expect("a root");
    let mut group = c.benchmark_group("1,000 hops on loopback");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, protocol, port) in [("tcp, proved", Protocol::Tcp, 47_001), ("tls, proved", Protocol::Tls, 47_002)] {
        let stop = CancellationToken::new();
        let shared = Shared {
            whole_ranges: false,
            sightings: Arc::default(),
            receipts: Arc::default(),
            descriptors: None,
            key: Some(key.clone()),
            identity: identity.clone(),
            gate: Gate::new(Limits::default()),
            journal: Arc::new(Journal::default()),
            stop: stop.clone(),
        };
        let wanted = Wanted {
            host: "127.0.0.1".into(),
            addresses: vec![IpAddr::from([127, 0, 0, 1])],
            port,
            protocol,
            paths: Vec::new(),
            interfaces: Vec::new(),
            range: None,
            flows: vec!["bench/flow".into()],
        };
        let opened = runtime.block_on(async { open::open(&[wanted], &shared) }).expect("the port opens");
        let ports = opened.ports;
        assert!(ports.iter().all(|p| p.problem.is_none()), "{ports:?}");
        let plan = plan(port, protocol);
        let tools = Tools {
            key: Some(key.clone()),
            trust: trust.clone(),
            connect_deadline: Duration::from_secs(5),
            retries: 0,
            step_deadline: Duration::from_secs(5),
            idle: None,
            range: portmatrix::probe::RangeMode::Never,
            allowance: portmatrix::net::sweep::Allowance::unlimited(),
        };
        let settings = Settings { rate: 100_000, ..Settings::default() };
        group.bench_function(name, |b| {
            b.iter(|| {
                let resolver = Resolver::system(Duration::from_secs(1));
                let results = runtime.block_on(run::run(&plan, tools.clone(), &resolver, &settings, &CancellationToken::new(), |_| {}));
                assert!(results.iter().all(|r| r.verdict == Verdict::Pass), "a hop of the benchmark was not proved");
            });
        });
        stop.cancel();
    }
    group.finish();
}

criterion_group!(benches, thousand_hops);
criterion_main!(benches);
