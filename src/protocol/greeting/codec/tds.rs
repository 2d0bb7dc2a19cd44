//! SQL Server: PRELOGIN is answered by a tabular result with the same options (MS-TDS 2.2.6.5,
//! 2.2.3.1).

use super::answer::{Answer, Next, number};

/// Packet types (MS-TDS 2.2.3.1.1).
const PRELOGIN: u8 = 0x12;
const TABULAR: u8 = 0x04;
/// Options (MS-TDS 2.2.6.5).
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const TERMINATOR: u8 = 0xff;
/// Longest answer that is read; a real one has some 40 octets.
const MAX_PACKET: usize = 1024;
/// The version by which a stand-in is known: no such server was ever there.
const STAND_IN_VERSION: [u8; 6] = [0, 0, 0, 0, b'p', b'm'];
/// Encryption: not supported.
const NOT_SUPPORTED: u8 = 2;

/// A PRELOGIN with a version (six octets) and whether this end wants encryption.
fn message(kind: u8, version: [u8; 6], encryption: u8) -> Vec<u8> {
    // Each option: its token, where its data begins and how long it is; then the end, then the
    // data.
    let options = [VERSION, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, TERMINATOR];
    let len = u8::try_from(8 + options.len() + 7).unwrap_or_default();
    // Type, last packet, length, process, number, window.
    [&[kind, 1, 0, len, 0, 0, 1, 0][..], &options, &version, &[encryption]].concat()
}

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(message(PRELOGIN, [0; 6], 0));
    }
    let begins = heard.first().is_none_or(|kind| *kind == TABULAR)
        && heard.get(1).is_none_or(|status| *status == 1);
    let Some(len) = number(heard, 2, 2) else {
        return if begins { Next::More } else { Next::Other };
    };
    if !begins || !(8..=MAX_PACKET).contains(&len) {
        return Next::Other;
    }
    match heard.get(8..len) {
        None => Next::More,
        Some(_) if heard.len() > len => Next::Other,
        Some(body) => options(body).map_or(Next::Other, Next::Known),
    }
}

fn options(body: &[u8]) -> Option<Answer> {
    // VERSION is required, and the first.
    let option = |place: usize| -> Option<(u8, &[u8])> {
        let token = *body.get(place)?;
        let (at, len) = (number(body, place + 1, 2)?, number(body, place + 3, 2)?);
        Some((token, body.get(at..at.checked_add(len)?)?))
    };
    let (token, version) = option(0)?;
    if token != VERSION || version.len() != 6 {
        return None;
    }
    let mut encryption = None;
    let mut place = 5;
    while *body.get(place)? != TERMINATOR {
        let (token, data) = option(place)?;
        encryption = encryption.or((token == ENCRYPTION).then(|| data.first().copied()).flatten());
        place += 5;
    }
    let tls = match encryption? {
        0 | 1 => "TLS offered",
        2 => "TLS not supported",
        3 => "TLS required",
        _ => return None,
    };
    let build = number(version, 2, 2)?;
    let words = format!("{}.{}.{build}, {tls}", version[0], version[1]);
    Some(Answer {
        stand_in: version == STAND_IN_VERSION,
        ..Answer::of(product(version[0]), &words, b"")
    })
}

/// Major versions by the names that people know them by.
fn product(major: u8) -> &'static str {
    match major {
        17 => "SQL Server 2025",
        16 => "SQL Server 2022",
        15 => "SQL Server 2019",
        14 => "SQL Server 2017",
        13 => "SQL Server 2016",
        12 => "SQL Server 2014",
        11 => "SQL Server 2012",
        _ => "SQL Server",
    }
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    let whole = number(heard, 2, 2).is_some_and(|len| len <= MAX_PACKET && heard.len() >= len);
    (said == 0 && heard.first() == Some(&PRELOGIN) && whole)
        .then(|| message(TABULAR, STAND_IN_VERSION, NOT_SUPPORTED))
}
