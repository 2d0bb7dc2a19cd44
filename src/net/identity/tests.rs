use super::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate authority, an intermediate one, and a leaf, as PEM texts.
struct Made {
    folder: tempfile::TempDir,
    root: String,
    middle: String,
    leaf: String,
    key: String,
}

impl Made {
    fn new() -> Self {
        let authority = |name: &str| {
            let mut parameters = rcgen::CertificateParams::default();
            parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
            (parameters, rcgen::KeyPair::generate().expect("a key"))
        };
        let (root_parameters, root_key) = authority("Test Root");
        let (middle_parameters, middle_key) = authority("Test Issuing");
        let root = root_parameters.self_signed(&root_key).expect("signed").pem();
        let root_issuer = rcgen::Issuer::new(root_parameters, root_key);
        let middle = middle_parameters.signed_by(&middle_key, &root_issuer).expect("signed").pem();
        let middle_issuer = rcgen::Issuer::new(middle_parameters, middle_key);
        let mut parameters =
            rcgen::CertificateParams::new(vec!["psp01.contoso.com".to_owned()]).expect("a name");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "psp01.contoso.com");
        let key = rcgen::KeyPair::generate().expect("a key");
        let leaf = parameters.signed_by(&key, &middle_issuer).expect("signed").pem();
        Made {
            folder: tempfile::tempdir().expect("a folder"),
            root,
            middle,
            leaf,
            key: key.serialize_pem(),
        }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Leaf, intermediate and root are in the file, in an order that helps nobody.
    fn chain_file(&self) -> PathBuf {
        self.file("chain.pem", format!("{}{}{}", self.root, self.middle, self.leaf))
    }
}

fn is_usable(identity: &Identity) {
    assert_eq!(identity.chain.len(), 2, "leaf and intermediate, without the root");
    let told = identity.describe();
    assert_eq!(
        (told.subject.as_deref(), told.issuer.as_deref()),
        (Some("CN=psp01.contoso.com"), Some("CN=Test Issuing"))
    );
    assert_eq!(told.names, ["psp01.contoso.com"]);
    assert!(!identity.own);
    identity.acceptor(&["h2"]).map(|_| ()).expect("TLS takes it");
}

/// Runs openssl; `None` where there is none, which a build server does not accept.
fn openssl(arguments: &[&str]) -> Option<()> {
    match Command::new("openssl").args(arguments).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "openssl {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "openssl is needed for this test: {error}");
            None
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn pem_files_are_read_in_any_order() {
    let made = Made::new();
    is_usable(
        &Identity::from_pem(&made.chain_file(), &made.file("key.pem", &made.key))
            .expect("two files"),
    );
    let one = made.file("all.pem", format!("\u{feff}{}{}{}", made.key, made.leaf, made.middle));
    is_usable(&Identity::from_pem(&one, &one).expect("one file, with a byte order mark"));
}

#[test]
fn the_chain_is_shown_in_a_handshake() {
    let made = Made::new();
    let identity =
        Identity::from_pem(&made.chain_file(), &made.file("key.pem", &made.key)).expect("usable");
    let root = made.file("root.pem", &made.root);
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let trust =
        super::super::tls::Trust::roots(vec![CertificateDer::from_pem_file(root).expect("a root")])
            .expect("trust");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, server) = tokio::io::duplex(1 << 16);
        let acceptor = identity.acceptor(&[]).expect("an acceptor");
        let accepting = acceptor.accept(server);
        let (session, accepted) = tokio::join!(
            super::super::tls::connect(&trust, client, "psp01.contoso.com", &[]),
            accepting
        );
        accepted.expect("the listener's end");
        let session = session.map_err(|failure| failure.reason).expect("the connector's end");
        assert_eq!(
            (session.problem, session.certificate_sha256),
            (None, identity.sha256()),
            "trusted up to the root"
        );
    });
}

#[test]
fn mistakes_with_pem_files_are_told_in_words() {
    let made = Made::new();
    let (chain, key) = (made.chain_file(), made.file("key.pem", &made.key));
    let other = made.file("other.pem", rcgen::KeyPair::generate().expect("a key").serialize_pem());
    let problem = |certificate: &Path, key: &Path| {
        Identity::from_pem(certificate, key).expect_err("a mistake").to_string()
    };
    let told = |problem: String, words: &[&str]| {
        words.iter().for_each(|w| assert!(problem.contains(w), "no \"{w}\" in: {problem}"))
    };
    told(
        problem(&chain, &other),
        &["other.pem", "does not belong to the certificate", "chain.pem"],
    );
    told(problem(&chain, &chain), &["chain.pem", "holds no private key", "BEGIN PRIVATE KEY"]);
    told(problem(&key, &key), &["key.pem", "holds no certificate"]);
    told(problem(&made.folder.path().join("none.pem"), &key), &["cannot read", "none.pem"]);
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    told(
        problem(&chain, &made.file("enc.pem", encrypted)),
        &["enc.pem", "encrypted", "openssl pkey -in"],
    );
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: \
        AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    told(
        problem(&chain, &made.file("old.pem", old)),
        &["old.pem", "encrypted", "openssl pkey -in"],
    );
    told(
        problem(&made.file("cert.cer", b"\x30\x82\x01\x00binary"), &key),
        &["cert.cer", "binary", "openssl x509 -inform der"],
    );
    told(problem(&made.file("utf16.pem", b"\xff\xfe-\0-\0"), &key), &["utf16.pem", "UTF-16"]);
    told(problem(&chain, &made.file("cut.pem", &made.key[..60])), &["cut.pem", "cannot be read"]);
    let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    told(problem(&chain, &made.file("odd.pem", nonsense)), &["odd.pem", "cannot be used"]);
}

