//! How fast the DCE/RPC codec reads and writes what it meets most often.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portmatrix::protocol::rpc::codec::epm::{Entry, LookupResponse, MapRequest, NO_HANDLE};
use portmatrix::protocol::rpc::codec::{
    Assembler, Body, Client, Context, MAX_FRAG, Order, Pdu, Response, Syntax, Tower, Uuid,
};
use std::hint::black_box;
use std::net::Ipv4Addr;

const SAMR: Syntax =
    Syntax { uuid: Uuid::from_u128(0x1234_5778_1234_abcd_ef00_0123_4567_89ac), major: 1, minor: 0 };

fn look_up(entries: usize) -> LookupResponse {
    let entry = |i: usize| Entry {
        object: Uuid::nil(),
        tower: Some(Tower::tcp(
            SAMR,
            49152 + u16::try_from(i % 1000).unwrap_or(0),
            Ipv4Addr::LOCALHOST,
        )),
        annotation: "samr".into(),
    };
    LookupResponse {
        handle: NO_HANDLE,
        max_count: 500,
        entries: (0..entries).map(entry).collect(),
        status: 0,
    }
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    group.bench_function("bind, written", |b| {
        b.iter(|| {
            let context = Context { id: 0, interface: Syntax::EPM, transfers: vec![Syntax::NDR32] };
            black_box(Client::default().bind(vec![context]))
        });
    });
    let bind = Client::default().bind(vec![Context {
        id: 0,
        interface: Syntax::EPM,
        transfers: vec![Syntax::NDR32],
    }]);
    group.bench_function("bind, read", |b| b.iter(|| Pdu::decode(black_box(&bind))));
    let stub = MapRequest::tcp(SAMR).encode();
    group.bench_function("ept_map, written", |b| {
        b.iter(|| MapRequest::tcp(black_box(SAMR)).encode())
    });
    group.bench_function("ept_map, read", |b| {
        b.iter(|| MapRequest::decode(black_box(&stub), Order::Little))
    });
    group.finish();
}

fn look_ups(c: &mut Criterion) {
    let mut group = c.benchmark_group("ept_lookup answer");
    for entries in [1, 50, 400] {
        let stub = look_up(entries).encode(1);
        let wire = Pdu::new(1, Body::Response(Response { context: 0, stub })).encode(MAX_FRAG);
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group.bench_with_input(BenchmarkId::new("joined and read", entries), &wire, |b, wire| {
            b.iter(|| {
                let mut assembler = Assembler::default();
                assembler.push(wire);
                match assembler.next_pdu() {
                    Ok(Some(Pdu { body: Body::Response(r), .. })) => {
                        LookupResponse::decode(&r.stub, Order::Little).map(|l| l.entries.len())
                    }
                    other => panic!("{other:?}"),
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, requests, look_ups);
criterion_main!(benches);
