//! Ports that somebody has already. Linux refuses to bind these by itself. Windows does not always:
//! a program that listens on all addresses, and did not ask to be alone, leaves each of them to
//! another program of the same account, which then gets what was meant for the first; and to one of
//! another account it says "forbidden", as of a port that nobody may have.

use super::half_open::{self, is_listened_on};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

/// Why a port could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindProblem {
    /// Somebody listens there already: most likely the real service.
    Taken,
    /// This user may not.
    Forbidden,
    /// This host does not have the address.
    NoSuchAddress,
    /// Anything else.
    Other,
}

impl BindProblem {
    /// From the error of `bind` or `listen` alone; see [`Occupied::problem`].
    pub fn from_error(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => BindProblem::Taken,
            io::ErrorKind::PermissionDenied => BindProblem::Forbidden,
            io::ErrorKind::AddrNotAvailable => BindProblem::NoSuchAddress,
            _ => BindProblem::Other,
        }
    }
}

/// Where somebody listens.
#[derive(Debug, Clone, Default)]
pub struct Occupied(BTreeSet<SocketAddr>);

impl Occupied {
    /// As it stands now. Empty where the system refuses by itself.
    pub fn now() -> Self {
        if !cfg!(windows) {
            return Occupied::default();
        }
        let table = half_open::table(true).map_err(|error| {
            tracing::warn!(%error, "nobody knows which ports others have: the system does not say");
        });
        Occupied(table.ok().and_then(|table| table.listening).unwrap_or_default())
    }

    /// Whether what comes to an address is somebody's: he listens on it, or on all.
    pub fn has(&self, address: SocketAddr) -> bool {
        is_listened_on(&self.0, address)
    }

    /// What the error of a bind means here: who may not have a port that somebody else has is told
    /// the same as one who may not have it at all.
    pub fn problem(&self, address: SocketAddr, error: &io::Error) -> BindProblem {
        let somebody = || self.0.iter().any(|held| held.port() == address.port());
        match BindProblem::from_error(error) {
            BindProblem::Forbidden if somebody() => BindProblem::Taken,
            problem => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_somebody_has_is_known_before_it_is_bound() {
        for (held, wanted, taken) in [
            ("0.0.0.0:389", "10.0.0.1:389", true),
            ("0.0.0.0:389", "0.0.0.0:389", true),
            ("[::]:389", "10.0.0.1:389", true),
            ("[::]:389", "0.0.0.0:389", true),
            ("[::]:389", "[fd00::1]:389", true),
            ("10.0.0.1:389", "10.0.0.1:389", true),
            ("0.0.0.0:389", "[fd00::1]:389", false),
            ("10.0.0.2:389", "10.0.0.1:389", false),
            ("0.0.0.0:390", "10.0.0.1:389", false),
            // Each keeps its own: what comes to 10.0.0.1 goes on going there.
            ("10.0.0.1:389", "0.0.0.0:389", false),
        ] {
            let occupied = Occupied([at(held)].into());
            assert_eq!(occupied.has(at(wanted)), taken, "{held}, and {wanted} is wanted");
        }
        assert!(!Occupied::default().has(at("10.0.0.1:389")));
    }

    #[test]
    fn forbidden_is_taken_where_somebody_has_the_port() {
        let forbidden = io::Error::from(io::ErrorKind::PermissionDenied);
        let in_use = io::Error::from(io::ErrorKind::AddrInUse);
        let (nobody, somebody) = (Occupied::default(), Occupied([at("10.0.0.1:443")].into()));
        for (occupied, error, wanted) in [
            (&nobody, &forbidden, BindProblem::Forbidden),
            (&somebody, &forbidden, BindProblem::Taken),
            (&nobody, &in_use, BindProblem::Taken),
            (&somebody, &in_use, BindProblem::Taken),
        ] {
            assert_eq!(occupied.problem(at("0.0.0.0:443"), error), wanted, "{error}");
        }
        assert_eq!(somebody.problem(at("0.0.0.0:80"), &forbidden), BindProblem::Forbidden);
    }
}
