//! MySQL and MariaDB: the server speaks first, with a handshake of version 10 or an error
//! (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html>,
//! `page_protocol_basic_err_packet`).

use super::answer::{Answer, Next, STAND_IN, printable};

/// Longest first packet: the error has a message, the handshake two names.
const MAX_PACKET: usize = 1024;

pub(super) fn next(heard: &[u8], _said: usize) -> Next {
    // Three octets of length, the least significant first, and the number of the packet.
    let [a, b, c, number, ..] = *heard else {
        return if heard.len() < 4 { begun(heard) } else { Next::Other };
    };
    let len = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
    if number != 0 || !(4..=MAX_PACKET).contains(&len) {
        return Next::Other;
    }
    let Some(packet) = heard.get(4..4 + len) else {
        return if matches!(heard.get(4), None | Some(10 | 0xff)) {
            Next::More
        } else {
            Next::Other
        };
    };
    // Nothing follows until the client has answered.
    if heard.len() > 4 + len {
        return Next::Other;
    }
    match packet {
        [10, rest @ ..] => handshake(rest),
        [0xff, low, high, message @ ..] => error(u16::from_le_bytes([*low, *high]), message),
        _ => Next::Other,
    }
}

fn begun(heard: &[u8]) -> Next {
    let too_long = heard.get(1).is_some_and(|high| usize::from(*high) > MAX_PACKET >> 8)
        || heard.get(2).is_some_and(|top| *top != 0);
    if too_long { Next::Other } else { Next::More }
}

/// The version up to a zero, then the thread (4), eight octets of salt and a zero.
fn handshake(octets: &[u8]) -> Next {
    let Some(end) = octets.iter().position(|octet| *octet == 0) else { return Next::Other };
    let (version, rest) = octets.split_at(end);
    let is_version = version.first().is_some_and(u8::is_ascii_digit)
        && version.iter().all(|o| (b' '..=b'~').contains(o));
    if !is_version || rest.get(13) != Some(&0) {
        return Next::Other;
    }
    let version = String::from_utf8_lossy(version);
    // MariaDB puts a version that old replicas know before its own.
    let own = version.strip_prefix("5.5.5-").unwrap_or(&version);
    let name = if own.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    Next::Known(Answer::of(name, own.split("-MariaDB").next().unwrap_or(own), b""))
}

/// A code of 1000 and more, and a message; with a state between them only where the client has
/// named its capabilities.
fn error(code: u16, message: &[u8]) -> Next {
    let message = match message {
        [b'#', _, _, _, _, _, rest @ ..] => rest,
        all => all,
    };
    if !(1000..=4999).contains(&code)
        || message.is_empty()
        || message.iter().any(u8::is_ascii_control)
    {
        return Next::Other;
    }
    let name = if printable(message).contains("MariaDB") { "MariaDB" } else { "MySQL" };
    Next::Known(Answer::of(name, "", b"").turning_away(message))
}

pub(super) fn stand_in(_heard: &[u8], said: usize) -> Option<Vec<u8>> {
    // 1040: too many connections. A client then goes, and is not counted among those that broke
    // off.
    let packet = [&[0xff][..], &1040_u16.to_le_bytes(), STAND_IN.as_bytes()].concat();
    (said == 0)
        .then(|| [&[u8::try_from(packet.len()).unwrap_or_default(), 0, 0, 0][..], &packet].concat())
}
