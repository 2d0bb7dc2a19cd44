//! A DCE/RPC server under every input: the mapper's port, and that of an interface.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix_fuzz::conversation::{stand_in, talk};

fuzz_target!(|data: &[u8]| {
    let mut here = stand_in(Protocol::Rpc);
    here.is_mapper = data.first().is_some_and(|octet| octet & 2 == 0);
    let said = talk(data, here);
    said.check_bland(256);
    // Whatever is said is whole PDUs.
    let mut rest = &said.heard[..];
    while !rest.is_empty() {
        assert!(rest.len() >= 16 && rest[0] == 5, "no header");
        let length = usize::from(u16::from_le_bytes([rest[8], rest[9]]));
        assert!(length >= 16 && length <= rest.len(), "no whole PDU");
        portmatrix::protocol::rpc::codec::Pdu::decode(&rest[..length]).expect("our own PDU");
        rest = &rest[length..];
    }
});
