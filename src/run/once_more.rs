//! What is tried once more at the end of a run: hops that must be shut, and what shows that their hosts reach each other. What was so for a while is no
//! rule.

use super::Probed;
use super::ask::Asking;
use super::control::{Open, Row, source};
use super::crew::server_name;
use crate::net::dial;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::Hop;
use crate::probe::{self, RangeMode, Target, Tools};
use crate::verdict::{self, Again};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Time for each step when something is tried once more: a second SYN fits into it.
const ONCE_MORE: Duration = Duration::from_millis(1500);
/// Hops tried once more at a time.
const AT_A_TIME: usize = 64;

/// Tries each row that has a control; its control at the same moment, since a guard that shuts this machine out for a while shuts it out everywhere.
pub(super) async fn rows(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    let tried = rows.iter().enumerate().filter(|(_, row)| row.control.is_some()).map(|(number, row)| async move {
        let this = &probed[row.place];
        let again = async {
            match &this.seen {
                Some(seen) => again(&this.hop, seen, asking).await,
                None => None,
            }
        };
        let (again, control) = tokio::join!(again, works_at_once(row.control.as_ref(), probed, asking));
        (number, again, control)
    });
    for (number, again, control) in together(tried.collect()).await {
        rows[number].again = again;
        rows[number].after = Some(control);
    }
}

/// Whether a control works at once, and once more a second later.
async fn works_at_once(control: Option<&Open>, probed: &[Probed], asking: &Asking) -> bool {
    let Some(control) = control else { return false };
    for pause in [Duration::ZERO, Duration::from_millis(1000)] {
        tokio::time::sleep(pause).await;
        if !holds(control, probed, asking).await {
            return false;
        }
    }
    true
}

/// Whether a control works from its first rung to its last, without any packet sent twice.
async fn holds(control: &Open, probed: &[Probed], asking: &Asking) -> bool {
    match control {
        Open::Declared(to, source) => {
            let (evidence, outcome) = dial::connect(*source, *to, ONCE_MORE.min(asking.tools.connect_deadline), 0).await;
            outcome.is_ok() && !evidence.iter().any(Evidence::needed_another_try)
        }
        Open::Hop(place) => {
            let Some(this) = probed.get(*place) else { return false };
            let (hop, Some(address)) = (&this.hop, this.hop.address) else { return false };
            asking.pace.wait().await;
            let server_name = server_name(hop, address);
            let source = source(this.seen.as_ref());
            let target = Target { hop, address, server_name, source, places: None, question: None, small_segments: false };
            let seen = probe::probe(&target, &quick(&asking.tools)).await;
            seen.first_failure().is_none() && !seen.evidence.iter().any(Evidence::needed_another_try)
        }
    }
}

/// The same hop once more: only its connection, where that did not open.
async fn again(hop: &Hop, before: &Observation, asking: &Asking) -> Option<Again> {
    let address = hop.address?;
    asking.pace.wait().await;
    let first = before.first_failure();
    if let Some(step) = first.filter(|s| s.step == StepKind::Connect) {
        let deadline = ONCE_MORE.min(asking.tools.connect_deadline);
        let (_, outcome) = dial::connect(source(Some(before)), SocketAddr::new(address, hop.port), deadline, 0).await;
        return Some(match outcome {
            Ok(_) => Again::Open,
            Err(failure) => verdict::shut_again(step.reason, failure.reason, failure.initiator),
        });
    }
    let target = Target {
        hop,
        address,
        server_name: server_name(hop, address),
        source: source(Some(before)),
        places: None,
        question: None,
        small_segments: false,
    };
    let seen = probe::probe(&target, &quick(&asking.tools)).await;
    Some(verdict::same_again(before, &seen))
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
    let all = controls.iter().map(|control| async move { (control.clone(), holds(control, probed, asking).await) });
    let after: BTreeMap<Open, bool> = together(all.collect()).await.into_iter().collect();
    for row in rows {
        let holds = row.control.as_ref().and_then(|control| after.get(control).copied());
        row.after = row.after.zip(holds).map(|(then, now)| then && now);
    }
}

/// Several at a time, in the order in which they were given.
async fn together<T>(work: Vec<impl Future<Output = T>>) -> Vec<T> {
    let limit = Semaphore::new(AT_A_TIME);
    let limited = work.into_iter().map(|work| async {
        // Nobody closes it.
        let _turn = limit.acquire().await;
        work.await
    });
    futures_util::future::join_all(limited).await
}
