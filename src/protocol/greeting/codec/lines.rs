//! Lines of text: what is whole of what came.

/// How one takes leave of SMTP, FTP and POP3.
pub(super) const QUIT: &[u8] = b"QUIT\r\n";
/// Longest line that a greeting may have.
const MAX_LINE: usize = 1024;

/// Whole lines without their ends, and what follows the last of them. `None` when a line is too
/// long for any of these protocols.
pub(super) fn lines(heard: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut lines: Vec<&[u8]> = heard.split(|octet| *octet == b'\n').collect();
    let rest = lines.pop().unwrap_or_default();
    let whole: Vec<&[u8]> =
        lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    (rest.len() <= MAX_LINE && whole.iter().all(|line| line.len() <= MAX_LINE))
        .then_some((whole, rest))
}

/// Whether what came so far can still become something that begins so.
pub fn may_become(heard: &[u8], beginning: &[u8]) -> bool {
    let common = heard.len().min(beginning.len());
    heard[..common] == beginning[..common]
}

/// Answers each line with what the list has in its place, the first before any came.
pub(super) fn conversation(heard: &[u8], said: usize, says: [String; 3]) -> Option<Vec<u8>> {
    let lines = heard.iter().filter(|octet| **octet == b'\n').count();
    says.get(said).filter(|_| said <= lines).map(|text| format!("{text}\r\n").into_bytes())
}

/// A reply of SMTP or FTP: three digits, and its lines' text (RFC 5321 section 4.2.1, RFC 959
/// section 4.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub code: u16,
    pub text: Vec<u8>,
}

/// The replies that came whole; `Err` when what came is none.
pub(super) fn replies(heard: &[u8]) -> Result<Vec<Reply>, ()> {
    let (whole, rest) = lines(heard).ok_or(())?;
    let mut replies = Vec::new();
    // Of a reply of several lines: its code, and its first line's text.
    let mut open: Option<Reply> = None;
    for line in whole {
        let code = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let text = line.get(4..).unwrap_or_default().to_vec();
        match (open.take(), code, line.get(3)) {
            (None, Some(code), Some(b' ') | None) => replies.push(Reply { code, text }),
            (None, Some(code), Some(b'-')) => open = Some(Reply { code, text }),
            (Some(reply), Some(code), Some(b' ') | None) if reply.code == code => {
                replies.push(reply)
            }
            // FTP has lines of any form in between.
            (Some(reply), _, _) => open = Some(reply),
            (None, _, _) => return Err(()),
        }
    }
    let begun = rest.iter().take(3).all(u8::is_ascii_digit)
        && rest.get(3).is_none_or(|octet| matches!(octet, b' ' | b'-' | b'\r'));
    if open.is_some() || begun { Ok(replies) } else { Err(()) }
}
