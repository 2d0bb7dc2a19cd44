//! The kernel's table of TCP connections, as far as a listener wants it: what is half open, and on
//! which ports who listens. A SYN that came and whose answer was lost is seen nowhere else: no
//! program is told of it.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;
#[cfg(not(any(target_os = "linux", windows)))]
mod system {
    pub fn table(_: bool) -> std::io::Result<super::Table> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub fn segments_in() -> Option<u64> {
        None
    }

    pub fn counters() -> Option<super::Counters> {
        None
    }

    pub fn connection(_: std::net::SocketAddr, _: std::net::SocketAddr) -> Option<super::Stands> {
        None
    }

    pub fn count(_: super::Ends) -> Option<u32> {
        None
    }

    pub fn processes(
        _: &std::collections::BTreeSet<u32>,
    ) -> std::collections::BTreeMap<u32, super::Process> {
        std::collections::BTreeMap::new()
    }
}

use crate::wire::sighting::Counters;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Half-open connections that are looked at in one reading: a flood fills the table, and must not
/// fill this program.
const MAX_HALF_OPEN: usize = 4096;

/// What the table held at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Own and other address of connections whose SYN was answered (state SYN-RECEIVED, RFC 9293
    /// section 3.3.2).
    pub half_open: Vec<(SocketAddr, SocketAddr)>,
    /// Addresses and ports that somebody listens on, whoever it is; absent where they were not
    /// read.
    pub listening: Option<BTreeSet<SocketAddr>>,
    /// The owner of each of these ports, in the system's own terms: an inode on Linux, a process on
    /// Windows.
    pub(crate) owners: Vec<(u16, u32)>,
    /// Of those addresses and ports, the ones whose program has as many connections waiting as it
    /// takes: the system drops what comes more.
    pub full: BTreeSet<SocketAddr>,
    /// What became of half-open connections since the system began, where it counts them: such a
    /// one may be there for no time at all, so that no reading sees it.
    pub counters: Option<Counters>,
}

/// How many TCP segments came to this machine since it began, where that is told cheaply: as long
/// as it stays the same, nothing new is half open.
pub fn segments_in() -> Option<u64> {
    system::segments_in()
}

/// What the system has counted up to now.
pub fn counters() -> Option<Counters> {
    system::counters()
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_os = "linux", windows)),
    expect(dead_code, reason = "no table is read here")
)]
enum Line {
    HalfOpen { local: SocketAddr, peer: SocketAddr },
    Listening { local: SocketAddr, owner: u32, full: bool },
}

impl Table {
    #[cfg_attr(
        not(any(target_os = "linux", windows)),
        expect(dead_code, reason = "no table is read here")
    )]
    fn add(&mut self, line: Line) {
        match line {
            Line::HalfOpen { local, peer } if self.half_open.len() < MAX_HALF_OPEN => {
                self.half_open.push((plain(local), plain(peer)));
            }
            Line::HalfOpen { .. } => {}
            Line::Listening { local, owner, full } => {
                self.owners.push((local.port(), owner));
                if full {
                    self.full.insert(plain(local));
                }
                self.listening.get_or_insert_default().insert(plain(local));
            }
        }
    }
}

/// Without the form of IPv4 addresses inside IPv6.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether somebody listens for connections to this address: on it, or on all addresses. One that
/// listens on all of IPv6 is taken to listen on all of IPv4 too, as it does unless it was told
/// otherwise.
pub fn is_listened_on(listening: &BTreeSet<SocketAddr>, address: SocketAddr) -> bool {
    let address = plain(address);
    let all = |ip: IpAddr| listening.contains(&SocketAddr::new(ip, address.port()));
    listening.contains(&address)
        || all(Ipv6Addr::UNSPECIFIED.into())
        || (address.is_ipv4() && all(Ipv4Addr::UNSPECIFIED.into()))
}

/// Reads the table, for IPv4 and IPv6, with or without who listens. Takes well under a millisecond
/// on a host with hundreds of sockets; with those of a whole dynamic range, who listens takes
/// several.
///
/// # Errors
/// `Unsupported` on systems without such a table; else the system's own.
pub fn table(with_listening: bool) -> io::Result<Table> {
    system::table(with_listening)
}

