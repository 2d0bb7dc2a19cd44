//! SMTP (RFC 5321 sections 3.1 and 4.2), FTP (RFC 959 section 5.4, RFC 2389 section 3), IMAP (RFC
//! 9051 section 7.1) and POP3 (RFC 1939 section 4): the server speaks first. SMTP and FTP both
//! greet with 220: only what they say to a command of their own tells them apart.

use super::answer::{Answer, Next, STAND_IN, printable};
use super::lines::{Reply, lines, may_become, replies};

const QUIT: &[u8] = b"QUIT\r\n";

pub(super) fn smtp(heard: &[u8], said: usize) -> Next {
    let Ok(replies) = replies(heard) else { return Next::Other };
    match (&replies[..], said) {
        ([], 0) | ([_], 1) | ([_, _], 2) => Next::More,
        ([Reply { code: 220, .. }], 0) => Next::Say(b"EHLO portmatrix.invalid\r\n".to_vec()),
        ([Reply { code: 554, text }], 0) => {
            Next::Known(Answer::of("SMTP", "", QUIT).turning_away(text))
        }
        // FTP has the same code. In SMTP the name of the server comes first.
        ([Reply { code: 421, text }], 0)
            if text.split(|o| *o == b' ').next().is_some_and(|word| word.contains(&b'.')) =>
        {
            Next::Known(Answer::of("SMTP", "", QUIT).turning_away(text))
        }
        ([greeting, Reply { code: 250, .. }], 1) => {
            Next::Known(Answer::of("SMTP", &String::from_utf8_lossy(&greeting.text), QUIT))
        }
        // An old server, which knows the first word of RFC 821 (RFC 5321 section 3.2).
        ([_, Reply { code: 500 | 502, .. }], 1) => {
            Next::Say(b"HELO portmatrix.invalid\r\n".to_vec())
        }
        ([greeting, _, Reply { code: 250, .. }], 2) => {
            Next::Known(Answer::of("SMTP", &String::from_utf8_lossy(&greeting.text), QUIT))
        }
        ([_, Reply { code: 421 | 450..=454 | 550..=554, text }], 1) => {
            Next::Known(Answer::of("SMTP", "", QUIT).turning_away(text))
        }
        _ => Next::Other,
    }
}

pub(super) fn ftp(heard: &[u8], said: usize) -> Next {
    let Ok(replies) = replies(heard) else { return Next::Other };
    let known = |greeting: &Reply| {
        Next::Known(Answer::of("FTP", &String::from_utf8_lossy(&greeting.text), QUIT))
    };
    match (&replies[..], said) {
        ([], 0) | ([_], 1) => Next::More,
        // Ready in some minutes: the greeting follows.
        ([Reply { code: 120, .. }], 0) => Next::More,
        ([.., Reply { code: 220, .. }], 0) => Next::Say(b"FEAT\r\n".to_vec()),
        ([greeting @ Reply { code: 421 | 530, text }], 0) if names_ftp(greeting) => {
            Next::Known(Answer::of("FTP", "", QUIT).turning_away(text))
        }
        ([greeting, Reply { code: 211, .. }], 1) => known(greeting),
        // An old server, or one that wants a sign-in first.
        ([greeting, Reply { code: 500 | 502 | 530, .. }], 1) if names_ftp(greeting) => {
            known(greeting)
        }
        _ => Next::Other,
    }
}

fn names_ftp(reply: &Reply) -> bool {
    printable(&reply.text).to_ascii_uppercase().contains("FTP")
}

pub(super) fn imap(heard: &[u8]) -> Next {
    const BYE: &[u8] = b"p1 LOGOUT\r\n";
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    let Some(line) = whole.first() else {
        let may =
            [&b"* OK "[..], b"* PREAUTH ", b"* BYE "].iter().any(|word| may_become(rest, word));
        return if may { Next::More } else { Next::Other };
    };
    let text = |from: &[u8]| line.strip_prefix(from);
    match (text(b"* OK ").or(text(b"* PREAUTH ")), text(b"* BYE ")) {
        (Some(words), _) => {
            // Before the words a list of what the server can do may stand in brackets.
            let words =
                words.iter().position(|o| *o == b']').map_or(words, |end| &words[end + 1..]);
            Next::Known(Answer::of("IMAP", &String::from_utf8_lossy(words), BYE))
        }
        (None, Some(words)) => Next::Known(Answer::of("IMAP", "", BYE).turning_away(words)),
        (None, None) => Next::Other,
    }
}

pub(super) fn pop3(heard: &[u8]) -> Next {
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    match whole.first() {
        None if may_become(rest, b"+OK") => Next::More,
        Some([b'+', b'O', b'K', words @ ..]) if matches!(words.first(), None | Some(b' ')) => {
            Next::Known(Answer::of("POP3", &String::from_utf8_lossy(words), QUIT))
        }
        _ => Next::Other,
    }
}

/// Answers each line with what the list has in its place, the first before any came.
fn conversation(heard: &[u8], said: usize, says: [String; 3]) -> Option<Vec<u8>> {
    let lines = heard.iter().filter(|octet| **octet == b'\n').count();
    says.get(said).filter(|_| said <= lines).map(|text| format!("{text}\r\n").into_bytes())
}

pub(super) fn smtp_stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    conversation(
        heard,
        said,
        [format!("220 {STAND_IN} ESMTP"), format!("250 {STAND_IN}"), "221 bye".to_owned()],
    )
}

pub(super) fn ftp_stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    conversation(
        heard,
        said,
        [format!("220 {STAND_IN} FTP"), "211 no features".to_owned(), "221 bye".to_owned()],
    )
}

pub(super) fn imap_stand_in(said: usize) -> Option<Vec<u8>> {
    (said == 0).then(|| format!("* OK {STAND_IN}\r\n").into_bytes())
}

pub(super) fn pop3_stand_in(said: usize) -> Option<Vec<u8>> {
    (said == 0).then(|| format!("+OK {STAND_IN}\r\n").into_bytes())
}
