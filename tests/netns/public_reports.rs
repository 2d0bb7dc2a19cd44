//! Conditions from public bug reports of other tools, brought about with software that is not ours
//! (`tests/public_reports/cases.py` names each report).
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

#[test]
fn the_program_is_right_about_public_reports() {
    crate::support::script::must_pass("public_reports/cases.py", &[]);
}
