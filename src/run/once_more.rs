//! What is tried once more at the end of a run: hops that must be shut, and what shows that their
//! hosts reach each other. What was so for a while is no rule.

use super::ask::Asking;
use super::probed::{Probed, source};
use super::row::{Open, Row};
use crate::climb::{RangeMode, Target, Tools};
use crate::net::dial;
use crate::net::tcp_info::Watch;
use crate::observation::{Evidence, Initiator, Observation, StepKind};
use crate::plan::model::Hop;
use crate::probe;
use crate::reason::Reason;
use crate::verdict::{self, Again, Policy, Still};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Time for each step when something is tried once more: a second SYN fits into it.
const ONCE_MORE: Duration = Duration::from_millis(1500);
/// Hops tried once more at a time.
const AT_A_TIME: usize = 64;

/// Rows that are tried from several source ports more, and how many connections there are at a
/// time.
const MAX_SPREAD: usize = 256;
const SPREAD: usize = 512;
/// Time for their attempts to begin, at a low rate.
const SPREAD_TIME: Duration = Duration::from_secs(4);
/// Source ports that one row is tried from: of a way on which three of four are dead, sixteen find
/// a good one in 99 of 100 cases.
const PORTS: usize = 16;
/// Attempts at a control that shows whether anything opens at that moment.
const ALIVE: usize = 5;

/// Declared ports of one host that are looked at.
const MOST_DECLARED: usize = 8;
/// How long a declared port is watched after it opened: what stands in for a host that is off
/// resets the connection, or never opens its window.
const WATCHED: Duration = Duration::from_millis(500);

/// Time for the rows that are tried one after the other, altogether.
const ONE_BY_ONE: Duration = Duration::from_secs(8);

/// Of the ports that a site file declares to be open at a host, takes the first that is. Rows of
/// one host have the same ones: each is tried once.
pub(super) async fn choose(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    let several = || rows.iter().filter(|row| !row.others.is_empty());
    let declared: BTreeSet<Open> = several()
        .flat_map(|row| row.control.iter().chain(&row.others).take(MOST_DECLARED))
        .cloned()
        .collect();
    let declared: Vec<Open> = declared.into_iter().collect();
    let mut open: BTreeSet<&Open> = BTreeSet::new();
    for batch in declared.chunks(AT_A_TIME) {
        let tried = batch.iter().map(|control| async move {
            (holds(control, probed, asking).await == Still::Open).then_some(control)
        });
        open.extend(join_all(tried).await.into_iter().flatten());
    }
    for row in rows.iter_mut() {
        let is_open = |control: &&Open| open.contains(*control);
        let first = row.control.iter().chain(&row.others).take(MOST_DECLARED).find(is_open);
        if let Some(first) = first.filter(|_| !row.others.is_empty()) {
            row.control = Some(first.clone());
        }
    }
}

/// Tries each row that has a control; its control at the same moment, since a guard that shuts this
/// machine out for a while shuts it out everywhere.
pub(super) async fn rows(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    let tried: Vec<usize> =
        (0..rows.len()).filter(|number| rows[*number].control.is_some()).collect();
    for batch in tried.chunks(AT_A_TIME) {
        let agains = batch.iter().map(|number| again(&probed[rows[*number].place], asking));
        // Several rows have the same control: it is tried once for all of them.
        let controls: BTreeSet<&Open> =
            batch.iter().filter_map(|number| rows[*number].control.as_ref()).collect();
        let beside = controls.iter().map(|control| async {
            ((*control).clone(), stays_open(control, probed, asking).await)
        });
        let (agains, beside) = tokio::join!(join_all(agains), join_all(beside));
        let beside: BTreeMap<Open, Still> = beside.into_iter().collect();
        for (number, again) in batch.iter().zip(agains) {
            let row = &mut rows[*number];
            (row.again, row.after) =
                (again, row.control.as_ref().and_then(|control| beside.get(control).copied()));
        }
    }
    let _ = tokio::time::timeout(ONE_BY_ONE, one_by_one(probed, rows, asking)).await;
}

