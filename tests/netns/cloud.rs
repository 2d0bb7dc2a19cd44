//! Published names and ranges of a cloud service: the built program in a namespace, with `dnsmasq`
//! for DNS, `nginx` for the cloud and for what stands on the way, and a router that swallows half
//! of the names. In CI these tests must run; elsewhere they say why they do not.

use crate::support::deployment::{Deployment, Seen, text};
use crate::support::netns::Process;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CrlDistributionPoint, CustomExtension,
    DnType, IsCa, KeyPair,
};
use serde_json::Value;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cloud");
/// The cloud, inside and outside of its ranges, and the device on the way that opens TLS.
const INSIDE: &str = "10.77.2.2";
const OUTSIDE: &str = "10.88.0.1";
const INSPECTING: &str = "10.88.0.2";
const PORTAL: &str = "10.88.0.3";
/// The web service that publishes the list.
const SERVICE: &str = "10.88.0.4";

const ZONE: &[&str] = &[
    "--cname=login.cloud.example,gateway.idp.example",
    "--host-record=gateway.idp.example,10.77.2.2,fd77:2::2",
    "--host-record=mfa.idp.example,10.77.2.2",
    "--host-record=graph.cloud.example,10.77.2.2",
    "--host-record=outside.cloud.example,10.88.0.1",
    "--host-record=inspected.cloud.example,10.88.0.2",
    "--host-record=portal.cloud.example,10.88.0.3",
    "--host-record=six.cloud.example,10.77.2.2,fd77:2::99",
    "--host-record=hole1.cloud.example,10.77.2.91",
    "--host-record=hole2.cloud.example,10.77.2.92",
    "--host-record=hole3.cloud.example,10.77.2.93",
    "--host-record=hole4.cloud.example,10.77.2.94",
    "--host-record=hole5.cloud.example,10.77.2.95",
    "--host-record=hole6.cloud.example,10.77.2.96",
    "--host-record=hole7.cloud.example,10.77.2.97",
    "--host-record=endpoints.cloud.example,10.88.0.4",
    "--host-record=crl.cloud.example,10.77.2.2",
    "--host-record=proxies.contoso.test,10.77.2.2,10.77.3.2",
    "--host-record=ocsp.cloud.example,10.77.2.98",
    "--local=/example/",
];

struct Cloud {
    site: Deployment,
    _programs: [Process; 2],
}

impl Cloud {
    fn new() -> Option<Self> {
        Cloud::with("return 200 ok;")
    }

    /// With this answer of the inspecting device.
    fn with(answer: &str) -> Option<Self> {
        let site = Deployment::new("direct")?;
        for program in ["dnsmasq", "nginx"] {
            if let Err(error) = std::process::Command::new(program).arg("-v").output() {
                left_out(&format!("{program} cannot be run here ({error})"));
                return None;
            }
        }
        let (cloud, dc) = (site.net.host("psp"), site.net.host("dc"));
        for address in [OUTSIDE, INSPECTING, PORTAL, SERVICE] {
            cloud.must_sh(&format!("ip addr add {address}/32 dev lo"));
        }
        site.net.route_behind("10.88.0.0/24", "psp");
        site.net.forward_rules("ip daddr 10.77.2.90-10.77.2.99 drop\nip6 daddr fd77:2::99 drop");
        let fixed = [
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--pid-file=",
            "--port=53",
        ];
        let mut dns = dc.start("dnsmasq", &fixed.iter().chain(ZONE).copied().collect::<Vec<_>>());
        dns.wait_listening(dc, &[53], Duration::from_secs(20));
        site.net.host("ws").resolver("nameserver 10.77.3.2\n");
        certificates(&site);
        std::fs::write(site.path("nginx.conf"), configuration(&site, answer)).expect("a file");
        let folder = site.path("");
        let mut nginx =
            cloud.start("nginx", &["-p", &folder, "-c", &site.path("nginx.conf"), "-e", "stderr"]);
        nginx.wait_listening(cloud, &[443], Duration::from_secs(20));
        let toml = format!(
            "[site]\nname = \"cloud\"\nproduct = \"cloud\"\ntopology = \"internet\"\nmatrices = \
                [\"{TABLES}\"]\n\n\
             [roles]\nclient = {{ name = \"ws.contoso.test\", addresses = [\"10.77.1.2\"] }}\n"
        );
        std::fs::write(site.path("site.toml"), toml).expect("the site file can be written");
        Some(Cloud { site, _programs: [dns, nginx] })
    }

