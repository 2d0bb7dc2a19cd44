//! IMAP (RFC 9051 section 7.1): the server speaks first.

use super::answer::{Answer, Next, STAND_IN};
use super::lines::{lines, may_become};

pub(super) fn next(heard: &[u8], _said: usize) -> Next {
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

pub(super) fn stand_in(_heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0).then(|| format!("* OK {STAND_IN}\r\n").into_bytes())
}
