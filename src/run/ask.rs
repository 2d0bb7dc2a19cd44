//! The second end's view: of a hop that did not work, or proved nothing, or must be shut, the
//! listener on its To host is asked what it saw of it, over hops to the same host that work:
//! straight, or through a front behind which it stands.

use super::probed::Probed;
use super::proved_ways::Way;
use super::rate::Pace;
use crate::climb::{Target, Tools};
use crate::matrix::model::Expect;
use crate::net::clock;
use crate::observation::{Evidence, Observation};
use crate::plan::model::Hop;
use crate::probe::{self, Answered};
use crate::protocol::http::probe::rooted;
use crate::reason::Reason;
use crate::wire::challenge::{Claims, ProofOutcome};
use crate::wire::ports;
use crate::wire::question::{
    AddressTag, Asked, HopQuestion, Question, address_tag, hop_tag, millis, path_tag,
};
use crate::wire::sighting::{Arrived, Doubt, Seen, Sighting};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Hops of one host that are asked about, and of a whole run. Hops beyond them keep what the
/// connector saw alone.
const MAX_PER_HOST: usize = 64;
const MAX: usize = 512;
/// So many times as many of the rows that must be shut.
const MANY: usize = 16;
/// Ways over which one hop is asked about, one after the other, until one can tell.
const MAX_WAYS: usize = 4;
/// Paths of a hop that are asked about besides its own.
const MAX_PATHS: usize = 4;
/// Questions at a time.
const AT_A_TIME: usize = 16;
/// The listener reads its host's table a few times a second: a question that comes sooner than that
/// after the attempt comes too soon.
const AFTER: Duration = Duration::from_millis(450);
/// After this time a host has sent its SYN-ACK again (RFC 6298 section 2: one second), and the
/// listener has seen what came of it.
const SENT_AGAIN: Duration = Duration::from_millis(1600);

/// What asking needs.
#[derive(Clone)]
pub(super) struct Asking {
    pub tools: Arc<Tools>,
    pub pace: Arc<Pace>,
    pub stop: CancellationToken,
}

impl Asking {
    /// Asks over a way: what its listener claims, or what was seen where it did not answer. The
    /// question is made when it is its turn, for it says how long ago something was.
    pub async fn over(
        &self,
        way: &Way,
        ask: impl FnOnce() -> Option<Asked>,
    ) -> Result<Claims, Box<Observation>> {
        self.answer_over(way, ask).await.map(|answered| answered.claims)
    }

    /// The same, with the time from which on it may have answered.
    pub async fn answer_over(
        &self,
        way: &Way,
        ask: impl FnOnce() -> Option<Asked>,
    ) -> Result<Answered, Box<Observation>> {
        self.pace.wait().await;
        let asked = ask();
        let target =
            Target { question: asked, ..Target::new(&way.hop, way.address, Some(way.source)) };
        Box::pin(probe::ask(&target, &way.host, &self.tools)).await
    }
}

/// Asks about every hop of which the other end can tell more, and notes the answers.
pub(super) async fn ask(probed: &mut [Probed], ways: &[Way], asking: &Asking) {
    ask_about(probed, ways, asking, |_| true).await;
}

/// Asks once more about hops of which the other end saw no more than the beginning, when what was
/// lost on the way has been sent again.
pub(super) async fn ask_about_what_began(probed: &mut [Probed], ways: &[Way], asking: &Asking) {
    let began = |seen: &Observation| seen.first_failure().is_none() && only_began(seen);
    let last = probed
        .iter()
        .filter_map(|p| p.seen.as_ref())
        .filter(|seen| began(seen))
        .flat_map(attempts)
        .map(|e| e.sent_at)
        .max();
    let Some(last) = last else { return };
    let age: Duration = clock::steady().duration_since(last).try_into().unwrap_or_default();
    tokio::select! {
        () = asking.stop.cancelled() => {}
        () = tokio::time::sleep(SENT_AGAIN.saturating_sub(age)) => ask_about(probed, ways, asking, began).await,
    }
}

