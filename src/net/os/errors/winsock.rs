//! Windows ("Windows Sockets Error Codes" of the Windows documentation). Numbers, so that the table
//! is tested on every system.

use super::meaning::{Meaning, Phase};
use crate::reason::Reason;

/// What a number means.
pub fn meaning(code: i32, phase: Phase) -> Meaning {
    if let Some(reason) = of_this_machine(code) {
        return Meaning::local(reason);
    }
    match phase {
        Phase::Begin => begin(code),
        Phase::Sent => sent(code),
        Phase::Open => open(code),
    }
}

/// What only this machine can have said, whatever the connection was doing.
fn of_this_machine(code: i32) -> Option<Reason> {
    match code {
        // WSA_NOT_ENOUGH_MEMORY, WSAEMFILE, WSAENOBUFS, WSAEPROCLIM.
        8 | 10024 | 10055 | 10067 => Some(Reason::LocalResources),
        // WSAEACCES: the machine's own firewall, or a filter of another program in it.
        10013 => Some(Reason::LocalPermission),
        // WSAEADDRINUSE, WSAEADDRNOTAVAIL.
        10048 | 10049 => Some(Reason::LocalAddressInUse),
        // WSAENETDOWN: the interface or the network stack is down.
        10050 => Some(Reason::LocalNoRoute),
        _ => None,
    }
}

/// Nothing was sent.
fn begin(code: i32) -> Meaning {
    match code {
        // WSAENETUNREACH, WSAEHOSTDOWN, WSAEHOSTUNREACH; WSAEPROTONOSUPPORT, WSAEPFNOSUPPORT,
        // WSAEAFNOSUPPORT: a family that is switched off.
        10051 | 10064 | 10065 | 10043 | 10046 | 10047 => Meaning::local(Reason::LocalNoRoute),
        // WSAECONNREFUSED, of this machine to itself.
        10061 => Meaning::REFUSED,
        _ => Meaning::NOT_UNDERSTOOD,
    }
}

/// The first packet is out, and the error came without an ICMP message that would say more.
fn sent(code: i32) -> Meaning {
    match code {
        // WSAECONNREFUSED, ERROR_CONNECTION_REFUSED.
        10061 | 1225 => Meaning::REFUSED,
        // WSAECONNRESET, ERROR_NETNAME_DELETED.
        10054 | 64 => Meaning::unknown(Reason::Rejected),
        // WSAETIMEDOUT, ERROR_SEM_TIMEOUT.
        10060 | 121 => Meaning::unknown(Reason::TimedOut),
        // WSAENETUNREACH, ERROR_NETWORK_UNREACHABLE; whether this machine has no route at all, the
        // caller asks.
        10051 | 1231 => Meaning::unknown(Reason::NetUnreachable),
        _ => unreachable(code).unwrap_or(Meaning::NOT_UNDERSTOOD),
    }
}

/// The connection was open.
fn open(code: i32) -> Meaning {
    match code {
        // WSAECONNRESET, ERROR_NETNAME_DELETED. WSAECONNABORTED and ERROR_CONNECTION_ABORTED are
        // what further calls say after a reset, and what is said when nothing was acknowledged;
        // WSAENOTCONN: it is gone, and its end was told before.
        10054 | 64 | 10053 | 1236 | 10057 => Meaning::unknown(Reason::ResetAfterConnect),
        // WSAETIMEDOUT, ERROR_SEM_TIMEOUT; WSAENETRESET: nobody answered the system's own questions
        // whether anybody is there.
        10060 | 121 | 10052 => Meaning::unknown(Reason::SilentAfterConnect),
        // WSAEDISCON: an orderly close.
        10101 => Meaning::unknown(Reason::ClosedAfterConnect),
        // WSAENETUNREACH, ERROR_NETWORK_UNREACHABLE.
        10051 | 1231 => Meaning::path(Reason::NetUnreachable),
        _ => unreachable(code).unwrap_or(Meaning::NOT_UNDERSTOOD),
    }
}

/// What comes of an ICMP message.
fn unreachable(code: i32) -> Option<Meaning> {
    match code {
        // WSAEHOSTDOWN, WSAEHOSTUNREACH, ERROR_HOST_UNREACHABLE.
        10064 | 10065 | 1232 => Some(Meaning::path(Reason::HostUnreachable)),
        // ERROR_PROTOCOL_UNREACHABLE, ERROR_PORT_UNREACHABLE.
        1233 | 1234 => Some(Meaning::path(Reason::PortUnreachable)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning::check;
    use super::*;

    #[test]
    fn no_local_fault_is_the_ways_and_no_fault_of_the_way_is_local() {
        let begin = [10061];
        let sent = [10051, 10054, 10060, 10061, 10064, 10065];
        let open = [10051, 10052, 10053, 10054, 10057, 10060, 10064, 10065, 10101];
        for code in 10_000..=11_031 {
            check(code, Phase::Begin, meaning(code, Phase::Begin), begin.contains(&code));
            check(code, Phase::Sent, meaning(code, Phase::Sent), sent.contains(&code));
            check(code, Phase::Open, meaning(code, Phase::Open), open.contains(&code));
        }
    }

    #[test]
    fn numbers_of_the_system_below_winsock_keep_to_it_as_well() {
        for code in 0..10_000 {
            let sent = [64, 121, 1225, 1231, 1232, 1233, 1234].contains(&code);
            let open = [64, 121, 1231, 1232, 1233, 1234, 1236].contains(&code);
            check(code, Phase::Begin, meaning(code, Phase::Begin), false);
            check(code, Phase::Sent, meaning(code, Phase::Sent), sent);
            check(code, Phase::Open, meaning(code, Phase::Open), open);
        }
    }

    #[test]
    fn the_stack_that_is_not_there_is_nobodys_fault() {
        // WSASYSNOTREADY, WSAEPROVIDERFAILEDINIT, WSAEINVAL, WSAESHUTDOWN, WSAEBADF, WSAENOTSOCK,
        // WSAEMSGSIZE.
        for code in [10091, 10106, 10022, 10058, 10009, 10038, 10040] {
            for phase in [Phase::Begin, Phase::Sent, Phase::Open] {
                assert_eq!(meaning(code, phase), Meaning::NOT_UNDERSTOOD, "{code} {phase:?}");
            }
        }
    }
}
