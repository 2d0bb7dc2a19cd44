//! What is tried once more at the end of a run: hops that must be shut, and what shows that their hosts reach each other. What was so for a while is no
//! rule.

use super::Probed;
use super::ask::Asking;
use super::control::{Open, Row, source};
use super::crew::server_name;
use crate::net::dial;
use crate::observation::{Observation, StepKind};
use crate::plan::model::Hop;
use crate::probe::{self, RangeMode, Target, Tools};
use crate::verdict::{self, Again};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Time for each step when something is tried once more: a second SYN fits into it.
const ONCE_MORE: Duration = Duration::from_millis(1500);
/// Hops tried once more at a time.
const AT_A_TIME: usize = 64;

/// Tries each row that has a control.
pub(super) async fn rows(probed: &[Probed], rows: &mut [Row], asking: &Asking) {
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (number, row) in rows.iter().enumerate().filter(|(_, row)| row.control.is_some()) {
        let this = &probed[row.place];
        let Some(seen) = this.seen.clone() else { continue };
        let (hop, asking, limit) = (this.hop.clone(), asking.clone(), limit.clone());
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            (number, again(&hop, &seen, &asking).await)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((number, again)) = done {
            rows[number].again = again;
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
    let mut tasks = JoinSet::new();
    for control in controls {
        let (asking, hop) = (asking.clone(), match &control {
            Open::Hop(place) => Some((probed[*place].hop.clone(), source(probed[*place].seen.as_ref()))),
            Open::Declared(..) => None,
        });
        tasks.spawn(async move {
            let holds = match (&control, hop) {
                (Open::Declared(to, source), _) => {
                    dial::connect(*source, *to, ONCE_MORE.min(asking.tools.connect_deadline), 0).await.1.is_ok()
                }
                (Open::Hop(_), Some((hop, source))) => hop_holds(&hop, source, &asking).await,
                (Open::Hop(_), None) => false,
            };
            (control, holds)
        });
    }
    let mut after = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        if let Ok((control, holds)) = done {
            after.insert(control, holds);
        }
    }
    for row in rows {
        row.after = row.control.as_ref().and_then(|control| after.get(control).copied());
    }
}

/// Whether an allow hop still works, from its first rung to its last.
async fn hop_holds(hop: &Hop, source: Option<IpAddr>, asking: &Asking) -> bool {
    let Some(address) = hop.address else { return false };
    asking.pace.wait().await;
    let server_name = server_name(hop, address);
    let target = Target { hop, address, server_name, source, places: None, question: None, small_segments: false };
    let tools = quick(&asking.tools);
    probe::probe(&target, &tools).await.first_failure().is_none()
}