    /// What the client finds that trusts both authorities, of which only one is public.
    fn connect(&self, more: &[&str]) -> Seen {
        let (all, public) = (self.site.path("all.pem"), self.site.path("public.pem"));
        let mut args = vec!["--ca", &all, "--public-roots", &public];
        args.extend(more);
        if !more.contains(&"--connect-timeout") {
            args.extend(["--connect-timeout", "2s"]);
        }
        self.site.connect("ws", None, &args)
    }
}

#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn left_out(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI is set, but: {why}");
    eprintln!("left out: {why}");
}

/// Two authorities, of which one stands for the public ones, and certificates of theirs.
fn certificates(site: &Deployment) {
    let authority = |name: &str| {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"))
            .expect("an authority")
    };
    let (public, private) = (authority("World Trust G2"), authority("Contoso Inspection CA"));
    let write = |file: &str, text: String| std::fs::write(site.path(file), text).expect("a file");
    write("public.pem", public.pem());
    write("all.pem", format!("{}{}", public.pem(), private.pem()));
    for (file, issuer, name) in [
        ("cloud", &public, "*.cloud.example"),
        ("inspected", &private, "*.cloud.example"),
        ("portal", &public, "portal.hotel.example"),
    ] {
        let key = KeyPair::generate().expect("a key");
        let names = vec![name.to_owned(), "*.idp.example".to_owned()];
        let names = if file == "portal" { names[..1].to_vec() } else { names };
        let mut parameters = CertificateParams::new(names).expect("names");
        if file == "cloud" {
            parameters.crl_distribution_points = vec![CrlDistributionPoint {
                uris: vec!["http://crl.cloud.example/g2.crl".to_owned()],
            }];
            parameters.custom_extensions = vec![ocsp("http://ocsp.cloud.example")];
        }
        let made = parameters.signed_by(&key, issuer).expect("a certificate");
        write(&format!("{file}.crt"), made.pem());
        write(&format!("{file}.key"), key.serialize_pem());
    }
}

/// Authority Information Access with one OCSP responder (RFC 5280 section 4.2.2.1), in DER.
fn ocsp(url: &str) -> CustomExtension {
    let wrapped = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
    };
    let method = wrapped(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1]);
    let described = wrapped(0x30, &[method, wrapped(0x86, url.as_bytes())].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], wrapped(0x30, &described))
}

/// Whoever is sent a challenge says 418: no listener can be in the cloud, nor in a device on the way
/// to it.
fn configuration(site: &Deployment, inspected: &str) -> String {
    let server = |address: &str, file: &str, answer: &str| {
        format!(
            "server {{ listen {address}:443 ssl http2; ssl_certificate {0}.crt; \
                ssl_certificate_key {0}.key; location / {{ if ($http_portmatrix_challenge) {{ \
                return 418; }} {answer} }} }}\n",
            site.path(file)
        )
    };
    let servers = [
        server(INSIDE, "cloud", "return 302 https://portal.elsewhere.example/;"),
        server("[fd77:2::2]", "cloud", "return 302 https://portal.elsewhere.example/;"),
        server(OUTSIDE, "cloud", "return 403;"),
        server(INSPECTING, "inspected", inspected),
        // The web service with the list, on an address of its own.
        format!(
            "server {{ listen {SERVICE}:443 ssl; ssl_certificate {0}.crt; ssl_certificate_key \
                {0}.key; root {1}; default_type application/json; }}\n",
            site.path("cloud"),
            site.path("service")
        ),
        format!("server {{ listen {INSIDE}:80; location / {{ return 200 list; }} }}\n"),
        server(PORTAL, "portal", "return 302 https://portal.hotel.example/login;"),
    ];
    format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp \
            {{\naccess_log off;\n{}}}\n",
        site.path("nginx.pid"),
        servers.concat()
    )
}

fn name<'a>(seen: &'a Seen, name: &str) -> &'a Value {
    let names = seen.json["published"][0]["names"].as_array().expect("names");
    names
        .iter()
        .find(|n| n["name"] == name)
        .unwrap_or_else(|| panic!("{name} is not in {names:#?}"))
}

