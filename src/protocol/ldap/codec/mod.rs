//! LDAP messages as octets (RFC 4511 sections 4.1.1 and 5.1), and how the challenge rides in them.
//!
//! Messages are peeled off the stream here and only then decoded by `ldap3_proto`, because that
//! crate takes an indefinite length for an empty message, waits for any length that is claimed,
//! prints to standard output when it meets an operation that it does not know, and knows neither
//! referrals nor result codes outside its own list. Results are therefore read here too.

pub mod netlogon;
pub mod time;

use bytes::BytesMut;
use ldap3_proto::{LdapCodec, LdapMsg};
use tokio_util::codec::{Decoder as _, Encoder as _};

/// Longest message that is waited for, in octets.
pub const MAX_MESSAGE: usize = 1 << 20;
/// OID of the StartTLS request (RFC 4511 section 4.14.1).
pub const STARTTLS: &str = "1.3.6.1.4.1.1466.20037";
/// OID of the notice of disconnection, an answer with message id 0 (RFC 4511 section 4.4.1).
pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// The challenge is a requested attribute with this prefix and 80 hexadecimal digits; the proof is
/// the value of the attribute of that name.
pub const CHALLENGE_ATTRIBUTE: &str = "portmatrix-";
/// How the name of an attribute begins that carries padding; its value, under this name alone,
/// gives the padding back.
pub const PADDING_ATTRIBUTE: &str = "portmatrix-padding-";
/// Longest text from the network that is kept, in characters.
pub const MAX_TEXT: usize = 256;
/// Nesting of a message: a search filter is the only thing that nests at all.
const MAX_DEPTH: usize = 64;

/// Operations that occur in LDAP, as the first octet of their encoding (RFC 4511 section 4.2 to
/// 4.13).
const OPERATIONS: &[u8] = &[
    0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x4a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
    0x50, 0x73, 0x77, 0x78, 0x79,
];
/// Those of them that carry an `LDAPResult` (RFC 4511 section 4.1.9).
const RESULTS: &[u8] = &[0x61, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x78];

/// First octet of a search result entry.
pub const OP_ENTRY: u8 = 0x64;
/// First octet of a search result done.
pub const OP_DONE: u8 = 0x65;
/// First octet of a search result reference.
pub const OP_REFERENCE: u8 = 0x73;
/// First octet of an extended response.
pub const OP_EXTENDED: u8 = 0x78;

/// These octets are no LDAP; why, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLdap(pub &'static str);

/// One message, its envelope checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    octets: BytesMut,
    /// Message id, 0 to 2^31 - 1. 0 is for notices of the server.
    pub id: i32,
    /// First octet of the operation.
    pub op: u8,
    /// Where the content of the operation begins and ends.
    content: (usize, usize),
}

/// An `LDAPResult` (RFC 4511 section 4.1.9), its texts cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Result code; 0 is success.
    pub code: i64,
    /// Diagnostic message.
    pub text: String,
    /// URIs of a referral.
    pub referral: Vec<String>,
    /// Name of an extended response.
    pub name: Option<String>,
}

/// Takes one whole message off the front of `buffer`; `None` while more octets are needed.
///
/// # Errors
/// [`NotLdap`] as soon as the octets cannot become a message of at most `longest` octets, however
/// many more came.
pub fn peel(buffer: &mut BytesMut, longest: usize) -> Result<Option<Frame>, NotLdap> {
    match buffer.first() {
        None => return Ok(None),
        Some(0x30) => {}
        Some(_) => return Err(NotLdap("the first octet does not begin a sequence")),
    }
    let Some((_, start, end)) = head(buffer)? else { return Ok(None) };
    if end > longest {
        return Err(NotLdap("the message claims to be longer than any that is accepted"));
    }
    if buffer.len() < end {
        return Ok(None);
    }
    let octets = buffer.split_to(end);
    let body = &octets[start..];
    let (tag, id_start, id_end) = whole(body)?;
    let id = match (tag, &body[id_start..id_end]) {
        (0x02, id @ [first, ..]) if id.len() <= 4 && *first < 0x80 => {
            id.iter().fold(0, |sum, octet| sum << 8 | i32::from(*octet))
        }
        _ => return Err(NotLdap("there is no message id")),
    };
    let (op, op_start, op_end) = whole(&body[id_end..])?;
    let content = (start + id_end + op_start, start + id_end + op_end);
    Ok(Some(Frame { op, id, content, octets }))
}

