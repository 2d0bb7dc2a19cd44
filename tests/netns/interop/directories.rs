//! Domain controllers in good order: every hop that the service needs passes against them, and they
//! are told for what they are.

use super::capture::Capture;
use super::forests::{Forests, climbed, hops, to, word};
use super::samba::Authority;
use crate::support::tun::Forwarder;
use serde_json::Value;

#[test]
fn real_directories_pass_and_are_told_for_what_they_are() {
    let Some(forests) = Forests::new() else { return };
    let source = forests.source.start(forests.net.host("src"), &[]);
    let _target = forests.target.start(forests.net.host("dst"), &["rpc server port:drsuapi=51001"]);
    let capture = Capture::start(forests.net.host("psp"), &forests.path("samba.pcapng"));
    let seen = forests.connect();
    ldap_passes(&forests, &seen);
    rpc_passes(&forests, &seen);
    kerberos_passes(&forests, &seen);
    if let Some(capture) = capture {
        capture.assert_well_formed(
            &["tcp.port==51001,dcerpc"],
            &["ldap", "dcerpc", "epm", "tls", "kerberos"],
        );
    }
    they_are_found_through_their_own_dns(&forests);
    the_near_and_the_far_are_told_apart(&forests);
    what_is_shut_is_told(&forests);
    drop(source);
    for hop in to(&forests.connect(), &forests.source.controller(), 389, "ldap") {
        assert_eq!(word(&hop, "reason"), "refused", "{hop:#}");
    }
}

/// rootDSE on 389, 636 and by StartTLS; what the directory tells of itself, and how far away it is.
fn ldap_passes(forests: &Forests, seen: &[Value]) {
    for domain in [&forests.source, &forests.target] {
        for (port, protocol) in [(389, "ldap"), (636, "ldaps")] {
            for hop in to(seen, &domain.controller(), port, protocol) {
                assert_eq!(
                    (word(&hop, "verdict"), word(&hop, "answered_by")),
                    ("pass", "service"),
                    "{hop:#}"
                );
                assert_eq!(word(&hop, "recognised"), "Samba", "{hop:#}");
                let root = &climbed(&hop, "ldap").expect("a rootDSE")["facts"];
                assert_eq!(
                    (&root["ldap"]["active_directory"], &root["ldap"]["dns_host_name"]),
                    (&true.into(), &domain.controller().into()),
                    "{hop:#}"
                );
                assert!(
                    root["ldap"]["domain_functionality"].is_i64()
                        && root["ldap"]["site"] == "Default-First-Site-Name",
                    "{hop:#}"
                );
                assert!(root["clock_offset_s"].as_i64().is_some_and(|s| s.abs() <= 2), "{hop:#}");
                let told = &climbed(&hop, "directory").expect(
                    "an answer to the Netlogon \
                    search",
                )["facts"]["directory"];
                assert_eq!(
                    (&told["pdc"], &told["domain"]),
                    (&true.into(), &domain.name.as_str().into()),
                    "{hop:#}"
                );
                for kind in ["connect", "request"] {
                    let spread = &hop["latency"][kind];
                    assert!(spread["samples"].as_u64().is_some_and(|n| n >= 3), "{kind}: {hop:#}");
                    let ms = |name: &str| spread[name].as_f64().expect("a time");
                    assert!(
                        0.0 < ms("min_ms")
                            && ms("min_ms") <= ms("median_ms")
                            && ms("median_ms") <= ms("p95_ms"),
                        "{hop:#}"
                    );
                }
            }
        }
    }
    let starttls = to(seen, &forests.target.controller(), 389, "ldap");
    assert!(
        starttls.iter().any(|h| climbed(h, "start-tls").is_some() && climbed(h, "tls").is_some()),
        "{starttls:#?}"
    );
    // An open 389 is not all that the sign-in needs.
    assert!(starttls.iter().any(|h| word(h, "caution").contains("NTLM")), "{starttls:#?}");
}

/// Mapper, and each interface on its dynamic or pinned port; from the target's controller to the
/// source's too.
fn rpc_passes(forests: &Forests, seen: &[Value]) {
    let rpc = to(seen, &forests.target.controller(), 135, "rpc");
    let from_target = hops(&forests.result("dst", &forests.target.controller(), &[]));
    for hop in rpc.iter().chain(&to(&from_target, &forests.source.controller(), 135, "rpc")) {
        assert_eq!((word(hop, "verdict"), word(hop, "reason")), ("pass", "answered"), "{hop:#}");
        for step in ["rpc-bind", "rpc-map", "rpc-port"] {
            assert!(climbed(hop, step).is_some(), "{step}: {hop:#}");
        }
    }
    let pinned = serde_json::to_string(&rpc).expect("JSON");
    assert!(pinned.contains("51001"), "the pinned port is the one that was used: {pinned}");
    for hop in &rpc {
        assert_eq!(hop["pdc"]["state"], "held", "the role is verified by the hop on 389: {hop:#}");
    }
}

