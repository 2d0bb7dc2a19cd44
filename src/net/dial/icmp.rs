//! What an ICMP message that ended a connection attempt means (RFC 792, RFC 1812, RFC 4443).

use crate::observation::failure::Failure;
use crate::observation::{Icmp, Initiator};
use crate::reason::Reason;
use std::net::IpAddr;

/// ICMP "destination unreachable", as IPv4 numbers it.
const UNREACHABLE_V4: u8 = 3;
/// The same of IPv6.
const UNREACHABLE_V6: u8 = 1;

/// The reason of an attempt to reach `to` that this message ended. `own` says that one of this
/// machine's own addresses sent it.
pub fn failure(icmp: &Icmp, to: IpAddr, own: bool) -> Failure {
    let (reason, words) = meaning(icmp);
    let failure = match () {
        // A destination that speaks for itself: its own firewall, or nothing on the port.
        () if icmp.from == to.to_canonical() => Failure::peer(reason),
        // The neighbour table of this machine says so after three questions that nobody answered.
        () if own && reason == Reason::HostUnreachable => {
            return told(Failure::unknown(reason), icmp).saying(
                "no machine answers for this address, or for the router to it, on \
                    the local network",
            );
        }
        () if own => {
            return told(Failure::local(Reason::LocalPermission), icmp)
                .saying("a firewall on this machine rejects the connection");
        }
        () => Failure { initiator: Initiator::Path, ..Failure::unknown(reason) },
    };
    told(failure, icmp).saying(words)
}

fn told(failure: Failure, icmp: &Icmp) -> Failure {
    failure
        .with("icmp", format!("{}/{}", icmp.kind, icmp.code))
        .with("icmp_from", icmp.from.to_string())
}

/// Reason and words, whoever sent it.
fn meaning(icmp: &Icmp) -> (Reason, &'static str) {
    if icmp.is_time_exceeded() {
        return (
            Reason::HostUnreachable,
            "the packet's life was over on the way: routers send it in a circle",
        );
    }
    match (icmp.from.is_ipv4(), icmp.kind, icmp.code) {
        (true, UNREACHABLE_V4, 0 | 6 | 11) | (false, UNREACHABLE_V6, 0) => {
            (Reason::NetUnreachable, "network unreachable")
        }
        (true, UNREACHABLE_V4, 1 | 5 | 7 | 8 | 12) | (false, UNREACHABLE_V6, 2 | 3) => {
            (Reason::HostUnreachable, "host unreachable")
        }
        (true, UNREACHABLE_V4, 2) => (Reason::PortUnreachable, "protocol unreachable"),
        (true, UNREACHABLE_V4, 3) | (false, UNREACHABLE_V6, 4) => {
            (Reason::PortUnreachable, "port unreachable")
        }
        (true, UNREACHABLE_V4, 9) => {
            (Reason::AdminProhibited, "network prohibited by the administrator")
        }
        (true, UNREACHABLE_V4, 10) => {
            (Reason::AdminProhibited, "host prohibited by the administrator")
        }
        (true, UNREACHABLE_V4, 13..=15) | (false, UNREACHABLE_V6, 1) => {
            (Reason::AdminProhibited, "prohibited by the administrator")
        }
        (false, UNREACHABLE_V6, 5) => {
            (Reason::AdminProhibited, "the source address is not allowed")
        }
        (false, UNREACHABLE_V6, 6) => (Reason::AdminProhibited, "the route rejects"),
        _ => (Reason::HostUnreachable, "unreachable for a reason that is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reason::{
        AdminProhibited, HostUnreachable, LocalPermission, NetUnreachable, PortUnreachable,
    };

    const ROUTER: [u8; 4] = [10, 0, 0, 1];
    const HOST: [u8; 4] = [10, 9, 9, 9];

    #[test]
    fn every_code_of_a_router_has_its_reason() {
        let v4 = |kind, code| (Icmp { kind, code, from: ROUTER.into() }, IpAddr::from(HOST));
        let v6 = |kind, code| {
            (
                Icmp { kind, code, from: "fd00::1".parse().expect("v6") },
                "fd09::9".parse().expect("v6"),
            )
        };
        for ((icmp, to), reason) in [
            (v4(3, 0), NetUnreachable),
            (v4(3, 6), NetUnreachable),
            (v4(3, 11), NetUnreachable),
            (v4(3, 1), HostUnreachable),
            (v4(3, 5), HostUnreachable),
            (v4(3, 7), HostUnreachable),
            (v4(3, 12), HostUnreachable),
            (v4(3, 2), PortUnreachable),
            (v4(3, 3), PortUnreachable),
            (v4(3, 9), AdminProhibited),
            (v4(3, 10), AdminProhibited),
            (v4(3, 13), AdminProhibited),
            (v4(11, 0), HostUnreachable),
            (v4(3, 99), HostUnreachable),
            (v4(12, 0), HostUnreachable),
            (v6(1, 0), NetUnreachable),
            (v6(1, 1), AdminProhibited),
            (v6(1, 3), HostUnreachable),
            (v6(1, 4), PortUnreachable),
            (v6(1, 5), AdminProhibited),
            (v6(1, 6), AdminProhibited),
            (v6(3, 0), HostUnreachable),
            (v6(4, 1), HostUnreachable),
        ] {
            let failure = failure(&icmp, to, false);
            assert_eq!((failure.reason, failure.initiator), (reason, Initiator::Path), "{icmp:?}");
            assert_eq!(failure.facts.flat()["icmp"], format!("{}/{}", icmp.kind, icmp.code));
        }
    }

    #[test]
    fn the_sender_tells_whose_fault_it_is() {
        let from = |address: [u8; 4], code, own| {
            let failure = failure(&Icmp { kind: 3, code, from: address.into() }, HOST.into(), own);
            (failure.reason, failure.initiator)
        };
        assert_eq!(from(HOST, 3, false), (PortUnreachable, Initiator::Peer));
        assert_eq!(from(HOST, 10, false), (AdminProhibited, Initiator::Peer));
        assert_eq!(
            from(ROUTER, 3, true),
            (LocalPermission, Initiator::Local),
            "this machine's own firewall"
        );
        assert_eq!(from(ROUTER, 13, true), (LocalPermission, Initiator::Local));
        assert_eq!(
            from(ROUTER, 1, true),
            (HostUnreachable, Initiator::Unknown),
            "nobody answers on the local network"
        );
        assert_eq!(
            from(HOST, 13, true),
            (AdminProhibited, Initiator::Peer),
            "a machine that asks itself is the other end as well"
        );
    }
}
