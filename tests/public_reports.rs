//! Conditions from public bug reports of other tools, brought about with software that is not ours
//! (`tests/public_reports/cases.py` names each report).
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

#[path = "support/script.rs"]
mod script;

#[test]
fn the_program_is_right_about_public_reports() {
    script::must_pass("public_reports/cases.py", &[]);
}
