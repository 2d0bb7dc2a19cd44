//! `portmatrix matrix` as a user runs it: output, widths, exit codes; and a second product from a
//! folder.

use crate::shown::{self, data};
use std::path::Path;

fn stdout(width: u16, arguments: &[&str]) -> String {
    shown::stdout(&["matrix"], width, arguments)
}

fn stderr(arguments: &[&str]) -> String {
    shown::stderr(&["matrix"], arguments)
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(100, arguments)).expect("one JSON document")
}

#[test]
fn every_matrix_is_readable_at_80_and_120_columns_with_every_field() {
    let all = json(&["list", "--format", "json"]);
    let matrices = all["matrices"].as_array().expect("a list");
    assert!(matrices.len() >= 11);
    for matrix in matrices {
        let id = matrix["id"].as_str().expect("an id");
        let shown = json(&["show", id, "--format", "json"]);
        assert_eq!(shown["schema"], "portmatrix/matrix/1");
        for width in [80, 120] {
            let text = stdout(width, &["show", id]);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= usize::from(width), "{id}: {widest} columns at {width}");
            // Wrapped texts are compared without their line ends.
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let flows = shown["flows"].as_array().expect("flows");
            assert_eq!(flows.len(), matrix["flows"].as_u64().expect("a number") as usize);
            for flow in flows {
                for key in [
                    "id", "from", "to", "via", "protocol", "path", "remark", "doubt", "inferred",
                    "section", "range",
                ] {
                    let value = flow[key].as_str().unwrap_or_default();
                    assert!(
                        flat.contains(value),
                        "{id} at {width}: {key} of {} is not shown whole",
                        flow["id"]
                    );
                }
                let row = flow["row"].as_u64().map(|row| format!("row {row}")).unwrap_or_default();
                assert!(flat.contains(&row), "{id}: {row}");
                for condition in flow["when"].as_array().expect("conditions") {
                    assert!(
                        flat.contains(condition["feature"].as_str().expect("a feature")),
                        "{id} at {width}"
                    );
                }
            }
        }
        let list = stdout(80, &["list"]);
        assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    }
}

#[test]
fn the_last_part_of_an_id_is_enough_and_a_wrong_one_is_told() {
    assert!(stdout(100, &["show", "direct"]).contains("powersyncpro/direct:"));
    assert!(
        stderr(&["show", "revers-proxy"]).contains("did you mean `powersyncpro/reverse-proxy`?")
    );
    let product = stdout(80, &["show", "powersyncpro"]);
    assert!(
        product.contains("target-sync-agent")
            && product.contains("49152-65535")
            && product.lines().all(|l| l.chars().count() <= 80)
    );
    assert_eq!(
        json(&["show", "powersyncpro", "--format", "json"])["schema"],
        "portmatrix/product/1"
    );
}

#[test]
fn validate_reports_all_mistakes_of_all_files_and_ends_with_2() {
    let file =
        |name: &str| data("matrix/invalid").join(format!("{name}.toml")).display().to_string();
    let errors = stderr(&[
        "validate",
        &file("port-in-quotes"),
        &file("unknown-protocol"),
        "no-such-file.toml",
    ]);
    for wanted in ["port = 7000", "did you mean `https`?", "no-such-file.toml does not exist"] {
        assert!(errors.contains(wanted), "{wanted} is not in {errors}");
    }
    let good = data("second-product").display().to_string();
    assert_eq!(stdout(100, &["validate", &good]).lines().count(), 2);
    assert_eq!(
        stdout(100, &["validate", &good, &good]).lines().count(),
        2,
        "the same file twice is one file"
    );
    let alone = data("second-product/lan.toml").display().to_string();
    assert!(stderr(&["validate", &alone]).contains("the role `backup-client` is not declared"));
    assert_eq!(stdout(100, &["validate", "--matrices", &good, &alone]).lines().count(), 1);
}

#[test]
fn the_built_in_files_are_valid_as_files_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrices").display().to_string();
    assert!(stdout(100, &["validate", &folder]).lines().all(|line| line.ends_with("no mistakes")));
}

#[test]
fn a_second_product_comes_from_a_folder() {
    let folder = data("second-product").display().to_string();
    let shown = json(&["show", "acme-backup/lan", "--matrices", &folder, "--format", "json"]);
    assert_eq!(
        (shown["product"].as_str(), shown["topology"].as_str()),
        (Some("acme-backup"), Some("lan"))
    );
    assert_eq!(shown["flows"].as_array().map(Vec::len), Some(4));
    let product = json(&["show", "acme-backup", "--matrices", &folder, "--format", "json"]);
    assert_eq!(product["ports"], serde_json::json!({ "control": 7000, "data": 7001 }));
    assert_eq!(product["topologies"], serde_json::json!(["lan"]));
    assert!(stderr(&["show", "acme-backup/lan"]).contains("no matrix and no product is called"));
    assert!(stdout(400, &["list", "--matrices", &folder]).contains("lan.toml"));
    assert!(
        stderr(&["list", "--matrices", &data("nowhere").display().to_string()])
            .contains("does not exist")
    );
}

#[test]
fn the_schema_is_one_json_document() {
    let schema = json(&["schema"]);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
}
