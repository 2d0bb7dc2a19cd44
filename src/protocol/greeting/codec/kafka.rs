//! Kafka: ApiVersions of version 0 is answered with the same correlation and a list of what the
//! broker knows (<https://kafka.apache.org/protocol#The_Messages_ApiVersions>).

use super::answer::{Answer, Next, number};

/// Comes back in the answer; in the request it does not stand in the same place.
const CORRELATION: [u8; 4] = *b"pmtx";
const CLIENT: &[u8] = b"portmatrix";
/// ApiVersions.
const API_VERSIONS: u16 = 18;
/// Longest answer that is read: six octets for each of some eighty requests.
const MAX_ANSWER: usize = 4096;
/// The one request that a stand-in knows, which nobody has.
const STAND_IN_KEY: usize = 0x7ffe;

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        let body =
            [&API_VERSIONS.to_be_bytes()[..], &[0, 0], &CORRELATION, &[0, 10], CLIENT].concat();
        return Next::Say(
            [&u32::try_from(body.len()).unwrap_or_default().to_be_bytes()[..], &body].concat(),
        );
    }
    let Some(len) = number(heard, 0, 4) else {
        return if heard.iter().take(2).all(|octet| *octet == 0) {
            Next::More
        } else {
            Next::Other
        };
    };
    if !(10..=MAX_ANSWER).contains(&len)
        || !super::lines::may_become(heard.get(4..).unwrap_or_default(), &CORRELATION)
    {
        return Next::Other;
    }
    let Some(body) = heard.get(8..4 + len) else { return Next::More };
    let (code, count) = (number(body, 0, 2), number(body, 2, 4).unwrap_or_default());
    // No error, and as many entries as are said; or an error, which others do not send in this
    // form.
    let whole = body.len() == 6 + count.saturating_mul(6);
    match code {
        Some(0 | 35) if whole => {
            let stand_in = count == 1 && number(body, 6, 2) == Some(STAND_IN_KEY);
            Next::Known(Answer { stand_in, ..Answer::of("Kafka", "", b"") })
        }
        _ => Next::Other,
    }
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    let correlation = heard
        .get(8..12)
        .filter(|_| said == 0 && number(heard, 4, 2) == Some(usize::from(API_VERSIONS)))?;
    let key = u16::try_from(STAND_IN_KEY).unwrap_or_default();
    Some(
        [
            &16_u32.to_be_bytes()[..],
            correlation,
            &[0, 0, 0, 0, 0, 1],
            &key.to_be_bytes(),
            &[0, 0, 0, 0],
        ]
        .concat(),
    )
}
