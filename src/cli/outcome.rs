//! How a subcommand ends: an exit code, or wrong input that is ready to be shown.

use crate::input::MISTAKES;

/// Longest line of a message, in characters.
const LONGEST: usize = 4096;

/// How the program ends; the same numbers for every subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every hop as expected, or the command did what it was asked.
    AsExpected = 0,
    /// At least one hop is not as expected.
    NotAsExpected = 1,
    /// The input was wrong: arguments, site, matrix, key.
    BadInput = 2,
    /// Nothing failed, but something could not be tested.
    NotTested = 3,
}

/// Wrong input, ready to be shown: each report names the file, the place, what is wrong and what to
/// do.
#[derive(Debug)]
pub struct Problem(pub Vec<miette::Report>);

impl Problem {
    /// One mistake that has no place in a file.
    pub fn text(message: impl std::fmt::Display) -> Self {
        Problem(vec![miette::miette!("{message}")])
    }

    /// All of them as they are shown, however many there are: nobody reads more than are told.
    pub fn shown(self) -> Vec<String> {
        let left = self.0.len().saturating_sub(MISTAKES + 1);
        // One more than of a file, which has a line of its own about what was left out.
        let told = self.0.into_iter().take(MISTAKES + 1).map(safe);
        let mut shown: Vec<String> = told.map(|report| format!("{report:?}")).collect();
        shown.extend((left > 0).then(|| format!("  … and {left} more\n")));
        shown
    }
}

/// What was typed or read is quoted, and must steer no terminal. Mistakes in files are safe as they
/// are made, with the places that they show.
fn safe(report: miette::Report) -> miette::Report {
    if report.source_code().is_some() {
        return report;
    }
    let lines = |words: String| -> String {
        let lines: Vec<String> =
            words.lines().map(|line| crate::text::sanitise(line, LONGEST)).collect();
        lines.join("\n")
    };
    let message = lines(report.to_string());
    match report.help().map(|help| lines(help.to_string())) {
        Some(help) => miette::miette!(help = help, "{message}"),
        None => miette::miette!("{message}"),
    }
}

/// What a subcommand returns.
pub type Outcome = Result<Exit, Problem>;
