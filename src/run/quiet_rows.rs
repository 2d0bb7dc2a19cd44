//! Rows of plain TCP on which a real service is not to be spoken to, or is only greeted: where it
//! is known that the site's own listener has the port, the challenge may be spoken there all the
//! same, and with it something large. That a connection opens shows of no way that it carries data.

use super::ask::{Asking, only_began};
use super::heard_nothing;
use super::probed::Probed;
use super::proved_ways::Way;
use crate::climb::{Target, Tools};
use crate::matrix::model::Expect;
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::plan::options::Options;
use crate::probe;
use crate::protocol::list::ProofPlace;
use crate::reason::Reason;
use crate::verdict::{self, Policy, Verdict};
use crate::wire::challenge::ProofOutcome;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Hops that are looked at so, and at a time.
const MAX: usize = 256;
const AT_A_TIME: usize = 16;

/// Speaks on each such row once more, and notes what came of it.
pub(super) async fn look(probed: &mut [Probed], ways: &[Way], asking: &Asking, policy: Policy) {
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    let all = probed
        .iter()
        .enumerate()
        .filter(|(_, this)| is_unspoken(this, ways, policy))
        .map(|(place, this)| (place, Arc::new(spoken(&this.hop))));
    for (place, hop) in all.take(MAX) {
        let (asking, limit) = (asking.clone(), limit.clone());
        let source = super::probed::source(probed[place].seen.as_ref());
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            let Some(address) = hop.address else { return (place, None) };
            let target = Target::new(&hop, address, source);
            let tools = Tools { idle: None, ..(*asking.tools).clone() };
            asking.pace.wait().await;
            let spoken = async {
                let seen = probe::probe(&target, &tools).await;
                // One connection that is silent decides nothing.
                let answered = if heard_nothing::is_mute(&seen) {
                    heard_nothing::answered(hop.clone(), source, asking.clone()).await
                } else {
                    None
                };
                answered.unwrap_or(seen)
            };
            let seen = tokio::select! {
                biased;
                () = asking.stop.cancelled() => None,
                seen = spoken => Some(seen),
            };
            (place, seen)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, Some(spoken))) = done
            && let Some(seen) = &mut probed[place].seen
        {
            take_in(seen, spoken, is_greeted(&probed[place].hop));
        }
    }
}

/// Whether a row was climbed without a word of ours, to a port that the listener has, and nothing
/// yet shows that it was somebody else who took it.
fn is_unspoken(this: &Probed, ways: &[Way], policy: Policy) -> bool {
    let (hop, Some(seen)) = (&this.hop, &this.seen) else { return false };
    let flow = &hop.flow;
    let quiet = if let Some(greeting) = flow.options.greeting() {
        // Whoever greets first does not wait for anything else.
        !greeting.dialogue().is_begun_by_service()
    } else {
        !flow.options.first_bytes()
    };
    quiet
        && flow.protocol.proof() == ProofPlace::Beside
        && flow.expect == Expect::Allow
        && hop.proxy.is_none()
        && flow.relayed_to.is_none()
        && seen.first_failure().is_none()
        && ways.iter().any(|way| way.holds_port_of(hop))
        && (only_began(seen)
            || verdict::judge(hop, this.seen.as_ref(), policy).verdict != Verdict::Fail)
}

/// The same row, to be spoken on.
fn spoken(hop: &Hop) -> Hop {
    let mut flow = hop.flow.clone();
    let plain = Arc::make_mut(&mut flow);
    plain.options = Options::Raw { first_bytes: true, greeting: None };
    plain.protocol = plain.protocol.bare();
    Hop { flow, ..hop.clone() }
}

/// Whether words of the row's own application were exchanged.
fn is_greeted(hop: &Hop) -> bool {
    hop.flow.options.greeting().is_some() || hop.flow.protocol != hop.flow.protocol.bare()
}

fn is_end(step: &Step) -> bool {
    matches!(step.reason(), Some(Reason::ResetAfterConnect | Reason::ClosedAfterConnect))
}

/// Takes over what was climbed above the connection. Where a greeting was answered, something on
/// the way may know that protocol and no other: then only what a listener has answered counts.
fn take_in(seen: &mut Observation, mut spoken: Observation, greeted: bool) {
    let is_said = |step: &&Step| matches!(step.step, StepKind::Proof | StepKind::Payload);
    let failed = spoken.first_failure().filter(is_said);
    let counts = match failed {
        None => spoken.first_failure().is_none(),
        Some(step) => {
            step.step == StepKind::Payload
                || (!greeted && step.reason() == Some(Reason::SilentAfterConnect))
        }
    };
    // Whoever ended it may know the row's own application alone, or end all that is said: nothing
    // tells which.
    seen.known.cut_off =
        failed.filter(|step| !counts && !greeted && is_end(step)).and_then(|step| step.reason());
    if counts {
        seen.known.answered = spoken.known.answered.or(seen.known.answered);
        seen.steps.extend(spoken.steps.iter().filter(is_said).cloned());
        if spoken.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. })) {
            seen.proofs = spoken.proofs;
            if only_began(seen) {
                // What came to its end is known better than by what the other end saw of the one
                // before, which was lost: this was another try.
                seen.sighting = None;
                spoken.evidence.iter_mut().for_each(|evidence| evidence.attempt += 1);
            }
        }
        seen.evidence.extend(spoken.evidence);
    }
}
