//! Every protocol from Windows and to Windows, and what stands in the way.

use crate::support::deployment::{DC, Deployment, PSP_DIRECT, Seen, text};
use crate::support::netns::Process;
use std::time::Duration;

const KEY: Option<&str> = Some("site.key");
/// Which hosts have Windows: either end of the ways between the service and the controller.
const ENDS: [&[&str]; 3] = [&["psp"], &["dc"], &["psp", "dc"]];

/// The flow with a dynamic range.
const RANGE_FLOW: &str = "sid-history/service-to-target-pdc";

fn each_way(test: impl Fn(&Deployment, &[Process])) {
    for windows in ENDS {
        let Some(site) = Deployment::with_windows("direct", windows) else { return };
        let listeners = [site.listen("psp", KEY, PSP_DIRECT), site.listen("dc", KEY, DC)];
        test(&site, &listeners);
    }
}

#[test]
fn every_protocol_is_proved_in_both_directions() {
    each_way(|site, _| {
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
            (135, "rpc-range"),
            (389, "ldap"),
            (636, "tls"),
        ] {
            service.assert_step("dc", port, step);
        }
        assert_eq!(service.done.code, Some(0), "{}", service.done);
        let agent = site.connect("dc", KEY, &["--require-proof"]);
        agent.assert_proved("psp", &[5001]);
        agent.assert_step("psp", 5001, "grpc-stream");
        site.connect("ws", KEY, &["--require-proof"]).assert_proved("psp", &[5000]);
    });
}

fn outcome(seen: &Seen, host: &str, port: u16) -> (String, String, String) {
    let hop = seen.allow_to(host, port)[0];
    let words = |pointer: &str| hop.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default();
    (words("/verdict").into(), words("/reason").into(), words("/initiator").into())
}

#[test]
fn what_is_dropped_rejected_or_closed_is_told_apart() {
    each_way(|site, _| {
        site.net.forward_rules(
            "tcp dport 389 drop\ntcp dport 636 reject with tcp reset\n\
             tcp dport 7002 reject with icmpx type admin-prohibited",
        );
        let service = site.connect("psp", KEY, &[]);
        let told = |port| outcome(&service, "dc", port);
        let (verdict, reason, _) = told(389);
        assert_eq!((&*verdict, &*reason), ("fail", "timed-out"), "{}", service.done);
        let (verdict, reason, initiator) = told(636);
        assert_eq!(
            (&*verdict, &*reason, &*initiator),
            ("fail", "rejected", "path"),
            "{}",
            service.done
        );
        // Wine tells nothing of the message; of Windows it is told from 10 2004 on.
        assert_ne!(told(7002).0, "pass", "{}", service.done);
        service.assert_proved("dc", &[135, 7001, 7003, 7389]);
        assert_eq!(service.done.code, Some(1), "{}", service.done);
    });
}

#[test]
fn an_answer_that_is_lost_is_told_from_a_way_that_is_shut() {
    each_way(|site, _| {
        site.net.forward_rules("tcp sport 389 drop");
        let service = site.connect("psp", KEY, &[]);
        let (verdict, reason, _) = outcome(&service, "dc", 389);
        // The table of connections shows half-open ones under Wine as well.
        assert_eq!((&*verdict, &*reason), ("fail", "reply-lost"), "{}", service.done);
        service.assert_proved("dc", &[135, 636]);
    });
}

#[test]
fn a_wrong_key_proves_nothing() {
    each_way(|site, _| {
        let seen = site.connect("psp", Some("other.key"), &["--require-proof"]);
        assert_eq!(seen.done.code, Some(1), "{}", seen.done);
        for hop in seen.hops() {
            assert_ne!(text(hop, "/answered_by"), "stand-in", "{hop:#}");
            assert_ne!(text(hop, "/verdict"), "pass", "{hop:#}");
        }
    });
}

#[test]
fn a_closed_port_is_refused_and_a_listener_ends_at_ctrl_c() {
    for windows in ENDS {
        let Some(site) = Deployment::with_windows("direct", windows) else { return };
        let dc = site.listen("dc", KEY, DC);
        site.connect("psp", KEY, &[]).assert_proved("dc", &[389]);
        let ended = dc.interrupt(Duration::from_secs(20));
        assert_eq!(ended.code, Some(0), "{ended}");
        let file = std::fs::read_to_string(site.path("dc-listener.json")).expect("it was written");
        assert!(file.contains("\"proved\": true"), "{file}");
        let seen = site.connect("psp", KEY, &[]);
        let (verdict, reason, _) = outcome(&seen, "dc", 389);
        assert_eq!((&*verdict, &*reason), ("fail", "refused"), "{}", seen.done);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "figures")]
fn a_rule_for_a_part_of_a_range_is_seen_port_by_port() {
    for windows in ENDS {
        let Some(site) = Deployment::with_windows("direct", windows) else { return };
        site.ranges("41000-41399");
        let _psp = site.listen("psp", KEY, PSP_DIRECT);
        let _dc = site.listen("dc", KEY, DC);
        let clear = site.connect("psp", KEY, &["--flow", RANGE_FLOW, "--range", "exact"]);
        clear.assert_proved("dc", &[135]);
        for (rule, kind) in [("drop", "dropped"), ("reject with tcp reset", "refused")] {
            site.net.forward_rules(&format!("tcp dport 41100-41199 {rule}"));
            let begun = std::time::Instant::now();
            let seen = site.connect("psp", KEY, &["--flow", RANGE_FLOW, "--range", "exact"]);
            let took = begun.elapsed().as_secs_f64();
            let hop = seen.allow_to("dc", 135)[0];
            let sweep = hop["steps"].as_array().and_then(|all| {
                all.iter().find(|step| step["step"] == "rpc-range")?["ms"].as_f64()
            });
            let sweep = sweep.unwrap_or_default() / 1000.0;
            eprintln!(
                "{windows:?}, a hundred of 400 ports, {rule}: sweep {sweep:.1} s, in all {took:.1} s"
            );
            let hop = hop.to_string();
            assert!(
                hop.contains(&format!("{kind} 41100-41199")),
                "{windows:?} {rule}\n{hop}\n{}",
                seen.done.err
            );
        }
    }
}

#[test]
fn a_port_of_a_real_service_is_left_to_it() {
    let Some(site) = Deployment::with_windows("direct", &["dc"]) else { return };
    // Somebody listens on all addresses, and does not ask to have the port for himself.
    let wine = site.wine("dc");
    let host = site.net.host("dc");
    let holder = std::env::var("PORTMATRIX_HOLDER").expect("scripts/windows says where it is");
    let mut held = {
        let (program, args) = wine.other(&holder, &["636"]);
        host.start(&program, &args)
    };
    held.wait_listening(host, &[636], Duration::from_secs(20));
    for bind in [None, Some("10.77.3.2")] {
        let ports: Vec<u16> = DC.iter().copied().filter(|port| *port != 636).collect();
        let more: Vec<&str> = bind.iter().flat_map(|address| ["--bind", *address]).collect();
        let listener = site.listen_with("dc", KEY, &ports, &more);
        let seen = site.connect("psp", KEY, &[]);
        assert_ne!(outcome(&seen, "dc", 636).1, "proved", "{}", seen.done);
        let ended = listener.interrupt(Duration::from_secs(20));
        assert!(ended.out.contains("taken"), "{bind:?}: {ended}");
        // Wine does not tell who it is.
        assert!(!ended.out.contains("pid 0"), "{bind:?}: {ended}");
    }
}
