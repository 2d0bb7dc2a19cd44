//! AMQP 0-9-1: the header of the protocol is answered by the method Connection.Start, or by the
//! header of a version that the server speaks (AMQP 0-9-1 section 2.2.4 and 4.2.2;
//! <https://www.rabbitmq.com/amqp-0-9-1-reference>). The header of AMQP 1.0 is not sent: a server
//! gives that very one back, as whoever echoes does.

use super::answer::{Answer, Next, STAND_IN, number};
use super::lines::may_become;

const HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// Headers by which a server names what it speaks instead: AMQP 1.0, the same with TLS or SASL
/// before it, 0-10, 0-9 and 0-8.
const OTHERS: &[(&[u8; 8], &str)] = &[
    (b"AMQP\x00\x01\x00\x00", "AMQP 1.0"),
    (b"AMQP\x02\x01\x00\x00", "AMQP 1.0"),
    (b"AMQP\x03\x01\x00\x00", "AMQP 1.0"),
    (b"AMQP\x01\x01\x00\x0a", "AMQP 0-10"),
    (b"AMQP\x01\x01\x00\x09", "AMQP 0-9"),
    (b"AMQP\x01\x01\x08\x00", "AMQP 0-8"),
];
/// Frame of a method on channel 0 (4.2.3).
const METHOD: [u8; 3] = [1, 0, 0];
/// Class 10, method 10, version 0-9.
const START: [u8; 6] = [0, 10, 0, 10, 0, 9];
const FRAME_END: u8 = 0xce;
/// Longest frame that is read: before it is agreed on, none is longer than this (4.2.3).
const MAX_FRAME: usize = 4096;

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(HEADER.to_vec());
    }
    if heard.first() == Some(&b'A') {
        let known = OTHERS.iter().find(|(header, _)| heard.starts_with(*header));
        return match known {
            Some((_, name)) if heard.len() == HEADER.len() => {
                Next::Known(Answer::of(name, "", b""))
            }
            None if heard.len() < HEADER.len() && may_become(heard, b"AMQP") => Next::More,
            _ => Next::Other,
        };
    }
    if !may_become(heard, &METHOD) {
        return Next::Other;
    }
    let Some(len) = number(heard, 3, 4) else { return Next::More };
    if !(START.len()..=MAX_FRAME).contains(&len) {
        return Next::Other;
    }
    let Some(payload) = heard.get(7..7 + len) else { return Next::More };
    match heard.get(7 + len) {
        None => Next::More,
        Some(&FRAME_END) if payload.starts_with(&START) => {
            Next::Known(Answer::of("AMQP 0-9-1", &product(payload), b""))
        }
        Some(_) => Next::Other,
    }
}

/// `product` and `version` among the server's properties: a field is its name, the type `S`, a
/// length of four octets, and a text.
fn product(payload: &[u8]) -> String {
    let field = |name: &str| {
        let key =
            [&[u8::try_from(name.len()).unwrap_or_default()][..], name.as_bytes(), b"S"].concat();
        let at = payload.windows(key.len()).position(|window| window == key)? + key.len();
        let len = number(payload, at, 4)?;
        payload
            .get(at + 4..(at + 4).checked_add(len)?)
            .map(|text| String::from_utf8_lossy(text).into_owned())
    };
    [field("product"), field("version")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0 && heard.len() >= HEADER.len()).then(|| {
        let long = |text: &str| {
            [&u32::try_from(text.len()).unwrap_or_default().to_be_bytes()[..], text.as_bytes()]
                .concat()
        };
        let properties = [&b"\x07productS"[..], &long(STAND_IN)].concat();
        let table =
            [&u32::try_from(properties.len()).unwrap_or_default().to_be_bytes()[..], &properties]
                .concat();
        let payload = [&START[..], &[1], &table, &long("PLAIN"), &long("en_US")].concat();
        let len = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
        [&METHOD[..], &len, &payload, &[FRAME_END]].concat()
    })
}
