//! The table of reverse proxies: a stand-in and a real gRPC server behind nginx, haproxy and a
//! front as IIS with ARR is one, and what the program must say of each path. A program that is
//! missing is named and its rows are left out, except in CI, where that fails the test.

mod end_to_end;
mod programs;
mod rows;
mod scripted;

use crate::support::http_grpc::{self as support, key, listen};
use portmatrix::climb::{Target, Tools};
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::net::identity::Identity;
use portmatrix::net::tls::Trust;
use portmatrix::observation::{Observation, StepKind};
use portmatrix::plan::model::{Hop, PlannedFlow, RelayedTo};
use portmatrix::probe::probe;
use portmatrix::result::HopResult;
use portmatrix::verdict::{Policy, judge};
use portmatrix::wire::challenge::ProofOutcome;
use programs::{grpcio, haproxy, nginx, places};
use rows::{Front, ROWS, Row};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// What stands behind a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// Our stand-in for gRPC without TLS.
    StandIn,
    /// The same with TLS.
    StandInTls,
    /// Our stand-in for HTTP.
    StandInWeb,
    /// Our stand-in, which the connector meets without a key: over HTTP/1.x it answers as ASP.NET
    /// does.
    AspNet,
    /// grpcio without TLS.
    Grpcio,
    /// grpcio with TLS.
    GrpcioTls,
    /// gRPC over HTTP/1.1 with chunks and trailers.
    OverHttp1,
    /// A port that opens and says nothing.
    Silent,
    /// A server that takes calls and answers none.
    Hung,
    /// A port on which nobody listens.
    Nobody,
}

/// One path with one host behind it.
struct Case {
    row: &'static Row,
    behind: Behind,
    expected: &'static str,
    front: SocketAddr,
    /// Why there is nothing to be reported.
    left_out: Option<&'static str>,
}

/// A self-signed certificate in PEM with its key, for everybody here who ends TLS.
fn certificate(folder: &Path) -> Identity {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = folder.join("pem");
    std::fs::write(
        &pem,
        format!("{}{}", certified.cert.pem(), certified.signing_key.serialize_pem()),
    )
    .expect("written");
    Identity::from_pem(&pem, &pem).expect("the certificate that was just written")
}

fn hop(case: &Case) -> Hop {
    let hop = support::hop(case.row.protocol, case.front.port(), case.row.url, Expect::Allow);
    // The front is at the address itself; the stand-ins behind it call themselves psp.
    let relayed_to = Some(RelayedTo {
        role: "service".into(),
        hosts: vec!["psp".into()],
        ..RelayedTo::default()
    });
    Hop {
        flow: Arc::new(PlannedFlow { relayed_to, ..PlannedFlow::clone(&hop.flow) }),
        address: Some(case.front.ip()),
        ..hop
    }
}

async fn look(case: &Case, identity: &Identity) -> (Observation, HopResult) {
    let hop = hop(case);
    let tools = Tools {
        key: (case.behind != Behind::AspNet).then(|| key(1)),
        trust: Trust::roots(identity.chain.clone()).expect("a root"),
        connect_deadline: Duration::from_secs(2),
        retries: 0,
        step_deadline: Duration::from_secs(4),
        idle: case.row.idle.map(Duration::from_secs),
        range: portmatrix::climb::RangeMode::Never,
        allowance: portmatrix::net::sweep::Allowance::unlimited(),
    };
    let target = Target {
        hop: &hop,
        address: case.front.ip(),
        server_name: "localhost".into(),
        source: None,
        places: None,
        question: None,
        small_segments: false,
    };
    let seen = probe(&target, &tools).await;
    let result = HopResult::new(&hop, Some(&seen), judge(&hop, Some(&seen), Policy::default()));
    (seen, result)
}

