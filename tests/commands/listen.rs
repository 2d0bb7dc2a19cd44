//! `listen` as a user runs it: ports that do not open, limits, its end and its record,
//! certificates, and clients of somebody else's.
#![cfg(unix)]
#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use crate::support::program::{Done, Folder, PROGRAM, installed};
use serde_json::Value;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Ports of the sample below with its offset.
const HTTP: u16 = 26_000;
const GRPC: u16 = 26_001;
const LDAP: u16 = 21_389;
const LDAPS: u16 = 21_636;

/// A service, a workstation and a domain controller, each with an address of its own: tests run
/// side by side.
fn site(net: u8) -> Folder {
    Folder::new(&format!(
        "[site]\nname = \"test\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\nport-offset = \
            21000\n\
         features = [\"ldaps\", \"sid-history\", \"!entra-id\"]\n[ranges]\nrpc-dynamic \
         = \"30000-30099\"\n[roles]\n\
         psp-service = {{ name = \"srv.test.example\", addresses = [\"127.99.{net}.1\"] }}\n\
         migration-agent = {{ name = \"ws.test.example\", addresses = [\"127.99.{net}.2\"] }}\n\
         sync-agent = {{ name = \"sync.test.example\", addresses = [\"127.99.{net}.3\"] }}\n\
         target-dc = {{ name = \"dc.test.example\", addresses = [\"127.99.{net}.4\"] }}\n\
         target-pdc = {{ name = \"dc.test.example\", addresses = [\"127.99.{net}.4\"] }}\n"
    ))
}

fn at(net: u8, host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 99, net, host], port))
}

/// The line of a port in a table.
fn line(done: &Done, port: SocketAddr) -> &str {
    done.out
        .lines()
        .find(|l| l.contains(&port.to_string()))
        .unwrap_or_else(|| panic!("no line for {port}\n{done}"))
}

#[test]
fn a_taken_port_is_left_alone_and_the_others_open() {
    let folder = site(1);
    let real_service = TcpListener::bind(at(1, 1, HTTP)).expect("the real service starts first");
    let mut listener =
        folder.listen(&["--as", "psp-service", "--for", "2s", "--out", "out.json"], at(1, 1, GRPC));
    let done = listener.wait(Duration::from_secs(20));
    assert_eq!(done.code, Some(0), "the real service is no fault: {done}");
    assert!(line(&done, at(1, 1, HTTP)).contains("taken"), "{done}");
    assert!(line(&done, at(1, 1, GRPC)).contains("open"), "{done}");
    // Linux tells who it is: this very process.
    if cfg!(target_os = "linux") {
        let words = done.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let holder = format!(", pid {}) listens there already", std::process::id());
        assert!(words.contains("somebody (") && words.contains(&holder), "{done}");
    }
    // Nobody but the real service ever had the port.
    real_service.set_nonblocking(true).expect("it can be asked");
    assert_eq!(
        real_service.accept().map(|_| ()).map_err(|e| e.kind()),
        Err(std::io::ErrorKind::WouldBlock)
    );
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("out.json")).expect("a record"))
            .expect("JSON");
    assert_eq!(record["schema"], "portmatrix/listen/1");
    assert!(
        record["ports"].as_array().is_some_and(|p| p.iter().any(|p| p["state"] == "taken")),
        "{record:#}"
    );
}

#[test]
fn an_absent_address_is_said_and_nothing_is_listened_on() {
    let folder = site(2);
    let text = std::fs::read_to_string(folder.path("site.toml")).expect("the site file");
    std::fs::write(folder.path("site.toml"), text.replace("127.99.2.1", "192.0.2.77"))
        .expect("the site file can be written");
    let done = folder.run(&["listen", "--as", "psp-service", "--for", "60s"]);
    assert_eq!(done.code, Some(3), "{done}");
    assert!(done.out.contains("no-such-address") && done.out.contains("--bind"), "{done}");
}

#[test]
fn a_forbidden_port_says_what_to_do() {
    let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|t| t.trim().parse::<u16>().ok());
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !root || lowest.is_none_or(|l| l <= 389) || !installed("setpriv", "util-linux") {
        assert!(
            std::env::var_os("CI").is_none() || lowest.is_some_and(|l| l <= 389),
            "CI runs as root and has setpriv"
        );
        return;
    }
    let folder = site(3);
    let text = std::fs::read_to_string(folder.path("site.toml"))
        .expect("the site file")
        .replace("port-offset = 21000\n", "");
    // The nobody of the test cannot read the temporary folder, nor the program where it was built:
    // both are handed over as copies.
    let (open, program) = (folder.path("open"), folder.path("open/portmatrix"));
    std::fs::create_dir(&open).expect("a folder");
    std::fs::write(open.join("site.toml"), text).expect("the site file can be written");
    std::fs::copy(PROGRAM, &program).expect("the program can be copied");
    for path in [folder.0.path(), open.as_path()] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("the folder can be opened");
    }
    let done = std::process::Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ])
        .arg(&program)
        .args(["listen", "--as", "target-dc", "--for", "2s"])
        .current_dir(&open)
        .output();
    let done = Done::of(done.expect("setpriv starts"));
    assert_eq!(done.code, Some(3), "{done}");
    assert!(done.out.contains("forbidden") && done.out.contains("cap_net_bind_service"), "{done}");
}

