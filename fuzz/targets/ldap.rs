//! LDAP messages: the same ones however the octets are cut, their results, and our own of them.

#![no_main]
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::ldap::codec::{Frame, MAX_TEXT, NotLdap, clean, code_name, encode, peel};
use portmatrix_fuzz::choices::pieces;

const LONGEST: usize = 64 * 1024;

/// All messages of a stream, what is left, and how it ended.
fn messages(data: &[u8], cut: u8) -> (Vec<Frame>, usize, Option<NotLdap>) {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces(data, cut) {
        buffer.extend_from_slice(piece);
        loop {
            match peel(&mut buffer, LONGEST) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, 0, Some(error)),
            }
        }
    }
    (frames, buffer.len(), None)
}

fn is_clean(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fuzz_target!(|data: &[u8]| {
    let Some((&cut, data)) = data.split_first() else { return };
    let (frames, left, ended) = messages(data, 0xff);
    // Of what cannot become a message nothing is waited for; how much was read of it may differ.
    assert_eq!((frames.clone(), left, ended), messages(data, cut));
    assert!(frames.len() * 7 + left <= data.len(), "more than came");
    for frame in &frames {
        assert!(frame.id >= 0);
        if let Some(outcome) = frame.outcome() {
            let texts = outcome.referral.iter().chain(&outcome.name).chain([&outcome.text]);
            assert!(texts.into_iter().all(|text| is_clean(text)), "{outcome:?}");
            let _ = code_name(outcome.code);
        }
        let Some(message) = frame.message() else { continue };
        assert_eq!(message.msgid, frame.id);
        let octets = encode(message);
        if octets.is_empty() {
            continue;
        }
        let (again, left, ended) = messages(&octets, 0xff);
        assert_eq!((again.len(), left, ended), (1, 0, None));
        assert_eq!((again[0].id, again[0].op), (frame.id, frame.op));
    }
    assert!(is_clean(&clean(data)));
});