/// Verdict, reason and rung; who answered; as what, without its version; how each leg stands.
fn reported(result: &HopResult) -> String {
    let mut words = format!("{} {}", result.verdict.name(), result.reason);
    if let Some(step) = result.ended_at {
        let _ = write!(words, " at {}", step.name());
    }
    let recognised = match result.recognised.as_deref() {
        Some(name) if name.starts_with("nginx ") => "nginx",
        Some(name) => name,
        None => "-",
    };
    let legs: Vec<String> = result
        .legs
        .iter()
        .map(|leg| match (leg.ok, leg.reason) {
            (Some(true), _) => "ok".to_owned(),
            (Some(false), reason) => reason.map_or_else(|| "broken".to_owned(), |r| r.to_string()),
            (None, _) => "unknown".to_owned(),
        })
        .collect();
    let _ = write!(words, " | {} | {recognised} | {}", result.answered_by.name(), legs.join(", "));
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn every_path_is_told_apart() {
    let folder = TempDir::new().expect("a folder");
    let identity = Arc::new(certificate(folder.path()));
    let python = grpcio(folder.path());
    let stand_ins = [
        (Behind::StandIn, listen(Protocol::GrpcH2c, Some(key(1)), &["/Agent"])),
        (Behind::AspNet, listen(Protocol::GrpcH2c, Some(key(1)), &[])),
        (Behind::StandInTls, listen(Protocol::Grpc, Some(key(1)), &["/Agent"])),
        (Behind::StandInWeb, listen(Protocol::Http, Some(key(1)), &["/Agent"])),
    ];
    let mut behind: BTreeMap<Behind, SocketAddr> =
        stand_ins.iter().map(|(behind, listener)| (*behind, listener.address)).collect();
    let mut free = places();
    behind.insert(Behind::OverHttp1, scripted::over_http1().await);
    behind.insert(Behind::Silent, scripted::silent().await);
    behind.insert(Behind::Hung, scripted::hung().await);
    behind.insert(Behind::Nobody, free.next().expect("a place"));
    if let Some(python) = &python {
        behind.extend([(Behind::Grpcio, python.plain), (Behind::GrpcioTls, python.tls)]);
    }
    let mut cases = Vec::new();
    let (mut servers, mut sections) = (String::new(), String::new());
    let (mut nginx_places, mut haproxy_places) = (Vec::new(), Vec::new());
    for row in ROWS {
        for (who, expected) in row.expect {
            let address = behind.get(who).copied();
            let front = match (row.front, address) {
                (Front::Iis, Some(address)) => scripted::iis(&identity, address).await,
                _ => free.next().expect("a place"),
            };
            cases.push(Case {
                row,
                behind: *who,
                expected,
                front,
                left_out: address.is_none().then_some("no grpcio"),
            });
            let Some(address) = address else { continue };
            let filled = |text: &str| {
                text.replace("%F", &front.to_string()).replace("%B", &address.to_string())
            };
            match row.front {
                Front::Nginx(server) => {
                    let _ = writeln!(servers, "server {{ {} }}", filled(server));
                    nginx_places.push(front);
                }
                Front::Haproxy(section) => {
                    sections.push_str(&filled(section));
                    haproxy_places.push(front);
                }
                Front::Iis => {}
            }
        }
    }
    let proxies = (
        nginx(folder.path(), &servers, &nginx_places),
        haproxy(folder.path(), &sections, &haproxy_places),
    );
    for case in &mut cases {
        match case.row.front {
            Front::Nginx(_) if proxies.0.is_none() => case.left_out = Some("no nginx"),
            Front::Haproxy(_) if proxies.1.is_none() => case.left_out = Some("no haproxy"),
            _ => {}
        }
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new()).force_no_tty();
    table.set_header(["Path", "Behind", "Expected", "Reported", ""]);
    let mut differences = Vec::new();
    for case in &cases {
        let cells = |said: &str, mark: &str| {
            [
                case.row.path.to_owned(),
                format!("{:?}", case.behind),
                case.expected.into(),
                said.into(),
                mark.into(),
            ]
        };
        if let Some(why) = case.left_out {
            table.add_row(cells(why, "left out"));
            continue;
        }
        let (seen, result) = look(case, &identity).await;
        let said = reported(&result);
        // Where the order of two packets decides, both are right.
        let same = case.expected.split(" OR ").any(|expected| expected == said);
        table.add_row(cells(
            if same { "the same" } else { &said },
            if same { "ok" } else { "DIFFERS" },
        ));
        if same {
            facts(case, &seen);
        } else {
            differences.push(format!(
                "{} with {:?} behind it\n{:#?}\n{:#?}",
                case.row.path, case.behind, seen.steps, result.legs
            ));
        }
    }
    // Past the test's own capture: the table is what this test is for.
    let _ = writeln!(std::io::stdout().lock(), "\n{table}");
    assert!(
        differences.is_empty(),
        "{} rows differ:\n{}",
        differences.len(),
        differences.join("\n\n")
    );
}

/// What the proofs say beyond the table: the version of HTTP that arrived, a TLS session that is
/// the same at both ends only where nobody ended it, and the stream.
fn facts(case: &Case, seen: &Observation) {
    let Some(ProofOutcome::Valid { claims, same_tls_session }) = seen.proofs.first() else {
        return;
    };
    let version = claims.http.as_ref().map(|http| http.version.as_str());
    let grpc = seen.steps.iter().any(|s| s.step == StepKind::Grpc && s.is_climbed());
    if grpc {
        assert_eq!(version, Some("2"), "{}", case.row.path);
        assert!(
            seen.steps.iter().any(|s| s.step == StepKind::GrpcStream && s.is_climbed()),
            "{}",
            case.row.path
        );
    }
    if case.row.protocol == Protocol::Grpc && case.behind == Behind::StandInTls {
        assert_eq!(
            *same_tls_session,
            Some(case.row.path.starts_with("haproxy, tcp")),
            "{}",
            case.row.path
        );
    }
    if case.row.path == "nginx, proxy_pass, web" {
        let added = claims.http.as_ref().map(|http| http.added.clone());
        assert_eq!(
            (version, added),
            (Some("1.0"), Some(vec!["x-forwarded-for: 127.0.0.1".to_owned()]))
        );
    }
}
