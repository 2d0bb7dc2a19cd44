//! Arguments, a trial for each scenario, a few of them at a time, and the table at the end.
//!
//! A trial decides its own outcome, so that what the harness prints of it holds: where a scenario
//! differs, its trial waits until it is alone, and looks again before it fails.

use crate::documents;
use crate::report::{self, Mark};
use crate::run::{self, Row, Shared};
use crate::scenario::{self, Scenario, Way};
use crate::support::netns;
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

/// Scenarios at a time: they wait more than they work.
const AT_A_TIME: usize = 6;

/// Scenarios that may differ beside others, and not alone. More of them are no matter of a busy
/// machine.
const MAX_UNSTEADY: usize = 4;

/// The folder of the project.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the bed.
///
/// # Errors
/// What is not as it should be, in words.
pub fn main() -> Result<(), String> {
    let (mut arguments, names) = arguments(std::env::args());
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let scenarios = scenario::load(&Path::new(ROOT).join("tests/faults/scenarios"))?;
    let pages = portmatrix::verdict::explain::pages().map_err(|e| e.to_string())?;
    if std::env::var_os("UPDATE_EXPECTED").is_some() && !arguments.list {
        documents::write(&scenarios, &pages)?;
    }
    let missing = missing(&scenarios);
    let bed = Arc::new(Bed::default());
    let mut trials = documents::trials(&scenarios, &pages);
    trials.extend(scenarios.into_iter().enumerate().map(|(place, scenario)| {
        let why = missing.get(&scenario.name).cloned();
        trial(&bed, place, scenario, why)
    }));
    if !names.is_empty() {
        trials.retain(|t| names.iter().any(|n| t.name().contains(n.as_str())));
    }
    if !arguments.list {
        say_left_out(&arguments, &trials, &missing);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        bed.print();
    }
    match conclusion.num_failed {
        0 => Ok(()),
        failed => Err(format!("{failed} failed: what they said stands above")),
    }
}

/// The harness's arguments, and the names where there are several, of which it takes but one.
fn arguments(all: impl Iterator<Item = String>) -> (Arguments, Vec<String>) {
    let (mut options, mut names) = (Vec::new(), Vec::new());
    let mut all = all.enumerate();
    while let Some((place, argument)) = all.next() {
        let is_name = place > 0 && !argument.starts_with('-');
        let has_value = ["--test-threads", "--skip", "--color", "--format", "--logfile", "-Z"]
            .contains(&argument.as_str());
        if is_name { &mut names } else { &mut options }.push(argument);
        if has_value {
            options.extend(all.next().map(|(_, value)| value));
        }
    }
    if let [one] = names.as_slice() {
        options.push(one.clone());
        names.clear();
    }
    (Arguments::from_iter(options), names)
}

/// Scenarios that cannot be run here, each with why.
fn missing(scenarios: &[Scenario]) -> BTreeMap<String, String> {
    let all =
        netns::possible().map_err(|why| format!("network namespaces cannot be made here ({why})"));
    scenarios
        .iter()
        .filter_map(|s| {
            let outcome = all.clone().and_then(|()| run::possible(s));
            outcome.err().map(|why| (s.name.clone(), why))
        })
        .collect()
}

/// The harness calls such a trial `ignored` and has no place for why.
fn say_left_out(arguments: &Arguments, trials: &[Trial], missing: &BTreeMap<String, String>) {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for trial in trials.iter().filter(|t| !arguments.is_filtered_out(t)) {
        if let Some(why) = missing.get(trial.name()).filter(|_| arguments.is_ignored(trial)) {
            names.entry(why).or_default().push(trial.name());
        }
    }
    for (why, names) in names {
        match names.len() {
            ..10 => println!("left out: {}: {why}", names.join(", ")),
            many => println!("left out: {many} scenarios: {why}"),
        }
    }
}

/// The trial of one scenario. What cannot be run here is ignored; in CI it is run, and fails with
/// what is missing.
fn trial(bed: &Arc<Bed>, place: usize, scenario: Scenario, missing: Option<String>) -> Trial {
    let is_ignored = missing.is_some() && std::env::var_os("CI").is_none();
    let (bed, name) = (Arc::clone(bed), scenario.name.clone());
    let runner = move || match missing {
        Some(why) => Err(Failed::from(why)),
        None => bed.run(place, &scenario),
    };
    Trial::test(name, runner).with_ignored_flag(is_ignored)
}

