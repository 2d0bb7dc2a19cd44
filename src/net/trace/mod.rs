//! Walking the way to a destination with rising TTL, on the destination's own port and without privileges.

#[cfg(target_os = "linux")]
mod linux;

use crate::observation::{NodeAnswer, PathNode, Trace};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The furthest node that is asked for.
const MAX_TTL: u8 = 30;
/// TTLs that are tried at a time: a path of this length is walked in one wait.
const BATCH: u8 = 8;
/// Silent nodes in a row after which nobody further on is expected to answer.
const SILENT: usize = 4;
/// How long to wait for the nodes of one batch. The system sends a SYN again after a second; a walk sends each once.
const WAIT: Duration = Duration::from_millis(950);
/// How long a walk may take.
const WHOLE: Duration = Duration::from_millis(2500);

/// Walks from `source` to `to`. `None` where this system cannot do it unprivileged (all but Linux), or nothing can be sent there.
pub async fn walk(source: Option<IpAddr>, to: SocketAddr) -> Option<Trace> {
    #[cfg(target_os = "linux")]
    let nodes = linux::walk(source, to).await;
    #[cfg(not(target_os = "linux"))]
    let nodes = {
        let _ = source;
        Vec::new()
    };
    let nodes = tidy(nodes);
    (!nodes.is_empty()).then_some(Trace { destination: to, nodes })
}

/// Whether nothing more is to be learnt from higher TTLs.
fn is_over(nodes: &[PathNode]) -> bool {
    let silent = nodes.iter().rev().take_while(|n| n.answer == NodeAnswer::Silent).count();
    silent >= SILENT || nodes.len() >= usize::from(MAX_TTL) || nodes.iter().any(|n| is_end(n.answer))
}

/// Whether the packet went no further than that.
fn is_end(answer: NodeAnswer) -> bool {
    !matches!(answer, NodeAnswer::TimeExceeded | NodeAnswer::Silent)
}

/// Up to the end of the way, or one silent node beyond the last that answered: the further ones say no more.
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
        let node = |(ttl, answer): (u8, &NodeAnswer)| PathNode { ttl, answer: *answer, from: None, icmp: None, ms: None };
        (1..).zip(answers).map(node).collect()
    }

    #[test]
    fn a_walk_ends_at_the_destination_or_in_silence() {
        assert!(!is_over(&nodes(&[TimeExceeded, Silent, Silent, Silent])));
        assert!(is_over(&nodes(&[TimeExceeded, Silent, Silent, Silent, Silent])));
        assert!(!is_over(&nodes(&[Silent, Silent, Silent, Silent, TimeExceeded])), "a node that says nothing passes things on");
        assert!(is_over(&nodes(&[TimeExceeded, Opened])));
        assert!(is_over(&nodes(&[TimeExceeded; 30])));
    }

    #[test]
    fn what_lies_beyond_the_end_is_not_told() {
        assert_eq!(tidy(nodes(&[TimeExceeded, Opened, Opened, Opened])).len(), 2);
        assert_eq!(tidy(nodes(&[TimeExceeded, Unreachable, Silent])).len(), 2);
        assert_eq!(tidy(nodes(&[TimeExceeded, Silent, TimeExceeded, Silent, Silent, Silent])).len(), 4);
        assert_eq!(tidy(nodes(&[Silent, Silent])).len(), 1);
        assert!(tidy(Vec::new()).is_empty());
    }
}
