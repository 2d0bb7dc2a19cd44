//! Against software that we did not write: two Samba Active Directory domains behind a router, without a stand-in anywhere; and the
//! dissectors of Wireshark, on everything that either end says.
#![cfg(target_os = "linux")]

#[path = "../http_grpc/support.rs"]
mod http_grpc;
mod proxies;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test file uses its part of the harness")]
    pub mod deployment;
    pub mod netns;
}
mod capture;
mod samba;

use samba::{Authority, Domain};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use support::deployment::{DC, Deployment, PSP_DIRECT};
use support::netns::{self, Net};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");
const KEY: Option<&str> = Some("site.key");
const LIMIT: Duration = Duration::from_secs(90);
/// Port tables of the tests' own: LDAP with StartTLS, which the product's tables do not have.
const EXTRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/tables");

/// Two domains, the service's host, and everything that was written for them.
struct Forests {
    net: Net,
    folder: TempDir,
    source: Domain,
    target: Domain,
}

impl Forests {
    /// `None`, with a sentence on standard error, where namespaces or Samba are missing.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new() -> Option<Self> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        if !samba::is_installed() {
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder");
        let authority = Authority::new(folder.path());
        let net = Net::new(&["psp", "src", "dst"]);
        let source = Domain::provision(net.host("src"), "source.example", folder.path(), Some(&authority));
        // Samba makes a certificate by itself, which has a common name alone.
        let target = Domain::provision(net.host("dst"), "target.example", folder.path(), Some(&authority));
        let forests = Forests { net, folder, source, target };
        forests.write_site();
        Some(forests)
    }

    fn write_site(&self) {
        let address = self.net.host("src").v4();
        self.write_site_with(&format!("{{ name = \"{}\", addresses = [\"{address}\"] }}", self.source.controller()));
    }

    /// The site file; `source` is the entry of the source domain's controllers.
    fn write_site_with(&self, source: &str) {
        let host = |name: &str, at: &str| format!("{{ name = \"{name}\", addresses = [\"{}\"] }}", self.net.host(at).v4());
        let target = host(&self.target.controller(), "dst");
        let psp = host("psp.service.example", "psp");
        let text = format!(
            "[site]\nname = \"two-forests\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\n\
             features = [\"ldaps\", \"sid-history\", \"legacy-password-sync\", \"!entra-id\"]\nmatrices = [\"{EXTRA}\"]\n\n[roles]\n\
             psp-service = {psp}\nmigration-agent = \"10.20.0.0/16\"\nsource-dc = {source}\nsource-pdc = {source}\ntarget-dc = {target}\n\
             target-pdc = {target}\n"
        );
        std::fs::write(self.folder.path().join("site.toml"), text).expect("the site file can be written");
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.folder.path()).join(name).to_str().expect("UTF-8").to_owned()
    }

    /// The hops that begin at a host, with what the program said of each.
    fn connect(&self, at: &str, name: &str, ca: &str) -> Vec<Value> {
        self.connect_with(at, name, ca, &[])
    }

    fn connect_with(&self, at: &str, name: &str, ca: &str, more: &[&str]) -> Vec<Value> {
        let (site, ca) = (self.path("site.toml"), self.path(ca));
        let args =
            ["connect", "--site", &site, "--as", name, "--ca", &ca, "--format", "json", "--timeout", "3s", "--connect-timeout", "3s"];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let done = self.net.host(at).run(PROGRAM, &args, LIMIT);
        let json: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{done}"));
        json["hops"].as_array().expect("hops").clone()
    }
}

fn word<'a>(hop: &'a Value, name: &str) -> &'a str {
    hop[name].as_str().unwrap_or_default()
}

fn to(hops: &[Value], host: &str, port: u16, protocol: &str) -> Vec<Value> {
    let fits = |h: &&Value| h["to"]["host"] == host && h["to"]["port"] == port && h["protocol"] == protocol;
    let found: Vec<Value> = hops.iter().filter(fits).cloned().collect();
    assert!(!found.is_empty(), "no {protocol} hop to {host}:{port} among {hops:#?}");
    found
}

