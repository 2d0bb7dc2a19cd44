//! Linux and the other Unixes (errno(3), tcp(7), ip(7)).

use super::meaning::{Meaning, Phase};
use crate::reason::Reason;
use libc as c;

/// What a number means.
pub(super) fn meaning(code: i32, phase: Phase) -> Meaning {
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
        c::EMFILE | c::ENFILE | c::ENOBUFS | c::ENOMEM | c::EAGAIN => Some(Reason::LocalResources),
        // A policy: a firewall's, a sandbox's, a control group's.
        c::EPERM => Some(Reason::LocalPermission),
        c::EADDRINUSE | c::EADDRNOTAVAIL => Some(Reason::LocalAddressInUse),
        // The interface is down.
        c::ENETDOWN => Some(Reason::LocalNoRoute),
        _ => None,
    }
}

/// Nothing was sent.
fn begin(code: i32) -> Meaning {
    match code {
        // No route, or one that refuses; IPv6 that is switched off, or an address that needs a
        // zone.
        c::ENETUNREACH
        | c::EHOSTUNREACH
        | c::EHOSTDOWN
        | c::EINVAL
        | c::EAFNOSUPPORT
        | c::EPROTONOSUPPORT => Meaning::local(Reason::LocalNoRoute),
        code if code == NO_NETWORK => Meaning::local(Reason::LocalNoRoute),
        c::EACCES => Meaning::local(Reason::LocalPermission),
        // Linux answers a connection under way later; the others may answer one to themselves at
        // once.
        c::ECONNREFUSED if cfg!(not(any(target_os = "linux", target_os = "android"))) => {
            Meaning::REFUSED
        }
        _ => Meaning::NOT_UNDERSTOOD,
    }
}

/// The first packet is out, and the error came without an ICMP message that would say more.
fn sent(code: i32) -> Meaning {
    match code {
        c::ECONNREFUSED => Meaning::REFUSED,
        c::ECONNRESET | c::EPIPE => Meaning::unknown(Reason::Rejected),
        c::ETIMEDOUT => Meaning::unknown(Reason::TimedOut),
        // A router said so; whether this machine has lost its own route meanwhile, the caller asks.
        c::ENETUNREACH => Meaning::unknown(Reason::NetUnreachable),
        _ => unreachable(code).unwrap_or(Meaning::NOT_UNDERSTOOD),
    }
}

/// The connection was open.
fn open(code: i32) -> Meaning {
    match code {
        // EPIPE and ENOTCONN: it is gone, and its end was told before.
        c::ECONNRESET | c::EPIPE | c::ENOTCONN => Meaning::unknown(Reason::ResetAfterConnect),
        // What was sent was not acknowledged, nor were the kernel's own questions whether anybody
        // is there.
        c::ETIMEDOUT | c::ENETRESET => Meaning::unknown(Reason::SilentAfterConnect),
        // Messages of routers about packets of an open connection: the kernel keeps them until it
        // gives up.
        c::ENETUNREACH => Meaning::path(Reason::NetUnreachable),
        c::ECONNREFUSED => Meaning::path(Reason::PortUnreachable),
        _ => unreachable(code).unwrap_or(Meaning::NOT_UNDERSTOOD),
    }
}

/// What the kernel makes of an ICMP message (Linux: `icmp_err_convert`, `tab_unreach`) that cannot
/// come from elsewhere once packets are out. ECONNABORTED is none: on Linux somebody on this
/// machine destroyed the socket (`ss --kill`).
fn unreachable(code: i32) -> Option<Meaning> {
    match code {
        c::EHOSTUNREACH | c::EHOSTDOWN => Some(Meaning::path(Reason::HostUnreachable)),
        code if code == NO_NETWORK => Some(Meaning::path(Reason::HostUnreachable)),
        c::ENOPROTOOPT => Some(Meaning::path(Reason::PortUnreachable)),
        c::EACCES => Some(Meaning::path(Reason::AdminProhibited)),
        _ => None,
    }
}

/// "Machine is not on the network": Linux alone has it, for an ICMP message that a host is
/// isolated.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_NETWORK: i32 = c::ENONET;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_NETWORK: i32 = i32::MIN;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::meaning::check;
    use super::*;

    /// Every number of Linux, and one beyond.
    const ALL: std::ops::RangeInclusive<i32> = 1..=134;

    #[test]
    fn no_local_fault_is_the_ways_and_no_fault_of_the_way_is_local() {
        let sent = [
            c::ECONNREFUSED,
            c::ECONNRESET,
            c::EPIPE,
            c::ETIMEDOUT,
            c::ENETUNREACH,
            c::EHOSTUNREACH,
            c::EHOSTDOWN,
            c::ENONET,
            c::ENOPROTOOPT,
            c::EACCES,
        ];
        let open = [&sent[..], &[c::ENOTCONN, c::ENETRESET]].concat();
        for code in ALL {
            check(code, Phase::Begin, meaning(code, Phase::Begin), false);
            check(code, Phase::Sent, meaning(code, Phase::Sent), sent.contains(&code));
            check(code, Phase::Open, meaning(code, Phase::Open), open.contains(&code));
        }
    }

    #[test]
    fn nothing_is_guessed() {
        let known = ALL.filter(|code| {
            [Phase::Begin, Phase::Sent, Phase::Open]
                .iter()
                .any(|p| meaning(*code, *p).reason != Reason::OsError)
        });
        assert_eq!(known.count(), 24);
        for code in [
            c::EIO,
            c::EBADF,
            c::ECONNABORTED,
            c::EPROTO,
            c::EMSGSIZE,
            c::EFAULT,
            c::ESHUTDOWN,
            c::EINTR,
            c::ENOSYS,
            134,
        ] {
            for phase in [Phase::Sent, Phase::Open] {
                assert_eq!(meaning(code, phase), Meaning::NOT_UNDERSTOOD, "{code} {phase:?}");
            }
        }
    }

    #[test]
    fn the_phase_tells_the_same_number_apart() {
        let reason = |code, phase| meaning(code, phase).reason;
        assert_eq!(reason(c::EHOSTUNREACH, Phase::Begin), Reason::LocalNoRoute);
        assert_eq!(reason(c::EHOSTUNREACH, Phase::Sent), Reason::HostUnreachable);
        assert_eq!(reason(c::EHOSTUNREACH, Phase::Open), Reason::HostUnreachable, "not closed");
        assert_eq!(reason(c::ENETUNREACH, Phase::Open), Reason::NetUnreachable);
        assert_eq!(reason(c::ETIMEDOUT, Phase::Sent), Reason::TimedOut);
        assert_eq!(reason(c::ETIMEDOUT, Phase::Open), Reason::SilentAfterConnect);
        assert_eq!(reason(c::EACCES, Phase::Begin), Reason::LocalPermission);
        assert_eq!(reason(c::ENETDOWN, Phase::Open), Reason::LocalNoRoute);
        assert_eq!(reason(c::ENOBUFS, Phase::Open), Reason::LocalResources);
    }

    #[test]
    fn what_is_not_understood_has_its_number_and_words() {
        let failure =
            super::super::failure(&std::io::Error::from_raw_os_error(c::EIO), Phase::Open);
        assert_eq!((failure.reason, &failure.facts.flat()["code"]), (Reason::OsError, &5.into()));
        assert!(
            failure.facts.ended.error.as_ref().is_some_and(|words| words.contains("Input/output")),
            "{failure:?}"
        );
    }
}
