//! A row that must be shut, with a dynamic range: that its mapper is shut shows nothing of the
//! range.

use crate::climb::{Climb, RangeMode};
use crate::matrix::model::Expect;
use crate::matrix::port_set::PortSet;
use crate::net::dial;
use crate::observation::facts::Range;
use crate::reason::Reason;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Ports of a range that are tried.
const SAMPLE: usize = 32;

/// Tries some ports of the range, and notes in the failed rung which of them opened (`range_open`)
/// and how many of the others ended how (`range_ended`, by reason). `range_tried` is their number.
pub(super) async fn look(climb: &mut Climb<'_>) {
    let flow = &climb.target.hop.flow;
    let Some(range) = flow.options.range().filter(|_| flow.expect == Expect::Deny) else { return };
    // The row is tried again at the end of a run, from many ports: its range is not.
    if climb.tools.range == RangeMode::Never {
        return;
    }
    let (source, deadline) = (climb.target.source, climb.connect_deadline());
    let ports = sample(range);
    let tries = ports.iter().map(|port| {
        let to = SocketAddr::new(climb.target.address, *port);
        async move { dial::connect(source, to, deadline, 0).await.1.map(drop) }
    });
    let (mut open, mut ended) = (Vec::new(), BTreeMap::<Reason, u32>::new());
    for (port, outcome) in ports.iter().zip(join_all(tries).await) {
        match outcome {
            Ok(()) => open.push(*port),
            Err(failure) => *ended.entry(failure.reason).or_default() += 1,
        }
    }
    climb.add(|facts| {
        *facts.range =
            Range { range_tried: Some(ports.len()), range_open: open, range_ended: ended };
    });
}

/// Ports of a range, evenly apart, its edges among them.
fn sample(range: &PortSet) -> Vec<u16> {
    let all: Vec<u16> = range.iter().collect();
    let last = all.len().saturating_sub(1);
    let mut ports: Vec<u16> = match all.len() {
        0..=SAMPLE => all,
        _ => (0..SAMPLE).map(|place| all[place * last / (SAMPLE - 1)]).collect(),
    };
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_edges_and_no_port_twice() {
        let whole = sample(&PortSet::run(49152, 65535));
        assert_eq!((whole.len(), whole[0], whole[SAMPLE - 1]), (SAMPLE, 49152, 65535));
        assert_eq!(sample(&PortSet::run(50000, 50002)), [50000, 50001, 50002]);
        assert_eq!(sample(&PortSet::run(50000, 50032)).len(), SAMPLE);
    }
}
