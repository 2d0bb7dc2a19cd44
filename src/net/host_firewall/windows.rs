//! The registry of Windows Defender Firewall. It may be read by everybody; what changes it is
//! `netsh`, for which an administrator is needed.

use super::judge::{HostFirewall, Profile};
use super::rule::{Network, Rule};
use windows_registry::{Key, LOCAL_MACHINE};

const LOCAL: &str = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\WindowsFirewall";
/// Rules that are read: servers have hundreds.
const MOST_RULES: usize = 20_000;

/// `None` where there is no such firewall (Wine), or nobody may read it.
pub fn read() -> Option<HostFirewall> {
    let local = LOCAL_MACHINE.open(LOCAL).ok()?;
    let policy = LOCAL_MACHINE.open(POLICY).ok();
    let mut rules = rules(&local, false);
    rules.extend(policy.as_ref().map(|key| self::rules(key, true)).unwrap_or_default());
    Some(HostFirewall {
        profiles: Network::ALL.iter().map(|n| profile(*n, &local, policy.as_ref())).collect(),
        rules,
    })
}

fn rules(key: &Key, by_policy: bool) -> Vec<Rule> {
    let Ok(all) = key.open("FirewallRules") else { return Vec::new() };
    let Ok(values) = all.values() else { return Vec::new() };
    values
        .take(MOST_RULES)
        .filter_map(|(_, value)| String::try_from(value).ok())
        .filter_map(|text| Rule::read(&expanded(&text), by_policy))
        .collect()
}

/// With the folders that rules name by variables.
fn expanded(text: &str) -> String {
    let mut text = text.to_owned();
    for name in ["SystemRoot", "ProgramFiles", "SystemDrive", "windir"] {
        let Ok(value) = std::env::var(name) else { continue };
        let marked = format!("%{name}%");
        text = text.replace(&marked, &value).replace(&marked.to_lowercase(), &value);
    }
    text
}

fn profile(network: Network, local: &Key, policy: Option<&Key>) -> Profile {
    // What is private now was called standard before there were three.
    let names: &[&str] = match network {
        Network::Domain => &["DomainProfile"],
        Network::Private => &["PrivateProfile", "StandardProfile"],
        Network::Public => &["PublicProfile"],
    };
    let of = |key: &Key, value: &str| {
        names.iter().find_map(|name| key.open(name).ok()?.get_u32(value).ok())
    };
    let by_policy = |value: &str| policy.and_then(|key| of(key, value));
    let setting = |value: &str| by_policy(value).or_else(|| of(local, value));
    Profile {
        network,
        is_on: setting("EnableFirewall") != Some(0),
        allows_by_default: setting("DefaultInboundAction") == Some(0),
        shields_up: setting("DoNotAllowExceptions") == Some(1),
        heeds_local_rules: by_policy("AllowLocalPolicyMerge") != Some(0),
    }
}
