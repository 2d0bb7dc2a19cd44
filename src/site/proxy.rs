//! Outbound proxies: how files, options and the environment name one, and which hosts are reached
//! without.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// A proxy that opens ways with HTTP CONNECT (RFC 9110 section 9.3.6).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where it is, once that is known.
    pub addresses: Vec<IpAddr>,
    /// The value of `Proxy-Authorization` (RFC 7617), where a name and a password were given.
    authorization: Option<String>,
}

/// A password is shown to nobody.
impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("at", &self.label())
            .field("signs_in", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

/// How a cloud service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// From this machine itself.
    Direct,
    /// Through a proxy.
    Proxy(Arc<Proxy>),
}

/// What a mistake in a proxy's address ends with.
const FORM: &str = "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or `direct`";

/// What is wrong with the address of a proxy, and what to write. A password is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A file that says which proxy to take.
    #[error(
        "a proxy auto-config file is a program, which portmatrix does not run: look up in it which \
            proxy it returns for login.microsoftonline.com (the word after PROXY), and name that one"
    )]
    AutoConfig,
    /// Another scheme than `http`.
    #[error("proxies are spoken to with http, not with {0}: {FORM}")]
    Scheme(String),
    /// A port that is no port.
    #[error("the port of the proxy is no number from 1 to 65535: {FORM}")]
    OddPort,
    /// No port.
    #[error("the port of the proxy is missing: {FORM}")]
    NoPort,
    /// A host that is neither a name nor an address.
    #[error("the host of the proxy is no name and no address: {FORM}")]
    OddHost,
}

impl std::str::FromStr for Route {
    type Err = RouteError;

    /// # Errors
    /// What is wrong, and what to write. A password is not repeated.
    fn from_str(text: &str) -> Result<Self, RouteError> {
        let text = text.trim();
        if matches!(text, "direct" | "none") {
            return Ok(Route::Direct);
        }
        Proxy::parse(text).map(|proxy| Route::Proxy(Arc::new(proxy)))
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, RouteError> {
        // Behind a colon it is part of a password, and is not repeated.
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| is_scheme(scheme))
            .unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        if path.to_ascii_lowercase().contains(".pac")
            || path.ends_with("wpad.dat")
            || scheme.starts_with("pac")
            || scheme == "file"
        {
            return Err(RouteError::AutoConfig);
        }
        if scheme != "http" {
            return Err(RouteError::Scheme(scheme));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let place = place.trim();
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port: u16 = match port.map(str::parse) {
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(RouteError::OddPort),
            None => return Err(RouteError::NoPort),
        };
        let address: Option<IpAddr> = host.parse().ok();
        let is_name = |host: &str| {
            host.split('.')
                .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(is_of_a_name))
        };
        if address.is_none() && !is_name(host) {
            return Err(RouteError::OddHost);
        }
        let authorization = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let both = [decoded(name), b":".to_vec(), decoded(password)].concat();
            format!("Basic {}", BASE64.encode(&both))
        });
        Ok(Proxy {
            host: host.to_lowercase(),
            port,
            addresses: address.into_iter().collect(),
            authorization,
        })
    }

    /// The same, now that it is known where it is.
    #[must_use]
    pub fn at(self, addresses: Vec<IpAddr>) -> Self {
        Proxy { addresses, ..self }
    }

    /// `host:port`, for tables and ids.
    pub fn label(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What it is told of who asks.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|o| o.is_ascii_alphanumeric() || matches!(o, b'+' | b'-' | b'.'))
}

fn is_of_a_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

/// Percent-encoded octets (RFC 3986 section 2.1) as they are meant; what is no such encoding stays.
fn decoded(text: &str) -> Vec<u8> {
    let octets = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(octets.len()), 0);
    while let Some(&octet) = octets.get(at) {
        // `from_str_radix` would take a sign as well.
        let digits = octets.get(at + 1..at + 3).filter(|_| octet == b'%');
        match digits.and_then(|two| HEXLOWER_PERMISSIVE.decode(two).ok()) {
            Some(meant) => {
                out.extend(meant);
                at += 3;
            }
            None => {
                out.push(octet);
                at += 1;
            }
        }
    }
    out
}

