//! `portmatrix lab`: a whole site on this machine's loopback.

mod by_hand;

use super::files;
use super::inputs::{self, SiteArgs};
use super::interruption;
use super::outcome::{Exit, Outcome, Problem};
use super::progress::Progress;
use super::report::{Format, together};
use super::terminal::{print, style};
use crate::document::terminal;
use crate::event::Event;
use crate::lab::sites::{SAMPLES, Sample};
use crate::lab::{self, LabHop, LabSite};
use crate::net::{clock, keyfile, os};
use crate::report;
use crate::result::{Counts, FromHost, HopResult, ResultFile};
use clap::Args as ClapArgs;
use futures_util::future::try_join_all;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Runs listeners and connectors for every hop of sample sites on this machine's loopback, and
/// shows the matrix.
///
/// One port is left shut on purpose, so that a failure is seen too. Needs no privilege and no
/// network.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    portmatrix lab                         all sample sites\n  \
    portmatrix lab --only direct           one of them\n  \
    portmatrix lab --keep my-lab           leaves site files and key, to go on by hand\n  \
    portmatrix lab --format json > lab.json\n\n\
    Exit code: 0 every hop came out as the lab expects (the shut one refused, all others proved), \
    1 at least one did not.")]
pub struct Args {
    /// Leave the site files and the key in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Only this sample site
    #[arg(long, value_name = "NAME", value_parser = SAMPLES.iter().map(|s| s.name).collect::<Vec<_>>())]
    only: Option<String>,
    /// Added to every port, so that none needs a privilege
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u16).range(1024..=34_000))]
    port_offset: u16,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write the result to this file, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Name of the key's file in the lab's folder.
const KEY: &str = "site.key";

/// Runs the subcommand.
///
/// # Errors
/// When the folder cannot be made or a port cannot be opened.
pub fn run(args: &Args) -> Outcome {
    if let Some(out) = &args.out {
        files::check_writable(out)?;
    }
    let temporary = tempfile::tempdir()
        .map_err(|e| Problem::text(format!("cannot make a temporary folder: {e}")))?;
    let folder = match &args.keep {
        Some(folder) => {
            std::fs::create_dir(folder).map_err(|e| {
                let shown = folder.display();
                Problem::text(match e.kind() {
                    std::io::ErrorKind::AlreadyExists => {
                        format!("{shown} exists already: --keep needs the name of a new folder")
                    }
                    _ => format!("cannot make the folder {shown}: {e}"),
                })
            })?;
            folder.clone()
        }
        None => temporary.path().to_path_buf(),
    };
    keyfile::create(&folder.join(KEY)).map_err(Problem::text)?;
    let key = keyfile::read(&folder.join(KEY)).map_err(Problem::text)?;
    os::raise_descriptor_limit();
    let samples: Vec<Sample> = SAMPLES
        .iter()
        .copied()
        .filter(|s| args.only.as_deref().is_none_or(|only| only == s.name))
        .collect();
    let sites = samples
        .iter()
        .map(|sample| plan(*sample, &folder, args.port_offset))
        .collect::<Result<Vec<_>, _>>()?;

    let mut done = Vec::new();
    interruption::runtime()?.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(interruption::cancel_when_interrupted(stop.clone()));
        // Each sample has addresses of its own: they run side by side.
        let progress = Together::new(sites.len());
        let (key, stop, progress_of) = (&key, &stop, |place| progress.of(place));
        let runs = sites.iter().enumerate().map(|(place, site)| async move {
            let started = clock::now();
            let hops = Box::pin(lab::run(site, key, stop, progress_of(place)))
                .await
                .map_err(Problem::text)?;
            Ok::<_, Problem>((site, started, hops))
        });
        done = try_join_all(runs).await?;
        progress.end();
        Ok::<_, Problem>(())
    })?;

    let unexpected = done.iter().flat_map(|(_, _, hops)| hops).filter(|h| !h.as_expected()).count();
    let mut text = String::new();
    if args.format == Format::Table {
        for (site, _, hops) in &done {
            let results: Vec<HopResult> = hops.iter().map(|h| h.result.clone()).collect();
            let _ = writeln!(
                text,
                "── {} ──\n{}",
                site.plan.site,
                terminal::render(&report::results::of_hops(&results), style())
            );
        }
        let all: Vec<&LabHop> = done.iter().flat_map(|(_, _, hops)| hops).collect();
        text.push_str(&conclusion(&all));
        // Of several samples the first one's: the others go alike.
        if let (Some(folder), Some((site, ..))) = (&args.keep, done.first()) {
            text.push_str(&by_hand::lines(site, folder, std::env::args_os().next().as_deref()));
        }
    }
    let file = together(
        done.into_iter().map(|(site, started, hops)| result_file(site, started, hops)).collect(),
    );
    let Some(file) = file else { return Err(Problem::text("the lab has no site of that name")) };
    if args.format != Format::Table {
        text = args.format.render(&file)?;
    }
    if let Some(out) = &args.out {
        let text = report::format::json::sealed(&file, Some(&key)).map_err(Problem::text)?;
        files::write(out, &text)?;
    }
    print(&text)?;
    Ok(if unexpected == 0 { Exit::AsExpected } else { Exit::NotAsExpected })
}

