use super::*;
use proptest::prelude::*;

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vector::<2>(body)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector::<3>(body)].concat()
}

fn hello(version: u16, suite: u16, random: &[u8; 32], extensions: &[u8]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { vector::<2>(extensions) };
    message(
        SERVER_HELLO,
        &[&version.to_be_bytes()[..], random, &[0], &suite.to_be_bytes(), &[0], &extensions]
            .concat(),
    )
}

#[test]
fn an_rsa_key_exchange_is_known_by_the_hello_alone() {
    let whole = record(HANDSHAKE, &hello(TLS12, 0x009d, &[7; 32], &[]));
    let Answer::Chosen(chosen) = read(&whole) else { panic!("{:?}", read(&whole)) };
    assert_eq!(
        (chosen.version_name(), chosen.suite_name().as_str()),
        ("TLS 1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384")
    );
    assert_eq!(chosen.foreign(), ["cipher suite"]);
    assert_eq!(read(&whole[..20]), Answer::More(None));
}

#[test]
fn curve_and_signature_stand_in_the_key_exchange() {
    let exchange = [&[3, 0, 0x1e, 2, 9, 9][..], &[2, 1, 0, 1, 8]].concat();
    let messages = [
        hello(TLS12, 0xc02f, &[7; 32], &[0xff, 1, 0, 1, 0]),
        message(11, &[0; 70]),
        message(SERVER_KEY_EXCHANGE, &exchange),
    ];
    // One message in two records.
    let all = messages.concat();
    let octets = [record(HANDSHAKE, &all[..60]), record(HANDSHAKE, &all[60..])].concat();
    let Answer::Chosen(chosen) = read(&octets) else { panic!("{:?}", read(&octets)) };
    assert_eq!(
        (chosen.group_name().as_deref(), chosen.scheme_name().as_deref()),
        (Some("X448"), Some("rsa_pkcs1_sha1"))
    );
    assert_eq!(chosen.foreign(), ["group", "signature"]);
    assert!(matches!(read(&octets[..90]), Answer::More(Some(Chosen { suite: 0xc02f, .. }))));
}

#[test]
fn a_retry_names_the_group() {
    let mut random = [3; 32];
    random[..8].copy_from_slice(&RETRY);
    let extensions = [extension(43, &TLS13.to_be_bytes()), extension(51, &[1, 0])].concat();
    let Answer::Chosen(chosen) =
        read(&record(HANDSHAKE, &hello(TLS12, 0x1301, &random, &extensions)))
    else {
        panic!("no hello")
    };
    assert_eq!(
        (chosen.version_name(), chosen.group_name().as_deref()),
        ("TLS 1.3", Some("ffdhe2048"))
    );
    assert_eq!(chosen.foreign(), ["group"]);
}

#[test]
fn old_versions_and_alerts() {
    let octets =
        [record(ALERT, &[1, 112]), record(HANDSHAKE, &hello(0x0301, 0x002f, &[1; 32], &[]))]
            .concat();
    let Answer::Chosen(chosen) = read(&octets) else { panic!("a warning is not the end") };
    assert_eq!(chosen.foreign(), ["version", "cipher suite"]);
    assert_eq!(read(&record(ALERT, &[2, 40])), Answer::Alert(Alert(40)));
    assert_eq!(read(b"HTTP/1.1 400 Bad Request\r\n"), Answer::Other);
    assert_eq!(read(b""), Answer::More(None));
    let spoken =
        Chosen { version: TLS13, suite: 0x1301, group: Some(0x001d), scheme: None, key: None };
    assert!(spoken.foreign().is_empty());
}

#[test]
fn a_greeting_is_one_record_of_the_length_that_it_says() {
    for (offer, name) in [(Offer::All, Some("srv.example")), (Offer::Old, None)] {
        let octets = client_hello(&[5; 32], name, offer);
        assert_eq!(octets[..3], [HANDSHAKE, 3, 1]);
        assert_eq!(usize::from(u16::from_be_bytes([octets[3], octets[4]])) + 5, octets.len());
        assert_eq!(octets[5], CLIENT_HELLO);
        assert!(octets.len() - 5 > 511 || octets.len() - 5 < 256, "{} octets", octets.len());
    }
}

#[test]
fn no_code_stands_twice() {
    let twice = |mut codes: Vec<u16>| {
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        codes.len() != all
    };
    assert!(!twice(SUITES.iter().map(|s| s.0).collect()));
    assert!(!twice(GROUPS.iter().map(|s| s.0).collect()));
    assert!(!twice(SCHEMES.iter().map(|s| s.0).collect()));
}

proptest! {
    #[test]
    fn anything_is_read_without_harm(octets: Vec<u8>, cut in 0_usize..200) {
        let _ = read(&octets);
        let exchange = message(SERVER_KEY_EXCHANGE, &octets[..octets.len().min(50)]);
        let whole = record(HANDSHAKE, &[hello(TLS12, 0xc02f, &[7; 32], &[]), exchange].concat());
        let _ = read(&whole[..cut.min(whole.len())]);
        let _ = read(&whole);
    }
}
