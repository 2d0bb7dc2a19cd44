//! The stand-in against what a real server (Samba 4.17, recorded in `tests/vectors`) answered to
//! the same octets.

use super::conversation::{Conversation, refuse};
use super::*;
use crate::matrix::model::{Interface, Protocol};
use crate::protocol::rpc::codec::epm::{self, LookupRequest, LookupResponse, NO_HANDLE};
use crate::protocol::rpc::codec::{
    Body, Client, Context, DID_NOT_EXECUTE, MAX_FRAG, Order, Pdu, Syntax, status,
};
use crate::wire::challenge::{Aim, Challenge, SiteKey};
use proptest::prelude::*;
use std::net::SocketAddr;

const DRSUAPI: &str = "e3514235-4b06-11d1-ab04-00c04fc2dcd2";
const SAMR: &str = "12345778-1234-abcd-ef00-0123456789ac";

fn interface(name: &str, uuid: &str, version: (u16, u16)) -> Interface {
    Interface {
        name: name.into(),
        uuid: uuid.parse().expect("a UUID"),
        version,
        title: None,
        hint: None,
    }
}

fn stand_in(is_mapper: bool, key: Option<SiteKey>) -> StandIn {
    let interfaces = [
        ("drsuapi", DRSUAPI, (4, 0), 49153),
        ("samr", SAMR, (1, 0), 49154),
        ("lsarpc", "12345778-1234-abcd-ef00-0123456789ab", (0, 0), 49153),
        ("netlogon", "12345678-1234-abcd-ef00-01234567cffb", (1, 0), 49152),
        ("dssetup", "3919286a-b10c-11d0-9ba8-00c04fd92ef5", (0, 0), 49153),
    ];
    StandIn {
        interfaces: interfaces
            .map(|(name, uuid, version, port)| (interface(name, uuid, version), port))
            .into(),
        is_mapper,
        ..StandIn::new("dc1", Protocol::Rpc, key)
    }
}

/// The recorded server left the IP floor empty; over IPv6 the stand-in does so too.
fn seen(port: u16) -> Caller {
    Caller::new(
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)),
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 40000)),
    )
}

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect(name);
    let digits: Vec<&str> =
        text.lines().filter(|l| !l.starts_with('#')).flat_map(str::split_whitespace).collect();
    digits.iter().map(|d| u8::from_str_radix(d, 16).expect("two digits")).collect()
}

/// Says these recorded requests on one connection and returns the answer to the last one, and
/// whether the stand-in closed.
fn say(is_mapper: bool, port: u16, requests: &[&str]) -> (Vec<u8>, bool) {
    let (here, seen) = (stand_in(is_mapper, None), seen(port));
    let mut conversation = Conversation::new(&here, &seen);
    let mut assembler = Assembler::default();
    let mut answer = (Vec::new(), false);
    for request in requests {
        assembler.push(&vector(request));
        answer = match assembler.next_pdu() {
            Ok(Some(pdu)) => {
                let reply = conversation.answer(&pdu);
                (reply.octets, reply.close)
            }
            Ok(None) => (Vec::new(), false),
            Err(error) => (refuse(error).unwrap_or_default(), true),
        };
    }
    answer
}

#[test]
fn binds_are_answered_as_a_real_server_does_octet_for_octet() {
    // Association groups are random on both sides.
    let without_group = |mut octets: Vec<u8>| {
        assert_ne!(octets[20..24], [0; 4], "a group is never 0");
        octets[20..24].fill(0);
        octets
    };
    for (is_mapper, port, request, answer) in [
        (true, 135, "bind_epm_ndr32_only_req", "bind_epm_ndr32_only_ack"),
        (true, 135, "bind_epm_3ctx_req", "bind_epm_3ctx_ack"),
        (true, 135, "bind_epm_badver_req", "bind_epm_badver_ack"),
        (true, 135, "bind_unknown_if_req", "bind_unknown_if_ack"),
        (true, 135, "bind_drsuapi_on_135_req", "bind_drsuapi_on_135_ack"),
        (true, 135, "bind_ndr64_only_req", "bind_ndr64_only_ack"),
        (true, 135, "bind_bigendian_req", "bind_bigendian_ack"),
        (false, 49153, "bind_drsuapi_dyn_req", "bind_drsuapi_dyn_ack"),
        (false, 49153, "bind_lsarpc_dyn_req", "bind_lsarpc_dyn_ack"),
        (false, 49154, "bind_samr_dyn_req", "bind_samr_dyn_ack"),
        (false, 49152, "bind_netlogon_dyn_req", "bind_netlogon_dyn_ack"),
    ] {
        let (got, closed) = say(is_mapper, port, &[request]);
        assert_eq!(without_group(got), without_group(vector(answer)), "{request}");
        assert!(!closed, "{request}");
    }
    let (got, _) = say(false, 49153, &["bind_drsuapi_dyn_req", "alter_ctx_lsarpc_req"]);
    assert_eq!(without_group(got), without_group(vector("alter_ctx_lsarpc_resp")));
    let (got, _) = say(false, 49153, &["bind_drsuapi_dyn_req", "alter_ctx_unknown_req"]);
    assert_eq!(without_group(got), without_group(vector("alter_ctx_unknown_resp")));
}

