//! Which hops are tested: those that begin at this host, or at the one that is named, and of these
//! the ones that were asked for.

use super::args::Args;
use crate::cli::inputs;
use crate::cli::outcome::Problem;
use crate::input::suggest;
use crate::net::host;
use crate::plan::address::without_address;
use crate::plan::model::{Hop, Plan};
use crate::plan::place::{Machine, Place, in_full};
use crate::plan::select::Selection;
use crate::result::FromHost;
use crate::site::model::Host;

/// This host's hops, narrowed by `--flow` and `--hop`; each of these must name something.
pub(super) fn select(args: &Args, plan: &Plan) -> Result<(Plan, FromHost), Problem> {
    let this = host::this_host();
    let selection = inputs::selection(&args.who, &this, plan)?;
    let (roles, hosts) = inputs::hosts(&args.who, &this, plan)?;
    // One machine speaks for itself: of a role's many hosts, the one that it is, else any one of
    // them.
    let mine: Vec<&Hop> =
        selection.connect.iter().copied().filter(|h| hosts.contains(&h.from.host)).collect();
    let mut hops: Vec<Hop> =
        Selection { connect: mine, ..selection }.connect_once().into_iter().cloned().collect();
    let mut problems = Vec::new();
    for flow in &args.flows {
        // A flow that begins at other hosts is none of this one's, and no mistake.
        if !hops.iter().chain(&plan.hops).any(|h| h.flow.id == *flow || h.also.contains(flow)) {
            problems.push(unknown("flow", flow, hops.iter().map(|h| h.flow.id.as_str())));
        }
    }
    for hop in &args.hops {
        if !hops.iter().any(|h| is_meant(h, hop)) {
            problems.push(unknown("hop", hop, hops.iter().map(|h| h.id.as_str())));
        }
    }
    if !problems.is_empty() {
        return Err(Problem(problems));
    }
    if !args.flows.is_empty() || !args.hops.is_empty() {
        hops.retain(|h| {
            args.hops.iter().any(|id| is_meant(h, id))
                || args.flows.contains(&h.flow.id)
                || h.also.iter().any(|a| args.flows.contains(a))
        });
    }
    let elsewhere =
        elsewhere(args, &hops, Machine { name: &this.name, addresses: &this.addresses })?;
    // A machine that is found in the site goes by its name there.
    let host =
        hosts.first().filter(|_| hosts.len() == 1).map_or_else(|| this.name.clone(), Host::label);
    let from = FromHost { host, roles, elsewhere };
    Ok((Plan { hops, ..plan.clone() }, from))
}

/// The hosts that these hops begin at and that this machine is not.
///
/// # Errors
/// When one of them has addresses that this machine lacks, and nobody said that it is meant so.
fn elsewhere(args: &Args, hops: &[Hop], machine: Machine<'_>) -> Result<Vec<String>, Problem> {
    // Every machine has loopback: where the system named no address at all (it had no descriptor
    // left), it is not known what this one lacks.
    if machine.addresses.is_empty() {
        return Ok(Vec::new());
    }
    let mut planned: Vec<&Host> = Vec::new();
    for hop in hops {
        if !planned.contains(&&hop.from.host) {
            planned.push(&hop.from.host);
        }
    }
    let others: Vec<&Host> =
        planned.into_iter().filter(|host| machine.place(host) != Place::Here).collect();
    if let Some(other) =
        others.iter().find(|host| machine.place(host) == Place::OtherAddresses && !args.elsewhere)
    {
        let own: Vec<String> = machine
            .addresses
            .iter()
            .filter(|a| !a.is_loopback())
            .map(ToString::to_string)
            .collect();
        let words = format!(
            "this machine ({}) is not {}",
            [&[machine.name.to_owned()], own.as_slice()].concat().join(", "),
            in_full(other)
        );
        let help = "run this on that host, or say --elsewhere as well: then another way is tested \
            than the planned one, and every hop of the result says so";
        return Err(Problem(vec![miette::miette!(
            help = help,
            "{}",
            crate::text::sanitise(&words, 4096)
        )]));
    }
    Ok(others.into_iter().map(in_full).collect())
}

/// Whether an id means this hop. An id from a result may name one of the addresses that the hop's
/// name has in DNS.
fn is_meant(hop: &Hop, id: &str) -> bool {
    hop.id == id || (hop.address.is_none() && hop.id == without_address(id))
}

/// An id that nothing has: the nearest one is named (an id without its table is near), and all of
/// them, as far as they can be read.
fn unknown<'a>(what: &str, said: &str, known: impl Iterator<Item = &'a str>) -> miette::Report {
    let said = &crate::text::sanitise(said, 400);
    let mut known: Vec<&str> = known.collect();
    known.dedup();
    let whole = known
        .iter()
        .copied()
        .find(|id| id.strip_suffix(said).is_some_and(|table| table.ends_with('/')));
    let near = whole.or_else(|| suggest(said, known.iter().copied()));
    let near = near.map(|near| format!(": did you mean \"{near}\"?")).unwrap_or_default();
    let shown = known.len().min(12);
    let more =
        if known.len() > shown { ", … (`portmatrix plan --format csv` lists all)" } else { "" };
    miette::miette!(
        help = format!("this host has: {}{more}", known[..shown].join(", ")),
        "this host has no {what} \"{said}\"{near}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_id_is_told_the_nearest_and_the_known_ones() {
        let known = ["direct/agent-to-service", "direct/agent-to-service", "other/x"];
        let words = |said| {
            let report = unknown("flow", said, known.into_iter());
            (report.to_string(), report.help().map(|help| help.to_string()).unwrap_or_default())
        };
        let (message, help) = words("agent-to-service");
        assert_eq!(
            message,
            "this host has no flow \"agent-to-service\": did you mean \"direct/agent-to-service\"?"
        );
        assert_eq!(help, "this host has: direct/agent-to-service, other/x");
        assert_eq!(words("zzzzzzzz").0, "this host has no flow \"zzzzzzzz\"");
        // The end of a word is not the id without its table.
        assert!(!words("service").0.contains("did you mean"));
    }
}