/// Hosts that are reached without the proxy of the environment: `NO_PROXY`, as curl reads it. Names
/// stand for all below them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy {
    all: bool,
    names: Vec<String>,
    networks: Vec<IpNet>,
}

impl NoProxy {
    /// From a list with commas; what is neither name nor network nor `*` matches nothing.
    pub fn parse(text: &str) -> Self {
        let mut found = NoProxy::default();
        for entry in text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                found.all = true;
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                found.networks.push(address.into());
            } else if let Ok(network) = entry.parse() {
                found.networks.push(network);
            } else {
                found.names.push(entry.trim_start_matches("*.").trim_matches('.').to_lowercase());
            }
        }
        found
    }

    /// Whether a host is reached without the proxy.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        let under = |name: &String| {
            host == *name
                || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        let inside =
            |address: IpAddr| self.networks.iter().any(|network| network.contains(&address));
        self.all || self.names.iter().any(under) || host.parse().is_ok_and(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Arc<Proxy> {
        match text.parse() {
            Ok(Route::Proxy(proxy)) => proxy,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn proxies_are_read_and_keep_their_password() {
        assert_eq!(proxy("http://Proxy.contoso.com:3128/").label(), "proxy.contoso.com:3128");
        assert_eq!(proxy("proxy:8080").label(), "proxy:8080");
        assert_eq!(proxy("http://[2001:db8::1]:3128").label(), "[2001:db8::1]:3128");
        assert_eq!(proxy("http://10.0.0.1:3128").addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(proxy("HTTP://proxy:8080").label(), "proxy:8080");
        let odd = proxy("ann:5%+1%4%zz@proxy:8080");
        let wanted = format!("Basic {}", BASE64.encode(b"ann:5%+1%4%zz"));
        assert_eq!(odd.authorization(), Some(wanted.as_str()), "no percent-encoding");
        let signed = proxy("http://corp%5Cann:p%40ss:w%C3%B6rd@proxy:8080");
        assert_eq!(signed.label(), "proxy:8080");
        let wanted = format!("Basic {}", BASE64.encode("corp\\ann:p@ss:wörd".as_bytes()));
        assert_eq!(signed.authorization(), Some(wanted.as_str()));
        assert!(
            !format!("{signed:?}").contains(&wanted) && !format!("{signed:?}").contains("ann"),
            "{signed:?}"
        );
        assert_eq!("direct".parse(), Ok(Route::Direct));
    }

    #[test]
    fn what_is_no_proxy_says_what_to_write_and_not_the_password() {
        for (text, words) in [
            ("https://ann:secret@proxy:443", "not with https"),
            ("socks5://proxy:1080", "not with socks5"),
            ("http://ann:secret@proxy", "port of the proxy is missing"),
            ("http://ann:secret@proxy:0", "no number"),
            ("http://ann:secret@:3128", "no name"),
            ("http://pro xy:3128", "no name"),
            ("ann:secret@://proxy:3128", "no number"),
            ("ann:se://secret@proxy:3128", "no number"),
            ("http://wpad.contoso.com/proxy.pac", "auto-config"),
            ("http://wpad/wpad.dat", "auto-config"),
            ("file:///etc/proxy.pac", "auto-config"),
            ("", "port of the proxy is missing"),
        ] {
            let fault = text.parse::<Route>().expect_err(text).to_string();
            assert!(fault.contains(words) && !fault.contains("secret"), "{text}: {fault}");
        }
    }

    #[test]
    fn hosts_without_the_proxy_are_known() {
        let none = NoProxy::parse("localhost, .contoso.com,*.fabrikam.com,10.0.0.0/8 192.0.2.1");
        for host in [
            "localhost",
            "psp.contoso.com",
            "contoso.com",
            "a.b.fabrikam.com",
            "10.1.2.3",
            "192.0.2.1",
            "PSP.Contoso.com.",
        ] {
            assert!(none.covers(host), "{host}");
        }
        for host in ["login.microsoftonline.com", "mycontoso.com", "192.0.2.2", "nolocalhost"] {
            assert!(!none.covers(host), "{host}");
        }
        assert!(NoProxy::parse("*").covers("anything") && !NoProxy::parse("").covers("anything"));
    }
}
