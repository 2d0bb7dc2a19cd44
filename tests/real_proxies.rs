//! The connector through proxies that others wrote, to the stand-in behind them: nginx and haproxy. A proxy that is missing is named and
//! passed over, except in CI, where it fails the test.
#![expect(clippy::print_stderr, reason = "a test that was passed over says so")]

#[path = "http_grpc/support.rs"]
mod support;

use portmatrix::matrix::model::Protocol;
use portmatrix::observation::{Observation, StepKind};
use portmatrix::proto::challenge::ProofOutcome;
use portmatrix::reason::Reason;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{Ask, LOOPBACK, key, listen, probe};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// A proxy under way; ended when dropped.
struct Proxy {
    child: Child,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a proxy with a configuration in which `@` stands for a folder of its own, and waits until it listens on every port. `None` where
/// there is no such program.
async fn start(program: &str, configuration: &str, arguments: &[&str], ports: &[u16]) -> Option<Proxy> {
    let folder = tempfile::tempdir().expect("a folder");
    let own = |text: &str| text.replace('@', folder.path().to_str().expect("a path in UTF-8"));
    std::fs::write(folder.path().join("conf"), own(configuration)).expect("written");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = format!("{}{}", certified.cert.pem(), certified.signing_key.serialize_pem());
    std::fs::write(folder.path().join("pem"), pem).expect("written");
    let log = std::fs::File::create(folder.path().join("log")).expect("a file");
    let child = Command::new(program).args(arguments.iter().map(|a| own(a))).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    let Ok(child) = child else {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing, and CI must have it");
        eprintln!("{program} is missing: not tested through it");
        return None;
    };
    let mut proxy = Proxy { child, _folder: folder };
    for port in ports {
        let mut tries = 0;
        while TcpStream::connect((LOOPBACK, *port)).await.is_err() {
            tries += 1;
            let ended = proxy.child.try_wait().expect("a child");
            let log = || std::fs::read_to_string(proxy._folder.path().join("log"));
            assert!(ended.is_none() && tries < 500, "{program} does not listen on {port}: {ended:?} {:?}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Some(proxy)
}

async fn nginx(servers: &str, ports: &[u16]) -> Option<Proxy> {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|t| format!("{t}_temp_path @/{t};\n")).concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid @/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{servers}\n}}\n"
    );
    start("nginx", &configuration, &["-e", "stderr", "-p", "@", "-c", "@/conf"], ports).await
}

async fn haproxy(sections: &str, ports: &[u16]) -> Option<Proxy> {
    let defaults = "defaults\n mode http\n retries 0\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n";
    start("haproxy", &format!("{defaults}{sections}"), &["-db", "-f", "@/conf"], ports).await
}

/// A port on which nobody listens for the moment.
fn free() -> u16 {
    std::net::TcpListener::bind((LOOPBACK, 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}

fn listener_saw(seen: &Observation) -> &str {
    seen.claims().http.as_ref().map_or("nothing", |http| &http.version)
}

/// A gRPC server that speaks HTTP/2 and nothing else.
async fn http2_only() -> SocketAddr {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // HTTP/1.x is answered with SETTINGS and a GOAWAY, and then closed.
                if let Ok(mut connection) = h2::server::handshake::<_>(stream).await {
                    while let Some(Ok(_)) = connection.accept().await {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn grpc_through_nginx() {
    let behind = listen(Protocol::GrpcH2c, Some(key(1)), &["/Agent"]);
    let (only, nobody) = (http2_only().await, free());
    let [good, only_agent, by_1, to_2, dead] = [free(), free(), free(), free(), free()];
    let server = |port: u16, location: &str| format!("server {{ listen 127.0.0.1:{port} http2; {location} }}\n");
    let servers = [
        server(good, &format!("location / {{ grpc_pass grpc://{}; }}", behind.address)),
        server(only_agent, &format!("location /Agent/ {{ grpc_pass grpc://{}; }}", behind.address)),
        server(by_1, &format!("location / {{ proxy_pass http://{}; }}", behind.address)),
        server(to_2, &format!("location / {{ proxy_pass http://{only}; }}")),
        server(dead, &format!("location / {{ grpc_pass grpc://127.0.0.1:{nobody}; }}")),
    ];
    let Some(_proxy) = nginx(&servers.concat(), &[good, only_agent, by_1, to_2, dead]).await else { return };
    let call = async |port, path| probe(Protocol::GrpcH2c, port, path, Some(key(1))).await;

    let seen = call(good, None).await;
    assert_eq!((seen.failed(), listener_saw(&seen)), (None, "2"), "{:#?}", seen.steps);
    assert!(seen.step(StepKind::GrpcStream).ok);
    assert_eq!(call(only_agent, Some("/Agent")).await.failed(), None);
    let seen = call(only_agent, None).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::HttpStatus)), "{:#?}", seen.steps);
    assert!(seen.recognised.as_deref().is_some_and(|s| s.starts_with("nginx")), "{:?}", seen.recognised);

    let seen = call(by_1, None).await;
    assert_eq!((seen.failed(), listener_saw(&seen)), (Some((StepKind::Grpc, Reason::Http2NotCarried)), "1.0"), "{:#?}", seen.steps);
    // To a stranger the stand-in answers as ASP.NET does, and nginx passes on what has no place in HTTP/2.
    let seen = probe(Protocol::GrpcH2c, by_1, None, None).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::Http2NotCarried)), "{:#?}", seen.steps);
    let seen = call(to_2, None).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::Http2NotCarried)), "{:#?}", seen.steps);
    let seen = call(dead, None).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::BadGateway)), "{:#?}", seen.steps);
}