/// Whether the other end saw no more than the beginning of it. One lost packet does that too, until
/// the kernel repeats it.
pub(super) fn only_began(seen: &Observation) -> bool {
    seen.sighting.as_ref().is_some_and(|sighting| sighting.state == Seen::HalfOpen)
}

async fn ask_about(
    probed: &mut [Probed],
    ways: &[Way],
    asking: &Asking,
    wanted: impl Fn(&Observation) -> bool,
) {
    if asking.tools.key.is_none() || ways.is_empty() {
        return;
    }
    let own = Arc::new(connections(probed));
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for inquiry in inquiries(probed, ways, wanted) {
        let (asking, limit, own) = (asking.clone(), limit.clone(), own.clone());
        tasks.spawn(async move {
            let about = inquiry.about;
            let work = async {
                let _turn = limit.acquire_owned().await;
                (inquiry.sighting(&asking, &own).await, inquiry.arrived(&asking).await)
            };
            let told = tokio::select! {
                biased;
                () = asking.stop.cancelled() => (None, None),
                told = work => told,
            };
            (about, told)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((about, (sighting, arrived))) = done
            && let Some(seen) = &mut probed[about].seen
        {
            seen.sighting = sighting.or(seen.sighting.take());
            seen.known.arrived = arrived.or(seen.known.arrived.take());
        }
    }
}

/// Every connection of this run, by where it came from and the port that it went to.
fn connections(probed: &[Probed]) -> BTreeSet<(SocketAddr, u16)> {
    let all = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence);
    all.filter_map(|e| Some((crate::climb::plain(e.source?), e.destination.port()))).collect()
}

/// What is to be asked about one hop.
struct Inquiry {
    /// The hop, by its place.
    about: usize,
    hop: Arc<Hop>,
    /// The ways over which it can be asked, best first.
    ways: Vec<Way>,
    /// The attempts whose fate is in question; none where the listener sees nothing of them.
    attempts: Vec<Evidence>,
    /// Since when requests of the hop count; none where it is not asked about them.
    since: Option<Timestamp>,
}

fn inquiries(
    probed: &[Probed],
    ways: &[Way],
    wanted: impl Fn(&Observation) -> bool,
) -> Vec<Inquiry> {
    let mut asked: HashMap<String, usize> = HashMap::new();
    let mut inquiries = Vec::new();
    for (about, lost) in probed.iter().enumerate() {
        let Some(seen) = lost.seen.as_ref().filter(|seen| wanted(seen)) else { continue };
        let attempts = if is_worth_asking(&lost.hop, seen) { attempts(seen) } else { Vec::new() };
        let since = asks_for_requests(seen).then_some(seen.started);
        if attempts.is_empty() && since.is_none() {
            continue;
        }
        let mut fit: Vec<&Way> = ways.iter().filter(|way| fits(way, &lost.hop)).collect();
        fit.sort_by_key(|way| rank(way, &lost.hop, &attempts));
        let Some(best) = fit.first() else { continue };
        let count = asked.entry(best.host.clone()).or_default();
        // A row that must be shut passes only where nobody saw anything come: each of them is asked
        // about.
        let many = if lost.hop.flow.expect == Expect::Deny { MANY } else { 1 };
        if *count >= MAX_PER_HOST * many || inquiries.len() >= MAX * many {
            continue;
        }
        *count += 1;
        let mut ways: Vec<Way> = fit.iter().take(MAX_WAYS).map(|way| (*way).clone()).collect();
        // Of several hosts behind a front each knows of its own requests alone.
        for way in fit.iter().skip(MAX_WAYS).take(MAX_PER_HOST) {
            if ways.iter().all(|other| other.host != way.host) {
                ways.push((*way).clone());
            }
        }
        inquiries.push(Inquiry { about, hop: lost.hop.clone(), ways, attempts, since });
    }
    inquiries
}

/// Whether a way leads to the listener that can tell of a hop: to the host that it connects to, or
/// to one behind its front.
fn fits(way: &Way, lost: &Hop) -> bool {
    match &lost.flow.relayed_to {
        Some(behind) => behind.hosts.contains(&way.host) || way.host == lost.to.host.label(),
        None => way.host == lost.to.host.label(),
    }
}

/// The smaller the better: the same address from the same source, as this end is; then what is
/// changed on the way; then the cheapest protocol.
fn rank(way: &Way, lost: &Hop, attempts: &[Evidence]) -> (bool, bool, bool, bool, u8) {
    let same_source = attempts.iter().all(|a| a.source.map(|s| s.ip()) == Some(way.source));
    let family = lost.address.is_some_and(|a| a.is_ipv4() == way.address.is_ipv4());
    (!(way.is_to(lost) && same_source), !way.straight, !way.untranslated, !family, way.cost())
}

/// The attempts whose fate is in question: those to the port of the rung that failed; where none
/// did, those of a connection that opened.
fn attempts(seen: &Observation) -> Vec<Evidence> {
    let opened = seen
        .evidence
        .iter()
        .rposition(|e| e.outcome.is_none())
        .filter(|_| seen.first_failure().is_none());
    let all = opened.and_then(|place| seen.evidence.get(..=place)).unwrap_or(&seen.evidence);
    let last = Evidence::of_last_connection(all);
    last.iter().filter(|e| e.source.is_some_and(|s| s.port() != 0)).cloned().collect()
}

/// Whether the other end can tell more of the connection than was seen here.
fn is_worth_asking(hop: &Hop, seen: &Observation) -> bool {
    // The front in between makes connections of its own: the listener behind it sees nothing of
    // ours.
    if hop.flow.relayed_to.is_some() || hop.proxy.is_some() {
        return false;
    }
    match seen.steps.iter().find(|s| !s.is_climbed()) {
        Some(step) => {
            let reason = step.facts.ended.cause.or(step.reason()).unwrap_or(Reason::NotTested);
            let shut = matches!(reason, Reason::TimedOut | Reason::Refused);
            // Whatever was said on a connection that opened, somebody else may have said it.
            shut || !proved(seen) && opened(seen)
        }
        // It opened, and nothing proved who answered: somebody else may, in the place of the host.
        None => !proved(seen),
    }
}

/// Whether it is worth knowing if anything of the hop reached the listener, by whatever way: its
/// challenge was sent, and nobody proved himself.
fn asks_for_requests(seen: &Observation) -> bool {
    seen.proofs.iter().any(|p| *p != ProofOutcome::NotAsked) && !proved(seen) && opened(seen)
}

fn opened(seen: &Observation) -> bool {
    use crate::observation::StepKind;
    seen.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect)
        || seen
            .steps
            .iter()
            .any(|s| s.step == StepKind::Connect && s.reason() == Some(Reason::ResetAfterConnect))
}

