//! What a host's firewall keeps out of a listener, without one.

use super::*;

const PROGRAM: &str = "C:\\Tools\\portmatrix.exe";

fn firewall(rules: &[&str]) -> HostFirewall {
    let profile = |network| Profile {
        network,
        is_on: true,
        allows_by_default: false,
        shields_up: false,
        heeds_local_rules: true,
    };
    HostFirewall {
        profiles: Network::ALL.map(profile).to_vec(),
        rules: rules
            .iter()
            .filter_map(|rest| {
                Rule::read(&format!("v2.31|Active=TRUE|Dir=In|Protocol=6|{rest}"), false)
            })
            .collect(),
    }
}

fn told(firewall: &HostFirewall, ports: &[u16]) -> Vec<String> {
    firewall.shut(PROGRAM, ports).iter().map(Shut::words).collect()
}

#[test]
fn ports_without_a_rule_are_named_together() {
    let all = firewall(&[]);
    let words = told(&all, &[135, 389, 50000, 50001, 50002]);
    assert_eq!(
        words,
        [
            "this host's own firewall has no inbound rule for TCP 135,389,50000-50002 (profile Domain, \
          Private, Public)"
        ]
    );
    let open =
        firewall(&["Action=Allow|LPort=389|Name=LDAP|", "Action=Allow|LPort2_10=50000-50002|"]);
    assert_eq!(told(&open, &[389, 50000, 50002]), Vec::<String>::new());
    let program = firewall(&["Action=Allow|App=c:\\tools\\PORTMATRIX.exe|Name=x|"]);
    assert_eq!(told(&program, &[1, 2, 3]), Vec::<String>::new());
}

#[test]
fn each_network_has_its_own_settings() {
    let mut some = firewall(&["Action=Allow|Profile=Domain|LPort=389|"]);
    assert_eq!(
        told(&some, &[389]),
        ["this host's own firewall has no inbound rule for TCP 389 (profile Private, Public)"]
    );
    some.profiles[1].is_on = false;
    some.profiles[2].allows_by_default = true;
    assert_eq!(told(&some, &[389]), Vec::<String>::new());
    assert_eq!(
        told(&some, &[636]),
        ["this host's own firewall has no inbound rule for TCP 636 (profile Domain)"]
    );
    some.profiles[2].shields_up = true;
    assert!(told(&some, &[389])[0].contains("keeps out everything"));
}

#[test]
fn what_blocks_wins_and_is_named() {
    // What Windows makes where somebody answers its question with "Cancel".
    let asked = firewall(&[
        "Action=Allow|LPort=389|Name=LDAP|",
        "Action=Block|Profile=Public|App=C:\\Tools\\portmatrix.exe|Name=portmatrix.exe|",
    ]);
    assert_eq!(
        told(&asked, &[389]),
        ["the rule \"portmatrix.exe\" of this host's own firewall blocks TCP 389 (profile Public)"]
    );
    let some = firewall(&["Action=Allow|LPort=389|RA42=LocalSubnet|Name=x|"]);
    assert!(told(&some, &[389])[0].contains("only from some addresses"));
}

#[test]
fn a_policy_may_leave_local_rules_without_effect() {
    let mut strict = firewall(&["Action=Allow|LPort=389|Name=x|"]);
    strict.profiles.iter_mut().for_each(|profile| profile.heeds_local_rules = false);
    assert!(told(&strict, &[389])[0].contains("needs a rule of a policy"), "{strict:?}");
    strict.rules[0].by_policy = true;
    assert_eq!(told(&strict, &[389]), Vec::<String>::new());
}

#[test]
fn commands_name_ports_program_and_who_made_the_rule() {
    assert_eq!(
        cmdlet("C:\\it's\\p.exe", &[135, 50000, 50001]),
        "New-NetFirewallRule -DisplayName 'portmatrix listen' -Direction Inbound -Action Allow \
         -Protocol TCP -LocalPort 135,50000-50001 -Program 'C:\\it''s\\p.exe'"
    );
    let made = netsh_add(4711, PROGRAM, &[135]);
    assert!(made.contains(&"name=portmatrix listen 4711".to_owned()), "{made:?}");
    assert_eq!(netsh_delete(4711).last().map(String::as_str), Some("name=portmatrix listen 4711"));
    let rules = firewall(&[
        "Action=Allow|Name=portmatrix listen 4711|",
        "Action=Allow|Name=portmatrix listen|",
        "Action=Allow|Name=portmatrix listen x|",
    ])
    .rules;
    assert_eq!(makers(&rules), [4711]);
}
