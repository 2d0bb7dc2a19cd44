//! Messages of gRPC: the same ones however the octets are cut.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::grpc::codec::{
    Code, Deframer, FrameError, MAX_MESSAGE, Message, PREFIX_LEN, frame, health_status, is_grpc,
};
use portmatrix_fuzz::choices::pieces;

fn messages(data: &[u8], cut: u8) -> (Vec<Message>, Option<FrameError>) {
    let (mut deframer, mut messages) = (Deframer::default(), Vec::new());
    for piece in pieces(data, cut) {
        deframer.push(piece);
        loop {
            match deframer.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(deframer.pending() < PREFIX_LEN + MAX_MESSAGE);
    }
    (messages, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&cut, data)) = data.split_first() else { return };
    let (whole, ended) = messages(data, 0xff);
    assert_eq!((whole.clone(), ended), messages(data, cut));
    let octets: usize = whole.iter().map(|message| PREFIX_LEN + message.body.len()).sum();
    assert!(octets <= data.len(), "more than came");
    for message in &whole {
        assert!(message.body.len() <= MAX_MESSAGE);
        let _ = health_status(&message.body);
        let again = Message { compressed: false, body: message.body.clone() };
        assert_eq!(messages(&frame(&message.body), cut), (vec![again], None));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Some(code) = Code::parse(text) {
            assert!(code.0 <= 999 && !code.name().is_empty());
        }
        let _ = is_grpc(text);
    }
});
