//! Recorded, synthetic and hostile PDUs (`tests/vectors`, most of them from Samba 4.17): read to
//! the right values, written back octet for octet.

use portmatrix::protocol::rpc::codec::epm::{
    self, LookupRequest, LookupResponse, MapRequest, MapResponse, NO_HANDLE,
};
use portmatrix::protocol::rpc::codec::{
    Assembler, Body, Client, Error, MAX_FRAG, Order, Pdu, Syntax, Tower, Uuid, mgmt, status,
};
use std::net::Ipv4Addr;
use std::path::PathBuf;

const DRSUAPI: Syntax =
    Syntax { uuid: Uuid::from_u128(0xe351_4235_4b06_11d1_ab04_00c0_4fc2_dcd2), major: 4, minor: 0 };
const LSARPC: Syntax =
    Syntax { uuid: Uuid::from_u128(0x1234_5778_1234_abcd_ef00_0123_4567_89ab), major: 0, minor: 0 };

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn octets(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.hex"))).expect(name);
    let digits: String = text.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join(" ");
    digits.split_whitespace().map(|d| u8::from_str_radix(d, 16).expect("two digits")).collect()
}

/// Names of every vector that is DCE/RPC.
fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of vectors")
        .filter_map(|e| {
            Some(e.expect("an entry").file_name().to_str()?.strip_suffix(".hex")?.to_owned())
        })
        .filter(|n| !["ldap", "cldap", "h2", "kestrel"].iter().any(|other| n.starts_with(other)))
        .filter(|n| !n.starts_with("real_ldap") && !n.starts_with("hostile_ldap"))
        .collect();
    names.sort();
    names
}