#[test]
fn real_directories_pass_and_what_is_wrong_with_one_is_told() {
    let Some(forests) = Forests::new() else { return };
    let source = forests.source.start(forests.net.host("src"), &[]);
    let _target = forests.target.start(forests.net.host("dst"), &["rpc server port:drsuapi=51001"]);
    let (dc_source, dc_target) = (forests.source.controller(), forests.target.controller());

    let capture = capture::Capture::start(forests.net.host("psp"), &forests.path("samba.pcapng"));
    // Everything that the service needs of its directories.
    let hops = forests.connect("psp", "psp.service.example", "ca.pem");
    for host in [&dc_source, &dc_target] {
        for (port, protocol) in [(389, "ldap"), (636, "ldaps")] {
            for hop in to(&hops, host, port, protocol) {
                assert_eq!((word(&hop, "verdict"), word(&hop, "answered_by")), ("pass", "service"), "{hop:#}");
                assert!(word(&hop, "recognised").contains("Samba") || word(&hop, "recognised").contains("Active Directory"), "{hop:#}");
            }
        }
    }
    let starttls = to(&hops, &dc_target, 389, "ldap");
    let climbed = |hop: &Value, step: &str| hop["steps"].as_array().is_some_and(|s| s.iter().any(|s| s["step"] == step && s["ok"] == true));
    assert!(starttls.iter().any(|h| climbed(h, "start-tls") && climbed(h, "tls")), "{starttls:#?}");
    let rpc = to(&hops, &dc_target, 135, "rpc");
    for hop in &rpc {
        assert_eq!((word(hop, "verdict"), word(hop, "reason")), ("pass", "answered"), "{hop:#}");
        for step in ["rpc-bind", "rpc-map", "rpc-port"] {
            assert!(climbed(hop, step), "{step}: {hop:#}");
        }
    }
    let rpc_text = serde_json::to_string(&rpc).expect("JSON");
    assert!(rpc_text.contains("51001"), "the pinned port is the one that was used: {rpc_text}");

    if let Some(capture) = capture {
        capture.assert_well_formed(&["tcp.port==51001,dcerpc"], &["ldap", "dcerpc", "epm", "tls"]);
    }

    // Found through Samba's own DNS instead of the site file.
    forests.write_site_with(&format!("{{ discover = \"{}\" }}", forests.source.name));
    let found = forests.connect_with("psp", "psp.service.example", "ca.pem", &["--dns", &forests.net.host("src").v4().to_string()]);
    for hop in to(&found, &dc_source, 389, "ldap") {
        assert_eq!((word(&hop, "verdict"), word(&hop, "answered_by")), ("pass", "service"), "{hop:#}");
    }
    forests.write_site();

    // The target's domain controller reads from the source's.
    for hop in to(&forests.connect("dst", &dc_target, "ca.pem"), &dc_source, 135, "rpc") {
        assert_eq!((word(&hop, "verdict"), word(&hop, "reason")), ("pass", "answered"), "{hop:#}");
    }

    // The dynamic ports shut on the way.
    let target = forests.net.host("dst").v4();
    forests.net.forward_rules(&format!("ip daddr {target} tcp dport 49152-65535 drop"));
    for hop in to(&forests.connect("psp", "psp.service.example", "ca.pem"), &dc_target, 135, "rpc") {
        assert_eq!((word(&hop, "verdict"), word(&hop, "reason")), ("fail", "rpc-port-blocked"), "{hop:#}");
        assert!(word(&hop, "advice").contains("49152-65535"), "{hop:#}");
    }
    // A certificate that this machine does not trust.
    forests.net.forward_rules("tcp dport 1 drop");
    std::fs::write(forests.path("other.pem"), Authority::root_of_nobody()).expect("written");
    let untrusted = forests.connect("psp", "psp.service.example", "other.pem");
    for hop in to(&untrusted, &dc_source, 636, "ldaps") {
        assert_eq!(word(&hop, "reason"), "tls-untrusted", "{hop:#}");
        assert_ne!(word(&hop, "verdict"), "pass", "{hop:#}");
    }
    // A controller that is down.
    drop(source);
    for hop in to(&forests.connect("psp", "psp.service.example", "ca.pem"), &dc_source, 389, "ldap") {
        assert_eq!(word(&hop, "reason"), "refused", "{hop:#}");
    }
}

/// Our own listener and connector, as somebody else's dissectors see them.
#[test]
fn no_frame_of_the_stand_ins_is_malformed() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);
    let Some(capture) = capture::Capture::start(site.net.host("psp"), &site.path("stand-ins.pcapng")) else { return };
    site.connect("ws", KEY, &["--require-proof"]).assert_proved("psp", &[5000]);
    site.connect("psp", KEY, &["--require-proof"]).assert_proved("dc", DC);
    site.connect("dc", KEY, &["--require-proof"]).assert_proved("psp", &[5001]);
    let decode = ["tcp.port==5000,http", "tcp.port==5001,tls", "tcp.port==7002,tls", "tcp.port==7003,http2", "tcp.port==7389,ldap"];
    capture.assert_well_formed(&decode, &["http", "http2", "grpc", "ldap", "dcerpc", "epm", "tls"]);
}
