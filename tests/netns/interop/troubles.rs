//! Domain controllers with which something is wrong that no port shows; and a controller where a
//! stand-in was.

use super::forests::{Forests, LIMIT, PROGRAM, hops, to, word};
use std::time::Duration;

/// The endpoint servers of a Samba domain controller, but for SAMR: as on a Windows controller
/// without `TcpipClientSupport`.
const WITHOUT_SAMR: &str = "dcerpc endpoint servers=epmapper, wkssvc, netlogon, lsarpc, drsuapi, \
    dssetup, unixinfo, browser, eventlog6, backupkey";

#[test]
fn what_no_port_shows_is_told() {
    let Some(forests) = Forests::new() else { return };
    let (dst, controller) = (forests.net.host("dst"), forests.target.controller());

    // A clock that is off.
    for (ahead, verdict) in [(200, "warn"), (-400, "fail")] {
        let _samba = forests.target.start_at_time(dst, &[], ahead);
        let seen = forests.connect();
        let of_kdc = to(&seen, &controller, 88, "kerberos");
        for hop in to(&seen, &controller, 389, "ldap").into_iter().chain(of_kdc) {
            assert_eq!(
                (word(&hop, "verdict"), word(&hop, "reason")),
                (verdict, "clock-skewed"),
                "{ahead} s: {hop:#}"
            );
        }
    }
    // An interface that is not registered.
    {
        let _samba = forests.target.start(dst, &[WITHOUT_SAMR]);
        let rpc = to(&forests.connect(), &controller, 135, "rpc");
        let hop = rpc
            .iter()
            .find(|h| word(h, "flow").starts_with("sid-history/"))
            .expect("the hop of SID history");
        assert_eq!(
            (word(hop, "verdict"), word(hop, "reason")),
            ("fail", "rpc-not-registered"),
            "{hop:#}"
        );
        assert!(
            word(hop, "advice").contains("samr")
                && word(hop, "advice").contains("TcpipClientSupport"),
            "{hop:#}"
        );
    }
    // The role is another host's. Samba's own DNS still says that it is this one's: then nobody
    // knows whose it is. Another server knows.
    forests.target.take_pdc_role_away();
    let _samba = forests.target.start(dst, &[]);
    let dns = dst.v4().to_string();
    let record = format!(
        "--srv-host=_ldap._tcp.pdc._msdcs.{},dc9.{},389,0,100",
        forests.target.name, forests.target.name
    );
    let psp = forests.net.host("psp");
    let mut server = psp.start(
        "dnsmasq",
        &[
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--port=53",
            &record,
        ],
    );
    server.wait_listening(psp, &[53], Duration::from_secs(20));
    for (dns, holder) in [
        (dns.as_str(), "netdom query fsmo"),
        ("127.0.0.1", "Name dc9.target.example as target-pdc"),
    ] {
        let result = forests.result("psp", "psp.service.example", &["--dns", dns]);
        for hop in to(&hops(&result), &controller, 135, "rpc") {
            assert_eq!(
                (word(&hop, "verdict"), word(&hop, "reason")),
                ("fail", "not-pdc-emulator"),
                "{hop:#}"
            );
            assert!(word(&hop, "advice").contains(holder), "{hop:#}");
        }
    }
}

#[test]
fn a_service_takes_the_place_of_its_stand_in() {
    let Some(forests) = Forests::new() else { return };
    let (dst, controller) = (forests.net.host("dst"), forests.target.controller());
    let (site, key) = (forests.path("site.toml"), forests.path("site.key"));
    let (before, after) = (forests.path("before.json"), forests.path("after.json"));
    let listen = |time: &str| {
        dst.start(
            PROGRAM,
            &["listen", "--site", &site, "--as", &controller, "--key", &key, "--for", time],
        )
    };

    let mut stand_in = listen("120s");
    stand_in.wait_listening(dst, &[135, 389, 636], Duration::from_secs(30));
    let _ = forests.result("psp", "psp.service.example", &["--key", &key, "--out", &before]);
    let ended = stand_in.interrupt(Duration::from_secs(20));
    assert_eq!(ended.code, Some(0), "{ended}");

    // Now the service has the ports: the listener leaves them to it, and says so.
    let _samba = forests.target.start(dst, &[]);
    let done = listen("2s").finish(LIMIT);
    assert!(done.out.lines().filter(|l| l.contains("taken")).count() >= 3, "{done}");
    assert_eq!(done.code, Some(0), "a port that the real service has is as it should be: {done}");
    let _ = forests.result("psp", "psp.service.example", &["--key", &key, "--out", &after]);
    let diff = forests.net.host("psp").run(PROGRAM, &["diff", &before, &after], LIMIT);
    let changed: Vec<&str> = diff
        .out
        .lines()
        .filter(|l| l.contains("stand-in") && l.contains("service (Samba)"))
        .collect();
    assert!(changed.len() >= 2, "389 and 636 are answered by another: {diff}");
    let report = forests.net.host("psp").run(PROGRAM, &["report", &after], LIMIT);
    assert!(report.out.lines().any(|l| l.contains(":389") && l.contains("service")), "{report}");
}
