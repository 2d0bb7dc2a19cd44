//! `docs/faults.md`, the pages of reasons and the judge's words, held against the scenarios.

use crate::judge;
use crate::pool::ROOT;
use crate::report;
use crate::scenario::Scenario;
use libtest_mimic::Trial;
use portmatrix::verdict::explain::{Page, Produced};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A trial for each of them: they need no network.
pub fn trials(scenarios: &[Scenario], pages: &[Page]) -> Vec<Trial> {
    let outcomes = [
        ("document", check_document(scenarios, pages)),
        ("reasons", check_reasons(scenarios, pages)),
        ("words-of-notes", judge::words_are_said()),
    ];
    outcomes
        .into_iter()
        .map(|(name, outcome)| Trial::test(name, || outcome.map_err(Into::into)))
        .collect()
}

fn path() -> PathBuf {
    Path::new(ROOT).join("docs/faults.md")
}

/// Writes `docs/faults.md`.
///
/// # Errors
/// When it cannot.
pub fn write(scenarios: &[Scenario], pages: &[Page]) -> Result<(), String> {
    let path = path();
    std::fs::write(&path, report::document(scenarios, pages))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn check_document(scenarios: &[Scenario], pages: &[Page]) -> Result<(), String> {
    match std::fs::read_to_string(path()) {
        Ok(there) if there == report::document(scenarios, pages) => Ok(()),
        _ => Err("docs/faults.md is not what the scenarios say: UPDATE_EXPECTED=1 cargo test \
            --test faults -- document"
            .to_owned()),
    }
}

/// Every reason whose page says that a scenario produces it is produced by one, and no other is.
fn check_reasons(scenarios: &[Scenario], pages: &[Page]) -> Result<(), String> {
    let produced: BTreeSet<&str> = scenarios.iter().flat_map(Scenario::reasons).collect();
    let wrong: String = pages
        .iter()
        .filter_map(|page| match (&page.produced, produced.contains(page.reason.code())) {
            (Produced::Scenario, false) => {
                Some(format!("no scenario expects {}, though its page says so\n", page.reason))
            }
            (Produced::Cannot(_), true) => Some(format!(
                "a scenario expects {}, though its page says that none can\n",
                page.reason
            )),
            _ => None,
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
