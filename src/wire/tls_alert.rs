//! The alerts of TLS (RFC 8446 section 6, and the registry of IANA), and what a server says with
//! each.

/// An alert, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert(pub u8);

/// What alerts are about, as far as a client can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The two ends have nothing in common: versions, cipher suites, groups.
    Common,
    /// The certificate of the client, or that it has none.
    ClientCertificate,
    /// The name that was asked for.
    Name,
    /// The application protocols that were offered.
    Application,
    /// The server's own rules.
    Rules,
    /// A fault of the server.
    Server,
    /// The handshake itself: one of the two ends, or somebody between, does not keep to the
    /// protocol.
    Protocol,
    /// The end of the connection, in good order.
    End,
}

macro_rules! alerts {
    ($($code:literal $name:literal $about:ident $words:literal;)+) => {
        impl Alert {
            /// Every alert that has a name.
            pub const ALL: &'static [Alert] = &[$(Alert($code),)+];

            /// Its name in the standard.
            pub fn name(self) -> &'static str {
                match self.0 { $($code => $name,)+ _ => "unknown" }
            }

            /// What it is about.
            pub fn about(self) -> About {
                match self.0 { $($code => About::$about,)+ _ => About::Protocol }
            }

            /// What the server says with it.
            pub fn words(self) -> &'static str {
                match self.0 { $($code => $words,)+ _ => "it gives a reason that no standard \
                    knows" }
            }
        }
    };
}

alerts! {
    0 "close_notify" End "it ends the session in good order";
    10 "unexpected_message" Protocol "a message came that does not belong there";
    20 "bad_record_mac" Protocol "what it received was changed on the way, or the two ends have \
        different keys";
    21 "decryption_failed" Protocol "what it received cannot be decrypted";
    22 "record_overflow" Protocol "a record is too long for it";
    30 "decompression_failure" Protocol "what it received cannot be decompressed";
    40 "handshake_failure" Common "it finds nothing in what was offered that it takes: versions, \
        cipher suites, groups, or a certificate of its own that fits";
    41 "no_certificate" ClientCertificate "it misses a certificate of the client";
    42 "bad_certificate" ClientCertificate "the client's certificate cannot be used";
    43 "unsupported_certificate" ClientCertificate "the client's certificate is of a kind that it \
        does not take";
    44 "certificate_revoked" ClientCertificate "the client's certificate is revoked";
    45 "certificate_expired" ClientCertificate "the client's certificate is expired";
    46 "certificate_unknown" ClientCertificate "the client's certificate is not accepted";
    47 "illegal_parameter" Protocol "a value of the handshake is not allowed";
    48 "unknown_ca" ClientCertificate "the client's certificate is of an authority that it does \
        not know";
    49 "access_denied" Rules "its own rules do not let this client in";
    50 "decode_error" Protocol "a message cannot be read";
    51 "decrypt_error" Protocol "a signature or check value of the handshake is wrong";
    60 "export_restriction" Common "it holds to export rules that are long gone";
    70 "protocol_version" Common "it speaks none of the TLS versions that were offered";
    71 "insufficient_security" Common "it asks for stronger cipher suites than those that were \
        offered";
    80 "internal_error" Server "it has a fault of its own";
    86 "inappropriate_fallback" Common "a lower TLS version was offered than it speaks";
    90 "user_canceled" End "somebody ended the handshake";
    100 "no_renegotiation" Protocol "it does not begin the handshake anew";
    109 "missing_extension" Protocol "it misses an extension of the handshake";
    110 "unsupported_extension" Protocol "an extension came that was not asked for";
    111 "certificate_unobtainable" ClientCertificate "it could not get the client's certificate";
    112 "unrecognized_name" Name "no such name is configured there";
    113 "bad_certificate_status_response" Protocol "the statement about revocation is wrong";
    114 "bad_certificate_hash_value" ClientCertificate "the client's certificate does not fit its \
        hash";
    115 "unknown_psk_identity" Common "it wants a key that was agreed on beforehand, and knows \
        none of this client";
    116 "certificate_required" ClientCertificate "it wants a certificate from the client";
    120 "no_application_protocol" Application "it speaks none of the application protocols that \
        were offered (ALPN)";
    121 "ech_required" Protocol "it wants the name of the server encrypted";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_has_words_of_its_own() {
        for (place, alert) in Alert::ALL.iter().enumerate() {
            assert!(!alert.words().is_empty() && alert.name() != "unknown");
            for other in &Alert::ALL[..place] {
                assert_ne!(alert.words(), other.words(), "{} and {}", alert.name(), other.name());
                assert!(other.0 < alert.0, "in order");
            }
        }
        assert_eq!(Alert(255).about(), About::Protocol);
    }
}
