//! What a host may be called in a site file.

use super::model::Host;
use ipnet::IpNet;
use std::net::IpAddr;

/// What is wrong with a host, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadHost {
    pub message: String,
    pub help: String,
}

fn bad<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, BadHost> {
    Err(BadHost { message: message.into(), help: help.into() })
}

/// A string of a role: a name, an address or a network.
pub(super) fn host(text: &str) -> Result<Host, BadHost> {
    if text.chars().any(char::is_control) {
        return bad(
            "this host is not what it looks like: it holds control characters",
            "write it as \"srv01.contoso.com\"",
        );
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Host::Address(of_a_host(address)?));
    }
    if text.contains("://") {
        let rest = text.split("://").nth(1).unwrap_or_default();
        let name = rest.split(['/', ':']).next().unwrap_or_default();
        return bad(
            format!("\"{text}\" is a URL"),
            format!("write the host alone: \"{name}\"; its port and path are in the tables"),
        );
    }
    if text.contains('/') {
        return network(text);
    }
    if let Some((name, port)) = text.rsplit_once(':') {
        let name = name.trim_matches(['[', ']']);
        if port.parse::<u16>().is_ok()
            && (self::name(name).is_ok() || name.parse::<IpAddr>().is_ok())
        {
            let help = format!(
                "write \"{name}\" alone: ports are in the tables, and named ones are changed in \
                    [ports]"
            );
            return bad(format!("\"{text}\" has a port"), help);
        }
        return bad(
            format!("\"{text}\" is not an IPv6 address"),
            "write it without brackets and without a zone: \"2001:db8::10\"",
        );
    }
    Ok(Host::Named { name: name(text)?, addresses: Vec::new() })
}

/// An address that a host can have.
pub(super) fn address(text: &str) -> Result<IpAddr, BadHost> {
    match text.parse::<IpAddr>() {
        Ok(address) => of_a_host(address),
        Err(_) => bad(
            format!("\"{text}\" is not an IP address"),
            "write one as \"10.1.2.3\" or \"2001:db8::10\"",
        ),
    }
}

fn of_a_host(address: IpAddr) -> Result<IpAddr, BadHost> {
    let address = address.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return bad(
            format!("{address} is not the address of a host"),
            "write the address that others connect to",
        );
    }
    Ok(address)
}

fn network(text: &str) -> Result<Host, BadHost> {
    let Ok(network) = text.parse::<IpNet>() else {
        return bad(
            format!("\"{text}\" is not a network"),
            "write it as \"10.20.0.0/16\" or \"2001:db8:1::/48\"",
        );
    };
    if network.addr() != network.network() {
        let help = format!(
            "the network is \"{}\"; the host alone is \"{}\"",
            network.trunc(),
            network.addr()
        );
        return bad(format!("\"{text}\" has bits set after its prefix"), help);
    }
    if network.prefix_len() == network.max_prefix_len() {
        return Ok(Host::Address(of_a_host(network.addr())?));
    }
    Ok(Host::Network(network))
}

