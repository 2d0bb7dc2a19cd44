//! TEMP
use super::Problem;
use crate::net::host::ThisHost;
use crate::plan::model::Plan;
use crate::plan::select::Who;
use crate::site::model::Site;
#[derive(Debug, clap::Args)]
/// x
pub struct SiteArgs { #[arg(long)] site: std::path::PathBuf }
impl SiteArgs { /// x
pub fn of(p: std::path::PathBuf) -> Self { SiteArgs{site:p} } }
/// x
pub struct Inputs { /// x
pub site: Site, /// x
pub plan: Plan }
/// x
pub fn load(_: &SiteArgs) -> Result<Inputs, Problem> { Err(Problem::text("temp")) }
/// x
pub fn who(said: Option<&str>, this: &ThisHost) -> Who { said.map_or_else(|| Who::here(this.name.clone(), this.addresses.clone()), Who::said) }
