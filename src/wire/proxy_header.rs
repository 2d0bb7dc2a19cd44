//! The header of the PROXY protocol, which a balancer may send ahead of everything else on a
//! connection (haproxy, "The PROXY protocol", versions 1 and 2).

/// Longest header of version 1, with its end of line.
const MAX_V1: usize = 107;
/// How a header of version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets ahead of the addresses of version 2.
const FIXED: usize = 16;
/// Most octets of addresses and fields of version 2 that are read.
const MAX_V2: usize = 2048;

/// What the first octets of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No such header.
    No,
    /// Perhaps one.
    Begun,
    /// One of this version, of so many octets.
    Header(&'static str, usize),
}

/// Looks for a header in the first octets of a connection.
pub fn find(octets: &[u8]) -> Found {
    let begins = |with: &[u8]| octets.iter().zip(with).all(|(a, b)| a == b);
    if begins(b"PROXY ") {
        let line = octets.iter().take(MAX_V1).position(|o| *o == b'\n');
        return match line {
            Some(end) if octets.len() > 6 => Found::Header("v1", end + 1),
            _ if octets.len() >= MAX_V1 => Found::No,
            _ => Found::Begun,
        };
    }
    if !begins(SIGNATURE) {
        return Found::No;
    }
    let Some(&[version, _, high, low]) = octets.get(12..FIXED) else { return Found::Begun };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    match version >> 4 == 2 && length <= FIXED + MAX_V2 {
        true if octets.len() >= length => Found::Header("v2", length),
        true => Found::Begun,
        false => Found::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_versions_are_found_and_nothing_else() {
        let v1 = b"PROXY TCP4 10.0.0.1 10.0.0.2 50000 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(find(v1), Found::Header("v1", 40));
        assert_eq!(find(b"PROXY UNKNOWN\r\n"), Found::Header("v1", 15));
        let v2 = [&SIGNATURE[..], &[0x21, 0x11, 0, 12], &[0; 12], b"GET"].concat();
        assert_eq!(find(&v2), Found::Header("v2", 28));
        for part in 0..28 {
            assert_eq!(find(&v2[..part]), Found::Begun, "{part}");
        }
        for part in 0..40 {
            assert_eq!(find(&v1[..part]), Found::Begun, "{part}");
        }
        for no in [
            &b"PORTMATRIX/1 "[..],
            b"PRI * HTTP/2.0",
            b"POST / HTTP/1.1",
            b"GET /",
            b"\x16\x03\x01",
            b"\r\n\r\nGET",
            b"0\x84",
            &[b'P'; 200],
        ] {
            assert_eq!(find(no), Found::No, "{no:?}");
        }
        assert_eq!(find(&[b"PROXY ", &[b'x'; 200][..]].concat()), Found::No, "no end of line");
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = find(&octets);
            let _ = find(&[&SIGNATURE[..], &octets].concat());
        }
    }
}
