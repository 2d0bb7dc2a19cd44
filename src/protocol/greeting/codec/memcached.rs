//! Memcached's text protocol: `version` is answered `VERSION 1.6.18`
//! (<https://github.com/memcached/memcached/blob/master/doc/protocol.txt>).

use super::answer::{Answer, Next, STAND_IN};
use super::lines::{lines, may_become};

const VERSION: &[u8] = b"VERSION ";
/// What a server says that has as many connections as it takes, or that wants a sign-in first
/// (`memcached -Y`).
const TURNED_AWAY: [&[u8]; 2] =
    [b"ERROR Too many open connections", b"CLIENT_ERROR unauthenticated"];

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(b"version\r\n".to_vec());
    }
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    const BYE: &[u8] = b"quit\r\n";
    match whole.first() {
        None if TURNED_AWAY.iter().chain([&VERSION]).any(|word| may_become(rest, word)) => {
            Next::More
        }
        Some(line) if line.len() > VERSION.len() && line.starts_with(VERSION) => Next::Known(
            Answer::of("Memcached", &String::from_utf8_lossy(&line[VERSION.len()..]), BYE),
        ),
        Some(line) if TURNED_AWAY.iter().any(|word| line.starts_with(word)) => {
            Next::Known(Answer::of("Memcached", "", BYE).turning_away(line))
        }
        _ => Next::Other,
    }
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0 && heard.contains(&b'\n')).then(|| format!("VERSION {STAND_IN}\r\n").into_bytes())
}