fn proved(seen: &Observation) -> bool {
    seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. }))
}

impl Inquiry {
    /// What became of the attempts, by whichever way can tell.
    async fn sighting(
        &self,
        asking: &Asking,
        own: &BTreeSet<(SocketAddr, u16)>,
    ) -> Option<Sighting> {
        if self.attempts.is_empty() {
            return None;
        }
        let mut best: Option<Sighting> = None;
        for way in &self.ways {
            let Some(told) = self.over(way, asking, own).await else { continue };
            let certain = told.state != Seen::Unknown && !told.translated;
            if best.as_ref().is_none_or(|best| certainty(&told) > certainty(best)) {
                best = Some(told);
            }
            if certain {
                break;
            }
        }
        best
    }

    /// The same over one way. The last attempt first; an earlier one may have got further.
    async fn over(
        &self,
        way: &Way,
        asking: &Asking,
        own: &BTreeSet<(SocketAddr, u16)>,
    ) -> Option<Sighting> {
        let mut told = None;
        for attempt in self.attempts.iter().rev() {
            let source = attempt.source?;
            let age = clock::steady().duration_since(attempt.sent_at);
            tokio::time::sleep(AFTER.saturating_sub(age.try_into().unwrap_or_default())).await;
            let same = way.is_to(&self.hop) && way.source == source.ip();
            let claims = asking
                .over(way, || Some(Asked::Connection(question(attempt, source, same))))
                .await
                .ok()?;
            let mut told_now = claims.sighting?;
            // What was named to the listener is known there as it is.
            told_now.translated &= same;
            let sighting = this_alone(told_now, crate::climb::plain(source), own);
            let seen = sighting.state > Seen::Nothing;
            told = Some(further(told, sighting));
            if seen {
                break;
            }
        }
        told
    }

