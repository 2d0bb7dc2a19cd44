//! PDUs of DCE/RPC: read, written, read again; and the same calls however the octets are cut.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::rpc::codec::{
    Assembler, Body, Client, Context, Error, Header, MAX_FRAG, MAX_STUB, MIN_FRAG, Order, Pdu,
    Syntax,
};
use portmatrix_fuzz::choices::pieces;

/// All calls of a stream, and how it ended.
fn calls(data: &[u8], cut: u8) -> (Vec<Pdu>, Option<Error>) {
    let (mut assembler, mut calls) = (Assembler::default(), Vec::new());
    for piece in pieces(data, cut) {
        assembler.push(piece);
        loop {
            match assembler.next_pdu() {
                Ok(Some(pdu)) => calls.push(pdu),
                Ok(None) => break,
                Err(error) => return (calls, Some(error)),
            }
        }
    }
    (calls, None)
}

fn stub(pdu: &Pdu) -> usize {
    match &pdu.body {
        Body::Request(call) => call.stub.len(),
        Body::Response(answer) => answer.stub.len(),
        _ => 0,
    }
}

/// What is written is little-endian, without a verifier, and has the flags of a whole call.
fn as_written(pdu: &Pdu, again: &Pdu) -> Pdu {
    Pdu { order: Order::Little, auth: None, flags: again.flags, ..pdu.clone() }
}

fuzz_target!(|data: &[u8]| {
    let Some((&cut, data)) = data.split_first() else { return };
    if let Ok(Some(header)) = Header::decode(data) {
        assert!(header.frag_length >= 16 && header.frag_length <= MAX_FRAG);
    }
    let (whole, ended) = calls(data, 0xff);
    assert!(whole.iter().map(stub).sum::<usize>() <= data.len(), "more than came");
    assert!(whole.iter().all(|pdu| stub(pdu) <= MAX_STUB));
    assert_eq!((whole.clone(), ended), calls(data, cut));
    for pdu in &whole {
        let most = if cut & 1 == 0 { MAX_FRAG } else { MIN_FRAG };
        let octets = pdu.encode(most);
        let (again, ended) = calls(&octets, 0xff);
        // An address without its zero at the end grows by one, and may be too long then.
        if let (Body::BindAck(ack) | Body::AlterContextResp(ack), Some(_)) = (&pdu.body, ended) {
            assert!(ack.sec_addr.len() >= 255, "{pdu:?}");
            continue;
        }
        assert_eq!(ended, None, "{pdu:?}");
        let [again] = &again[..] else { panic!("{} calls of one", again.len()) };
        assert_eq!(*again, as_written(pdu, again));
    }
    let mut client = Client::default();
    let _ = client.bind(vec![Context {
        id: 0,
        interface: Syntax::EPM,
        transfers: vec![Syntax::NDR32],
    }]);
    for piece in pieces(data, cut) {
        client.push(piece);
        match client.answer() {
            Ok(Some(pdu)) => assert_eq!(pdu.call_id, 1),
            Ok(None) => continue,
            Err(_) => break,
        }
        // The next call keeps to what the server can take.
        let call = client.request(0, 3, vec![0; 9000]);
        assert_eq!(calls(&call, 0xff).0.len(), 1);
        break;
    }
});
