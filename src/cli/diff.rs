//! `portmatrix diff`: what changed between two results.

use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use super::report::read;
use super::seal_check::SealArgs;
use crate::document::terminal;
use crate::report::diff;
use crate::verdict::Verdict;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Compares two result files, hop by hop.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    portmatrix diff before.json after.json\n  \
    portmatrix diff monday.json tuesday.json --format json\n\n\
    Exit code: 0 nothing stands worse than before, 1 a hop fails that did not, 2 usage or \
    configuration error, 3 a hop cannot be told any more, or is gone.")]
pub struct Args {
    /// The older result, as `connect --out` writes it
    old: PathBuf,
    /// The newer one
    new: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    seals: SealArgs,
}

/// Formats of differences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Table,
    /// One JSON document (`portmatrix/diff/1`)
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// Both files' mistakes, where they are no result files.
pub fn run(args: &Args) -> Outcome {
    let seals = args.seals.open()?;
    let (old, new) = match (read(&args.old, &seals), read(&args.new, &seals)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let wrong = [old.err(), new.err()].into_iter().flatten();
            return Err(Problem(wrong.flat_map(|words| Problem::text(words).0).collect()));
        }
    };
    let found = diff::diff(&old, &new);
    args.out.print(&match args.format {
        Format::Table => terminal::render(&diff::document(&found), args.out.style()),
        Format::Json => diff::json(&found).map_err(Problem::text)?,
    })?;
    let worse: Vec<Verdict> =
        found.changed.iter().filter(|c| c.is_worse()).map(|c| c.new.verdict).collect();
    let fails =
        worse.contains(&Verdict::Fail) || found.added.iter().any(|s| s.verdict == Verdict::Fail);
    let unknown = worse.iter().any(|v| matches!(v, Verdict::Inconclusive | Verdict::Skipped))
        || !found.removed.is_empty();
    Ok(match (fails, unknown) {
        (true, _) => Exit::NotAsExpected,
        (false, true) => Exit::NotTested,
        (false, false) => Exit::AsExpected,
    })
}
