//! What is asked besides the sweep: the listener behind the mapper's port what it saw, and whoever
//! answers on a port without the right stamp who he is.

use super::job::Found;
use super::survey::Survey;
use crate::climb::Climb;
use crate::net::sweep::Try;
use crate::net::{clock, random};
use crate::observation::PortState;
use crate::protocol::rpc::classify::range::ports;
use crate::protocol::rpc::classify::range::ports::Board;
use crate::protocol::rpc::codec::Syntax;
use crate::protocol::rpc::probe::connect::{token, within};
use crate::protocol::rpc::probe::session::{CHALLENGE_CONTEXT, Called, Session};
use crate::reason::Reason;
use crate::wire::challenge::{self, Aim, Challenge, Claims, ProofOutcome};
use crate::wire::ports::Swept;
use crate::wire::question::{AddressTag, Asked, Question, millis};
use crate::wire::sighting::{Seen, Sighting};
use std::time::Duration;

/// Runs of ports that are asked about, the longest first.
const MOST_RUNS: usize = 8;
/// The listener reads its host's table a few times a second, and believes it at the second reading.
const AFTER: Duration = Duration::from_millis(600);

/// Asks the listener something over the mapper's port: what it claims, where it answers and proves
/// itself. Another try is for a lost packet, and has a challenge of its own.
pub(super) async fn put(climb: &Climb<'_>, question: impl Fn(u16) -> Challenge) -> Option<Claims> {
    let host = climb.target.hop.to.host.label();
    for number in 0..2 {
        let claims = ask(climb, climb.target.hop.port, Syntax::EPM, &question(number)).await;
        if let Some(claims) = claims.filter(|claims| claims.host == host) {
            return Some(claims);
        }
    }
    None
}

/// The claims of whoever proves himself on a port.
async fn ask(
    climb: &Climb<'_>,
    port: u16,
    interface: Syntax,
    question: &Challenge,
) -> Option<Claims> {
    let key = climb.tools.key.clone()?;
    let host = climb.target.hop.to.host.label();
    let octets = question.encode(&key, Aim::new(&host, port));
    let stream = climb.dial_once(port).await.ok()?;
    let bound = within(climb.step_deadline(), Session::bind(stream, interface, Some(&octets)))
        .await
        .ok()?;
    let mut session = bound.session;
    let Ok(Called::Answered(stub, _)) =
        within(climb.step_deadline(), session.call(CHALLENGE_CONTEXT, 0, Vec::new())).await
    else {
        return None;
    };
    match challenge::verify(&key, question, &token(&stub), None).named([host.as_str()]) {
        ProofOutcome::Valid { claims, .. } => Some(claims),
        _ => None,
    }
}

