//! The result file, and its schema.

use crate::result::{Counts, ResultFile};
use crate::text::json::pretty;
use crate::wire::challenge::SiteKey;
use crate::wire::seal::{self, Seal};
use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::Error;

/// A result as it is written: at its end stands what it comes to. Whoever reads one counts anew.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResultFile")]
struct Written<F> {
    #[serde(flatten)]
    file: F,
    /// How many hops stand how; absent in files of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Counts>,
    /// With what `connect` and `report` end for it: 0 every hop as expected, 1 at least one is not,
    /// 3 nothing failed but something could not be tested; absent in files of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// The seal of the site key, where there was one, over everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<Seal>,
}

/// One JSON document, ended by a newline.
///
/// # Errors
/// As of serde. The types hold nothing that JSON cannot: keys are text and no number is infinite.
pub fn render(file: &ResultFile) -> serde_json::Result<String> {
    sealed(file, None)
}

/// The same with the seal of a site key.
///
/// # Errors
/// As [`render`]; and when the document cannot be sealed, since it would be taken for one whose seal
/// was taken away.
pub fn sealed(file: &ResultFile, key: Option<&SiteKey>) -> serde_json::Result<String> {
    let (summary, exit_code) = (Some(Counts::of(&file.hops)), Some(file.exit_code()));
    document(&Written { file, summary, exit_code, seal: None }, key)
}

/// A document that is evidence, ended by a newline.
pub(in crate::report) fn document(
    content: &impl Serialize,
    key: Option<&SiteKey>,
) -> serde_json::Result<String> {
    let mut text = pretty(content)?;
    if let Some(key) = key {
        let seal = seal::of(&text, key).ok_or_else(|| Error::custom("it cannot be sealed"))?;
        // The seal is over the text as it stands, and becomes its last member.
        let end = text.trim_end_matches(['}', '\n']).len();
        let seal = pretty(&seal)?.replace('\n', "\n  ");
        text.truncate(end);
        text.push_str(&format!(",\n  \"{}\": {seal}\n}}", seal::MEMBER));
    }
    Ok(text + "\n")
}

/// JSON Schema (2020-12) of the result file.
///
/// # Errors
/// None; serde's signature has one.
pub fn schema() -> serde_json::Result<String> {
    Ok(pretty(&schemars::schema_for!(Written<ResultFile>))? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_ends_with_what_it_comes_to() {
        let hop = |verdict: &str| {
            serde_json::json!({ "hop": "h", "flow": "f/h", "source": "row 1",
                "from": { "role": "a", "host": "a" }, "to": { "role": "b", "host": "b", "port": 1 },
                "protocol": "http", "expect": "allow", "required": true, "verdict": verdict,
                "reason": "answered", "answered_by": "service", "ms": 1.0, "steps": [],
                "evidence": [] })
        };
        for (verdicts, code) in
            [(&["pass", "warn"][..], 0), (&["pass", "fail", "skipped"], 1), (&["inconclusive"], 3)]
        {
            let hops: Vec<serde_json::Value> =
                verdicts.iter().map(|verdict| hop(verdict)).collect();
            let file = serde_json::json!({ "schema": "portmatrix/result/2", "version": "0",
                "site": "s", "from": { "host": "a", "roles": [] }, "hops": hops,
                "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z" });
            let file: ResultFile = serde_json::from_value(file).expect("a result");
            let written: serde_json::Value =
                serde_json::from_str(&render(&file).expect("JSON")).expect("JSON");
            assert_eq!(written["exit_code"], code);
            for verdict in verdicts {
                assert_eq!(written["summary"][verdict], 1, "{written}");
            }
            let last = written.as_object().and_then(|facts| facts.keys().next_back());
            assert_eq!(last.map(String::as_str), Some("exit_code"));
            assert_eq!(serde_json::from_value::<ResultFile>(written).expect("it is read"), file);
        }
    }
}