impl Frame {
    /// The message as `ldap3_proto` reads it; `None` for what it does not understand.
    pub fn message(&self) -> Option<LdapMsg> {
        if !OPERATIONS.contains(&self.op) {
            return None;
        }
        LdapCodec::new(Some(self.octets.len()), Some(MAX_DEPTH))
            .decode(&mut self.octets.clone())
            .ok()
            .flatten()
    }

    /// The result that it carries; `None` when it carries none, or a broken one.
    pub fn outcome(&self) -> Option<Outcome> {
        if !RESULTS.contains(&self.op) {
            return None;
        }
        let mut rest = &self.octets[self.content.0..self.content.1];
        let code = match take(&mut rest)? {
            (0x0a, octets @ [first, ..]) if octets.len() <= 4 && *first < 0x80 => {
                octets.iter().fold(0, |sum, octet| sum << 8 | i64::from(*octet))
            }
            _ => return None,
        };
        let (0x04, _) = take(&mut rest)? else { return None };
        let (0x04, text) = take(&mut rest)? else { return None };
        let mut outcome = Outcome { code, text: clean(text), ..Outcome::default() };
        while let Some((tag, content)) = take(&mut rest) {
            match tag {
                0xa3 => {
                    let mut uris = content;
                    while let Some((0x04, uri)) = take(&mut uris)
                        && outcome.referral.len() < 8
                    {
                        outcome.referral.push(clean(uri));
                    }
                }
                0x8a => outcome.name = Some(clean(content)),
                _ => {}
            }
        }
        Some(outcome)
    }
}

/// The octets of a message.
pub fn encode(message: LdapMsg) -> BytesMut {
    let mut octets = BytesMut::new();
    // Writing to memory does not fail; were it ever to, an empty message is sent, which the other
    // end answers as it likes.
    if LdapCodec::default().encode(message, &mut octets).is_err() {
        octets.clear();
    }
    octets
}

/// Text from the network, made safe to show: no control characters, none that change the direction
/// of writing, at most [`MAX_TEXT`].
pub fn clean(octets: &[u8]) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    // Longer input is cut before it is looked at: a character has at most four octets.
    let octets = &octets[..octets.len().min(4 * MAX_TEXT)];
    String::from_utf8_lossy(octets).chars().filter(shown).take(MAX_TEXT).collect()
}

/// The name of a result code (RFC 4511 appendix A.1).
pub fn code_name(code: i64) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        32 => "noSuchObject",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => "unknown",
    }
}

/// Tag, start of the content and its end, of the element at the front; `None` while its head is
/// incomplete. The end may lie beyond the octets.
fn head(octets: &[u8]) -> Result<Option<(u8, usize, usize)>, NotLdap> {
    let [tag, length, rest @ ..] = octets else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(NotLdap("a tag of more than one octet, which LDAP does not have"));
    }
    match *length {
        0..=0x7f => Ok(Some((*tag, 2, 2 + usize::from(*length)))),
        0x80 => Err(NotLdap("an indefinite length, which LDAP does not allow")),
        // Windows writes every length of a message in four octets.
        0x81..=0x84 => {
            let count = usize::from(length & 0x7f);
            let Some(digits) = rest.get(..count) else { return Ok(None) };
            let length = digits.iter().fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
            let end = usize::try_from(length).ok().and_then(|l| l.checked_add(2 + count));
            end.map(|end| Some((*tag, 2 + count, end))).ok_or(NotLdap("a length beyond all memory"))
        }
        0x85.. => Err(NotLdap("a length of more than four octets")),
    }
}

/// The element at the front, which must be there in full.
fn whole(octets: &[u8]) -> Result<(u8, usize, usize), NotLdap> {
    match head(octets)? {
        Some((tag, start, end)) if end <= octets.len() => Ok((tag, start, end)),
        _ => Err(NotLdap("an element reaches beyond its message")),
    }
}

/// Takes the element at the front off `octets`: its tag and its content.
fn take<'a>(octets: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, start, end) = whole(octets).ok()?;
    let content = octets.get(start..end)?;
    *octets = octets.get(end..)?;
    Some((tag, content))
}

#[cfg(test)]
mod tests;
