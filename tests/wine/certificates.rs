//! Certificates that Windows judges by its own store, where the list of revoked ones is out of
//! reach: the verdict comes in time, and nobody waits for it.

use crate::support::deployment::Deployment;
use rcgen::{BasicConstraints, CertificateParams, CrlDistributionPoint, IsCa, Issuer, KeyPair};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const PLAIN: u16 = 7100;
const TLS: std::ops::RangeInclusive<u16> = 7101..=7106;
const HOST: &str = "dc.contoso.test";

/// Port tables with six flows inside TLS, and one that is not.
fn tables() -> (String, String) {
    let product = "[product]\nid = \"six\"\ntitle = \"Six\"\n\n[ports]\nplain = 7100\n\n[[role]]\nid = \
                   \"client\"\ntitle = \"Client\"\n\n[[role]]\nid = \"server\"\ntitle = \"Server\"\n";
    let mut flows = "[matrix]\nid = \"six/lan\"\ntitle = \"Six\"\ntopology = \
                     \"lan\"\n\n[matrix.source]\ndocument = \"A test\"\n"
        .to_owned();
    for port in [PLAIN].into_iter().chain(TLS) {
        let protocol = if port == PLAIN { "http" } else { "https" };
        let _ = write!(
            flows,
            "\n[[flow]]\nid = \"on-{port}\"\nfrom = \"client\"\nto = \"server\"\nport = \
             {port}\nprotocol = \"{protocol}\"\ninferred = \"A test.\"\n"
        );
    }
    (product.to_owned(), flows)
}

/// An authority, and certificates by it that say where the list of revoked ones is: a good one, one
/// that is over, and one of another name. Returns the authority's own.
fn certificates(site: &Deployment) -> Vec<u8> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Contoso Test Root");
    let key = KeyPair::generate().expect("a key");
    let root = authority.self_signed(&key).expect("signed");
    let issuer = Issuer::new(authority, key);
    let now = std::time::SystemTime::now();
    let day = Duration::from_secs(86_400);
    for (file, name, until) in [
        ("good", HOST, now + 90 * day),
        ("over", HOST, now - day),
        ("other", "elsewhere.contoso.test", now + 90 * day),
    ] {
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        leaf.distinguished_name.push(rcgen::DnType::CommonName, name);
        leaf.not_before = (now - 30 * day).into();
        leaf.not_after = until.into();
        let uris = vec!["http://10.77.1.2:8099/revoked.crl".to_owned()];
        leaf.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        let key = KeyPair::generate().expect("a key");
        let certificate = leaf.signed_by(&key, &issuer).expect("signed");
        std::fs::write(site.path(&format!("{file}.pem")), certificate.pem()).expect("written");
        std::fs::write(site.path(&format!("{file}.key")), key.serialize_pem()).expect("written");
    }
    root.der().to_vec()
}

/// Adds a root to the store of the machine, as Windows keeps it in its registry.
fn add_root(site: &Deployment, host: &str, der: &[u8]) {
    let name = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    let name = data_encoding::HEXUPPER.encode(name.as_ref());
    let length = u32::try_from(der.len()).expect("a certificate");
    // The property "certificate" (32), version 1, and its octets.
    let blob = [&[32, 0, 0, 0, 1, 0, 0, 0], &length.to_le_bytes()[..], der].concat();
    let octets: Vec<String> = blob.iter().map(|octet| format!("{octet:02x}")).collect();
    let text = format!(
        "Windows Registry Editor Version \
         5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\SystemCertificates\\Root\\\
         Certificates\\{name}]\r\n\"Blob\"=hex:{}\r\n",
        octets.join(",")
    );
    std::fs::write(site.path("root.reg"), text).expect("written");
    let done =
        site.wine(host).tool(site.net.host(host), "regedit", &["/S", &site.path("root.reg")]);
    assert_eq!(done.code, Some(0), "{done}");
}

fn hop_on(json: &Value, port: u16) -> &Value {
    let hops = json["hops"].as_array().expect("hops");
    hops.iter().find(|hop| hop["to"]["port"] == port).unwrap_or_else(|| panic!("{port}: {json:#}"))
}

fn tls_facts(hop: &Value) -> &Value {
    let steps = hop["steps"].as_array().expect("steps");
    &steps.iter().find(|step| step["step"] == "tls").expect("a handshake")["facts"]["tls"]
}

#[test]
#[expect(clippy::print_stderr, reason = "figures")]
fn a_list_of_revoked_certificates_out_of_reach_holds_nothing_up() {
    let Some(site) = Deployment::with_windows("direct", &["psp"]) else { return };
    let root = certificates(&site);
    let (product, flows) = tables();
    std::fs::create_dir(site.path("tables")).expect("made");
    std::fs::write(site.path("tables/product.toml"), product).expect("written");
    std::fs::write(site.path("tables/lan.toml"), flows).expect("written");
    let (from, to) = (site.net.host("psp").v4(), site.net.host("dc").v4());
    std::fs::write(
        site.path("site.toml"),
        format!(
            "[site]\nname = \"six\"\nproduct = \"six\"\ntopology = \"lan\"\nmatrices = \
             [\"tables\"]\n\n[roles]\nclient = [{{ name = \"psp.contoso.test\", addresses = \
             [\"{from}\"] }}]\nserver = [{{ name = \"{HOST}\", addresses = [\"{to}\"] }}]\n"
        ),
    )
    .expect("written");
    // The host of the list is there, and what is sent to it is dropped.
    site.net.forward_rules("tcp dport 8099 drop");
    let ports: Vec<u16> = [PLAIN].into_iter().chain(TLS).collect();
    for (file, trusted, reason) in [
        ("good", false, "tls-untrusted"),
        ("good", true, "proved"),
        ("over", true, "tls-expired"),
        ("other", true, "tls-name-mismatch"),
    ] {
        if trusted && file == "good" {
            add_root(&site, "psp", &root);
        }
        let (cert, key) = (site.path(&format!("{file}.pem")), site.path(&format!("{file}.key")));
        let own = ["--cert", &cert, "--cert-key", &key];
        let dc = site.listen_with("dc", Some("site.key"), &ports, &own);
        let begun = Instant::now();
        let seen = site.connect("psp", Some("site.key"), &["--trace", "never"]);
        let took = begun.elapsed();
        let plain = hop_on(&seen.json, PLAIN);
        assert_eq!(plain["verdict"], "pass", "{plain:#}");
        let plain_ms = plain["ms"].as_f64().expect("a time");
        eprintln!(
            "{file}, root in the store: {trusted}; six hops inside TLS and a plain one: {:.1} s, the plain \
             one {plain_ms:.0} ms",
            took.as_secs_f64()
        );
        assert!(took < Duration::from_secs(15), "{took:?}");
        for port in TLS {
            let hop = hop_on(&seen.json, port);
            assert_eq!(hop["reason"], reason, "{hop:#}");
            assert_eq!(tls_facts(hop)["trusted"], reason == "proved", "{hop:#}");
        }
        assert_eq!(dc.interrupt(Duration::from_secs(20)).code, Some(0));
    }
}
