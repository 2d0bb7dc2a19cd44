//! The kernel's `struct tcp_info`.

use crate::observation::facts::Tcp;

/// The part of Linux's `struct tcp_info` (include/uapi/linux/tcp.h) that tells why a connection is
/// silent. What an older kernel does not know is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Segments sent again, the SYN among them.
    pub retransmitted: Option<u32>,
    /// Segments sent and not acknowledged.
    pub unacknowledged: Option<u32>,
    /// Octets that the other end acknowledged.
    pub octets_acknowledged: Option<u64>,
    /// Octets that came.
    pub octets_received: Option<u64>,
    /// Octets that wait, because the other end takes none.
    pub not_sent: Option<u32>,
    /// Largest packet that the path is thought to carry, in octets.
    pub path_mtu: Option<u32>,
    /// Octets that the other end is ready to take.
    pub send_window: Option<u32>,
}

impl TcpInfo {
    /// From the octets of the structure, however many the kernel gave.
    pub fn read(octets: &[u8]) -> Self {
        let four = |at: usize| {
            octets.get(at..at + 4).and_then(|o| o.try_into().ok()).map(u32::from_ne_bytes)
        };
        let eight = |at: usize| {
            octets.get(at..at + 8).and_then(|o| o.try_into().ok()).map(u64::from_ne_bytes)
        };
        TcpInfo {
            retransmitted: four(100),
            unacknowledged: four(24),
            // The SYN counts as one.
            octets_acknowledged: eight(120).map(|n| n.saturating_sub(1)),
            octets_received: eight(128),
            not_sent: four(144),
            path_mtu: four(60),
            send_window: four(228),
        }
    }

    /// Whether the other end took the handshake and nothing else, and never opened its window: so
    /// does a device that answers SYNs for a host which it then cannot reach.
    pub fn is_window_shut(&self) -> bool {
        self.send_window == Some(0)
            && self.octets_acknowledged == Some(0)
            && self.octets_received == Some(0)
    }

    /// As facts of a rung.
    pub fn facts(&self) -> Tcp {
        Tcp {
            tcp_retransmitted: self.retransmitted,
            tcp_unacknowledged: self.unacknowledged,
            tcp_octets_acknowledged: self.octets_acknowledged,
            tcp_octets_received: self.octets_received,
            tcp_path_mtu: self.path_mtu,
            tcp_window: self.is_window_shut().then_some(0),
        }
    }
}