#[test]
fn refusals_are_those_of_a_real_server_and_close() {
    for (request, answer) in [
        ("bind_minor1_req", "bind_minor1_resp"),
        ("bind_minor2_req", "bind_minor2_resp"),
        ("bind_ver4_req", "bind_ver4_resp"),
        ("bind_noctx_req", "bind_noctx_resp"),
        ("bind_badauth_req", "bind_badauth_resp"),
        ("req_before_bind_req", "req_before_bind_resp"),
    ] {
        assert_eq!(say(true, 135, &[request]), (vector(answer), true), "{request}");
    }
    for request in [
        "bind_unknownpt_req",
        "bind_frag65535_req",
        "bind_frag_len_small_req",
        "hostile_auth_len",
        "hostile_wrong_call_id",
    ] {
        assert_eq!(say(true, 135, &[request]), (Vec::new(), true), "{request}");
    }
    assert_eq!(
        say(true, 135, &["bind_epm_ndr32_only_req", "bind_epm_ndr32_only_req"]).0[2],
        13,
        "a second bind"
    );
}

#[test]
fn calls_are_answered_as_a_real_mapper_does_octet_for_octet() {
    for (request, answer) in [
        ("ept_map_drsuapi_req", "ept_map_drsuapi_resp"),
        ("ept_map_drsuapi_max1_req", "ept_map_drsuapi_max1_resp"),
        ("ept_map_samr_req", "ept_map_samr_resp"),
        ("ept_map_lsarpc_req", "ept_map_lsarpc_resp"),
        ("ept_map_netlogon_req", "ept_map_netlogon_resp"),
        ("ept_map_nullobj_req", "ept_map_nullobj_resp"),
        ("ept_map_notreg_req", "ept_map_notreg_resp"),
        ("ept_map_badver_req", "ept_map_badver_resp"),
        ("ept_map_ndr64_req", "ept_map_ndr64_resp"),
        ("ept_map_short_tower_req", "ept_map_short_tower_resp"),
        ("real_impacket_ept_map_req", "real_impacket_ept_map_resp"),
        ("real_samba_ept_map_req", "real_samba_ept_map_resp"),
        ("fault_badstub_req", "fault_badstub_resp"),
        ("fault_ctx_req", "fault_ctx_resp"),
        ("fault_opnum_req", "fault_opnum_resp"),
    ] {
        assert_eq!(
            say(true, 135, &["bind_epm_ndr32_only_req", request]),
            (vector(answer), false),
            "{request}"
        );
    }
    let halves = ["bind_epm_ndr32_only_req", "ept_map_frag1_req", "ept_map_frag2_req"];
    assert_eq!(
        say(true, 135, &halves),
        (vector("ept_map_drsuapi_resp"), false),
        "a request in two fragments"
    );
}

#[test]
fn an_interface_denies_every_call_and_a_mapper_every_other() {
    let (got, closed) = say(false, 49153, &["bind_drsuapi_dyn_req", "drsbind_anon_req"]);
    let mut wanted = vector("drsbind_anon_fault");
    wanted[3] |= DID_NOT_EXECUTE;
    assert_eq!((got, closed), (wanted, false));
    let here = stand_in(true, None);
    for (opnum, wanted) in
        [(0, status::ACCESS_DENIED), (7, status::ACCESS_DENIED), (8, status::OPNUM_OUT_OF_RANGE)]
    {
        assert_eq!(
            fault(talk(&here, Syntax::EPM, &[(opnum, Vec::new())])),
            wanted,
            "opnum {opnum}"
        );
    }
    for (opnum, wanted) in
        [(1, status::ACCESS_DENIED), (3, status::ACCESS_DENIED), (5, status::OPNUM_OUT_OF_RANGE)]
    {
        assert_eq!(
            fault(talk(&here, Syntax::MGMT, &[(opnum, Vec::new())])),
            wanted,
            "management opnum {opnum}"
        );
    }
    let here = stand_in(false, None);
    let samr = Syntax { uuid: SAMR.parse().expect("a UUID"), major: 1, minor: 0 };
    for (opnum, wanted) in [(64, status::ACCESS_DENIED), (256, status::OPNUM_OUT_OF_RANGE)] {
        assert_eq!(fault(talk(&here, samr, &[(opnum, Vec::new())])), wanted, "SAMR opnum {opnum}");
    }
}

