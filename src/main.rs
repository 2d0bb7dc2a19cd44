//! The `portmatrix` program; see the library for everything it does.

use std::process::ExitCode;

/// Octets of stack. A program's first thread has 8 MiB of it on Linux and 1 MiB on Windows: with a
/// thread of its own it is the same everywhere, and what the tests show on one holds on the other.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let program = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    let exit = match program.spawn(portmatrix::cli::main) {
        // A panic was told already, by its hook.
        Ok(running) => running.join().map_or(101, |exit| exit as u8),
        // Without memory for a thread the first one has to do.
        Err(_) => portmatrix::cli::main() as u8,
    };
    ExitCode::from(exit)
}
