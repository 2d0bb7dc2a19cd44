//! Facts of what is spoken on a connection.

use super::family::family;
use crate::protocol::grpc::codec::Code;
use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

family! {
    /// An answer of HTTP.
    Http {
        /// Its status.
        status: Option<u16>,
        /// The status as it stood in an answer that broke the rules of HTTP/2.
        raw_status: Option<String>,
        /// Version of HTTP.
        version: Option<String>,
        /// `Server`.
        server: Option<String>,
        /// `Location`.
        location: Option<String>,
        /// `Content-Type`.
        content_type: Option<String>,
        /// `Age`, in seconds: a cache gave it.
        age: Option<u64>,
        /// `Via`.
        via: Option<String>,
        /// `Retry-After`.
        retry_after: Option<String>,
        /// Octets of its body that were read.
        body_octets: Option<usize>,
        /// What it says of the request, where it was turned away before its path was looked at.
        turned_away: Option<String>,
        /// HTTP.sys of Windows made it.
        http_sys: bool,
        /// It leads to the same host by HTTPS.
        own_https: bool,
        /// It leads to a page for signing in.
        sign_in: bool,
        /// A rate limit, or too much to do.
        rate_limit: bool,
        /// What is odd about it.
        odd: Vec<String>,
        /// How a path that cannot be there is answered.
        no_such_path: Option<NoSuchPath>,
        /// Who refused a path that must be refused.
        refused_by: Option<RefusedBy>,
        /// The status of a path below the refused one, which is not refused like it.
        refused_alone: Option<u16>,
        /// The refusal is a page that fronts make, or none.
        front_page: bool,
        /// It leads to another host.
        leads_elsewhere: bool,
        /// Why it shows nothing of the path, in words.
        unclear: Option<String>,
        /// What is spoken behind the front, in the place of HTTP.
        behind_speaks: Option<BehindSpeaks>,
        /// It was cut off in the middle.
        cut_off: bool,
    }

    /// A gRPC call.
    Grpc {
        /// `grpc-status`.
        grpc_status: Option<u32>,
        /// The same by name.
        grpc_status_name: Option<String>,
        /// `grpc-message`.
        grpc_message: Option<String>,
        /// The path that was called.
        path: Option<String>,
        /// Octets of its answer.
        message_octets: Option<usize>,
        /// The health that it says.
        health: Option<String>,
        /// Whether its trailers came.
        trailers: Option<bool>,
        /// The status that clients make of an answer without one.
        clients_see: Option<String>,
        /// The version of HTTP in which the listener got it, where that is another one.
        listener_saw_http: Option<String>,
        /// Milliseconds of each echo.
        echo_ms: Vec<f64>,
        /// Echoes that came before it ended.
        echoes: Option<usize>,
        /// Whether the answer came only once the request was closed.
        answered_after_close: Option<bool>,
        /// The code with which a call was ended that had lasted.
        stream: Option<Reason>,
    }

    /// What a directory says (RFC 4511, MS-ADTS section 3.1.1.3.2).
    Ldap {
        /// Entries of the answer.
        entries: Option<usize>,
        /// Result code.
        result_code: Option<i64>,
        /// The same by name.
        result: Option<String>,
        /// Diagnostic message.
        text: Option<String>,
        /// Where it refers to.
        referral: Vec<String>,
        /// `dnsHostName`.
        dns_host_name: Option<String>,
        /// `defaultNamingContext`.
        default_naming_context: Option<String>,
        /// `rootDomainNamingContext`.
        root_domain_naming_context: Option<String>,
        /// `serverName`.
        server_name: Option<String>,
        /// `vendorName`.
        vendor_name: Option<String>,
        /// `vendorVersion`.
        vendor_version: Option<String>,
        /// `currentTime`.
        current_time: Option<String>,
        /// `domainFunctionality`.
        domain_functionality: Option<i64>,
        /// `forestFunctionality`.
        forest_functionality: Option<i64>,
        /// `domainControllerFunctionality`.
        domain_controller_functionality: Option<i64>,
        /// `isGlobalCatalogReady`.
        is_global_catalog_ready: Option<bool>,
        /// `isSynchronized`.
        is_synchronized: Option<bool>,
        /// `supportedLDAPVersion`.
        supported_ldap_version: Vec<i64>,
        /// The site of Active Directory.
        site: Option<String>,
        /// Whether it is Active Directory.
        active_directory: Option<bool>,
    }

    /// What a domain controller tells those who locate one (MS-ADTS section 6.3.1.9).
    Directory {
        /// It holds the PDC emulator role.
        pdc: Option<bool>,
        /// It is a global catalog.
        global_catalog: Option<bool>,
        /// It can be written to.
        writable: Option<bool>,
        /// It keeps the time.
        time_service: Option<bool>,
        /// It is of the site that is closest to this machine.
        closest: Option<bool>,
        /// DNS name of the forest.
        forest: Option<String>,
        /// DNS name of the domain.
        domain: Option<String>,
        /// Its DNS name.
        host: Option<String>,
        /// NetBIOS name of the domain.
        netbios_domain: Option<String>,
        /// Its site.
        site: Option<String>,
        /// The site of this machine.
        client_site: Option<String>,
    }

    /// The refusal of a KDC (RFC 4120 section 5.9.1).
    Kerberos {
        /// The name of its `error-code`.
        error: Option<String>,
        /// `error-code`.
        error_code: Option<i64>,
        /// `realm`, where it is not the one that was asked for.
        realm: Option<String>,
    }

    /// RPC: the endpoint mapper, and the ports of interfaces.
    Rpc {
        /// The interface, by name.
        interface: Option<String>,
        /// Its UUID.
        uuid: Option<String>,
        /// Its version.
        version: Option<String>,
        /// Ports that the mapper gives.
        ports: Vec<u16>,
        /// Addresses that the mapper gives, where they are others than the one in use.
        #[schemars(with = "Vec<String>")]
        reported_addresses: Vec<Ipv4Addr>,
        /// How many more ports there are, which were not tried.
        left_out: Option<usize>,
        /// A port is outside the range of the flow.
        outside_range: bool,
        /// That range.
        range: Option<String>,
        /// The port that answered first, or the first that did not.
        port: Option<u16>,
        /// Ports that answered.
        answered: Vec<u16>,
        /// Ports that did not.
        unreachable: Vec<Unreachable>,
        /// Versions of the interface that are there instead.
        other_versions: Vec<String>,
        /// What the port table says of an interface that is not there.
        hint: Option<String>,
        /// The port that the other end calls its own (`sec_addr`).
        sec_addr: Option<String>,
        /// The sweep has proved since that the ports are open.
        proved_by_sweep: bool,
    }

    /// Ports of a dynamic range that must be shut.
    Range {
        /// How many of them were tried.
        range_tried: Option<usize>,
        /// Those that are open.
        range_open: Vec<u16>,
        /// How many of the others ended how.
        range_ended: BTreeMap<Reason, u32>,
    }

    /// The greeting of a known service.
    Greeting {
        /// Whose it is, or what came where nothing is to be said.
        greeting: Option<String>,
        /// What it said.
        words: Option<String>,
        /// What it says where it turns this machine away.
        turned_away: Option<String>,
        /// It says itself that it only stands in.
        stand_in: bool,
    }
}

impl Grpc {
    /// With the status of a call.
    pub fn ended_with(&mut self, code: Code) {
        (self.grpc_status, self.grpc_status_name) = (Some(code.0), Some(code.name().to_owned()));
    }
}

/// How a path that cannot be there is answered, beside one of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoSuchPath {
    /// In the same way.
    AnsweredAlike,
    /// Both are answered in the words of a listener that does not prove itself.
    RefusedByStandIn,
    /// With this status.
    Status(u16),
}

/// Who refused a path, by what other paths get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedBy {
    /// A listener that does not prove itself.
    StandIn,
    /// The service behind the front.
    Service,
    /// The front.
    Front,
}

/// What is spoken behind a front, in the place of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BehindSpeaks {
    /// TLS.
    #[serde(rename = "tls")]
    Tls,
    /// Something else.
    #[serde(rename = "no HTTP")]
    NoHttp,
}

/// A port that did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unreachable {
    /// Its number.
    pub port: u16,
    /// Why.
    pub cause: Reason,
}
