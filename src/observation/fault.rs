//! What exactly is wrong with a certificate: the closed set behind the fact `finding` of the rung
//! `tls`.

use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! faults {
    ($($name:ident $word:literal $reason:ident $summary:literal;)+) => {
        /// What exactly is wrong with a certificate, or with the chain above it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum CertificateFault {
            $(#[doc = $summary] #[serde(rename = $word)] $name,)+
        }

        impl CertificateFault {
            /// All of them.
            pub const ALL: &'static [CertificateFault] = &[$(CertificateFault::$name,)+];

            /// The word in result files.
            pub fn word(self) -> &'static str {
                match self { $(CertificateFault::$name => $word,)+ }
            }

            /// The reason that a hop has for it.
            pub fn reason(self) -> Reason {
                match self { $(CertificateFault::$name => Reason::$reason,)+ }
            }

            /// The same in a few words of English.
            pub fn summary(self) -> &'static str {
                match self { $(CertificateFault::$name => $summary,)+ }
            }
        }
    };
}

faults! {
    Expired "expired" TlsExpired "it is no longer valid";
    NotYetValid "not-yet-valid" TlsExpired "it is not yet valid";
    IssuerExpired "intermediate-expired" TlsExpired "a certificate above it is no longer valid";
    IssuerNotYetValid "intermediate-not-yet-valid" TlsExpired "a certificate above it is not yet valid";
    OtherName "other-name" TlsNameMismatch "it is for another name";
    CommonNameOnly "common-name-only" TlsNameMismatch "its name stands in its common name alone";
    SelfSigned "self-signed" TlsUntrusted "it is self-signed";
    Incomplete "chain-incomplete" TlsUntrusted "the certificates above it were not sent";
    IncompleteOrPrivateRoot "chain-incomplete-or-private-root" TlsUntrusted "the certificates above it were not sent, or it is of a private root";
    RootNotTrusted "root-not-trusted" TlsUntrusted "its chain ends in a root that this machine does not trust";
    Revoked "revoked" TlsUntrusted "it, or one above it, is revoked";
    NotForServers "not-for-servers" TlsUntrusted "its extended key usage is not for servers";
    IssuerNotForServers "intermediate-not-for-servers" TlsUntrusted "the extended key usage of a certificate above it is not for servers";
    PathTooLong "path-too-long" TlsUntrusted "more authorities stand above it than one of them allows (path length)";
    NameConstraints "name-constraints" TlsUntrusted "an authority above it may not issue for this name (name constraints)";
    IssuerIsNoAuthority "issuer-is-no-authority" TlsUntrusted "it is issued by a certificate that is no authority's";
    BadSignature "bad-signature" TlsUntrusted "a signature in the chain is wrong";
    Refused "refused" TlsUntrusted "this machine refuses it";
    CriticalExtension "critical-extension" TlsNotSupportedHere "it has a critical extension that is not known here";
    AuthorityAsServer "authority-as-server" TlsNotSupportedHere "it is an authority's, shown by a server";
    OldVersion "old-version" TlsNotSupportedHere "it, or one above it, is no X.509 certificate of version 3";
    Unreadable "unreadable" TlsNotSupportedHere "part of it, or of one above it, cannot be read here";
    SignatureNotSupported "signature-not-supported" TlsNotSupportedHere "a signature in the chain is of a kind that is not supported here";
    RevocationUnknown "revocation-unknown" TlsNotSupportedHere "whether it is revoked could not be found out";
    NotInTime "not-in-time" TlsNotSupportedHere "this machine did not judge it in time";
    TooComplex "too-complex" TlsNotSupportedHere "its chain is too long or too tangled to be judged here";
}

impl CertificateFault {
    /// From the word in result files.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.word() == word)
    }

    /// Whether it only says that this program could not judge the certificate. Other clients may
    /// take it, or may not.
    pub fn is_unjudged(self) -> bool {
        self.reason() == Reason::TlsNotSupportedHere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_come_back() {
        for (place, fault) in CertificateFault::ALL.iter().enumerate() {
            assert_eq!(CertificateFault::of_word(fault.word()), Some(*fault));
            assert!(
                CertificateFault::ALL[..place].iter().all(|other| other.word() != fault.word())
            );
        }
    }
}
