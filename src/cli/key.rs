//! `portmatrix key`: the site key.

use super::{Exit, Outcome, Problem, print};
use crate::net::keyfile;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// Makes site keys.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new site key, readable by its owner alone
    ///
    /// Listener and connector must have the same key: copy the file to both hosts over a way that you trust. Without a key everything
    /// still works, and says "not proved".
    #[command(
        after_help = "Examples:\n  portmatrix key new                  writes site.key\n  portmatrix key new contoso.key      and in the site file: key = \"contoso.key\""
    )]
    New {
        /// File to write; it must not exist
        #[arg(default_value = "site.key")]
        file: PathBuf,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::New { file } => {
            keyfile::create(file).map_err(Problem::text)?;
            print(&format!(
                "{} made, readable by you alone. Put the same file on every host of the site, and name it in the site file (key = \"…\") or with --key.\n",
                file.display()
            ))?;
            Ok(Exit::AsExpected)
        }
    }
}
