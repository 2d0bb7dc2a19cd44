//! A row that must be shut, with a dynamic range: that its mapper is shut shows nothing of the range.

use crate::matrix::model::Expect;
use crate::matrix::port_set::PortSet;
use crate::net::dial;
use crate::probe::climb::Climb;
use crate::reason::Reason;
use futures_util::future::join_all;
use std::net::SocketAddr;

/// Ports of a range that are tried.
const SAMPLE: usize = 32;

/// Tries some ports of the range, and notes which of them opened (`range_open`) or were refused
/// (`range_refused`), in the failed rung. `range_tried` is their number.
pub(super) async fn look(climb: &mut Climb<'_>) {
    let flow = &climb.target.hop.flow;
    let Some(range) = flow.range.as_ref().filter(|_| flow.expect == Expect::Deny) else { return };
    let (source, deadline) = (climb.target.source, climb.connect_deadline());
    let ports = sample(range);
    let tries = ports.iter().map(|port| {
        let to = SocketAddr::new(climb.target.address, *port);
        async move { dial::connect(source, to, deadline, 0).await.1.map(drop) }
    });
    let fates = join_all(tries).await;
    let of = |wanted: fn(&Result<(), Reason>) -> bool| -> Vec<u16> {
        let fates = fates.iter().map(|fate| fate.as_ref().copied().map_err(|f| f.reason));
        ports.iter().zip(fates).filter(|(_, fate)| wanted(fate)).map(|(port, _)| *port).collect()
    };
    let (open, refused) = (of(Result::is_ok), of(|fate| *fate == Err(Reason::Refused)));
    climb.add_detail("range_tried", ports.len());
    for (name, ports) in [("range_open", open), ("range_refused", refused)] {
        if !ports.is_empty() {
            climb.add_detail(name, ports);
        }
    }
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