/// What the trials of one process share, and what came of them.
struct Bed {
    begun: Instant,
    /// Made by the first trial that is run: to list them needs no keys.
    shared: OnceLock<Result<Shared, String>>,
    /// Held for reading by who runs beside others, and for writing by who must be alone.
    company: RwLock<()>,
    looked_again: AtomicUsize,
    done: Mutex<Vec<(usize, Vec<Row>)>>,
    /// Scenarios that differed beside others only, each with how.
    unsteady: Mutex<Vec<(String, String)>>,
}

impl Default for Bed {
    fn default() -> Self {
        Bed {
            begun: Instant::now(),
            shared: OnceLock::new(),
            company: RwLock::default(),
            looked_again: AtomicUsize::new(0),
            done: Mutex::default(),
            unsteady: Mutex::default(),
        }
    }
}

impl Bed {
    /// Runs a scenario over each of its ways.
    fn run(&self, place: usize, scenario: &Scenario) -> Result<(), Failed> {
        let shared = self.shared.get_or_init(Shared::new).as_ref().map_err(Failed::from)?;
        let mut rows = Vec::new();
        for way in &scenario.paths {
            let mut of_way = {
                let _beside = self.company.read().unwrap_or_else(PoisonError::into_inner);
                run::run(scenario, *way, shared)
            };
            if let Some(good) = self.once_more_alone(&of_way, scenario, *way, shared) {
                held(&self.unsteady)
                    .push((scenario.name.clone(), of_way.iter().map(differences).collect()));
                of_way = good;
            }
            rows.extend(of_way);
        }
        let mut wrong: String =
            rows.iter().filter(|r| r.mark() == Mark::Differs).map(differences).collect();
        if scenario.pending.is_some() && rows.iter().all(|r| r.mark() == Mark::Ok) {
            wrong.push_str("it is no longer pending: take the mark out of its file");
        }
        held(&self.done).push((place, rows));
        if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
    }

    /// Runs a scenario that differed once more, twice and alone: some measure time, and six beds on
    /// a busy machine take theirs. Gives its rows when they are as expected both times.
    fn once_more_alone(
        &self,
        rows: &[Row],
        scenario: &Scenario,
        way: Way,
        shared: &Shared,
    ) -> Option<Vec<Row>> {
        let differs = |row: &Row| row.mark() == Mark::Differs;
        // What was green and should not be is no matter of time: once is enough.
        let is_false_green =
            |row: &Row| row.differences.iter().any(|d| d.what.contains("verdict is pass, not "));
        if !rows.iter().any(differs)
            || rows.iter().any(|row| differs(row) && is_false_green(row))
            || std::env::var_os("STRICT").is_some()
            || self.looked_again.fetch_add(1, Ordering::Relaxed) >= MAX_UNSTEADY
        {
            return None;
        }
        let _alone = self.company.write().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            catch_unwind(AssertUnwindSafe(|| run::run(scenario, way, shared)))
                .ok()
                .filter(|rows| !rows.iter().any(differs))
        };
        run().and_then(|_| run())
    }

    /// The table, and what is not an outcome of a single trial.
    fn print(&self) {
        let mut done = std::mem::take(&mut *held(&self.done));
        done.sort_by_key(|(place, _)| *place);
        let rows: Vec<Row> = done.into_iter().flat_map(|(_, rows)| rows).collect();
        if rows.is_empty() {
            return;
        }
        let scenarios: BTreeSet<&str> = rows.iter().map(|r| r.scenario.name.as_str()).collect();
        let count = |mark| rows.iter().filter(|r| r.mark() == mark).count();
        println!(
            "{}\n{} scenarios, {} rows: {} as expected, {} differ, {} pending; {:.0} s; the \
                slowest: {}",
            report::table(&rows),
            scenarios.len(),
            rows.len(),
            count(Mark::Ok),
            count(Mark::Differs),
            count(Mark::Pending),
            self.begun.elapsed().as_secs_f64(),
            slowest(&rows)
        );
        for (name, how) in held(&self.unsteady).iter() {
            println!(
                "unsteady: {name} differed beside others, and was as expected twice when it ran \
                    alone (STRICT=1 counts it)\n{how}"
            );
        }
        if std::env::var_os("SHOW_PENDING").is_some() {
            let pending = rows.iter().filter(|r| r.mark() == Mark::Pending);
            pending.for_each(|row| print!("{}", differences(row)));
        }
    }
}

/// A panic of one trial is about one scenario.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