/// Rows whose control did not work at the same moment: one after the other, since some ways carry
/// one connection at a time.
async fn one_by_one(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    for row in rows
        .iter_mut()
        .filter(|row| row.after == Some(Still::Shut) && row.again == Some(Again::Shut))
    {
        let Some(control) = row.control.clone() else { continue };
        let before = holds(&control, probed, asking).await;
        let again = again(&probed[row.place], asking).await;
        (row.again, row.after) = (again, Some(before.max(holds(&control, probed, asking).await)));
    }
}

/// Tries the rows that are still shut, and those that opened meanwhile, from several source ports
/// more: where ways are shared out by source port, most of them may be dead, and the others open.
pub(super) async fn from_other_ports(
    probed: &[Probed],
    rows: &mut [Row],
    asking: &Asking,
    policy: Policy,
) {
    let is_odd = |row: &Row| {
        row.again == Some(Again::Open)
            || row.again == Some(Again::Shut) && row.after == Some(Still::Open)
    };
    let odd: Vec<usize> =
        (0..rows.len()).filter(|number| is_odd(&rows[*number])).take(MAX_SPREAD).collect();
    for batch in odd.chunks(AT_A_TIME) {
        let ports = (SPREAD.min(asking.pace.within(SPREAD_TIME)) / batch.len()).clamp(1, PORTS);
        let tried = batch.iter().map(|number| async {
            let this = &probed[rows[*number].place];
            // A path is refused whatever the port.
            let by_path = this.seen.as_ref().is_none_or(|s| s.first_failure().is_none());
            if by_path {
                Vec::new()
            } else {
                join_all((0..ports).map(|_| from_another_port(this, asking, policy))).await
            }
        });
        let tried = join_all(tried).await;
        for (number, agains) in batch.iter().zip(tried) {
            let row = &mut rows[*number];
            row.again = of_all(row.again, &agains);
        }
        // What opens to some, while nothing else opens any more, is a guard that lets one in and
        // shuts the source out again.
        let some = |row: &Row| matches!(row.again, Some(Again::OpenToSome { .. }));
        let controls: BTreeSet<Open> = batch
            .iter()
            .filter(|n| some(&rows[**n]))
            .filter_map(|n| rows[*n].control.clone())
            .collect();
        let alive = controls.into_iter().map(|control| async {
            (best_of_some(&control, probed, asking).await == Still::Open).then_some(control)
        });
        let alive: BTreeSet<Open> = join_all(alive).await.into_iter().flatten().collect();
        for number in batch {
            let row = &mut rows[*number];
            if some(row) && row.control.as_ref().is_some_and(|control| !alive.contains(control)) {
                row.again = Some(Again::Open);
            }
        }
    }
}

/// How a control stands in the best of a few attempts. What the end of the run cut short nobody
/// knows.
pub(super) async fn best_of_some(control: &Open, probed: &[Probed], asking: &Asking) -> Still {
    let mut best = Still::Shut;
    for _ in 0..ALIVE {
        if asking.stop.is_cancelled() {
            return best.min(Still::Unknown);
        }
        best = best.min(holds(control, probed, asking).await);
        if best == Still::Open {
            break;
        }
    }
    best
}