fn pdu(name: &str) -> Pdu {
    Pdu::decode(&octets(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn stub(name: &str) -> Vec<u8> {
    match pdu(name).body {
        Body::Request(r) => r.stub,
        Body::Response(r) => r.stub,
        other => panic!("{name}: {other:?}"),
    }
}

fn map_response(name: &str) -> MapResponse {
    MapResponse::decode(&stub(name), Order::Little).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn ports(name: &str) -> Vec<Option<u16>> {
    map_response(name).towers.iter().map(Tower::tcp_port).collect()
}

#[test]
fn every_vector_is_read_or_refused_as_it_should_be() {
    let names = names();
    assert!(names.len() > 85, "{} vectors", names.len());
    for name in names {
        let got = Pdu::decode(&octets(&name)).map(drop);
        let wanted = match name.as_str() {
            "bind_frag65535_req" => Err(Error::FragLength(65535)),
            "bind_frag_len_small_req" => Err(Error::FragLength(8)),
            "hostile_frag_len_15" => Err(Error::FragLength(15)),
            "bind_unknownpt_req" => Err(Error::UnknownType(63)),
            "bind_ver4_req" => Err(Error::Version { major: 4, minor: 0, call_id: 1 }),
            "hostile_auth_len" => Err(Error::AuthLength(65535)),
            _ => Ok(()),
        };
        assert_eq!(got, wanted, "{name}");
    }
}

#[test]
fn what_was_read_is_written_back_octet_for_octet() {
    let mut written = 0;
    for name in names() {
        let original = octets(&name);
        let Ok(pdu) = Pdu::decode(&original) else { continue };
        // Not ours to write: big-endian, verifiers, single fragments of a longer call (they are
        // joined below).
        let fragment = pdu.flags & 3 != 3;
        if pdu.order == Order::Big || pdu.auth.is_some() || fragment {
            continue;
        }
        assert_eq!(pdu.encode(MAX_FRAG), original, "{name}");
        written += 1;
    }
    assert!(written > 70, "{written}");
}

#[test]
fn stubs_are_written_back_octet_for_octet() {
    let mut written = 0;
    for name in
        names().iter().filter(|n| n.contains("ept_") && n.ends_with("_req") && !n.contains("frag"))
    {
        let original = stub(name);
        let again = if name.contains("lookup") {
            LookupRequest::decode(&original, Order::Little).expect(name).encode()
        } else {
            MapRequest::decode(&original, Order::Little).expect(name).encode()
        };
        // impacket leaves 0xab in the gap behind the tower; some clients number their pointers as
        // they please.
        let gap = if name == "real_impacket_ept_map_req" { 32 + 75 } else { usize::MAX };
        let differences: Vec<usize> = (0..original.len())
            .filter(|i| *i != gap && again.get(*i) != Some(&original[*i]))
            .collect();
        let pointer_only = differences.iter().all(|i| [4, 8].contains(i));
        assert!(again.len() == original.len() && pointer_only, "{name}: {differences:?}");
        if differences.is_empty() {
            written += 1;
        }
    }
    assert!(written >= 12, "{written} requests");
    written = 0;
    for name in names().iter().filter(|n| n.contains("ept_map") && n.ends_with("_resp")) {
        let original = stub(name);
        let request = name
            .replace("synthetic_ept_map_two_towers", "ept_map_drsuapi")
            .replace("_resp", "_req");
        let pointers =
            MapRequest::decode(&stub(&request), Order::Little).expect(&request).pointers();
        assert_eq!(map_response(name).encode(pointers + 1), original, "{name}");
        written += 1;
    }
    assert!(written >= 14, "{written} answers");
    for (name, first) in
        [("ept_lookup_page1_resp", 1), ("ept_lookup_byif_resp", 2), ("ept_lookup_end_resp", 1)]
    {
        let response = LookupResponse::decode(&stub(name), Order::Little).expect(name);
        assert_eq!(response.encode(first), stub(name), "{name}");
    }
    let (ids, result) =
        mgmt::decode_if_ids(&stub("mgmt_inq_if_ids_resp"), Order::Little).expect("interfaces");
    assert_eq!((ids.len(), result), (9, 0));
    assert!(ids.contains(&DRSUAPI) && ids.contains(&LSARPC) && ids.contains(&Syntax::MGMT));
    assert_eq!(mgmt::encode_if_ids(&ids), stub("mgmt_inq_if_ids_resp"));
    assert_eq!(mgmt::encode_is_listening(), stub("mgmt_is_listening_resp"));
    assert_eq!(mgmt::decode_is_listening(&stub("mgmt_is_listening_resp"), Order::Little), Ok(true));
}

#[test]
fn our_own_requests_are_those_of_a_plain_client() {
    let mut client = Client::default();
    let context = |interface| {
        vec![portmatrix::protocol::rpc::codec::Context {
            id: 0,
            interface,
            transfers: vec![Syntax::NDR32],
        }]
    };
    assert_eq!(client.bind(context(Syntax::EPM)), octets("bind_epm_ndr32_only_req"));
    assert_eq!(
        client.request(0, epm::MAP, MapRequest::tcp(DRSUAPI).encode()),
        octets("ept_map_drsuapi_req")
    );
    let mut client = Client::default();
    assert_eq!(client.bind(context(LSARPC)), octets("bind_lsarpc_dyn_req"));
    assert_eq!(client.request(0, mgmt::INQ_IF_IDS, Vec::new()), octets("mgmt_inq_if_ids_req"));
    assert_eq!(
        client.request(0, mgmt::IS_SERVER_LISTENING, Vec::new()),
        octets("mgmt_is_listening_req")
    );
}

#[test]
fn towers_give_their_ports_big_endian_and_in_order() {
    assert_eq!(ports("ept_map_drsuapi_resp"), [Some(49153)]);
    assert_eq!(ports("ept_map_netlogon_resp"), [Some(49152)]);
    assert_eq!(ports("ept_map_nullobj_resp"), [Some(49154)], "asked with a null object pointer");
    assert_eq!(ports("real_samba_ept_map_resp"), [Some(49153)]);
    assert_eq!(ports("real_impacket_ept_map_resp"), [Some(49153)]);
    assert_eq!(ports("odd_ept_map_port_zero"), [Some(0)]);
    assert_eq!(ports("real_rpcclient_ept_map_resp"), [None], "a named pipe has no TCP port");
    let two = map_response("synthetic_ept_map_two_towers_resp");
    assert_eq!(ports("synthetic_ept_map_two_towers_resp"), [Some(49667), Some(49664)]);
    assert!(two.towers.iter().all(|t| t.address() == Some(Ipv4Addr::new(10, 77, 0, 10))));
    assert!(
        two.towers
            .iter()
            .all(|t| t.interface() == Some(DRSUAPI) && t.transfer() == Some(Syntax::NDR32))
    );
    for name in [
        "ept_map_notreg_resp",
        "ept_map_badver_resp",
        "ept_map_ndr64_resp",
        "ept_map_short_tower_resp",
    ] {
        let response = map_response(name);
        assert_eq!((response.towers.len(), response.status), (0, status::NOT_REGISTERED), "{name}");
    }
}

#[test]
fn map_requests_of_all_clients_are_understood() {
    let request = |name: &str| MapRequest::decode(&stub(name), Order::Little).expect(name);
    let rpcclient = request("real_rpcclient_ept_map_req");
    let tower = rpcclient.tower.expect("a tower");
    assert_eq!(
        (tower.interface(), tower.tcp_port(), rpcclient.max_towers),
        (Some(LSARPC), None, 500)
    );
    assert_eq!(request("real_samba_ept_map_req").object, None);
    assert_eq!(request("real_impacket_ept_map_req").object, Some(Uuid::nil()));
    assert_eq!(
        request("ept_map_ndr64_req").tower.expect("a tower").transfer(),
        Some(Syntax::NDR64)
    );
    assert_eq!(request("ept_map_short_tower_req").tower.expect("a tower").floors.len(), 1);
    assert_eq!(
        MapRequest::decode(&stub("fault_badstub_req"), Order::Little),
        Err(Error::Truncated)
    );
}

#[test]
fn results_of_a_bind_come_in_the_order_of_its_contexts() {
    let results = |name: &str| match pdu(name).body {
        Body::BindAck(ack) | Body::AlterContextResp(ack) => {
            ack.results.iter().map(|r| (r.result, r.reason)).collect::<Vec<_>>()
        }
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(results("bind_epm_ndr32_only_ack"), [(0, 0)]);
    assert_eq!(results("bind_epm_3ctx_ack"), [(0, 0), (2, 2), (3, 3)]);
    assert_eq!(results("bind_two_ifaces_ack"), [(0, 0), (2, 2)]);
    assert_eq!(results("bind_unknown_if_ack"), [(2, 1)]);
    assert_eq!(results("bind_ntlm_challenge_ack"), [(0, 0)], "with a verifier behind");
    assert_eq!(results("synthetic_windows_bind_ack_ndr64"), [(2, 2), (0, 0), (3, 3)]);
    assert_eq!(results("alter_ctx_lsarpc_resp"), [(0, 0)]);
    let Body::BindAck(ndr64) = pdu("synthetic_windows_bind_ack_ndr64").body else {
        panic!("an ack")
    };
    assert!(ndr64.results.iter().all(|r| !r.is_accepted()), "NDR64 is nothing that we can speak");
    let Body::BindAck(dynamic) = pdu("bind_drsuapi_dyn_ack").body else { panic!("an ack") };
    assert_eq!(
        (dynamic.sec_addr.as_str(), dynamic.max_xmit, dynamic.assoc_group),
        ("49153", 5840, 0xa622)
    );
    let Body::Bind(bind) = pdu("bind_epm_3ctx_req").body else { panic!("a bind") };
    assert_eq!(bind.contexts[2].transfers[0].bind_time_features(), Some(3));
    let big = pdu("bind_bigendian_req");
    let Body::Bind(bind) = big.body else { panic!("a bind") };
    // Whoever wrote this bind swapped the two halves of the interface's version: read as one 32-bit
    // number (C706 `p_syntax_id_t`) it is 0.3, which is why the recorded server did not know it.
    // The encoding's version is right.
    assert_eq!(
        (big.order, bind.contexts[0].interface),
        (Order::Big, Syntax { major: 0, minor: 3, ..Syntax::EPM })
    );
    assert_eq!(bind.contexts[0].transfers[0], Syntax::NDR32);
    assert_eq!(pdu("bind_ntlm_garbage_req").auth, Some(0x0a));
    assert_eq!(pdu("bind_badauth_req").auth, Some(0x63));
}

#[test]
fn refusals_and_faults_have_their_codes() {
    for (name, reason) in [
        ("bind_badauth_resp", 8),
        ("bind_minor1_resp", 4),
        ("bind_noctx_resp", 0),
        ("bind_ver4_resp", 4),
        ("req_before_bind_resp", 4),
    ] {
        let Body::BindNak(nak) = pdu(name).body else { panic!("{name}") };
        assert_eq!((nak.reason, nak.versions), (reason, vec![(5, 0)]), "{name}");
    }
    for (name, wanted, unexecuted) in [
        ("drsbind_anon_fault", status::ACCESS_DENIED, false),
        ("fault_badstub_resp", status::BAD_STUB_DATA, false),
        ("fault_opnum_resp", status::OPNUM_OUT_OF_RANGE, true),
        ("fault_ctx_resp", status::UNKNOWN_INTERFACE, true),
    ] {
        let pdu = pdu(name);
        let Body::Fault(fault) = pdu.body else { panic!("{name}") };
        assert_eq!((fault.status, pdu.flags & 0x20 != 0), (wanted, unexecuted), "{name}");
    }
}

#[test]
fn a_look_up_in_fragments_is_joined_and_split_again() {
    let all: Vec<u8> = (1..=4).flat_map(|i| octets(&format!("ept_lookup_frag{i}_resp"))).collect();
    // One octet at a time: nothing may come out before the last one.
    let mut assembler = Assembler::default();
    let mut whole = None;
    for octet in &all {
        assert_eq!(whole, None);
        assembler.push(&[*octet]);
        whole = assembler.next_pdu().expect("well-formed");
    }
    let whole = whole.expect("complete");
    assert!(!assembler.is_mid_call());
    let Body::Response(response) = &whole.body else { panic!("{whole:?}") };
    let lookup = LookupResponse::decode(&response.stub, Order::Little).expect("entries");
    assert_eq!((lookup.entries.len(), lookup.status), (53, 0));
    assert_ne!(lookup.handle, NO_HANDLE);
    let drsuapi: Vec<_> = lookup
        .entries
        .iter()
        .filter_map(|e| e.tower.as_ref())
        .filter(|t| t.interface() == Some(DRSUAPI))
        .filter_map(|t| t.tcp_port())
        .collect();
    assert_eq!(drsuapi, [49153]);
    assert_eq!(lookup.entries[0].annotation, "dnsserver");
    assert_eq!(lookup.encode(1), response.stub);
    assert_eq!(whole.encode(2048), all, "in the same fragments");

    let request: Vec<u8> = [octets("ept_map_frag1_req"), octets("ept_map_frag2_req")].concat();
    let mut assembler = Assembler::default();
    assembler.push(&request);
    let Some(Pdu { body: Body::Request(joined), .. }) = assembler.next_pdu().expect("well-formed")
    else {
        panic!("a request")
    };
    assert_eq!(joined.stub, stub("ept_map_drsuapi_req"));
}

#[test]
fn the_end_of_a_look_up_is_told_apart() {
    let end =
        LookupResponse::decode(&stub("ept_lookup_end_resp"), Order::Little).expect("an answer");
    assert_eq!((end.handle, end.entries.len(), end.status), (NO_HANDLE, 0, status::NOT_REGISTERED));
    let request =
        LookupRequest::decode(&stub("ept_lookup_byif_req"), Order::Little).expect("a request");
    assert_eq!((request.inquiry, request.interface, request.max_entries), (1, Some(DRSUAPI), 16));
}

#[test]
fn hostile_answers_are_refused() {
    for name in ["floor_count", "floor_len", "num_towers", "tower_len"] {
        let name = format!("hostile_ept_map_{name}");
        let refused = MapResponse::decode(&stub(&name), Order::Little);
        assert!(
            matches!(refused, Err(Error::TooMany(_) | Error::Malformed(_) | Error::Truncated)),
            "{name}: {refused:?}"
        );
    }
    let mut client = Client::default();
    client.bind(Vec::new());
    client.request(0, epm::MAP, Vec::new());
    client.push(&octets("hostile_wrong_call_id"));
    assert_eq!(client.answer(), Err(Error::CallId(99)));

    let mut assembler = Assembler::default();
    let fragment = octets("hostile_never_last");
    assembler.push(&fragment);
    assert_eq!(assembler.next_pdu(), Ok(None), "a fragment is not an answer");
    let mut middle = fragment.clone();
    middle[3] = 0;
    let refused = (0..1000).find_map(|_| {
        assembler.push(&middle);
        assembler.next_pdu().err()
    });
    assert_eq!(refused, Some(Error::TooMany("fragments")), "256 are more than enough");
    // Large fragments reach the other limit.
    let Body::Response(mut response) = Pdu::decode(&fragment).expect("a fragment").body else {
        panic!("a response")
    };
    response.stub = vec![0; 80 * 1024];
    let mut assembler = Assembler::default();
    let mut refused = None;
    for piece in Pdu::new(2, Body::Response(response)).encode(MAX_FRAG).chunks(4096) {
        assembler.push(piece);
        refused = refused.or(assembler.next_pdu().err());
    }
    assert_eq!(refused, Some(Error::TooMany("octets in one call")));
}
