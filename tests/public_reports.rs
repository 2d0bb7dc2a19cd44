//! Conditions from public bug reports of other tools, brought about with software that is not ours (`tests/public_reports/cases.py` names each report).
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use std::process::Command;

#[test]
fn the_program_is_right_about_public_reports() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/public_reports/cases.py");
    let output = Command::new("python3").arg(script).env("PM", env!("CARGO_BIN_EXE_portmatrix")).output();
    let missing = match output {
        Err(error) => format!("python3: {error}"),
        Ok(output) => {
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            match output.status.code() {
                Some(0) => return,
                // Something that the cases are built from is not there.
                Some(2) => said,
                _ => panic!("{said}"),
            }
        }
    };
    assert!(std::env::var_os("CI").is_none(), "CI is set, so cases of public reports must work here, but: {missing}");
    eprintln!("left out: {missing}");
}
