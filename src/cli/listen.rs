//! `portmatrix listen`: stands in for this host's services.

use super::arguments;
use super::files;
use super::inputs::{self, SiteArgs};
use super::interruption;
use super::listen_file::{Keeper, came};
use super::outcome::{Exit, Outcome, Problem};
use super::own_firewall;
use super::terminal::{print, style};
use crate::input;
use crate::listen::gate::{Gate, Limits};
use crate::listen::merge::merge;
use crate::listen::open::{self, Opened, Port};
use crate::listen::range::{OpenRange, leaves_enough};
use crate::listen::wanted::{Shared, Wanted};
use crate::listen::watch;
use crate::matrix::port_set::PortSet;
use crate::net::host::ThisHost;
use crate::net::identity::Identity;
use crate::net::occupied::BindProblem;
use crate::net::resolve::Resolver;
use crate::net::{clock, host, os};
use crate::plan::listening::listening;
use crate::plan::model::Plan;
use crate::plan::place::{Machine, Place};
use crate::report::listener;
use crate::site::model::Host;
use crate::stand_in::memory::journal::Journal;
use crate::wire::challenge::SiteKey;
use clap::Args as ClapArgs;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time for the look-up of one domain's controllers.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Opens every port that the plan wants on this host, and speaks each flow's real protocol there.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    portmatrix listen --site site.toml                      this host's ports, found by its names \
    and addresses\n  \
    portmatrix listen --site site.toml --as srv01.contoso.com --for 30m --out srv01.listen.json\n  \
    portmatrix listen --site site.toml --pfx service.pfx    with the production certificate\n\n\
    It never takes a port that somebody else has, and ends by itself. Exit code: 0 every port \
    opened or held by the real service,\n\
    2 usage or configuration error, 3 at least one port could not be opened.")]
pub struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Listen as this role or host; `here` is this machine (repeatable) [default: every role of
    /// this machine, found by its names and addresses]
    #[arg(long = "as", value_name = "ROLE|HOST")]
    who: Vec<String>,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", default_value = "2h", value_parser = arguments::duration)]
    lifetime: Duration,
    /// Ask this DNS server for the domain controllers that the site file has looked up [default:
    /// the system's]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = arguments::dns_server)]
    dns: Option<SocketAddr>,
    /// The site key [default: the key that the site file names]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The production certificate with its chain, PEM, leaf first [default: a certificate of its
    /// own]
    #[arg(long, value_name = "FILE", requires = "cert_key")]
    cert: Option<PathBuf>,
    /// The key of --cert, PEM (may be the same file)
    #[arg(long, value_name = "FILE", requires = "cert")]
    cert_key: Option<PathBuf>,
    /// The production certificate and key as a PFX file
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    pfx: Option<PathBuf>,
    /// File with the PFX's password in its first line [default: the variable
    /// PORTMATRIX_PFX_PASSWORD, else no password]
    #[arg(long, value_name = "FILE", requires = "pfx")]
    pfx_password_file: Option<PathBuf>,
    /// Open the ports on this address of the machine (repeatable) [default: the site file's
    /// addresses of this host, else all]
    #[arg(long = "bind", value_name = "ADDRESS")]
    bind: Vec<IpAddr>,
    /// Open dynamic RPC ranges as a whole, or only the ports of the interfaces [default: as a
    /// whole, unless that leaves this system too few ports for its outgoing connections, as it
    /// would on Windows]
    #[arg(long, value_enum, value_name = "WHAT")]
    range: Option<Ranges>,
    /// Only these networks may connect (repeatable) [default: all]
    #[arg(long = "allow-from", value_name = "NETWORK")]
    allow_from: Vec<IpNet>,
    /// Connections at a time, all ports together
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections, value_parser = positive)]
    max_connections: usize,
    /// Connections at a time from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_peer, value_parser = positive)]
    max_per_peer: usize,
    /// Have the Windows firewall of this host let the ports in for as long as the listener runs
    /// (needs an administrator); without it, `listen` says what is kept out
    #[arg(long)]
    open_firewall: bool,
    /// Write what was seen to this file, each minute and at the end, as JSON; to a pipe at the end
    /// alone
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How much of a dynamic range is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ranges {
    /// Every free port, so that a sweep can prove each
    Whole,
    /// One port for each interface, as the real service has
    Mapped,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=1_000_000).contains(n))
        .ok_or_else(|| "a number from 1 to 1000000 was expected".to_owned())
}

