//! One file per subcommand: arguments in, text and exit code out.

mod arguments;
mod completions;
mod connect;
mod diff;
mod discover;
mod endpoint_service;
mod endpoints;
mod explain;
mod files;
mod init;
pub mod inputs;
mod interruption;
mod key;
mod lab;
mod listen;
mod listen_file;
mod matrix;
mod out;
mod outcome;
mod own_firewall;
mod plan;
mod progress;
mod report;
mod routes;
mod seal_check;
mod terminal;
mod trust;
mod wildcards;

pub use outcome::{Exit, Outcome, Problem};
pub use terminal::{print, say, style};

use crate::net::os;
use crate::text;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::Write as _;
use textwrap::{WordSeparator, WordSplitter};

/// Tests which hosts of a deployment can reach which, port by port, and proves it from both ends.
#[derive(Debug, Parser)]
#[command(
    name = "portmatrix",
    version,
    arg_required_else_help = true,
    after_help = "First steps:\n  \
        portmatrix lab                        see it work, on this machine alone\n  \
        portmatrix init > site.toml           then fill in your hosts\n  \
        portmatrix key new                    once, then name it in site.toml; both files go to \
        every host\n  \
        portmatrix plan                       what will be tested\n  \
        portmatrix listen                     on the server\n  \
        portmatrix connect                    on the workstation\n\n\
        `portmatrix COMMAND --help` has examples of each.\n\n\
        Exit code: 0 all as expected, 1 at least one hop is not, 2 usage or configuration error, 3 \
        nothing failed but \
        something could not be tested."
)]
pub struct Cli {
    /// Say more on standard error; twice for everything (the variable PORTMATRIX_LOG takes a filter
    /// such as `portmatrix=debug`)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole site on this machine's loopback, and show the matrix
    Lab(lab::Args),
    /// Print a commented site file to start from
    Init(init::Args),
    /// Show and check the port tables
    Matrix(matrix::Args),
    /// Show the hops of a site
    Plan(plan::Args),
    /// Stand in for this host's services: open every port that the plan wants here
    Listen(listen::Args),
    /// Probe every hop of the plan that begins at this host
    Connect(connect::Args),
    /// Show result files as a table, JSON, CSV, Markdown or HTML
    Report(report::Args),
    /// Say what changed between two result files
    Diff(diff::Args),
    /// Say what a reason means, who can fix it, and how to look closer
    Explain(explain::Args),
    /// Make a site key
    Key(key::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual: `portmatrix man > portmatrix.1; man ./portmatrix.1`
    Man,
}

/// Standard error, at which nothing that is logged steers a terminal.
struct Log;

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let safe = text::lines(&String::from_utf8_lossy(octets));
        std::io::stderr().lock().write_all(safe.as_bytes())?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Logs go to standard error. Two libraries are kept silent: one would log what a stranger sends,
/// the other what a probe records anyway.
fn start_log(verbose: u8) {
    let default = match verbose {
        // A stranger who breaks rules of HTTP/2 must not fill a log.
        0 => "warn,h2=error",
        1 => "info,portmatrix=debug",
        _ => "trace",
    };
    let filter = std::env::var("PORTMATRIX_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = tracing_subscriber::EnvFilter::new(format!(
        "{filter},ldap3_proto=off,rustls_platform_verifier=off"
    ));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // A second log in one process: the first one stays.
    let _ = log.with_writer(|| Log).try_init();
}

/// What clap says of the arguments, which it quotes: coloured, unless something in them steers.
fn show_usage(error: &clap::Error) {
    let plain = error.render().to_string();
    let safe = text::lines(&plain);
    let shown = match safe == plain {
        true => error.print(),
        false => std::io::stderr().lock().write_all(safe.as_bytes()),
    };
    // Where it cannot be shown, the exit code alone is left to tell it.
    drop(shown);
}

/// Messages are wrapped between words only: a command or a name that is broken at its hyphens
/// cannot be copied.
fn draw_problems(colored: bool) {
    let _ = miette::set_hook(Box::new(move |_| {
        let options = miette::MietteHandlerOpts::new().word_separator(WordSeparator::AsciiSpace);
        let options = if colored { options } else { options.color(false) };
        Box::new(options.word_splitter(WordSplitter::NoHyphenation).break_words(false).build())
    }));
}

/// Parses the arguments and runs the subcommand.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            show_usage(&error);
            return if error.use_stderr() { Exit::BadInput } else { Exit::AsExpected };
        }
    };
    start_log(cli.verbose);
    let colored = os::let_terminal_color();
    draw_problems(colored);
    let outcome: Outcome = match &cli.command {
        Command::Matrix(args) => matrix::run(args),
        Command::Lab(args) => lab::run(args),
        Command::Init(args) => init::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Listen(args) => listen::run(args),
        Command::Connect(args) => connect::run(args),
        Command::Report(args) => report::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Key(args) => key::run(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man => completions::man(Cli::command()),
    };
    match outcome {
        Ok(exit) => exit,
        Err(problem) => {
            let mut err = std::io::stderr().lock();
            for report in problem.shown() {
                // Where standard error is shut, the exit code alone is left to tell it.
                let _ = writeln!(err, "{report}");
            }
            Exit::BadInput
        }
    }
}
