//! Conditions from public bug reports of other tools, brought about with software that is not ours
//! (`tests/public_reports/cases.py` names each report).

#[test]
fn the_program_is_right_about_public_reports() {
    crate::support::script::must_pass("public_reports/cases.py", &[]);
}
