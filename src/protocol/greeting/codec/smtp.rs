//! SMTP (RFC 5321 sections 3.1 and 4.2): the server speaks first. It greets with 220 as FTP does:
//! only what is said to a command of its own tells the two apart.

use super::answer::{Answer, Next, STAND_IN};
use super::ftp;
use super::lines::{QUIT, Reply, conversation, replies};

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    let Ok(replies) = replies(heard) else { return Next::Other };
    match (&replies[..], said) {
        ([], 0) | ([_], 1) | ([_, _], 2) => Next::More,
        ([Reply { code: 220, .. }], 0) => Next::Say(b"EHLO portmatrix.invalid\r\n".to_vec()),
        ([Reply { code: 554, text }], 0) => {
            Next::Known(Answer::of("SMTP", "", QUIT).turning_away(text))
        }
        // FTP has the same code. In SMTP the name of the server comes first.
        ([reply @ Reply { code: 421, text }], 0)
            if text.split(|o| *o == b' ').next().is_some_and(|word| word.contains(&b'.'))
                && !ftp::names_ftp(reply) =>
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

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    conversation(
        heard,
        said,
        [format!("220 {STAND_IN} ESMTP"), format!("250 {STAND_IN}"), "221 bye".to_owned()],
    )
}
