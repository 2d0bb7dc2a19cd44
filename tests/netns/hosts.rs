//! The built program between hosts that are network namespaces, behind a router that drops, rejects
//! and translates: what people run, as they run it. In CI these tests must run; elsewhere they say
//! why they do not.

use crate::support::deployment::{
    DC, Deployment, LIMIT, PROGRAM, PSP_BEHIND_PROXY, PSP_DIRECT, text,
};
use serde_json::Value;
use std::time::Duration;

const KEY: Option<&str> = Some("site.key");

#[test]
fn direct_topology_every_protocol_is_proved() {
    let Some(site) = Deployment::new("direct") else { return };
    let psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);

    let workstation = site.connect("ws", KEY, &["--require-proof"]);
    workstation.assert_proved("psp", &[5000]);
    workstation.assert_step("psp", 5000, "http");
    assert_eq!(workstation.done.code, Some(0), "{}", workstation.done);
    assert_eq!(
        workstation.json["from"]["host"].as_str().map(|h| h.starts_with("ws")),
        Some(true),
        "{}",
        workstation.done
    );

    let service = site.connect("psp", KEY, &["--require-proof"]);
    service.assert_proved("dc", DC);
    for (port, step) in [
        (7001, "proof"),
        (7002, "tls"),
        (7003, "grpc-stream"),
        (7389, "start-tls"),
        (135, "rpc-bind"),
        (135, "rpc-map"),
        (135, "rpc-port"),
        (389, "ldap"),
        (636, "tls"),
        (636, "ldap"),
    ] {
        service.assert_step("dc", port, step);
    }
    assert_eq!(service.done.code, Some(0), "{}", service.done);

    let agent = site.connect("dc", KEY, &["--require-proof"]);
    agent.assert_proved("psp", &[5001]);
    for step in ["tls", "grpc", "grpc-stream"] {
        agent.assert_step("psp", 5001, step);
    }
    assert_eq!(agent.done.code, Some(0), "{}", agent.done);

    // What a firewall team needs to find the connection: both ends and the time.
    let hop = workstation.allow_to("psp", 5000)[0];
    assert!(text(hop, "/evidence/0/source").starts_with("10.77.1.2:"), "{hop:#}");
    assert_eq!(text(hop, "/evidence/0/destination"), "10.77.2.2:5000");
    let sent: jiff::Timestamp =
        text(hop, "/evidence/0/sent_at").parse().expect("the time is RFC 3339");
    let age = jiff::Timestamp::now().duration_since(sent);
    assert!(age.as_secs() >= 0 && age.as_secs() < 120, "{sent} is {age:?} ago");

    // The listener ends in order on Ctrl-C and leaves its own record.
    let ended = psp.interrupt(Duration::from_secs(15));
    assert_eq!(ended.code, Some(0), "{ended}");
    let record = std::fs::read_to_string(site.path("psp-listener.json"))
        .expect("the listener wrote its file");
    let record: Value = serde_json::from_str(&record).expect("the listener's file is JSON");
    assert!(
        record.to_string().contains("10.77.1.2"),
        "the workstation's connection is in the listener's record: {record:#}"
    );
}

#[test]
fn reverse_proxy_topology_is_proved_and_the_way_past_the_proxy_is_judged() {
    let Some(site) = Deployment::new("reverse-proxy") else { return };
    let _psp = site.listen("psp", KEY, PSP_BEHIND_PROXY);
    let _dc = site.listen("dc", KEY, DC);
    let past = |seen: &crate::support::deployment::Seen| {
        let hop = seen
            .to("psp", 5000)
            .into_iter()
            .find(|h| h["expect"] == "deny")
            .expect("the way past the proxy is planned")
            .clone();
        (text(&hop, "/verdict").to_owned(), text(&hop, "/reason").to_owned())
    };

    let open = site.connect("ws", KEY, &[]);
    open.assert_proved("psp", &[443]);
    for step in ["tls", "http"] {
        open.assert_step("psp", 443, step);
    }
    assert_ne!(past(&open).0, "pass", "no rule shuts the way past the proxy: {}", open.done);

    site.net.forward_rules("ip saddr 10.77.1.0/24 ip daddr 10.77.2.2 tcp dport 5000 drop");
    let shut = site.connect("ws", KEY, &[]);
    shut.assert_proved("psp", &[443]);
    assert_eq!(past(&shut), ("pass".into(), "denied".into()), "{}", shut.done);

    site.connect("psp", KEY, &["--require-proof"]).assert_proved("dc", DC);
    site.connect("dc", KEY, &["--require-proof"]).assert_proved("psp", &[5001]);
}