    /// What of the hop's requests arrived: at its host or, behind a front, at all hosts there
    /// together.
    async fn arrived(&self, asking: &Asking) -> Option<Arrived> {
        let since = self.since?;
        let own = [self.hop.to.host.label()];
        let hosts = self.hop.flow.relayed_to.as_ref().map_or(&own[..], |behind| &behind.hosts);
        let mut sum: Option<Arrived> = None;
        let mut all = true;
        for host in hosts {
            match self.arrived_at(host, since, asking).await {
                Some(told) => sum = Some(sum.map_or(told, |sum| sum.and(told))),
                None => all = false,
            }
        }
        sum.map(|sum| Arrived { whole: sum.whole && all, ..sum })
    }

    /// Whether a listener has every port at which requests of the hop may arrive, as far as the
    /// plan knows them.
    fn holds_all_meant(&self, listener_ports: &str) -> bool {
        let own = [self.hop.port];
        let meant = self.hop.flow.relayed_to.as_ref().map_or(&own[..], |behind| &behind.ports);
        !meant.is_empty() && meant.iter().all(|port| ports::holds(listener_ports, *port))
    }

    /// The same at one host.
    async fn arrived_at(&self, host: &str, since: Timestamp, asking: &Asking) -> Option<Arrived> {
        for way in self.ways.iter().filter(|way| way.host == host) {
            let mut told: Option<Arrived> = None;
            for path in self.paths() {
                let hop = hop_tag(&self.hop.id);
                let question = || Some(Asked::Hop(HopQuestion { hop, age_ms: age(since), path }));
                let Ok(Claims { arrived: Some(arrived), .. }) = asking.over(way, question).await
                else {
                    break;
                };
                // What is known of a challenge or a mark is so whatever the path.
                let path = told.map_or(0, |told| told.path).saturating_add(arrived.path);
                told = Some(Arrived { path, ..arrived });
            }
            if let Some(told) = told {
                // It sees only what comes to its own ports: where the real service has one of those
                // that are meant, the requests go there.
                let whole = told.whole && self.holds_all_meant(&way.ports);
                return Some(Arrived { whole, ..told });
            }
        }
        None
    }

    /// The path that is asked for, and, of a way that must be open, those that the front is to make
    /// of it.
    fn paths(&self) -> Vec<[u8; 2]> {
        let own = path_tag(&rooted(self.hop.flow.options.path()));
        let allow = self.hop.flow.expect == Expect::Allow;
        let behind = self.hop.flow.relayed_to.iter().filter(|_| allow).flat_map(|b| &b.paths);
        let mut all = vec![own];
        for path in behind.map(|path| path_tag(&rooted(Some(path)))).take(MAX_PATHS) {
            if !all.contains(&path) {
                all.push(path);
            }
        }
        all
    }
}

/// How long ago that was, as questions say it.
fn age(since: Timestamp) -> u32 {
    millis(clock::steady().duration_since(since).try_into().unwrap_or_default())
}

