//! The answer to a Netlogon search of the rootDSE (MS-ADTS section 6.3.3): what a domain controller
//! says of itself to anybody. The search is made over UDP by those who locate a controller, and
//! answered over TCP all the same.

use super::clean;
use ldap3_proto::proto::LdapFilter;

/// The attribute that is asked for.
pub const ATTRIBUTE: &str = "Netlogon";

/// `LOGON_SAM_LOGON_RESPONSE_EX` (MS-ADTS section 6.3.1.3).
const RESPONSE_EX: u16 = 0x17;
/// The same, for an account that the controller does not know: none was asked for, but some say so.
const USER_UNKNOWN_EX: u16 = 0x19;
/// `NETLOGON_NT_VERSION_5 | NETLOGON_NT_VERSION_5EX` (MS-ADTS section 6.3.1.1), little-endian: the
/// long form of the answer is wanted.
const NT_VERSION: [u8; 4] = [6, 0, 0, 0];

/// `DS_FLAG` bits (MS-ADTS section 6.3.1.2).
const PDC: u32 = 0x1;
const GLOBAL_CATALOG: u32 = 0x4;
const TIME_SERVICE: u32 = 0x40;
const CLOSEST: u32 = 0x80;
const WRITABLE: u32 = 0x100;

/// Octets in front of the names: opcode, padding, flags, GUID of the domain.
const HEAD: usize = 24;
/// Back-pointers that one name may take. A name has at most 127 labels, and a sound encoder needs
/// one pointer.
const MAX_JUMPS: usize = 16;
/// Characters of one name (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 255;

/// What a domain controller says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Netlogon {
    flags: u32,
    /// DNS name of the forest.
    pub forest: String,
    /// DNS name of the domain.
    pub domain: String,
    /// DNS name of the controller.
    pub host: String,
    /// NetBIOS name of the domain.
    pub netbios_domain: String,
    /// NetBIOS name of the controller.
    pub netbios_host: String,
    /// Site that the controller is in.
    pub site: String,
    /// Site that it takes the asker to be in; empty when it knows none.
    pub client_site: String,
}

impl Netlogon {
    /// Whether it holds the PDC emulator role of its domain.
    pub fn is_pdc(&self) -> bool {
        self.flags & PDC != 0
    }

    /// Whether it is a global catalog.
    pub fn is_global_catalog(&self) -> bool {
        self.flags & GLOBAL_CATALOG != 0
    }

    /// Whether it can be written to.
    pub fn is_writable(&self) -> bool {
        self.flags & WRITABLE != 0
    }

    /// Whether it keeps the time of the domain.
    pub fn keeps_time(&self) -> bool {
        self.flags & TIME_SERVICE != 0
    }

    /// Whether it takes itself to be in the site nearest to the asker.
    pub fn is_closest(&self) -> bool {
        self.flags & CLOSEST != 0
    }
}

/// The filter of the search: this domain, the long form.
pub fn filter(domain: &str) -> LdapFilter {
    LdapFilter::And(vec![
        LdapFilter::Equality("DnsDomain".to_owned(), domain.to_owned()),
        // An octet string that is text as well: every octet is below 128.
        LdapFilter::Equality("NtVer".to_owned(), String::from_utf8_lossy(&NT_VERSION).into_owned()),
    ])
}

/// Reads the value of the attribute; `None` for anything but the long form. Names are cleaned. A
/// name that points outside the octets, or in a circle, makes the whole answer unreadable.
pub fn parse(octets: &[u8]) -> Option<Netlogon> {
    let (head, _) = octets.split_at_checked(HEAD)?;
    let opcode = u16::from_le_bytes([head[0], head[1]]);
    if !matches!(opcode, RESPONSE_EX | USER_UNKNOWN_EX) {
        return None;
    }
    let flags = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let mut at = HEAD;
    let mut next = || name(octets, &mut at);
    let (forest, domain, host) = (next()?, next()?, next()?);
    let (netbios_domain, netbios_host, _user) = (next()?, next()?, next()?);
    // The asker's site is empty where its address is in none.
    let (site, client_site) = (next()?, next()?);
    Some(Netlogon { flags, forest, domain, host, netbios_domain, netbios_host, site, client_site })
}

