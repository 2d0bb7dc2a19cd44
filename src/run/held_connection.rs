//! Whether it is the host itself that answers where another program has the port: while a
//! connection to it is held, the listener beside it looks that very connection up in its kernel's
//! table. A port that is led to another host answers just as well, and is not in it.

use super::ask::Asking;
use super::probed::Probed;
use super::proved_ways::Way;
use crate::matrix::model::Expect;
use crate::net::dial;
use crate::wire::challenge::ProofOutcome;
use crate::wire::question::{AddressTag, Asked, Question};
use crate::wire::sighting::Sighting;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Hops that are looked at so, and at a time.
const MAX: usize = 256;
const AT_A_TIME: usize = 16;
/// Connections held at once: as many more must be seen at the port where they come from another
/// address than they were sent from.
const HELD: u32 = 3;
/// Connections of others at the port among which those of this end are counted.
const FEW: u32 = 16;
/// Time for the connection to open: it did a moment ago.
const TIME: Duration = Duration::from_millis(1400);

/// Looks at every hop that somebody answered without a proof, where the host's own listener can be
/// asked from the same address.
pub(super) async fn look(probed: &mut [Probed], ways: &[Way], asking: &Asking) {
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    let all = probed
        .iter()
        .enumerate()
        .filter_map(|(place, this)| Some((place, this.hop.port, way_beside(this, ways)?)));
    for (place, port, way) in all.take(MAX) {
        let (asking, limit, way) = (asking.clone(), limit.clone(), way.clone());
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            let told = tokio::select! {
                biased;
                () = asking.stop.cancelled() => None,
                told = is_there(&way, port, &asking) => told,
            };
            (place, told)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, told)) = done
            && let Some(seen) = &mut probed[place].seen
        {
            seen.known.at_host = told;
        }
    }
}

/// The way over which the listener beside a service can be asked: of the same host at the same
/// address.
fn way_beside<'w>(this: &Probed, ways: &'w [Way]) -> Option<&'w Way> {
    let (hop, seen) = (&this.hop, this.seen.as_ref()?);
    let straight =
        hop.flow.expect == Expect::Allow && hop.proxy.is_none() && hop.flow.relayed_to.is_none();
    let proved = seen.proofs.iter().any(|p| matches!(p, ProofOutcome::Valid { .. }));
    if !straight || proved || seen.known.listener_holds || seen.first_failure().is_some() {
        return None;
    }
    let source = seen.evidence.first()?.source?.ip();
    let fits = |way: &&Way| way.is_to(hop) && way.has_its_address() && way.source == source;
    ways.iter().filter(fits).min_by_key(|way| way.cost())
}

/// Whether the host's kernel has a connection to this port while it is open here; `None` where it
/// was not open for so long, or nobody tells.
async fn is_there(way: &Way, port: u16, asking: &Asking) -> Option<bool> {
    let this = AddressTag::default();
    let question =
        |source_port| Question { port, source_port, age_ms: 0, source: this, destination: this };
    let before =
        asking.over(way, || Some(Asked::Connection(question(0)))).await.ok()?.sighting?.connections;
    let to = SocketAddr::new(way.address, port);
    let mut held = Vec::new();
    for _ in 0..HELD {
        asking.pace.wait().await;
        held.push(dial::connect(Some(way.source), to, TIME, 0).await.1.ok()?);
    }
    let source_port = held.first()?.local_addr().ok()?.port();
    let sighting =
        asking.over(way, || Some(Asked::Connection(question(source_port)))).await.ok()?.sighting?;
    // Where many others come and go, what NAT has changed cannot be counted.
    let told = told(before, &sighting, held.iter().all(is_open));
    told.filter(|there| *there || way.untranslated || before <= Some(FEW))
}

/// What a sighting tells, with how many connections there were before, and whether those of this
/// end were open all the time.
fn told(before: Option<u32>, sighting: &Sighting, open: bool) -> Option<bool> {
    match sighting.in_table? {
        true => Some(true),
        // One that has ended may be in no table any more; and from another address, which NAT gave
        // them, as many more came meanwhile.
        false => (open && sighting.connections? < before? + HELD).then_some(false),
    }
}

/// Whether the other end has neither closed nor reset a connection; what it said does not matter.
fn is_open(stream: &TcpStream) -> bool {
    let mut chunk = [0; 1024];
    // What a service says of its own accord fits into a few readings.
    for _ in 0..16 {
        match stream.try_read(&mut chunk) {
            Ok(1..) => {}
            Ok(0) => return false,
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sighting::Seen;

    #[test]
    fn a_connection_that_is_open_here_and_not_there_is_somebody_elses() {
        let with = |in_table, connections, open| {
            told(Some(7), &Sighting { in_table, connections, ..Sighting::of(Seen::Unknown) }, open)
        };
        let of = |in_table, open| with(in_table, Some(7), open);
        assert_eq!(with(Some(false), Some(7 + HELD), true), None, "they came from elsewhere");
        assert_eq!(with(Some(false), None, true), None);
        assert_eq!(of(Some(true), true), Some(true));
        assert_eq!(of(Some(true), false), Some(true));
        assert_eq!(of(Some(false), true), Some(false));
        assert_eq!(of(Some(false), false), None, "it may have been there");
        assert_eq!(of(None, true), None, "its kernel does not tell");
    }
}