/// The progress of several runs as one.
struct Together {
    progress: RefCell<Progress>,
    /// Hops of each run.
    hops: RefCell<Vec<usize>>,
}

impl Together {
    fn new(runs: usize) -> Self {
        Together {
            progress: RefCell::new(Progress::new(None, None)),
            hops: RefCell::new(vec![0; runs]),
        }
    }

    /// What takes note of the events of one of them.
    fn of(&self, place: usize) -> impl FnMut(Event) {
        move |event| match event {
            Event::RunStarted { hops } => {
                self.hops.borrow_mut()[place] = hops;
                self.progress
                    .borrow_mut()
                    .event(&Event::RunStarted { hops: self.hops.borrow().iter().sum() });
            }
            Event::RunFinished => {}
            other => self.progress.borrow_mut().event(&other),
        }
    }

    fn end(&self) {
        self.progress.borrow_mut().event(&Event::RunFinished);
    }
}

/// Writes a sample's site file and plans it the way every site is planned.
fn plan(sample: Sample, folder: &Path, port_offset: u16) -> Result<LabSite, Problem> {
    let path = folder.join(format!("{}.toml", sample.name));
    files::write(&path, &sample.toml(port_offset, KEY))?;
    let inputs = inputs::load(&SiteArgs::of(path))?;
    Ok(LabSite { sample, plan: inputs.plan, port_offset })
}

fn result_file(site: &LabSite, started: jiff::Timestamp, hops: Vec<LabHop>) -> ResultFile {
    let mut roles: Vec<String> = hops.iter().map(|h| h.result.from.role.clone()).collect();
    roles.sort();
    roles.dedup();
    let from = FromHost { host: "lab".to_owned(), roles, elsewhere: Vec::new() };
    ResultFile {
        finished: clock::now(),
        hops: hops.into_iter().map(|h| h.result).collect(),
        ..ResultFile::empty(&site.plan.site, from, started)
    }
}

/// What the lab was meant to show, and whether it did.
fn conclusion(all: &[&LabHop]) -> String {
    let mut text = String::new();
    for hop in all.iter().filter(|h| h.shut && h.as_expected()) {
        let _ = writeln!(
            text,
            "Shut on purpose, and seen: {} ({}).",
            hop.result.hop, hop.result.reason
        );
    }
    for hop in all.iter().filter(|h| h.is_turned_away()) {
        let _ = writeln!(
            text,
            "Shut by the lab's own listener in the place of a firewall, and seen to be no rule of \
                the way: {} ({}).",
            hop.result.hop, hop.result.reason
        );
    }
    for hop in all.iter().filter(|h| !h.as_expected()) {
        let _ = writeln!(
            text,
            "NOT as the lab expects: {} ({}, {}).",
            hop.result.hop,
            hop.result.verdict.name(),
            hop.result.reason
        );
    }
    let counts = Counts::of(all.iter().map(|h| &h.result));
    let _ = writeln!(text, "Lab: {counts}.");
    text
}
