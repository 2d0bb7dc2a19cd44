use super::*;
use ldap3_proto::proto::{LdapBindCred, LdapOp, LdapSearchScope};
use proptest::prelude::*;

/// The octets of a file in `tests/vectors`: hexadecimal digits, `#` begins a comment.
fn vector(name: &str) -> BytesMut {
    let path = format!("{}/tests/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let octets: Vec<u8> = lines
        .flat_map(str::split_whitespace)
        .map(|d| u8::from_str_radix(d, 16).expect("two digits"))
        .collect();
    BytesMut::from(&octets[..])
}

fn frame(name: &str) -> Frame {
    let mut octets = vector(name);
    let frame = peel(&mut octets, MAX_MESSAGE).expect("LDAP").expect("a whole message");
    assert!(octets.is_empty(), "{name}: octets left over");
    frame
}

fn op(name: &str) -> LdapOp {
    frame(name).message().unwrap_or_else(|| panic!("{name} is not understood")).op
}

#[test]
fn requests_of_real_clients_are_read() {
    let LdapOp::SearchRequest(search) = op("ldap_rootdse_search_req") else { panic!("no search") };
    assert_eq!(
        (search.base.as_str(), search.scope, search.attrs.len()),
        ("", LdapSearchScope::Base, 7)
    );
    let LdapOp::SearchRequest(search) = op("ldap_netlogon_ping_tcp_req") else {
        panic!("no search")
    };
    assert_eq!(search.attrs, ["Netlogon"]);
    let LdapOp::BindRequest(bind) = op("ldap_anon_bind_req") else { panic!("no bind") };
    assert_eq!((bind.version, bind.cred), (3, LdapBindCred::Simple(String::new())));
    let LdapOp::ExtendedRequest(request) = op("real_ldapsearch_starttls_req") else {
        panic!("no request")
    };
    assert_eq!(request.name, STARTTLS);
    assert_eq!(op("ldap_unbind_req"), LdapOp::UnbindRequest);
    assert_eq!(frame("ldap_starttls_req").id, 3);
}

#[test]
fn answers_of_real_directories_are_read() {
    for (name, id, code, text) in [
        ("ldap_anon_bind_resp", 1, 0, ""),
        ("ldap_rootdse_done_resp", 1, 0, ""),
        (
            "ldap_anon_domain_search_done",
            2,
            1,
            "00002020: Operation unavailable without authentication",
        ),
        ("ldap_extreq_unknown_resp", 1, 2, "Extended Operation(1.2.3.4) not supported"),
        ("ldap_simple_bind_cleartext_resp", 2, 8, "BindSimple: Transport encryption required."),
        (
            "ldap_starttls_on_tls_resp",
            1,
            1,
            "START-TLS: TLS is already enabled on this LDAP session",
        ),
        ("ldap_starttls_resp", 3, 0, ""),
        ("real_ldapsearch_starttls_resp", 1, 0, ""),
    ] {
        let frame = frame(name);
        let outcome = frame.outcome().unwrap_or_else(|| panic!("{name} has no result"));
        assert_eq!((frame.id, outcome.code, outcome.text.as_str()), (id, code, text), "{name}");
    }
    assert_eq!(
        frame("ldap_starttls_resp").outcome().and_then(|o| o.name).as_deref(),
        Some(STARTTLS)
    );
    let LdapOp::SearchResultEntry(entry) = op("ldap_rootdse_all_entry") else { panic!("no entry") };
    assert!(
        entry
            .attributes
            .iter()
            .any(|a| a.atype == "dnsHostName" && a.vals == [b"dc1.corp.example".to_vec()]),
        "{entry:?}"
    );
    assert!(matches!(op("ldap_rootdse_entry_resp"), LdapOp::SearchResultEntry(_)));
    assert!(matches!(op("ldap_netlogon_ping_tcp_entry"), LdapOp::SearchResultEntry(_)));
}

#[test]
fn lengths_in_four_octets_are_read_as_windows_writes_them() {
    let mut done = BytesMut::from(&b"\x30\x84\x00\x00\x00\x10\x02\x01\x05\x65\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"[..]);
    let frame = peel(&mut done, MAX_MESSAGE).expect("LDAP").expect("whole");
    assert_eq!((frame.id, frame.op, frame.outcome().map(|o| o.code)), (5, OP_DONE, Some(0)));
    assert!(matches!(frame.message().map(|m| m.op), Some(LdapOp::SearchResultDone(_))));
}

#[test]
fn hostile_lengths_are_refused_at_once() {
    let refused =
        |octets: &[u8]| peel(&mut BytesMut::from(octets), MAX_MESSAGE).expect_err("not LDAP").0;
    assert!(refused(&vector("hostile_ldap_len")).contains("longer than any"));
    assert!(refused(&vector("hostile_ldap_indef")).contains("indefinite"));
    assert!(refused(b"\x30\x85\x00\x00\x00\x00\x05").contains("more than four"));
    assert!(refused(b"\x30\xff").contains("more than four"));
    assert!(refused(b"HTTP/1.1 400 Bad Request\r\n").contains("sequence"));
    assert!(refused(b"\x30\x05\x02\x01\x01\x65\x07").contains("beyond its message"));
    assert!(refused(b"\x30\x07\x02\x05\x01\x00\x00\x00\x00").contains("message id"));
    assert!(refused(b"\x30\x05\x02\x01\xff\x42\x00").contains("message id"), "negative");
    assert!(refused(b"\x30\x05\x02\x01\x01\x7f\x00").contains("more than one octet"));
}

#[test]
fn a_message_in_pieces_is_waited_for() {
    let whole = vector("ldap_rootdse_entry_resp");
    for cut in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..cut]);
        assert_eq!(peel(&mut part, MAX_MESSAGE), Ok(None), "{cut} octets");
        assert_eq!(part.len(), cut, "nothing is taken before the message is whole");
    }
}

