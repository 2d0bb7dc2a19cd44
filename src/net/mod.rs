//! The only sockets, clock and DNS of the program.

pub mod certificate;
pub mod clock;
pub mod dial;
pub mod fetch;
pub mod half_open;
pub mod host;
pub mod host_firewall;
pub mod identity;
pub mod keyfile;
pub mod many_listeners;
pub mod occupied;
pub mod os;
pub mod resolve;
pub mod serve;
pub mod sweep;
pub mod tcp_info;
pub mod tls;
pub mod trace;

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream, whatever carries it.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// `N` random octets from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    use ring::rand::SecureRandom as _;
    let mut octets = [0; N];
    // The system's generator fails only before it was ever seeded, in the first moments after boot;
    // nothing can be proved then.
    #[expect(clippy::expect_used, reason = "no safe way to go on without randomness")]
    ring::rand::SystemRandom::new()
        .fill(&mut octets)
        .expect("the operating system has random numbers");
    octets
}
