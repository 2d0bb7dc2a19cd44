//! What the subcommands share: the site file, the port tables and the plan.

use super::discover::Missing;
use super::outcome::Problem;
use super::terminal::say;
use crate::input::Mistake;
use crate::matrix::Registry;
use crate::matrix::model::RoleId;
use crate::net::host::ThisHost;
use crate::net::resolve::Resolver;
use crate::plan::build::build;
use crate::plan::model::{Plan, Why};
use crate::plan::select::{Selection, Who};
use crate::site::load;
use crate::site::model::{Host, Site};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// Where the site and its tables are.
#[derive(Debug, Clone, ClapArgs)]
pub struct SiteArgs {
    /// The site file
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,
    #[command(flatten)]
    matrices: MatrixArgs,
}

impl SiteArgs {
    /// This site file, and the built-in port tables.
    pub fn of(site: PathBuf) -> Self {
        SiteArgs { site, matrices: MatrixArgs::default() }
    }
}

/// Where port tables are, besides the built-in ones.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct MatrixArgs {
    /// A folder with more port tables; may be given several times
    #[arg(long, value_name = "DIR")]
    matrices: Vec<PathBuf>,
}

impl MatrixArgs {
    /// The folders, as they were written.
    pub fn folders(&self) -> Vec<String> {
        self.matrices.iter().map(|folder| folder.display().to_string()).collect()
    }
}

/// A site and everything that follows from it.
#[derive(Debug)]
pub struct Inputs {
    /// All port tables.
    pub registry: Registry,
    /// The site.
    pub site: Site,
    /// Its hops.
    pub plan: Plan,
}

/// Every mistake, ready to be shown.
pub fn problem(mistakes: Vec<Mistake>) -> Problem {
    Problem(mistakes.into_iter().map(miette::Report::new).collect())
}

/// The built-in port tables and those of the folders.
///
/// # Errors
/// Every mistake in the folders' files.
pub fn registry(args: &MatrixArgs) -> Result<Registry, Problem> {
    let mut registry = Registry::embedded().map_err(problem)?;
    let mut mistakes = Vec::new();
    for directory in &args.matrices {
        mistakes.extend(registry.with_directory(directory).err().unwrap_or_default());
    }
    if mistakes.is_empty() { Ok(registry) } else { Err(problem(mistakes)) }
}

/// Reads the tables and the site, and plans it.
///
/// # Errors
/// Every mistake in the tables; or, once these are right, every mistake in the site.
pub fn load(args: &SiteArgs) -> Result<Inputs, Problem> {
    let mut registry = registry(&args.matrices)?;
    if !args.site.exists() {
        let help = "say which with --site FILE, or make one: portmatrix init > site.toml";
        return Err(Problem(vec![miette::miette!(
            help = help,
            "the site file {} does not exist",
            args.site.display()
        )]));
    }
    let site = load::load(&args.site, &mut registry).map_err(problem)?;
    let plan = planned(&registry, &site)?;
    Ok(Inputs { registry, site, plan })
}

fn planned(registry: &Registry, site: &Site) -> Result<Plan, Problem> {
    let product = registry
        .product(&site.product)
        .ok_or_else(|| Problem::text(format!("no product is called \"{}\"", site.product)))?;
    build(product, registry.matrices(), site).map_err(Problem::text)
}

impl Inputs {
    /// Whether the site has domain controllers looked up.
    pub fn has_discovery(&self) -> bool {
        self.site.roles.values().flatten().any(|host| matches!(host, Host::Discover { .. }))
    }

    /// Looks them up and plans the site anew. Why some were not found stands in the plan.
    ///
    /// # Errors
    /// When so many were found that the plan becomes too large.
    pub async fn discover(&mut self, resolver: &Resolver) -> Result<(), Problem> {
        let Some(product) = self.registry.product(&self.site.product) else { return Ok(()) };
        let problems = super::discover::discover(&mut self.site, product, resolver).await;
        self.plan = planned(&self.registry, &self.site)?;
        for entry in &mut self.plan.unplanned {
            let Why::NotDiscovered { domain, because } = &mut entry.why else { continue };
            let end = format!("._msdcs.{domain}");
            match problems.iter().find(|(name, _)| name.ends_with(&end)) {
                Some((_, Missing::All(words))) => *because = Some(words.clone()),
                Some((_, Missing::Some(more))) => {
                    entry.why =
                        Why::NotAllDiscovered { domain: std::mem::take(domain), more: *more };
                }
                None => *because = None,
            }
        }
        Ok(())
    }
}

/// What the words of `--as` mean together; this machine, where nothing was said. `here` is this
/// machine too, where no role is called so.
///
/// # Errors
/// When nobody in the plan is meant by one of them.
pub fn selection<'p>(
    said: &[String],
    this: &ThisHost,
    plan: &'p Plan,
) -> Result<Selection<'p>, Problem> {
    let one = |who: &Who| plan.for_host(who).map_err(|words| nobody(words, plan));
    if said.is_empty() {
        return one(&here(this));
    }
    let parts =
        said.iter().map(|said| one(&who(said, this, plan))).collect::<Result<Vec<_>, _>>()?;
    Ok(Selection::together(plan, &parts))
}

fn who(said: &str, this: &ThisHost, plan: &Plan) -> Who {
    if said == "here" && !plan.roles.iter().any(|role| role.id == said) {
        here(this)
    } else {
        Who::said(said)
    }
}

/// That nobody in the plan is meant. A controller whose domain could not be looked up does not find
/// itself there, so that is said too.
pub fn nobody(words: impl std::fmt::Display, plan: &Plan) -> Problem {
    let why = plan.unplanned.iter().map(|u| &u.why).find(|why| {
        matches!(why, Why::NotDiscovered { because: Some(_), .. } | Why::NotAllDiscovered { .. })
    });
    Problem::text(why.map_or_else(|| words.to_string(), |why| format!("{words}; {why}")))
}

fn here(this: &ThisHost) -> Who {
    Who::here(&this.name, this.addresses.clone())
}

/// The hosts of the site that this machine speaks for. A role may have many: this machine is then
/// the one that its own names and addresses say it is; where they say nothing, all of them are
/// returned.
///
/// # Errors
/// When nobody in the plan is meant.
pub fn hosts(
    said: &[String],
    this: &ThisHost,
    plan: &Plan,
) -> Result<(Vec<RoleId>, Vec<Host>), Problem> {
    let meant = selection(said, this, plan)?;
    let own = plan.for_host(&here(this)).map(|own| own.hosts).unwrap_or_default();
    let mut hosts: Vec<Host> = Vec::new();
    // Each word by itself: with `--as` of a role and of a host, the role does not stand for its
    // other hosts because the host is this one.
    let parts = said.iter().map(|said| {
        plan.for_host(&who(said, this, plan)).map(|part| part.hosts).unwrap_or_default()
    });
    for part in if said.is_empty() { vec![meant.hosts] } else { parts.collect() } {
        let mine: Vec<&Host> = part.iter().filter(|host| own.contains(host)).collect();
        for host in if mine.is_empty() { part.iter().collect() } else { mine } {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
    }
    Ok((meant.roles, hosts))
}

/// How a missing role is told, a line each.
pub fn note_missing_roles(plan: &Plan) {
    for missing in &plan.missing {
        say(format!("warning: {missing}"));
    }
}
