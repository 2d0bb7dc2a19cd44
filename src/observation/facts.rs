//! What a step of a probe saw, each fact with a type of its own: probes write them, and the verdict
//! reads them by name, so that neither can be renamed without the other.

mod encrypted;
mod family;
mod network;
mod pairs;
mod spoken;

pub use encrypted::{Alpn, Certificate, ChainLink, SecondGreeting, Tls};
pub use family::{Family, Flat, More};
pub use network::{Connect, Ended, Exchange, Proof, Proxy, Resolve, Tcp};
pub use spoken::{
    BehindSpeaks, Directory, Greeting, Grpc, Http, Kerberos, Ldap, NoSuchPath, Range, RefusedBy,
    Rpc, Unreachable,
};

use super::step_kind::StepKind;
use family::{Rare, is_default, take};
use pairs::Pairs;
use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

/// The facts of one step, by what they are about. A step has those of several families where one
/// protocol lies in another: an HTTP request that TLS broke off has an alert.
#[derive(Debug, Clone, Default, JsonSchema)]
pub struct Facts(#[schemars(with = "Families")] Option<Box<Families>>);

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident: $family:ty,)+) => {
        /// Facts by family. What was not seen is not there.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
        #[schemars(default)]
        pub struct Families {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_default")] pub $name: Rare<$family>,)+
            /// Seconds by which the other end's clock is ahead of this machine's, by its own word.
            #[serde(skip_serializing_if = "is_default")]
            pub clock_offset_s: Option<i64>,
            /// What is shown to people, and read by nothing.
            #[serde(skip_serializing_if = "is_default")]
            pub more: More,
            /// Families of a newer version.
            #[serde(flatten)]
            #[schemars(with = "Flat")]
            newer: Pairs,
        }

        /// Family by family, so that only what is of a newer version is kept as it stands.
        impl<'de> Deserialize<'de> for Families {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Named;

                impl<'de> Visitor<'de> for Named {
                    type Value = Families;

                    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                        to.write_str("facts by family")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Families, A::Error> {
                        let mut facts = Families::default();
                        let mut newer = Vec::new();
                        while let Some(name) = all.next_key::<String>()? {
                            match name.as_str() {
                                $(stringify!($name) => facts.$name = all.next_value()?,)+
                                "clock_offset_s" => facts.clock_offset_s = all.next_value()?,
                                "more" => facts.more = all.next_value()?,
                                _ => newer.push((name, all.next_value()?)),
                            }
                        }
                        facts.newer.extend(newer);
                        Ok(facts)
                    }
                }

                const NAMES: &[&str] = &[$(stringify!($name),)+ "clock_offset_s", "more"];
                from.deserialize_struct("Families", NAMES, Named)
            }
        }

        impl Families {
            /// Takes over what another step, or another look, has seen: of two values of one fact
            /// the other's.
            pub fn absorb(&mut self, other: Facts) {
                let Some(other) = other.0.map(|other| *other) else { return };
                $(if !is_default(&other.$name) {
                    self.$name.absorb((*other.$name).clone());
                })+
                self.clock_offset_s = other.clock_offset_s.or(self.clock_offset_s);
                self.more.absorb(other.more);
                self.newer.extend(other.newer.0);
            }

            /// All facts by name, without their families. For people: whoever decides by a fact
            /// reads its field.
            pub fn flat(&self) -> Flat {
                let mut flat = self.newer.flat();
                flat.extend(self.more.flat());
                $(flat.extend(self.$name.flat());)+
                flat.extend(self.clock_offset_s.map(|s| ("clock_offset_s".to_owned(), s.into())));
                flat
            }

            /// Sets facts by their names, as they stood in files of version 1; others are kept to
            /// be shown.
            pub fn of_flat(step: StepKind, mut flat: Flat) -> Facts {
                let mut facts = Facts::default();
                let families = of_step(step);
                $(if families.contains(&stringify!($name)) { facts.$name = <$family>::take(&mut flat).into(); })+
                facts.clock_offset_s = take(&mut flat, "clock_offset_s");
                facts.more = More::of(flat);
                facts
            }
        }
    };
}

