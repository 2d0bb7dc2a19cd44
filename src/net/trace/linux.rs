//! Linux: `IP_TTL` and the error queue need no privilege.

use crate::net::clock;
use crate::net::dial::linux;
use crate::observation::{NodeAnswer, PathNode};
use crate::reason::Reason;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The furthest node that is asked for.
const MAX_TTL: u8 = 30;
/// TTLs that are tried at a time: a path of this length is walked in one wait.
const BATCH: u8 = 8;
/// Silent nodes in a row after which nobody further on is expected to answer.
const SILENT: usize = 4;
/// How long to wait for the nodes of one batch: longer than the way by a satellite. The system
/// would send a SYN again after a second; a walk sends each once.
const WAIT: Duration = Duration::from_millis(750);
/// How long a walk may take.
const WHOLE: Duration = Duration::from_millis(2500);

/// One node per TTL from 1, each TTL with a connection of its own: the low TTL would stay on it.
pub(super) async fn walk(source: Option<IpAddr>, to: SocketAddr) -> Vec<PathNode> {
    let end = clock::instant() + WHOLE;
    let mut nodes = Vec::new();
    let mut next = 1;
    while next <= MAX_TTL && !is_over(&nodes) && clock::instant() < end {
        let last = next.saturating_add(BATCH - 1).min(MAX_TTL);
        let Some(batch) = batch(source, to, next..=last, end).await else { break };
        nodes.extend(batch);
        next = last + 1;
    }
    tidy(nodes)
}

/// One TTL under way.
struct SentProbe {
    ttl: u8,
    attempt: linux::Attempt,
    begun: Instant,
    node: Option<PathNode>,
}

/// Asks some TTLs side by side. `None` when nothing could be sent.
async fn batch(
    source: Option<IpAddr>,
    to: SocketAddr,
    ttls: std::ops::RangeInclusive<u8>,
    end: Instant,
) -> Option<Vec<PathNode>> {
    let ask = |ttl| {
        let begun = clock::instant();
        let attempt =
            linux::Attempt::shaped(source, to, 1, linux::Shape { ttl: Some(ttl), mss: None })
                .ok()?;
        Some(SentProbe { ttl, attempt, begun, node: None })
    };
    // Where descriptors run out half-way, the nodes so far are told.
    let mut asked: Vec<SentProbe> = ttls.map_while(ask).collect();
    if asked.is_empty() {
        return None;
    }
    let until = end.min(clock::instant() + WAIT);
    let all = std::future::poll_fn(|context| {
        for one in asked.iter_mut().filter(|a| a.node.is_none()) {
            if let Poll::Ready(outcome) = one.attempt.poll(context) {
                one.node = Some(node(one, outcome.err().map(|f| f.reason), to));
            }
        }
        if is_settled(&asked) { Poll::Ready(()) } else { Poll::Pending }
    });
    // Whoever has not answered by then is silent.
    let _ = tokio::time::timeout_at(until.into(), all).await;
    let silent =
        |ttl| PathNode { ttl, answer: NodeAnswer::Silent, from: None, icmp: None, ms: None };
    Some(asked.into_iter().map(|a| a.node.unwrap_or_else(|| silent(a.ttl))).collect())
}

/// Whether every node up to the end of the way has answered.
fn is_settled(asked: &[SentProbe]) -> bool {
    for one in asked {
        match &one.node {
            None => return false,
            Some(node) if is_end(node.answer) => return true,
            Some(_) => {}
        }
    }
    true
}

fn node(asked: &SentProbe, failed: Option<Reason>, to: SocketAddr) -> PathNode {
    let icmp = asked.attempt.icmp();
    let answer = match (failed, icmp) {
        (_, Some(icmp)) if icmp.is_time_exceeded() => NodeAnswer::TimeExceeded,
        (_, Some(_)) => NodeAnswer::Unreachable,
        (None, None) => NodeAnswer::Opened,
        (Some(Reason::Refused | Reason::ResetAfterConnect), None) => NodeAnswer::Reset,
        (Some(_), None) => NodeAnswer::Silent,
    };
    // A reset bears the destination's address, whoever sent it.
    let from = icmp.map(|i| i.from).or_else(|| (answer != NodeAnswer::Silent).then_some(to.ip()));
    let ms = (answer != NodeAnswer::Silent).then(|| clock::ms_since(asked.begun));
    PathNode { ttl: asked.ttl, answer, from, icmp, ms }
}

/// Whether nothing more is to be learnt from higher TTLs.
fn is_over(nodes: &[PathNode]) -> bool {
    let silent = nodes.iter().rev().take_while(|n| n.answer == NodeAnswer::Silent).count();
    silent >= SILENT
        || nodes.len() >= usize::from(MAX_TTL)
        || nodes.iter().any(|n| is_end(n.answer))
}

/// Whether the packet went no further than that.
fn is_end(answer: NodeAnswer) -> bool {
    !matches!(answer, NodeAnswer::TimeExceeded | NodeAnswer::Silent)
}

/// Up to the end of the way, or one silent node beyond the last that answered: the further ones say
/// no more.
fn tidy(mut nodes: Vec<PathNode>) -> Vec<PathNode> {
    let end = nodes.iter().position(|n| is_end(n.answer));
    let last = nodes.iter().rposition(|n| n.answer != NodeAnswer::Silent);
    nodes.truncate(end.unwrap_or_else(|| last.map_or(0, |last| last + 1)) + 1);
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeAnswer::{Opened, Silent, TimeExceeded, Unreachable};

    fn nodes(answers: &[NodeAnswer]) -> Vec<PathNode> {
        let node = |(ttl, answer): (u8, &NodeAnswer)| PathNode {
            ttl,
            answer: *answer,
            from: None,
            icmp: None,
            ms: None,
        };
        (1..).zip(answers).map(node).collect()
    }

    #[test]
    fn a_walk_ends_at_the_destination_or_in_silence() {
        assert!(!is_over(&nodes(&[TimeExceeded, Silent, Silent, Silent])));
        assert!(is_over(&nodes(&[TimeExceeded, Silent, Silent, Silent, Silent])));
        assert!(
            !is_over(&nodes(&[Silent, Silent, Silent, Silent, TimeExceeded])),
            "a node that says nothing passes things on"
        );
        assert!(is_over(&nodes(&[TimeExceeded, Opened])));
        assert!(is_over(&nodes(&[TimeExceeded; 30])));
    }

    #[test]
    fn what_lies_beyond_the_end_is_not_told() {
        assert_eq!(tidy(nodes(&[TimeExceeded, Opened, Opened, Opened])).len(), 2);
        assert_eq!(tidy(nodes(&[TimeExceeded, Unreachable, Silent])).len(), 2);
        assert_eq!(
            tidy(nodes(&[TimeExceeded, Silent, TimeExceeded, Silent, Silent, Silent])).len(),
            4
        );
        assert_eq!(tidy(nodes(&[Silent, Silent])).len(), 1);
        assert!(tidy(Vec::new()).is_empty());
    }
}
