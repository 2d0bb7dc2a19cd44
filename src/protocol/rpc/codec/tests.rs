use super::epm::{Entry, LookupRequest, LookupResponse, MapRequest, MapResponse};
use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn syntax() -> impl Strategy<Value = Syntax> {
    any::<[u8; SYNTAX_LEN]>().prop_map(Syntax::from_octets)
}

fn context() -> impl Strategy<Value = Context> {
    (any::<u16>(), syntax(), vec(syntax(), 0..=8)).prop_map(|(id, interface, transfers)| Context {
        id,
        interface,
        transfers,
    })
}

fn bind() -> impl Strategy<Value = Bind> {
    (any::<u16>(), any::<u16>(), any::<u32>(), vec(context(), 0..=16)).prop_map(
        |(max_xmit, max_recv, assoc_group, contexts)| Bind {
            max_xmit,
            max_recv,
            assoc_group,
            contexts,
        },
    )
}

fn ack() -> impl Strategy<Value = BindAck> {
    let result = (any::<u16>(), any::<u16>(), syntax())
        .prop_map(|(result, reason, transfer)| ContextResult { result, reason, transfer });
    (any::<u16>(), any::<u16>(), any::<u32>(), "[ -~]{0,40}", vec(result, 0..=16)).prop_map(
        |(max_xmit, max_recv, assoc_group, sec_addr, results)| BindAck {
            max_xmit,
            max_recv,
            assoc_group,
            sec_addr,
            results,
        },
    )
}

fn stub() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..6000)
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (any::<u16>(), any::<u16>(), option::of(any::<[u8; 16]>()), stub()).prop_map(
            |(context, opnum, object, stub)| Body::Request(Request {
                context,
                opnum,
                object: object.map(Uuid::from_bytes),
                stub
            })
        ),
        (any::<u16>(), stub())
            .prop_map(|(context, stub)| Body::Response(Response { context, stub })),
        (any::<u16>(), any::<u32>())
            .prop_map(|(context, status)| Body::Fault(Fault { context, status })),
        bind().prop_map(Body::Bind),
        ack().prop_map(Body::BindAck),
        (any::<u16>(), vec(any::<(u8, u8)>(), 0..=16))
            .prop_map(|(reason, versions)| Body::BindNak(BindNak { reason, versions })),
        bind().prop_map(Body::AlterContext),
        ack().prop_map(Body::AlterContextResp),
        (16..=19u8).prop_map(Body::Other),
    ]
}

fn tower() -> impl Strategy<Value = Tower> {
    let floor = (vec(any::<u8>(), 0..25), vec(any::<u8>(), 0..25))
        .prop_map(|(left, right)| Floor { left, right });
    vec(floor, 0..=8).prop_map(|floors| Tower { floors })
}

fn handle() -> impl Strategy<Value = epm::Handle> {
    any::<[u8; 20]>()
}

fn object() -> impl Strategy<Value = Option<Uuid>> {
    option::of(any::<[u8; 16]>().prop_map(Uuid::from_bytes))
}

