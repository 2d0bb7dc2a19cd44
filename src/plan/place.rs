//! Whether a machine is the host that a plan begins at: a test from another one is a test of
//! another rule.

use crate::site::model::Host;
use std::net::IpAddr;

/// This machine, as far as it knows itself.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'m> {
    /// Its own name, with or without its domain.
    pub name: &'m str,
    /// Addresses of its interfaces.
    pub addresses: &'m [IpAddr],
}

/// How a machine stands to a host of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is that host, or in that network.
    Here,
    /// It has the host's name, and none of the addresses that the site file fixes.
    Moved,
    /// The site file fixes addresses of the host, and it has none of them.
    OtherAddresses,
    /// The host has a name alone, and it has another one.
    OtherName,
    /// It is not in the network.
    OtherNetwork,
}

impl Machine<'_> {
    /// Loopback addresses are every machine's own.
    fn has(&self, address: &IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.addresses.iter().any(|own| own.to_canonical() == address)
    }

    fn is_called(&self, name: &str) -> bool {
        let own = self.name.trim_end_matches('.').to_lowercase();
        let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        // The domain may be missing on either side.
        own == name
            || (!own.is_empty()
                && first(&own) == first(name)
                && (!own.contains('.') || !name.contains('.')))
    }

    /// How it stands to a host of the plan.
    pub fn place(&self, host: &Host) -> Place {
        match host {
            Host::Address(address) if !self.has(address) => Place::OtherAddresses,
            Host::Named { name, addresses }
                if !addresses.iter().any(|address| self.has(address)) =>
            {
                match (self.is_called(name), addresses.is_empty()) {
                    (true, true) => Place::Here,
                    (true, false) => Place::Moved,
                    (false, true) => Place::OtherName,
                    (false, false) => Place::OtherAddresses,
                }
            }
            Host::Network(network)
                if !network.addr().is_loopback()
                    && !self.addresses.iter().any(|own| network.contains(own)) =>
            {
                Place::OtherNetwork
            }
            _ => Place::Here,
        }
    }

    /// "planned from 10.20.0.0/16; tested from 10.9.0.1", where a hop that was planned from `host`
    /// was sent from another address, or by another machine.
    pub fn tested_from(&self, host: &Host, source: Option<IpAddr>) -> Option<String> {
        let source = source?.to_canonical();
        let same_family = |address: &IpAddr| address.to_canonical().is_ipv4() == source.is_ipv4();
        // A host with an address of the other family alone is still that host, and loopback is
        // always this machine.
        let is_same = |address: &IpAddr| {
            address.to_canonical() == source || (address.is_loopback() && source.is_loopback())
        };
        let is_other =
            |fixed: &[IpAddr]| fixed.iter().any(same_family) && !fixed.iter().any(is_same);
        let place = self.place(host);
        let differs = place != Place::Here
            || match host {
                Host::Address(address) => is_other(&[*address]),
                Host::Named { addresses, .. } => is_other(addresses),
                Host::Network(network) => {
                    same_family(&network.addr()) && !network.contains(&source)
                }
                Host::Discover { .. } => false,
            };
        let tested = match (place, self.name) {
            (Place::OtherName | Place::OtherAddresses, name) if !name.is_empty() => {
                format!("{name} ({source})")
            }
            _ => source.to_string(),
        };
        differs.then(|| format!("planned from {}; tested from {tested}", in_full(host)))
    }
}

/// A host with the addresses that the site file fixes.
pub fn in_full(host: &Host) -> String {
    match host {
        Host::Named { name, addresses } if !addresses.is_empty() => {
            format!(
                "{name} ({})",
                addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
            )
        }
        _ => host.label(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn named(name: &str, addresses: &[&str]) -> Host {
        Host::Named { name: name.into(), addresses: addresses.iter().map(|a| ip(a)).collect() }
    }

    fn network(text: &str) -> Host {
        Host::Network(text.parse().expect(text))
    }

    #[test]
    fn a_machine_is_a_host_by_its_addresses_then_by_its_name() {
        let addresses = [ip("127.0.0.1"), ip("10.9.0.1"), ip("fd00:9::1")];
        let machine = Machine { name: "WS17.contoso.com", addresses: &addresses };
        for (host, wanted) in [
            (Host::Address(ip("10.9.0.1")), Place::Here),
            (Host::Address(ip("::ffff:10.9.0.1")), Place::Here),
            (Host::Address(ip("127.0.9.2")), Place::Here),
            (Host::Address(ip("10.9.0.2")), Place::OtherAddresses),
            (named("other.contoso.com", &["10.1.0.1", "10.9.0.1"]), Place::Here),
            (named("other.contoso.com", &["10.1.0.1"]), Place::OtherAddresses),
            (named("ws17.contoso.com", &["10.1.0.1"]), Place::Moved),
            (named("ws17", &[]), Place::Here),
            (named("ws17.contoso.com", &[]), Place::Here),
            (named("ws17.fabrikam.com", &[]), Place::OtherName),
            (named("ws18.contoso.com", &[]), Place::OtherName),
            (network("10.9.0.0/16"), Place::Here),
            (network("fd00:9::/64"), Place::Here),
            (network("127.0.0.0/8"), Place::Here),
            (network("10.20.0.0/16"), Place::OtherNetwork),
        ] {
            assert_eq!(machine.place(&host), wanted, "{host:?}");
        }
        let nameless = Machine { name: "", addresses: &addresses };
        assert_eq!(nameless.place(&named("ws17", &[])), Place::OtherName);
    }

    #[test]
    fn a_test_from_elsewhere_names_both_ends() {
        let addresses = [ip("10.9.0.1"), ip("10.20.0.7"), ip("fd00:9::1")];
        let machine = Machine { name: "ws17", addresses: &addresses };
        let said = |host: &Host, source: &str| {
            machine.tested_from(host, Some(ip(source))).unwrap_or_default()
        };
        assert_eq!(
            said(&network("10.30.0.0/16"), "10.9.0.1"),
            "planned from 10.30.0.0/16; tested from 10.9.0.1"
        );
        assert_eq!(said(&network("10.20.0.0/16"), "10.20.0.7"), "");
        assert_eq!(
            said(&network("10.20.0.0/16"), "10.9.0.1"),
            "planned from 10.20.0.0/16; tested from 10.9.0.1",
            "by another interface"
        );
        assert_eq!(
            said(&network("10.20.0.0/16"), "fd00:9::1"),
            "",
            "the network is of the other family"
        );
        assert_eq!(said(&named("ws17", &["10.9.0.1"]), "fd00:9::1"), "");
        assert_eq!(
            said(&named("ws17", &["10.9.0.1", "fd00:9::1"]), "10.20.0.7"),
            "planned from ws17 (10.9.0.1, fd00:9::1); tested from 10.20.0.7"
        );
        assert_eq!(
            said(&named("psp", &["10.1.0.1"]), "10.9.0.1"),
            "planned from psp (10.1.0.1); tested from ws17 (10.9.0.1)"
        );
        assert_eq!(
            said(&named("psp", &[]), "10.9.0.1"),
            "planned from psp; tested from ws17 (10.9.0.1)"
        );
        assert_eq!(said(&named("ws17", &[]), "10.9.0.1"), "");
        assert_eq!(said(&Host::Address(ip("127.0.9.2")), "127.0.0.1"), "", "one machine");
        assert_eq!(machine.tested_from(&network("10.30.0.0/16"), None), None, "nothing was sent");
    }
}
