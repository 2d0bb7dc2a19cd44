//! `portmatrix plan`: the hops of a site.

use super::inputs::{self, SiteArgs};
use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use super::terminal::say;
use crate::net::host;
use crate::plan::model::{Hop, Plan, Unplanned, Why};
use crate::plan::output::{self, View};
use clap::{Args as ClapArgs, ValueEnum};
use std::collections::{BTreeSet, HashSet};

/// Shows the hops of a site: who connects to whom, on which port.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix plan                                    every hop of \
        ./site.toml\n  portmatrix plan --site contoso.toml --as srv01     the hops that begin or \
        end at one host\n  portmatrix plan --as migration-agent --all         those of a role, and \
        what was left out\n  portmatrix plan --as here                          those of this \
        machine\n  portmatrix plan --format csv --out hops.csv"
)]
pub struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Only the hops of this role or host; `here` is this machine (repeatable)
    #[arg(long = "as", value_name = "ROLE|HOST")]
    who: Vec<String>,
    /// Also list what was left out, with the reason
    #[arg(long)]
    all: bool,
    /// How to show them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the JSON Schema of `--format json` instead
    #[arg(long, conflicts_with_all = ["who", "all", "format"])]
    schema: bool,
    #[command(flatten)]
    out: OutArgs,
}

/// Formats of plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Table,
    /// One JSON document (`portmatrix/plan/1`)
    Json,
    /// For a spreadsheet
    Csv,
    /// For a ticket or a wiki
    Markdown,
}

/// Runs the subcommand.
///
/// # Errors
/// Every mistake in the site file or the port tables; a role or host that is not in the site.
pub fn run(args: &Args) -> Outcome {
    let cannot =
        |error: &dyn std::fmt::Display| Problem::text(format!("cannot write the plan: {error}"));
    if args.schema {
        args.out.print(&output::schema().map_err(|error| cannot(&error))?)?;
        return Ok(Exit::AsExpected);
    }
    let inputs = inputs::load(&args.site)?;
    let view = view(&inputs.plan, args)?;
    inputs::note_missing_roles(&inputs.plan);
    note_unused_roles(&inputs.plan, &inputs.site);
    note_networks(&inputs.plan);
    let text = match args.format {
        Format::Table => output::table(&view, args.out.style().width),
        Format::Json => output::json(&view).map_err(|error| cannot(&error))?,
        Format::Csv => output::csv(&view).map_err(|error| cannot(&error))?,
        Format::Markdown => output::markdown(&view),
    };
    args.out.print(&text)?;
    Ok(Exit::AsExpected)
}

/// The whole plan, or the part of it that one role or host has to do with.
fn view<'p>(plan: &'p Plan, args: &Args) -> Result<View<'p>, Problem> {
    if args.who.is_empty() {
        return Ok(View::whole(plan, args.all));
    }
    let selection = inputs::selection(&args.who, &host::this_host(), plan)?;
    let ids: HashSet<&str> =
        selection.connect.iter().chain(&selection.listen).map(|hop| hop.id.as_str()).collect();
    let hops: Vec<&Hop> = plan.hops.iter().filter(|hop| ids.contains(hop.id.as_str())).collect();
    let unplanned = plan.unplanned.iter().filter(|entry| {
        selection.roles.contains(&entry.from) || selection.roles.contains(&entry.to)
    });
    Ok(View { plan, hops, unplanned: unplanned.collect(), all: args.all })
}

/// A network where a host is needed is easily overlooked among what was left out.
fn note_networks(plan: &Plan) {
    let of = |entry: &Unplanned| match &entry.why {
        why @ Why::NetworkOnToSide { .. } => {
            Some(format!("nothing is tested towards the role {}: {why}", entry.to))
        }
        _ => None,
    };
    let notes: BTreeSet<String> = plan.unplanned.iter().filter_map(of).collect();
    for note in notes {
        say(format!("note: {note}"));
    }
}

/// A role with hosts that no flow names is not wrong, but may be a sign of the wrong topology.
fn note_unused_roles(plan: &Plan, site: &crate::site::model::Site) {
    let is_end = |role: &str| {
        let of_flow = |id: &String| {
            *id == role
                || plan.roles.iter().any(|other| {
                    other.id == *id && other.includes.iter().any(|included| included == role)
                })
        };
        plan.unplanned.iter().any(|entry| of_flow(&entry.from) || of_flow(&entry.to))
            || plan.hops.iter().any(|hop| {
                of_flow(&hop.from.role)
                    || of_flow(&hop.to.role)
                    || hop.flow.relayed_to.as_ref().is_some_and(|relayed| of_flow(&relayed.role))
            })
    };
    for role in site
        .roles
        .iter()
        .filter(|(role, hosts)| !hosts.is_empty() && !is_end(role))
        .map(|(role, _)| role)
    {
        let topology = if site.topology.is_empty() {
            String::new()
        } else {
            format!(" at the topology {}", site.topology)
        };
        say(format!("note: no flow uses the role {role}{topology}"));
    }
}
