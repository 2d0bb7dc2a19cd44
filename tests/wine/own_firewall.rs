//! The host's own firewall: what it keeps out of a listener is said, and is let in and shut again.

use crate::support::deployment::{DC, Deployment};
use crate::support::wine::Wine;
use std::time::Duration;

const POLICY: &str =
    "HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy";
const ENDS: Duration = Duration::from_secs(20);

/// A registry as of Windows, and a `netsh` that changes it; Wine has neither.
fn with_firewall(site: &Deployment) {
    let (wine, host) = (site.wine("dc"), site.net.host("dc"));
    let netsh = std::env::var("PORTMATRIX_NETSH").expect("scripts/windows says where it is");
    let there = wine.drive().join("windows/system32/netsh.exe");
    let _ = std::fs::remove_file(&there);
    std::fs::copy(netsh, there).expect("copied");
    let add = |key: &str, more: &[&str]| {
        let key = format!("{POLICY}\\{key}");
        let mut args = vec!["add", &key];
        args.extend(more);
        args.push("/f");
        let done = wine.tool(host, "reg", &args);
        assert_eq!(done.code, Some(0), "{done}");
    };
    for profile in ["DomainProfile", "StandardProfile", "PublicProfile"] {
        add(profile, &["/v", "EnableFirewall", "/t", "REG_DWORD", "/d", "1"]);
    }
    let rule = |name: &str, text: &str| {
        let text = format!("v2.31|Active=TRUE|Dir=In|Protocol=6|{text}|Name={name}|");
        add("FirewallRules", &["/v", name, "/t", "REG_SZ", "/d", &text]);
    };
    rule("LDAP", "Action=Allow|LPort=389|LPort=636");
    rule("Cancelled", "Action=Block|Profile=Public|LPort=7001");
    // Of a listener that was killed.
    rule("portmatrix listen 999999", "Action=Allow|LPort=1");
}

fn rules(wine: &Wine, site: &Deployment) -> String {
    let key = format!("{POLICY}\\FirewallRules");
    wine.tool(site.net.host("dc"), "reg", &["query", &key]).out
}

#[test]
fn what_the_hosts_own_firewall_keeps_out_is_said_and_let_in_for_a_while() {
    let Some(site) = Deployment::with_windows("direct", &["dc"]) else { return };
    with_firewall(&site);
    let wine = site.wine("dc");

    let listener = site.listen("dc", Some("site.key"), DC);
    let said = listener.interrupt(ENDS);
    assert_eq!(said.code, Some(0), "{said}");
    for words in [
        "no inbound rule for TCP 135,",
        "(profile Domain, Private, Public)",
        "the rule \"Cancelled\" of this host's own firewall blocks TCP 7001 (profile Public)",
        "New-NetFirewallRule -DisplayName 'portmatrix listen' -Direction Inbound -Action Allow",
        "Remove-NetFirewallRule -DisplayName 'portmatrix listen'",
    ] {
        assert!(said.out.contains(words), "{words}\n{said}");
    }
    assert!(!said.out.contains("no inbound rule for TCP 389"), "{said}");
    assert!(said.err.contains("removed the firewall rule \"portmatrix listen 999999\""), "{said}");
    let now = rules(wine, &site);
    assert!(!now.contains("999999"), "{now}");

    let listener = site.listen_with("dc", Some("site.key"), DC, &["--open-firewall"]);
    // The rule is made right after the ports.
    std::thread::sleep(Duration::from_secs(2));
    let during = rules(wine, &site);
    assert!(during.contains("portmatrix listen ") && during.contains("LPort=135"), "{during}");
    let said = listener.interrupt(ENDS);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.out.contains("lets these ports in for as long as the listener runs"), "{said}");
    assert!(said.out.contains("Still kept out: the rule \"Cancelled\""), "{said}");
    let after = rules(wine, &site);
    assert!(!after.contains("portmatrix listen") && after.contains("Cancelled"), "{after}");
}
