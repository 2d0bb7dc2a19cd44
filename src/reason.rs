//! The closed set of codes for how a step ended.
//!
//! Text is for people; everything that decides (verdicts, exit codes, diffs) uses these codes
//! alone. A code says what was *seen*; what it means for a hop is decided in [`crate::verdict`].

use crate::open_words::{Open, Word, by_word};

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $summary:literal;)+) => {
        /// How a step of a probe, or a whole hop, ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$meta])* #[doc = $summary] $name,)+
            /// A reason of a newer version: known from files alone.
            Other(Word),
        }

        impl Reason {
            /// Every reason, in the order in which `explain` lists them.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)+];

            /// The code as it stands in result files: lower case with hyphens.
            pub fn code(self) -> &'static str {
                match self {
                    $(Reason::$name => $code,)+
                    Reason::Other(word) => word.text(),
                }
            }

            /// What was seen, in one short sentence for a table.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Reason::$name => $summary,)+
                    Reason::Other(_) => "A newer version of this program says so, and this one does not know it",
                }
            }
        }

        impl Open for Reason {
            const WHAT: &'static str = "a reason";
            const KNOWN: &'static [(Self, &'static str)] = &[$((Reason::$name, $summary),)+];

            fn word(self) -> &'static str {
                self.code()
            }

            fn other(word: Word) -> Self {
                Reason::Other(word)
            }
        }

        by_word!(Reason);
    };
}

