//! `portmatrix matrix`: the port tables themselves.

use super::endpoints;
use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use super::terminal::{print, style};
use crate::input::{Mistake, choices, suggest};
use crate::matrix::model::{Matrix, Product};
use crate::matrix::{Registry, schema, show};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

/// Shows and checks port tables.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All port tables, built in and from folders
    List {
        #[command(flatten)]
        folders: Folders,
        /// How to show them
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        out: OutArgs,
    },
    /// One port table with every row, or a product with its roles and features
    #[command(after_help = "Examples:\n  portmatrix matrix list\n  portmatrix matrix show \
            ID\n  portmatrix matrix show ID --format json")]
    Show {
        /// Id of a matrix (its last part is enough where there is only one such) or of a product
        id: String,
        #[command(flatten)]
        folders: Folders,
        /// How to show it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        out: OutArgs,
    },
    /// Check files of port tables; every mistake is shown, with its line
    Validate {
        /// Files, or folders of files; they are checked together with the built-in tables
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        folders: Folders,
    },
    /// Bring a port table up to date with a list that a cloud provider publishes
    #[command(subcommand)]
    Import(Import),
    /// Compare port tables with the list that a cloud provider publishes; exit code 1 where they
    /// differ
    #[command(
        after_help = "Examples:\n  portmatrix matrix diff                          the worldwide \
            tables with Microsoft's service\n  \
        portmatrix matrix diff endpoints.json --format json\n  portmatrix matrix diff --instance \
        usgov-gcchigh --proxy http://proxy:3128"
    )]
    Diff {
        #[command(flatten)]
        source: endpoints::Source,
        /// How to show it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print the JSON Schema of a file of port tables, for editors
    Schema {
        #[command(flatten)]
        out: OutArgs,
    },
}

