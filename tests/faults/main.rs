//! The fault bed: networks of namespaces, each broken in one place, and what the built program says
//! of them.
//!
//! `cargo test --test faults`             every scenario of `tests/faults/scenarios/`, and the
//! table scenario → expected → reported `cargo test --test faults -- NAME…`    those whose name has
//! one of these in it `cargo test --test faults -- --list`   their names
//!
//! In CI it must run; elsewhere it says why it does not. `UPDATE_EXPECTED=1` writes
//! `docs/faults.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test with a main of its own speaks for itself"
)]

#[cfg(target_os = "linux")]
mod certificates;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
mod judge;
#[cfg(target_os = "linux")]
mod net;
#[cfg(target_os = "linux")]
#[path = "../support/netns.rs"]
#[allow(dead_code, reason = "each test uses its part of the harness")]
mod netns;
#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod scenario;
#[cfg(target_os = "linux")]
mod tun;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match pool::main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("left out: network namespaces are a thing of Linux");
}
