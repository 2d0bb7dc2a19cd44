//! A header of the PROXY protocol ahead of what a client says: taken off, told in every proof, and
//! answered to nobody.

use crate::net::Io;
use crate::wire::proxy_header::{Found, find};
use std::io;
use tokio::io::AsyncReadExt as _;

/// Reads the first octets of a connection: the version of the header, where one came, and what came
/// behind it.
///
/// # Errors
/// Those of the connection.
pub(crate) async fn take_off(stream: &mut impl Io) -> io::Result<(Option<&'static str>, Vec<u8>)> {
    let mut came = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok((None, came)),
            n => came.extend_from_slice(&chunk[..n]),
        }
        match find(&came) {
            Found::No => return Ok((None, came)),
            Found::Begun => {}
            Found::Header(version, length) => return Ok((Some(version), came.split_off(length))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn a_header_in_pieces_is_taken_off() {
        let (mut other, mut own) = tokio::io::duplex(8);
        let writing = tokio::spawn(async move {
            other.write_all(b"PROXY TCP4 10.0.0.1 10.0.0.2 5 6\r\nGET").await
        });
        let (version, mut rest) = take_off(&mut own).await.expect("read");
        assert_eq!(version, Some("v1"));
        let mut more = Vec::new();
        own.read_to_end(&mut more).await.expect("read");
        rest.extend(more);
        assert_eq!(rest, b"GET");
        writing.await.expect("ends").expect("written");
    }
}
