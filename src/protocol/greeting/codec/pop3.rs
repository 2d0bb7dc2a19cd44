//! POP3 (RFC 1939 section 4): the server speaks first.

use super::answer::{Answer, Next, STAND_IN};
use super::lines::{QUIT, lines, may_become};

pub(super) fn next(heard: &[u8], _said: usize) -> Next {
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    match whole.first() {
        None if may_become(rest, b"+OK") => Next::More,
        Some([b'+', b'O', b'K', words @ ..]) if matches!(words.first(), None | Some(b' ')) => {
            Next::Known(Answer::of("POP3", &String::from_utf8_lossy(words), QUIT))
        }
        _ => Next::Other,
    }
}

pub(super) fn stand_in(_heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0).then(|| format!("+OK {STAND_IN}\r\n").into_bytes())
}
