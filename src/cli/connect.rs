//! `portmatrix connect`: probes this host's hops.

mod args;
mod choice;

pub use self::args::Args;

use self::args::{RangeHow, Rate};
use self::choice::select;
use super::inputs::{self, Inputs};
use super::outcome::{Outcome, Problem};
use super::progress::Progress;
use super::report::{Format, exit};
use super::routes::routes;
use super::terminal::{print, say};
use super::trust::trust;
use super::{files, interruption};
use crate::climb::Tools;
use crate::matrix::model::{Expect, RoleId};
use crate::net::resolve::Resolver;
use crate::net::sweep::Allowance;
use crate::net::{host, os};
use crate::plan::model::{Plan, Unplanned};
use crate::report;
use crate::result::{FromHost, ResultFile};
use crate::run::{self, Session, Settings};
use crate::site::proxy::{NoProxy, Route};
use crate::verdict::{AnsweredBy, Expected, Policy, Verdict};
use crate::wire::challenge::SiteKey;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs the subcommand.
///
/// # Errors
/// Everything that is wrong with the arguments, the site, the matrices or the key.
pub fn run(args: &Args) -> Outcome {
    let mut inputs = inputs::load(&args.site)?;
    // Before anything that takes descriptors: where there are few of them, the files must still be
    // read.
    let key = files::key(args.key.as_deref(), inputs.site.key.as_deref())?;
    let trust = trust(args.ca.as_deref(), args.public_roots.as_deref())?;
    let resolver = Resolver::new(args.dns, args.timeout);
    let runtime = interruption::runtime()?;
    if inputs.has_discovery() {
        runtime.block_on(inputs.discover(&resolver))?;
    }
    let routed = routes(&args.proxies, &inputs.site.routes, |name| std::env::var(name).ok());
    // What was said on the command line is wrong wherever it leads.
    let routed = if args.proxies.is_empty() { routed } else { Ok(routed?) };
    let (routes, except) = match &routed {
        Ok((routes, except)) => (routes.clone(), except.clone()),
        // What the environment says of proxies matters only where a cloud service is reached from
        // here.
        Err(_) => (vec![Route::Direct], NoProxy::default()),
    };
    inputs.plan = inputs.plan.through(&routes, &except);
    inputs::note_missing_roles(&inputs.plan);
    let (plan, from) = select(args, &inputs.plan)?;
    if plan.hops.iter().any(|hop| hop.class.is_some()) {
        routed?;
    }
    let expected = expected(args, key.is_some())?;
    if let Some(out) = &args.out {
        files::check_writable(out)?;
    }
    let sealing = key.clone();
    if plan.hops.is_empty() && untested(args, &inputs.plan, &from.roles).is_empty() {
        return nothing_to_test(args, &inputs, from, sealing.as_ref());
    }
    let stop = CancellationToken::new();
    let descriptors = os::raise_descriptor_limit();
    let concurrency = affordable(usize::from(args.concurrency), descriptors);
    let (probes, sweeps) = rates(args.rate);
    let tools = Tools {
        key,
        trust,
        connect_deadline: args.connect_timeout,
        retries: args.retries,
        step_deadline: args.timeout,
        idle: args.idle,
        range: RangeHow::mode(args.range),
        allowance: Arc::new(Allowance::new(
            sweeps,
            for_sweeps(concurrency.min(plan.hops.len()), descriptors),
        )),
    };
    let settings = Settings {
        rate: probes,
        concurrency,
        policy: Policy { expected },
        only: if args.flows.is_empty() { args.hops.clone() } else { Vec::new() },
        loopback_sources: inputs.site.port_offset != 0,
        trace: args.trace.into(),
    };
    let sweeps = tools.allowance.clone();
    let session = Session {
        site: &inputs.site.name,
        untested: untested(args, &inputs.plan, &from.roles),
        from,
        plan: &plan,
        roles: &inputs.plan.roles,
        resolver: &resolver,
        settings: &settings,
        ranges: args.ranges.0,
        deadline: args.connect_timeout,
    };
    let file = runtime.block_on(async {
        tokio::spawn(interruption::cancel_when_interrupted(stop.clone()));
        let mut progress = Progress::new(args.idle, Some(sweeps));
        Box::pin(session.run(tools, &stop, |event| progress.event(&event))).await
    });
    let interrupted = stop.is_cancelled();
    keep(args, &file, sealing.as_ref())?;
    print(&args.format.render_sealed(&file, sealing.as_ref())?)?;
    if args.format == Format::Table {
        print(&remarks(&file, interrupted))?;
    }
    Ok(exit(&file))
}

/// Writes the result to the file that was asked for, sealed.
fn keep(args: &Args, file: &ResultFile, key: Option<&SiteKey>) -> Result<(), Problem> {
    let out = args.out.as_ref();
    let Some(out) = out else { return Ok(()) };
    files::write(out, &report::format::json::sealed(file, key).map_err(Problem::text)?)
}

/// Who is to answer. A proof takes a key.
fn expected(args: &Args, has_key: bool) -> Result<Expected, Problem> {
    let expected = if args.require_proof { Expected::StandIn } else { args.expect.into() };
    if expected == Expected::StandIn && !has_key {
        return Err(Problem::text(
            "--expect stand-in needs the site key, the same file as on the listener's host: name \
                it in the site file or with --key",
        ));
    }
    Ok(expected)
}