/// The question about an attempt. `same` says that it is asked from the same address at the same
/// one; else the listener must be told which are meant.
fn question(attempt: &Evidence, source: SocketAddr, same: bool) -> Question {
    let tag = |address: IpAddr| if same { AddressTag::default() } else { address_tag(address) };
    Question {
        port: attempt.destination.port(),
        source_port: source.port(),
        age_ms: age(attempt.sent_at),
        source: tag(source.ip()),
        destination: tag(attempt.destination.ip()),
    }
}

/// How much an answer is worth: one that can tell before one that cannot, and one of this end as it
/// is before one of what NAT made of it.
fn certainty(sighting: &Sighting) -> (bool, bool) {
    (sighting.state != Seen::Unknown, !sighting.translated)
}

/// Of what was seen of two attempts, that of the one which got further. That nothing came must be
/// known of both.
fn further(told: Option<Sighting>, sighting: Sighting) -> Sighting {
    let Some(told) = told else { return sighting };
    let doubt = told.doubt.or(sighting.doubt);
    let best = if sighting.state > told.state { sighting } else { told };
    if doubt.is_some() && best.state <= Seen::Nothing {
        Sighting { state: Seen::Unknown, doubt, ..best }
    } else {
        best
    }
}

/// A sighting of the connection that was asked about, and of no other. The system gives one source
/// port to connections to several addresses and ports: what arrived elsewhere was one of them, or
/// this one, sent on to there.
fn this_alone(
    sighting: Sighting,
    source: SocketAddr,
    own: &BTreeSet<(SocketAddr, u16)>,
) -> Sighting {
    match sighting.elsewhere {
        Some(elsewhere)
            if sighting.state == Seen::Nothing && !own.contains(&(source, elsewhere.port())) =>
        {
            Sighting {
                state: Seen::Unknown,
                doubt: Some(Doubt::OthersCame),
                local: Some(elsewhere),
                peer: Some(source),
                ..sighting
            }
        }
        _ => sighting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nothing_came_must_be_known_of_every_attempt() {
        let doubt = |state| (state == Seen::Unknown).then_some(Doubt::OthersCame);
        let of = |state| Sighting { listening: true, doubt: doubt(state), ..Sighting::of(state) };
        let both = |a, b| further(Some(of(a)), of(b)).state;
        assert_eq!(further(None, of(Seen::Nothing)).state, Seen::Nothing);
        assert_eq!(both(Seen::Nothing, Seen::Nothing), Seen::Nothing);
        assert_eq!(both(Seen::Nothing, Seen::Unknown), Seen::Unknown);
        assert_eq!(both(Seen::Unknown, Seen::Nothing), Seen::Unknown);
        assert_eq!(both(Seen::Unknown, Seen::HalfOpen), Seen::HalfOpen);
        assert_eq!(both(Seen::Opened, Seen::Nothing), Seen::Opened);
    }

    #[test]
    fn what_arrived_elsewhere_is_another_connection_of_this_run_or_was_sent_on() {
        let source: SocketAddr = ([10, 0, 0, 1], 50000).into();
        let own = BTreeSet::from([(source, 389), (source, 636)]);
        let nothing = |port: Option<u16>| Sighting {
            elsewhere: port.map(|p| ([10, 0, 0, 9], p).into()),
            ..Sighting::of(Seen::Nothing)
        };
        assert_eq!(this_alone(nothing(None), source, &own).state, Seen::Nothing);
        assert_eq!(
            this_alone(nothing(Some(636)), source, &own).state,
            Seen::Nothing,
            "its own connection there"
        );
        let sent_on = this_alone(nothing(Some(8389)), source, &own);
        assert_eq!(
            (sent_on.state, sent_on.doubt, sent_on.local),
            (Seen::Unknown, Some(Doubt::OthersCame), sent_on.elsewhere)
        );
        let found = Sighting {
            elsewhere: Some(([10, 0, 0, 9], 8389).into()),
            ..Sighting::of(Seen::Opened)
        };
        assert_eq!(this_alone(found.clone(), source, &own), found);
    }
}
