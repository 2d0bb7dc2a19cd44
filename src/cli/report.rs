//! `portmatrix report`: result files as a table, CSV, Markdown, HTML or JSON.

use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use super::seal_check::{Head, SealArgs, Seals};
use super::terminal::style;
use super::wildcards;
use crate::document::{html, markdown, terminal};
use crate::input::{self, json};
use crate::report::{self, Style};
use crate::result::v1::{self, SCHEMA_1};
use crate::result::{FromHost, ResultFile, SCHEMA};
use crate::wire::challenge::SiteKey;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::{Path, PathBuf};

/// Largest result file that is read, in octets: one of five thousand hops with all their evidence.
const MAX_FILE: u64 = 32 << 20;

/// Shows result files; several are shown as one.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix report workstation.json\n  portmatrix report *.json \
        --format markdown --out ticket.md\n  portmatrix report *.json --format html --out \
        evidence.html\n  portmatrix report --schema --out result.schema.json"
)]
pub struct Args {
    /// Result files, as `connect --out` writes them
    #[arg(required_unless_present = "schema")]
    files: Vec<PathBuf>,
    /// How to show them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    seals: SealArgs,
    /// Print the JSON Schema of result files instead
    #[arg(long, conflicts_with_all = ["files", "format"])]
    schema: bool,
}

/// Formats of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Table,
    /// One JSON document (`portmatrix/result/2`)
    Json,
    /// For a spreadsheet
    Csv,
    /// For a ticket or a wiki
    Markdown,
    /// One page of its own, for a browser or an archive
    Html,
    /// JUnit XML, for a build server
    Junit,
}

impl Format {
    /// Renders a result of this run: as JSON with the seal of its key.
    ///
    /// # Errors
    /// When it cannot be written in this format.
    pub fn render_sealed(
        self,
        file: &ResultFile,
        key: Option<&SiteKey>,
    ) -> Result<String, Problem> {
        match self {
            Format::Json => report::format::json::sealed(file, key).map_err(Problem::text),
            other => other.render(file),
        }
    }

    /// Renders a result file of which nothing else is needed: a document is put together from it,
    /// and both together would take much memory.
    fn render_last(self, file: ResultFile, style: Style) -> Result<String, Problem> {
        let document = match self {
            Format::Table | Format::Markdown | Format::Html => report::results::document(&file),
            Format::Json | Format::Csv | Format::Junit => return self.render(&file),
        };
        drop(file);
        Ok(match self {
            Format::Markdown => markdown::render(&document),
            Format::Html => html::render(&document),
            _ => terminal::render(&document, style),
        })
    }

    /// Renders a result file.
    ///
    /// # Errors
    /// When it cannot be written in this format.
    pub fn render(self, file: &ResultFile) -> Result<String, Problem> {
        Ok(match self {
            Format::Table => terminal::render(&report::results::document(file), style()),
            Format::Markdown => markdown::render(&report::results::document(file)),
            Format::Html => html::render(&report::results::document(file)),
            Format::Json => report::format::json::render(file).map_err(Problem::text)?,
            Format::Csv => report::format::csv::render(&file.hops).map_err(Problem::text)?,
            Format::Junit => report::format::junit::render(file).map_err(Problem::text)?,
        })
    }
}

/// Runs the subcommand. The exit code is that of the run which wrote the files.
///
/// # Errors
/// All files that cannot be read or are not result files.
pub fn run(args: &Args) -> Outcome {
    if args.schema {
        args.out.print(&report::format::json::schema().map_err(Problem::text)?)?;
        return Ok(Exit::AsExpected);
    }
    let seals = args.seals.open()?;
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in &wildcards::expand(&args.files)? {
        match read(path, &seals) {
            Ok(file) => files.push(file),
            Err(words) => problems.extend(Problem::text(words).0),
        }
    }
    if !problems.is_empty() {
        return Err(Problem(problems));
    }
    let Some(file) = together(files) else { return Err(Problem::text("no result file was given")) };
    let exit = exit(&file);
    args.out.print(&args.format.render_last(file, args.out.style())?)?;
    Ok(exit)
}

/// A result file.
///
/// # Errors
/// In words, when it cannot be read or is none.
pub fn read(path: &Path, seals: &Seals) -> Result<ResultFile, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read {shown}: {e}"))?.len();
    if size > MAX_FILE {
        return Err(format!("{shown} has {size} octets: no result file is larger than {MAX_FILE}"));
    }
    let octets = input::octets(path, MAX_FILE).map_err(|e| format!("cannot read {shown}: {e}"))?;
    // `connect --format json > FILE` in Windows PowerShell is UTF-16.
    let text = input::decode(&shown.to_string(), octets)
        .map_err(|mistake| format!("{shown} is not a portmatrix result file: {mistake}"))?;
    let wrong = |e: serde_json::Error| {
        format!("{shown} is not a portmatrix result file, as `connect --out` writes it: {e}")
    };
    let head: Head = json::read(&text).map_err(wrong)?;
    // A list could be read as an object whose members have no names.
    let Some(schema) = head.schema.as_ref().filter(|_| text.trim_start().starts_with('{')) else {
        return Err(format!("{shown} is not a portmatrix result file"));
    };
    if let Some(other) = schema.as_str().filter(|other| ![SCHEMA, SCHEMA_1].contains(other)) {
        let what = if other.starts_with("portmatrix/listen/") {
            "a file of `listen --out`"
        } else {
            "of another format"
        };
        return Err(format!(
            "{shown} is {what} (\"{other}\"): this reads \"{SCHEMA}\", which `connect --out` writes"
        ));
    }
    seals.check(path, &text, &head)?;
    // Result files come from other machines: nothing in them may steer this terminal.
    json::read(&text).map(v1::upgraded).map_err(wrong)
}

/// Several result files as one: hops in the order of the files.
pub fn together(files: Vec<ResultFile>) -> Option<ResultFile> {
    let mut files = files.into_iter();
    let mut all = files.next()?;
    for file in files {
        if all.site != file.site {
            all.site = format!("{}, {}", all.site, file.site);
        }
        let FromHost { host, roles, elsewhere } = file.from;
        all.from.elsewhere.extend(elsewhere);
        all.from.elsewhere.sort();
        all.from.elsewhere.dedup();
        all.nothing_begins_here &= file.nothing_begins_here;
        // Files of several keys have none together.
        all.key_fingerprint =
            all.key_fingerprint.filter(|own| file.key_fingerprint.as_ref() == Some(own));
        if all.from.host != host {
            all.from.host = format!("{}, {host}", all.from.host);
        }
        all.from.roles.extend(roles);
        all.from.roles.sort();
        all.from.roles.dedup();
        all.started = all.started.min(file.started);
        all.finished = all.finished.max(file.finished);
        all.hops.extend(file.hops);
        all.untested.extend(file.untested);
        all.nearness.extend(file.nearness);
        all.published.extend(file.published);
        all.revocation.extend(file.revocation);
    }
    Some(all)
}

/// The exit code that a result asks for: the worst verdict decides.
pub fn exit(file: &ResultFile) -> Exit {
    match file.exit_code() {
        0 => Exit::AsExpected,
        1 => Exit::NotAsExpected,
        _ => Exit::NotTested,
    }
}
