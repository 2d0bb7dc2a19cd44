//! Reads the kernel's table of connections again and again: what is half open is told to no
//! program.

use crate::net::half_open::{self, Table};
use crate::net::{clock, os};
use crate::stand_in::memory::sightings::{MANY, Sightings};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the table is read. A half-open connection stays in it for seconds, however the
/// handshake ends.
const EVERY: Duration = Duration::from_millis(200);
/// Where the listener has many ports, who listens is read only once in so many readings.
const LISTENING_EVERY: u64 = 10;
/// While no TCP segment comes to this host, the table is read only once in so many times: for who
/// listens, which changes without any.
const QUIET_EVERY: u64 = 25;

/// How often memory is given back that a crowd had, and that is free.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(10);

/// Gives memory back until `stop`: what thousands of strangers took, the host needs for others.
pub async fn give_back(stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(GIVE_BACK_EVERY) => {}
        }
        let _ = tokio::task::spawn_blocking(os::give_back_memory).await;
    }
}

/// Reads until `stop`. Where the system has no such table, only the own ports are known.
pub async fn watch(sightings: &Sightings, stop: CancellationToken) {
    let many = sightings.own_ports() > MANY;
    let mut before = BTreeSet::new();
    let mut segments = None;
    for reading in 0_u64.. {
        if reading > 0 {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        let segments_before = std::mem::replace(&mut segments, half_open::segments_in());
        let quiet = segments.is_some() && segments == segments_before && before.is_empty();
        if quiet && !reading.is_multiple_of(QUIET_EVERY) {
            continue;
        }
        let table =
            match half_open::table(!many || quiet || reading.is_multiple_of(LISTENING_EVERY)) {
                Ok(table) => {
                    // A handshake is half open for as long as the way is long; one of thousands is
                    // always under way.
                    let now: BTreeSet<_> = table.half_open.iter().copied().collect();
                    let before = std::mem::replace(&mut before, now);
                    Table {
                        half_open: table
                            .half_open
                            .into_iter()
                            .filter(|c| before.contains(c))
                            .collect(),
                        ..table
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the table of connections cannot be read");
                    Table { listening: Some(sightings.own_alone()), ..Table::default() }
                }
            };
        sightings.take_in(table, clock::steady());
    }
}
