//! What a right site file becomes; broken ones are in `tests/data/site/invalid`.

use super::*;
use crate::matrix::port_set::PortSet;
use crate::site::model::Host;

const TABLES: &str = r#"
[matrix]
id = "shop/direct"
title = "Shop"
topology = "direct"
[matrix.source]
document = "Handbook"
[ports]
db = 5432
[ranges]
dynamic = "49152-65535"
[[interface]]
name = "drs"
uuid = "e3514235-4b06-11d1-ab04-00c04fc2dcd2"
version = "4.0"
[[feature]]
id = "audit"
title = "Audit"
[[feature]]
id = "search"
title = "Search"
default = true
[[role]]
id = "web"
title = "Web"
locate = "dc"
[[role]]
id = "db"
title = "Database"
[[flow]]
id = "query"
from = "web"
to = "db"
port = "db"
protocol = "tcp"
when = ["search"]
row = 1
[[flow]]
id = "replicate"
from = "db"
to = "web"
port = 135
protocol = "rpc"
interfaces = ["drs"]
range = "dynamic"
when = ["!audit"]
row = 2
"#;

const OTHER: &str = r#"
[matrix]
id = "mill/any"
title = "Mill"
[matrix.source]
document = "Handbook"
[[role]]
id = "a"
title = "A"
[[role]]
id = "b"
title = "B"
[[flow]]
id = "f"
from = "a"
to = "b"
port = 80
row = 1
protocol = "http"
"#;

fn read_with(tables: &[(&str, &str)], text: &str) -> Result<Site, Vec<String>> {
    let registry = Registry::of(tables.iter().copied()).expect("the tables are right");
    let messages = |mistakes: Vec<Mistake>| {
        mistakes.iter().map(|mistake| mistake.message().to_owned()).collect()
    };
    parse("site.toml", text, Path::new("/sites/contoso"), &registry).map_err(messages)
}

fn read(text: &str) -> Result<Site, Vec<String>> {
    read_with(&[("shop.toml", TABLES)], text)
}

#[test]
fn a_whole_site_is_read() {
    let text = r#"
[site]
name = " contoso "
product = "shop"
topology = "direct"
features = ["audit", "!search"]
key = "keys/site.key"
matrices = ["tables", "/opt/tables"]
port-offset = 100
[ports]
db = 6000
[ranges]
dynamic = "50000-50100"
[roles]
web = ["SRV.contoso.com.", "10.20.0.0/16", { name = "srv2", addresses = ["10.0.0.2", "2001:db8::2"] }, { discover = "Contoso.com" }]
db = "10.1.1.1"
"#;
    let site = read(text).expect("it is right");
    assert_eq!(
        (site.name.as_str(), site.product.as_str(), site.topology.as_str()),
        ("contoso", "shop", "direct")
    );
    assert_eq!(site.features, BTreeMap::from([("audit".into(), true), ("search".into(), false)]));
    assert_eq!(site.ports["db"], 6000);
    assert_eq!(site.ranges["dynamic"], PortSet::run(50000, 50100));
    assert_eq!(site.port_offset, 100);
    let folder = Path::new("/sites/contoso");
    assert_eq!(site.key.as_deref(), Some(folder.join("keys/site.key").as_path()));
    assert_eq!(site.matrices, [folder.join("tables"), PathBuf::from("/opt/tables")]);
    let labels: Vec<String> = site.roles["web"].iter().map(Host::label).collect();
    assert_eq!(labels, ["srv.contoso.com", "10.20.0.0/16", "srv2", "discover:contoso.com"]);
    assert!(matches!(&site.roles["web"][2], Host::Named { addresses, .. } if addresses.len() == 2));
    assert!(matches!(&site.roles["db"][0], Host::Address(_)));
}

#[test]
fn the_product_is_found_by_its_topology_where_that_is_enough() {
    let site = |head: &str| format!("[site]\nname = \"x\"\n{head}\n[roles]\n");
    let both = [("shop.toml", TABLES), ("mill.toml", OTHER)];
    assert_eq!(read(&site("topology = \"direct\"")).expect("one product").product, "shop");
    assert_eq!(
        read_with(&both, &site("topology = \"direct\"")).expect("one has it").product,
        "shop"
    );
    assert_eq!(
        read_with(&both, &site("product = \"mill\"")).expect("nothing to choose").topology,
        ""
    );
    let wrong = |head: &str| read_with(&both, &site(head)).expect_err("it is wrong");
    assert_eq!(wrong(""), ["`product` is missing in [site]"]);
    assert_eq!(wrong("topology = \"proxied\""), ["no product has the topology \"proxied\""]);
    assert_eq!(wrong("product = \"shop\""), ["`topology` is missing in [site]"]);
    assert_eq!(
        wrong("product = 7\ntopology = \"direct\""),
        ["`product` must be a string, not a whole number"]
    );
}

