//! A directory that says of itself what a scenario wants: the rootDSE, and the answer by which
//! domain controllers are located.

use jiff::{SignedDuration, Timestamp};
use ldap3_proto::proto::{
    LdapExtendedResponse, LdapFilter, LdapMsg, LdapOp, LdapPartialAttribute, LdapResult,
    LdapResultCode, LdapSearchResultEntry,
};
use portmatrix::protocol::ldap::codec as ldap;
use portmatrix::protocol::ldap::codec::time;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// `LDAP_CAP_ACTIVE_DIRECTORY_OID` (MS-ADTS section 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
const DOMAIN: &str = "bed.test";

/// What a directory says of itself. Where a scenario does not say otherwise: a domain controller in
/// the best of order.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Says {
    name: String,
    active_directory: bool,
    pdc: bool,
    synchronised: bool,
    /// Seconds by which its clock is ahead.
    clock: i64,
    /// It takes StartTLS, and then this cipher suite alone.
    starttls: Option<String>,
}

impl Default for Says {
    fn default() -> Self {
        Says {
            name: format!("srv.{DOMAIN}"),
            active_directory: true,
            pdc: true,
            synchronised: true,
            clock: 0,
            starttls: None,
        }
    }
}

/// Answers searches, whatever they are for.
pub async fn serve(mut stream: TcpStream, says: &Says) {
    let mut buffer = bytes::BytesMut::new();
    loop {
        while let Ok(Some(frame)) = ldap::peel(&mut buffer, ldap::MAX_MESSAGE) {
            let search = match (frame.message(), &says.starttls) {
                (Some(LdapMsg { msgid, op: LdapOp::SearchRequest(search), .. }), _) => {
                    (msgid, search)
                }
                (Some(LdapMsg { msgid, op: LdapOp::ExtendedRequest(_), .. }), Some(suite)) => {
                    let yes = LdapExtendedResponse { res: success(), name: None, value: None };
                    let _ = stream
                        .write_all(&ldap::encode(LdapMsg::new(
                            msgid,
                            LdapOp::ExtendedResponse(yes),
                        )))
                        .await;
                    return super::tls::picky(stream, suite, false).await;
                }
                _ => return,
            };
            let (msgid, search) = search;
            let located = matches!(search.filter, LdapFilter::And(_));
            let attributes = if located {
                vec![attribute("netlogon", says.netlogon())]
            } else {
                says.root_dse()
            };
            let entry =
                LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: String::new(), attributes });
            for op in [entry, LdapOp::SearchResultDone(success())] {
                if stream.write_all(&ldap::encode(LdapMsg::new(msgid, op))).await.is_err() {
                    return;
                }
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

fn success() -> LdapResult {
    LdapResult {
        code: LdapResultCode::Success,
        matcheddn: String::new(),
        message: String::new(),
        referral: Vec::new(),
    }
}

fn attribute(name: &str, value: Vec<u8>) -> LdapPartialAttribute {
    LdapPartialAttribute { atype: name.to_owned(), vals: vec![value] }
}

impl Says {
    fn root_dse(&self) -> Vec<LdapPartialAttribute> {
        let now = Timestamp::now() + SignedDuration::from_secs(self.clock);
        let truth = if self.synchronised { "TRUE" } else { "FALSE" };
        let mut all: Vec<(&str, &str)> = vec![
            ("dnsHostName", &self.name),
            ("defaultNamingContext", "DC=bed,DC=test"),
            ("isSynchronized", truth),
        ];
        if self.active_directory {
            all.extend([
                ("supportedCapabilities", ACTIVE_DIRECTORY),
                ("isGlobalCatalogReady", "TRUE"),
            ]);
        } else {
            all.push(("objectClass", "OpenLDAProotDSE"));
        }
        let mut all: Vec<_> = all
            .into_iter()
            .map(|(name, value)| attribute(name, value.as_bytes().to_vec()))
            .collect();
        all.push(attribute("currentTime", time::format(now).into_bytes()));
        all
    }

    /// `NETLOGON_SAM_LOGON_RESPONSE_EX` (MS-ADTS section 6.3.1.9), its names without back-pointers.
    fn netlogon(&self) -> Vec<u8> {
        let flags = 0x3f4_u32 | u32::from(self.pdc);
        let mut octets = vec![0x17, 0, 0, 0];
        octets.extend(flags.to_le_bytes());
        octets.extend([0xab; 16]);
        for name in [
            DOMAIN,
            DOMAIN,
            &self.name,
            "BED",
            "SRV",
            "",
            "Default-First-Site-Name",
            "Default-First-Site-Name",
        ] {
            for label in name.split('.').filter(|l| !l.is_empty()) {
                octets.push(u8::try_from(label.len()).expect("a short label"));
                octets.extend(label.as_bytes());
            }
            octets.push(0);
        }
        octets.extend([5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        octets
    }
}
