//! Arguments, a few scenarios at a time, the table, and what is wrong.

use crate::judge;
use crate::netns;
use crate::report::{self, Mark};
use crate::run::{self, Row, Shared};
use crate::scenario::{self, Scenario, Way};
use portmatrix::verdict::explain::{Page, Produced};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Scenarios at a time: they wait more than they work.
const AT_A_TIME: usize = 6;

/// Scenarios that may differ beside others, and not alone. More of them are no matter of a busy
/// machine.
const MAX_UNSTEADY: usize = 4;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the bed.
///
/// # Errors
/// What is not as it should be, in words.
pub fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scenarios = scenario::load(&Path::new(ROOT).join("tests/faults/scenarios"))?;
    if arguments.iter().any(|a| a == "--list") {
        scenarios.iter().for_each(|s| println!("{}: test", s.name));
        return Ok(());
    }
    let names = names(&arguments);
    let wanted =
        |s: &&Scenario| names.is_empty() || names.iter().any(|n| s.name.contains(n.as_str()));
    let chosen: Vec<Scenario> = scenarios.iter().filter(wanted).cloned().collect();
    if chosen.is_empty() {
        println!("no scenario is called {names:?}");
        return Ok(());
    }
    let pages = portmatrix::verdict::explain::pages().map_err(|e| e.to_string())?;
    let document = check_document(&scenarios, &pages)
        .and(check_reasons(&scenarios, &pages))
        .and(judge::words_are_said());
    if let Err(why) = netns::available() {
        println!("left out: network namespaces cannot be made here ({why})");
        return document;
    }
    let begun = Instant::now();
    let shared = Shared::new()?;
    let (mut rows, broken) = all(&chosen, &shared)?;
    let unsteady = if std::env::var_os("STRICT").is_some() {
        Vec::new()
    } else {
        once_more_alone(&mut rows, &shared)
    };
    print!("\n{}", report::table(&rows));
    let count = |mark| rows.iter().filter(|r| r.mark() == mark).count();
    println!(
        "\n{} scenarios, {} rows: {} as expected, {} differ, {} pending; {:.0} s; the slowest: {}",
        chosen.len(),
        rows.len(),
        count(Mark::Ok),
        count(Mark::Differs),
        count(Mark::Pending),
        begun.elapsed().as_secs_f64(),
        slowest(&rows)
    );
    for name in &unsteady {
        println!(
            "unsteady: {name} differed beside others, and was as expected twice when it ran alone \
                (STRICT=1 counts it)"
        );
    }
    let mut wrong = broken;
    wrong.extend(
        rows.iter()
            .filter(|r| r.mark() == Mark::Differs || std::env::var_os("SHOW_PENDING").is_some())
            .map(differences),
    );
    wrong.extend(no_longer_pending(&rows));
    wrong.extend(document.err());
    wrong.retain(|w| !w.is_empty());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What is no option of the standard test harness: cargo passes those on.
fn names(arguments: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--test-threads" | "--skip" | "--color" | "--format" | "--logfile" | "-Z" => {
                arguments.next();
            }
            option if option.starts_with('-') => {}
            name => names.push(name.to_owned()),
        }
    }
    names
}

/// Runs the few scenarios that differed once more, twice each and alone: some measure time, and six
/// beds on a busy machine take theirs. Rows that are as expected both times take the place of those
/// that were not. Gives their names.
fn once_more_alone(rows: &mut Vec<Row>, shared: &Shared) -> Vec<String> {
    let differs = |row: &Row| row.mark() == Mark::Differs;
    let mut odd: Vec<(Scenario, Way)> = Vec::new();
    for row in rows.iter().filter(|row| differs(row)) {
        if !odd.iter().any(|(scenario, way)| scenario.name == row.scenario.name && *way == row.way)
        {
            odd.push((row.scenario.clone(), row.way));
        }
    }
    // What was green and should not be is no matter of time: once is enough.
    let is_false_green =
        |row: &Row| row.differences.iter().any(|d| d.what.contains("verdict is pass, not "));
    if odd.len() > MAX_UNSTEADY || rows.iter().any(|row| differs(row) && is_false_green(row)) {
        return Vec::new();
    }
    let mut unsteady = Vec::new();
    for (scenario, way) in odd {
        let alone = || {
            catch_unwind(AssertUnwindSafe(|| run::run(&scenario, way, shared)))
                .ok()
                .filter(|rows| !rows.iter().any(differs))
        };
        if alone().is_some()
            && let Some(good) = alone()
        {
            let place = rows
                .iter()
                .position(|row| row.scenario.name == scenario.name && row.way == way)
                .unwrap_or(rows.len());
            rows.iter()
                .filter(|row| row.scenario.name == scenario.name && row.way == way)
                .for_each(|row| print!("{}", differences(row)));
            rows.retain(|row| row.scenario.name != scenario.name || row.way != way);
            rows.splice(place..place, good);
            unsteady.push(scenario.name.clone());
        }
    }
    unsteady
}

