//! `portmatrix completions` and `portmatrix man`.

use super::outcome::{Exit, Outcome, Problem};
use super::terminal::print;
use clap::Args as ClapArgs;

/// Prints a completion script for a shell.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  source <(portmatrix completions bash)\n  portmatrix completions \
        bash > /etc/bash_completion.d/portmatrix\n  portmatrix completions powershell >> $PROFILE"
)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the completion script.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &Args, mut program: clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "portmatrix", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::AsExpected)
}

/// Prints the manual: the page of the program, then one of each subcommand, in one file.
///
/// # Errors
/// When standard output cannot be written.
pub fn man(program: clap::Command) -> Outcome {
    let mut command = program.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    page(&command, &mut pages)
        .map_err(|e| Problem::text(format!("cannot make the manual page: {e}")))?;
    print(&String::from_utf8_lossy(&pages))?;
    Ok(Exit::AsExpected)
}

fn page(command: &clap::Command, pages: &mut Vec<u8>) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(pages)?;
    command.get_subcommands().try_for_each(|sub| page(sub, pages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_manual_has_a_page_for_every_subcommand_with_its_options() {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let mut pages = Vec::new();
        page(&command, &mut pages).expect("pages");
        let text = String::from_utf8(pages).expect("UTF-8");
        for name in
            ["portmatrix", "portmatrix-connect", "portmatrix-matrix-validate", "portmatrix-key-new"]
        {
            assert!(text.lines().any(|line| line.starts_with(&format!(".TH {name} "))), "{name}");
        }
        assert!(text.contains("require\\-proof"));
    }
}
