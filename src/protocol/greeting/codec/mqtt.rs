//! MQTT 3.1.1: CONNECT is answered by CONNACK with a code, whether or not one may come in (MQTT
//! 3.1.1 sections 3.1 and 3.2; for brokers that speak version 5 alone, MQTT 5.0 section 3.2).

use super::answer::{Answer, Next};

/// Clean session, 60 s, and a client without a name, which the broker forgets at once.
const CONNECT: [u8; 14] = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 0];
const DISCONNECT: &[u8] = &[0xe0, 0];
/// Codes of 6 to 127 mean nothing in any version: a stand-in's own.
const STAND_IN_CODE: u8 = 0x7d;

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(CONNECT.to_vec());
    }
    match *heard {
        [] | [0x20] => Next::More,
        [0x20, len @ 2..=127, ref rest @ ..] => match *rest {
            [] | [0 | 1] => Next::More,
            // Only a session that is new is not there already.
            [0, code, ..] if rest.len() == usize::from(len) => answer(code),
            [0, _, ..] if rest.len() < usize::from(len) => Next::More,
            _ => Next::Other,
        },
        _ => Next::Other,
    }
}

fn answer(code: u8) -> Next {
    let mqtt = Answer::of("MQTT", "", DISCONNECT);
    let why: &[u8] = match code {
        0 => return Next::Known(mqtt),
        STAND_IN_CODE => return Next::Known(Answer { stand_in: true, ..mqtt }),
        1 | 0x84 => b"unacceptable protocol version",
        2 | 0x85 => b"identifier rejected",
        3 | 0x88 => b"server unavailable",
        4 | 0x86 => b"bad user name or password",
        5 | 0x87 => b"not authorized",
        0x80..=0x9f => b"refused",
        _ => return Next::Other,
    };
    Next::Known(mqtt.turning_away(why))
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0 && heard.first() == Some(&0x10) && heard.len() >= CONNECT.len())
        .then(|| vec![0x20, 2, 0, STAND_IN_CODE])
}