#[test]
fn an_operation_that_does_not_exist_is_never_handed_on() {
    let mut odd = BytesMut::from(&b"\x30\x05\x02\x01\x01\x7d\x00"[..]);
    let frame = peel(&mut odd, MAX_MESSAGE).expect("LDAP").expect("whole");
    assert_eq!((frame.message(), frame.outcome()), (None, None));
}

#[test]
fn referrals_and_unknown_codes_are_kept() {
    let mut done = BytesMut::from(
        &b"\x30\x1c\x02\x01\x01\x65\x17\x0a\x01\x0a\x04\x00\x04\x00\xa3\x0e\x04\x0cldap://a.b/c"[..],
    );
    let frame = peel(&mut done, MAX_MESSAGE).expect("LDAP").expect("whole");
    assert_eq!(
        frame.outcome(),
        Some(Outcome { code: 10, referral: vec!["ldap://a.b/c".into()], ..Outcome::default() })
    );
    let mut done = BytesMut::from(&b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x5a\x04\x00\x04\x00"[..]);
    let frame = peel(&mut done, MAX_MESSAGE).expect("LDAP").expect("whole");
    assert_eq!(frame.outcome().map(|o| o.code), Some(90));
}

#[test]
fn text_is_cleaned_and_cut() {
    assert_eq!(clean(b"a\x1b[31mb\r\n\0c\xff"), "a[31mbc\u{fffd}");
    assert_eq!(clean("x\u{202e}y".as_bytes()), "xy");
    assert_eq!(clean("é".repeat(5000).as_bytes()).chars().count(), MAX_TEXT);
}

proptest! {
    #[test]
    fn no_octets_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..200), envelope in any::<bool>()) {
        if envelope {
            // A right envelope, so that what is inside gets looked at.
            let mut message = vec![0x30, 0x82, 0, 0, 2, 1, 1];
            message.append(&mut octets);
            let length = u16::try_from(message.len() - 4).expect("short");
            message[2..4].copy_from_slice(&length.to_be_bytes());
            octets = message;
        }
        if let Ok(Some(frame)) = peel(&mut BytesMut::from(&octets[..]), MAX_MESSAGE) {
            let _ = (frame.message(), frame.outcome());
        }
    }

    #[test]
    fn altered_messages_do_not_panic(at in 0usize..300, octet in any::<u8>()) {
        for name in ["ldap_rootdse_search_req", "ldap_rootdse_entry_resp", "ldap_starttls_on_tls_resp", "ldap_netlogon_ping_tcp_req"] {
            let mut octets = vector(name);
            let at = at % octets.len();
            octets[at] = octet;
            if let Ok(Some(frame)) = peel(&mut octets, MAX_MESSAGE) {
                let _ = (frame.message(), frame.outcome());
            }
        }
    }
}
