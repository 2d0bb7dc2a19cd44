//! Kerberos: a request for a ticket of a client that nobody has, in a realm that nobody has, is
//! answered with an error (RFC 4120 sections 3.1, 5.4.1, 5.9.1; over TCP behind its length, section
//! 7.2.2). No password is tried, and no account is touched.

use super::answer::{Answer, Next, STAND_IN, number};
use super::lines::may_become;
use crate::protocol::ldap::codec::time;
use crate::wire::der::element;

/// No realm of anybody (RFC 6761 section 6.4), and so nothing of the site is told to strangers.
const REALM: &[u8] = b"PORTMATRIX.INVALID";
const CLIENT: &[u8] = b"portmatrix";
/// Longest answer that is read. One of a domain controller has some hundred octets.
const MAX_ANSWER: usize = 4096;
/// Shortest error: a realm and a name of no letters.
const MIN_ANSWER: usize = 40;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const TIME: u8 = 0x18;
const TEXT: u8 = 0x1b;
const SEQUENCE: u8 = 0x30;
/// `AS-REQ` and `KRB-ERROR`: `[APPLICATION 10]` and `[APPLICATION 30]`.
const AS_REQ: u8 = 0x6a;
const KRB_ERROR: u8 = 0x7e;
/// `KDC_ERR_C_PRINCIPAL_UNKNOWN`.
const CLIENT_UNKNOWN: u8 = 6;

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(request());
    }
    let Some(len) = number(heard, 0, 4) else {
        return if may_become(heard, &[0, 0]) { Next::More } else { Next::Other };
    };
    if !(MIN_ANSWER..=MAX_ANSWER).contains(&len) || heard.get(4).is_some_and(|o| *o != KRB_ERROR) {
        return Next::Other;
    }
    let Some(body) = heard.get(4..4 + len) else { return Next::More };
    read(body).map_or(Next::Other, Next::Known)
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    let asked = number(heard, 0, 4).filter(|len| (MIN_ANSWER..=MAX_ANSWER).contains(len))?;
    // It answers what begins as a request does, once all of it is there.
    (said == 0 && heard.get(4) == Some(&AS_REQ) && heard.len() >= 4 + asked).then(refusal)
}

/// What an error says: the realm where it is not the one that was asked for, and the clock.
fn read(octets: &[u8]) -> Option<Answer> {
    let (KRB_ERROR, inside, []) = element(octets)? else { return None };
    let (SEQUENCE, fields, []) = element(inside)? else { return None };
    let field = |wanted: u8| {
        let mut rest = fields;
        while let Some((tag, contents, after)) = element(rest) {
            if tag == context(wanted) {
                return element(contents).filter(|(.., after)| after.is_empty());
            }
            rest = after;
        }
        None
    };
    let is =
        |number: u8, value: &[u8]| field(number).is_some_and(|f| (f.0, f.1) == (INTEGER, value));
    // pvno and msg-type; a code of an error there must be.
    if !(is(0, &[5]) && is(1, &[30]) && field(6).is_some_and(|(tag, ..)| tag == INTEGER)) {
        return None;
    }
    let (TIME, stime, _) = field(4)? else { return None };
    let clock = time::parse(std::str::from_utf8(stime).ok()?)?;
    let (TEXT, realm, _) = field(9)? else { return None };
    let said = field(11).filter(|(tag, ..)| *tag == TEXT).map_or(&[][..], |(_, text, _)| text);
    if said == STAND_IN.as_bytes() {
        return Some(Answer::of("Kerberos", STAND_IN, b""));
    }
    let realm = if realm == REALM { String::new() } else { String::from_utf8_lossy(realm).into() };
    Some(Answer { clock: Some(clock), ..Answer::of("Kerberos", &realm, b"") })
}

