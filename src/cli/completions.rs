//! `portmatrix completions` and `portmatrix man`.

use super::{Cli, Exit, Outcome, Problem, print};
use clap::{Args as ClapArgs, CommandFactory as _};

/// Prints a completion script for a shell.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix completions bash > /etc/bash_completion.d/portmatrix\n  portmatrix completions powershell >> $PROFILE"
)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the completion script.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "portmatrix", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::AsExpected)
}

/// Prints the manual page.
///
/// # Errors
/// When standard output cannot be written.
pub fn man() -> Outcome {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|e| Problem::text(format!("cannot make the manual page: {e}")))?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::AsExpected)
}
