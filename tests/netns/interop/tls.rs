//! OpenSSL and nginx as TLS servers of every kind: what this program does not speak is not called
//! broken, a certificate never ends a probe, and a client certificate that is wanted is named.

use super::forests::{LIMIT, PROGRAM, hops, word};
use crate::support::netns::{self, Namespace, Net, Process};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/bed");
const NAME: &str = "srv.bed.test";
const HTTPS: u16 = 7443;
const LDAPS: u16 = 7636;

struct Bed {
    net: Net,
    folder: TempDir,
}

impl Bed {
    #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
    fn new() -> Option<Bed> {
        if let Err(why) = netns::available() {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            return None;
        }
        let bed = Bed {
            net: Net::new(&["ws", "srv"]),
            folder: TempDir::new().expect("a temporary folder"),
        };
        let host = |name: &str, at: &str| {
            format!("{{ name = \"{name}\", addresses = [\"{}\"] }}", bed.net.host(at).v4())
        };
        let (ws, srv) = (host("ws.bed.test", "ws"), host(NAME, "srv"));
        let roles = format!(
            "client = {ws}\nserver = {srv}\ncontroller = {srv}\npdc = {srv}\nother = {srv}\nfront \
                = {srv}\n"
        );
        bed.write(
            "site.toml",
            &format!(
                "[site]\nname = \"bed\"\nproduct = \"bed\"\nmatrices = \
            [\"{TABLES}\"]\n\n[roles]\n{roles}"
            ),
        );
        bed.write("leaf", &format!("subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n"));
        bed.write(
            "critical",
            &format!("subjectAltName=DNS:{NAME}\n1.3.6.1.4.1.99999.1=critical,ASN1:UTF8String:x\n"),
        );
        bed.write("authority", "basicConstraints=critical,CA:true\n");
        bed.root("ca", "ec -pkeyopt ec_paramgen_curve:prime256v1", "-sha256");
        bed.leaf("rsa", "rsa:2048", "leaf", "ca", "-sha256");
        Some(bed)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    fn srv(&self) -> &Namespace {
        self.net.host("srv")
    }

    fn sh(&self, script: &str) {
        self.srv().must_sh(&format!(
            "cd {} && {{ {script}; }} >/dev/null 2>&1",
            Path::new(self.folder.path()).display()
        ));
    }

    fn root(&self, name: &str, key: &str, hash: &str) {
        self.sh(&format!(
            "openssl req -x509 -newkey {key} {hash} -nodes -keyout {name}.key -out {name}.pem \
                -subj '/CN=Root {name}' -days 99 -addext \
             basicConstraints=critical,CA:true"
        ));
    }

    fn leaf(&self, name: &str, key: &str, extensions: &str, issuer: &str, hash: &str) {
        self.sh(&format!(
            "openssl req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={NAME} \
                && openssl x509 -req -in {name}.csr -CA {issuer}.pem \
             -CAkey {issuer}.key -CAcreateserial -days 90 -extfile {extensions} {hash} -out \
             {name}.pem"
        ));
    }

    /// OpenSSL's server on a port, with more of its options.
    fn serve(&self, port: u16, certificate: &str, more: &str) -> Process {
        let command = format!(
            "cd {} && head -c 3000 /dev/zero | tr '\\0' x > app && exec openssl s_server -accept \
                {port} -cert {certificate}.pem -key {certificate}.key {} {more}",
            self.folder.path().display(),
            // A page for the flow's path alone: who answers every path with one page may be
            // anybody.
            if port == HTTPS { "-WWW" } else { "-rev" }
        );
        let mut process = self.srv().start("sh", &["-c", &command]);
        process.wait_listening(self.srv(), &[port], Duration::from_secs(20));
        process
    }

    fn connect(&self, flow: &str, ca: &str) -> Value {
        let (site, ca, flow) =
            (self.path("site.toml"), self.path(&format!("{ca}.pem")), format!("hop/{flow}"));
        let args = [
            "connect",
            "--site",
            &site,
            "--as",
            "ws.bed.test",
            "--flow",
            &flow,
            "--ca",
            &ca,
            "--trace",
            "never",
            "--format",
            "json",
        ];
        let done = self.net.host("ws").run(PROGRAM, &args, LIMIT);
        let result: Value =
            serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("no JSON: {e}\n{done}"));
        hops(&result).remove(0)
    }
}

