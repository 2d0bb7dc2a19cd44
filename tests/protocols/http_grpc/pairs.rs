//! The two ends against each other.

use crate::support::http_grpc::{Ask, hop, key, listen, probe, probe_for};
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::observation::StepKind;
use portmatrix::reason::Reason;
use portmatrix::wire::challenge::ProofOutcome;

#[tokio::test]
async fn http_is_proved() {
    let listener = listen(Protocol::Http, Some(key(1)), &["/Agent"]);
    for path in ["/Agent", "/aGENT", "/agent/below", "Agent"] {
        let seen = probe(Protocol::Http, listener.address.port(), Some(path), Some(key(1))).await;
        assert_eq!(seen.names(), ["connect", "http", "proof", "payload"], "{path}");
        let back = seen.step(StepKind::Payload).facts.flat()["octets_received"].as_u64();
        assert!(back.is_some_and(|n| n >= 3000), "padding comes back: {back:?}");
        assert_eq!(seen.failed(), None, "{path}");
        assert_eq!(seen.step(StepKind::Http).facts.flat()["status"], 200, "{path}");
        let claims = seen.claims();
        assert_eq!((claims.host.as_str(), claims.local), ("psp", listener.address));
        assert_eq!(Some(claims.peer), seen.evidence[0].source);
        let http = claims.http.as_ref().expect("the listener tells what it saw");
        assert_eq!((http.version.as_str(), http.added.len()), ("1.1", 0));
    }
}

#[tokio::test]
async fn another_path_is_not_found_but_proved() {
    let listener = listen(Protocol::Http, Some(key(1)), &["/Agent"]);
    for path in [Some("/admin"), Some("/Agents"), None] {
        let seen = probe(Protocol::Http, listener.address.port(), path, Some(key(1))).await;
        // A front that changes the path on the way reaches a listener that says 404: the proof does
        // not make that good.
        assert_eq!(seen.failed(), path.map(|_| (StepKind::Http, Reason::HttpStatus)), "{path:?}");
        assert_eq!(seen.step(StepKind::Http).facts.flat()["status"], 404, "{path:?}");
        seen.claims();
        let stranger = probe(Protocol::Http, listener.address.port(), path, None).await;
        assert_eq!(stranger.failed(), Some((StepKind::Http, Reason::HttpStatus)), "{path:?}");
        assert_eq!(stranger.proofs, [ProofOutcome::NotAsked]);
    }
}

#[tokio::test]
async fn what_must_be_shut_is_recorded_and_not_judged() {
    let listener = listen(Protocol::Http, None, &["/Agent"]);
    let shut = hop(Protocol::Http, listener.address.port(), Some("/admin"), Expect::Deny);
    let seen = probe_for(&shut, None, 10_000).await;
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Http).facts.flat()["status"], 404);
}

#[tokio::test]
async fn a_stranger_gets_an_answer_and_no_proof() {
    let (http, grpc) = (
        listen(Protocol::Http, Some(key(1)), &["/Agent"]),
        listen(Protocol::Grpc, Some(key(1)), &[]),
    );
    for other in [Some(key(2)), None] {
        let wanted = if other.is_some() { ProofOutcome::None } else { ProofOutcome::NotAsked };
        let seen = probe(Protocol::Http, http.address.port(), Some("/Agent"), other.clone()).await;
        // Who does not prove himself where he could is asked on further connections.
        assert!(
            seen.failed().is_none() && seen.proofs.iter().all(|proof| *proof == wanted),
            "{:?}",
            seen.proofs
        );
        let seen = probe(Protocol::Grpc, grpc.address.port(), None, other).await;
        assert!(
            seen.failed().is_none() && seen.proofs.iter().all(|proof| *proof == wanted),
            "{:?}",
            seen.proofs
        );
        assert_eq!(seen.names(), ["connect", "tls", "alpn", "http", "grpc", "grpc-stream"]);
        assert_eq!(seen.step(StepKind::Grpc).facts.flat()["health"], "SERVING");
    }
    let arrivals = http.end().await.snapshot().arrivals;
    assert!(!arrivals.is_empty() && arrivals.iter().all(|a| !a.proved), "{arrivals:?}");
}