proptest! {
    #[test]
    fn a_pdu_survives_the_wire_in_any_fragments_and_pieces(call_id: u32, body in body(), max_frag in 1432u16..=MAX_FRAG, piece in 1usize..3000) {
        let mut assembler = Assembler::default();
        let mut got = Vec::new();
        for octets in Pdu::new(call_id, body.clone()).encode(max_frag).chunks(piece) {
            assembler.push(octets);
            got.extend(assembler.next_pdu().expect("our own octets"));
        }
        prop_assert!(!assembler.is_mid_call());
        prop_assert_eq!(got.len(), 1);
        prop_assert_eq!(got[0].call_id, call_id);
        prop_assert_eq!(&got[0].body, &body);
    }

    #[test]
    fn map_calls_round_trip(object in object(), asked in option::of(tower()), handle in handle(), max in 64u32.., towers in vec(tower(), 0..=64), status: u32) {
        let request = MapRequest { object, tower: asked, handle, max_towers: max };
        prop_assert_eq!(MapRequest::decode(&request.encode(), Order::Little), Ok(request));
        let response = MapResponse { handle, max_count: max, towers, status };
        prop_assert_eq!(MapResponse::decode(&response.encode(3), Order::Little), Ok(response));
    }

    #[test]
    fn look_up_calls_round_trip(
        object in object(), interface in option::of(syntax()), inquiry: u32, version_option: u32, handle in handle(), max in 100u32..,
        entries in vec((any::<[u8; 16]>(), option::of(tower()), "[ -~]{0,63}"), 0..100), status: u32,
    ) {
        let request = LookupRequest { inquiry, object, interface, version_option, handle, max_entries: max };
        prop_assert_eq!(LookupRequest::decode(&request.encode(), Order::Little), Ok(request));
        let entries = entries.into_iter().map(|(o, tower, annotation)| Entry { object: Uuid::from_bytes(o), tower, annotation }).collect();
        let response = LookupResponse { handle, max_count: max, entries, status };
        prop_assert_eq!(LookupResponse::decode(&response.encode(1), Order::Little), Ok(response));
    }

    #[test]
    fn interfaces_round_trip(interfaces in vec(syntax(), 0..=256)) {
        prop_assert_eq!(mgmt::decode_if_ids(&mgmt::encode_if_ids(&interfaces), Order::Little), Ok((interfaces, 0)));
    }

    #[test]
    fn any_twenty_octets_ride_in_a_syntax(octets: [u8; SYNTAX_LEN]) {
        prop_assert_eq!(Syntax::from_octets(octets).to_octets(), octets);
    }

    #[test]
    fn a_tower_says_what_was_put_in(interface in syntax(), port: u16, address: [u8; 4]) {
        let tower = Tower::decode(&Tower::tcp(interface, port, address.into()).encode()).expect("our own octets");
        prop_assert_eq!(tower.interface(), Some(interface));
        prop_assert_eq!(tower.transfer(), Some(Syntax::NDR32));
        prop_assert_eq!((tower.tcp_port(), tower.address()), (Some(port), Some(address.into())));
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..400)) {
        read_everything(&octets);
    }

    #[test]
    fn no_header_with_any_body_panics(kind in 0u8..20, flags: u8, big: bool, auth in prop_oneof![Just(0u16), 0u16..300], body in vec(any::<u8>(), 0..400)) {
        let mut octets = vec![5, 0, kind, flags, if big { 0 } else { 0x10 }, 0, 0, 0];
        let length = u16::try_from(HEADER_LEN + body.len()).expect("short");
        octets.extend(if big { length.to_be_bytes() } else { length.to_le_bytes() });
        octets.extend(if big { auth.to_be_bytes() } else { auth.to_le_bytes() });
        octets.extend([1, 0, 0, 0]);
        octets.extend(body);
        read_everything(&octets);
    }

    #[test]
    fn no_altered_octet_panics(response in vec(tower(), 1..5), at: prop::sample::Index, octet: u8) {
        let mut stub = MapResponse { handle: epm::NO_HANDLE, max_count: 9, towers: response, status: 0 }.encode(1);
        let at = at.index(stub.len());
        stub[at] = octet;
        read_everything(&stub);
    }
}

/// Hands the same octets to every reader; what they make of it does not matter, only that they come
/// back.
fn read_everything(octets: &[u8]) {
    let _ = Pdu::decode(octets);
    let mut assembler = Assembler::default();
    assembler.push(octets);
    while let Ok(Some(_)) = assembler.next_pdu() {}
    let _ = Tower::decode(octets);
    for order in [Order::Little, Order::Big] {
        let _ = MapRequest::decode(octets, order);
        let _ = MapResponse::decode(octets, order);
        let _ = LookupRequest::decode(octets, order);
        let _ = LookupResponse::decode(octets, order);
        let _ = mgmt::decode_if_ids(octets, order);
        let _ = mgmt::decode_is_listening(octets, order);
        let _ = epm::decode_handle_free(octets, order);
    }
}

#[test]
fn what_is_not_dce_rpc_is_known_from_its_first_octet() {
    let mut assembler = Assembler::default();
    assembler.push(b"H");
    assert_eq!(assembler.next_pdu(), Err(Error::NotRpc(b'H')));
}
