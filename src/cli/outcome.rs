//! How a subcommand ends: an exit code, or wrong input that is ready to be shown.

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
        // What was typed or read is quoted, and must steer no terminal.
        Problem(vec![miette::miette!(
            "{}",
            message
                .to_string()
                .lines()
                .map(|line| crate::text::sanitise(line, 4096))
                .collect::<Vec<_>>()
                .join("\n")
        )])
    }
}

/// What a subcommand returns.
pub type Outcome = Result<Exit, Problem>;