/// A row from a source port of its own, from its first rung on: it is open only where what must be
/// shut is judged to be so, for something on the way may begin to answer in the place of the host
/// when there are many connections.
async fn from_another_port(this: &Probed, asking: &Asking, policy: Policy) -> Option<Again> {
    let before = this.seen.as_ref()?;
    let first = before.first_failure().filter(|s| s.step == StepKind::Connect);
    let mut now = quick_probe(this, asking)?.await;
    let Some(first) = first else { return Some(verdict::same_again(before, &now)) };
    if let Some(step) = now.steps.iter().find(|s| !s.is_climbed() && s.step == StepKind::Connect) {
        let initiator = step.initiator().unwrap_or(Initiator::Unknown);
        return step.reason().map(|reason| verdict::shut_again(first.reason(), reason, initiator));
    }
    now.known = before.known.clone();
    let judged = verdict::judge(&this.hop, Some(&now), policy);
    Some(match judged.reason {
        Reason::UnexpectedlyOpen => Again::Open,
        Reason::Denied => Again::Shut,
        other => Again::Otherwise(other),
    })
}

/// What several attempts at once say beside the one before them.
fn of_all(before: Option<Again>, agains: &[Option<Again>]) -> Option<Again> {
    // Where this machine has no port left, the others tell.
    let otherwise = |again: &&Option<Again>| matches!(again, Some(Again::Otherwise(reason)) if *reason != Reason::LocalResources);
    let count = |which: Again| agains.iter().filter(|again| **again == Some(which)).count();
    match (count(Again::Open), count(Again::Shut)) {
        (0, 0) if agains.is_empty() => before,
        // Open a moment ago, and to nobody now: one port in many.
        (0, of) if before == Some(Again::Open) && of > 0 => {
            Some(Again::OpenToSome { opened: 1, of: of + 1 })
        }
        (0, _) => agains.iter().find(otherwise).copied().unwrap_or(before),
        // All of them: it was opened a moment ago.
        (_, 0) => Some(Again::Open),
        (opened, shut) => Some(Again::OpenToSome { opened, of: opened + shut }),
    }
}

/// Whether a control works at once, and once more a second later.
async fn stays_open(control: &Open, probed: &[Probed], asking: &Asking) -> Still {
    let first = holds(control, probed, asking).await;
    // On loopback nobody stands in between who would remember the first connection.
    if first != Still::Open || is_on_loopback(control, probed) {
        return first;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    holds(control, probed, asking).await
}

fn is_on_loopback(control: &Open, probed: &[Probed]) -> bool {
    match control {
        Open::Declared(to, _) => to.ip().is_loopback(),
        Open::Hop(place) => probed
            .get(*place)
            .and_then(|this| this.hop.address)
            .is_some_and(|address| address.is_loopback()),
    }
}

/// Whether a control works from its first rung to its last, without any packet sent twice.
async fn holds(control: &Open, probed: &[Probed], asking: &Asking) -> Still {
    let still = |failed: Option<Reason>, evidence: &[Evidence]| match failed {
        Some(Reason::LocalResources) => Still::Unknown,
        None if !evidence.iter().any(Evidence::needed_another_try) => Still::Open,
        _ => Still::Shut,
    };
    match control {
        Open::Declared(to, source) => {
            let (evidence, outcome) =
                dial::connect(*source, *to, ONCE_MORE.min(asking.tools.connect_deadline), 0).await;
            match outcome {
                Ok(stream) if !stays(&stream).await => Still::Shut,
                outcome => still(outcome.err().map(|failure| failure.reason), &evidence),
            }
        }
        Open::Hop(place) => {
            let Some(seen) = probed.get(*place).and_then(|this| quick_probe(this, asking)) else {
                return Still::Shut;
            };
            let seen = seen.await;
            still(seen.first_failure().and_then(|step| step.reason()), &seen.evidence)
        }
    }
}

/// Whether a connection on which nothing is said is not reset, and has a window for what could be
/// said.
async fn stays(stream: &TcpStream) -> bool {
    let watch = Watch::on(stream);
    match tokio::time::timeout(WATCHED, stream.peek(&mut [0])).await {
        // It may speak first, or close what says nothing.
        Ok(outcome) => outcome.is_ok(),
        Err(_) => !watch.and_then(|watch| watch.look()).is_some_and(|info| info.is_window_shut()),
    }
}

/// The same hop once more: only its connection, where that did not open.
async fn again(this: &Probed, asking: &Asking) -> Option<Again> {
    let (hop, before) = (&this.hop, this.seen.as_ref()?);
    let first = before.first_failure();
    if let Some(step) = first.filter(|s| s.step == StepKind::Connect) {
        asking.pace.wait().await;
        let deadline = ONCE_MORE.min(asking.tools.connect_deadline);
        let (_, outcome) = dial::connect(
            source(Some(before)),
            SocketAddr::new(hop.address?, hop.port),
            deadline,
            0,
        )
        .await;
        return Some(match outcome {
            Ok(_) => Again::Open,
            Err(failure) => verdict::shut_again(step.reason(), failure.reason, failure.initiator),
        });
    }
    let seen = quick_probe(this, asking)?.await;
    Some(verdict::same_again(before, &seen))
}

/// A hop from its first rung on, in less time; `None` without an address.
fn quick_probe<'a>(
    this: &'a Probed,
    asking: &'a Asking,
) -> Option<impl Future<Output = Observation> + 'a> {
    let hop: &Hop = &this.hop;
    let address = hop.address?;
    let source = source(this.seen.as_ref());
    Some(async move {
        asking.pace.wait().await;
        let target = Target::new(hop, address, source);
        probe::probe(&target, &quick(&asking.tools)).await
    })
}

