//! Against software that we did not write: Samba Active Directory domains behind a router, without
//! a stand-in anywhere; and the dissectors of Wireshark, on everything that either end says.
#![cfg(target_os = "linux")]

#[path = "../http_grpc/support.rs"]
mod http_grpc;
mod proxies;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test file uses its part of the harness")]
    pub mod deployment;
    pub mod netns;
}
mod capture;
mod directories;
mod forests;
#[path = "../faults/inside.rs"]
#[allow(dead_code, reason = "only a part of the fault bed is used here")]
mod inside;
mod samba;
mod tls;
mod troubles;
#[path = "../faults/tun.rs"]
mod tun;

use support::deployment::{DC, Deployment, PSP_DIRECT};

/// The site key of deployments.
const KEY: Option<&str> = Some("site.key");

/// Our own listener and connector, as somebody else's dissectors see them.
#[test]
fn no_frame_of_the_stand_ins_is_malformed() {
    let Some(site) = Deployment::new("direct") else { return };
    let _psp = site.listen("psp", KEY, PSP_DIRECT);
    let _dc = site.listen("dc", KEY, DC);
    let Some(capture) =
        capture::Capture::start(site.net.host("psp"), &site.path("stand-ins.pcapng"))
    else {
        return;
    };
    site.connect("ws", KEY, &["--require-proof"]).assert_proved("psp", &[5000]);
    site.connect("psp", KEY, &["--require-proof"]).assert_proved("dc", DC);
    site.connect("dc", KEY, &["--require-proof"]).assert_proved("psp", &[5001]);
    let decode = [
        "tcp.port==5000,http",
        "tcp.port==5001,tls",
        "tcp.port==7002,tls",
        "tcp.port==7003,http2",
        "tcp.port==7389,ldap",
    ];
    capture.assert_well_formed(&decode, &["http", "http2", "grpc", "ldap", "dcerpc", "epm", "tls"]);
}
