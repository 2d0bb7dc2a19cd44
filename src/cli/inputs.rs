//! What the subcommands share: the site file, the port tables and the plan.

use super::Problem;
use crate::input::Mistake;
use crate::matrix::Registry;
use crate::matrix::model::RoleId;
use crate::net::host::ThisHost;
use crate::net::resolve::Resolver;
use crate::plan::build::build;
use crate::plan::model::{Plan, Why};
use crate::plan::select::Who;
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
        return Err(Problem(vec![miette::miette!(help = help, "the site file {} does not exist", args.site.display())]));
    }
    let site = load::load(&args.site, &mut registry).map_err(problem)?;
    let plan = planned(&registry, &site)?;
    Ok(Inputs { registry, site, plan })
}

fn planned(registry: &Registry, site: &Site) -> Result<Plan, Problem> {
    let product = registry.product(&site.product).ok_or_else(|| Problem::text(format!("no product is called \"{}\"", site.product)))?;
    Ok(build(product, registry.matrices(), site))
}

impl Inputs {
    /// Whether the site has domain controllers looked up.
    pub fn has_discovery(&self) -> bool {
        self.site.roles.values().flatten().any(|host| matches!(host, Host::Discover { .. }))
    }

    /// Looks them up and plans the site anew. Why some were not found stands in the plan.
    ///
    /// # Errors
    /// Never once [`load()`] has succeeded: the product is there.
    pub async fn discover(&mut self, resolver: &Resolver) -> Result<(), Problem> {
        let Some(product) = self.registry.product(&self.site.product) else { return Ok(()) };
        let problems = super::discover::discover(&mut self.site, product, resolver).await;
        self.plan = planned(&self.registry, &self.site)?;
        for entry in &mut self.plan.unplanned {
            if let Why::NotDiscovered { domain, because } = &mut entry.why {
                *because = problems.iter().find(|(name, _)| name.ends_with(&format!("._msdcs.{domain}"))).map(|(_, words)| words.clone());
            }
        }
        Ok(())
    }
}

/// Who asks: what was said with `--as`, or this machine. `here` is this machine too, where no role is called so.
pub fn who(said: Option<&str>, this: &ThisHost, plan: &Plan) -> Who {
    match said.filter(|said| *said != "here" || plan.roles.iter().any(|role| role.id == *said)) {
        Some(said) => Who::said(said),
        None => here(this),
    }
}

/// That nobody in the plan is meant. A controller whose domain could not be looked up does not find itself there, so that is said too.
pub fn nobody(words: impl std::fmt::Display, plan: &Plan) -> Problem {
    let why = plan.unplanned.iter().map(|u| &u.why).find(|why| matches!(why, Why::NotDiscovered { because: Some(_), .. }));
    Problem::text(why.map_or_else(|| words.to_string(), |why| format!("{words}; {why}")))
}

fn here(this: &ThisHost) -> Who {
    Who::here(&this.name, this.addresses.clone())
}

/// The hosts of the site that this machine speaks for. A role may have many: this machine is then the one that its own names and
/// addresses say it is; where they say nothing, all of them are returned.
///
/// # Errors
/// When nobody in the plan is meant.
pub fn hosts(said: Option<&str>, this: &ThisHost, plan: &Plan) -> Result<(Vec<RoleId>, Vec<Host>), Problem> {
    let meant = plan.for_host(&who(said, this, plan)).map_err(|words| nobody(words, plan))?;
    let own: Vec<Host> = match plan.for_host(&here(this)) {
        Ok(own) => meant.hosts.iter().filter(|h| own.hosts.contains(h)).cloned().collect(),
        Err(_) => Vec::new(),
    };
    Ok((meant.roles, if own.is_empty() { meant.hosts } else { own }))
}
