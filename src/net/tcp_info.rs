//! What the kernel knows of a connection: how much arrived, what had to be sent again. It tells a lost packet from a silent program.

use crate::observation::Detail;
use tokio::net::TcpStream;

/// A second handle on a connection, to be asked after the first has gone into TLS or HTTP. It keeps the connection from being closed until
/// it is dropped too.
#[derive(Debug)]
pub struct Watch {
    #[cfg(target_os = "linux")]
    socket: socket2::Socket,
}

impl Watch {
    /// `None` where the system tells nothing, or has no descriptor left.
    #[cfg(target_os = "linux")]
    pub fn on(stream: &TcpStream) -> Option<Watch> {
        socket2::SockRef::from(stream).try_clone().ok().map(|socket| Watch { socket })
    }

    /// `None` where the system tells nothing, or has no descriptor left.
    #[cfg(not(target_os = "linux"))]
    pub fn on(_: &TcpStream) -> Option<Watch> {
        None
    }

    /// What there is to tell now.
    #[cfg(target_os = "linux")]
    pub fn look(&self) -> Option<TcpInfo> {
        super::os::linux::tcp_info(&self.socket).map(|octets| TcpInfo::read(&octets))
    }

    /// What there is to tell now.
    #[cfg(not(target_os = "linux"))]
    pub fn look(&self) -> Option<TcpInfo> {
        None
    }
}

/// The part of Linux's `struct tcp_info` (include/uapi/linux/tcp.h) that tells why a connection is silent. What an older kernel does not
/// know is absent.
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
        let four = |at: usize| octets.get(at..at + 4).and_then(|o| o.try_into().ok()).map(u32::from_ne_bytes);
        let eight = |at: usize| octets.get(at..at + 8).and_then(|o| o.try_into().ok()).map(u64::from_ne_bytes);
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

    /// Whether the other end took the handshake and nothing else, and never opened its window: so does a device that answers SYNs for a host
    /// which it then cannot reach.
    pub fn is_window_shut(&self) -> bool {
        self.send_window == Some(0) && self.octets_acknowledged == Some(0) && self.octets_received == Some(0)
    }

    /// As facts of a rung.
    pub fn detail(&self) -> Detail {
        let mut detail = Detail::from([
            ("tcp_retransmitted".to_owned(), self.retransmitted.into()),
            ("tcp_unacknowledged".to_owned(), self.unacknowledged.into()),
            ("tcp_octets_acknowledged".to_owned(), self.octets_acknowledged.into()),
            ("tcp_octets_received".to_owned(), self.octets_received.into()),
            ("tcp_path_mtu".to_owned(), self.path_mtu.into()),
        ]);
        if self.is_window_shut() {
            detail.insert("tcp_window".to_owned(), 0.into());
        }
        detail.retain(|_, v| !v.is_null());
        detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_structure_is_read_as_far_as_it_goes() {
        assert_eq!(TcpInfo::read(&[]), TcpInfo::default());
        let mut octets = [0; 104];
        octets[100] = 3;
        let info = TcpInfo::read(&octets);
        assert_eq!((info.retransmitted, info.octets_received), (Some(3), None));
        assert!(!info.is_window_shut(), "unknown is not shut");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_counts_what_was_taken() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut near = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it opens");
        let watch = Watch::on(&near).expect("Linux tells");
        let (mut far, _) = listener.accept().await.expect("it came");
        near.write_all(b"hello").await.expect("written");
        far.write_all(b"hi").await.expect("written");
        let mut came = [0; 5];
        far.read_exact(&mut came).await.expect("read");
        near.read_exact(&mut came[..2]).await.expect("read");
        drop(near);
        let info = watch.look().expect("Linux tells");
        assert_eq!((info.octets_acknowledged, info.octets_received, info.retransmitted), (Some(5), Some(2), Some(0)), "{info:?}");
        assert!(!info.is_window_shut() && info.path_mtu.is_some_and(|mtu| mtu > 1000), "{info:?}");
    }
}
