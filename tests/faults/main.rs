//! The fault bed: networks of namespaces, each broken in one place, and what the built program says
//! of them.
//!
//!     cargo test --test faults              every scenario of `tests/faults/scenarios/`, and the
//!                                           table scenario → expected → reported
//!     cargo test --test faults -- NAME…     those whose name has one of these in it
//!     cargo test --test faults -- --list    their names
//!
//! In CI all must run; elsewhere what cannot be run is `ignored`, with a line that says why.
//! `STRICT=1` gives no second look, `SHOW_PENDING=1` shows how pending ones differ, and
//! `UPDATE_EXPECTED=1` writes `docs/faults.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test with a main of its own speaks for itself"
)]

#[cfg(target_os = "linux")]
mod certificates;
#[cfg(target_os = "linux")]
mod documents;
#[cfg(target_os = "linux")]
mod judge;
#[cfg(target_os = "linux")]
mod net;
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
#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test binary uses its part of the harness")]
    pub mod inside;
    pub mod netns;
    pub mod tun;
}

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
    eprintln!("left out: network namespaces are a thing of Linux");
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), Vec::new()).exit();
}
