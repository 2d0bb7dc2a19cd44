//! The one list of protocols. A line has the protocol's folder, where a proof is found, the words
//! that tables use for it, whether TLS begins with the first octet, and the transport. [`Protocol`]
//! is made from it, and so are the two places that call into the folders in `protocol/mod.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hands every line of the list to the macro of that name.
macro_rules! protocols {
    ($then:ident) => {
        $then! {
            /// TCP and TLS with an application protocol of its own that portmatrix does not speak.
            raw Raw, proof Beside {
                Tcp "tcp" Plain over Tcp:
                    "TCP with an application protocol of its own that portmatrix does not speak.",
                Tls "tls" Tls over Tcp: "TLS with an application protocol of its own inside."
            }
            /// HTTP/1.1 and HTTP/2.
            http Http, proof Inside {
                Http "http" Plain over Tcp: "HTTP without TLS.",
                Https "https" Tls over Tcp: "HTTP over TLS."
            }
            /// gRPC.
            grpc Grpc, proof Inside {
                Grpc "grpc" Tls over Tcp: "gRPC over TLS (ALPN h2).",
                GrpcH2c "grpc-h2c" Plain over Tcp: "gRPC over HTTP/2 without TLS, by prior knowledge."
            }
            /// LDAP, and directories behind it.
            ldap Ldap, proof Inside {
                Ldap "ldap" Plain over Tcp: "LDAP, with StartTLS where the flow asks for it.",
                Ldaps "ldaps" Tls over Tcp: "LDAP over TLS from the first octet."
            }
            /// DCE/RPC.
            rpc Rpc, proof Inside {
                Rpc "rpc" Plain over Tcp: "DCE/RPC: the endpoint mapper and then dynamic ports."
            }
            /// Kerberos.
            kerberos Kerberos, proof Beside {
                Kerberos "kerberos" Plain over Tcp: "Kerberos: a ticket that nobody can have."
            }
            /// UDP: carried in the tables for the firewall rules; not probed.
            udp Udp, proof Beside {
                Udp "udp" Plain over Udp:
                    "UDP: carried in the tables for the firewall rules; not probed."
            }
        }
    };
}
pub(crate) use protocols;

macro_rules! declare {
    ($(
        $(#[doc = $doc:literal])+
        $folder:ident $application:ident, proof $proof:ident {
            $($name:ident $word:literal $security:ident over $transport:ident: $says:literal),+
        }
    )+) => {
        /// The application protocol of a flow.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Protocol {
            $($(
                #[doc = $says]
                $name,
            )+)+
        }

        /// What is spoken, whatever lies below it: a folder under `src/protocol/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Application {
            $(
                $(#[doc = $doc])+
                $application,
            )+
        }

        impl Protocol {
            /// Every protocol.
            pub const ALL: &'static [Protocol] = &[$($(Protocol::$name,)+)+];

            /// The word used in files and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Protocol::$name => $word,)+)+
                }
            }

            /// What is spoken.
            pub fn application(self) -> Application {
                match self {
                    $($(Protocol::$name => Application::$application,)+)+
                }
            }

            /// Where a listener's proof is found.
            pub fn proof(self) -> ProofPlace {
                match self.application() {
                    $(Application::$application => ProofPlace::$proof,)+
                }
            }

            /// Whether TLS begins with the first octet.
            pub fn security(self) -> Security {
                match self {
                    $($(Protocol::$name => Security::$security,)+)+
                }
            }

            /// What carries it.
            pub fn transport(self) -> Transport {
                match self {
                    $($(Protocol::$name => Transport::$transport,)+)+
                }
            }
        }
    };
}
protocols!(declare);

/// Whether a connection begins with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// It does not; it may come later (StartTLS).
    Plain,
    /// From the first octet.
    Tls,
}

/// Where a listener's proof is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofPlace {
    /// In what the protocol says: a challenge rides where a real service ignores it.
    Inside,
    /// The protocol has no place for one: the listener's word about the connection proves it, given
    /// over another hop, or a challenge on a bare connection to a port that the listener is known
    /// to have.
    Beside,
}

/// What carries a protocol. A port of one has nothing to do with the same port of the other.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The word used in files, tables and rules.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}

impl Protocol {
    /// Whether TLS begins with the first octet.
    pub fn is_tls(self) -> bool {
        self.security() == Security::Tls
    }

    /// The same connection with nothing of an application on it.
    pub fn bare(self) -> Protocol {
        if self.is_tls() { Protocol::Tls } else { Protocol::Tcp }
    }

    /// Whether requests are those of HTTP: proxies of the web and balancers understand it.
    pub fn is_web(self) -> bool {
        matches!(self.application(), Application::Http | Application::Grpc)
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_files() {
        for protocol in Protocol::ALL {
            let written = serde_json::to_value(protocol).expect("a unit variant serialises");
            assert_eq!(written, protocol.name());
        }
    }
}