/// Runs the subcommand.
///
/// # Errors
/// Everything that is wrong with the arguments, the site, the matrices, the key or the certificate.
pub fn run(args: &Args) -> Outcome {
    let mut inputs = inputs::load(&args.site)?;
    let runtime = interruption::runtime()?;
    if inputs.has_discovery() {
        runtime.block_on(inputs.discover(&Resolver::new(args.dns, LOOK_UP)))?;
    }
    let this = host::this_host();
    let listening = listening(inputs::selection(&args.who, &this, &inputs.plan)?);
    let mut wanted: Vec<Wanted> =
        listening.endpoints.iter().map(|e| Wanted::of(e, &inputs.plan)).collect();
    if !args.bind.is_empty() {
        wanted.iter_mut().for_each(|w| w.addresses.clone_from(&args.bind));
    }
    let (_, hosts) = inputs::hosts(&args.who, &this, &inputs.plan)?;
    wanted.retain(|w| hosts.iter().any(|h| h.label() == w.host));
    one_machine(args, &wanted, &this, &inputs.plan)?;
    let mut conflicts: Vec<String> = listening.conflicts.iter().map(ToString::to_string).collect();
    let (wanted, clashes) = merge(wanted);
    conflicts.extend(clashes);
    let selection = &listening.selection;
    if wanted.is_empty() {
        let words = format!(
            "no hop of the plan ends at {}{}: see `portmatrix plan --as {}`, or say with --as who \
                to be",
            if selection.roles.is_empty() { this.name } else { selection.roles.join(", ") },
            if selection.connect.is_empty() {
                ""
            } else {
                "; it connects to others, so `portmatrix connect` there"
            },
            args.who.first().map_or("here", String::as_str),
        );
        return Err(inputs::nobody(words, &inputs.plan));
    }
    let key = files::key(args.key.as_deref(), inputs.site.key.as_deref())?;
    if let Some(out) = &args.out {
        files::check_writable(out)?;
    }
    let descriptors = os::raise_descriptor_limit();
    // On all addresses a port is two sockets, and each interface of RPC has a port of its own.
    let ports: usize =
        wanted.iter().map(|w| w.addresses.len().max(2) * (1 + w.interfaces.len())).sum();
    let mut limits = Limits {
        connections: args.max_connections,
        per_peer: args.max_per_peer,
        allowed: args.allow_from.clone(),
        ..Limits::default()
    }
    .within(descriptors, ports);
    // The ports of a range get what the connections leave them: where there is little, three
    // quarters.
    let descriptors = descriptors
        .and_then(|n| usize::try_from(n).ok())
        .filter(|_| wanted.iter().any(|w| w.range.is_some()));
    if let Some(all) = descriptors {
        limits.connections = limits.connections.min(all / 4);
        limits.per_peer = limits.per_peer.min(limits.connections.div_ceil(2));
    }
    let shared = Shared {
        key,
        identity: Arc::new(identity(args, &wanted)?),
        whole_ranges: args
            .range
            .map_or_else(|| too_large(&wanted).is_none(), |ranges| ranges == Ranges::Whole),
        descriptors: descriptors.map(|all| all.saturating_sub(ports + limits.connections)),
        gate: Gate::new(limits),
        sightings: Arc::default(),
        receipts: Arc::default(),
        journal: Arc::new(Journal::default()),
        stop: CancellationToken::new(),
    };
    let fingerprint = shared.key.as_ref().map(SiteKey::fingerprint);
    let keeper = Keeper {
        out: args.out.as_deref(),
        site: &inputs.site.name,
        wanted: &wanted,
        started: clock::now(),
        shared: &shared,
    };
    let (ports, ranges) = runtime.block_on(serve(args, &conflicts, &keeper))?;
    let came = came(&shared);
    print(&listener::summary(&ports, &ranges, &came, fingerprint.as_deref(), style()))?;
    keeper.write(&ports, &ranges, came)?;
    let unopened = ports
        .iter()
        .any(|p| p.problem.as_ref().is_some_and(|(problem, _)| *problem != BindProblem::Taken))
        || ranges.iter().any(|r| !r.failed.is_empty());
    Ok(if unopened || !conflicts.is_empty() { Exit::NotTested } else { Exit::AsExpected })
}

