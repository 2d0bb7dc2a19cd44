//! What the rootDSE tells about a directory (RFC 4512 section 5.1; MS-ADTS section 3.1.1.3.2).
//! Everything in it comes from the network.

use crate::net::clock;
use crate::observation::Facts;
use crate::observation::facts::Ldap;
use crate::protocol::ldap::codec::{clean, time};
use ldap3_proto::proto::LdapPartialAttribute;

/// Asked for by name, since some are only given then.
pub(crate) const ASKED: &[&str] = &[
    "objectClass",
    "dnsHostName",
    "namingContexts",
    "defaultNamingContext",
    "rootDomainNamingContext",
    "serverName",
    "dsServiceName",
    "domainFunctionality",
    "forestFunctionality",
    "domainControllerFunctionality",
    "isGlobalCatalogReady",
    "isSynchronized",
    "supportedCapabilities",
    "supportedLDAPVersion",
    "supportedExtension",
    "currentTime",
    "vendorName",
    "vendorVersion",
];

/// `LDAP_CAP_ACTIVE_DIRECTORY_OID` (MS-ADTS section 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// Values of one attribute that are looked at.
const MAX_VALUES: usize = 64;

/// Cleaned values of an attribute.
fn values(entry: &[LdapPartialAttribute], name: &str) -> Vec<String> {
    let attribute = entry.iter().find(|a| a.atype.eq_ignore_ascii_case(name));
    attribute
        .map(|a| a.vals.iter().take(MAX_VALUES).map(|v| clean(v)).collect())
        .unwrap_or_default()
}

/// The first value of an attribute, as it came.
pub(crate) fn octets<'e>(entry: &'e [LdapPartialAttribute], name: &str) -> Option<&'e [u8]> {
    entry
        .iter()
        .find(|a| a.atype.eq_ignore_ascii_case(name))
        .and_then(|a| a.vals.first())
        .map(Vec::as_slice)
}

/// The first value, when it says anything.
fn value(entry: &[LdapPartialAttribute], name: &str) -> Option<String> {
    values(entry, name).into_iter().next().filter(|v| !v.is_empty())
}

/// What it says. What the directory does not say is not there.
pub(super) fn describe(entry: &[LdapPartialAttribute]) -> Facts {
    let level = |attribute| value(entry, attribute).and_then(|v| v.parse::<i64>().ok());
    let yes = |attribute| value(entry, attribute).and_then(|v| truth(&v));
    let ldap = Ldap {
        dns_host_name: value(entry, "dnsHostName"),
        default_naming_context: value(entry, "defaultNamingContext"),
        root_domain_naming_context: value(entry, "rootDomainNamingContext"),
        server_name: value(entry, "serverName"),
        vendor_name: value(entry, "vendorName"),
        vendor_version: value(entry, "vendorVersion"),
        current_time: value(entry, "currentTime"),
        domain_functionality: level("domainFunctionality"),
        forest_functionality: level("forestFunctionality"),
        domain_controller_functionality: level("domainControllerFunctionality"),
        is_global_catalog_ready: yes("isGlobalCatalogReady"),
        is_synchronized: yes("isSynchronized"),
        supported_ldap_version: values(entry, "supportedLDAPVersion")
            .iter()
            .filter_map(|v| v.parse().ok())
            .collect(),
        site: ["dsServiceName", "serverName"]
            .iter()
            .find_map(|name| value(entry, name).and_then(|dn| site_of(&dn))),
        active_directory: Some(is_active_directory(entry)),
        ..Ldap::default()
    };
    let theirs = value(entry, "currentTime").and_then(|t| time::parse(&t));
    Facts::of(|facts| {
        *facts.ldap = ldap;
        facts.clock_offset_s = theirs.map(|theirs| theirs.as_second() - clock::now().as_second());
    })
}

/// `TRUE` and `FALSE` (RFC 4517 section 3.3.3).
fn truth(text: &str) -> Option<bool> {
    match text {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    }
}

fn is_active_directory(entry: &[LdapPartialAttribute]) -> bool {
    values(entry, "supportedCapabilities").iter().any(|oid| oid == ACTIVE_DIRECTORY)
}

/// The DNS name of the domain that an Active Directory is of (MS-ADTS section 3.1.1.1.5: its naming
/// context is made of the labels).
pub(super) fn domain(entry: &[LdapPartialAttribute]) -> Option<String> {
    let context = value(entry, "defaultNamingContext").filter(|_| is_active_directory(entry))?;
    let label = |part: &str| {
        let (kind, label) = part.split_once('=')?;
        Some(label.trim().to_owned())
            .filter(|label| kind.trim().eq_ignore_ascii_case("dc") && !label.is_empty())
    };
    let labels: Option<Vec<String>> = split(&context).into_iter().map(label).collect();
    labels.map(|labels| labels.join("."))
}

