//! What first octets look like, and how they are shown.

/// A protocol by its first octets, where they are unmistakable.
pub fn looks_like(octets: &[u8]) -> Option<&'static str> {
    match octets {
        // A TLS record: alert or handshake, version 3.x (RFC 8446 section 5.1).
        [0x15 | 0x16, 3, 0..=4, ..] => Some("tls"),
        // An HTTP/2 SETTINGS or GOAWAY frame on stream 0 (RFC 9113 section 4.1).
        [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..] => Some("http/2"),
        _ if octets.starts_with(b"HTTP/") => Some("http/1"),
        _ if octets.starts_with(b"SSH-") => Some("ssh"),
        _ if octets.starts_with(b"220 ") || octets.starts_with(b"220-") => Some("smtp or ftp"),
        _ => None,
    }
}

/// A status of an unreadable answer of HTTP/2, where it is one of those told apart: `:status` as
/// HPACK writes one that its table lacks, index 8 with a literal value (RFC 7541 sections 6.2.1 to
/// 6.2.3).
pub fn raw_status(octets: &[u8]) -> Option<&'static str> {
    octets.windows(5).find_map(|window| match window {
        [0x08 | 0x18 | 0x48, 3, b'0', b'0', b'0'] => Some("000"),
        [0x08 | 0x18 | 0x48, 3, b'4', b'2', b'6'] => Some("426"),
        _ => None,
    })
}

/// Text from the network, fit for a table: at most `max` characters, everything that is not
/// printable ASCII as a dot.
pub fn printable(octets: &[u8], max: usize) -> String {
    octets
        .iter()
        .take(max)
        .map(|&o| if (b' '..=b'~').contains(&o) { char::from(o) } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_cannot_be_read() {
        assert_eq!(raw_status(b"\x00\x00\x05\x01\x04\x00\x00\x00\x01\x48\x03000"), Some("000"));
        assert_eq!(raw_status(b"\x08\x03426"), Some("426"));
        assert_eq!(raw_status(b"\x48\x03200"), None);
    }
}