/// Probes begun per second, and connections of sweeps; none is no limit.
fn rates(rate: Option<Rate>) -> (u32, Option<u32>) {
    match rate {
        None => (run::RATE, Some(run::SWEEP_RATE)),
        Some(Rate::PerSecond(rate)) => (rate, Some(rate)),
        Some(Rate::Max) => (100_000, None),
    }
}

/// Descriptors for standard streams, event queue, trust store, result file and the like.
const OTHERS: u64 = 32;

/// Connections of sweeps at a time: what the probes leave them, and a quarter at least. Where both
/// come to want more, both wait.
fn for_sweeps(probes: usize, descriptors: Option<u64>) -> usize {
    let there = descriptors
        .map_or(1 << 16, |n| usize::try_from(n.saturating_sub(OTHERS)).unwrap_or(usize::MAX));
    there.saturating_sub(probes.saturating_mul(3)).max(there / 4)
}

/// Probes at a time for which there are descriptors: each takes two, and sometimes another for the
/// look-up of a name.
fn affordable(wanted: usize, descriptors: Option<u64>) -> usize {
    let there = descriptors.map_or(usize::MAX, |n| {
        usize::try_from(n.saturating_sub(OTHERS) / 3).unwrap_or(usize::MAX)
    });
    wanted.min(there.max(1))
}

/// What the counts leave open: hops without proof, and a run that was cut short.
fn remarks(file: &ResultFile, interrupted: bool) -> String {
    let mut text = String::new();
    let unproved = |h: &&crate::result::HopResult| {
        h.answered_by == AnsweredBy::Unproved
            && h.expect == Expect::Allow
            && h.verdict == Verdict::Pass
    };
    let unproved = file.hops.iter().filter(unproved).count();
    if unproved > 0 {
        let what = if unproved == 1 {
            "1 hop answered and proved"
        } else {
            &format!("{unproved} hops answered and proved")
        };
        let why = match &file.key_fingerprint {
            Some(fingerprint) => {
                format!("the other end is no listener, or has another site key than {fingerprint}")
            }
            None => "no site key is named here, in the site file or with --key".to_owned(),
        };
        text.push_str(&format!(
            "{what} nothing: {why}. With --expect stand-in such a hop fails.\n"
        ));
    }
    if interrupted {
        text.push_str("Interrupted: what was under way or still to come is skipped.\n");
    }
    text
}

/// Flows that begin at these roles and cannot be tested. Of a narrowed run nobody expects the rest.
fn untested(args: &Args, plan: &Plan, roles: &[RoleId]) -> Vec<Unplanned> {
    let narrowed = !args.flows.is_empty() || !args.hops.is_empty();
    plan.unplanned
        .iter()
        .filter(|u| !narrowed && u.why.leaves_untested() && roles.contains(&u.from))
        .cloned()
        .collect()
}

/// An empty result, for a host where no hop begins: the same job may run on every host of the site.
fn nothing_to_test(args: &Args, inputs: &Inputs, from: FromHost, key: Option<&SiteKey>) -> Outcome {
    let who = if from.roles.is_empty() {
        from.host.clone()
    } else {
        format!("{} ({})", from.host, from.roles.join(", "))
    };
    let listens = inputs::selection(&args.who, &host::this_host(), &inputs.plan)
        .is_ok_and(|selection| !selection.listen.is_empty());
    let file = Session::without_hops(&inputs.site.name, from, key);
    keep(args, &file, key)?;
    let what = if args.flows.is_empty() {
        "No hop of the plan begins"
    } else {
        "No hop of these flows begins"
    };
    let words = format!(
        "{what} at {who}: nothing was tested.{}\n",
        if listens {
            " Others connect to it: `portmatrix listen` stands in for its services."
        } else {
            ""
        }
    );
    if args.format == Format::Table {
        print(&words)?;
    } else {
        say(words.trim_end());
        print(&args.format.render_sealed(&file, key)?)?;
    }
    Ok(exit(&file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::SCHEMA;

    #[test]
    fn passes_without_proof_and_interruptions_are_remarked() {
        let hop = |answered_by, verdict| {
            serde_json::json!({ "hop": "h", "flow": "f/h", "source": "row 1", "from": { "role": "a", "host": "a" },
            "to": { "role": "b", "host": "b", "port": 1 }, "protocol": "http", "expect": "allow", "required": true, "verdict": verdict,
            "reason": "answered", "answered_by": answered_by, "ms": 1.0, "steps": [], "evidence": [] })
        };
        let file = |hops| -> ResultFile {
            let file = serde_json::json!({ "schema": SCHEMA, "version": "0", "site": "s", "from": { "host": "a", "roles": [] },
                "started": "2026-11-24T04:00:00Z", "finished": "2026-11-24T04:00:00Z", "hops": hops });
            serde_json::from_value(file).expect("a result")
        };
        let one = file(vec![
            hop("unproved", "pass"),
            hop("unproved", "warn"),
            hop("service", "pass"),
            hop("stand-in", "pass"),
        ]);
        assert!(remarks(&one, false).contains("no site key is named here"));
        let with_key = ResultFile { key_fingerprint: Some("bb20-be71".to_owned()), ..one };
        assert!(remarks(&with_key, false).starts_with(
            "1 hop answered and proved nothing: the other end is no listener, or \
                    has another site key than bb20-be71"
        ));
        let none = file(vec![hop("stand-in", "pass")]);
        assert_eq!(remarks(&none, false), "");
        assert!(remarks(&none, true).starts_with("Interrupted"));
    }
}
