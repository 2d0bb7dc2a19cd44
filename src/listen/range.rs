//! Opens what is free of a whole dynamic range, and says what is not.

pub mod greeter;

use super::range::greeter::{Held, RangeGreeter};
use super::wanted::{Shared, Wanted};
use crate::matrix::model::Protocol;
use crate::matrix::port_set::PortSet;
use crate::net::half_open::{Process, holders};
use crate::net::many_listeners::Many;
use crate::net::occupied::{BindProblem, Occupied};
use crate::net::serve::bind_one_of_many;
use crate::protocol::rpc::codec::Syntax;
use crate::stand_in::StandIn;
use crate::text::sanitise;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Descriptors kept for the connections of a range, and for everything else that this process does.
const KEPT: usize = 512;

/// Ports that a system should have left for its outgoing connections: a domain controller
/// replicates while the listener stands.
const LEFT_FOR_OUTGOING: usize = 4096;

/// Whether a whole range can be opened on a system whose outgoing connections come from these
/// ports, without leaving it too few.
pub fn leaves_enough(range: &PortSet, outgoing: (u16, u16)) -> bool {
    (outgoing.0..=outgoing.1).filter(|port| !range.contains(*port)).count() >= LEFT_FOR_OUTGOING
        || range.len() <= MAX_SMALL
}

/// Longest name of a program, in characters: a process calls itself what it likes.
const MAX_HOLDER: usize = 64;

/// A range of at most so many ports takes nobody's.
const MAX_SMALL: usize = 1024;

/// A range of which every free port was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRange {
    /// The host, as the site file names it.
    pub host: String,
    /// The range.
    pub range: PortSet,
    /// Where it stands in the journal: its address, and its first port.
    pub endpoint: SocketAddr,
    /// The addresses on which its ports were opened.
    pub addresses: Vec<IpAddr>,
    /// How many ports were opened for it; those of the interfaces are counted elsewhere.
    pub opened: usize,
    /// Ports that somebody else has.
    pub taken: Vec<u16>,
    /// Who, as far as that can be known, as `dns.exe, pid 812`.
    pub holders: BTreeMap<u16, String>,
    /// Ports that could not be opened for another reason: which, and why.
    pub failed: Vec<(u16, String)>,
    /// What it speaks.
    pub protocol: Protocol,
}

impl OpenRange {
    /// The ports that were opened for it.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        let failed: BTreeSet<u16> =
            self.failed.iter().map(|(port, _)| *port).chain(self.taken.iter().copied()).collect();
        self.range.iter().filter(move |port| !failed.contains(port))
    }

    /// The same with their addresses.
    pub fn sockets(&self) -> impl Iterator<Item = SocketAddr> {
        self.numbers().flat_map(|port| {
            self.addresses.iter().map(move |address| SocketAddr::new(*address, port))
        })
    }
}

