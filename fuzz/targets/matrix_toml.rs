//! Port tables of users, alone and beside each other.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::{Registry, show};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // One line cuts the text into two files: most tables need a product beside them.
    let files = text.split("\n#####\n").take(3).enumerate();
    let files: Vec<(String, &str)> = files.map(|(n, text)| (format!("{n}.toml"), text)).collect();
    match Registry::of(files.clone()) {
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "neither tables nor a mistake");
            for mistake in mistakes {
                let shown = format!("{mistake} {:?}", mistake.help_text());
                assert!(!shown.is_empty());
                let _ = mistake.position();
            }
        }
        Ok(registry) => {
            for matrix in registry.matrices() {
                assert!(registry.text(&matrix.id).is_some() && !matrix.flows.is_empty());
                let product = registry.product(&matrix.product).expect("it was checked");
                let _ = show::matrix(matrix, product, 100);
                let _ = show::document(matrix, product);
            }
            // The same files again give the same tables.
            let again = Registry::of(files).unwrap_or_else(|_| panic!("the same files"));
            assert!(again.matrices().eq(registry.matrices()));
        }
    }
});