/// What a server of OpenSSL's is like, and what is said of it. `words` stand in a note or in the
/// advice.
#[track_caller]
fn assert_said(hop: &Value, what: &str, verdict: &str, reason: &str, words: &str) {
    assert_eq!((word(hop, "verdict"), word(hop, "reason")), (verdict, reason), "{what}: {hop:#}");
    let said = format!("{} {}", word(hop, "advice"), hop["notes"]);
    assert!(said.contains(words), "{what}: \"{words}\" is not in {said}");
    assert!(verdict == "fail" || !said.contains("filter"), "{what}: {said}");
}

#[test]
fn what_is_not_spoken_here_is_not_broken() {
    let Some(bed) = Bed::new() else { return };
    let (good, not_here) = (("pass", "answered"), ("inconclusive", "tls-not-supported-here"));
    for (options, (verdict, reason), words) in [
        (
            "-tls1_2 -cipher AES256-GCM-SHA384",
            not_here,
            "cipher suite TLS_RSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384",
            not_here,
            "cipher suite TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        ),
        (
            "-tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384",
            not_here,
            "cipher suite TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256",
            not_here,
            "cipher suite TLS_AES_128_CCM_SHA256",
        ),
        ("-tls1_3 -groups ffdhe2048", not_here, "group ffdhe2048"),
        ("-groups X448", not_here, "group X448"),
        ("-tls1_3 -groups P-521", good, ""),
        ("-tls1_2 -groups P-521", good, ""),
        ("-tls1 -cipher ALL@SECLEVEL=0", not_here, "TLS 1.0"),
        ("-tls1_1 -cipher ALL@SECLEVEL=0", not_here, "TLS 1.1"),
        ("-tls1_2 -sigalgs RSA+SHA1 -cipher ALL@SECLEVEL=0", not_here, "rsa_pkcs1_sha1"),
        ("-tls1_2", good, ""),
        ("-tls1_3", good, ""),
    ] {
        let _server = bed.serve(HTTPS, "rsa", options);
        assert_said(&bed.connect("https", "ca"), options, verdict, reason, words);
    }
    // Nothing that anybody speaks.
    let _server = bed.serve(HTTPS, "rsa", "-nocert");
    assert_said(
        &bed.connect("https", "ca"),
        "no certificate",
        "fail",
        "tls-handshake-failed",
        "breaks off every TLS greeting",
    );
}

#[test]
fn a_certificate_never_ends_a_probe() {
    let Some(bed) = Bed::new() else { return };
    for (key, hash) in [
        ("p256", "sha512"),
        ("p384", "sha512"),
        ("p521", "sha512"),
        ("brainpool", "sha256"),
        ("ed448", ""),
        ("small", "sha256"),
    ] {
        let hash = if hash.is_empty() { String::new() } else { format!("-{hash}") };
        let kind = match key {
            "p256" => "ec -pkeyopt ec_paramgen_curve:prime256v1",
            "p384" => "ec -pkeyopt ec_paramgen_curve:secp384r1",
            "p521" => "ec -pkeyopt ec_paramgen_curve:secp521r1",
            "brainpool" => "ec -pkeyopt ec_paramgen_curve:brainpoolP256r1",
            "small" => "rsa:1024",
            other => other,
        };
        bed.root(&format!("root-{key}"), kind, &hash);
        bed.leaf(&format!("of-{key}"), "rsa:2048", "leaf", &format!("root-{key}"), &hash);
        bed.leaf(&format!("with-{key}"), kind, "leaf", "ca", "-sha256");
    }
    bed.leaf("with-ed25519", "ed25519", "leaf", "ca", "-sha256");
    bed.leaf("with-pss", "rsa-pss -pkeyopt rsa_keygen_bits:2048", "leaf", "ca", "-sha256");
    bed.leaf("critical", "rsa:2048", "critical", "ca", "-sha256");
    bed.leaf("sha1", "rsa:2048", "leaf", "ca", "-sha1");
    let (good, not_here) = (("pass", "answered"), ("inconclusive", "tls-not-supported-here"));
    let weak = "-cipher DEFAULT@SECLEVEL=0";
    for (certificate, ca, options, (verdict, reason), words) in [
        // Authorities.
        ("of-p256", "root-p256", "", good, ""),
        ("of-p384", "root-p384", "", good, ""),
        ("of-p521", "root-p521", "", good, ""),
        ("of-brainpool", "root-brainpool", "", not_here, "signed with ECDSA with SHA-256"),
        ("of-ed448", "root-ed448", "", not_here, "signed with Ed448"),
        ("of-small", "root-small", weak, not_here, "could not be judged here"),
        ("of-p384", "ca", "", ("fail", "tls-untrusted"), "let this machine trust it"),
        ("sha1", "ca", weak, not_here, "ECDSA with SHA-1"),
        // Keys.
        ("with-p521", "ca", "-tls1_2", good, ""),
        ("with-p521", "ca", "-tls1_3", good, ""),
        ("with-ed25519", "ca", "-tls1_2", good, ""),
        ("with-ed25519", "ca", "-tls1_3", good, ""),
        ("with-ed448", "ca", "-tls1_2", not_here, "ed448"),
        ("with-ed448", "ca", "-tls1_3", not_here, "signature of the TLS handshake was not checked"),
        ("with-pss", "ca", "-tls1_2", not_here, "rsa_pss_pss_sha256"),
        ("with-pss", "ca", "-tls1_3", good, ""),
        ("with-small", "ca", weak, not_here, "RSA with 1024 bits"),
        // Extensions.
        ("critical", "ca", "-tls1_2", not_here, "1.3.6.1.4.1.99999.1"),
        ("critical", "ca", "-tls1_3", not_here, "1.3.6.1.4.1.99999.1"),
    ] {
        let _server = bed.serve(HTTPS, certificate, options);
        assert_said(
            &bed.connect("https", ca),
            &format!("{certificate} {options}"),
            verdict,
            reason,
            words,
        );
    }
}

#[test]
fn a_wanted_client_certificate_is_named() {
    let Some(bed) = Bed::new() else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        for (flow, port) in [("https", HTTPS), ("ldaps", LDAPS)] {
            let _server = bed.serve(port, "rsa", &format!("-Verify 1 -CAfile ca.pem {version}"));
            let what = format!("{flow} {version}");
            assert_said(
                &bed.connect(flow, "ca"),
                &what,
                "inconclusive",
                "client-certificate-wanted",
                "client certificate",
            );
        }
        let _server = bed.serve(HTTPS, "rsa", &format!("-verify 1 -CAfile ca.pem {version}"));
        assert_said(
            &bed.connect("https", "ca"),
            "it goes on without one",
            "pass",
            "answered",
            "asked for a client certificate",
        );
    }
    // What nginx says of it is HTTP; that it asked is known all the same. And a name that it does
    // not know is another matter.
    let nginx = |more: &str| {
        let files = bed.folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {files}/{kind}; "))
            .concat();
        bed.write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; user root; pid {files}/nginx.pid; error_log \
                    /dev/null; events {{}} http {{ access_log off; {temporary} server {{ listen \
                    {HTTPS} ssl; {more} \
                 }} }}"
            ),
        );
        let mut process = bed.srv().start("nginx", &["-c", &bed.path("nginx.conf")]);
        process.wait_listening(bed.srv(), &[HTTPS], Duration::from_secs(20));
        process
    };
    {
        let files = bed.folder.path().display();
        let _nginx = nginx(&format!(
            "ssl_certificate {files}/rsa.pem; ssl_certificate_key {files}/rsa.key; \
                ssl_client_certificate {files}/ca.pem; ssl_verify_client on;"
        ));
        let hop = bed.connect("https", "ca");
        assert_eq!(hop["steps"][1]["facts"]["tls"]["client_certificate_wanted"], true, "{hop:#}");
    }
    let _nginx = nginx("ssl_reject_handshake on;");
    assert_said(
        &bed.connect("https", "ca"),
        "no such name",
        "fail",
        "tls-handshake-failed",
        "No such name is configured",
    );
}
