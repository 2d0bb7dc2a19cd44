//! Random worlds: networks composed from a seed, each judged by an oracle that shares no code with
//! the program (`tests/worlds/`). Here the fixed seeds of CI; `scripts/worlds N` runs thousands.
#![cfg(target_os = "linux")]

#[path = "support/script.rs"]
mod script;

#[test]
fn the_program_is_right_about_the_fixed_worlds() {
    script::must_pass("worlds/run.py", &["--fixed", "--jobs", "4"]);
}