fn range<'a>(seen: &'a Seen, network: &str) -> &'a Value {
    let ranges = seen.json["published"][0]["ranges"].as_array().expect("ranges");
    ranges
        .iter()
        .find(|n| n["network"] == network)
        .unwrap_or_else(|| panic!("{network} is not in {ranges:#?}"))
}

fn stands(name: &Value) -> (&str, &str) {
    (text(name, "/verdict"), text(name, "/reason"))
}

#[test]
fn each_name_has_its_verdict_and_each_range_its_coverage() {
    let Some(cloud) = Cloud::new() else { return };
    // With the deadlines that everybody has.
    let begun = Instant::now();
    let seen = cloud.connect(&["--connect-timeout", "5s"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let login = name(&seen, "login.cloud.example");
    assert_eq!((stands(login), text(login, "/class")), (("pass", "answered"), "core"));
    assert_eq!(
        (&login["addresses"], &login["working"], &login["status"]),
        (&2.into(), &2.into(), &302.into()),
        "{login:#}"
    );
    assert_eq!(
        (&login["aliases"][0], text(login, "/issuer")),
        (&"gateway.idp.example".into(), "CN=World Trust G2")
    );
    assert_eq!(
        stands(name(&seen, "mfa.idp.example")),
        ("pass", "answered"),
        "the name that is known under a wildcard"
    );
    let outside = name(&seen, "outside.cloud.example");
    assert_eq!(
        (stands(outside), &outside["outside"][0]),
        (("warn", "address-outside-ranges"), &OUTSIDE.into())
    );
    assert_eq!(stands(name(&seen, "inspected.cloud.example")), ("fail", "tls-intercepted"));
    let inspected =
        seen.hops().iter().find(|h| text(h, "/hop").contains("inspected.")).expect("a hop");
    assert!(text(inspected, "/advice").contains("Contoso Inspection CA"), "{inspected:#}");
    assert_eq!(stands(name(&seen, "portal.cloud.example")), ("fail", "tls-name-mismatch"));
    assert_eq!(stands(name(&seen, "gone.cloud.example")), ("pass", "retired"));
    for hole in 1..=6 {
        assert_eq!(
            stands(name(&seen, &format!("hole{hole}.cloud.example"))),
            ("fail", "timed-out")
        );
    }
    assert_eq!(
        stands(name(&seen, "hole7.cloud.example")),
        ("warn", "timed-out"),
        "a retired service is no reason to fail"
    );
    // The dead address is seen, and does not hide the live one.
    let six = name(&seen, "six.cloud.example");
    assert_eq!(
        (stands(six), &six["addresses"], &six["working"]),
        (("fail", "timed-out"), &2.into(), &1.into()),
        "{six:#}"
    );
    let revocation = seen.json["revocation"].as_array().expect("hosts");
    let hosts: Vec<_> = revocation
        .iter()
        .map(|r| {
            (text(r, "/host"), text(r, "/purposes/0"), r["reached"].as_bool(), r["status"].as_u64())
        })
        .collect();
    let wanted = [
        ("crl.cloud.example", "crl", Some(true), Some(200)),
        ("ocsp.cloud.example", "ocsp", Some(false), None),
    ];
    assert_eq!(hosts, wanted, "{revocation:#?}");
    let wildcard = name(&seen, "*.idp.example");
    assert_eq!(wildcard["seen_as"], serde_json::json!(["gateway.idp.example", "mfa.idp.example"]));
    assert!(name(&seen, "*.never.example").get("seen_as").is_none());

    assert_eq!(
        (
            text(range(&seen, "10.77.2.0/24"), "/state"),
            text(range(&seen, "10.99.0.0/16"), "/state")
        ),
        ("partly", "not-exercised")
    );
    assert_eq!(text(range(&seen, "fd77:2::/64"), "/state"), "partly");
    let through = range(&seen, "10.77.2.0/24")["through"].as_array().expect("addresses");
    let holes: Vec<&Value> = through.iter().filter(|t| t["reached"] == false).collect();
    assert!(
        holes.len() == 7 && holes.iter().all(|hole| hole["reason"] == "timed-out"),
        "{holes:#?}"
    );
    // A run walks only some of many ways that end alike, and one serves the others.
    assert!(holes.iter().any(|hole| hole["last_seen"] == "10.77.1.1"), "{holes:#?}");
}

#[test]
fn picked_addresses_tell_of_ranges_without_a_name() {
    let Some(cloud) = Cloud::new() else { return };
    // A range behind the cloud's host, of which every address is its own; another, which ends at
    // the router.
    cloud.site.net.host("psp").must_sh("ip route add local 10.99.0.0/16 dev lo");
    cloud.site.net.route_behind("10.99.0.0/16", "psp");
    let seen = cloud.connect(&[
        "--ranges",
        "sample:2",
        "--hop",
        "internet/names/ws.contoso.test/login.cloud.example:443",
    ]);
    let whole = range(&seen, "10.99.0.0/16");
    // Nobody listens there: it refuses, which a device on the way could do as well.
    assert_eq!(text(whole, "/state"), "not-exercised", "{whole:#}");
    let through = whole["through"].as_array().expect("addresses");
    assert_eq!(through.len(), 2, "{whole:#}");
    assert!(
        through.iter().all(|t| t["reason"] == "refused" && t.get("name").is_none()),
        "{whole:#}"
    );

    let rules = "table ip n { chain c { type nat hook prerouting priority -100; ip daddr \
        10.99.0.0/16 tcp dport 443 dnat to 10.77.2.2; }; }";
    cloud.site.net.host("psp").must_sh(&format!("nft '{rules}'"));
    let seen = cloud.connect(&[
        "--ranges",
        "sample:2",
        "--hop",
        "internet/names/ws.contoso.test/login.cloud.example:443",
    ]);
    assert_eq!(
        text(range(&seen, "10.99.0.0/16"), "/state"),
        "seen-open",
        "{:#}",
        range(&seen, "10.99.0.0/16")
    );

    cloud.site.net.router_sh("ip route replace blackhole 10.99.0.0/16");
    let seen = cloud.connect(&[
        "--ranges",
        "sample:2",
        "--hop",
        "internet/names/ws.contoso.test/login.cloud.example:443",
    ]);
    let hole = range(&seen, "10.99.0.0/16");
    let through = hole["through"].as_array().expect("addresses");
    assert!(
        through.len() == 2
            && through.iter().all(|t| t.get("reached").is_none() && t["reason"] != "refused"),
        "{hole:#}"
    );
    assert_eq!(text(range(&seen, "10.77.2.0/24"), "/state"), "seen-open", "through its name");
}

#[test]
fn a_site_with_ranges_of_its_own_is_judged_by_these() {
    let Some(cloud) = Cloud::new() else { return };
    let site = cloud.site.path("site.toml");
    let before = std::fs::read_to_string(&site).expect("a file");
    std::fs::write(&site, before + "[networks]\ncloud = [\"10.88.0.0/24\"]\n").expect("a file");
    let seen = cloud.connect(&["--flow", "internet/names"]);
    assert_eq!(stands(name(&seen, "outside.cloud.example")), ("pass", "answered"));
    assert_eq!(stands(name(&seen, "graph.cloud.example")), ("warn", "address-outside-ranges"));
    assert_eq!(text(range(&seen, "10.88.0.0/24"), "/state"), "seen-open");
}

#[test]
fn a_client_without_ipv6_is_not_told_off_for_it() {
    let Some(cloud) = Cloud::new() else { return };
    cloud.site.net.host("ws").must_sh("ip -6 route del default; ip -6 addr flush dev eth0");
    let seen = cloud.connect(&["--hop", "internet/names/ws.contoso.test/login.cloud.example:443"]);
    let login = name(&seen, "login.cloud.example");
    assert_eq!((stands(login), &login["addresses"]), (("pass", "answered"), &1.into()));
    assert!(text(&seen.hops()[0], "/notes/0").contains("fd77:2::2"), "{:#}", seen.hops()[0]);
    assert_eq!(name(&seen, "graph.cloud.example").get("verdict"), None, "it was not asked for");
}

/// Squid in the namespace of the DNS server: it allows all names but one, or wants a sign-in that
/// is not spoken here.
fn squid(cloud: &Cloud, port: u16, wants: &str) -> Process {
    let (site, dc) = (&cloud.site, cloud.site.net.host("dc"));
    let access = if wants.is_empty() {
        "http_access allow all"
    } else {
        "acl known proxy_auth REQUIRED\nhttp_access allow known"
    };
    let conf = format!(
        "http_port {port}\npid_filename none\ncache_log /dev/null\naccess_log none\ncache deny \
            all\ndns_nameservers 10.77.3.2\n\
         connect_timeout 2 seconds\nforward_max_tries 1\nshutdown_lifetime 0 seconds\n{wants}\n\
         acl blocked dstdomain graph.cloud.example\nhttp_access deny blocked\n{access}\n"
    );
    let file = site.path(&format!("squid{port}.conf"));
    std::fs::write(&file, conf).expect("a file");
    // Squids of one name share memory, and tests run side by side.
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let name = format!("squid{}n{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
    let mut squid = dc.start("squid", &["-n", &name, "-N", "-f", &file]);
    squid.wait_listening(dc, &[port], Duration::from_secs(30));
    squid
}

/// The same by tinyproxy, which wants a name and a password.
fn tinyproxy(cloud: &Cloud, port: u16) -> Process {
    let (site, dc) = (&cloud.site, cloud.site.net.host("dc"));
    dc.resolver("nameserver 10.77.3.2\n");
    let conf =
        format!("Port {port}\nTimeout 10\nMaxClients 50\nConnectPort 443\nBasicAuth ann s3cret\n");
    let file = site.path("tinyproxy.conf");
    std::fs::write(&file, conf).expect("a file");
    let mut proxy = dc.start("tinyproxy", &["-d", "-c", &file]);
    proxy.wait_listening(dc, &[port], Duration::from_secs(20));
    proxy
}

fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("-v").output();
    if let Err(error) = &found {
        left_out(&format!(
            "{program} cannot be run here ({error}); on Debian `apt-get install {program}`"
        ));
    }
    found.is_ok()
}

/// The hops of one name through a proxy.
fn through<'a>(seen: &'a Seen, name: &str) -> &'a Value {
    let on_it = |h: &&Value| text(h, "/to/host") == name && h.get("proxy").is_some();
    seen.hops()
        .iter()
        .find(on_it)
        .unwrap_or_else(|| panic!("no hop to {name} through a proxy: {}", seen.done))
}