#[test]
fn fixed_addresses_hold_for_every_role_of_the_host() {
    let text = |db: &str| {
        format!(
            "[site]\nname = \"x\"\ntopology = \"direct\"\n[roles]\nweb = [\"srv\"]\ndb = [{{ name \
                = \"srv\", addresses = [{db}] }}]\n"
        )
    };
    let site = read(&text("\"10.0.0.1\"")).expect("it is right");
    assert_eq!(site.roles["web"], site.roles["db"]);
    assert!(matches!(&site.roles["web"][0], Host::Named { addresses, .. } if addresses.len() == 1));
}

#[test]
fn the_offset_must_leave_every_port_a_port() {
    let text = |offset: u32, more: &str| {
        format!(
            "[site]\nname = \"x\"\ntopology = \"direct\"\nport-offset = {offset}\n{more}\n[roles]\n"
        )
    };
    assert_eq!(
        read(&text(60500, "[ports]\ndb = 6000")).expect_err("too large"),
        ["`port-offset` carries port 6000 and the range `dynamic` (49152-65535) past 65535"]
    );
    let narrow = "[ranges]\ndynamic = \"49152-49161\"";
    assert_eq!(read(&text(16374, narrow)).expect("49161 becomes 65535").port_offset, 16374);
    assert!(read(&text(16375, narrow)).is_err());
    assert_eq!(read(&text(0, "")).expect("no offset").port_offset, 0);
    assert_eq!(
        read(&text(65535, "")).expect_err("too large"),
        ["`port-offset` must be between 0 and 65534"]
    );
}

#[test]
fn no_text_makes_the_loader_panic_or_succeed_by_accident() {
    use proptest::prelude::*;
    let registry = Registry::of([("shop.toml", TABLES)]).expect("the tables are right");
    let pieces = prop::collection::vec(
        prop_oneof![
            Just("[site]\n".to_owned()),
            Just("name = \"x\"\n".to_owned()),
            Just("topology = \"direct\"\n".to_owned()),
            Just("[roles]\n".to_owned()),
            Just("[ports]\n".to_owned()),
            "(web|db|features|port-offset|key|dynamic) = ",
            "\"[ -~]{0,12}\"\n",
            "[0-9]{1,6}\n",
            Just("[{ name = \"a\", addresses = [\"1.2.3.4\"] }]\n".to_owned()),
            Just("[{}, [], 1]\n".to_owned()),
        ],
        0..14,
    );
    proptest!(|(pieces in pieces)| {
        match parse("site.toml", &pieces.concat(), Path::new(""), &registry) {
            Ok(site) => prop_assert_eq!(site.topology, "direct"),
            Err(mistakes) => prop_assert!(!mistakes.is_empty()),
        }
    });
}

#[test]
fn ways_with_nat_are_between_roles_and_hosts() {
    let site = |nat: &str| {
        read(&format!(
            "[site]\nname = \"x\"\ntopology = \"direct\"\n[roles]\nweb = \
                \"srv.contoso.com\"\ndb = [\"10.1.1.1\", \"10.1.1.2\"]\n[nat]\n{nat}"
        ))
    };
    let ways: Vec<(String, String)> =
        site("web = [\"DB\", \"10.1.1.2\"]\n\"10.1.1.1\" = \"SRV.contoso.com.\"\n")
            .expect("it is right")
            .nat
            .into_iter()
            .map(|way| (way.from, way.to))
            .collect();
    let wanted = [("web", "db"), ("web", "10.1.1.2"), ("10.1.1.1", "srv.contoso.com")];
    assert_eq!(ways, wanted.map(|(from, to)| (from.to_owned(), to.to_owned())));
    assert_eq!(
        site("wbe = \"db\"\nweb = [\"srv\", 1]\n").expect_err("three mistakes").len(),
        3,
        "all at once"
    );
}

#[test]
fn controls_name_hosts_as_the_roles_do() {
    let site = |controls: &str| {
        read(&format!(
            "[site]\nname = \"x\"\ntopology = \"direct\"\n[roles]\nweb = [\"srv.contoso.com\", {{ \
                discover = \"Fabrikam.com\" }}]\ndb = \"10.1.1.1\"\n[controls]\n{controls}"
        ))
    };
    let read =
        site("\"SRV.contoso.com.\" = 3389\n\"10.1.1.1\" = [22, 443]\n\"dc01.fabrikam.com\" = 53\n")
            .expect("it is right");
    let wanted = [
        ("10.1.1.1", vec![22, 443]),
        ("dc01.fabrikam.com", vec![53]),
        ("srv.contoso.com", vec![3389]),
    ];
    assert_eq!(read.controls, wanted.map(|(host, ports)| (host.to_owned(), ports)).into());
    assert!(site("").expect("it is right").controls.is_empty());
    assert_eq!(
        site("srv.contoso.com = 3389\n").expect_err("no quotes"),
        ["a host name with dots must be in quotes"]
    );
}
