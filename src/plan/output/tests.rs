//! What the outputs must never do, whatever a table or a site says. What they look like is in
//! `tests/data/site/golden`.

use super::*;
use crate::matrix::model::{Flow, Protocol};
use crate::plan::fixture::{flow, plan, site};
use crate::plan::model::Plan;

fn example() -> Plan {
    let hostile = Flow {
        remark: Some("=HYPERLINK(\"http://example.net\")\nand | a pipe".into()),
        section: Some("a | b".into()),
        path: Some("/x".into()),
        ..flow("a", "web", "db", 80, Protocol::Http)
    };
    let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
    let web: &[&str] = &["w", &long, "10.0.0.0/8"];
    plan(
        vec![hostile, flow("b", "agent", "db", 81, Protocol::Tcp)],
        &site(&[("web", web), ("db", &["d=10.0.0.1", "2001:db8::1"])]),
    )
}

/// What somebody copies (an id, a name) is on one line, however long; everything else keeps to the
/// width.
#[test]
fn tables_keep_to_their_width_and_break_no_word() {
    let plan = example();
    for width in [60, 80, 120, 300] {
        let text = table(&View::whole(&plan, false), width);
        for hop in &plan.hops {
            let mut parts = hop.flow.id.split('/');
            assert!(
                parts.all(|part| text.contains(part)) && text.contains(&hop.from.host.label()),
                "{text}"
            );
        }
        for line in text.lines().filter(|line| line.chars().count() > usize::from(width)) {
            assert_eq!(line.split_whitespace().count(), 1, "{line}");
        }
    }
}

#[test]
fn csv_is_read_back_and_holds_no_formula() {
    let plan = example();
    let text = csv(&View::whole(&plan, true)).expect("text");
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().expect("headings").clone();
    let place = |name: &str| headings.iter().position(|heading| heading == name).expect("a column");
    let records: Vec<_> = reader.records().map(|record| record.expect("a record")).collect();
    assert_eq!(records.len(), plan.hops.len() + plan.unplanned.len());
    assert_eq!(&records[0][place("remark")], "'=HYPERLINK(\"http://example.net\")\nand | a pipe");
    assert_eq!(
        (&records[0][place("to_host")], &records[0][place("to_address")]),
        ("d", "10.0.0.1")
    );
    assert_eq!(
        &records[plan.hops.len()][place("not_planned")],
        "the site gives no host to the role agent"
    );
    assert_eq!(
        csv(&View::whole(&plan, false))
            .expect("text")
            .lines()
            .filter(|line| line.contains("no host to"))
            .count(),
        0
    );
}

#[test]
fn markdown_cells_stay_cells() {
    let plan = example();
    let text = markdown(&View::whole(&plan, false));
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), plan.hops.len() + 2);
    assert!(rows.iter().all(|row| bars(row) == 8), "{text}");
    assert!(text.contains("a \\| b"));
}

#[test]
fn a_plan_steers_no_terminal_and_no_ticket() {
    let mut plan = example();
    plan.site = "\u{1b}]0;t\u{7}\n# h <script>".into();
    for text in [table(&View::whole(&plan, true), 80), markdown(&View::whole(&plan, true))] {
        assert!(!text.contains(|c| c != '\n' && crate::text::steers(c)), "{text:?}");
        assert!(text.contains("]0;t"), "it is shown: {text:?}");
        assert!(!text.contains("\n# h"), "{text:?}");
    }
    assert!(!markdown(&View::whole(&plan, true)).contains("<script"));
}

#[test]
fn the_document_fits_its_schema() {
    let plan = example();
    let document: serde_json::Value =
        serde_json::from_str(&json(&View::whole(&plan, false)).expect("text")).expect("JSON");
    let schema: serde_json::Value = serde_json::from_str(&schema().expect("text")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(document["schema"], "portmatrix/plan/1");
    assert_eq!(document["hops"].as_array().map(Vec::len), Some(plan.hops.len()));
    assert_eq!(
        document["unplanned"][0]["why"],
        serde_json::json!({ "code": "role-without-host", "role": "agent" })
    );
    let broken = serde_json::json!({ "schema": "portmatrix/plan/1", "site": 7, "hops": [], "unplanned": [] });
    assert!(!validator.is_valid(&broken));
}
