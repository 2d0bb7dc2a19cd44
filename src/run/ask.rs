//! The second end's view: of a hop that did not work, or proved nothing, the listener on its To host is asked what it saw of it, over another
//! hop to the same host that works.

use super::Probed;
use super::crew::server_name;
use super::pace::Pace;
use crate::matrix::model::{Expect, Protocol};
use crate::net::clock;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::Hop;
use crate::probe::{self, Target, Tools};
use crate::proto::challenge::{ProofOutcome, Question};
use crate::proto::sighting::{Seen, Sighting};
use crate::reason::Reason;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Questions for one host, and for all of a run. Hops beyond them keep what the connector saw alone.
const MAX_PER_HOST: usize = 64;
const MAX: usize = 512;
/// Questions at a time.
const AT_A_TIME: usize = 16;
/// The listener reads its host's table a few times a second: a question that comes sooner than that after the attempt comes too soon.
const AFTER: Duration = Duration::from_millis(400);

/// Asks about every hop of which the other end can tell more, and notes the answers.
pub async fn ask(probed: &mut [Probed], tools: &Arc<Tools>, pace: &Arc<Pace>, stop: &CancellationToken) {
    if tools.key.is_none() {
        return;
    }
    let questions = questions(probed);
    if questions.is_empty() {
        return;
    }
    let ports = ports(probed);
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for Errand { about, over, address, source, attempts } in questions {
        let (tools, pace, limit, stop, ports) = (tools.clone(), pace.clone(), limit.clone(), stop.clone(), ports.clone());
        tasks.spawn(async move {
            let work = async {
                let _turn = limit.acquire_owned().await;
                let mut told = None;
                // The last attempt first; an earlier one may have got further.
                for attempt in attempts.iter().rev() {
                    let question = question(attempt)?;
                    let age = clock::now().duration_since(attempt.sent_at);
                    tokio::time::sleep(AFTER.saturating_sub(age.try_into().unwrap_or_default())).await;
                    pace.wait().await;
                    let target = Target {
                        hop: &over,
                        address,
                        server_name: server_name(&over, address),
                        source,
                        places: None,
                        question: Some(question),
                        small_segments: false,
                    };
                    let sighting = own_alone(probe::ask(&target, &tools).await?, attempt.destination.port(), &ports);
                    let seen = sighting.state > Seen::Nothing;
                    told = Some(further(told, sighting));
                    if seen {
                        break;
                    }
                }
                told
            };
            let told = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                told = work => told,
            };
            (about, told)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((about, Some(sighting))) = done
            && let Some(seen) = &mut probed[about].seen
        {
            seen.sighting = Some(sighting);
        }
    }
}

/// Of what was seen of two attempts, that of the one which got further. That nothing came must be known of both.
fn further(told: Option<Sighting>, sighting: Sighting) -> Sighting {
    let Some(told) = told else { return sighting };
    let doubt = told.doubt.or(sighting.doubt);
    let best = if sighting.state > told.state { sighting } else { told };
    if doubt.is_some() && best.state <= Seen::Nothing { Sighting { state: Seen::Unknown, doubt, ..best } } else { best }
}

/// Every port that this run goes to.
fn ports(probed: &[Probed]) -> Arc<BTreeSet<u16>> {
    let seen = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence).map(|e| e.destination.port());
    Arc::new(probed.iter().map(|p| p.hop.port).chain(seen).collect())
}

/// A sighting of the connection that was asked about, and of no other. The system gives one source port to connections to several ports of
/// a host: what arrived at another port of this run was its own connection there, and tells nothing of this one.
fn own_alone(sighting: Sighting, asked: u16, ports: &BTreeSet<u16>) -> Sighting {
    match sighting.local.map(|l| l.port()) {
        Some(port) if port != asked && ports.contains(&port) => {
            Sighting { state: Seen::Nothing, doubt: None, translated: true, peer: None, local: None, at: None, ..sighting }
        }
        _ => sighting,
    }
}

/// One question to be asked.
struct Errand {
    /// The hop that it is about, by its place.
    about: usize,
    /// The hop that it is asked over.
    over: Arc<Hop>,
    address: IpAddr,
    source: Option<IpAddr>,
    /// The attempts that were made.
    attempts: Vec<Evidence>,
}

fn questions(probed: &[Probed]) -> Vec<Errand> {
    let ways: Vec<Way> = probed.iter().filter_map(way).collect();
    let mut asked: HashMap<&str, usize> = HashMap::new();
    let mut questions = Vec::new();
    for (about, lost) in probed.iter().enumerate() {
        let Some(seen) = lost.seen.as_ref().filter(|seen| is_worth_asking(&lost.hop, seen)) else { continue };
        let attempts = attempts(seen);
        let Some(best) = ways.iter().filter(|way| way.fits(&lost.hop, &attempts)).min_by_key(|way| way.rank(&lost.hop)) else {
            continue;
        };
        let count = asked.entry(best.host.as_str()).or_default();
        if attempts.is_empty() || *count >= MAX_PER_HOST || questions.len() >= MAX {
            continue;
        }
        *count += 1;
        questions.push(Errand { about, over: best.hop.clone(), address: best.address, source: best.source, attempts });
    }
    questions
}