/// Of ports on which somebody else than the listener answered, and of those that it does not know
/// of (`there`) though they were proved: who it is. A stamp tells only that it is the right one, or
/// not.
pub(super) async fn who_answers(climb: &Climb<'_>, board: &mut Board, there: Option<&Swept>) {
    let Some(interface) = climb.target.hop.flow.options.interfaces().first() else { return };
    let interface = Syntax::of(interface);
    let Some(own) = own_claims(climb) else { return };
    let mut runs = board.runs(|_, stand| stand.0 == PortState::Open);
    if let Some(seen) = there.and_then(Swept::list) {
        runs.extend(
            board.runs(|port, stand| ports::is_proved(stand) && seen.binary_search(&port).is_err()),
        );
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    for run in runs.into_iter().take(MOST_RUNS) {
        let mut survey = Survey::new(run.len());
        while let Some(place) = survey.next() {
            let Some(port) = run.get(place) else { break };
            let question = Challenge::new(random(), &climb.target.hop.id, clock::now());
            let claims = ask(climb, *port, interface, &question).await;
            survey.note(place, claims.and_then(|claims| led_to(&own, *port, &claims)));
        }
        for (place, port) in run.iter().enumerate() {
            if let Some(Some(other)) = survey.at(place) {
                board.lead_to(*port, other);
            }
        }
    }
}

/// Whether the listener that answers now was started after the hop was begun, `elapsed` ago: by its
/// own clock alone.
pub(super) fn was_restarted(before: Option<&Claims>, now: &Claims, elapsed: Duration) -> bool {
    let another = before.is_some_and(|before| {
        !before.instance.is_empty() && !now.instance.is_empty() && before.instance != now.instance
    });
    another && now.is_younger_than(elapsed)
}

/// What the listener on the mapper's port claimed.
pub(super) fn own_claims(climb: &Climb<'_>) -> Option<Claims> {
    let (host, port) = (climb.target.hop.to.host.label(), climb.target.hop.port);
    climb.proofs().iter().find_map(|p| match p {
        ProofOutcome::Valid { claims, .. }
            if claims.host == host && claims.local.port() == port =>
        {
            Some(claims.clone())
        }
        _ => None,
    })
}

/// Where a port leads, by the claims of whoever proved himself on it; `None` where that is the
/// listener of the mapper's port, at this very port.
fn led_to(own: &Claims, port: u16, other: &Claims) -> Option<String> {
    let at = other.local.ip().to_canonical();
    if other.host != own.host {
        return Some(format!("{} at {at}", other.host));
    }
    if other.local.port() != port {
        return Some(format!("another port of {}", own.host));
    }
    // One listener may have several addresses, and one host several listeners.
    let same = !own.instance.is_empty() && own.instance == other.instance;
    (!same && at != own.local.ip().to_canonical())
        .then(|| format!("another listener that calls itself {}, at {at}", own.host))
}

/// Ports that gave no answer, in runs, with the packets of an attempt at each.
pub(super) fn silent(board: &Board, found: &Found) -> Vec<Vec<(u16, Try)>> {
    let mut runs = board.runs(|_, stand| stand == (PortState::Shut, Some(Reason::TimedOut)));
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    let tries = |run: Vec<u16>| {
        run.into_iter().filter_map(|port| Some((port, found.unopened.get(&port)?.1))).collect()
    };
    runs.into_iter().take(MOST_RUNS).map(tries).collect()
}

/// Of each run of silent ports some are asked about: where their SYN came and stayed half open, the
/// way there is open and the way back is shut.
pub(super) async fn reply_lost(climb: &Climb<'_>, board: &mut Board, silent: &[Vec<(u16, Try)>]) {
    for run in silent {
        let mut survey = Survey::new(run.len());
        while let Some(place) = survey.next() {
            // Who does not answer once is asked no more.
            let Some(arrived) = arrived(climb, run.get(place)).await else { return };
            survey.note(place, arrived);
        }
        for (place, (port, _)) in run.iter().enumerate() {
            if survey.at(place) == Some(&true)
                && board.get(*port) == Some((PortState::Shut, Some(Reason::TimedOut)))
            {
                board.set(*port, (PortState::Shut, Some(Reason::ReplyLost)));
            }
        }
    }
}

/// Whether the listener's system saw the beginning of this connection.
async fn arrived(climb: &Climb<'_>, attempt: Option<&(u16, Try)>) -> Option<bool> {
    let (port, packets) = *attempt?;
    let Some(source) = packets.source else { return Some(false) };
    let age = clock::steady().duration_since(packets.sent_at);
    tokio::time::sleep(AFTER.saturating_sub(age.try_into().unwrap_or_default())).await;
    let age_ms =
        millis(clock::steady().duration_since(packets.sent_at).try_into().unwrap_or_default());
    let this = AddressTag::default();
    let question =
        Question { port, source_port: source.port(), age_ms, source: this, destination: this };
    let asked = Asked::Connection(question);
    let sighting =
        put(climb, |_| Challenge::question(random(), &asked, clock::now())).await?.sighting;
    let arrived = |s: &Sighting| {
        s.state == Seen::HalfOpen && s.local.is_some_and(|local| local.port() == port)
    };
    Some(sighting.is_some_and(|sighting| arrived(&sighting)))
}