reasons! {
    Proved = "proved", "The site's own listener answered and proved it";
    Answered = "answered", "The protocol was spoken to its end, without a proof of who answered";
    Retired = "retired", "The service was retired, and its name is gone";
    Retried = "retried", "The first connection did not work: another try did";
    AddressesChanged = "addresses-changed", "Source and destination address are both changed on the way: by NAT, or by a relay";
    NotProved = "not-proved", "Something answered, but nothing proved who it was";
    NotTested = "not-tested", "The probe was not made, or not finished";
    LocalNoRoute = "local-no-route", "This machine has no route to the address";
    LocalResources = "local-resources", "This machine ran out of descriptors, ports or memory";
    LocalPermission = "local-permission", "This machine did not let the program send";
    LocalAddressInUse = "local-address-in-use", "The local address or port was taken";
    OsError = "os-error", "This machine's system answered with an error that is not understood";
    AddressIsLocal = "address-is-local", "The address is this machine's own, or leads nowhere";
    NameNotFound = "name-not-found", "The name does not exist in DNS";
    NameNoAddress = "name-no-address", "The name exists but has no address";
    DnsTimedOut = "dns-timed-out", "No DNS server answered in time";
    DnsFailed = "dns-failed", "The DNS server answered with an error";
    TimedOut = "timed-out", "Nothing came back";
    ReplyLost = "reply-lost", "The listener saw the connection begin; its answer did not come back";
    Refused = "refused", "The address refused the connection (RST)";
    Rejected = "rejected", "The connection was reset although a listener was there";
    AdminProhibited = "admin-prohibited", "A device on the way said that the connection is prohibited";
    HostUnreachable = "host-unreachable", "A router said that the host cannot be reached";
    NetUnreachable = "net-unreachable", "A router said that the network cannot be reached";
    PortUnreachable = "port-unreachable", "The host or a device said that the port cannot be reached (ICMP)";
    ResetAfterConnect = "reset-after-connect", "The connection opened and was then reset";
    SilentAfterConnect = "silent-after-connect", "The connection opened, and then nothing answered";
    ClosedAfterConnect = "closed-after-connect", "The connection opened and was closed without an answer";
    MtuBlackHole = "mtu-black-hole", "Small packets pass, large ones are lost";
    IdleDropped = "idle-dropped", "The connection was forgotten on the way while it was idle";
    StandInAnswered = "stand-in-answered", "A stand-in answered where the service itself is expected";
    NotRecognised = "not-recognised", "Something answered, but did not name itself as the service";
    WrongListener = "wrong-listener", "A listener with the site's key answered, but not the one that was asked";
    ProofInvalid = "proof-invalid", "A proof came back that this site's key did not make for this connection";
    AnsweredByMiddlebox = "answered-by-middlebox", "A device on the way answered in the place of the host";
    TlsNotSpoken = "tls-not-spoken", "The other end does not speak TLS on this port";
    TlsHandshakeFailed = "tls-handshake-failed", "The TLS handshake was broken off";
    TlsNotSupportedHere = "tls-not-supported-here", "The other end's TLS, or its certificate, is of a kind that this program does not speak";
    ClientCertificateWanted = "client-certificate-wanted", "The server wants a certificate from the client";
    TlsUntrusted = "tls-untrusted", "The certificate is not trusted by this machine";
    TlsNameMismatch = "tls-name-mismatch", "The certificate is for another name";
    TlsExpired = "tls-expired", "The certificate is expired or not yet valid";
    TlsSubjectMismatch = "tls-subject-mismatch", "The certificate is not the one that the site file names";
    TlsExpiresSoon = "tls-expires-soon", "The certificate expires within 30 days";
    TlsIntercepted = "tls-intercepted", "Somebody between the two ends opened the TLS session";
    GreetingNotSpoken = "greeting-not-spoken", "The other end does not speak the protocol that this port is for";
    HttpNotSpoken = "http-not-spoken", "The other end does not speak HTTP on this port";
    HttpStatus = "http-status", "The HTTP answer was an error status";
    HttpRedirected = "http-redirected", "The HTTP answer was a redirect to somewhere else";
    Http2NotOffered = "http2-not-offered", "HTTP/2 was not agreed on";
    Http2NotCarried = "http2-not-carried", "HTTP/2 reached a device on the way, but not the listener behind it";
    GrpcFailed = "grpc-failed", "The gRPC call ended without a gRPC status";
    GrpcTrailersLost = "grpc-trailers-lost", "The gRPC answer came without its trailers";
    GrpcBuffered = "grpc-buffered", "A device on the way holds back the request stream until it is closed";
    ProxyRefused = "proxy-refused", "The outbound proxy did not open the way";
    ProxyAuthentication = "proxy-authentication", "The outbound proxy wants a sign-in";
    BadGateway = "bad-gateway", "A proxy answered that it cannot reach the host behind it (502, 503, 504)";
    ProxyProtocol = "proxy-protocol", "A balancer sends a PROXY protocol header ahead of the request, which the service takes for a part of it";
    LdapNotSpoken = "ldap-not-spoken", "The other end does not speak LDAP on this port";
    LdapRefused = "ldap-refused", "The directory refused the request";
    NotActiveDirectory = "not-active-directory", "The directory is no Active Directory domain controller";
    NotPdcEmulator = "not-pdc-emulator", "The host does not hold the PDC emulator role";
    DirectoryNotReady = "directory-not-ready", "The domain controller is not synchronised yet";
    DirectoryNameMismatch = "directory-name-mismatch", "The directory has another name";
    ClockSkewed = "clock-skewed", "The directory's clock and this one are far apart";
    RpcNotSpoken = "rpc-not-spoken", "The other end does not speak DCE/RPC on this port";
    RpcBindRejected = "rpc-bind-rejected", "The RPC server rejected the bind";
    RpcNotRegistered = "rpc-not-registered", "The endpoint mapper does not know the interface";
    RpcAccessDenied = "rpc-access-denied", "The endpoint mapper denies anonymous look-ups";
    RpcServerBusy = "rpc-server-busy", "The RPC server said that it is too busy";
    RpcPortOutsideRange = "rpc-port-outside-range", "The mapper gave a port outside the planned range";
    RpcPortBlocked = "rpc-port-blocked", "The mapper gave a dynamic port which cannot be reached";
    RangePartlyBlocked = "range-partly-blocked", "Part of the port range cannot be reached";
    ChangedMeanwhile = "changed-meanwhile", "What was open at first was shut later in the run";
    RangePartlyTested = "range-partly-tested", "Part of the port range was not tested, and what was is open";
    AddressOutsideRanges = "address-outside-ranges", "The name resolves to an address outside the published ranges";
    Denied = "denied", "The way is shut, as it should be";
    UnexpectedlyOpen = "unexpectedly-open", "The way is open although it should be shut";
    DeniedOtherwise = "denied-otherwise", "The way is shut, but not for a reason that shows a rule at work";
}

impl Reason {
    /// Whether it is this machine that could not do it: nothing is known of the way then.
    pub fn is_local(self) -> bool {
        matches!(
            self,
            Reason::LocalNoRoute
                | Reason::LocalResources
                | Reason::LocalPermission
                | Reason::LocalAddressInUse
                | Reason::OsError
        )
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// A word that is no reason of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no reason is called \"{0}\"")]
pub struct UnknownReason(String);

impl std::str::FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|r| r.code() == s).ok_or_else(|| UnknownReason(s.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_round_trip() {
        for (i, r) in Reason::ALL.iter().enumerate() {
            assert_eq!(r.code().parse::<Reason>(), Ok(*r));
            assert_eq!(serde_json::to_value(r).expect("a unit variant serialises"), r.code());
            assert!(Reason::ALL[..i].iter().all(|other| other.code() != r.code()), "{r} twice");
        }
    }
}
