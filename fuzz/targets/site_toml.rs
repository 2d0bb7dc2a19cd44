//! Site files, and the plans that are made of them.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::input::{Mistake, decode};
use portmatrix::matrix::Registry;
use portmatrix::plan::build::build;
use portmatrix::site::load::parse;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::embedded().unwrap_or_else(|_| panic!("the built-in tables")))
}

fn look(mistakes: &[Mistake], text: &str) {
    assert!(!mistakes.is_empty(), "neither a site nor a mistake");
    for mistake in mistakes {
        let shown = format!("{mistake} {mistake:?} {:?}", mistake.help_text());
        assert!(!shown.is_empty());
        if let Some((line, column)) = mistake.position() {
            assert!(line >= 1 && column >= 1 && line <= text.split('\n').count() + 1);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = decode("site.toml", data.to_vec()) else { return };
    let registry = registry();
    match parse("site.toml", &text, Path::new("nowhere"), registry) {
        Err(mistakes) => look(&mistakes, &text),
        Ok(site) => {
            let product = registry.product(&site.product).expect("it was checked");
            let Ok(plan) = build(product, registry.matrices(), &site) else { return };
            let ids: BTreeSet<&String> = plan.hops.iter().map(|hop| &hop.id).collect();
            assert_eq!(ids.len(), plan.hops.len(), "two hops with one id");
            assert!(plan.hops.iter().all(|hop| hop.port > 0));
        }
    }
});