/// Binds, calls one operation after the other, and returns the last answer.
fn talk(here: &StandIn, interface: Syntax, calls: &[(u16, Vec<u8>)]) -> Pdu {
    let seen = seen(135);
    let mut conversation = Conversation::new(here, &seen);
    let mut client = Client::default();
    let mut ask = |client: &mut Client, octets: &[u8]| {
        let reply = conversation.answer(&Pdu::decode(octets).expect("our own octets"));
        client.push(&reply.octets);
        client.answer().expect("well-formed").expect("an answer")
    };
    let bind = client.bind(vec![Context { id: 0, interface, transfers: vec![Syntax::NDR32] }]);
    let mut last = ask(&mut client, &bind);
    for (opnum, stub) in calls {
        let request = client.request(0, *opnum, stub.clone());
        last = ask(&mut client, &request);
    }
    last
}

fn fault(pdu: Pdu) -> u32 {
    match pdu.body {
        Body::Fault(fault) => fault.status,
        other => panic!("{other:?}"),
    }
}

fn stub(pdu: Pdu) -> Vec<u8> {
    match pdu.body {
        Body::Response(response) => response.stub,
        other => panic!("{other:?}"),
    }
}

#[test]
fn management_tells_what_runs_here() {
    let ids = |is_mapper| {
        let answer = talk(&stand_in(is_mapper, None), Syntax::MGMT, &[(0, Vec::new())]);
        crate::protocol::rpc::codec::mgmt::decode_if_ids(&stub(answer), Order::Little)
            .expect("interfaces")
            .0
    };
    assert_eq!(ids(true), [Syntax::EPM, Syntax::MGMT]);
    assert_eq!(ids(false).len(), 6);
    let answer = talk(&stand_in(false, None), Syntax::MGMT, &[(2, Vec::new())]);
    assert_eq!(stub(answer), vector("mgmt_is_listening_resp")[24..]);
}

/// All pages of a look-up with `max_entries` a page: their sizes, and how the last one ended.
fn pages(max_entries: u32) -> (Vec<usize>, u32) {
    let (here, seen) = (stand_in(true, None), seen(135));
    let mut registry_talk = Conversation::new(&here, &seen);
    let mut client = Client::default();
    let bind = client.bind(vec![Context {
        id: 0,
        interface: Syntax::EPM,
        transfers: vec![Syntax::NDR32],
    }]);
    registry_talk.answer(&Pdu::decode(&bind).expect("our own octets"));
    let (mut sizes, mut handle) = (Vec::new(), NO_HANDLE);
    loop {
        let request =
            client.request(0, epm::LOOKUP, LookupRequest::page(handle, max_entries).encode());
        let reply = registry_talk.answer(&Pdu::decode(&request).expect("our own octets"));
        let page = LookupResponse::decode(
            &stub(Pdu::decode(&reply.octets).expect("a PDU")),
            Order::Little,
        )
        .expect("a page");
        assert_eq!(page.max_count, max_entries);
        sizes.push(page.entries.len());
        if page.handle == NO_HANDLE {
            return (sizes, page.status);
        }
        handle = page.handle;
        assert!(sizes.len() < 20, "a look-up without an end");
    }
}

#[test]
fn look_ups_come_in_pages_and_end_in_both_ways() {
    assert_eq!(pages(500), (vec![5], 0));
    assert_eq!(pages(u32::MAX), (vec![5], 0));
    assert_eq!(pages(2), (vec![2, 2, 1], 0), "a short page is the last one");
    assert_eq!(
        pages(1),
        (vec![1, 1, 1, 1, 1, 0], status::NOT_REGISTERED),
        "after a full one comes an empty one"
    );
    assert_eq!(pages(5), (vec![5, 0], status::NOT_REGISTERED));
    assert_eq!(pages(0), (vec![0], status::NOT_REGISTERED));
}

#[test]
fn look_up_handles_are_the_servers_own_and_can_be_freed() {
    let here = stand_in(true, None);
    let foreign =
        talk(&here, Syntax::EPM, &[(epm::LOOKUP, LookupRequest::page([7; 20], 5).encode())]);
    assert_eq!(fault(foreign), status::CONTEXT_MISMATCH);
    assert_eq!(
        fault(talk(&here, Syntax::EPM, &[(epm::HANDLE_FREE, vec![7; 20])])),
        status::CONTEXT_MISMATCH
    );
    let seen = seen(135);
    let mut conversation = Conversation::new(&here, &seen);
    let mut client = Client::default();
    let bind = client.bind(vec![Context {
        id: 0,
        interface: Syntax::EPM,
        transfers: vec![Syntax::NDR32],
    }]);
    conversation.answer(&Pdu::decode(&bind).expect("our own octets"));
    let mut call = |opnum, octets| {
        let request = client.request(0, opnum, octets);
        Pdu::decode(&conversation.answer(&Pdu::decode(&request).expect("our own octets")).octets)
            .expect("a PDU")
    };
    let page = stub(call(epm::LOOKUP, LookupRequest::page(NO_HANDLE, 1).encode()));
    let handle = LookupResponse::decode(&page, Order::Little).expect("a page").handle;
    assert_eq!(stub(call(epm::HANDLE_FREE, handle.to_vec())), [0; 24]);
    assert_eq!(fault(call(epm::HANDLE_FREE, handle.to_vec())), status::CONTEXT_MISMATCH);
}

