//! What a name stands for, or why it stands for nothing.

use crate::reason::Reason;
use std::net::IpAddr;

/// What a name stands for on this system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its addresses, in the order that the system prefers.
    pub addresses: Vec<IpAddr>,
    /// The name at the end of its chain of aliases, or the complete name of an abbreviated one.
    pub canonical: Option<String>,
}

/// Why it stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// What the code means.
    pub fault: NameFault,
    /// The system's number.
    pub code: i32,
    /// The system's words.
    pub words: String,
}

/// What a resolver's code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// There is no such name; some systems say so also where it has no address.
    NotFound,
    /// The name has no address.
    NoAddress,
    /// No answer in time, or a server that failed.
    TryAgain,
    /// A server failed for good.
    Failed,
    /// This machine could not ask.
    Local(Reason),
}

/// What a code of Winsock's resolver means. Numbers, so that it is tested on every system.
pub fn winsock_fault(code: i32) -> NameFault {
    match code {
        // WSAHOST_NOT_FOUND; WSA_INVALID_PARAMETER and WSAEINVAL are of names that cannot be any.
        11001 | 87 | 10022 => NameFault::NotFound,
        // WSATRY_AGAIN, WSAETIMEDOUT, ERROR_TIMEOUT.
        11002 | 10060 | 1460 => NameFault::TryAgain,
        // WSANO_RECOVERY.
        11003 => NameFault::Failed,
        // WSANO_DATA.
        11004 => NameFault::NoAddress,
        // WSA_NOT_ENOUGH_MEMORY, WSAEMFILE, WSAENOBUFS.
        8 | 10024 | 10055 => NameFault::Local(Reason::LocalResources),
        _ => NameFault::Local(Reason::OsError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_winsock_has_its_meaning() {
        for (code, fault) in [
            (11001, NameFault::NotFound),
            (11002, NameFault::TryAgain),
            (11003, NameFault::Failed),
            (11004, NameFault::NoAddress),
            (10055, NameFault::Local(Reason::LocalResources)),
            // WSANOTINITIALISED, WSASYSNOTREADY: nothing was asked.
            (10093, NameFault::Local(Reason::OsError)),
            (10091, NameFault::Local(Reason::OsError)),
        ] {
            assert_eq!(winsock_fault(code), fault, "{code}");
        }
    }
}
