//! SSH: "the server MAY send other lines of data before sending the version string", and both ends
//! name their version (RFC 4253 section 4.2).

use super::answer::{Answer, Next, STAND_IN};
use super::lines::lines;

/// Lines before the version that are read: some servers show a notice, and a tarpit never ends
/// them.
const MAX_LINES_BEFORE: usize = 20;

/// The whole lines with which OpenSSH turns away whom it does not serve at this time
/// (`MaxStartups`, `PerSourcePenalties`; sshd.c).
const TURNED_AWAY: [&[u8]; 2] = [b"Exceeded MaxStartups", b"Not allowed at this time"];

pub(super) fn next(heard: &[u8], _said: usize) -> Next {
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    if let Some(line) = whole.first().filter(|line| TURNED_AWAY.contains(line)) {
        return Next::Known(Answer::of("OpenSSH", "", b"").turning_away(line));
    }
    let Some(line) = whole.iter().find(|line| line.starts_with(b"SSH-")) else {
        let may = whole.len() <= MAX_LINES_BEFORE
            && whole.iter().all(|line| is_text(line))
            && is_text(rest);
        // A server that speaks at once speaks another protocol if its first line is neither.
        let other = whole.first().is_some_and(|first| is_of_another(first));
        return if may && !other { Next::More } else { Next::Other };
    };
    let mut parts = line.splitn(3, |octet| *octet == b'-').skip(1);
    let (Some(version), Some(software)) = (parts.next(), parts.next().filter(|s| !s.is_empty()))
    else {
        return Next::Other;
    };
    if !matches!(version, b"2.0" | b"1.99") {
        return Next::Other;
    }
    // `OpenSSH_9.2p1 Debian-2`: the first word is the software.
    Next::Known(Answer::of("", &String::from_utf8_lossy(software), b"SSH-2.0-portmatrix\r\n"))
}

fn is_text(octets: &[u8]) -> bool {
    octets.iter().all(|octet| !octet.is_ascii_control() || *octet == b'\t' || *octet == b'\r')
}

/// First lines of others that speak first, or that answer to what nobody said.
fn is_of_another(line: &[u8]) -> bool {
    let code = line.len() > 3
        && line[..3].iter().all(u8::is_ascii_digit)
        && matches!(line[3], b' ' | b'-');
    code || [&b"HTTP/"[..], b"+OK", b"-ERR", b"* OK", b"* BYE", b"* PREAUTH"]
        .iter()
        .any(|other| line.starts_with(other))
}

pub(super) fn stand_in(_heard: &[u8], said: usize) -> Option<Vec<u8>> {
    // The second word is a comment.
    (said == 0).then(|| format!("SSH-2.0-{STAND_IN}\r\n").into_bytes())
}