/// The first range that would leave this system too few ports of its own.
fn too_large(wanted: &[Wanted]) -> Option<&PortSet> {
    wanted
        .iter()
        .filter_map(|w| w.range.as_ref())
        .find(|range| !leaves_enough(range, os::outgoing_ports()))
}

/// Opens the ports, says so, and waits for the end: the time, Ctrl-C, or nothing to wait for.
async fn serve(
    args: &Args,
    conflicts: &[String],
    keeper: &Keeper<'_>,
) -> Result<(Vec<Port>, Vec<OpenRange>), Problem> {
    let (shared, wanted) = (keeper.shared, keeper.wanted);
    let interruption = interruption::interruption();
    let Opened { ports, ranges, tracker } = open::open(wanted, shared).map_err(Problem::text)?;
    let key = shared.key.as_ref().map(SiteKey::fingerprint);
    print(&listener::opening(&ports, &ranges, conflicts, key.as_deref(), args.lifetime, style()))?;
    let _let_in = own_firewall::look(&ports, &ranges, args.open_firewall)?;
    if let Some(range) = too_large(wanted).filter(|_| args.range.is_none()) {
        print(&format!(
            "Of {range} only the ports of the interfaces are open: the others are this system's \
                own for outgoing connections. Where it can do \
             without for a while, `--range whole` opens them.\n"
        ))?;
    }
    if ports.iter().all(|p| p.problem.is_some()) {
        return Ok((ports, ranges));
    }
    let (sightings, stop) = (shared.sightings.clone(), shared.stop.clone());
    tokio::spawn(watch::give_back(stop.clone()));
    tokio::spawn(async move { watch::watch(&sightings, stop).await });
    tokio::select! {
        () = tokio::time::sleep(args.lifetime) => {}
        () = interruption => {}
        () = keeper.keep(&ports, &ranges) => {}
    }
    shared.stop.cancel();
    // Connections under way end with the token; a grace time bounds what a stuck one can cost.
    let _ = tokio::time::timeout(Duration::from_secs(5), tracker.wait()).await;
    Ok((ports, ranges))
}

/// A role may be several hosts', and this machine is not all of them: which one, is known by its
/// names and addresses, or has to be said.
fn one_machine(
    args: &Args,
    wanted: &[Wanted],
    this: &ThisHost,
    plan: &Plan,
) -> Result<(), Problem> {
    let machine = Machine { name: &this.name, addresses: &this.addresses };
    for said in &args.who {
        let (_, hosts) = inputs::hosts(std::slice::from_ref(said), this, plan)?;
        let hosts: Vec<&Host> = hosts
            .iter()
            .filter(|host| wanted.iter().any(|want| want.host == host.label()))
            .collect();
        if hosts.len() > 1
            && !hosts.iter().all(|host| matches!(machine.place(host), Place::Here | Place::Moved))
        {
            let names: Vec<String> = hosts.iter().map(|host| host.label()).collect();
            return Err(Problem::text(format!(
                "this machine could be {}: say which with --as HOST, once for each that it is",
                names.join(" or ")
            )));
        }
    }
    Ok(())
}

fn identity(args: &Args, wanted: &[Wanted]) -> Result<Identity, Problem> {
    if let (Some(cert), Some(key)) = (&args.cert, &args.cert_key) {
        return Identity::from_pem(cert, key).map_err(Problem::text);
    }
    if let Some(pfx) = &args.pfx {
        let password = match &args.pfx_password_file {
            Some(file) => input::read(file)
                .map_err(|e| Problem::text(format!("cannot read the password file: {e}")))?
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            None => std::env::var("PORTMATRIX_PFX_PASSWORD").unwrap_or_default(),
        };
        return Identity::from_pfx(pfx, &password).map_err(Problem::text);
    }
    let mut names: Vec<String> = wanted
        .iter()
        .flat_map(|w| [std::slice::from_ref(&w.host), w.also.as_slice()].concat())
        .collect();
    names.extend(wanted.iter().flat_map(|w| &w.addresses).map(IpAddr::to_string));
    names.sort();
    names.dedup();
    Identity::self_signed(&names).map_err(Problem::text)
}