fn ended(hop: &Value) -> (&str, &str) {
    (text(hop, "/verdict"), text(hop, "/reason"))
}

#[test]
fn an_inspecting_device_that_breaks_off_is_told_for_what_it_is() {
    let Some(cloud) = Cloud::with("return 444;") else { return };
    let seen =
        cloud.connect(&["--hop", "internet/names/ws.contoso.test/inspected.cloud.example:443"]);
    let hop = &seen.hops()[0];
    assert_eq!(ended(hop), ("fail", "tls-intercepted"), "{hop:#}");
    assert!(
        hop["steps"].as_array().expect("steps").iter().any(|step| step["ok"] == false),
        "the answer breaks off: {hop:#}"
    );
}

#[test]
fn a_proxy_and_the_direct_way_are_two_hops() {
    let Some(cloud) = Cloud::new() else { return };
    if !has("squid") {
        return;
    }
    let _squid = squid(&cloud, 3128, "");
    let begun = Instant::now();
    let seen = cloud.connect(&["--proxy", "http://10.77.3.2:3128", "--proxy", "direct"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let login = through(&seen, "login.cloud.example");
    assert_eq!(ended(login), ("pass", "answered"), "{login:#}");
    let rungs: Vec<&str> =
        login["steps"].as_array().expect("steps").iter().map(|s| text(s, "/step")).collect();
    assert_eq!(rungs[..5], ["connect", "proxy", "tls", "alpn", "http"], "{login:#}");
    assert_eq!(
        (&login["steps"][1]["facts"]["proxy"]["status"], text(login, "/proxy")),
        (&200.into(), "10.77.3.2:3128")
    );
    let graph = through(&seen, "graph.cloud.example");
    assert_eq!(
        (ended(graph), &graph["steps"][1]["facts"]["proxy"]["status"]),
        (("fail", "proxy-refused"), &403.into()),
        "{graph:#}"
    );
    assert!(
        text(graph, "/advice").contains("10.77.3.2:3128") && text(graph, "/advice").contains("403"),
        "{graph:#}"
    );
    assert_eq!(ended(through(&seen, "inspected.cloud.example")), ("fail", "tls-intercepted"));
    assert_eq!(
        ended(through(&seen, "outside.cloud.example")),
        ("pass", "answered"),
        "which address the proxy takes is not known"
    );
    let hole = through(&seen, "hole1.cloud.example");
    assert_eq!(ended(hole), ("fail", "proxy-refused"));
    let advice = text(hole, "/advice");
    assert!(
        advice.starts_with("Behind the proxy") && advice.contains("hole1.cloud.example:443"),
        "behind it, not before it: {advice}"
    );
    let gone = through(&seen, "gone.cloud.example");
    assert_eq!(ended(gone), ("warn", "proxy-refused"), "no name that the proxy could look up");
    assert!(text(gone, "/advice").starts_with("Behind the proxy"), "{gone:#}");
    let published = seen.json["published"].as_array().expect("tables");
    assert_eq!(published.len(), 2, "one for each way");
    assert_eq!(
        (published[0].get("proxy"), published[0]["ranges"].as_array().map(Vec::len)),
        (Some(&"10.77.3.2:3128".into()), Some(0))
    );
    assert_eq!(
        (published[1].get("proxy"), published[1]["ranges"].as_array().map(Vec::len)),
        (None, Some(3))
    );
    let direct = published[1]["names"]
        .as_array()
        .expect("names")
        .iter()
        .find(|n| n["name"] == "graph.cloud.example")
        .expect("a name");
    assert_eq!(stands(direct), ("pass", "answered"));
}

#[test]
fn a_proxy_with_several_addresses_is_tried_at_each() {
    let Some(cloud) = Cloud::new() else { return };
    if !has("squid") {
        return;
    }
    let _squid = squid(&cloud, 3128, "");
    let seen = cloud.connect(&["--proxy", "http://proxies.contoso.test:3128"]);
    let login = through(&seen, "login.cloud.example");
    assert_eq!(ended(login), ("pass", "answered"), "{login:#}");
    let connect = login["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .find(|s| s["step"] == "connect")
        .expect("a rung");
    assert_eq!(text(connect, "/facts/connect/destination"), "10.77.3.2:3128", "{login:#}");
    // DNS may give them in any order: where the dead one came first, it is told.
    if let Some(tried) = connect.pointer("/facts/connect/tried_before") {
        assert!(tried[0].as_str().is_some_and(|t| t.starts_with("10.77.2.2 (")), "{tried}");
        assert!(login["notes"].to_string().contains("tried before 10.77.3.2:3128"), "{login:#}");
    }
}

#[test]
fn what_a_proxy_wants_is_told() {
    let Some(cloud) = Cloud::new() else { return };
    if !has("squid") || !has("tinyproxy") {
        return;
    }
    let _squid = squid(
        &cloud,
        3129,
        "auth_param negotiate program /bin/cat\nauth_param ntlm program /bin/cat",
    );
    let _tiny = tinyproxy(&cloud, 8888);
    let login = |seen: &Seen| through(seen, "login.cloud.example").clone();
    let wants = login(&cloud.connect(&["--proxy", "http://10.77.3.2:3129"]));
    assert_eq!(ended(&wants), ("fail", "proxy-authentication"), "{wants:#}");
    assert!(text(&wants, "/advice").contains("wants Negotiate, NTLM"), "{wants:#}");
    let none = login(&cloud.connect(&["--proxy", "http://10.77.3.2:8888"]));
    assert_eq!(
        (ended(&none), &none["steps"][1]["facts"]["proxy"]["wants"]),
        (("fail", "proxy-authentication"), &serde_json::json!(["Basic"]))
    );
    let wrong = cloud.connect(&["--proxy", "http://ann:wr0ng@10.77.3.2:8888"]);
    assert_eq!(ended(&login(&wrong)), ("fail", "proxy-authentication"));
    assert!(
        !wrong.done.out.contains("wr0ng") && !wrong.done.err.contains("wr0ng"),
        "a password is shown to nobody"
    );
    let right = login(&cloud.connect(&["--proxy", "http://ann:s3cret@10.77.3.2:8888"]));
    assert_eq!(ended(&right), ("pass", "answered"), "{right:#}");
}

#[test]
fn the_environment_and_the_site_name_a_proxy_and_dead_ones_are_seen() {
    let Some(cloud) = Cloud::new() else { return };
    if !has("tinyproxy") {
        return;
    }
    let _tiny = tinyproxy(&cloud, 8888);
    let ws = cloud.site.net.host("ws");
    let run = |environment: &str| {
        let command = format!(
            "{environment} {} connect --site {} --as ws.contoso.test --ca {} --public-roots {} \
                --format json --connect-timeout 1s",
            crate::support::deployment::PROGRAM,
            cloud.site.path("site.toml"),
            cloud.site.path("all.pem"),
            cloud.site.path("public.pem")
        );
        let done = ws.run("sh", &["-c", &command], Duration::from_secs(60));
        let json = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done}"));
        Seen { done, json }
    };
    let seen = run(
        "HTTPS_PROXY=http://ann:s3cret@10.77.3.2:8888 NO_PROXY=graph.cloud.example,.idp.example",
    );
    assert_eq!(ended(through(&seen, "login.cloud.example")), ("pass", "answered"));
    let graph =
        seen.hops().iter().find(|h| text(h, "/to/host") == "graph.cloud.example").expect("a hop");
    assert_eq!(
        (ended(graph), graph.get("proxy")),
        (("pass", "answered"), None),
        "without the proxy"
    );

    let site = std::fs::read_to_string(cloud.site.path("site.toml")).expect("a file");
    let with = |proxy: &str| {
        std::fs::write(
            cloud.site.path("site.toml"),
            site.replace("[roles]", "")
                .replace("topology", &format!("proxy = \"{proxy}\"\ntopology")),
        )
        .expect("a file");
        let text = std::fs::read_to_string(cloud.site.path("site.toml"))
            .expect("a file")
            .replace("client =", "[roles]\nclient =");
        std::fs::write(cloud.site.path("site.toml"), text).expect("a file");
    };
    with("http://10.77.2.91:3128");
    assert_eq!(
        ended(through(&run("HTTPS_PROXY=http://10.77.3.2:8888"), "login.cloud.example")),
        ("fail", "timed-out"),
        "the site says it first"
    );
    with("http://proxy.nowhere.example:3128");
    let seen = run("");
    let login = through(&seen, "login.cloud.example");
    assert_eq!(ended(login), ("fail", "name-not-found"));
    assert!(text(login, "/advice").contains("proxy.nowhere.example"), "{login:#}");
    with("http://10.77.3.2:53");
    assert_eq!(
        through(&run(""), "login.cloud.example")["verdict"],
        "fail",
        "who is no proxy opens no way"
    );
}

#[test]
fn the_list_is_fetched_with_its_certificate_checked_and_through_a_proxy() {
    let Some(cloud) = Cloud::new() else { return };
    if !has("squid") {
        return;
    }
    let _squid = squid(&cloud, 3128, "");
    for (file, text) in [
        ("version", r#"{"instance":"China","latest":"2026110100"}"#),
        (
            "endpoints",
            r#"[{"id":7,"urls":["login.cloud.example","*.idp.example"],"ips":["10.77.2.0/25"],"tcpPorts":"443"}]"#,
        ),
    ] {
        std::fs::create_dir_all(cloud.site.path(&format!("service/{file}"))).expect("a folder");
        std::fs::write(cloud.site.path(&format!("service/{file}/China")), text).expect("a file");
    }
    let ws = cloud.site.net.host("ws");
    let diff = |number: usize, more: &[&str]| {
        let cache = format!("XDG_CACHE_HOME={}", cloud.site.path(&format!("cache{number}")));
        let fixed = [
            "matrix",
            "diff",
            "https://endpoints.cloud.example",
            "--instance",
            "china",
            "--matrices",
            TABLES,
            "--matrix",
            "cloud",
        ];
        let words =
            [&[cache.as_str(), crate::support::deployment::PROGRAM], &fixed[..], more].concat();
        ws.run("env", &words, Duration::from_secs(30))
    };
    let (trusted, all) = (cloud.site.path("public.pem"), cloud.site.path("all.pem"));
    for (number, more) in
        [(1, vec!["--ca", &trusted]), (2, vec!["--ca", &all, "--proxy", "http://10.77.3.2:3128"])]
    {
        let done = diff(number, &more);
        assert_eq!(done.code, Some(1), "{done}");
        assert!(
            done.out.contains("list of 2026-11-01") && done.out.contains("- graph.cloud.example"),
            "{done}"
        );
        assert!(
            done.out.contains("- 10.77.2.128/25") && done.out.contains("- 10.99.0.0/16"),
            "{done}"
        );
    }
    let own = cloud.site.path("cloud.crt");
    let done = diff(3, &["--ca", &own]);
    assert!(
        done.code == Some(2) && said(&done).contains("is not trusted by this machine"),
        "an unknown authority is not asked: {done}"
    );
    let done = diff(4, &["--ca", &trusted, "--proxy", "http://10.77.3.2:3129"]);
    assert!(done.code == Some(2) && said(&done).contains("refused the connection"), "{done}");
}

/// An error as one line.
fn said(done: &crate::support::netns::Done) -> String {
    done.err.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_client_with_ipv6_alone_reaches_what_has_it() {
    let Some(cloud) = Cloud::new() else { return };
    let ws = cloud.site.net.host("ws");
    ws.must_sh("ip route del default");
    ws.resolver("nameserver fd77:3::2\n");
    let site = cloud.site.path("site.toml");
    let text_of = std::fs::read_to_string(&site).expect("a file").replace("10.77.1.2", "fd77:1::2");
    std::fs::write(&site, text_of).expect("a file");
    let seen = cloud.connect(&[]);
    let login = name(&seen, "login.cloud.example");
    assert_eq!(
        (stands(login), &login["addresses"]),
        (("pass", "answered"), &1.into()),
        "its IPv4 address is left out: {login:#}"
    );
    assert_eq!(
        stands(name(&seen, "graph.cloud.example")),
        ("inconclusive", "local-no-route"),
        "it has IPv4 alone"
    );
    assert_eq!(
        stands(name(&seen, "six.cloud.example")),
        ("fail", "timed-out"),
        "the dead one is all that is left"
    );
}

#[test]
fn offline_every_name_ends_with_a_local_reason_and_quickly() {
    let Some(cloud) = Cloud::new() else { return };
    let ws = cloud.site.net.host("ws");
    // The server is behind a router that swallows everything, as the usual state of a machine
    // without the internet is; then there is no way at all.
    for (resolver, reason) in
        [("nameserver 10.77.2.91\n", "dns-timed-out"), ("nameserver 192.0.2.53\n", "dns-failed")]
    {
        ws.resolver(resolver);
        if reason == "dns-failed" {
            ws.must_sh("ip route del default; ip -6 route del default");
        }
        let begun = Instant::now();
        let seen = cloud.connect(&[]);
        assert_eq!(seen.done.code, Some(3), "{}", seen.done);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert_eq!(seen.hops().len(), 15, "every name but the two wildcards");
        for hop in seen.hops() {
            assert_eq!(
                (text(hop, "/verdict"), text(hop, "/reason")),
                ("inconclusive", reason),
                "{hop:#}"
            );
        }
    }
}

#[test]
fn names_and_ranges_have_tables_at_80_and_120_columns() {
    let Some(cloud) = Cloud::new() else { return };
    let out = cloud.site.path("result.json");
    cloud.connect(&["--out", &out]);
    for width in [80, 120] {
        let ws = cloud.site.net.host("ws");
        let command =
            format!("COLUMNS={width} {} report {out}", crate::support::deployment::PROGRAM);
        let done = ws.run("sh", &["-c", &command], Duration::from_secs(20));
        assert!(done.out.lines().all(|line| line.chars().count() <= width), "{done}");
        assert!(done.out.contains("Names of cloud from ws.contoso.test"), "{done}");
        assert!(done.out.contains("Ranges of cloud: 2 partly, 1 unknown of 3"), "{done}");
        assert!(
            done.out.contains("OLD LIST: the names and ranges of cloud are those of 2023-07-31"),
            "{done}"
        );
        assert!(done.out.contains("*.never.example: an entry for an allow list"), "{done}");
        let line = done
            .out
            .lines()
            .find(|line| line.contains("login.cloud.example") && line.contains("2/2"))
            .unwrap_or_else(|| panic!("{done}"));
        assert_eq!(
            (line.contains("core"), line.contains("World Trust G2")),
            (width == 120, width == 120),
            "{line}"
        );
    }
}
