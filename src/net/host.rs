//! This machine's own names and addresses.

use super::{clock, os};
use crate::lock::lock;
use crate::reason::Reason;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a list of this machine's addresses is used.
const FRESH: Duration = Duration::from_secs(10);

/// What this machine is called and where it can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThisHost {
    /// Host name, lower case.
    pub name: String,
    /// Addresses of its interfaces.
    pub addresses: Vec<IpAddr>,
}

/// Whether this machine has a route to an address. A datagram socket is given its destination;
/// nothing is sent.
///
/// # Errors
/// When it could not be asked: descriptors are used up, or a policy forbids it. That is no "no".
pub fn has_route(to: IpAddr) -> io::Result<bool> {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let asked = UdpSocket::bind(SocketAddr::new(any, 0))
        .and_then(|socket| socket.connect(SocketAddr::new(to, 443)));
    match asked {
        Ok(()) => Ok(true),
        // A family that is switched off, or of which the machine has no address, has none either.
        Err(error) if is_without_address(&error) => Ok(false),
        Err(error) if os::begin_failure(&error).reason == Reason::LocalNoRoute => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_without_address(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Whether an address is one of this machine's own. A run asks for each message of the network, and
/// interfaces are listed at most once in ten seconds.
pub fn is_own(address: IpAddr) -> bool {
    static LISTED: Mutex<Option<(Instant, Vec<IpAddr>)>> = Mutex::new(None);
    let mut listed = lock(&LISTED);
    let now = clock::instant();
    let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
    let (_, own) = match listed.take().filter(|(at, _)| is_fresh(*at)) {
        Some(fresh) => listed.insert(fresh),
        None => listed.insert((now, this_host().addresses)),
    };
    address.is_loopback() || own.contains(&address)
}

/// Asks the operating system.
pub fn this_host() -> ThisHost {
    let name = os::full_name()
        .or_else(|| hostname::get().ok().map(|name| name.to_string_lossy().into_owned()))
        .map(|name| name.trim_end_matches('.').to_lowercase())
        .unwrap_or_default();
    let addresses = if_addrs::get_if_addrs()
        .map(|all| all.iter().map(if_addrs::Interface::ip).collect())
        .unwrap_or_default();
    ThisHost { name, addresses }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_and_own_and_a_network_of_nobody_is_neither() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert!(has_route(loopback).expect("it can be asked") && is_own(loopback));
        assert!(!is_own([203, 0, 113, 7].into()));
        for address in this_host().addresses {
            assert!(is_own(address), "{address}");
        }
    }

    #[test]
    fn what_could_not_be_asked_is_no_answer() {
        let no = |code| os::begin_failure(&io::Error::from_raw_os_error(code)).reason;
        #[cfg(unix)]
        assert_eq!(
            [libc::ENETUNREACH, libc::EAFNOSUPPORT, libc::EMFILE].map(no),
            [Reason::LocalNoRoute, Reason::LocalNoRoute, Reason::LocalResources]
        );
        #[cfg(windows)]
        assert_eq!(
            [10051, 10047, 10024].map(no),
            [Reason::LocalNoRoute, Reason::LocalNoRoute, Reason::LocalResources]
        );
    }
}