/// The attempts whose fate is in question: those to the port of the rung that failed.
fn attempts(seen: &Observation) -> Vec<Evidence> {
    let last = Evidence::of_last_connection(&seen.evidence);
    last.iter().filter(|e| e.source.is_some_and(|s| s.port() != 0)).cloned().collect()
}

fn question(attempt: &Evidence) -> Option<Question> {
    let since = u32::try_from(attempt.sent_at.as_second()).ok()?;
    Some(Question { port: attempt.destination.port(), source_port: attempt.source?.port(), since })
}

/// Whether the other end can tell more than was seen here.
fn is_worth_asking(hop: &Hop, seen: &Observation) -> bool {
    // The front in between makes connections of its own: the listener behind it sees nothing of ours.
    if hop.flow.relayed_to.is_some() {
        return false;
    }
    match seen.steps.iter().find(|s| !s.ok) {
        Some(step) => {
            let cause = step.detail.get("cause").and_then(|v| v.as_str()).and_then(|code| code.parse().ok());
            let reason = cause.or(step.reason).unwrap_or(Reason::NotTested);
            let shut = matches!(reason, Reason::TimedOut | Reason::Refused);
            let broken = [
                Reason::ResetAfterConnect,
                Reason::SilentAfterConnect,
                Reason::ClosedAfterConnect,
                Reason::TlsHandshakeFailed,
                Reason::GreetingNotSpoken,
                Reason::AnsweredByMiddlebox,
            ];
            shut || broken.contains(&reason)
        }
        // It opened, and nothing proved who answered: somebody else may, in the place of the host.
        None => !proved(seen),
    }
}

fn proved(seen: &Observation) -> bool {
    seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. }))
}

/// A hop over which its listener can be asked.
struct Way {
    hop: Arc<Hop>,
    host: String,
    address: IpAddr,
    source: Option<IpAddr>,
}

impl Way {
    /// Whether its listener can be asked about these attempts: it is on the same host, and is asked from the same address, by which it knows
    /// whose connections it may tell of.
    fn fits(&self, lost: &Hop, attempts: &[Evidence]) -> bool {
        self.host == lost.to.host.label() && self.source.is_some() && attempts.iter().all(|a| a.source.map(|s| s.ip()) == self.source)
    }

    /// The smaller the better: the same address, then the same family, then the cheapest protocol.
    fn rank(&self, lost: &Hop) -> (bool, bool, u8) {
        let family = lost.address.is_some_and(|a| a.is_ipv4() == self.address.is_ipv4());
        let cost = match self.hop.flow.protocol {
            Protocol::Tcp | Protocol::Http => 0,
            Protocol::Ldap | Protocol::Tls => 1,
            Protocol::Https | Protocol::Ldaps | Protocol::GrpcH2c => 2,
            _ => 3,
        };
        (lost.address != Some(self.address), !family, cost)
    }
}

/// A hop that was proved, straight and to its end, by the host that it goes to.
fn way(probed: &Probed) -> Option<Way> {
    let (hop, seen) = (&probed.hop, probed.seen.as_ref()?);
    let mut claims = seen.proofs.iter().map(|p| match p {
        ProofOutcome::Valid { claims, .. } => Some(claims.host == hop.to.host.label()),
        _ => None,
    });
    let right = claims.next().flatten()? && claims.all(|c| c == Some(true));
    let works =
        hop.flow.expect == Expect::Allow && hop.flow.relayed_to.is_none() && seen.steps.iter().all(|s| s.ok || s.step == StepKind::Resolve);
    let source = seen.evidence.first().and_then(|e| e.source).map(|s: SocketAddr| s.ip());
    let address = hop.address?;
    (right && works).then(|| Way { hop: hop.clone(), host: hop.to.host.label(), address, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::sighting::Doubt;

    #[test]
    fn that_nothing_came_must_be_known_of_every_attempt() {
        let doubt = |state| (state == Seen::Unknown).then_some(Doubt::OthersCame);
        let of = |state| Sighting { listening: true, state, doubt: doubt(state), translated: false, peer: None, local: None, at: None };
        let both = |a, b| further(Some(of(a)), of(b)).state;
        assert_eq!(further(None, of(Seen::Nothing)).state, Seen::Nothing);
        assert_eq!(both(Seen::Nothing, Seen::Nothing), Seen::Nothing);
        assert_eq!(both(Seen::Nothing, Seen::Unknown), Seen::Unknown);
        assert_eq!(both(Seen::Unknown, Seen::Nothing), Seen::Unknown);
        assert_eq!(both(Seen::Unknown, Seen::HalfOpen), Seen::HalfOpen);
        assert_eq!(both(Seen::Opened, Seen::Nothing), Seen::Opened);
    }

    #[test]
    fn what_arrived_at_another_port_of_the_run_is_another_connection() {
        let sighting = |port: u16| Sighting {
            listening: true,
            state: Seen::Proved,
            doubt: None,
            translated: false,
            peer: Some(([10, 0, 0, 1], 50000).into()),
            local: Some(([10, 0, 0, 9], port).into()),
            at: None,
        };
        let ports = BTreeSet::from([389, 636]);
        assert_eq!(own_alone(sighting(389), 389, &ports), sighting(389));
        assert_eq!(own_alone(sighting(8389), 389, &ports), sighting(8389), "sent on to another port on the way");
        let other = own_alone(sighting(636), 389, &ports);
        assert_eq!((other.listening, other.state, other.translated, other.local), (true, Seen::Nothing, true, None));
    }
}