/// One name at `at`, which is moved behind it (RFC 1035 section 4.1.4). A label may hold any octet:
/// sites have spaces and umlauts.
fn name(octets: &[u8], at: &mut usize) -> Option<String> {
    let (mut here, mut jumps) = (*at, 0);
    let mut text = String::new();
    loop {
        let length = *octets.get(here)?;
        if length & 0xc0 == 0xc0 {
            let target = usize::from(u16::from_be_bytes([length & 0x3f, *octets.get(here + 1)?]));
            if jumps == 0 {
                *at = here + 2;
            }
            jumps += 1;
            if jumps > MAX_JUMPS {
                return None;
            }
            here = target;
            continue;
        }
        if length & 0xc0 != 0 {
            return None;
        }
        let label = octets.get(here + 1..here + 1 + usize::from(length))?;
        here += 1 + label.len();
        if label.is_empty() {
            if jumps == 0 {
                *at = here;
            }
            return Some(text);
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&clean(label));
        if text.len() > MAX_NAME {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attribute's value in the answer of a real Samba.
    const SAMBA: &[u8] =
        b"\x17\x00\x00\x00\x9d\x11\x00\x00\x04\xd2\x15\xb3\xe7\x9f\x5e\x45\x95\x05\x85\xfa\x4a\xa3\xbe\x1c\x04corp\x07example\x00\
        \xc0\x18\x03dc1\xc0\x18\x04CORP\x00\x03DC1\x00\x00\x17Default-First-Site-Name\x00\xc0\x3a\x05\x00\x00\x00\xff\xff\xff\xff";

    #[test]
    fn a_real_answer_is_read() {
        let read = parse(SAMBA).expect("an answer");
        assert_eq!(
            (read.forest.as_str(), read.domain.as_str(), read.host.as_str()),
            ("corp.example", "corp.example", "dc1.corp.example")
        );
        assert_eq!((read.netbios_domain.as_str(), read.netbios_host.as_str()), ("CORP", "DC1"));
        assert_eq!(
            (read.site.as_str(), read.client_site.as_str()),
            ("Default-First-Site-Name", "Default-First-Site-Name")
        );
        assert!(
            read.is_pdc() && read.is_global_catalog() && read.is_writable() && read.is_closest()
        );
        assert!(!read.keeps_time(), "it ran without its time service");
    }

    #[test]
    fn an_answer_that_is_cut_off_anywhere_is_no_answer() {
        let last_name = SAMBA.len() - 8;
        for end in 0..last_name {
            assert_eq!(parse(&SAMBA[..end]), None, "{end} octets");
        }
        assert!(parse(&SAMBA[..last_name]).is_some(), "what follows the names is not needed");
    }

    #[test]
    fn pointers_lead_nowhere_dangerous() {
        let with = |names: &[u8]| parse(&[&SAMBA[..HEAD], names].concat());
        assert_eq!(with(b"\xc0\x18\x00\x00\x00\x00\x00\x00\x00"), None, "to itself");
        assert_eq!(with(b"\xc0\x1a\xc0\x18\x00\x00\x00\x00\x00"), None, "in a circle");
        assert_eq!(with(b"\xff\xff\x00\x00\x00\x00\x00\x00\x00"), None, "outside");
        assert_eq!(
            with(b"\x80\x00\x00\x00\x00\x00\x00\x00\x00"),
            None,
            "a length that DNS does not have"
        );
        assert_eq!(
            with(b"\x01a\xc0\x18\x00\x00\x00\x00\x00\x00"),
            None,
            "a name that grows for ever"
        );
        // A chain of labels that is too long in all.
        let mut long = b"\x3f".to_vec();
        long.extend([b'x'; 63]);
        assert_eq!(with(&long.repeat(5)), None);
        let all_empty = with(&[0; 8]).expect("eight empty names");
        assert_eq!(all_empty.host, "");
    }

    #[test]
    fn other_forms_are_not_read() {
        for opcode in [0x13, 0x15, 0x18, 0xffff_u16] {
            let mut other = SAMBA.to_vec();
            other[..2].copy_from_slice(&opcode.to_le_bytes());
            assert_eq!(parse(&other), None, "{opcode:#x}");
        }
    }

    #[test]
    fn the_filter_is_the_one_of_the_vectors() {
        let request = include_str!("../../../../tests/vectors/ldap_netlogon_ping_tcp_req.hex");
        let octets: Vec<u8> = request
            .lines()
            .filter(|l| !l.starts_with('#'))
            .flat_map(str::split_whitespace)
            .map(|o| u8::from_str_radix(o, 16).expect("hex"))
            .collect();
        let frame = crate::protocol::ldap::codec::peel(&mut octets.as_slice().into(), 4096)
            .expect("LDAP")
            .expect("a whole message");
        let Some(ldap3_proto::proto::LdapOp::SearchRequest(search)) = frame.message().map(|m| m.op)
        else {
            panic!("no search")
        };
        assert_eq!(search.filter, filter("corp.example"));
        assert_eq!(search.attrs, [ATTRIBUTE]);
    }
}