/// Runs all; also gives those that could not be run to their end.
fn all(scenarios: &[Scenario], shared: &Shared) -> Result<(Vec<Row>, Vec<String>), String> {
    let mut broken = Vec::new();
    let mut jobs: Vec<(&Scenario, Way)> = Vec::new();
    for scenario in scenarios {
        match run::possible(scenario) {
            Ok(()) => jobs.extend(scenario.paths.iter().map(|way| (scenario, *way))),
            Err(why) if std::env::var_os("CI").is_some() => {
                broken.push(format!("{}: {why}", scenario.name))
            }
            Err(why) => println!("left out: {}: {why}", scenario.name),
        }
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for _ in 0..AT_A_TIME.min(jobs.len()) {
            threads.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, way)) = jobs.get(place) else { return };
                    // A panic is about one scenario.
                    let rows = catch_unwind(AssertUnwindSafe(|| run::run(scenario, *way, shared)));
                    if let Ok(mut done) = done.lock() {
                        done.push((place, rows));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|e| e.to_string())?;
    done.sort_by_key(|(place, _)| *place);
    let mut rows = Vec::new();
    for (place, outcome) in done {
        match outcome {
            Ok(some) => rows.extend(some),
            Err(panic) => {
                let words = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                broken.push(format!(
                    "{} could not be run: {}",
                    jobs[place].0.name,
                    words.unwrap_or_default()
                ));
            }
        }
    }
    Ok((rows, broken))
}

fn slowest(rows: &[Row]) -> String {
    let slowest = rows.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds));
    slowest.map(|r| format!("{}, {:.0} s", r.scenario.name, r.seconds)).unwrap_or_default()
}

fn differences(row: &Row) -> String {
    row.differences
        .iter()
        .map(|d| {
            let hop = d.hop.as_ref().map(|h| format!("{h:#}\n")).unwrap_or_default();
            format!("== {} {}: {}\n{hop}", row.scenario.name, row.family.word(), d.what)
        })
        .collect()
}

/// Scenarios that are marked as pending and agree in every row: the mark must go.
fn no_longer_pending(rows: &[Row]) -> Vec<String> {
    let pending: BTreeSet<&str> = rows
        .iter()
        .filter(|r| r.scenario.pending.is_some())
        .map(|r| r.scenario.name.as_str())
        .collect();
    let still: BTreeSet<&str> = rows
        .iter()
        .filter(|r| r.mark() == Mark::Pending)
        .map(|r| r.scenario.name.as_str())
        .collect();
    pending
        .difference(&still)
        .map(|name| format!("{name} is no longer pending: take the mark out of its file"))
        .collect()
}

/// Every reason whose page says that a scenario produces it is produced by one, and no other is.
fn check_reasons(scenarios: &[Scenario], pages: &[Page]) -> Result<(), String> {
    let produced: BTreeSet<&str> = scenarios.iter().flat_map(Scenario::reasons).collect();
    let wrong: String = pages
        .iter()
        .filter_map(|page| match (&page.produced, produced.contains(page.reason.code())) {
            (Produced::Scenario, false) => {
                Some(format!("no scenario expects {}, though its page says so\n", page.reason))
            }
            (Produced::Cannot(_), true) => Some(format!(
                "a scenario expects {}, though its page says that none can\n",
                page.reason
            )),
            _ => None,
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Writes or checks `docs/faults.md`.
fn check_document(scenarios: &[Scenario], pages: &[Page]) -> Result<(), String> {
    let path = Path::new(ROOT).join("docs/faults.md");
    let text = report::document(scenarios, pages);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        return std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()));
    }
    match std::fs::read_to_string(&path) {
        Ok(there) if there == text => Ok(()),
        _ => Err("docs/faults.md is not what the scenarios say: UPDATE_EXPECTED=1 cargo test \
            --test faults"
            .to_owned()),
    }
}
