//! FTP (RFC 959 section 5.4, RFC 2389 section 3): the server speaks first.

use super::answer::{Answer, Next, STAND_IN, printable};
use super::lines::{QUIT, Reply, conversation, replies};

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    let Ok(replies) = replies(heard) else { return Next::Other };
    let known = |greeting: &Reply| {
        Next::Known(Answer::of("FTP", &String::from_utf8_lossy(&greeting.text), QUIT))
    };
    match (&replies[..], said) {
        ([], 0) | ([_], 1) | ([_, _], 2) => Next::More,
        // Ready in some minutes: the greeting follows.
        ([Reply { code: 120, .. }], 0) => Next::More,
        ([.., Reply { code: 220, .. }], 0) => Next::Say(b"FEAT\r\n".to_vec()),
        ([greeting @ Reply { code: 421 | 530, text }], 0) if names_ftp(greeting) => {
            Next::Known(Answer::of("FTP", "", QUIT).turning_away(text))
        }
        ([greeting, Reply { code: 211, .. }], 1) => known(greeting),
        // An old server, or one that wants a sign-in first; or one of mail, which has the same codes.
        ([_, Reply { code: 500 | 502 | 530, .. }], 1) => Next::Say(b"SYST\r\n".to_vec()),
        ([greeting, _, Reply { code: 215, .. }], 2) => known(greeting),
        // "Please login with USER and PASS": commands that no other protocol with such codes has.
        ([greeting, _, Reply { code: 530, text }], 2)
            if names_ftp(greeting) || text.windows(4).any(|word| word == b"USER") =>
        {
            known(greeting)
        }
        _ => Next::Other,
    }
}

/// Whether a server names itself one of FTP: in a word that is no host's name, and not beside that of
/// mail.
pub(super) fn names_ftp(reply: &Reply) -> bool {
    let words = printable(&reply.text).to_ascii_uppercase();
    let is_name =
        |word: &&str| word.contains("FTP") && !word.contains('.') && !word.starts_with("SFTP");
    !words.contains("SMTP") && words.split_whitespace().any(|word| is_name(&word))
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    conversation(
        heard,
        said,
        [format!("220 {STAND_IN} FTP"), "211 no features".to_owned(), "221 bye".to_owned()],
    )
}