/// Opens every free port of the range but `own`, and greets on them.
pub(super) fn open(
    want: &Wanted,
    range: &PortSet,
    own: &BTreeSet<u16>,
    here: StandIn,
    shared: &Shared,
    (tracker, occupied): (&TaskTracker, &Occupied),
) -> OpenRange {
    let addresses = addresses(want);
    let mut opened = OpenRange {
        host: want.host.clone(),
        range: range.clone(),
        endpoint: SocketAddr::new(addresses[0].0, range.first()),
        addresses: addresses.iter().map(|(address, _)| *address).collect(),
        opened: 0,
        taken: Vec::new(),
        holders: BTreeMap::new(),
        failed: Vec::new(),
        protocol: want.protocol,
    };
    let mut left = shared.descriptors.map_or(usize::MAX, |d| d.saturating_sub(KEPT));
    let mut listeners = Vec::new();
    let problem = |port, error: &std::io::Error| {
        occupied.problem(SocketAddr::new(addresses[0].0, port), error)
    };
    for port in range.iter().filter(|port| !own.contains(port)) {
        if left < addresses.len() {
            opened.failed.push((
                port,
                "this process may open no more descriptors: raise `ulimit -n`, or narrow the range"
                    .to_owned(),
            ));
            continue;
        }
        let mut of_port = Vec::with_capacity(addresses.len());
        let bound = addresses.iter().try_for_each(|(address, only_v6)| {
            bind_one_of_many(SocketAddr::new(*address, port), *only_v6, occupied)
                .map(|listener| of_port.push((listener, port)))
        });
        match bound {
            Ok(()) => {
                left -= of_port.len();
                opened.opened += 1;
                listeners.append(&mut of_port);
            }
            Err(error) if problem(port, &error) == BindProblem::Taken => opened.taken.push(port),
            Err(error) => opened.failed.push((port, error.to_string())),
        }
    }
    opened.holders = named_holders(&opened.taken);
    shared.receipts.add_holders(&opened.holders);
    let failed: Vec<u16> = opened.failed.iter().map(|(port, _)| *port).collect();
    shared.receipts.add_taken(&[opened.taken.as_slice(), &failed].concat());
    if !listeners.is_empty() {
        greet(listeners, here, shared, tracker, &mut opened, left);
    }
    opened
}

/// Who has these ports, as text, as far as this process may know.
pub(super) fn named_holders(taken: &[u16]) -> BTreeMap<u16, String> {
    // Otherwise all sockets and processes of this machine would be read.
    if taken.is_empty() {
        return BTreeMap::new();
    }
    let named =
        |(port, process): (u16, Process)| (port, sanitise(&process.to_string(), MAX_HOLDER));
    holders(taken).into_iter().map(named).collect()
}

fn greet(
    listeners: Vec<(mio::net::TcpListener, u16)>,
    here: StandIn,
    shared: &Shared,
    tracker: &TaskTracker,
    opened: &mut OpenRange,
    left: usize,
) {
    let (many, stop) = match Many::new(listeners) {
        Ok(both) => both,
        Err(error) => {
            opened.failed = opened.range.iter().map(|port| (port, error.to_string())).collect();
            opened.opened = 0;
            return;
        }
    };
    let interfaces = here.interfaces.iter().map(|(interface, _)| Syntax::of(interface));
    let mut greeter = RangeGreeter {
        interfaces: interfaces.collect(),
        here: Arc::new(here),
        gate: shared.gate.clone(),
        journal: shared.journal.clone(),
        runtime: tokio::runtime::Handle::current(),
        tracker: tracker.clone(),
        stop: shared.stop.clone(),
        endpoint: opened.endpoint,
        held: Held::within(left.saturating_add(KEPT / 2)),
    };
    let token = shared.stop.clone();
    tracker.spawn(async move {
        token.cancelled().await;
        drop(stop);
    });
    tracker.spawn_blocking(move || many.run(&mut greeter));
}

/// Where to open each port, and whether IPv6 alone. On "all addresses" one socket takes both
/// families, where there is IPv6.
fn addresses(want: &Wanted) -> Vec<(IpAddr, bool)> {
    if !want.addresses.is_empty() {
        return want.addresses.iter().map(|a| (*a, true)).collect();
    }
    let both = bind_one_of_many(
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        false,
        &Occupied::default(),
    )
    .is_ok();
    vec![if both {
        (Ipv6Addr::UNSPECIFIED.into(), false)
    } else {
        (Ipv4Addr::UNSPECIFIED.into(), true)
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_keeps_ports_for_itself() {
        let range = PortSet::run;
        assert!(leaves_enough(&range(49152, 65535), (32768, 60999)), "Linux");
        assert!(!leaves_enough(&range(49152, 65535), (49152, 65535)), "Windows");
        assert!(leaves_enough(&range(50000, 50019), (49152, 65535)));
        assert!(leaves_enough(&range(1025, 5000), (49152, 65535)));
        assert!(!leaves_enough(&range(49152, 61500), (49152, 65535)));
    }
}