/// A host name (RFC 1123 section 2.1, RFC 1035 section 2.3.4) in lower case and without the final
/// dot. Windows has names with underscores, and DNS takes any octet in a label (RFC 2181 section
/// 11).
pub(super) fn name(text: &str) -> Result<String, BadHost> {
    let name = text.strip_suffix('.').unwrap_or(text).to_lowercase();
    let example = "a host name has letters, digits, hyphens and underscores, in parts of at most \
        63, joined by dots: \"srv01.contoso.com\"";
    if name.is_empty() {
        return bad("a host has no name", example);
    }
    if name.contains('*') {
        return bad(
            format!("\"{text}\" is a wildcard, not a host"),
            "list the hosts, or a network such as \"10.20.0.0/16\"",
        );
    }
    if !name.is_ascii() {
        return bad(
            format!("\"{text}\" has letters outside ASCII"),
            "write it as DNS has it, with \"xn--\"",
        );
    }
    if name.split('.').any(|label| matches!(label, "_tcp" | "_udp")) {
        return bad(
            format!("\"{text}\" is the name of a service, not of a host"),
            "domain controllers are looked up with { discover = \"contoso.com\" }; others are \
                listed by their own names",
        );
    }
    if let Some((_, host)) = name.split_once('\\') {
        return bad(
            format!("\"{text}\" has a domain before the host"),
            format!("write the host alone, \"{host}\", or its full name in DNS"),
        );
    }
    if name.len() > 253 {
        return bad(format!("a host name is {} characters long", name.len()), "the longest is 253");
    }
    for label in name.split('.') {
        let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if label.is_empty()
            || label.len() > 63
            || !letters
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return bad(format!("\"{text}\" is not a host name"), example);
        }
    }
    // RFC 1123: what looks like an address is one, and the last part of a name is never a number.
    if name.split('.').next_back().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return bad(
            format!("\"{text}\" is neither a host name nor an address"),
            "an IPv4 address is four numbers from 0 to 255: \"10.1.2.3\"",
        );
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_networks_are_told_apart() {
        for (text, wanted) in [
            ("SRV01.Contoso.com.", "srv01.contoso.com"),
            ("srv", "srv"),
            ("3com.example", "3com.example"),
            ("SRV_APP01", "srv_app01"),
            ("ws_1.contoso_old.local", "ws_1.contoso_old.local"),
            ("_web", "_web"),
            ("10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("2001:DB8::1", "2001:db8::1"),
            ("10.20.0.0/16", "10.20.0.0/16"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.1.2.3/32", "10.1.2.3"),
        ] {
            assert_eq!(host(text).expect(text).label(), wanted, "{text}");
        }
        assert!(matches!(host("10.1.2.3/32"), Ok(Host::Address(_))));
    }

    #[test]
    fn each_slip_is_named() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long = vec!["abcdefghi"; 30].join(".");
        for (text, wanted) in [
            ("", "has no name"),
            (".", "has no name"),
            ("https://srv01.contoso.com:5000/Agent", "is a URL"),
            ("srv01:5000", "has a port"),
            ("10.1.2.3:5000", "has a port"),
            ("[2001:db8::1]:443", "has a port"),
            ("[2001:db8::1]", "is not an IPv6 address"),
            ("fe80::1%eth0", "is not an IPv6 address"),
            ("10.20.1.0/16", "has bits set"),
            ("10.20.0.0/33", "is not a network"),
            ("10.20.0.300", "neither a host name nor an address"),
            ("10.20", "neither a host name nor an address"),
            ("*.contoso.com", "is a wildcard"),
            ("_ldap._tcp.contoso.com", "name of a service"),
            ("CONTOSO\\srv01", "a domain before the host"),
            ("böhm.example", "outside ASCII"),
            ("-a.example", "not a host name"),
            ("a-.example", "not a host name"),
            ("a..b", "not a host name"),
            ("a b", "not a host name"),
            (long_label.as_str(), "not a host name"),
            (long.as_str(), "299 characters long"),
            ("0.0.0.0", "not the address of a host"),
            ("255.255.255.255", "not the address of a host"),
            ("224.0.0.1", "not the address of a host"),
            ("::", "not the address of a host"),
        ] {
            let found = host(text).expect_err(text);
            assert!(found.message.contains(wanted), "{text}: {}", found.message);
            assert!(!found.help.is_empty());
        }
        assert_eq!(
            host("https://srv:5000/A").expect_err("a URL").help,
            "write the host alone: \"srv\"; its port and path are in the tables"
        );
        assert!(
            host("10.20.1.9/16")
                .expect_err("bits")
                .help
                .contains("\"10.20.0.0/16\"; the host alone is \"10.20.1.9\"")
        );
        assert!(address("srv").is_err());
    }
}