#[test]
fn it_ends_on_ctrl_c_with_a_summary() {
    let folder = site(4);
    let listener = folder.listen(&["--as", "psp-service"], at(4, 1, HTTP));
    let done = listener.interrupt();
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.out.contains("Accepted"), "{done}");
}

/// A connection that the listener has let in: it was answered, and is open. Another one of this
/// test, by which it was seen that the port is open, may be counted for a moment still.
fn let_in(at: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = TcpStream::connect(at).expect("the kernel accepts");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a deadline");
        let asked = stream.write_all(b"GET /Agent HTTP/1.1\r\nhost: srv.test.example\r\n\r\n");
        if asked.is_ok() && matches!(stream.read(&mut [0; 1]), Ok(1)) {
            return stream;
        }
        assert!(Instant::now() < deadline, "{at} lets nobody in");
    }
}

#[test]
fn limits_turn_away() {
    let folder = site(5);
    let listener = folder.listen(
        &["--as", "psp-service", "--max-per-peer", "1", "--out", "out.json"],
        at(5, 1, HTTP),
    );
    let mut held = let_in(at(5, 1, HTTP));
    let _second = let_in(at(5, 1, HTTP));
    // More of the answer may be there still.
    let end = std::iter::repeat_with(|| held.read(&mut [0; 512]))
        .find(|read| !matches!(read, Ok(1..)))
        .map(|read| read.map_err(|e| e.kind()));
    assert!(
        matches!(end, Some(Ok(0) | Err(ErrorKind::ConnectionReset))),
        "the older one gave way: {end:?}"
    );
    let done = listener.interrupt();
    assert_eq!(done.code, Some(0), "{done}");

    let folder = site(6);
    let _listener =
        folder.listen(&["--as", "psp-service", "--allow-from", "10.0.0.0/8"], at(6, 1, HTTP));
    let mut stranger = TcpStream::connect(at(6, 1, HTTP)).expect("the kernel accepts");
    stranger.set_read_timeout(Some(Duration::from_secs(5))).expect("a deadline");
    let _ = stranger.write_all(b"GET /Agent HTTP/1.0\r\n\r\n");
    assert!(
        matches!(stranger.read(&mut [0; 1]), Ok(0) | Err(_)),
        "a network that is not on the list gets nothing"
    );
}

/// A CA, and a certificate of it for a name and a time: files `NAME.pem` and `NAME.key`, the CA in
/// `ca.pem`.
fn certificate(folder: &Folder, name: &str, subject: &str, days_ago: u32, days: u32) {
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Test CA");
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let mut leaf = rcgen::CertificateParams::new(vec![subject.to_owned()]).expect("parameters");
    let begin = std::time::SystemTime::now() - Duration::from_secs(u64::from(days_ago) * 86_400);
    leaf.not_before = begin.into();
    leaf.not_after = (begin + Duration::from_secs(u64::from(days) * 86_400)).into();
    let key = rcgen::KeyPair::generate().expect("a key");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
    let write = |file: String, text: String| {
        std::fs::write(folder.path(&file), text).expect("a file can be written")
    };
    write(format!("{name}.pem"), leaf.pem());
    write(format!("{name}.key"), key.serialize_pem());
    write(format!("{name}-ca.pem"), ca_certificate.pem());
}

