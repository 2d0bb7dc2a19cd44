//! This machine's own names and addresses.

use std::net::IpAddr;

/// What this machine is called and where it can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThisHost {
    /// Host name, lower case.
    pub name: String,
    /// Addresses of its interfaces.
    pub addresses: Vec<IpAddr>,
}

/// Asks the operating system.
pub fn this_host() -> ThisHost {
    let name = hostname::get().map(|n| n.to_string_lossy().trim_end_matches('.').to_lowercase()).unwrap_or_default();
    let addresses = if_addrs::get_if_addrs().map(|all| all.iter().map(if_addrs::Interface::ip).collect()).unwrap_or_default();
    ThisHost { name, addresses }
}
