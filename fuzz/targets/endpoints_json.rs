//! Lists of names and ranges of a cloud provider: read, compared, and put into a table.

#![no_main]
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::Registry;
use portmatrix::matrix::endpoints::changes::announced;
use portmatrix::matrix::endpoints::compare::{Difference, minus};
use portmatrix::matrix::endpoints::day;
use portmatrix::matrix::endpoints::rewrite::{orphans, rewrite};
use portmatrix::matrix::endpoints::service::{List, version};
use portmatrix::matrix::model::Role;
use portmatrix_fuzz::choices::{Choices, text};
use portmatrix_fuzz::edits::edit;
use serde_json::Value;
use std::sync::OnceLock;

const LIST: &str = include_str!("../../tests/data/endpoints/grown.json");

/// A role of a built-in table whose names are published, and the table's text.
fn published() -> &'static (Role, String) {
    static ROLE: OnceLock<(Role, String)> = OnceLock::new();
    ROLE.get_or_init(|| {
        let registry = Registry::embedded().unwrap_or_else(|_| panic!("the built-in tables"));
        let roles = registry.products().flat_map(|product| &product.roles);
        let role = roles.into_iter().find(|role| role.endpoints.is_some()).expect("such a role");
        // It stands in the file of a table, or of its product.
        let declares =
            |text: &&str| rewrite(text, role, &List::default().of(&[]), None, "").is_ok();
        let tables = registry.matrices().map(|matrix| &matrix.id);
        let ids = tables.chain(registry.products().map(|product| &product.id));
        let text = ids.filter_map(|id| registry.text(id)).find(declares);
        (role.clone(), text.expect("the file of the role").to_owned())
    })
}

fn look(list: &List) {
    let ids: Vec<u32> = list.sets.keys().copied().collect();
    let wanted = list.of(&ids);
    assert!(wanted.missing.is_empty() && wanted.names.is_sorted());
    assert!(wanted.networks.iter().all(|network| network.trunc() == *network));
    let (role, table) = published();
    let new = rewrite(table, role, &wanted, Some("2026010100"), "2026-01-01").expect("our table");
    let again = rewrite(&new, role, &wanted, Some("2026010100"), "2026-01-01").expect("and its");
    assert_eq!(new, again, "the second time nothing is new");
    assert!(orphans(role, &wanted).len() <= role.concrete.values().map(Vec::len).sum());
    let same = (&wanted.names[..], &wanted.networks[..]);
    assert!(Difference::between(same, same, |_| None).is_empty());
    let (some, others) = wanted.networks.split_at(wanted.networks.len() / 2);
    let (whole, left) = (IpNet::aggregate(&some.to_vec()), minus(some, others));
    for network in &left {
        assert!(whole.iter().any(|one| one.contains(network)), "{network} is nobody's");
        assert!(!others.iter().any(|other| overlap(other, network)), "{network} is still there");
    }
}

/// Networks either hold each other or have nothing in common.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

fn read(words: &str) {
    match List::parse(words) {
        Ok(list) => look(&list),
        Err(mistakes) => assert!(!mistakes.is_empty()),
    }
    let today = jiff::civil::date(2026, 11, 25);
    if let Ok(announced) = announced(words, &[1, 2, 3, 9, 56], today) {
        assert!(announced.iter().all(|one| one.from.as_str() > "2026-11-25"));
        assert!(announced.is_sorted_by(|a, b| (&a.from, a.set) <= (&b.from, b.set)));
    }
    if let Ok(version) = version(words) {
        assert!(version.len() == 10 && day(&version).is_some());
    }
}

fuzz_target!(|data: &[u8]| {
    static BASE: OnceLock<Value> = OnceLock::new();
    let mut choices = Choices(data);
    if choices.octet() & 1 == 0 {
        return read(text(choices.0));
    }
    let mut list = BASE.get_or_init(|| serde_json::from_str(LIST).expect("JSON")).clone();
    edit(&mut list, &mut choices);
    read(&list.to_string());
});
