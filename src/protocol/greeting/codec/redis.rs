//! Redis (RESP): an inline `PING` is answered `+PONG`, or with an error that says why not
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>,
//! <https://redis.io/docs/latest/commands/ping/>).

use super::answer::{Answer, Next, STAND_IN};
use super::lines::{lines, may_become};

/// Errors by which a server of this kind answers whoever has not signed in, or everybody at this
/// time. `-ERR` alone others say too.
const ERRORS: &[&[u8]] = &[
    b"-NOAUTH ",
    b"-DENIED ",
    b"-NOPERM ",
    b"-LOADING ",
    b"-MASTERDOWN ",
    b"-MISCONF ",
    b"-BUSY ",
    b"-ERR max number of clients reached",
    b"-ERR max number of clients + cluster connections reached",
    b"-ERR operation not permitted",
];

pub(super) fn next(heard: &[u8], said: usize) -> Next {
    if said == 0 {
        return Next::Say(b"PING\r\n".to_vec());
    }
    let Some((whole, rest)) = lines(heard) else { return Next::Other };
    let Some(line) = whole.first() else {
        let may =
            may_become(rest, b"+PONG\r") || ERRORS.iter().any(|error| may_become(rest, error));
        return if may { Next::More } else { Next::Other };
    };
    const BYE: &[u8] = b"QUIT\r\n";
    if *line == b"+PONG" {
        return Next::Known(Answer::of("Redis", "", BYE));
    }
    match ERRORS.iter().any(|error| line.starts_with(error)) {
        true => Next::Known(Answer::of("Redis", "", BYE).turning_away(&line[1..])),
        false => Next::Other,
    }
}

pub(super) fn stand_in(heard: &[u8], said: usize) -> Option<Vec<u8>> {
    (said == 0 && heard.contains(&b'\n')).then(|| format!("-NOAUTH {STAND_IN}\r\n").into_bytes())
}
