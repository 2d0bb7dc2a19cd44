//! Kerberos: a request for a ticket of a client that nobody has, in a realm that nobody has, is
//! answered with an error (RFC 4120 sections 3.1, 5.4.1, 5.9.1; over TCP behind its length, section
//! 7.2.2). No password is tried, and no account is touched.

use crate::protocol::greeting::codec::{Answer, Dialogue, Next, STAND_IN, may_become, number};
use crate::protocol::ldap::codec::time;
use crate::wire::der::element;
use jiff::Timestamp;

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
/// `KDC_ERR_SVC_UNAVAILABLE`: the KDC is there, and can serve nobody.
const UNAVAILABLE: i64 = 29;

/// What both ends say.
pub const DIALOGUE: Dialogue = Dialogue { name: "kerberos", next, stand_in };

/// A KDC's `KRB-ERROR` (RFC 4120 section 5.9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `error-code` (RFC 4120 section 7.5.9).
    pub code: i64,
    /// `realm`, where it is not the one that was asked for.
    pub realm: Option<String>,
    /// `stime`: the KDC's clock. A stand-in has none.
    pub clock: Option<Timestamp>,
    /// It says that it is a stand-in.
    pub stand_in: bool,
}

impl Refusal {
    /// The name of its code, of those that a stranger may get.
    pub fn name(&self) -> Option<&'static str> {
        Some(match self.code {
            6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
            7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
            12 => "KDC_ERR_POLICY",
            14 => "KDC_ERR_ETYPE_NOSUPP",
            18 => "KDC_ERR_CLIENT_REVOKED",
            24 => "KDC_ERR_PREAUTH_FAILED",
            25 => "KDC_ERR_PREAUTH_REQUIRED",
            29 => "KDC_ERR_SVC_UNAVAILABLE",
            37 => "KRB_AP_ERR_SKEW",
            52 => "KRB_ERR_RESPONSE_TOO_BIG",
            60 => "KRB_ERR_GENERIC",
            68 => "KDC_ERR_WRONG_REALM",
            _ => return None,
        })
    }

    fn answer(&self) -> Answer {
        if self.stand_in {
            return Answer::of("Kerberos", STAND_IN, b"");
        }
        let answer = Answer {
            clock: self.clock,
            ..Answer::of("Kerberos", self.realm.as_deref().unwrap_or_default(), b"")
        };
        match (self.code, self.name()) {
            (UNAVAILABLE, Some(name)) => answer.turning_away(name.as_bytes()),
            _ => answer,
        }
    }
}

fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(request());
    }
    match refusal_in(heard) {
        Ok(Some(refusal)) => Next::Known(refusal.answer()),
        Ok(None) => Next::More,
        Err(Other) => Next::Other,
    }
}

/// It is no answer of a KDC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other;

/// The refusal in what came; `None` while it is not whole.
///
/// # Errors
/// [`Other`] where it can become none.
pub fn refusal_in(heard: &[u8]) -> Result<Option<Refusal>, Other> {
    let Some(len) = number(heard, 0, 4) else {
        return if may_become(heard, &[0, 0]) { Ok(None) } else { Err(Other) };
    };
    if !(MIN_ANSWER..=MAX_ANSWER).contains(&len) || heard.get(4).is_some_and(|o| *o != KRB_ERROR) {
        return Err(Other);
    }
    let Some(body) = heard.get(4..4 + len) else { return Ok(None) };
    read(body).map(Some).ok_or(Other)
}

fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    let asked = number(heard, 0, 4).filter(|len| (MIN_ANSWER..=MAX_ANSWER).contains(len))?;
    // It answers what begins as a request does, once all of it is there.
    let is_whole = said == 0 && heard.get(4) == Some(&AS_REQ) && heard.len() >= 4 + asked;
    // Nobody gets more than he sends.
    is_whole.then(refusal).filter(|refusal| refusal.len() <= heard.len())
}

