//! Whether this host's own firewall lets in what comes to a listener. It drops before any program
//! is told, so that to the listener it looks as if nothing came. Windows has such a firewall by
//! default, and lets everybody read its rules.

mod judge;
mod rule;
#[cfg(windows)]
mod windows;

pub use judge::{HostFirewall, Profile, Shut, Why};
pub use rule::{Action, Network, Rule};

use crate::wire::ports;

/// This host's, where it has one that can be read.
pub fn read() -> Option<HostFirewall> {
    #[cfg(windows)]
    return windows::read();
    #[cfg(not(windows))]
    None
}

/// The name of a rule that a listener of this process makes; `prefix` alone is what all have.
pub fn rule_name(pid: u32) -> String {
    format!("{PREFIX}{pid}")
}

/// How the names of such rules begin.
pub const PREFIX: &str = "portmatrix listen ";

/// The processes whose rules are still there.
pub fn makers(rules: &[Rule]) -> Vec<u32> {
    rules.iter().filter_map(|rule| rule.name.strip_prefix(PREFIX)?.parse().ok()).collect()
}

/// The command of PowerShell that makes a rule for these ports.
pub fn cmdlet(program: &str, wanted: &[u16]) -> String {
    format!(
        "New-NetFirewallRule -DisplayName '{}' -Direction Inbound -Action Allow -Protocol TCP \
         -LocalPort {} -Program '{}'",
        PREFIX.trim_end(),
        ports::text(wanted.iter().copied()),
        program.replace('\'', "''")
    )
}

/// The one that removes it.
pub fn removing_cmdlet() -> String {
    format!("Remove-NetFirewallRule -DisplayName '{}'", PREFIX.trim_end())
}

/// Arguments of `netsh` that make the rule of a process.
pub fn netsh_add(pid: u32, program: &str, wanted: &[u16]) -> Vec<String> {
    let ports = ports::text(wanted.iter().copied());
    let mut arguments: Vec<String> =
        ["advfirewall", "firewall", "add", "rule"].map(str::to_owned).to_vec();
    arguments.extend([
        format!("name={}", rule_name(pid)),
        "dir=in".to_owned(),
        "action=allow".to_owned(),
        "protocol=TCP".to_owned(),
        format!("localport={ports}"),
        format!("program={program}"),
        "profile=any".to_owned(),
    ]);
    arguments
}

/// Arguments that remove it.
pub fn netsh_delete(pid: u32) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["advfirewall", "firewall", "delete", "rule"].map(str::to_owned).to_vec();
    arguments.push(format!("name={}", rule_name(pid)));
    arguments
}

#[cfg(test)]
mod tests;
