//! PostgreSQL: `SSLRequest` is answered with one octet, `S` or `N`, or with an ErrorResponse
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>, `SSLRequest` and
//! `ErrorResponse`).

use super::answer::{Answer, Next, STAND_IN, number};

/// Length 8, and the request's code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// Longest ErrorResponse that is read.
const MAX_ERROR: usize = 4096;

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(SSL_REQUEST.to_vec());
    }
    // Nothing follows such an octet until the client goes on; `SSH-2.0` begins with the same one.
    match heard {
        [] => Next::More,
        b"S" => Next::IfQuiet(Answer::of("PostgreSQL,", "TLS offered", b"")),
        b"N" => Next::IfQuiet(Answer::of("PostgreSQL,", "TLS not offered", b"")),
        [b'E', fields @ ..] => error(fields),
        _ => Next::Other,
    }
}

/// An ErrorResponse: its length, then fields of one letter and a text each; severity and SQLSTATE
/// are in every one.
fn error(octets: &[u8]) -> Next {
    let Some(len) = number(octets, 0, 4) else {
        return if octets.iter().take(2).all(|o| *o == 0) { Next::More } else { Next::Other };
    };
    if !(8..=MAX_ERROR).contains(&len) {
        return Next::Other;
    }
    let Some(fields) = octets.get(4..len) else { return Next::More };
    let text =
        |letter: u8| fields.split(|o| *o == 0).find_map(|field| field.strip_prefix(&[letter]));
    match (text(b'S'), text(b'C'), text(b'M')) {
        (Some(_), Some(state), Some(message))
            if state.len() == 5 && state.iter().all(u8::is_ascii_alphanumeric) =>
        {
            Next::Known(Answer::of("PostgreSQL", "", b"").turning_away(message))
        }
        _ => Next::Other,
    }
}

/// An error, since `N` has no room for a name. Clients take it as well: servers before 7.0 said so.
pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0 && heard.len() >= SSL_REQUEST.len()).then(|| {
        let fields = format!("SFATAL\0C57P03\0M{STAND_IN}\0\0");
        let len = u32::try_from(fields.len() + 4).unwrap_or(4);
        [&b"E"[..], &len.to_be_bytes(), fields.as_bytes()].concat()
    })
}
