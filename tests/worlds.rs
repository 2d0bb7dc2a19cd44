//! Random worlds: networks composed from a seed, each judged by an oracle that shares no code with the program (`tests/worlds/`). Here the fixed
//! seeds of CI; `scripts/worlds N` runs thousands.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use std::process::Command;

#[test]
fn the_program_is_right_about_the_fixed_worlds() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds/run.py");
    let output = Command::new("python3").args([script, "--fixed", "--jobs", "2"]).env("PM", env!("CARGO_BIN_EXE_portmatrix")).output();
    let missing = match output {
        Err(error) => format!("python3: {error}"),
        Ok(output) => {
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            match output.status.code() {
                Some(0) => return,
                // Something that worlds are built from is not there.
                Some(2) => said,
                _ => panic!("{said}"),
            }
        }
    };
    assert!(std::env::var_os("CI").is_none(), "CI is set, so random worlds must work here, but: {missing}");
    eprintln!("left out: {missing}");
}
