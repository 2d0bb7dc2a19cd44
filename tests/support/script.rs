//! Tests that are scripts in Python, run against the built program.

use std::process::Command;

/// Runs a script of `tests/` with the program in `PM`. Exit code 0 is a pass, and 2 says that
/// something is missing here that it is built from.
///
/// # Panics
/// When the script fails; in CI also when something is missing.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub fn must_pass(script: &str, arguments: &[&str]) {
    let path = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg(path)
        .args(arguments)
        .env("PM", env!("CARGO_BIN_EXE_portmatrix"))
        .output();
    let missing = match output {
        Err(error) => format!("python3: {error}"),
        Ok(output) => {
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            match output.status.code() {
                Some(0) => return,
                Some(2) => said,
                _ => panic!("{said}"),
            }
        }
    };
    assert!(
        std::env::var_os("CI").is_none(),
        "CI is set, so {script} must work here, but: {missing}"
    );
    eprintln!("left out: {missing}");
}
