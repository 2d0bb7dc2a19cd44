//! JUnit XML for build servers: one suite for each flow, one case for each hop. What is unknown is an
//! error, and never a skipped test: most readers show those as fine.

use crate::observation::Evidence;
use crate::report::words::{evidence, summary};
use crate::result::{HopResult, ResultFile};
use crate::text::{lines, sanitise};
use crate::verdict::Verdict;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most octets of the body of one case: readers cut longer ones, or refuse the file.
const MAX_BODY: usize = 2048;

/// The whole document.
///
/// # Errors
/// None that a result can cause; the writer's signature has one.
pub fn render(file: &ResultFile) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new(format!("portmatrix {}", sanitise(&file.site, 200)));
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut suites: Vec<TestSuite> = Vec::new();
    for hop in &file.hops {
        let place = *places.entry(&hop.flow).or_insert_with(|| {
            suites.push(TestSuite::new(hop.flow.as_str()));
            suites.len() - 1
        });
        suites[place].add_test_case(case(hop));
    }
    for entry in &file.untested {
        let place = *places.entry(&entry.flow).or_insert_with(|| {
            suites.push(TestSuite::new(entry.flow.as_str()));
            suites.len() - 1
        });
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("not-planned").set_message(entry.why.to_string());
        // Several pairs of one flow may have the same words: a case has a name of its own.
        let number = suites[place].test_cases.len() + 1;
        let name = format!("{} from {} to {} ({number})", entry.flow, entry.from, entry.to);
        let mut case = TestCase::new(name, status);
        case.set_classname(class(&entry.flow));
        suites[place].add_test_case(case);
    }
    report.add_test_suites(suites);
    // The writer leaves out what XML forbids; what steers is made safe in one place for all texts.
    report.to_string().map(|text| lines(&text))
}

/// The port table of a flow.
fn class(flow: &str) -> String {
    flow.rsplit_once('/').map_or(flow, |(table, _)| table).to_owned()
}

fn case(hop: &HopResult) -> TestCase {
    // Rows of a network have one id on all its machines, and readers show one case of a name.
    let tester = hop.tester().map(|tester| format!(" by {}", tester.host)).unwrap_or_default();
    let mut case = TestCase::new(format!("{}{tester}", hop.hop), status(hop));
    case.set_classname(class(&hop.flow));
    case.set_time(Duration::from_secs_f64((hop.ms / 1000.0).clamp(0.0, 1e6)));
    case.add_property(Property::new("from", hop.from.host.as_str()));
    case.add_property(Property::new("to", hop.to.host.as_str()));
    case.add_property(Property::new("answered-by", hop.answered_by.shown()));
    case.add_property(Property::new("verdict", hop.verdict.name()));
    case.add_property(Property::new("row", hop.source.as_str()));
    if hop.verdict == Verdict::Warn {
        case.set_system_out(body(hop));
    }
    case
}

fn status(hop: &HopResult) -> TestCaseStatus {
    let mut status = match hop.verdict {
        Verdict::Pass | Verdict::Warn => return TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Skipped if !hop.required => TestCaseStatus::skipped(),
        Verdict::Inconclusive | Verdict::Skipped => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    let message = format!("{}: {}", hop.reason, summary(hop));
    status.set_type(hop.reason.code()).set_message(message).set_description(body(hop));
    status
}

/// What a firewall team needs: what to do, the five-tuple with its time, and what else is known.
fn body(hop: &HopResult) -> String {
    let mut lines: Vec<String> = vec![format!("{} ({})", summary(hop), hop.verdict.name())];
    lines.extend(hop.advice.iter().map(|advice| format!("do: {advice}")));
    lines.extend(
        Evidence::decisive(&hop.evidence).map(|e| format!("evidence: {}", evidence(e, false))),
    );
    lines.extend(hop.notes.iter().map(|note| format!("note: {note}")));
    let mut text = lines.join("\n");
    if text.len() > MAX_BODY {
        let end = (0..=MAX_BODY - 4).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(hops: &[(&str, bool)]) -> ResultFile {
        let hops: Vec<serde_json::Value> = hops
            .iter()
            .enumerate()
            .map(|(number, (verdict, required))| {
                serde_json::json!({ "hop": format!("m/f/a/b:{number}"), "flow": "m/f",
                    "source": "row 1", "from": { "role": "a", "host": "10.0.0.0/24" },
                    "tested_by": { "host": "ws-7" },
                    "to": { "role": "b", "host": "b", "port": number },
                    "protocol": "http", "expect": "allow", "required": required,
                    "verdict": verdict, "reason": "timed-out", "answered_by": "nobody",
                    "ms": 1500.0, "steps": [], "evidence": [], "advice": "Allow <it> & \u{7}test",
                    "notes": ["x".repeat(3000)] })
            })
            .collect();
        let file = serde_json::json!({ "schema": "portmatrix/result/2", "version": "0",
            "site": "s", "from": { "host": "a", "roles": [] }, "hops": hops,
            "untested": [{ "flow": "m/u", "from": "a", "to": "b",
                "why": { "code": "role-without-host", "role": "b" } }],
            "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z" });
        serde_json::from_value(file).expect("a result")
    }

    #[test]
    fn what_is_unknown_is_an_error_and_never_green() {
        let verdicts = [
            ("pass", true),
            ("warn", true),
            ("fail", true),
            ("inconclusive", true),
            ("inconclusive", false),
            ("skipped", true),
            ("skipped", false),
        ];
        let text = render(&file(&verdicts)).expect("XML");
        let report = Report::deserialize_from_str(&text).expect("it is JUnit");
        let suite = &report.test_suites[0];
        assert_eq!((suite.tests, suite.failures, suite.errors, suite.skipped), (7, 1, 3, 1));
        assert_eq!(report.test_suites[1].errors, 1, "a flow that was not planned");
        let mut names: Vec<&str> = report
            .test_suites
            .iter()
            .flat_map(|suite| &suite.test_cases)
            .map(|case| case.name.as_str())
            .collect();
        assert!(names[0].ends_with(" by ws-7"), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 8, "each case has a name of its own");
        assert!(text.contains("type=\"timed-out\"") && text.contains("Allow &lt;it&gt; &amp;"));
        assert!(text.lines().all(|line| line.len() < MAX_BODY + 200), "bodies are cut");
        assert!(!text.contains('\u{7}'), "no control characters");
    }
}
