//! The built program through nginx, between hosts: the result file says which leg is broken, and
//! the table and the advice name it.

use crate::support::deployment::{LIMIT, PROGRAM};
use crate::support::netns::{self, Net, Process};
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;

/// A workstation, a front with nginx, and the service's host behind it.
struct Site {
    net: Net,
    folder: TempDir,
}

impl Site {
    /// `None`, with a sentence on standard error, where namespaces cannot be made or nginx is
    /// missing.
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new() -> Option<Self> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        if std::process::Command::new("nginx").arg("-v").output().is_err() {
            return super::programs::missing("nginx");
        }
        let site = Site {
            net: Net::new(&["ws", "front", "psp"]),
            folder: TempDir::new().expect("a temporary folder"),
        };
        let host = |name: &str| {
            format!(
                "{{ name = \"{name}.contoso.test\", addresses = [\"{}\"] }}",
                site.net.host(name).v4()
            )
        };
        let text = format!(
            "[site]\nname = \"contoso\"\nproduct = \"powersyncpro\"\ntopology \
                = \"reverse-proxy\"\nfeatures = [\"!entra-id\"]\n\n[roles]\n\
             migration-agent = {}\nreverse-proxy = {}\npsp-service = {}\n",
            host("ws"),
            host("front"),
            host("psp")
        );
        std::fs::write(site.path("site.toml"), text).expect("written");
        let certified = rcgen::generate_simple_self_signed(["front.contoso.test".to_owned()])
            .expect("a certificate");
        let pem = format!("{}{}", certified.cert.pem(), certified.signing_key.serialize_pem());
        std::fs::write(site.path("pem"), pem).expect("written");
        std::fs::write(site.path("ca.pem"), certified.cert.pem()).expect("written");
        let made = site.net.host("ws").run(PROGRAM, &["key", "new", &site.path("site.key")], LIMIT);
        assert_eq!(made.code, Some(0), "{made}");
        Some(site)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn nginx(&self) -> Process {
        let servers = format!(
            "server {{ listen 443 ssl http2; ssl_certificate @/pem; ssl_certificate_key @/pem; \
                location /Agent {{ proxy_pass \
             http://{}:5000; proxy_http_version 1.1; }} }}",
            self.net.host("psp").v4()
        );
        std::fs::write(
            self.path("nginx.conf"),
            super::programs::nginx_configuration(self.folder.path(), &servers),
        )
        .expect("written");
        let front = self.net.host("front");
        let mut nginx = front.start(
            "nginx",
            &["-e", "stderr", "-p", &self.path(""), "-c", &self.path("nginx.conf")],
        );
        nginx.wait_listening(front, &[443], Duration::from_secs(10));
        nginx
    }

    /// The hop through the front, as the result file and the table have it.
    fn connect(&self) -> (Value, String) {
        let (site, key, ca) = (self.path("site.toml"), self.path("site.key"), self.path("ca.pem"));
        let run = |format: &str| {
            let args = [
                "connect",
                "--site",
                &site,
                "--as",
                "ws.contoso.test",
                "--key",
                &key,
                "--ca",
                &ca,
                "--format",
                format,
            ];
            self.net.host("ws").run(PROGRAM, &args, LIMIT)
        };
        let done = run("json");
        let json: Value =
            serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{done}"));
        let hops = json["hops"].as_array().expect("hops");
        let through = hops
            .iter()
            .find(|h| h["to"]["port"] == 443 && h["expect"] == "allow" && h["path"] == "/Agent");
        let hop = through.unwrap_or_else(|| panic!("no hop through the front\n{done}")).clone();
        let table = run("table").out.split_whitespace().collect::<Vec<_>>().join(" ");
        (hop, table)
    }
}

fn legs(hop: &Value) -> Vec<(&Value, &str)> {
    let all = hop["legs"].as_array().unwrap_or_else(|| panic!("legs in {hop:#}"));
    all.iter().map(|leg| (&leg["ok"], leg["reason"].as_str().unwrap_or_default())).collect()
}

#[test]
fn the_first_broken_leg_is_named() {
    let Some(site) = Site::new() else { return };
    let (yes, no, unknown) = (Value::Bool(true), Value::Bool(false), Value::Null);
    let nginx = site.nginx();

    let (hop, table) = site.connect();
    assert_eq!(
        (&hop["verdict"], &hop["reason"]),
        (&"fail".into(), &"bad-gateway".into()),
        "{hop:#}"
    );
    assert_eq!(legs(&hop), [(&yes, ""), (&no, "bad-gateway")], "{hop:#}");
    assert!(hop["recognised"].as_str().is_some_and(|r| r.starts_with("nginx ")), "{hop:#}");
    let advice = hop["advice"].as_str().unwrap_or_default();
    assert!(advice.starts_with("Between front.contoso.test and psp.contoso.test: "), "{advice}");
    for words in [
        "ws.contoso.test → front.contoso.test: ok",
        "first broken leg: front.contoso.test → psp.contoso.test: broken, bad-gateway",
    ] {
        assert!(table.contains(words), "{words} is not in {table}");
    }

    let psp = site.net.host("psp");
    let (file, key, out) =
        (site.path("site.toml"), site.path("site.key"), site.path("listener.json"));
    let listener_args = [
        "listen",
        "--site",
        &file,
        "--as",
        "psp.contoso.test",
        "--key",
        &key,
        "--for",
        "60s",
        "--out",
        &out,
    ];
    let mut listener = psp.start(PROGRAM, &listener_args);
    listener.wait_listening(psp, &[5000], Duration::from_secs(20));
    let (hop, _) = site.connect();
    assert_eq!((&hop["verdict"], &hop["reason"]), (&"pass".into(), &"proved".into()), "{hop:#}");
    assert_eq!(legs(&hop), [(&yes, ""), (&yes, "")], "{hop:#}");

    drop(nginx);
    let (hop, table) = site.connect();
    assert_eq!(legs(&hop), [(&no, "refused"), (&unknown, "")], "{hop:#}");
    assert!(
        table.contains("first broken leg: ws.contoso.test → front.contoso.test: broken, refused"),
        "{table}"
    );
}