#[test]
fn a_dropped_port_times_out_and_the_others_are_still_proved() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);
    site.net.forward_rules("tcp dport { 389, 5000 } drop");

    let service = site.connect("psp", KEY, &[]);
    service.assert("dc", 389, "fail", "timed-out", "nobody");
    service.assert_proved("dc", &[135, 636, 7001, 7002]);
    assert_eq!(service.done.code, Some(1), "{}", service.done);
    let hop = service.allow_to("dc", 389)[0];
    assert!(
        text(hop, "/evidence/0/source").starts_with("10.77.2.2:"),
        "a lost connection has its source port as well: {hop:#}"
    );
    assert!(!text(hop, "/advice").is_empty(), "{hop:#}");

    let workstation = site.connect("ws", KEY, &[]);
    workstation.assert("psp", 5000, "fail", "timed-out", "nobody");
    assert_eq!(workstation.done.code, Some(1), "{}", workstation.done);
}

#[test]
fn a_reset_by_a_firewall_is_rejected_where_the_listener_can_be_asked() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);
    site.net.forward_rules("tcp dport { 636, 5000 } reject with tcp reset");

    let service = site.connect("psp", KEY, &[]);
    for hop in service.allow_to("dc", 636) {
        // Over the other hops the listener says that it is there and saw nothing.
        assert_eq!(
            (text(hop, "/reason"), text(hop, "/initiator"), text(hop, "/answered_by")),
            ("rejected", "path", "nobody"),
            "{hop:#}"
        );
        assert_eq!(
            (&hop["sighting"]["listening"], text(hop, "/sighting/state")),
            (&true.into(), "nothing"),
            "{hop:#}"
        );
        assert_ne!(text(hop, "/verdict"), "pass", "{hop:#}");
    }
    service.assert_proved("dc", &[135, 389, 7001]);

    // Here no hop is left over which it could be asked.
    let workstation = site.connect("ws", KEY, &[]);
    workstation.assert("psp", 5000, "fail", "refused", "nobody");
    assert_eq!(workstation.done.code, Some(1), "{}", workstation.done);
}

#[test]
fn a_wrong_key_proves_nothing() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);
    for host in ["ws", "psp", "dc"] {
        let seen = site.connect(host, Some("other.key"), &["--require-proof"]);
        assert_eq!(seen.done.code, Some(1), "{}", seen.done);
        for hop in seen.hops() {
            assert_ne!(text(hop, "/answered_by"), "stand-in", "{hop:#}");
            assert_ne!(text(hop, "/verdict"), "pass", "{hop:#}");
            let proved = hop["steps"]
                .as_array()
                .is_some_and(|all| all.iter().any(|s| s["step"] == "proof" && s["ok"] == true));
            assert!(!proved, "{hop:#}");
        }
    }
}

#[test]
fn a_stopped_listener_is_refused() {
    let Some(site) = Deployment::new("direct") else { return };
    let psp = site.listen("psp", KEY, PSP_DIRECT);
    site.connect("ws", KEY, &[]).assert_proved("psp", &[5000]);
    let ended = psp.interrupt(Duration::from_secs(15));
    assert_eq!(ended.code, Some(0), "{ended}");

    let seen = site.connect("ws", KEY, &[]);
    seen.assert("psp", 5000, "fail", "refused", "nobody");
    assert_eq!(seen.done.code, Some(1), "{}", seen.done);
}