families! {
    /// The look-up of a name.
    resolve: Resolve,
    /// A TCP handshake.
    connect: Connect,
    /// An outbound proxy.
    proxy: Proxy,
    /// A TLS session, or what broke it off.
    tls: Tls,
    /// The certificate of a server.
    certificate: Certificate,
    /// ALPN.
    alpn: Alpn,
    /// An answer of HTTP.
    http: Http,
    /// A gRPC call.
    grpc: Grpc,
    /// What a directory says.
    ldap: Ldap,
    /// What a domain controller tells those who locate one.
    directory: Directory,
    /// RPC.
    rpc: Rpc,
    /// Ports of a dynamic range that must be shut.
    range: Range,
    /// A listener's proof.
    proof: Proof,
    /// The greeting of a known service.
    greeting: Greeting,
    /// A KDC.
    kerberos: Kerberos,
    /// A large exchange, or one after a silence.
    exchange: Exchange,
    /// What the kernel knows of a connection that failed.
    tcp: Tcp,
    /// How a step ended that was not climbed.
    ended: Ended,
}

impl Deref for Facts {
    type Target = Families;

    fn deref(&self) -> &Families {
        static NONE: LazyLock<Families> = LazyLock::new(Families::default);
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Facts {
    fn deref_mut(&mut self) -> &mut Families {
        self.0.get_or_insert_default()
    }
}

/// That nothing was seen is the same whether there is room for it or not.
impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let facts = Families::deserialize(from)?;
        Ok(Facts((!is_default(&facts)).then(|| Box::new(facts))))
    }
}

impl Facts {
    /// See [`Families::of_flat`].
    pub fn of_flat(step: StepKind, flat: Flat) -> Facts {
        Families::of_flat(step, flat)
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }

    /// With what `note` writes into them.
    pub fn of(note: impl FnOnce(&mut Families)) -> Self {
        let mut facts = Facts::default();
        note(&mut facts);
        facts
    }
}

/// Families that steps of a kind have had in files of version 1, where a fact had no family.
fn of_step(step: StepKind) -> &'static [&'static str] {
    match step {
        StepKind::Resolve => &["resolve", "tcp", "ended"],
        StepKind::Connect => &["connect", "range", "tcp", "ended"],
        StepKind::Proxy => &["proxy", "tcp", "ended"],
        StepKind::Tls => &["tls", "certificate", "tcp", "ended"],
        StepKind::Alpn => &["alpn", "tcp", "ended"],
        StepKind::Http => &["http", "tcp", "ended"],
        StepKind::Grpc | StepKind::GrpcStream => &["http", "grpc", "tcp", "ended"],
        StepKind::Ldap | StepKind::StartTls => &["ldap", "tcp", "ended"],
        StepKind::Directory => &["directory", "tcp", "ended"],
        StepKind::RpcBind => &["rpc", "range", "tcp", "ended"],
        StepKind::RpcMap | StepKind::RpcPort => &["rpc", "tcp", "ended"],
        StepKind::RpcRange => &["tcp", "ended"],
        StepKind::Proof => &["proof", "tcp", "ended"],
        StepKind::Greeting | StepKind::Settle => &["greeting", "tcp", "ended"],
        StepKind::Payload | StepKind::Idle => &["exchange", "http", "grpc", "tcp", "ended"],
        StepKind::Other(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_are_the_same_after_a_file() {
        let mut facts = Facts::of(|f| {
            f.http.status = Some(404);
            f.http.no_such_path = Some(NoSuchPath::Status(200));
            f.clock_offset_s = Some(-3);
        });
        facts.more.add("towers", 7);
        let text = serde_json::to_string(&facts).expect("JSON");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
            json!({ "http": { "status": 404, "no_such_path": { "status": 200 } },
                "clock_offset_s": -3, "more": { "towers": 7 } })
        );
        assert_eq!(serde_json::from_str::<Facts>(&text).expect("facts"), facts);
    }

    #[test]
    fn a_family_of_a_newer_version_is_kept() {
        let newer = json!({ "smtp": { "banner": "hello" } });
        let facts: Facts = serde_json::from_value(newer.clone()).expect("facts");
        assert_eq!(serde_json::to_value(&facts).expect("JSON"), newer);
        assert_eq!(facts.flat()["smtp"], newer["smtp"], "and shown");
    }

    #[test]
    fn facts_of_version_1_find_their_families() {
        let flat = json!({ "status": 404, "server": "nginx", "towers": 7, "age": "not a number" });
        let flat: Flat = serde_json::from_value(flat).expect("facts");
        let facts = Facts::of_flat(StepKind::Http, flat.clone());
        assert_eq!((facts.http.status, facts.http.age), (Some(404), None));
        assert_eq!(facts.flat(), flat, "nothing is lost");
    }

    #[test]
    fn a_second_look_adds_to_the_first() {
        let mut facts = Facts::of(|f| (f.http.status, f.ended.alert_code) = (Some(404), Some(40)));
        facts.absorb(Facts::of(|f| f.http.status = Some(503)));
        assert_eq!((facts.http.status, facts.ended.alert_code), (Some(503), Some(40)));
    }
}