/// A ticket for a client that is not there is refused: so the KDC is there, with its clock.
fn kerberos_passes(forests: &Forests, seen: &[Value]) {
    for domain in [&forests.source, &forests.target] {
        for hop in to(seen, &domain.controller(), 88, "kerberos") {
            assert_eq!(
                (word(&hop, "verdict"), word(&hop, "reason"), word(&hop, "answered_by")),
                ("pass", "answered", "service"),
                "{hop:#}"
            );
            assert!(word(&hop, "recognised").starts_with("Kerberos"), "{hop:#}");
            let facts = &climbed(&hop, "greeting").expect("a greeting")["facts"];
            assert!(facts["clock_offset_s"].as_i64().is_some_and(|s| s.abs() <= 2), "{hop:#}");
            let code = facts["kerberos"]["error_code"].as_i64().expect("a code");
            assert!([6, 7, 68].contains(&code), "{hop:#}");
        }
    }
}

fn they_are_found_through_their_own_dns(forests: &Forests) {
    forests.write_site_with(&format!("{{ discover = \"{}\" }}", forests.source.name));
    let dns = forests.net.host("src").v4().to_string();
    let found = hops(&forests.result("psp", "psp.service.example", &["--dns", &dns]));
    for hop in to(&found, &forests.source.controller(), 389, "ldap") {
        assert_eq!(
            (word(&hop, "verdict"), word(&hop, "answered_by")),
            ("pass", "service"),
            "{hop:#}"
        );
    }
    forests.write_site();
}

/// The source's controller is put five milliseconds away, each way.
fn the_near_and_the_far_are_told_apart(forests: &Forests) {
    let (psp, src) = (forests.net.host("psp"), forests.net.host("src"));
    let link = Forwarder::between(psp.name(), src.name());
    psp.must_sh(&format!(
        "ip addr add 10.99.0.1/30 dev tun0; ip link set tun0 up; ip route add {}/32 via 10.99.0.2",
        src.v4()
    ));
    src.must_sh(&format!(
        "ip addr add 10.99.0.2/30 dev tun0; ip link set tun0 up; ip route add {}/32 via 10.99.0.1",
        psp.v4()
    ));
    psp.must_sh("ip addr show tun0 > /dev/null");
    let site = forests.path("site.toml");
    let result = forests.result("psp", "psp.service.example", &[]);
    let near = &result["nearness"][0];
    assert_eq!(
        (&near["role"], &near["nearer"]),
        (&"psp-service".into(), &"wanted".into()),
        "{near:#}"
    );
    assert!(
        near["other"]["median_ms"].as_f64().is_some_and(|ms| (9.5..40.0).contains(&ms)),
        "{near:#}"
    );
    let shown = forests.run("psp", "psp.service.example", &[]).out;
    assert!(shown.contains("is nearer to target-dc") && shown.contains("AD PDC"), "{shown}");
    // The service in the wrong place: source and target change places.
    let text = std::fs::read_to_string(&site).expect("the site file");
    let swapped: String = text.lines().map(|line| format!("{}\n", swap(line))).collect();
    std::fs::write(&site, swapped).expect("the site file can be written");
    let shown = forests.run("psp", "psp.service.example", &[]).out;
    assert!(shown.contains("LATENCY: psp.service.example is nearer to source-dc"), "{shown}");
    forests.write_site();
    drop(link);
}

/// A line of the site file in which source and target change places.
fn swap(line: &str) -> String {
    match (line.strip_prefix("source-"), line.strip_prefix("target-")) {
        (Some(rest), _) => format!("target-{rest}"),
        (_, Some(rest)) => format!("source-{rest}"),
        _ => line.to_owned(),
    }
}

fn what_is_shut_is_told(forests: &Forests) {
    let target = forests.net.host("dst").v4();
    forests.net.forward_rules(&format!("ip daddr {target} tcp dport 49152-65535 drop"));
    for hop in to(&forests.connect(), &forests.target.controller(), 135, "rpc") {
        assert_eq!(
            (word(&hop, "verdict"), word(&hop, "reason")),
            ("fail", "rpc-port-blocked"),
            "{hop:#}"
        );
        assert!(word(&hop, "advice").contains("49152-65535"), "{hop:#}");
        let blocked = hop["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|s| s["reason"] == "rpc-port-blocked")
            .expect("a rung");
        assert!(
            blocked["facts"]["rpc"]["interface"].is_string()
                && blocked["facts"]["rpc"]["port"].is_u64(),
            "{hop:#}"
        );
    }
    forests.net.forward_rules("tcp dport 1 drop");
    std::fs::write(forests.path("other.pem"), Authority::root_of_nobody()).expect("written");
    let untrusted =
        hops(&forests.result("psp", "psp.service.example", &["--ca", &forests.path("other.pem")]));
    for hop in to(&untrusted, &forests.source.controller(), 636, "ldaps") {
        assert_eq!(word(&hop, "reason"), "tls-untrusted", "{hop:#}");
        assert_ne!(word(&hop, "verdict"), "pass", "{hop:#}");
    }
}