#[test]
fn without_a_key_what_speaks_passes_but_is_not_proved() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", None, PSP_DIRECT);
    let _dc = site.listen("dc", None, DC);

    let workstation = site.connect("ws", None, &[]);
    for hop in workstation.allow_to("psp", 5000) {
        assert_eq!(text(hop, "/verdict"), "pass", "{hop:#}");
        assert_ne!(text(hop, "/answered_by"), "stand-in", "{hop:#}");
    }
    assert_eq!(workstation.done.code, Some(0), "{}", workstation.done);

    let service = site.connect("psp", None, &[]);
    // A directory answers that is no domain controller, and does not say what else: perhaps a
    // stand-in without the key. What the directory says of the host holds for its other ports too.
    for hop in service.allow_to("dc", 389).into_iter().chain(service.allow_to("dc", 135)) {
        assert_eq!(
            (text(hop, "/verdict"), text(hop, "/reason")),
            ("warn", "not-active-directory"),
            "{hop:#}"
        );
        assert_ne!(text(hop, "/answered_by"), "stand-in", "{hop:#}");
    }
    // An open port on which no protocol was spoken tells nothing.
    for hop in service.allow_to("dc", 7001) {
        assert_eq!(text(hop, "/verdict"), "inconclusive", "{hop:#}");
    }
}

#[test]
fn a_name_with_two_addresses_is_two_hops_and_a_translated_source_is_noted() {
    let Some(site) = Deployment::new("direct") else { return };
    site.write_site("direct", |host| format!("\"{}\", \"{}\"", host.v4(), host.v6()));
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    site.net.translate_sources_towards("psp");

    let seen = site.connect("ws", KEY, &["--require-proof"]);
    seen.assert_proved("psp", &[5000]);
    let hops = seen.allow_to("psp", 5000);
    let mut addresses: Vec<&str> = hops.iter().map(|h| text(h, "/to/address")).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["10.77.2.2", "fd77:2::2"]);
    let ipv4 = hops.iter().find(|h| h["to"]["address"] == "10.77.2.2").expect("there is one");
    let proof = ipv4["steps"]
        .as_array()
        .and_then(|all| all.iter().find(|s| s["step"] == "proof"))
        .expect("there is a proof");
    assert!(
        text(proof, "/facts/proof/peer").starts_with("10.77.2.1:"),
        "the listener saw the router's address: {proof:#}"
    );

    // The same, cut for one family alone.
    site.net.forward_rules("meta nfproto ipv6 tcp dport 5000 drop");
    let seen = site.connect("ws", KEY, &[]);
    for hop in seen.allow_to("psp", 5000) {
        let wanted = if hop["to"]["address"] == "10.77.2.2" {
            ("pass", "proved")
        } else {
            ("fail", "timed-out")
        };
        assert_eq!((text(hop, "/verdict"), text(hop, "/reason")), wanted, "{hop:#}");
    }
}

#[test]
fn wrong_input_is_exit_code_2_with_the_place_and_nothing_on_standard_output() {
    let Some(site) = Deployment::new("direct") else { return };
    let good = std::fs::read_to_string(site.path("site.toml")).expect("the site file is there");
    for (what, text, wanted) in [
        (
            "a role that no matrix knows",
            good.replace("migration-agent =", "migration-agnet ="),
            "migration-agnet",
        ),
        ("a topology that no matrix knows", good.replace("\"direct\"", "\"sideways\""), "sideways"),
        ("an unknown key", good.replace("[ranges]", "[rangse]"), "rangse"),
        ("no TOML", good.replace("[roles]", "[roles"), "site.toml"),
    ] {
        std::fs::write(site.path("site.toml"), text).expect("the site file can be written");
        for command in ["plan", "connect", "listen"] {
            let done = site.net.host("ws").run(
                PROGRAM,
                &[command, "--site", &site.path("site.toml")],
                LIMIT,
            );
            assert_eq!(done.code, Some(2), "{what}: {done}");
            assert!(done.out.is_empty() && done.err.contains(wanted), "{what}: {done}");
        }
    }
    std::fs::write(site.path("site.toml"), good).expect("the site file can be written");
    let (path, missing) = (site.path("site.toml"), site.path("missing.key"));
    for args in [
        vec!["connect", "--site", &path, "--as", "nobody.contoso.test"],
        vec!["connect", "--site", &path, "--as", "ws.contoso.test", "--key", &missing],
        vec!["connect", "--site", &missing],
        vec!["connect", "--sight", &path],
    ] {
        let done = site.net.host("ws").run(PROGRAM, &args, LIMIT);
        assert_eq!(done.code, Some(2), "{done}");
        assert!(done.out.is_empty() && !done.err.is_empty(), "{done}");
    }
}
