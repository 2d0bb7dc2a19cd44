//! `portmatrix key`: the site key.

use super::outcome::{Exit, Outcome, Problem};
use super::terminal::print;
use crate::net::keyfile;
use clap::{Args as ClapArgs, Subcommand};
use std::path::{Path, PathBuf};

/// Makes site keys, and shows whether two hosts have the same one.
///
/// A site has one key. Make it once, on one host, and copy the file to the others: listener and
/// connector must have the same key.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix key new                  on the first host: writes \
        site.key\n  portmatrix key show                 on every host: the fingerprints must be \
        the same"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new site key, readable by its owner alone
    ///
    /// Do this once for a site, then copy the file to its other hosts over a way that you trust:
    /// listener and connector must have the same key. Without a key everything still works, and
    /// says "not proved".
    #[command(after_help = "Examples:\n  portmatrix key new                  writes \
            site.key\n  portmatrix key new contoso.key      and in the site file: key \
            = \"contoso.key\"")]
    New {
        /// File to write; it must not exist
        #[arg(default_value = "site.key")]
        file: PathBuf,
    },
    /// Print the fingerprint of a site key, to compare it with another host's
    ///
    /// The fingerprint is 64 bits of an HMAC-SHA-256 for this purpose alone. It may be read out and
    /// sent: nothing can be proved with it.
    #[command(after_help = "Examples:\n  portmatrix key show\n  portmatrix key show contoso.key")]
    Show {
        /// The site key
        #[arg(default_value = "site.key")]
        file: PathBuf,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// When a new key's file exists or cannot be written, or there is no key to show.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::New { file } => {
            keyfile::create(file).map_err(Problem::text)?;
            print(&format!(
                "{} made, readable by you alone, with the fingerprint {}. Put the same file on \
                    every host of the site, and name it in the site file (key = \"…\") or with \
                    --key.\n",
                file.display(),
                fingerprint(file)?
            ))?;
        }
        Command::Show { file } => print(&format!("{}  {}\n", fingerprint(file)?, file.display()))?,
    }
    Ok(Exit::AsExpected)
}

fn fingerprint(file: &Path) -> Result<String, Problem> {
    keyfile::read(file).map(|key| key.fingerprint()).map_err(Problem::text)
}