/// What kind of directory it is. Samba has the capabilities of an Active Directory, so its own name
/// goes first.
pub(super) fn recognise(entry: &[LdapPartialAttribute]) -> Option<String> {
    let vendor = value(entry, "vendorName");
    let classes = values(entry, "objectClass");
    match vendor {
        Some(vendor) if vendor.to_lowercase().contains("samba") => Some("Samba".to_owned()),
        _ if is_active_directory(entry) => Some("Active Directory".to_owned()),
        _ if classes.iter().any(|c| c.eq_ignore_ascii_case("OpenLDAProotDSE")) => {
            Some("OpenLDAP".to_owned())
        }
        vendor => vendor,
    }
}

/// The site in the name of a server object, `CN=DC1,CN=Servers,CN=Site,CN=Sites,…` (MS-ADTS section
/// 6.1.1.2.2.1.2.1).
fn site_of(dn: &str) -> Option<String> {
    let mut names = split(dn).into_iter();
    names.by_ref().find(|n| n.eq_ignore_ascii_case("CN=Servers"))?;
    let site = names.next()?;
    names.next().filter(|n| n.eq_ignore_ascii_case("CN=Sites"))?;
    let (_, name) = site.split_once('=')?;
    Some(name.trim().replace('\\', "")).filter(|n| !n.is_empty())
}

/// The parts of a distinguished name, at commas that no backslash precedes (RFC 4514 section 2.4).
fn split(dn: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut escaped) = (0, false);
    for (at, c) in dn.char_indices() {
        if c == ',' && !escaped {
            parts.push(dn[begin..at].trim());
            begin = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(dn[begin..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &[&str])]) -> Vec<LdapPartialAttribute> {
        let attribute = |(name, vals): &(&str, &[&str])| LdapPartialAttribute {
            atype: (*name).to_owned(),
            vals: vals.iter().map(|v| v.as_bytes().to_vec()).collect(),
        };
        attributes.iter().map(attribute).collect()
    }

    #[test]
    fn the_site_is_read_from_the_server_object() {
        let dn = "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=corp,DC=example";
        assert_eq!(site_of(dn).as_deref(), Some("Default-First-Site-Name"));
        assert_eq!(
            site_of(r"CN=DC1,cn=servers,CN=Berlin\, Mitte,CN=Sites,CN=Configuration").as_deref(),
            Some("Berlin, Mitte")
        );
        for none in [
            "",
            "CN=Servers",
            "CN=Servers,CN=x",
            "CN=Servers,x,CN=Sites",
            r"CN=Servers\,CN=x,CN=Sites",
            "CN=Servers,CN=,CN=Sites",
        ] {
            assert_eq!(site_of(none), None, "{none}");
        }
    }

    #[test]
    fn the_domain_is_read_from_the_naming_context() {
        let ad: (&str, &[&str]) = ("supportedCapabilities", &[ACTIVE_DIRECTORY]);
        let of = |context: &str| domain(&entry(&[ad, ("defaultNamingContext", &[context])]));
        assert_eq!(of("DC=corp,dc=Example, DC=com").as_deref(), Some("corp.Example.com"));
        for none in ["", "CN=x,DC=com", "DC=,DC=com", "corp"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(
            domain(&entry(&[("defaultNamingContext", &["DC=corp"])])),
            None,
            "another directory has no such domain"
        );
    }

    #[test]
    fn directories_are_told_apart() {
        let ad: (&str, &[&str]) =
            ("supportedCapabilities", &["1.2.840.113556.1.4.1670", ACTIVE_DIRECTORY]);
        assert_eq!(recognise(&entry(&[ad])).as_deref(), Some("Active Directory"));
        assert_eq!(
            recognise(&entry(&[ad, ("vendorname", &["Samba Team (https://www.samba.org)"])]))
                .as_deref(),
            Some("Samba")
        );
        assert_eq!(
            recognise(&entry(&[("objectClass", &["top", "OpenLDAProotDSE"])])).as_deref(),
            Some("OpenLDAP")
        );
        assert_eq!(
            recognise(&entry(&[("vendorName", &["389 Project\x07"])])).as_deref(),
            Some("389 Project")
        );
        assert_eq!(recognise(&entry(&[("objectClass", &["top"]), ("vendorName", &[""])])), None);
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        let facts = describe(&entry(&[
            ("isSynchronized", &["maybe"]),
            ("domainFunctionality", &["high"]),
            ("currentTime", &["noon"]),
        ]));
        let names: Vec<String> = facts.flat().into_keys().collect();
        assert_eq!(names, ["active_directory", "current_time"]);
    }
}
