//! A command run to its end, and what it shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file or folder of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Runs a subcommand in the folder of sites, in a terminal of this width without colours.
pub fn run(command: &[&str], width: u16, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_portmatrix"));
    program
        .args(command)
        .args(arguments)
        .env("COLUMNS", width.to_string())
        .env("NO_COLOR", "1")
        .current_dir(data("site"));
    program.output().expect("the program runs")
}

/// Standard output of a run that ends well and has nothing else to say.
pub fn stdout(command: &[&str], width: u16, arguments: &[&str]) -> String {
    let output = run(command, width, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a failed run wrote to standard error, as one line, without the strokes of its frame.
pub fn stderr(command: &[&str], arguments: &[&str]) -> String {
    let output = run(command, 200, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "nothing but the result goes to standard output");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}
