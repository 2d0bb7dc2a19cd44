//! Where a document goes: to standard output, or whole into a file. PowerShell's `>` writes UTF-16,
//! and a file that a program reads should hold the same octets everywhere.

use super::files;
use super::outcome::Problem;
use super::terminal;
use crate::report::Style;
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// `--out` of subcommands that print one document.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct OutArgs {
    /// Write to this file instead of standard output: whole, or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl OutArgs {
    /// Writes the document.
    ///
    /// # Errors
    /// When file or standard output cannot be written.
    pub fn print(&self, text: &str) -> Result<(), Problem> {
        match &self.out {
            Some(path) => files::write(path, text),
            None => terminal::print(text),
        }
    }

    /// How tables are drawn: without colour in a file.
    pub fn style(&self) -> Style {
        let style = terminal::style();
        if self.out.is_some() { Style { color: false, ..style } } else { style }
    }
}
