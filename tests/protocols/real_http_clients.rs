//! Clients that others wrote, against the stand-in: curl, nghttp and grpcio; and grpcio as a
//! server, against the connector. A client that is missing is named and passed over, except in CI,
//! where it fails the test.
#![expect(clippy::print_stderr, reason = "a test that was passed over says so")]

use crate::support::http_grpc::{Ask as _, key, listen, probe};
use jiff::Timestamp;
use portmatrix::matrix::model::Protocol;
use portmatrix::observation::StepKind;
use portmatrix::reason::Reason;
use portmatrix::wire::challenge::{
    Aim, CHALLENGE_HEADER, Challenge, Claims, PROOF_HEADER, ProofOutcome, verify,
};
use std::io::BufRead as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a client for at most 30 s. Its output and errors, one after the other; `None` where there
/// is no such program.
async fn run(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let (output, errors) = (
        tempfile::NamedTempFile::new().expect("a file"),
        tempfile::NamedTempFile::new().expect("a file"),
    );
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("http_proxy")
        .env_remove("https_proxy")
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .stdout(output.reopen().expect("the same file"))
        .stderr(errors.reopen().expect("the same file"))
        .spawn()
        .ok()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().and_then(|()| child.wait()).expect("ended");
            panic!("{program} {arguments:?} does not end");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let mut text = std::fs::read(output.path()).expect("its output");
    text.extend(std::fs::read(errors.path()).expect("its errors"));
    Some((status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// A client is missing: said, and in CI a failure.
fn missing(client: &str) {
    assert!(std::env::var_os("CI").is_none(), "{client} is missing, and CI must have it");
    eprintln!("{client} is missing: not tested against it");
}

struct Asked {
    challenge: Challenge,
    header: String,
    text: String,
}

/// For the listener at this address.
fn challenge(at: SocketAddr) -> Asked {
    let challenge = Challenge::new(portmatrix::net::random(), "hop", Timestamp::now());
    let text = challenge.encode_text(&key(1), Aim::new("psp", at.port()));
    Asked { challenge, header: format!("{CHALLENGE_HEADER}: {text}"), text }
}

impl Asked {
    /// What the listener claims, from the proof in a client's output.
    fn claims(&self, output: &str) -> Claims {
        let line = output
            .lines()
            .find_map(|l| l.split_once(PROOF_HEADER))
            .unwrap_or_else(|| panic!("no proof in {output}"));
        let proof = line.1.trim_matches([':', ' ', '\r']);
        match verify(&key(1), &self.challenge, proof, None) {
            ProofOutcome::Valid { claims, .. } => claims,
            other => panic!("{other:?} in {output}"),
        }
    }
}

#[tokio::test]
async fn curl_speaks_with_the_stand_in() {
    let plain = listen(Protocol::Http, Some(key(1)), &["/Agent"]);
    let tls = listen(Protocol::Https, Some(key(1)), &["/Agent"]);
    let (plain_at, tls_at) = (plain.address, tls.address);
    let (plain, tls) = (format!("http://{plain_at}"), format!("https://{tls_at}"));
    for (how, base, path, wanted, seen) in [
        ("--http1.0", &plain, "/Agent", "1.0 200", "1.0"),
        ("--http1.1", &plain, "/agent/", "1.1 200", "1.1"),
        ("--http1.1", &plain, "/admin", "1.1 404", "1.1"),
        // An offer to upgrade, which is not taken up.
        ("--http2", &plain, "/Agent", "1.1 200", "1.1"),
        ("--http2-prior-knowledge", &plain, "/Agent", "2 200", "2"),
        ("--http2-prior-knowledge", &plain, "/admin", "2 404", "2"),
        ("--http2", &tls, "/Agent", "2 200", "2"),
        ("--http1.1", &tls, "/Agent", "1.1 200", "1.1"),
        ("--http1.1", &tls, "/", "1.1 404", "1.1"),
    ] {
        let asked = challenge(if base == &plain { plain_at } else { tls_at });
        let url = format!("{base}{path}");
        let arguments = ["-k", "-s", "-S", "-D", "-", how, "-H", &asked.header, &url];
        let Some((ok, output)) = run("curl", &arguments).await else { return missing("curl") };
        assert!(ok && output.starts_with(&format!("HTTP/{wanted}")), "{how} {url}: {output}");
        let claims = asked.claims(&output);
        assert_eq!(claims.http.expect("HTTP").version, seen, "{how} {url}");
        assert_eq!(
            claims.tls.and_then(|t| t.alpn),
            url.starts_with("https").then(|| if seen == "2" {
                "h2".into()
            } else {
                "http/1.1".into()
            })
        );
        let names: Vec<_> = output
            .lines()
            .filter_map(|l| l.split_once(':'))
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        assert!(!names.contains(&"server".to_owned()), "the stand-in names itself: {output}");
    }
}

#[tokio::test]
async fn curl_sees_what_asp_net_says_to_grpc_over_http1() {
    let listener = listen(Protocol::GrpcH2c, Some(key(1)), &[]);
    let url = format!("http://{}/grpc.health.v1.Health/Check", listener.address);
    let arguments = [
        "-s",
        "-S",
        "-i",
        "--http1.1",
        "-X",
        "POST",
        "-H",
        "content-type: application/grpc",
        "--data-binary",
        "",
        &url,
        "-w",
        "<%{http_code}>",
    ];
    let Some((_, output)) = run("curl", &arguments).await else { return missing("curl") };
    let lower = output.to_ascii_lowercase();
    assert!(
        lower.contains("<426>")
            && lower.contains("upgrade: http/2")
            && lower.contains("grpc-status: 13"),
        "{output}"
    );
    assert!(!lower.contains(PROOF_HEADER), "a stranger gets no proof: {output}");
}

#[tokio::test]
async fn nghttp_speaks_with_the_stand_in() {
    let plain = listen(Protocol::Http, Some(key(1)), &["/Agent"]);
    let tls = listen(Protocol::Grpc, Some(key(1)), &["/Agent"]);
    for (scheme, at) in [("http", plain.address), ("https", tls.address)] {
        let (base, asked) = (format!("{scheme}://{at}"), challenge(at));
        let url = format!("{base}/Agent");
        let Some((ok, output)) =
            run("nghttp", &["-nv", "--no-verify-peer", "-H", &asked.header, &url]).await
        else {
            return missing("nghttp");
        };
        assert!(ok && output.contains(":status: 200"), "{url}: {output}");
        assert!(output.contains("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):16"), "{output}");
        assert_eq!(asked.claims(&output).http.expect("HTTP").version, "2");
    }
}

/// A health check, a bidirectional stream and an unknown method; one line of output for each, and
/// one with the proof.
const GRPCIO: &str = r#"
import sys, queue, grpc
target, certificate, challenge, prefix = sys.argv[1:5]
if certificate:
    credentials = grpc.ssl_channel_credentials(open(certificate, "rb").read())
    channel = grpc.secure_channel(target, credentials)
else:
    channel = grpc.insecure_channel(target)
same = lambda octets: octets
metadata = (("portmatrix-challenge", challenge),) if challenge else ()
check = channel.unary_unary(prefix + "/grpc.health.v1.Health/Check", request_serializer=same, response_deserializer=same)
answer, call = check.with_call(b"", timeout=15, metadata=metadata)
print("health", answer.hex(), call.code().name)
for name, value in call.trailing_metadata():
    print(name, value)
asked = queue.Queue()
echo = channel.stream_stream(prefix + "/portmatrix.v1.Probe/PingPong", request_serializer=same, response_deserializer=same)
answers = echo(iter(asked.get, None), timeout=15, metadata=metadata)
try:
    for word in (b"one", b"two", b"three"):
        asked.put(word)
        print("echo", next(answers).decode())
    asked.put(None)
    print("rest", list(answers), answers.code().name)
except grpc.RpcError as error:
    asked.put(None)
    print("stream", error.code().name)
try:
    channel.unary_unary("/no.such.Service/Method", request_serializer=same, response_deserializer=same)(b"x", timeout=15)
except grpc.RpcError as error:
    print("unknown", error.code().name)
"#;

#[tokio::test]
async fn grpcio_speaks_with_the_stand_in() {
    let python = std::env::var("PORTMATRIX_PYTHON").unwrap_or_else(|_| "python3".into());
    if !matches!(run(&python, &["-c", "import grpc"]).await, Some((true, _))) {
        return missing("grpcio");
    }
    let plain = listen(Protocol::GrpcH2c, Some(key(1)), &["/Agent"]);
    let tls = listen(Protocol::Grpc, Some(key(1)), &["/Agent"]);
    let certificate = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(certificate.path(), tls.certificate.as_deref().expect("a certificate"))
        .expect("written");
    let certificate = certificate.path().to_str().expect("a path in UTF-8");
    for (listener, certificate) in [(&plain, ""), (&tls, certificate)] {
        let target = format!("localhost:{}", listener.address.port());
        for prefix in ["", "/Agent", "/agent"] {
            let asked = challenge(listener.address);
            let text = asked.text.clone();
            let (ok, output) = run(&python, &["-c", GRPCIO, &target, certificate, &text, prefix])
                .await
                .expect("it was there before");
            assert!(ok, "{output}");
            for line in [
                "health 0801 OK",
                "echo one",
                "echo two",
                "echo three",
                "rest [] OK",
                "unknown UNIMPLEMENTED",
            ] {
                assert!(output.lines().any(|l| l == line), "no \"{line}\" in {output}");
            }
            let claims = asked.claims(&output);
            assert_eq!(
                (claims.http.expect("HTTP").version.as_str(), claims.tls.is_some()),
                ("2", !certificate.is_empty())
            );
        }
        let other = Challenge::new([0; 12], "hop", Timestamp::now())
            .encode_text(&key(2), Aim::new("psp", listener.address.port()));
        for stranger in ["", other.as_str()] {
            let (ok, output) = run(&python, &["-c", GRPCIO, &target, certificate, stranger, ""])
                .await
                .expect("it was there before");
            assert!(
                ok && output.contains("health 0801 OK") && output.contains("stream UNIMPLEMENTED"),
                "{output}"
            );
            assert!(!output.contains(PROOF_HEADER) && !output.contains("echo"), "{output}");
        }
    }
}

/// A server with a health check (or with no method at all) that ends with its standard input; its
/// port is the first line of output.
const GRPCIO_SERVER: &str = r#"
import sys, grpc
from concurrent import futures
server = grpc.server(futures.ThreadPoolExecutor(2))
if sys.argv[1] == "health":
    check = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(None)
"#;

#[tokio::test]
async fn the_connector_speaks_with_grpcio() {
    let python = std::env::var("PORTMATRIX_PYTHON").unwrap_or_else(|_| "python3".into());
    if !matches!(run(&python, &["-c", "import grpc"]).await, Some((true, _))) {
        return missing("grpcio");
    }
    for (methods, status) in [("health", "OK"), ("none", "UNIMPLEMENTED")] {
        let mut child = Command::new(&python)
            .args(["-c", GRPCIO_SERVER, methods])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was there before");
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a port");
        let port = line.trim().parse().expect("a port");
        let seen = probe(Protocol::GrpcH2c, port, None, Some(key(1))).await;
        assert_eq!(seen.failed(), None, "{:#?}", seen.steps);
        assert_eq!(seen.step(StepKind::Grpc).facts.flat()["grpc_status_name"], status);
        // An answer without a proof is asked for on more connections, for the way may be shared
        // out; none of them is proved.
        assert!(
            !seen.proofs.is_empty() && seen.proofs.iter().all(|proof| *proof == ProofOutcome::None),
            "a real server ignores the challenge: {:?}",
            seen.proofs
        );
        let seen = probe(Protocol::Http, port, None, None).await;
        assert_eq!(
            seen.failed(),
            Some((StepKind::Http, Reason::HttpNotSpoken)),
            "{:#?}",
            seen.steps
        );
        drop(child.stdin.take());
        child.wait().expect("ended");
    }
}
