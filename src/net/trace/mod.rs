//! Walking the way to a destination with rising TTL, on the destination's own port and without
//! privileges.

#[cfg(target_os = "linux")]
mod linux;

use crate::observation::Trace;
use std::net::{IpAddr, SocketAddr};

/// Walks from `source` to `to`. `None` where nothing can be sent there.
#[cfg(target_os = "linux")]
pub async fn walk(source: Option<IpAddr>, to: SocketAddr) -> Option<Trace> {
    let nodes = linux::walk(source, to).await;
    (!nodes.is_empty()).then_some(Trace { destination: to, nodes })
}

/// Always `None`: of the systems that this program runs on, Linux alone lets a user without
/// privileges see who answered.
#[cfg(not(target_os = "linux"))]
pub async fn walk(_source: Option<IpAddr>, _to: SocketAddr) -> Option<Trace> {
    None
}
