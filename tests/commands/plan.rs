//! `portmatrix plan` and `portmatrix init` as a user runs them: what is in the plan of two small
//! sites, a second product, exit codes. (`snapshots.rs` has the outputs as a whole.)

use crate::shown::{self, data};
use portmatrix::matrix::Registry;
use portmatrix::plan::build::build;
use portmatrix::site::load::parse;
use std::path::Path;
use std::process::Output;

fn run(width: u16, arguments: &[&str]) -> Output {
    shown::run(&[], width, arguments)
}

fn stdout(width: u16, arguments: &[&str]) -> String {
    shown::stdout(&[], width, arguments)
}

fn stderr(arguments: &[&str]) -> String {
    shown::stderr(&[], arguments)
}

const LAN: &[&str] = &["plan", "--site", "lan.toml", "--matrices", "../second-product"];
const DIRECT: &[&str] = &["plan", "--site", "direct.toml"];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn the_plan_of_the_direct_site_is_what_the_document_says() {
    let document: serde_json::Value =
        serde_json::from_str(&stdout(80, &with(DIRECT, &["--format", "json"]))).expect("JSON");
    let hops: Vec<&str> = document["hops"]
        .as_array()
        .expect("hops")
        .iter()
        .filter_map(|hop| hop["hop"].as_str())
        .collect();
    for wanted in [
        "direct/migration-agent-to-service/ws-0417.contoso.com/psp01.contoso.com:5080",
        "direct/migration-agent-to-service/10.20.0.0_16/psp01.contoso.com:5080",
        "direct/service-to-dc-ldap/psp01.contoso.com/dc01.contoso.com:389",
        "direct/service-to-dc-ldap/psp01.contoso.com/dc01.fabrikam.com[10.2.0.1]:389",
        "direct/service-to-dc-ldap/psp01.contoso.com/dc01.fabrikam.com[2001:db8:2::1]:389",
        "sid-history/service-to-target-pdc/psp01.contoso.com/dc01.fabrikam.com[10.2.0.1]:135",
    ] {
        assert!(hops.contains(&wanted), "{wanted} is not in {hops:#?}");
    }
    let rpc = document["hops"]
        .as_array()
        .expect("hops")
        .iter()
        .find(|hop| hop["protocol"] == "rpc")
        .expect("an RPC hop");
    assert_eq!(rpc["range"], "50000-50100");
    assert!(hops.iter().all(|hop| !hop.contains("login.")), "Entra ID is switched off");
}

#[test]
fn one_role_or_host_has_its_part() {
    let part = |who: &str| {
        stdout(200, &with(DIRECT, &["--as", who, "--format", "csv"])).lines().count() - 1
    };
    assert_eq!(part("migration-agent"), 2);
    assert_eq!(part("ws-0417"), 1);
    assert!(part("psp01.contoso.com") > part("dc01.contoso.com"));
    let message = stderr(&with(DIRECT, &["--as", "migration-agnet"]));
    assert!(message.contains("did you mean \"migration-agent\"?"), "{message}");
}

#[test]
fn a_second_product_needs_no_change_of_the_program() {
    let text = stdout(120, &with(LAN, &["--as", "backup-client", "--format", "csv"]));
    assert!(text.contains("lan/client-data/10.5.1.0_24/10.5.0.2:17100,"), "{text}");
    assert!(text.contains("lan/client-control/media.branch.example/10.5.0.2:17000,"));
    let message = stderr(&["plan", "--site", "lan.toml"]);
    assert!(message.contains("no product is called \"acme-backup\""), "{message}");
}

#[test]
fn a_site_may_name_the_folder_of_its_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = std::fs::read_to_string(data("site/lan.toml"))
        .expect("readable")
        .replace("topology =", "matrices = [\"tables\"]\ntopology =");
    let path = folder.path().join("site.toml");
    std::fs::write(&path, &site).expect("written");
    let path = path.to_str().expect("UTF-8");
    let message = stderr(&["plan", "--site", path]);
    assert!(message.contains("does not exist"), "{message}");
    std::fs::create_dir(folder.path().join("tables")).expect("made");
    for file in ["product.toml", "lan.toml"] {
        std::fs::copy(data("second-product").join(file), folder.path().join("tables").join(file))
            .expect("copied");
    }
    assert_eq!(
        stdout(80, &["plan", "--site", path]),
        stdout(80, LAN),
        "the same as with --matrices"
    );
    std::fs::write(folder.path().join("tables/broken.toml"), "[matrix]\nid = 7\n")
        .expect("written");
    let message = stderr(&["plan", "--site", path]);
    assert!(message.contains("`id` must be a string"), "{message}");
    assert!(
        !message.contains("unknown"),
        "what the broken table would have declared is not called unknown: {message}"
    );
}

