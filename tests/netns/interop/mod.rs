//! Against software that we did not write: Samba Active Directory domains behind a router, without
//! a stand-in anywhere; and the dissectors of Wireshark, on everything that either end says.

mod capture;
mod directories;
mod forests;
mod proxies;
mod samba;
mod tls;
mod troubles;

use crate::support::deployment::{DC, Deployment, PSP_DIRECT};

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
