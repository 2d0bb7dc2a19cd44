//! OpenLDAP's `ldapsearch` against the stand-in: what a real client makes of it.
#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use portmatrix::listen::gate::{Gate, Limits};
use portmatrix::listen::server;
use portmatrix::matrix::model::Protocol;
use portmatrix::net::identity::Identity;
use portmatrix::stand_in::memory::journal::Journal;
use portmatrix::stand_in::{ServerTls, StandIn};
use portmatrix::wire::challenge::SiteKey;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const STARTTLS: &str = "1.3.6.1.4.1.1466.20037";

/// What the client printed, and its exit code, which is the LDAP result code.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

/// Whether there is an `ldapsearch`. On a build server there must be one.
fn installed() -> bool {
    let found = Command::new("ldapsearch")
        .arg("-VV")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "ldapsearch is missing: install ldap-utils");
        eprintln!("not tested: ldapsearch is missing (package ldap-utils)");
    }
    found
}

/// Starts a stand-in and runs one `ldapsearch` against it.
async fn ldapsearch(protocol: Protocol, tls: bool, arguments: &[&str]) -> Answer {
    let identity = Identity::self_signed(&["localhost".to_owned()]).expect("a certificate");
    let tls = tls.then(|| ServerTls {
        acceptor: identity.acceptor(&[]).expect("an acceptor"),
        certificate_sha256: identity.sha256().into(),
        own: true,
    });
    let here =
        StandIn { tls, ..StandIn::new("dc01.contoso.com", protocol, Some(SiteKey::new(&[1; 32]))) };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server::run(
        socket,
        Arc::new(here),
        Gate::new(Limits::default()),
        Arc::<Journal>::default(),
        stop.clone(),
    ));
    let scheme = if protocol == Protocol::Ldaps { "ldaps" } else { "ldap" };
    let mut child = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "nettimeout=5", "-H", &format!("{scheme}://127.0.0.1:{port}")])
        .args(arguments)
        .env("LDAPTLS_REQCERT", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // What it prints fits into a pipe, so that it can be left until the end.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("a child can be asked").is_none() {
        if std::time::Instant::now() > deadline {
            let _ = child.kill();
            panic!("ldapsearch {arguments:?} did not end in time");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let output = child.wait_with_output().expect("what it printed");
    stop.cancel();
    serving.await.expect("the listener ends in order");
    Answer {
        code: output.status.code().expect("an exit code"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const ROOT_DSE: &[&str] = &["-s", "base", "-b", ""];

#[tokio::test]
async fn the_root_dse_is_shown_in_clear_text() {
    if !installed() {
        return;
    }
    let Answer { code, out, err } = ldapsearch(Protocol::Ldap, true, ROOT_DSE).await;
    assert_eq!(code, 0, "{err}");
    for line in [
        "dn:",
        "objectClass: top",
        "defaultNamingContext: DC=contoso,DC=com",
        "dnsHostName: dc01.contoso.com",
    ] {
        assert!(out.lines().any(|l| l == line), "no \"{line}\" in:\n{out}");
    }
    assert!(out.contains(STARTTLS), "StartTLS is offered where it is possible:\n{out}");
    let without = ldapsearch(Protocol::Ldap, false, ROOT_DSE).await;
    assert!(
        without.code == 0 && !without.out.contains(STARTTLS),
        "and only there:\n{}",
        without.out
    );
    let one = ldapsearch(Protocol::Ldap, true, &[ROOT_DSE, &["DNShostname"]].concat()).await;
    assert_eq!(one.out.trim(), "dn:\ndnsHostName: dc01.contoso.com");
    let none = ldapsearch(Protocol::Ldap, true, &[ROOT_DSE, &["1.1"]].concat()).await;
    assert_eq!(none.out.trim(), "dn:");
}

#[tokio::test]
async fn starttls_and_ldaps_work() {
    if !installed() {
        return;
    }
    // -ZZ: give up unless StartTLS succeeds.
    for (protocol, extra) in [(Protocol::Ldap, &["-ZZ"][..]), (Protocol::Ldaps, &[][..])] {
        let Answer { code, out, err } =
            ldapsearch(protocol, true, &[ROOT_DSE, extra].concat()).await;
        assert_eq!(code, 0, "{protocol}: {err}");
        assert!(out.contains("dnsHostName: dc01.contoso.com"), "{protocol}: {out}");
        assert!(!out.contains(STARTTLS), "no StartTLS inside TLS:\n{out}");
    }
}

#[tokio::test]
async fn refusals_are_understood() {
    if !installed() {
        return;
    }
    let sign_on = ["-D", "CN=x,DC=contoso,DC=com", "-w", "secret"];
    // The exit code of ldapsearch is the result code, except that a failed StartTLS is always 1.
    for (protocol, tls, arguments, wanted, words) in [
        (Protocol::Ldap, false, &[ROOT_DSE, &["-ZZ"]].concat(), 1, "TLS is not set up"),
        (Protocol::Ldap, true, &["-b", "DC=contoso,DC=com"].to_vec(), 1, "without authentication"),
        (Protocol::Ldap, true, &[ROOT_DSE, &sign_on].concat(), 8, "Transport encryption required"),
        (Protocol::Ldaps, true, &[ROOT_DSE, &sign_on].concat(), 49, "Invalid credentials"),
        (Protocol::Ldaps, true, &[ROOT_DSE, &["-ZZ"]].concat(), 1, "TLS is already up"),
        (Protocol::Ldap, true, &[ROOT_DSE, &["-P", "2"]].concat(), 2, "version 3"),
        (Protocol::Ldap, true, &[ROOT_DSE, &["-E", "!1.2.3.4"]].concat(), 12, "critical"),
    ] {
        let Answer { code, out, err } = ldapsearch(protocol, tls, arguments).await;
        assert_eq!(code, wanted, "{arguments:?}: {out}{err}");
        assert!(format!("{out}{err}").contains(words), "{arguments:?}: {out}{err}");
    }
}