#[test]
fn missing_and_broken_sites_end_with_2() {
    let message = stderr(&["plan"]);
    assert!(
        message.contains("site.toml does not exist")
            && message.contains("portmatrix init > site.toml"),
        "{message}"
    );
    let message = stderr(&["plan", "--site", "invalid/features.toml"]);
    assert!(
        message.contains("did you mean `sid-history`?") && message.contains("both on and off"),
        "{message}"
    );
}

#[test]
fn an_unused_role_is_noted() {
    let output = run(80, &["plan", "--site", "unused-role.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "note: no flow uses the role reverse-proxy at the topology direct\n"
    );
}

#[test]
fn what_init_prints_is_a_right_site_with_hops_at_every_topology() {
    let tables = data("second-product");
    let tables = tables.to_str().expect("UTF-8");
    let mut registry = Registry::embedded().expect("the built-in tables are right");
    registry.with_directory(Path::new(tables)).expect("so are these");
    let mut tried = 0;
    for product in registry.products() {
        for topology in &product.topologies {
            let text = stdout(
                80,
                &["init", "--matrices", tables, "--product", &product.id, "--topology", topology],
            );
            assert!(
                text.lines().all(|line| !line.starts_with('#') || line.chars().count() <= 110),
                "comments are folded:\n{text}"
            );
            let site = parse("site.toml", &text, Path::new(""), &registry)
                .unwrap_or_else(|m| panic!("{m:#?}\n{text}"));
            let plan = build(product, registry.matrices(), &site).expect("a plan");
            assert!(!plan.hops.is_empty(), "{text}");
            for feature in &product.features {
                assert!(text.contains(&feature.id), "{}", feature.id);
            }
            // With everything that is commented out, except the optional paths, it is right too.
            let all: Vec<String> = text
                .lines()
                .map(|line| match line.strip_prefix("# ") {
                    Some(rest)
                        if rest.contains(" = ")
                            && !rest.starts_with([' ', '['])
                            && !rest.starts_with("matrices")
                            && !rest.contains('{') =>
                    {
                        rest.to_owned()
                    }
                    _ => line.to_owned(),
                })
                .collect();
            let full = parse("site.toml", &all.join("\n"), Path::new(""), &registry)
                .unwrap_or_else(|m| panic!("{m:#?}"));
            assert!(full.roles.len() > site.roles.len() || product.roles.len() == site.roles.len());
            assert_eq!(full.ports.len(), product.ports.len());
            assert_eq!(full.ranges.len(), product.ranges.len());
            tried += 1;
        }
    }
    assert!(tried >= 3);
    let message = stderr(&["init", "--topology", "directt"]);
    assert!(message.contains("did you mean `direct`?"), "{message}");
    assert!(stdout(80, &["init"]).contains("topology = \"direct\""));
}

#[test]
fn what_init_prints_for_tables_of_a_folder_is_read_without_naming_them_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = data("second-product");
    let text = stdout(
        80,
        &["init", "--matrices", tables.to_str().expect("UTF-8"), "--product", "acme-backup"],
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("matrices = [") && line.contains("second-product")),
        "{text}"
    );
    let site = folder.path().join("site.toml");
    std::fs::write(&site, text).expect("written");
    stdout(80, &["plan", "--site", site.to_str().expect("UTF-8")]);
}

#[test]
fn names_of_windows_may_have_underscores() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = folder.path().join("site.toml");
    let text = "[site]\nname = \"x\"\nproduct = \"acme-backup\"\ntopology = \"lan\"\nmatrices = \
        [TABLES]\n[roles]\nbackup-client = \"WS_17\"\nmedia-server \
        = \"SRV_APP01.contoso_old.local\"\n";
    let tables = format!("'{}'", data("second-product").display());
    std::fs::write(&site, text.replace("TABLES", &tables)).expect("written");
    let site = site.to_str().expect("UTF-8");
    let shown = stdout(160, &["plan", "--site", site, "--as", "SRV_App01", "--format", "csv"]);
    assert!(shown.contains("/ws_17/srv_app01.contoso_old.local:"), "{shown}");
}