#[tokio::test]
async fn http_through_nginx() {
    let behind = listen(Protocol::Http, Some(key(1)), &["/Agent"]);
    let (front, nobody) = (free(), free());
    let servers = format!(
        "server {{ listen 127.0.0.1:{front};
            location /Agent {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header X-Forwarded-For $remote_addr; }}
            location /dead {{ proxy_pass http://127.0.0.1:{nobody}; }} }}\n",
        behind.address
    );
    let Some(_proxy) = nginx(&servers, &[front]).await else { return };
    let get = async |path| probe(Protocol::Http, front, Some(path), Some(key(1))).await;
    let seen = get("/Agent").await;
    assert_eq!(seen.failed(), None);
    let http = seen.claims().http.clone().expect("HTTP");
    assert_eq!((http.version.as_str(), http.added), ("1.1", vec!["x-forwarded-for: 127.0.0.1".to_owned()]));
    let seen = get("/admin").await;
    assert_eq!((seen.failed(), &seen.proofs[..]), (Some((StepKind::Http, Reason::HttpStatus)), &[ProofOutcome::None][..]));
    assert_eq!(get("/dead").await.failed(), Some((StepKind::Http, Reason::BadGateway)));
}

#[tokio::test]
async fn grpc_through_haproxy() {
    let behind = listen(Protocol::GrpcH2c, Some(key(1)), &[]);
    let behind_tls = listen(Protocol::Grpc, Some(key(1)), &[]);
    let nobody = free();
    let [good, by_1, dead, passed, opened, front_1] = [free(), free(), free(), free(), free(), free()];
    let listen_on = |port: u16, bind: &str, server: &str| format!("listen p{port}\n bind 127.0.0.1:{port} {bind}\n server s {server}\n");
    let sections = [
        listen_on(good, "proto h2", &format!("{} proto h2", behind.address)),
        listen_on(by_1, "proto h2", &behind.address.to_string()),
        listen_on(dead, "proto h2", &format!("127.0.0.1:{nobody} proto h2")),
        listen_on(opened, "ssl crt @/pem alpn h2", &format!("{} ssl verify none alpn h2", behind_tls.address)),
        listen_on(front_1, "ssl crt @/pem alpn http/1.1", &format!("{} ssl verify none alpn h2", behind_tls.address)),
        format!("{} mode tcp\n", listen_on(passed, "", &behind_tls.address.to_string())),
    ];
    let Some(_proxy) = haproxy(&sections.concat(), &[good, by_1, dead, passed, opened, front_1]).await else { return };
    let call = async |protocol, port| probe(protocol, port, None, Some(key(1))).await;

    let seen = call(Protocol::GrpcH2c, good).await;
    assert_eq!((seen.failed(), listener_saw(&seen)), (None, "2"), "{:#?}", seen.steps);
    assert!(seen.step(StepKind::GrpcStream).ok);
    let seen = call(Protocol::GrpcH2c, by_1).await;
    assert_eq!((seen.failed(), listener_saw(&seen)), (Some((StepKind::Grpc, Reason::Http2NotCarried)), "1.1"), "{:#?}", seen.steps);
    let seen = call(Protocol::GrpcH2c, dead).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::BadGateway)), "{:#?}", seen.steps);

    for (port, same) in [(passed, true), (opened, false)] {
        let seen = call(Protocol::Grpc, port).await;
        assert_eq!((seen.failed(), listener_saw(&seen)), (None, "2"), "{:#?}", seen.steps);
        assert!(seen.step(StepKind::GrpcStream).ok);
        assert!(matches!(seen.proofs[0], ProofOutcome::Valid { same_tls_session: Some(s), .. } if s == same), "{:#?}", seen.proofs);
    }
    let seen = call(Protocol::Grpc, front_1).await;
    assert_eq!(seen.failed(), Some((StepKind::Alpn, Reason::Http2NotOffered)), "{:#?}", seen.steps);
}
