//! Two Active Directory domains, the service's host between them, and what the program says of the
//! way from one to another.

use super::samba::{self, Authority, Domain};
use crate::support::netns::{self, Done, Net};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");
pub const LIMIT: Duration = Duration::from_secs(90);
/// Port tables of the tests' own: LDAP with StartTLS, and Kerberos to both domains.
const EXTRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/netns/interop/tables");

/// Two domains, the service's host, and everything that was written for them.
pub struct Forests {
    pub net: Net,
    pub source: Domain,
    pub target: Domain,
    folder: TempDir,
}

impl Forests {
    /// `None`, with a sentence on standard error, where namespaces or Samba are missing.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    pub fn new() -> Option<Self> {
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
        let source =
            Domain::provision(net.host("src"), "source.example", folder.path(), Some(&authority));
        // Samba makes a certificate by itself, which has a common name alone.
        let target =
            Domain::provision(net.host("dst"), "target.example", folder.path(), Some(&authority));
        let forests = Forests { net, folder, source, target };
        forests.write_site();
        let made =
            forests.net.host("psp").run(PROGRAM, &["key", "new", &forests.path("site.key")], LIMIT);
        assert_eq!(made.code, Some(0), "{made}");
        Some(forests)
    }

    pub fn write_site(&self) {
        let address = self.net.host("src").v4();
        self.write_site_with(&format!(
            "{{ name = \"{}\", addresses = [\"{address}\"] }}",
            self.source.controller()
        ));
    }

    /// The site file; `source` is the entry of the source domain's controllers.
    pub fn write_site_with(&self, source: &str) {
        let host = |name: &str, at: &str| {
            format!("{{ name = \"{name}\", addresses = [\"{}\"] }}", self.net.host(at).v4())
        };
        let target = host(&self.target.controller(), "dst");
        let psp = host("psp.service.example", "psp");
        let text = format!(
            "[site]\nname = \"two-forests\"\nproduct = \"powersyncpro\"\ntopology = \"direct\"\n\
             features = [\"ldaps\", \"sid-history\", \"legacy-password-sync\", \"!entra-id\"]\nmatrices = [\"{EXTRA}\"]\n\n[roles]\n\
             psp-service = {psp}\nmigration-agent = \"10.20.0.0/16\"\nsource-dc = \
             {source}\nsource-pdc = {source}\ntarget-dc = {target}\n\
             target-pdc = {target}\n"
        );
        std::fs::write(self.folder.path().join("site.toml"), text)
            .expect("the site file can be written");
    }

    pub fn path(&self, name: &str) -> String {
        Path::new(self.folder.path()).join(name).to_str().expect("UTF-8").to_owned()
    }

    /// The hops that begin at the service's host, with what the program said of each.
    pub fn connect(&self) -> Vec<Value> {
        hops(&self.result("psp", "psp.service.example", &[]))
    }

    /// The result of a run from a host, with more arguments.
    pub fn result(&self, at: &str, name: &str, more: &[&str]) -> Value {
        let done = self.run(at, name, &[&["--format", "json"], more].concat());
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{done}"))
    }

    /// A run from a host, with these arguments.
    pub fn run(&self, at: &str, name: &str, more: &[&str]) -> Done {
        let (site, ca) = (self.path("site.toml"), self.path("ca.pem"));
        let mut args = vec![
            "connect",
            "--site",
            &site,
            "--as",
            name,
            "--timeout",
            "3s",
            "--connect-timeout",
            "3s",
        ];
        args.extend(more);
        if !more.contains(&"--ca") {
            args.extend(["--ca", &ca]);
        }
        self.net.host(at).run(PROGRAM, &args, LIMIT)
    }
}

/// The hops of a result.
pub fn hops(result: &Value) -> Vec<Value> {
    result["hops"].as_array().expect("hops").clone()
}

/// A rung of a hop that was climbed.
pub fn climbed<'a>(hop: &'a Value, step: &str) -> Option<&'a Value> {
    hop["steps"].as_array()?.iter().find(|s| s["step"] == step && s["ok"] == true)
}

pub fn word<'a>(hop: &'a Value, name: &str) -> &'a str {
    hop[name].as_str().unwrap_or_default()
}

pub fn to(hops: &[Value], host: &str, port: u16, protocol: &str) -> Vec<Value> {
    let fits = |h: &&Value| {
        h["to"]["host"] == host && h["to"]["port"] == port && h["protocol"] == protocol
    };
    let found: Vec<Value> = hops.iter().filter(fits).cloned().collect();
    assert!(!found.is_empty(), "no {protocol} hop to {host}:{port} among {hops:#?}");
    found
}
