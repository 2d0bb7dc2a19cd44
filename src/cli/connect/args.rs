//! Arguments of `connect`.

use crate::cli::arguments;
use crate::cli::inputs::SiteArgs;
use crate::cli::report::Format;
use crate::climb::RangeMode;
use crate::run;
use crate::verdict::Expected;
use clap::Args as ClapArgs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Probes every hop that begins at this host, and says of each what is open, what is not, and who
/// answered.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    portmatrix connect --site site.toml                          this host's hops, found by its \
    names and addresses\n  \
    portmatrix connect --site site.toml --as migration-agent     as a host of that role\n  \
    portmatrix connect --site site.toml --flow direct/migration-agent-to-service --format json\n  \
    portmatrix connect --site site.toml --expect stand-in --out workstation.json      before the \
    product is installed\n  \
    portmatrix connect --site site.toml --expect service --format json                 once it is, \
    on a schedule\n\n\
    Exit code: 0 every hop as expected (warnings are), 1 at least one is not, 2 usage or \
    configuration error, 3 nothing failed but something could not be tested.")]
pub struct Args {
    #[command(flatten)]
    pub(super) site: SiteArgs,
    /// Probe as this role or host; `here` is this machine (repeatable) [default: every role of this
    /// machine, found by its names and addresses]
    #[arg(long = "as", value_name = "ROLE|HOST")]
    pub(super) who: Vec<String>,
    /// Test from here all the same, where the host of --as has addresses that this machine lacks.
    /// The result says so on every hop
    #[arg(long, requires = "who")]
    pub(super) elsewhere: bool,
    /// Only hops of this flow, as `plan` shows it (repeatable)
    #[arg(long = "flow", value_name = "ID")]
    pub(super) flows: Vec<String>,
    /// Only this hop, as a failure or `plan --format csv` names it (repeatable)
    #[arg(long = "hop", value_name = "ID")]
    pub(super) hops: Vec<String>,
    /// The site key [default: the key that the site file names]
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Trust the certificates of this PEM file instead of the operating system's store
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Take the certificates of this PEM file for the public roots, instead of Mozilla's: where a
    /// cloud service has its certificates from elsewhere
    #[arg(long, value_name = "FILE")]
    pub(super) public_roots: Option<PathBuf>,
    /// Ask this DNS server instead of the system's, for names and for domain controllers
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = arguments::dns_server)]
    pub(super) dns: Option<SocketAddr>,
    /// Reach cloud services through this outbound proxy, `http://USER:PASSWORD@HOST:PORT` or
    /// `direct`; several make a hop of each (repeatable) [default: `proxy` of the site file, then
    /// HTTPS_PROXY and NO_PROXY, then direct]
    #[arg(long = "proxy", value_name = "URL|direct")]
    pub(super) proxies: Vec<String>,
    /// Who is to answer where a way must be open: the stand-in, proved (before the product is
    /// installed); the service, recognised (once it is); or whoever speaks the protocol
    #[arg(long, value_enum, value_name = "WHO", default_value_t)]
    pub(super) expect: Answerer,
    /// The same as --expect stand-in
    #[arg(long, conflicts_with = "expect")]
    pub(super) require_proof: bool,
    /// Probes begun per second, and connections of range sweeps; `max` for as many as this machine
    /// makes [default: 1000 probes, and 1500 connections of sweeps]
    #[arg(long, value_name = "N|max", value_parser = rate)]
    pub(super) rate: Option<Rate>,
    /// How to sweep the dynamic range of RPC hops: every port, a sample with the edges between what
    /// stands otherwise, or not at all [default: a sample and then every port, where a listener
    /// stands in; at a real service not at all]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) range: Option<RangeHow>,
    /// How to look at the published ranges of cloud services: through the addresses that their
    /// names have, or also through N picked addresses of each range, one slow connection each with
    /// its path
    #[arg(long, value_name = "all-resolved|sample:N", default_value = "all-resolved", value_parser = ranges)]
    pub(super) ranges: Ranges,
    /// Probes at a time; fewer where this machine has no descriptors for them
    #[arg(long, value_name = "N", default_value_t = u16::try_from(run::CONCURRENCY).unwrap_or(u16::MAX), value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) concurrency: u16,
    /// How many more attempts a connection has, within its time, where nothing comes back
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=5))]
    pub(super) retries: u32,
    /// When to walk the path to a destination, naming the routers on the way (Linux)
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(super) trace: TraceWhen,
    /// How long to wait for a TCP connection to open
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arguments::duration)]
    pub(super) connect_timeout: Duration,
    /// How long to wait in each later step
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arguments::duration)]
    pub(super) timeout: Duration,
    /// Leave each proved connection quiet for this long, then use it again: what forgets quiet
    /// connections is found
    #[arg(long, value_name = "TIME", value_parser = arguments::duration)]
    pub(super) idle: Option<Duration>,
    /// Also write the result to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// Who is expected to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Answerer {
    /// Whoever speaks the protocol to its end
    #[default]
    Any,
    /// A listener with the site key: a hop that it did not prove fails
    StandIn,
    /// A service that names itself: a stand-in fails, what names nobody is inconclusive
    Service,
}

impl From<Answerer> for Expected {
    fn from(who: Answerer) -> Self {
        match who {
            Answerer::Any => Expected::Any,
            Answerer::StandIn => Expected::StandIn,
            Answerer::Service => Expected::Service,
        }
    }
}

/// How a dynamic range is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RangeHow {
    /// Every port
    Exact,
    /// A sample, and the edges between what stands otherwise
    Sample,
    /// Not at all
    Never,
}

impl RangeHow {
    pub(super) fn mode(how: Option<Self>) -> RangeMode {
        match how {
            None => RangeMode::Stages,
            Some(RangeHow::Exact) => RangeMode::Exact,
            Some(RangeHow::Sample) => RangeMode::Sample,
            Some(RangeHow::Never) => RangeMode::Never,
        }
    }
}

/// Addresses picked of each published range; none looks only where names lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ranges(pub usize);

pub(super) fn ranges(text: &str) -> Result<Ranges, String> {
    let count = match text.split_once(':') {
        None if text == "all-resolved" => Some(0),
        Some(("sample", number)) => number.parse().ok().filter(|count| (1..=16).contains(count)),
        _ => None,
    };
    count
        .map(Ranges)
        .ok_or_else(|| "all-resolved was expected, or sample:N with N from 1 to 16".to_owned())
}

/// Connections begun per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    PerSecond(u32),
    Max,
}

pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let number = || text.parse().ok().filter(|n| (1..=100_000).contains(n)).map(Rate::PerSecond);
    if text == "max" { Some(Rate::Max) } else { number() }
        .ok_or_else(|| "a number from 1 to 100000 was expected, or `max`".to_owned())
}

/// When a path is walked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TraceWhen {
    /// For every hop
    Always,
    /// For hops that were not answered, or were turned away
    #[default]
    Failed,
    /// For none
    Never,
}

impl From<TraceWhen> for run::TraceWhen {
    fn from(when: TraceWhen) -> Self {
        match when {
            TraceWhen::Always => run::TraceWhen::Always,
            TraceWhen::Failed => run::TraceWhen::Failed,
            TraceWhen::Never => run::TraceWhen::Never,
        }
    }
}
