//! What the kernel knows of a connection: how much arrived, what had to be sent again. It tells a
//! lost packet from a silent program.

pub use super::os::tcp_info::TcpInfo;
use tokio::net::TcpStream;

/// A second handle on a connection, to be asked after the first has gone into TLS or HTTP. It keeps
/// the connection from being closed until it is dropped too.
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
        let mut near =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it opens");
        let watch = Watch::on(&near).expect("Linux tells");
        let (mut far, _) = listener.accept().await.expect("it came");
        near.write_all(b"hello").await.expect("written");
        far.write_all(b"hi").await.expect("written");
        let mut came = [0; 5];
        far.read_exact(&mut came).await.expect("read");
        near.read_exact(&mut came[..2]).await.expect("read");
        drop(near);
        let info = watch.look().expect("Linux tells");
        assert_eq!(
            (info.octets_acknowledged, info.octets_received, info.retransmitted),
            (Some(5), Some(2), Some(0)),
            "{info:?}"
        );
        assert!(!info.is_window_shut() && info.path_mtu.is_some_and(|mtu| mtu > 1000), "{info:?}");
    }
}
