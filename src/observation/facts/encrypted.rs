//! Facts of TLS and of certificates.

use super::family::family;
use crate::observation::fault::CertificateFault;
use crate::reason::Reason;
use jiff::Timestamp;

family! {
    /// A TLS session, or what broke it off.
    Tls {
        /// The name that was asked for (SNI).
        server_name: Option<String>,
        /// `1.2` or `1.3`.
        version: Option<String>,
        /// The cipher suite.
        cipher: Option<String>,
        /// What ALPN selected.
        alpn: Option<String>,
        /// The server asked for a client certificate.
        client_certificate_wanted: bool,
        /// SHA-256 of the server's certificate, as hexadecimal text.
        certificate_sha256: Option<String>,
        /// The certificates as they came, the server's own first.
        chain: Vec<ChainLink>,
        /// Whether this machine trusts the certificate for the name.
        trusted: Option<bool>,
        /// Whether its root is a public one; absent where that could not be found out.
        public_root: Option<bool>,
        /// Why the signature of the handshake was not verified.
        signature_not_checked: Option<String>,
        /// What is wrong with the certificate, as a reason.
        problem: Option<Reason>,
        /// The same in the words of who judged it.
        problem_text: Option<String>,
        /// The same exactly.
        finding: Option<CertificateFault>,
        /// A signature of the handshake is wrong.
        wrong_signature: bool,
        /// What the server said to a greeting that offers older versions as well.
        second_greeting: Option<SecondGreeting>,
        /// What of it this program does not speak.
        not_supported: Vec<String>,
    }

    /// The certificate of a server (RFC 5280).
    Certificate {
        /// Its subject.
        subject: Option<String>,
        /// Who issued it.
        issuer: Option<String>,
        /// The kind of its key.
        key: Option<String>,
        /// Critical extensions that are not known here, by OID.
        critical_unknown: Vec<String>,
        /// Subject alternative names.
        names: Vec<String>,
        /// Key usage.
        key_usage: Option<String>,
        /// Whether its extended key usage allows servers.
        for_servers: Option<bool>,
        /// The end of its validity.
        #[schemars(with = "Option<String>")]
        not_after: Option<Timestamp>,
        /// The beginning of its validity.
        #[schemars(with = "Option<String>")]
        not_before: Option<Timestamp>,
        /// Days that are left of it; negative where it has ended.
        days_left: Option<i64>,
    }

    /// One certificate of a chain.
    ChainLink {
        /// Subject.
        subject: Option<String>,
        /// Who issued it.
        issuer: Option<String>,
        /// The end of its validity.
        #[schemars(with = "Option<String>")]
        not_after: Option<Timestamp>,
        /// The algorithm of its signature.
        signed_with: Option<String>,
        /// The kind of its key.
        key: Option<String>,
        /// Its SHA-256, as hexadecimal text.
        sha256: Option<String>,
        /// URLs of its revocation list (RFC 5280 section 4.2.1.13).
        crl: Vec<String>,
        /// URLs of OCSP (RFC 5280 section 4.2.2.1).
        ocsp: Vec<String>,
    }

    /// What a server chose of a greeting that offers more, or said to it.
    SecondGreeting {
        /// Version.
        version: Option<String>,
        /// Cipher suite.
        cipher: Option<String>,
        /// Group of the key exchange.
        group: Option<String>,
        /// Scheme of its signature.
        signature: Option<String>,
        /// The kind of the certificate's key.
        key: Option<String>,
        /// The alert with which it broke off, by name.
        alert: Option<String>,
        /// The same by number.
        alert_code: Option<u8>,
    }

    /// ALPN (RFC 7301).
    Alpn {
        /// What was offered, the preferred one first.
        offered: Vec<String>,
        /// What was selected.
        selected: Option<String>,
    }
}
