//! Calls of the endpoint mapper and of the management interface, and towers.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::rpc::codec::epm::{
    LookupRequest, LookupResponse, MapRequest, MapResponse, decode_handle_free,
};
use portmatrix::protocol::rpc::codec::{Order, Syntax, Tower, mgmt};

fn look(tower: &Tower) {
    let again = Tower::decode(&tower.encode()).expect("our own tower");
    assert_eq!(again, *tower);
    assert_eq!(
        (again.interface(), again.transfer(), again.tcp_port(), again.address()),
        (tower.interface(), tower.transfer(), tower.tcp_port(), tower.address())
    );
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    let order = if kind & 1 == 0 { Order::Little } else { Order::Big };
    match kind >> 1 {
        0 => {
            let Ok(asked) = MapRequest::decode(data, order) else { return };
            assert!(asked.pointers() <= 2);
            let again = MapRequest::decode(&asked.encode(), Order::Little);
            assert_eq!(again, Ok(asked.clone()));
            asked.tower.iter().for_each(look);
        }
        1 => {
            let Ok(answer) = MapResponse::decode(data, order) else { return };
            assert!(answer.towers.len() * 4 <= data.len(), "more than came");
            for first in [0, 3, u32::MAX] {
                let again = MapResponse::decode(&answer.encode(first), Order::Little);
                assert_eq!(again, Ok(answer.clone()));
            }
            answer.towers.iter().for_each(look);
        }
        2 => {
            let Ok(asked) = LookupRequest::decode(data, order) else { return };
            assert!(asked.pointers() <= 2);
            assert_eq!(LookupRequest::decode(&asked.encode(), Order::Little), Ok(asked));
        }
        3 => {
            let Ok(answer) = LookupResponse::decode(data, order) else { return };
            assert!(answer.entries.len() * 28 <= data.len(), "more than came");
            for entry in &answer.entries {
                assert!(entry.annotation.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
                entry.tower.iter().for_each(look);
            }
            let mut wanted = answer.clone();
            for entry in &mut wanted.entries {
                entry.annotation.truncate(63);
            }
            let again = LookupResponse::decode(&answer.encode(u32::MAX), Order::Little);
            assert_eq!(again, Ok(wanted));
        }
        4 => {
            if let Ok(tower) = Tower::decode(data) {
                look(&tower);
            }
        }
        5 => {
            if let Ok((interfaces, _)) = mgmt::decode_if_ids(data, order) {
                assert!(interfaces.len() * 20 <= data.len(), "more than came");
                let again = mgmt::decode_if_ids(&mgmt::encode_if_ids(&interfaces), Order::Little);
                assert_eq!(again, Ok((interfaces, 0)));
            }
            let _ = mgmt::decode_is_listening(data, order);
        }
        _ => {
            let _ = decode_handle_free(data, order);
            if let Ok(octets) = <[u8; 20]>::try_from(data) {
                let syntax = Syntax::from_octets(octets);
                assert_eq!(syntax.to_octets(), octets, "that is how a challenge rides");
                let _ = syntax.bind_time_features();
            }
        }
    }
});