/// What an error says.
fn read(octets: &[u8]) -> Option<Refusal> {
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
    // pvno and msg-type; the code of an error there must be.
    if !(is(0, &[5]) && is(1, &[30])) {
        return None;
    }
    let (INTEGER, code, _) = field(6)? else { return None };
    let (TIME, stime, _) = field(4)? else { return None };
    let clock = time::parse(std::str::from_utf8(stime).ok()?)?;
    let (TEXT, realm, _) = field(9)? else { return None };
    let said = field(11).filter(|(tag, ..)| *tag == TEXT).map_or(&[][..], |(_, text, _)| text);
    let stand_in = said == STAND_IN.as_bytes();
    Some(Refusal {
        code: integer(code)?,
        realm: Some(realm)
            .filter(|realm| *realm != REALM && !stand_in)
            .map(|realm| String::from_utf8_lossy(realm).into_owned()),
        clock: Some(clock).filter(|_| !stand_in),
        stand_in,
    })
}

/// An integer of up to four octets, in two's complement.
fn integer(octets: &[u8]) -> Option<i64> {
    let first = *octets.first().filter(|_| octets.len() <= 4)?;
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(octets.iter().fold(sign, |sum, octet| sum << 8 | i64::from(*octet)))
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

    /// `KRB-ERROR` of a KDC.
    fn kdc(realm: &[u8], time: &[u8], code: &[u8]) -> Vec<u8> {
        let fields = sequence(&[
            tagged(0, &tlv(INTEGER, &[5])),
            tagged(1, &tlv(INTEGER, &[30])),
            tagged(4, &tlv(TIME, time)),
            tagged(5, &tlv(INTEGER, &[1, 0])),
            tagged(6, &tlv(INTEGER, code)),
            tagged(9, &tlv(TEXT, realm)),
            tagged(10, &principal(2, &[b"krbtgt", realm])),
        ]);
        behind_length(&tlv(KRB_ERROR, &fields))
    }

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
    fn realm_clock_and_code_are_told() {
        let Next::Known(told) = next(&kdc(b"CORP.EXAMPLE", b"20261129153000Z", &[68]), 1) else {
            panic!("an error")
        };
        assert_eq!(told.words, "Kerberos CORP.EXAMPLE");
        assert_eq!(told.clock.map(|c| c.to_string()).as_deref(), Some("2026-11-29T15:30:00Z"));
        assert!(told.turned_away.is_none());
        let read = |realm, time, code| refusal_in(&kdc(realm, time, code));
        let own = read(REALM, b"20261129153000Z", &[6]).expect("an error").expect("all of it");
        assert_eq!((own.realm, own.code), (None, 6));
        assert_eq!(read(b"CORP.EXAMPLE", b"yesterday", &[6]), Err(Other));
        let far = read(b"A", b"20261129153000Z", &[0xff]).expect("an error").expect("all of it");
        assert_eq!((far.code, far.name()), (-1, None));
        let Next::Known(down) = next(&kdc(b"CORP.EXAMPLE", b"20261129153000Z", &[29]), 1) else {
            panic!("an error")
        };
        assert_eq!(down.turned_away.as_deref(), Some("KDC_ERR_SVC_UNAVAILABLE"));
    }

    #[test]
    fn half_an_answer_is_waited_for_and_another_one_is_none() {
        let whole = kdc(b"CORP.EXAMPLE", b"20261129153000Z", &[68]);
        for end in 0..whole.len() {
            assert_eq!(next(&whole[..end], 1), Next::More, "{end} octets");
        }
        assert_eq!(next(&request(), 1), Next::Other, "an echo");
        for other in
            [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"SSH-2.0-x\r\n", &[0, 0, 0, 9, 0x7e, 1]]
        {
            assert_eq!(next(other, 1), Next::Other);
        }
        for at in 0..whole.len() {
            for octet in [0, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = octet;
                let _ = next(&changed, 1);
                let _ = stand_in(&changed, 0);
            }
        }
    }

    #[test]
    fn a_stand_in_answers_a_whole_request_once() {
        let request = request();
        assert!(!DIALOGUE.is_begun_by_service());
        for end in 0..request.len() {
            assert_eq!(stand_in(&request[..end], 0), None, "{end} octets");
        }
        let answer = stand_in(&request, 0).expect("an answer");
        assert_eq!(stand_in(&request, 1), None);
        let short = behind_length(&tlv(AS_REQ, &[0; 40]));
        assert_eq!(stand_in(&short, 0), None, "less than the answer has");
        assert!(matches!(next(&answer, 1), Next::Known(a) if a.stand_in && a.clock.is_none()));
    }
}
