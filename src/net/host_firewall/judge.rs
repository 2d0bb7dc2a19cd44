//! What a firewall of these rules keeps out.

use super::rule::{Action, Network, Rule};
use crate::wire::ports;
use std::collections::BTreeMap;

/// How the firewall treats one kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Which.
    pub network: Network,
    /// Whether it is on.
    pub is_on: bool,
    /// Whether what no rule is about comes in.
    pub allows_by_default: bool,
    /// Whether it keeps out everything, whatever rules say.
    pub shields_up: bool,
    /// Whether rules of this machine count beside those of a group policy.
    pub heeds_local_rules: bool,
}

/// The firewall of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFirewall {
    /// One for each kind of network.
    pub profiles: Vec<Profile>,
    /// Inbound rules.
    pub rules: Vec<Rule>,
}

/// Ports that it keeps out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// Which.
    pub ports: Vec<u16>,
    /// In which networks.
    pub networks: Vec<Network>,
    /// Why.
    pub why: Why,
}

/// Why a port is kept out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No rule lets it in.
    NoRule,
    /// Only rules for certain addresses let it in.
    SomeAddresses,
    /// A rule of this name keeps it out.
    Blocked(String),
    /// Everything is kept out.
    ShieldsUp,
    /// A rule of this machine lets it in, and a group policy says that such do not count.
    PolicyAlone,
}

impl HostFirewall {
    /// What of these ports of a program is kept out, alike ones together.
    pub fn shut(&self, program: &str, wanted: &[u16]) -> Vec<Shut> {
        let mut found: BTreeMap<(Vec<Network>, Why), Vec<u16>> = BTreeMap::new();
        for port in wanted {
            let mut of_port: BTreeMap<Why, Vec<Network>> = BTreeMap::new();
            for profile in &self.profiles {
                if let Some(why) = self.why_shut(profile, program, *port) {
                    of_port.entry(why).or_default().push(profile.network);
                }
            }
            for (why, networks) in of_port {
                found.entry((networks, why)).or_default().push(*port);
            }
        }
        let shut = |((networks, why), ports)| Shut { ports, networks, why };
        found.into_iter().map(shut).collect()
    }

    fn why_shut(&self, profile: &Profile, program: &str, port: u16) -> Option<Why> {
        if !profile.is_on {
            return None;
        }
        if profile.shields_up {
            return Some(Why::ShieldsUp);
        }
        let fitting = || self.rules.iter().filter(|r| r.fits(program, port, profile.network));
        let counts = |rule: &&Rule| rule.by_policy || profile.heeds_local_rules;
        let of = |action| fitting().filter(move |rule| rule.action == action);
        if let Some(block) = of(Action::Block).filter(counts).find(|rule| !rule.is_partial) {
            return Some(Why::Blocked(block.name.clone()));
        }
        if profile.allows_by_default || of(Action::Allow).filter(counts).any(|r| !r.is_partial) {
            return None;
        }
        Some(if of(Action::Allow).any(|rule| counts(&rule)) {
            Why::SomeAddresses
        } else if of(Action::Allow).any(|rule| !rule.is_partial) {
            Why::PolicyAlone
        } else {
            Why::NoRule
        })
    }
}

impl Shut {
    /// As one sentence.
    pub fn words(&self) -> String {
        let ports = ports::text(self.ports.iter().copied());
        let networks: Vec<&str> = self.networks.iter().map(|network| network.name()).collect();
        let networks = networks.join(", ");
        match &self.why {
            Why::NoRule => format!(
                "this host's own firewall has no inbound rule for TCP {ports} (profile {networks})"
            ),
            Why::SomeAddresses => format!(
                "this host's own firewall lets TCP {ports} in only from some addresses, or on \
                    some other condition (profile {networks})"
            ),
            Why::Blocked(name) => format!(
                "the rule \"{name}\" of this host's own firewall blocks TCP {ports} (profile \
                    {networks})"
            ),
            Why::ShieldsUp => format!(
                "this host's own firewall keeps out everything, whatever rules say (profile \
                    {networks})"
            ),
            Why::PolicyAlone => format!(
                "a group policy has this host's own firewall heed no local rules (profile \
                    {networks}): TCP {ports} needs a rule of a policy"
            ),
        }
    }
}