/// `AS-REQ` for a ticket-granting ticket.
fn request() -> Vec<u8> {
    let body = sequence(&[
        tagged(0, &tlv(BIT_STRING, &[0, 0, 0, 0, 0])),
        tagged(1, &principal(1, &[CLIENT])),
        tagged(2, &tlv(TEXT, REALM)),
        tagged(3, &principal(2, &[b"krbtgt", REALM])),
        // As long as it may be (RFC 4120 section 5.4.1).
        tagged(5, &tlv(TIME, b"19700101000000Z")),
        tagged(7, &tlv(INTEGER, b"pmtx")),
        // AES-256, AES-128 and RC4, as clients ask for (RFC 3961 section 8, RFC 4757).
        tagged(8, &sequence(&[18, 17, 23].map(|etype| tlv(INTEGER, &[etype])))),
    ]);
    let request = sequence(&[
        tagged(1, &tlv(INTEGER, &[5])),
        tagged(2, &tlv(INTEGER, &[10])),
        tagged(4, &body),
    ]);
    behind_length(&tlv(AS_REQ, &request))
}

/// What a stand-in answers: `KRB-ERROR` of a client that it does not know, with no clock in it.
fn refusal() -> Vec<u8> {
    let fields = sequence(&[
        tagged(0, &tlv(INTEGER, &[5])),
        tagged(1, &tlv(INTEGER, &[30])),
        tagged(4, &tlv(TIME, b"19700101000000Z")),
        tagged(5, &tlv(INTEGER, &[0])),
        tagged(6, &tlv(INTEGER, &[CLIENT_UNKNOWN])),
        tagged(9, &tlv(TEXT, b"INVALID")),
        tagged(10, &principal(2, &[b"krbtgt"])),
        tagged(11, &tlv(TEXT, STAND_IN.as_bytes())),
    ]);
    behind_length(&tlv(KRB_ERROR, &fields))
}

fn behind_length(octets: &[u8]) -> Vec<u8> {
    [&u32::try_from(octets.len()).unwrap_or_default().to_be_bytes()[..], octets].concat()
}

/// `PrincipalName` of a type and its parts.
fn principal(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| tlv(TEXT, part)).collect();
    sequence(&[tagged(0, &tlv(INTEGER, &[kind])), tagged(1, &sequence(&parts))])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

fn tagged(number: u8, contents: &[u8]) -> Vec<u8> {
    tlv(context(number), contents)
}

/// `[number] EXPLICIT`.
fn context(number: u8) -> u8 {
    0xa0 | number
}

/// An element of DER; all of ours are short (X.690 section 8.1.3).
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let mut octets = vec![tag];
    match u8::try_from(len) {
        Ok(len @ 0..=0x7f) => octets.push(len),
        Ok(len) => octets.extend([0x81, len]),
        Err(_) => octets.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    octets.extend_from_slice(contents);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_a_client_sends_it() {
        let request = request();
        let len = number(&request, 0, 4).expect("a length");
        assert_eq!(len, request.len() - 4);
        let (tag, inside, rest) = element(&request[4..]).expect("DER");
        assert_eq!((tag, rest), (AS_REQ, &[][..]));
        assert!(element(inside).is_some_and(|(tag, ..)| tag == SEQUENCE));
        assert!(refusal().len() < request.len(), "a stranger gets less than he sends");
    }

    #[test]
    fn realm_and_clock_are_told() {
        let answer = |realm: &[u8], time: &[u8]| {
            let fields = sequence(&[
                tagged(0, &tlv(INTEGER, &[5])),
                tagged(1, &tlv(INTEGER, &[30])),
                tagged(4, &tlv(TIME, time)),
                tagged(5, &tlv(INTEGER, &[1, 0])),
                tagged(6, &tlv(INTEGER, &[68])),
                tagged(9, &tlv(TEXT, realm)),
                tagged(10, &principal(2, &[b"krbtgt", realm])),
            ]);
            next(&behind_length(&tlv(KRB_ERROR, &fields)), 1)
        };
        let Next::Known(told) = answer(b"CORP.EXAMPLE", b"20261129153000Z") else {
            panic!("an error")
        };
        assert_eq!(told.words, "Kerberos CORP.EXAMPLE");
        assert_eq!(told.clock.map(|c| c.to_string()).as_deref(), Some("2026-11-29T15:30:00Z"));
        assert!(
            matches!(answer(REALM, b"20261129153000Z"), Next::Known(a) if a.words == "Kerberos")
        );
        assert_eq!(answer(b"CORP.EXAMPLE", b"yesterday"), Next::Other);
    }
}
