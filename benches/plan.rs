//! How long it takes to read and plan a site of ten thousand hosts, and to find one of them in it.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portmatrix::matrix::Registry;
use portmatrix::plan::build::build;
use portmatrix::plan::select::Who;
use portmatrix::site::load::parse;
use std::hint::black_box;
use std::path::Path;

const HOSTS: usize = 10_000;

const TABLES: &str = r#"
[matrix]
id = "bench/direct"
title = "Agents and a server"
[matrix.source]
document = "none"
[[role]]
id = "agent"
title = "Agent"
[[role]]
id = "server"
title = "Server"
[[flow]]
id = "page"
from = "agent"
to = "server"
port = 443
protocol = "https"
row = 1
[[flow]]
id = "stream"
from = "agent"
to = "server"
port = 5001
protocol = "grpc"
row = 2
"#;

fn site() -> String {
    let agents: Vec<String> = (0..HOSTS).map(|n| format!("\"ws-{n:05}.contoso.com\"")).collect();
    format!(
        "[site]\nname = \"bench\"\nproduct = \"bench\"\n[roles]\nserver \
            = \"srv01.contoso.com\"\nagent = [{}]\n",
        agents.join(",")
    )
}

fn planning(c: &mut Criterion) {
    let registry = Registry::of([("bench.toml", TABLES)]).expect("the tables are right");
    let text = site();
    let site = parse("site.toml", &text, Path::new(""), &registry).expect("the site is right");
    let product = registry.product("bench").expect("it is there");
    let plan = build(product, registry.matrices(), &site).expect("a plan");
    assert_eq!(plan.hops.len(), 2 * HOSTS);
    let mut group = c.benchmark_group("site of 10,000 hosts");
    group.throughput(Throughput::Elements(HOSTS as u64)).sample_size(20);
    group.bench_function("read", |b| {
        b.iter(|| black_box(parse("site.toml", &text, Path::new(""), &registry)))
    });
    group.bench_function("plan", |b| {
        b.iter(|| black_box(build(product, registry.matrices(), &site)))
    });
    group.bench_function("find one host", |b| {
        b.iter(|| black_box(plan.for_host(&Who::here("ws-07777", Vec::new()))))
    });
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