#[tokio::test]
async fn https_is_proved_over_http2_within_one_tls_session() {
    let listener = listen(Protocol::Https, Some(key(1)), &["/Agent"]);
    let seen = probe(Protocol::Https, listener.address.port(), Some("/Agent"), Some(key(1))).await;
    assert_eq!(seen.names(), ["connect", "tls", "alpn", "http", "proof", "payload"]);
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Alpn).facts.flat()["selected"], "h2");
    assert_eq!(seen.step(StepKind::Http).facts.flat()["version"], "2");
    assert_eq!(seen.claims().http.as_ref().map(|h| h.version.as_str()), Some("2"));
    assert!(matches!(seen.proofs[0], ProofOutcome::Valid { same_tls_session: Some(true), .. }));
}

#[tokio::test]
async fn grpc_is_proved_with_and_without_a_path() {
    for (protocol, names) in [
        (
            Protocol::Grpc,
            &["connect", "tls", "alpn", "http", "grpc", "proof", "grpc-stream", "payload"][..],
        ),
        (Protocol::GrpcH2c, &["connect", "http", "grpc", "proof", "grpc-stream", "payload"]),
    ] {
        let listener = listen(protocol, Some(key(1)), &["/Agent"]);
        for path in [None, Some("/Agent"), Some("/agent/")] {
            let seen = probe(protocol, listener.address.port(), path, Some(key(1))).await;
            assert_eq!(seen.failed(), None, "{protocol} {path:?}: {:#?}", seen.steps);
            assert_eq!(seen.names(), names, "{protocol} {path:?}");
            assert_eq!(seen.claims().http.as_ref().map(|h| h.version.as_str()), Some("2"));
            let same =
                matches!(seen.proofs[0], ProofOutcome::Valid { same_tls_session: Some(true), .. });
            assert_eq!(same, protocol == Protocol::Grpc);
            let detail = &seen.step(StepKind::Grpc).facts.flat();
            assert_eq!((&detail["grpc_status"], &detail["health"]), (&0.into(), &"SERVING".into()));
            let echoes =
                seen.step(StepKind::GrpcStream).facts.flat()["echo_ms"].as_array().map(Vec::len);
            assert_eq!(echoes, Some(2));
        }
    }
}

#[tokio::test]
async fn the_health_check_of_another_path_is_unimplemented() {
    let listener = listen(Protocol::GrpcH2c, Some(key(1)), &["/Agent"]);
    let seen = probe(Protocol::GrpcH2c, listener.address.port(), Some("/Other"), None).await;
    // A refusal with a grpc-status is gRPC all the same.
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Grpc).facts.flat()["grpc_status_name"], "UNIMPLEMENTED");
}

#[tokio::test]
async fn tls_where_there_is_none_and_none_where_there_is() {
    let plain = listen(Protocol::Http, None, &["/Agent"]);
    for protocol in [Protocol::Https, Protocol::Grpc] {
        let seen = probe(protocol, plain.address.port(), Some("/Agent"), None).await;
        let (step, reason) = seen.failed().expect("no TLS is spoken there");
        assert_eq!(step, StepKind::Tls);
        assert!(matches!(reason, Reason::TlsNotSpoken | Reason::TlsHandshakeFailed), "{reason}");
    }
    let tls = listen(Protocol::Https, None, &["/Agent"]);
    for protocol in [Protocol::Http, Protocol::GrpcH2c] {
        let seen = probe(protocol, tls.address.port(), Some("/Agent"), None).await;
        assert_eq!(
            seen.failed(),
            Some((StepKind::Http, Reason::HttpNotSpoken)),
            "{protocol}: {:#?}",
            seen.steps
        );
        assert_eq!(seen.step(StepKind::Http).facts.flat()["looks_like"], "tls", "{protocol}");
    }
}

#[tokio::test]
async fn a_grpc_port_serves_http_too() {
    // HTTP and gRPC flows of one port are served together: here a GET on a gRPC port.
    let listener = listen(Protocol::Grpc, Some(key(1)), &["/Agent"]);
    let seen = probe(Protocol::Https, listener.address.port(), Some("/agent"), Some(key(1))).await;
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Http).facts.flat()["status"], 200);
}
