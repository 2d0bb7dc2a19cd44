//! The host's own firewall, as far as a listener is concerned: says what of its ports is kept out
//! and how to mend that, or lets them in for as long as it runs.

use super::outcome::Problem;
use super::terminal::{print, say};
use crate::listen::open::Port;
use crate::listen::range::OpenRange;
use crate::net::half_open;
use crate::net::host_firewall::{self, HostFirewall, Why};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// Removes the rule that was made when it is dropped.
pub(super) struct Let {
    pid: u32,
}

impl Drop for Let {
    fn drop(&mut self) {
        if !netsh(&host_firewall::netsh_delete(self.pid)) {
            say(format!(
                "the rule \"{}\" of this host's own firewall could not be removed: the next listener \
                    that an administrator starts here removes it",
                host_firewall::rule_name(self.pid)
            ));
        }
    }
}

/// Looks at the firewall for what was opened, and where `open` says so lets it in.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn look(
    ports: &[Port],
    ranges: &[OpenRange],
    open: bool,
) -> Result<Option<Let>, Problem> {
    let Some(firewall) = host_firewall::read() else {
        if open {
            say("--open-firewall: this host has no Windows firewall, and nothing was changed");
        }
        return Ok(None);
    };
    remove_left_over(&firewall);
    let Some(program) = program() else { return Ok(None) };
    let wanted = numbers(ports, ranges);
    let shut = firewall.shut(&program, &wanted);
    if shut.is_empty() {
        return Ok(None);
    }
    let may_help = shut.iter().any(|s| matches!(s.why, Why::NoRule | Why::SomeAddresses));
    if open && may_help {
        return let_in(&program, &wanted);
    }
    let mut text = String::new();
    for one in &shut {
        text.push_str(&format!("Kept out: {}.\n", one.words()));
    }
    if may_help {
        text.push_str(&format!(
            "What is kept out never comes to portmatrix. An administrator lets it in with\n  {}\nand \
             afterwards\n  {}\nor starts the listener with --open-firewall, which does both.\n",
            host_firewall::cmdlet(&program, &wanted),
            host_firewall::removing_cmdlet()
        ));
    }
    print(&text)?;
    Ok(None)
}

fn let_in(program: &str, wanted: &[u16]) -> Result<Option<Let>, Problem> {
    let pid = std::process::id();
    let arguments = host_firewall::netsh_add(pid, program, wanted);
    print(&format!(
        "Firewall: the rule \"{}\" lets these ports in for as long as the listener runs (netsh {}).\n",
        host_firewall::rule_name(pid),
        shown(&arguments)
    ))?;
    if !netsh(&arguments) {
        say("the rule could not be made: --open-firewall needs an administrator's prompt");
        return Ok(None);
    }
    let made = Let { pid };
    let left = host_firewall::read().map(|now| now.shut(program, wanted)).unwrap_or_default();
    for one in left {
        print(&format!("Still kept out: {}.\n", one.words()))?;
    }
    Ok(Some(made))
}

/// Rules of listeners that came to no end of their own.
fn remove_left_over(firewall: &HostFirewall) {
    let makers: BTreeSet<u32> = host_firewall::makers(&firewall.rules).into_iter().collect();
    let running = half_open::running(&makers);
    for pid in makers.into_iter().filter(|pid| !running.contains(pid)) {
        let name = host_firewall::rule_name(pid);
        if netsh(&host_firewall::netsh_delete(pid)) {
            say(format!("removed the firewall rule \"{name}\" of a listener that was killed"));
        } else {
            say(format!(
                "the firewall rule \"{name}\" is left over from a listener that was killed; an \
                    administrator removes it with `netsh advfirewall firewall delete rule \
                    name=\"{name}\"`"
            ));
        }
    }
}

fn numbers(ports: &[Port], ranges: &[OpenRange]) -> Vec<u16> {
    let open = ports.iter().filter(|port| port.problem.is_none());
    let all = open.map(|port| port.address.port()).filter(|port| *port != 0);
    let sorted: BTreeSet<u16> = all.chain(ranges.iter().flat_map(OpenRange::numbers)).collect();
    sorted.into_iter().collect()
}

fn program() -> Option<String> {
    std::env::current_exe().ok()?.to_str().map(str::to_owned)
}

fn shown(arguments: &[String]) -> String {
    let quoted = |word: &String| match word.split_once('=') {
        Some((name, value)) if value.contains(' ') => format!("{name}=\"{value}\""),
        _ => word.clone(),
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Runs Windows' own, and no other that is called so.
fn netsh(arguments: &[String]) -> bool {
    let root = std::env::var("SystemRoot").unwrap_or_else(|_| r"C:\Windows".to_owned());
    let done = Command::new(format!(r"{root}\System32\netsh.exe"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}
