//! The one entry that the stand-in has: the rootDSE (RFC 4512 section 5.1). Bland, and true: it
//! does not claim to be an Active Directory.

use crate::protocol::ldap::codec::{STARTTLS, time};
use jiff::Timestamp;
use ldap3_proto::proto::{LdapFilter, LdapPartialAttribute};

/// Every attribute. `starttls` says whether TLS can be begun on this connection.
pub(crate) fn attributes(host: &str, starttls: bool, now: Timestamp) -> Vec<LdapPartialAttribute> {
    let mut all = vec![attribute("objectClass", "top".to_owned())];
    if let Some(context) = naming_context(host) {
        all.push(attribute("namingContexts", context.clone()));
        all.push(attribute("defaultNamingContext", context));
    }
    all.push(attribute("supportedLDAPVersion", "3".to_owned()));
    if starttls {
        all.push(attribute("supportedExtension", STARTTLS.to_owned()));
    }
    all.push(attribute("dnsHostName", host.to_owned()));
    all.push(attribute("currentTime", time::format(now)));
    all
}

fn attribute(name: &str, value: String) -> LdapPartialAttribute {
    LdapPartialAttribute { atype: name.to_owned(), vals: vec![value.into_bytes()] }
}

/// `DC=contoso,DC=com` for a host in contoso.com; `None` for an address, a name without a domain,
/// or one that is not a plain DNS name.
fn naming_context(host: &str) -> Option<String> {
    let (_, domain) = host.trim_end_matches('.').split_once('.')?;
    let plain = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if host.parse::<std::net::IpAddr>().is_ok() || !domain.split('.').all(plain) {
        return None;
    }
    Some(domain.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(","))
}

/// What was asked for (RFC 4511 section 4.5.1.8; RFC 3673). Like a domain controller it gives
/// everything for an empty list and for `*`, although all but `objectClass` are operational.
pub(super) fn select(
    all: Vec<LdapPartialAttribute>,
    asked: &[String],
) -> Vec<LdapPartialAttribute> {
    let has = |name: &str| asked.iter().any(|a| a.eq_ignore_ascii_case(name));
    if asked.is_empty() || has("*") {
        return all;
    }
    let operational = has("+");
    all.into_iter().filter(|a| has(&a.atype) || (operational && a.atype != "objectClass")).collect()
}

/// Whether the entry matches, in the three values of RFC 4511 section 4.5.1.7: `None` is
/// *Undefined*, which gives no entry.
pub(super) fn matches(filter: &LdapFilter, entry: &[LdapPartialAttribute]) -> Option<bool> {
    let values =
        |name: &str| entry.iter().find(|a| a.atype.eq_ignore_ascii_case(name)).map(|a| &a.vals);
    match filter {
        LdapFilter::And(parts) => {
            let parts: Vec<_> = parts.iter().map(|p| matches(p, entry)).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        LdapFilter::Or(parts) => {
            let parts: Vec<_> = parts.iter().map(|p| matches(p, entry)).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        LdapFilter::Not(part) => matches(part, entry).map(|m| !m),
        LdapFilter::Present(name) => Some(values(name).is_some()),
        LdapFilter::Equality(name, wanted) => {
            values(name).map(|all| all.iter().any(|v| v.eq_ignore_ascii_case(wanted.as_bytes())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<String> {
        let all = attributes("dc01.contoso.com", true, Timestamp::UNIX_EPOCH);
        let asked: Vec<String> = asked.iter().map(|a| (*a).to_owned()).collect();
        select(all, &asked).into_iter().map(|a| a.atype).collect()
    }

    #[test]
    fn the_attributes_asked_for_are_given() {
        let all = [
            "objectClass",
            "namingContexts",
            "defaultNamingContext",
            "supportedLDAPVersion",
            "supportedExtension",
            "dnsHostName",
            "currentTime",
        ];
        assert_eq!(names(&[]), all);
        assert_eq!(names(&["*"]), all);
        assert_eq!(names(&["+"]), all[1..]);
        assert_eq!(names(&["DNSHOSTNAME", "dnshostname", "noSuchThing"]), ["dnsHostName"]);
        assert!(names(&["1.1"]).is_empty());
        assert_eq!(names(&["1.1", "currentTime"]), ["currentTime"], "1.1 beside others is ignored");
    }

    #[test]
    fn the_naming_context_is_the_domain_of_the_host() {
        assert_eq!(
            naming_context("dc01.corp.contoso.com").as_deref(),
            Some("DC=corp,DC=contoso,DC=com")
        );
        for none in ["dc01", "10.0.0.1", "fe80::1", "a.b,c=d", "dc01.", "dc01..com", ""] {
            assert_eq!(naming_context(none), None, "{none}");
        }
    }

    #[test]
    fn filters_have_three_values() {
        let entry = attributes("dc01.contoso.com", false, Timestamp::UNIX_EPOCH);
        for (text, wanted) in [
            ("(objectClass=*)", Some(true)),
            ("(objectclass=TOP)", Some(true)),
            ("(mail=*)", Some(false)),
            ("(!(mail=*))", Some(true)),
            ("(mail=a)", None),
            ("(!(mail=a))", None),
            ("(&(objectClass=*)(mail=a))", None),
            ("(&(mail=*)(mail=a))", Some(false)),
            ("(|(objectClass=*)(mail=a))", Some(true)),
            ("(|(mail=*)(mail=a))", None),
            ("(&(DnsDomain=contoso.com)(NtVer=6))", None),
            ("(dnsHostName=dc*)", None),
        ] {
            let filter = ldap3_proto::parse_ldap_filter_str(text).expect("a filter");
            assert_eq!(matches(&filter, &entry), wanted, "{text}");
        }
    }
}
