//! `portmatrix init`: a site file to start from.

use super::inputs::{self, MatrixArgs};
use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use crate::input::choices;
use crate::matrix::Registry;
use crate::matrix::model::{Matrix, Product};
use crate::site::template::template;
use clap::Args as ClapArgs;

/// Prints a commented site file with example hosts.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix init --out site.toml\n  portmatrix init --topology \
        reverse-proxy --out site.toml\n  portmatrix init --matrices my-tables --product shop --out \
        shop.toml"
)]
pub struct Args {
    /// Which of the product's alternative tables the site follows; the first one if not said
    #[arg(long)]
    topology: Option<String>,
    /// The product, where tables of several are known
    #[arg(long)]
    product: Option<String>,
    #[command(flatten)]
    matrices: MatrixArgs,
    #[command(flatten)]
    out: OutArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// A product or topology that no table has; mistakes in the folders of port tables.
pub fn run(args: &Args) -> Outcome {
    let registry = inputs::registry(&args.matrices)?;
    let product = product(&registry, args)?;
    let topology = match &args.topology {
        Some(topology) if product.topologies.contains(topology) => topology.as_str(),
        Some(topology) => {
            let known = product.topologies.iter().map(String::as_str);
            return Err(wrong(
                format!("{} has no topology \"{topology}\"", product.title),
                choices(topology, "topologies", known),
            ));
        }
        None => product.topologies.first().map(String::as_str).unwrap_or_default(),
    };
    let matrices: Vec<&Matrix> = registry.matrices_for(&product.id, topology).collect();
    args.out.print(&template(product, topology, &matrices, &args.matrices.folders()))?;
    Ok(Exit::AsExpected)
}

fn product<'r>(registry: &'r Registry, args: &Args) -> Result<&'r Product, Problem> {
    let known = || registry.products().map(|product| product.id.as_str());
    if let Some(id) = &args.product {
        return registry.product(id).ok_or_else(|| {
            wrong(format!("no product is called \"{id}\""), choices(id, "products", known()))
        });
    }
    let fits = |product: &&Product| {
        args.topology.as_ref().is_none_or(|topology| product.topologies.contains(topology))
    };
    let all: Vec<&Product> = registry.products().collect();
    let fitting: Vec<&Product> = all.iter().copied().filter(fits).collect();
    match (all.as_slice(), fitting.as_slice()) {
        ([only], _) | (_, [only]) => Ok(only),
        _ => {
            let help =
                format!("say one with --product: {}", known().collect::<Vec<_>>().join(", "));
            Err(wrong("port tables of several products are known".to_owned(), help))
        }
    }
}

fn wrong(message: String, help: String) -> Problem {
    Problem(vec![miette::miette!(help = help, "{message}")])
}
