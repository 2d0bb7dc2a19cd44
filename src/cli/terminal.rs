//! Standard output: how wide it is, and writing to it.

use super::outcome::Problem;
use crate::net::os;
use crate::report::Style;
use std::io::{IsTerminal as _, Write as _};

/// Longest line on standard error, in characters.
const LONGEST: usize = 4096;

/// How tables are drawn: for the terminal if there is one, else 120 columns wide and without
/// colour.
pub fn style() -> Style {
    let terminal = std::io::stdout().is_terminal();
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .filter(|c| (40..=1000).contains(c));
    let width = columns
        .or_else(|| terminal_size::terminal_size().filter(|_| terminal).map(|(w, _)| w.0))
        .unwrap_or(120);
    let color = terminal
        && os::let_terminal_color()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    Style { width: width.max(40), color }
}

/// Writes a line to standard error. Where it is shut, what was to be said there is not.
pub fn say(line: impl std::fmt::Display) {
    let safe = crate::text::sanitise(&line.to_string(), LONGEST);
    let _ = writeln!(std::io::stderr().lock(), "{safe}");
}

/// Writes a result to standard output. A reader that closed the pipe is not an error.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Problem::text(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