#[test]
fn a_look_up_by_interface_gives_that_one() {
    let asked = |inquiry, version_option, minor| {
        let interface = Some(Syntax { uuid: SAMR.parse().expect("a UUID"), major: 1, minor });
        let request = LookupRequest {
            inquiry,
            interface,
            version_option,
            ..LookupRequest::page(NO_HANDLE, 10)
        };
        let answer =
            stub(talk(&stand_in(true, None), Syntax::EPM, &[(epm::LOOKUP, request.encode())]));
        LookupResponse::decode(&answer, Order::Little)
            .expect("a page")
            .entries
            .into_iter()
            .map(|e| e.annotation)
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(1, 1, 9), ["samr"]);
    assert_eq!(asked(1, 3, 0), ["samr"]);
    assert_eq!(asked(1, 3, 9), [""; 0]);
    assert_eq!(asked(2, 1, 0), [""; 0]);
}

/// The results of a bind with the challenge as second context, and the answer to a call on it.
fn challenge(stand_in: &StandIn, octets: &[u8; 40]) -> (Vec<(u16, u16)>, Pdu, bool) {
    let seen = seen(135);
    let part = |range: std::ops::Range<usize>| {
        Syntax::from_octets(octets[range].try_into().expect("20 octets"))
    };
    let mut conversation = Conversation::new(stand_in, &seen);
    let mut client = Client::default();
    let bind = client.bind(vec![
        Context { id: 0, interface: Syntax::EPM, transfers: vec![Syntax::NDR32] },
        Context { id: 1, interface: part(0..20), transfers: vec![Syntax::NDR32, part(20..40)] },
    ]);
    let ack = Pdu::decode(&conversation.answer(&Pdu::decode(&bind).expect("ours")).octets)
        .expect("an ack");
    let Body::BindAck(ack) = ack.body else { panic!("{ack:?}") };
    let request = client.request(1, 0, Vec::new());
    let reply = conversation.answer(&Pdu::decode(&request).expect("ours"));
    client.push(&reply.octets);
    let answer = client.answer().expect("well-formed").expect("an answer");
    (ack.results.iter().map(|r| (r.result, r.reason)).collect(), answer, seen.standing.is_proved())
}

#[test]
fn a_challenge_is_an_unknown_interface_to_everybody_without_its_key() {
    let key = |seed| SiteKey::new(&[seed; 32]);
    let aim = Aim::new("dc1", 135);
    let octets = Challenge::new([3; 12], "hop", crate::net::clock::now()).encode(&key(1), aim);
    for without in [None, Some(key(2))] {
        let (results, answer, proved) = challenge(&stand_in(true, without), &octets);
        assert_eq!(results, [(0, 0), (2, 1)]);
        assert_eq!(fault(answer), status::UNKNOWN_INTERFACE);
        assert!(!proved);
    }
    let (results, answer, proved) = challenge(&stand_in(true, Some(key(1))), &octets);
    assert_eq!(results, [(0, 0), (0, 0)]);
    assert!(proved);
    let stub = stub(answer);
    assert_eq!(
        u32::from_le_bytes(stub[..4].try_into().expect("four octets")) as usize,
        stub.len() - 4
    );
}

proptest! {
    #[test]
    fn no_conversation_panics(pieces in proptest::collection::vec((0u8..20, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..200)), 1..6)) {
        let (here, seen) = (stand_in(true, Some(SiteKey::new(&[1; 32]))), seen(135));
        let mut conversation = Conversation::new(&here, &seen);
        let bind = Client::default().bind(vec![Context { id: 0, interface: Syntax::EPM, transfers: vec![Syntax::NDR32] }]);
        conversation.answer(&Pdu::decode(&bind).expect("our own octets"));
        for (kind, flags, body) in pieces {
            let mut octets = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
            octets.extend(u16::try_from(16 + body.len()).expect("short").to_le_bytes());
            octets.extend([0, 0, 1, 0, 0, 0]);
            octets.extend(body);
            if let Ok(pdu) = Pdu::decode(&octets) {
                let reply = conversation.answer(&pdu);
                prop_assert!(reply.octets.len() < 64 * 1024);
                prop_assert!(reply.octets.is_empty() || reply.octets.len() <= usize::from(MAX_FRAG));
            }
        }
    }
}