#[derive(Debug, Subcommand)]
enum Import {
    /// From Microsoft's endpoint web service, or a file with its answer. The table keeps everything
    /// but names and ranges
    #[command(
        after_help = "Examples:\n  portmatrix matrix import endpoints --matrix entra-id --out \
            matrices/entra-id.toml\n  \
        portmatrix matrix import endpoints endpoints.json --edition 2026110100 --matrix entra-id > \
        entra-id.toml"
    )]
    Endpoints {
        #[command(flatten)]
        source: endpoints::Source,
        /// Write the table to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Where more port tables are.
#[derive(Debug, ClapArgs)]
struct Folders {
    /// Folder with more port tables; a matrix with a known id takes the place of the known one
    #[arg(long, value_name = "DIR")]
    matrices: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Table,
    /// One JSON document
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// Every mistake in the port tables, and an id that is not known.
pub fn run(args: &Args) -> Outcome {
    let text = match &args.action {
        Action::List { folders, format, .. } => list(&registry(folders)?, *format)?,
        Action::Show { id, folders, format, .. } => show(&registry(folders)?, id, *format)?,
        Action::Validate { files, folders } => validate(registry(folders)?, files)?,
        Action::Schema { .. } => json(&schema::schema())?,
        Action::Import(Import::Endpoints { source, out }) => {
            return endpoints::import(source, out.as_deref());
        }
        Action::Diff { source, format } => return endpoints::diff(source, *format == Format::Json),
    };
    match &args.action {
        Action::List { out, .. } | Action::Show { out, .. } | Action::Schema { out } => {
            out.print(&text)?;
        }
        _ => print(&text)?,
    }
    Ok(Exit::AsExpected)
}

fn problem(mistakes: Vec<Mistake>) -> Problem {
    Problem(mistakes.into_iter().map(miette::Report::new).collect())
}

fn registry(folders: &Folders) -> Result<Registry, Problem> {
    let mut registry = Registry::embedded().map_err(problem)?;
    for folder in &folders.matrices {
        registry.with_directory(folder).map_err(problem)?;
    }
    Ok(registry)
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    crate::text::json::pretty(value).map(|text| text + "\n").map_err(Problem::text)
}

/// A line of `matrix list --format json`.
#[derive(Serialize)]
struct Listed<'r> {
    id: &'r str,
    product: &'r str,
    title: &'r str,
    topology: Option<&'r str>,
    flows: usize,
    file: Option<&'r str>,
}

fn list(registry: &Registry, format: Format) -> Result<String, Problem> {
    if format == Format::Table {
        return Ok(show::list(registry, style().width));
    }
    let listed = registry.matrices().map(|m| Listed {
        id: &m.id,
        product: &m.product,
        title: &m.title,
        topology: m.topology.as_deref(),
        flows: m.flows.len(),
        file: registry.file(&m.id),
    });
    json(
        &serde_json::json!({ "schema": "portmatrix/matrices/1", "matrices": listed.collect::<Vec<_>>() }),
    )
}

/// A document of `matrix show --format json`.
#[derive(Serialize)]
struct Shown<T> {
    schema: &'static str,
    #[serde(flatten)]
    content: T,
}

fn show(registry: &Registry, id: &str, format: Format) -> Result<String, Problem> {
    match (find(registry, id)?, format) {
        (Found::Product(product), Format::Table) => Ok(show::product(product, style().width)),
        (Found::Product(product), Format::Json) => {
            json(&Shown { schema: "portmatrix/product/1", content: product })
        }
        (Found::Matrix(matrix), format) => {
            let product = registry
                .product(&matrix.product)
                .ok_or_else(|| Problem::text("the matrix has no product"))?;
            match format {
                Format::Json => {
                    let content = show::document(matrix, product).map_err(Problem::text)?;
                    json(&Shown { schema: "portmatrix/matrix/1", content })
                }
                Format::Table => Ok(show::matrix(matrix, product, style().width)),
            }
        }
    }
}

enum Found<'r> {
    Matrix(&'r Matrix),
    Product(&'r Product),
}

fn find<'r>(registry: &'r Registry, id: &str) -> Result<Found<'r>, Problem> {
    if let Some(matrix) = registry.matrix(id) {
        return Ok(Found::Matrix(matrix));
    }
    if let Some(product) = registry.product(id) {
        return Ok(Found::Product(product));
    }
    let by_last_part: Vec<&Matrix> =
        registry.matrices().filter(|m| m.id.rsplit('/').next() == Some(id)).collect();
    if let [matrix] = by_last_part.as_slice() {
        return Ok(Found::Matrix(matrix));
    }
    let known: Vec<&str> = registry
        .matrices()
        .map(|m| m.id.as_str())
        .chain(registry.products().map(|p| p.id.as_str()))
        .collect();
    let mistake = match by_last_part.as_slice() {
        [] => {
            // A misspelt last part is as near as a misspelt whole id.
            let short = |full: &&str| {
                full.rsplit('/').next().is_some_and(|last| suggest(id, [last]).is_some())
            };
            let meant = known
                .iter()
                .copied()
                .find(short)
                .filter(|_| suggest(id, known.iter().copied()).is_none());
            let help = meant.map(|full| format!("did you mean `{full}`? ")).unwrap_or_default()
                + &choices(id, "known ids", known);
            Mistake::without_place(format!("no matrix and no product is called \"{id}\""))
                .help(help)
        }
        many => {
            let ids: Vec<&str> = many.iter().map(|m| m.id.as_str()).collect();
            Mistake::without_place(format!("several matrices end in `{id}`"))
                .help(format!("write one of: {}", ids.join(", ")))
        }
    };
    Err(problem(vec![mistake]))
}

fn validate(mut registry: Registry, files: &[PathBuf]) -> Result<String, Problem> {
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        files.iter().partition(|path| path.is_dir());
    let mut mistakes = Vec::new();
    let mut paths: Vec<PathBuf> = files.into_iter().cloned().collect();
    for folder in folders {
        match Registry::files_of(folder) {
            Ok(found) => paths.extend(found),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    // The same file named twice is not the same matrix declared twice.
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    mistakes.extend(registry.with_files(&paths).err().unwrap_or_default());
    if !mistakes.is_empty() {
        return Err(problem(mistakes));
    }
    Ok(paths
        .iter()
        .map(|path| {
            format!("{}: no mistakes\n", crate::text::sanitise(&path.display().to_string(), 4096))
        })
        .collect())
}