/// How one connection stands at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// The system has no such connection.
    Absent,
    /// Its SYN was answered, and the answer not yet taken up.
    HalfOpen,
    /// It has opened; it may be closing already.
    Opened,
}

/// How this very connection stands now, whoever has the port. A table that is full of others may
/// not have been read as far as that. `None` where the system does not tell it.
pub fn connection(local: SocketAddr, peer: SocketAddr) -> Option<Stands> {
    system::connection(plain(local), plain(peer))
}

/// Which connections are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Those to this port of the host.
    Port(u16),
    /// Those from this address and port, to whichever port.
    Peer(SocketAddr),
}

/// How many connections of these there are, whoever has the port; `None` where the system does not
/// tell.
pub fn count(ends: Ends) -> Option<u32> {
    system::count(match ends {
        Ends::Peer(peer) => Ends::Peer(plain(peer)),
        port @ Ends::Port(_) => port,
    })
}

/// Whether this host itself leads what comes to an own address and port elsewhere: to a container,
/// or by a redirection. Such a connection stands in no table of its own, not even one that is made
/// here.
pub fn is_led_on(here: SocketAddr) -> bool {
    let Ok(own) = std::net::TcpStream::connect_timeout(&here, LOCAL) else { return true };
    own.local_addr().is_ok_and(|from| connection(here, from) != Some(Stands::Opened))
}

/// Time for a connection to this very machine.
const LOCAL: std::time::Duration = std::time::Duration::from_millis(200);

/// A program that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// The system's number for it.
    pub pid: u32,
    /// Its name; empty where it cannot be had.
    pub name: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}, ", self.name)?;
        }
        write!(f, "pid {}", self.pid)
    }
}

/// Who listens on these ports, as far as this process may know: Linux tells it of another user's
/// process only to root.
pub fn holders(ports: &[u16]) -> BTreeMap<u16, Process> {
    let owners = table(true).map(|table| table.owners).unwrap_or_default();
    let owners: Vec<(u16, u32)> =
        owners.into_iter().filter(|(port, _)| ports.contains(port)).collect();
    let processes = system::processes(&owners.iter().map(|(_, owner)| *owner).collect());
    owners
        .into_iter()
        .filter_map(|(port, owner)| Some((port, processes.get(&owner)?.clone())))
        .collect()
}

/// Which of these processes run, and are this program; none where owners are no processes.
pub fn running(pids: &BTreeSet<u32>) -> BTreeSet<u32> {
    if !cfg!(windows) {
        return BTreeSet::new();
    }
    let own = std::env::current_exe().ok();
    let own = own.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    let is_own = |process: &Process| own.is_some_and(|own| process.name.eq_ignore_ascii_case(own));
    system::processes(pids).into_values().filter(is_own).map(|process| process.pid).collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let holder = holders(&[port, 1]).remove(&port).expect("it is this very process");
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.name.starts_with("portmatrix"), "{holder:?}");
    }

    #[test]
    fn listening_ports_are_seen_on_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
            let local = listener.local_addr().expect("an address");
            assert!(
                table(true)
                    .expect("Linux has a table")
                    .listening
                    .is_some_and(|l| l.contains(&local)),
                "{address}"
            );
            drop(listener);
            assert!(
                !table(true)
                    .expect("Linux has a table")
                    .listening
                    .is_some_and(|l| l.contains(&local)),
                "{address}"
            );
        }
    }

    #[test]
    fn a_service_on_loopback_alone_listens_for_nobody_else() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let listening =
            [at("127.0.0.1:389"), at("0.0.0.0:636"), at("[::]:443"), at("[::]:0")].into();
        for (address, wanted) in [
            ("10.0.0.1:389", false),
            ("127.0.0.1:389", true),
            ("[::ffff:127.0.0.1]:389", true),
            ("10.0.0.1:636", true),
            ("[fd00::1]:636", false),
            ("10.0.0.1:443", true),
            ("[fd00::1]:443", true),
            ("10.0.0.1:80", false),
        ] {
            assert_eq!(is_listened_on(&listening, at(address)), wanted, "{address}");
        }
    }
}
