//! The `portmatrix` program; see the library for everything it does.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(portmatrix::cli::main() as u8)
}