/// The same tools with less time: at the end of a run nobody waits for long.
fn quick(tools: &Tools) -> Tools {
    Tools {
        connect_deadline: ONCE_MORE.min(tools.connect_deadline),
        step_deadline: ONCE_MORE.min(tools.step_deadline),
        retries: 0,
        idle: None,
        range: RangeMode::Never,
        ..tools.clone()
    }
}

/// Tries each control, and notes of the rows whether theirs still holds.
pub(super) async fn controls(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    let controls: BTreeSet<Open> = rows.iter().filter_map(|row| row.control.clone()).collect();
    let controls: Vec<Open> = controls.into_iter().collect();
    let mut after: BTreeMap<Open, Still> = BTreeMap::new();
    for batch in controls.chunks(AT_A_TIME) {
        let all = batch
            .iter()
            .map(|control| async { (control.clone(), holds(control, probed, asking).await) });
        for (control, still) in join_all(all).await {
            // Side by side with others it may be one connection too many.
            let still = if still == Still::Shut && batch.len() > 1 {
                holds(&control, probed, asking).await
            } else {
                still
            };
            after.insert(control, still);
        }
    }
    for row in rows {
        let holds = row.control.as_ref().and_then(|control| after.get(control).copied());
        row.after = row.after.zip(holds).map(|(then, now)| then.max(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_to_some_is_told_from_what_opens_in_time() {
        let (open, shut) = (Some(Again::Open), Some(Again::Shut));
        let busy = Some(Again::Otherwise(Reason::LocalResources));
        let rejected = Some(Again::Otherwise(Reason::Rejected));
        assert_eq!(of_all(shut, &[shut, shut, shut]), shut);
        assert_eq!(
            of_all(shut, &[shut, open, shut, open]),
            Some(Again::OpenToSome { opened: 2, of: 4 })
        );
        assert_eq!(of_all(open, &[open, shut]), Some(Again::OpenToSome { opened: 1, of: 2 }));
        assert_eq!(of_all(open, &[open, open]), open, "opened since it was tried first");
        assert_eq!(of_all(shut, &[open, open]), open, "a moment ago");
        assert_eq!(
            of_all(open, &[shut, shut]),
            Some(Again::OpenToSome { opened: 1, of: 3 }),
            "one connection in a while"
        );
        assert_eq!(of_all(shut, &[shut, rejected, busy]), rejected);
        assert_eq!(of_all(shut, &[busy, busy]), shut, "this machine has no ports: nothing new");
        assert_eq!(of_all(open, &[]), open, "paths are not tried so");
    }
}
