//! Result files of both versions, changed in a few places, in every format.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::input::json;
use portmatrix::result::{ResultFile, v1};
use portmatrix_fuzz::choices::Choices;
use portmatrix_fuzz::edits::edit;
use portmatrix_fuzz::results::look;
use serde_json::Value;
use std::sync::OnceLock;

const FILES: &[&str] = &[
    include_str!("../../tests/data/document/everything.json"),
    include_str!("../../tests/data/results-1/lab.json"),
    include_str!("../../tests/data/results-1/refused.json"),
];

/// Each file with one of its hops: a small file is soon read.
fn bases() -> &'static [Value] {
    static BASES: OnceLock<Vec<Value>> = OnceLock::new();
    BASES.get_or_init(|| {
        let mut bases = Vec::new();
        for file in FILES {
            let whole: Value = serde_json::from_str(file).expect("JSON");
            let hops = whole["hops"].as_array().expect("hops").clone();
            for hop in hops {
                let mut one = whole.clone();
                one["hops"] = Value::Array(vec![hop]);
                bases.push(one);
            }
        }
        bases
    })
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let (format, which) = (choices.octet(), choices.octet());
    let bases = bases();
    let mut document = bases[usize::from(which) % bases.len()].clone();
    edit(&mut document, &mut choices);
    if let Ok(file) = json::read::<ResultFile>(&document.to_string()) {
        look(&v1::upgraded(file), format);
    }
});
