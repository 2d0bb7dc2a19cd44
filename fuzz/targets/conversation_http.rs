//! A web server under every input: HTTP/1, HTTP/2 and gRPC on one port.

#![no_main]
use http::Method;
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix::protocol::http::codec::http1::{Framing, Parsed, chunks, parse};
use portmatrix_fuzz::conversation::{Said, stand_in, talk};

/// How the answer to nonsense begins.
const BAD: &[u8] = b"HTTP/1.1 400 ";

/// More than an answer has.
const LARGE: usize = 512;

/// Answers of HTTP/1 are whole and follow each other. On a way that takes less than one at a time,
/// nonsense behind a request ends the connection while the answer is under way.
fn in_order(said: &Said) {
    let may_end_short = said.room < LARGE;
    let mut rest = &said.heard[..];
    while !rest.is_empty() {
        let head = match parse(rest) {
            Parsed::Whole(head) => head,
            // What is no HTTP any more is ended with the answer, read or not.
            _ if BAD.starts_with(rest) || rest.starts_with(BAD) => return,
            Parsed::Begun if may_end_short => return,
            _ => panic!("no head: {rest:?}"),
        };
        assert!(head.odd.is_empty(), "{:?}", head.odd);
        rest = &rest[head.len..];
        match head.framing(&Method::GET) {
            Framing::None => {}
            Framing::Length(length) => {
                let length = usize::try_from(length).expect("a short body");
                rest = match rest.get(length..) {
                    None if may_end_short => return,
                    rest => rest.expect("a whole body"),
                };
            }
            Framing::Chunked => {
                let (_, end) = chunks(rest, 1 << 20).expect("chunks");
                rest = &rest[end.expect("the last of them")..];
            }
            Framing::UntilClose => return,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let said = talk(data, stand_in(Protocol::Http));
    said.check_bland(1024);
    // What asks for a head alone gets no body.
    let asks = |word: &[u8]| said.sent.windows(word.len()).any(|octets| octets == word);
    if !asks(b"HEAD") && !asks(b"CONNECT") && !said.sent.starts_with(b"PRI") {
        in_order(&said);
    }
});