#[test]
fn the_production_certificate_is_judged_before_the_product_is_there() {
    for (net, name, subject, days_ago, days, trusted, wanted) in [
        (7, "good", "srv.test.example", 1, 300, true, ("pass", "proved")),
        (8, "wildcard", "*.test.example", 1, 300, true, ("pass", "proved")),
        (15, "soon", "srv.test.example", 1, 20, true, ("warn", "tls-expires-soon")),
        (9, "other-name", "www.elsewhere.example", 1, 30, true, ("fail", "tls-name-mismatch")),
        (10, "expired", "srv.test.example", 30, 10, true, ("fail", "tls-expired")),
        (11, "untrusted", "srv.test.example", 1, 30, false, ("fail", "tls-untrusted")),
    ] {
        let folder = site(net);
        assert_eq!(folder.run(&["key", "new"]).code, Some(0));
        certificate(&folder, name, subject, days_ago, days);
        certificate(&folder, "another", subject, 1, 30);
        let (pem, key) = (format!("{name}.pem"), format!("{name}.key"));
        let _listener = folder.listen(
            &["--as", "psp-service", "--key", "site.key", "--cert", &pem, "--cert-key", &key],
            at(net, 1, GRPC),
        );
        let ca = if trusted { format!("{name}-ca.pem") } else { "another-ca.pem".to_owned() };
        let flow = "direct/sync-agent-to-service";
        let done = folder.run(&[
            "connect",
            "--as",
            "sync-agent",
            "--key",
            "site.key",
            "--ca",
            &ca,
            "--flow",
            flow,
            "--format",
            "json",
        ]);
        let hop = &done.json()["hops"][0];
        assert_eq!(
            (hop["verdict"].as_str(), hop["reason"].as_str()),
            (Some(wanted.0), Some(wanted.1)),
            "{name}: {done}"
        );
        assert_eq!(
            hop["answered_by"], "stand-in",
            "whatever is wrong with the certificate, the listener proved itself: {done}"
        );
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_wrong_input() {
    let folder = site(12);
    certificate(&folder, "one", "srv.test.example", 1, 30);
    certificate(&folder, "two", "srv.test.example", 1, 30);
    for (arguments, wanted) in [
        (["--cert", "one.pem", "--cert-key", "two.key"], "does not belong"),
        (["--cert", "missing.pem", "--cert-key", "two.key"], "missing.pem"),
        (["--cert", "one.key", "--cert-key", "one.key"], "no certificate"),
    ] {
        let done = folder.run(
            &[&["listen", "--as", "psp-service", "--for", "60s"], arguments.as_slice()].concat(),
        );
        assert!(
            done.code == Some(2) && done.err.contains(wanted) && done.out.is_empty(),
            "{arguments:?}: {done}"
        );
    }
}

#[test]
fn sambas_rpcclient_lists_the_stand_ins_interfaces() {
    if !installed("rpcclient", "smbclient") {
        return;
    }
    // rpcclient knows the mapper on its own port alone.
    if TcpListener::bind(at(13, 4, 135)).is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI may bind port 135");
        eprintln!("not tested: this user may not bind port 135");
        return;
    }
    let folder = site(13);
    let text = std::fs::read_to_string(folder.path("site.toml"))
        .expect("the site file")
        .replace("port-offset = 21000\n", "");
    std::fs::write(folder.path("site.toml"), text).expect("the site file can be written");
    let _listener = folder.listen(&["--as", "target-pdc", "--for", "60s"], at(13, 4, 135));
    let binding = "ncacn_ip_tcp:127.99.13.4[135]";
    let output = std::process::Command::new("timeout")
        .args(["20", "rpcclient", "-U%", binding, "-c", "epmlookup"])
        .output();
    let done = Done::of(output.expect("rpcclient starts"));
    assert_eq!(done.code, Some(0), "{done}");
    let text = done.out.to_lowercase();
    for uuid in ["e3514235-4b06-11d1-ab04-00c04fc2dcd2", "12345778-1234-abcd-ef00-0123456789ac"] {
        assert!(text.contains(uuid), "{uuid} is not listed: {done}");
    }
}

#[test]
fn ldapsearch_and_curl_are_answered_by_the_program_itself() {
    if !installed("ldapsearch", "ldap-utils") || !installed("curl", "curl") {
        return;
    }
    let folder = site(14);
    let _dc = folder.listen(&["--as", "target-dc", "--for", "60s"], at(14, 4, LDAPS));
    for uri in [format!("ldap://127.99.14.4:{LDAP}"), format!("ldaps://127.99.14.4:{LDAPS}")] {
        let output = std::process::Command::new("timeout")
            .args([
                "20",
                "ldapsearch",
                "-x",
                "-LLL",
                "-H",
                &uri,
                "-s",
                "base",
                "-b",
                "",
                "dnsHostName",
            ])
            .env("LDAPTLS_REQCERT", "never")
            .output();
        let done = Done::of(output.expect("ldapsearch starts"));
        assert!(
            done.code == Some(0) && done.out.contains("dnsHostName: dc.test.example"),
            "{uri}: {done}"
        );
    }
    let _service = folder.listen(&["--as", "psp-service", "--for", "60s"], at(14, 1, HTTP));
    for (path, status) in [("/Agent", "200"), ("/agent", "200"), ("/", "404")] {
        let url = format!("http://127.99.14.1:{HTTP}{path}");
        let output = std::process::Command::new("curl")
            .args(["-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", &url])
            .output();
        assert_eq!(Done::of(output.expect("curl starts")).out, status, "{path}");
    }
}