#[test]
fn keys_of_every_label_are_read() {
    let made = Made::new();
    let key = made.file("key.pem", &made.key);
    let sec1 = made.folder.path().join("sec1.pem");
    let Some(()) = openssl(&["ec", "-in", text(&key), "-out", text(&sec1)]) else { return };
    assert!(std::fs::read_to_string(&sec1).expect("a file").contains("BEGIN EC PRIVATE KEY"));
    is_usable(&Identity::from_pem(&made.chain_file(), &sec1).expect("SEC1"));

    let (rsa, certificate, pkcs1) = ("rsa.pem", "rsa-cert.pem", "pkcs1.pem");
    let [rsa, certificate, pkcs1] = [rsa, certificate, pkcs1].map(|n| made.folder.path().join(n));
    let (rsa, certificate, pkcs1) = (text(&rsa), text(&certificate), text(&pkcs1));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        rsa,
        "-out",
        certificate,
        "-subj",
        "/CN=rsa",
        "-days",
        "2",
    ]);
    openssl(&["rsa", "-in", rsa, "-traditional", "-out", pkcs1]);
    assert!(std::fs::read_to_string(pkcs1).expect("a file").contains("BEGIN RSA PRIVATE KEY"));
    for key in [rsa, pkcs1] {
        let identity = Identity::from_pem(Path::new(certificate), Path::new(key)).expect("RSA");
        assert_eq!(identity.describe().subject.as_deref(), Some("CN=rsa"));
    }
    let encrypted = made.folder.path().join("encrypted.pem");
    openssl(&[
        "pkey",
        "-in",
        text(&key),
        "-aes256",
        "-passout",
        "pass:x",
        "-out",
        text(&encrypted),
    ]);
    assert!(
        Identity::from_pem(&made.chain_file(), &encrypted)
            .expect_err("encrypted")
            .to_string()
            .contains("is encrypted")
    );
}

#[test]
fn pfx_files_are_read_whether_new_or_old() {
    let made = Made::new();
    let (chain, key, pfx) =
        (made.chain_file(), made.file("key.pem", &made.key), made.folder.path().join("test.pfx"));
    let export =
        ["pkcs12", "-export", "-in", text(&chain), "-inkey", text(&key), "-out", text(&pfx)];
    // openssl takes the first certificate that fits the key as the one; the others go along.
    for (protection, password) in [
        (&["-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC", "-macalg", "sha256"][..], "s3cret"),
        (&["-legacy"][..], "s3cret"),
        (&[][..], "pässwörd"),
        (&[][..], ""),
    ] {
        let pass = format!("pass:{password}");
        let Some(()) = openssl(&[&export[..], protection, &["-passout", &pass]].concat()) else {
            return;
        };
        is_usable(
            &Identity::from_pfx(&pfx, password).unwrap_or_else(|e| panic!("{protection:?}: {e}")),
        );
        let problem =
            Identity::from_pfx(&pfx, "wrong").expect_err("the wrong password").to_string();
        assert!(
            problem.contains("the password does not open") && problem.contains("test.pfx"),
            "{problem}"
        );
    }
    openssl(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        text(&chain),
        "-out",
        text(&pfx),
        "-passout",
        "pass:x",
    ]);
    assert!(
        Identity::from_pfx(&pfx, "x")
            .expect_err("no key")
            .to_string()
            .contains("holds no private key")
    );
}

#[test]
fn mistakes_with_pfx_files_are_told_in_words() {
    let made = Made::new();
    let problem = |path: &Path| Identity::from_pfx(path, "x").expect_err("a mistake").to_string();
    assert!(problem(&made.chain_file()).contains("is a PEM file"));
    assert!(
        problem(&made.file("odd.pfx", b"\x30\x03\x02\x01\x03")).contains("odd.pfx is no PFX file")
    );
    assert!(problem(&made.file("empty.pfx", b"")).contains("empty.pfx is no PFX file"));
    assert!(problem(&made.folder.path().join("none.pfx")).contains("cannot read"));
}
