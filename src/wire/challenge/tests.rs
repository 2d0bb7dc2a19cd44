use super::sent::BODY_LEN;
use super::*;
use crate::wire::hex::{hex, unhex};
use crate::wire::question::{Asked, Question, hop_tag};
use jiff::Timestamp;
use proptest::prelude::*;

const HOP: &str = "direct/agent-to-service/ws/psp:5000";

fn key(seed: u8) -> SiteKey {
    SiteKey::new(&[seed; 32])
}

const AIM: Aim<'static> = Aim { host: "psp", port: 5000 };

fn read(key: &SiteKey, octets: &[u8]) -> Option<Challenge> {
    Received::decode(key, octets).map(|received| received.challenge)
}

fn read_text(key: &SiteKey, text: &str) -> Option<Challenge> {
    Received::decode_text(key, text).map(|received| received.challenge)
}

fn challenge(nonce: u8) -> Challenge {
    Challenge::new([nonce; 12], HOP, Timestamp::UNIX_EPOCH)
}

fn claims(tls: bool) -> Claims {
    Claims {
        misdirected: false,
        nonce: String::new(),
        hop: String::new(),
        also: Vec::new(),
        host: "psp".into(),
        local: "127.0.0.1:5000".parse().expect("an address"),
        peer: "127.0.0.2:40000".parse().expect("an address"),
        tls: tls.then(TlsSeen::default),
        http: None,
        proxy_protocol: None,
        now: Timestamp::UNIX_EPOCH,
        sighting: None,
        swept: None,
        arrived: None,
        ports: String::new(),
        instance: String::new(),
        started: None,
    }
}

fn why(outcome: ProofOutcome) -> String {
    match outcome {
        ProofOutcome::Invalid { why } => why,
        other => panic!("not invalid: {other:?}"),
    }
}

#[test]
fn a_challenge_is_read_with_its_own_key_only() {
    let sent = challenge(7);
    assert_eq!(read_text(&key(1), &sent.encode_text(&key(1), AIM)), Some(sent));
    assert_eq!(read_text(&key(2), &sent.encode_text(&key(1), AIM)), None);
    for i in 0..CHALLENGE_LEN {
        let mut octets = sent.encode(&key(1), AIM);
        octets[i] ^= 1;
        assert_eq!(read(&key(1), &octets), None, "octet {i} was altered");
    }
}

#[test]
fn a_challenge_is_for_one_host_and_port() {
    let octets = challenge(7).encode(&key(1), AIM);
    let received = Received::decode(&key(1), &octets).expect("made with this key");
    assert!(received.is_for(&key(1), AIM));
    assert!(received.is_for(&key(1), Aim::new("PSP", 5000)), "names have no case");
    for (host, port) in [("psp", 5001), ("dc", 5000), ("psp.contoso.com", 5000), ("", 5000)] {
        assert!(!received.is_for(&key(1), Aim::new(host, port)), "{host}:{port}");
    }
    let other = challenge(8).encode(&key(1), AIM);
    assert_ne!(octets[24..28], other[24..28], "nobody can tell what goes to one host");
}

#[test]
fn a_fingerprint_tells_keys_apart_and_is_no_part_of_them() {
    // printf 'portmatrix/1 fingerprint' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…
    assert_eq!(key(1).fingerprint(), "bb20-be71-6ee7-2ffd");
    assert_ne!(key(1).fingerprint(), key(2).fingerprint());
    assert!(!key(1).fingerprint().contains("0101"));
}

#[test]
fn a_listener_of_several_names_is_whom_it_was_asked_for() {
    let of = |also: &[&str], asked: &[&str]| {
        let claims =
            Claims { also: also.iter().map(|name| (*name).to_owned()).collect(), ..claims(false) };
        let named = claims.named(asked.iter().copied());
        assert_eq!(
            stamp_name(&named.host, &named.also),
            stamp_name("psp", &also.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
        );
        named.host
    };
    assert_eq!(of(&["proxy"], &["proxy"]), "proxy");
    assert_eq!(of(&["proxy"], &["psp"]), "psp");
    assert_eq!(of(&["proxy"], &["front", "proxy"]), "proxy", "one of those behind a front");
    assert_eq!(of(&["proxy"], &["other"]), "psp", "a name that it has not changes nothing");
    assert_eq!(of(&[], &["proxy"]), "psp");
}

#[test]
fn a_proof_holds_for_its_own_challenge_and_session() {
    let proof = prove(&key(1), &challenge(7), claims(true), Some(&[9; 32]));
    let verified = |exporter| match verify(&key(1), &challenge(7), &proof, exporter) {
        ProofOutcome::Valid { same_tls_session, .. } => same_tls_session,
        other => panic!("{other:?}"),
    };
    assert_eq!(verified(Some(&[9; 32])), Some(true));
    assert_eq!(verified(Some(&[8; 32])), Some(false), "somebody opened the session");
    assert_eq!(verified(None), None);
}

#[test]
fn a_replayed_foreign_or_altered_proof_is_caught() {
    let proof = prove(&key(1), &challenge(7), claims(false), None);
    assert!(why(verify(&key(1), &challenge(8), &proof, None)).contains("replay"));
    assert!(why(verify(&key(2), &challenge(7), &proof, None)).contains("another key"));
    let other_hop = Challenge::new([7; 12], "another/hop", Timestamp::UNIX_EPOCH);
    assert!(why(verify(&key(1), &other_hop, &proof, None)).contains("another hop"));
    for i in 0..proof.len() {
        let mut altered = proof.clone().into_bytes();
        altered[i] = if altered[i] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("still ASCII");
        assert!(
            matches!(verify(&key(1), &challenge(7), &altered, None), ProofOutcome::Invalid { .. }),
            "octet {i}"
        );
    }
}

#[test]
fn a_listener_without_tls_shares_no_session() {
    let proof = prove(&key(1), &challenge(7), claims(false), None);
    let outcome = verify(&key(1), &challenge(7), &proof, Some(&[9; 32]));
    assert!(
        matches!(outcome, ProofOutcome::Valid { same_tls_session: Some(false), .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_question_is_a_challenge_that_asks_and_nothing_else_is() {
    let question = Question {
        port: 389,
        source_port: 50_123,
        age_ms: 1_700,
        source: [0; 3],
        destination: [1, 2, 3],
    };
    let sent = Challenge::question([7; 12], &Asked::Connection(question), Timestamp::UNIX_EPOCH);
    let received = read_text(&key(1), &sent.encode_text(&key(1), AIM)).expect("made with this key");
    assert_eq!((received, received.asks()), (sent, Some(Asked::Connection(question))));
    let sweep = challenge(7).about_sweep(3);
    let read = read(&key(1), &sweep.encode(&key(1), AIM)).expect("made with this key");
    assert_eq!(
        (&read.nonce()[..10], read.asks()),
        (&challenge(7).nonce()[..10], Some(Asked::Sweep)),
        "the sweep's own part"
    );
    assert_eq!(
        read_text(&key(2), &sent.encode_text(&key(1), AIM)),
        None,
        "a stranger asks nothing"
    );
    assert_eq!(challenge(7).asks(), None);
    // The same octets under the other MAC: neither kind can be made into the other without the key.
    let plain = Challenge { is_question: false, ..sent };
    assert_ne!(plain.encode(&key(1), AIM)[BODY_LEN..], sent.encode(&key(1), AIM)[BODY_LEN..]);
    let proof = prove(&key(1), &sent, claims(false), None);
    assert!(matches!(verify(&key(1), &sent, &proof, None), ProofOutcome::Valid { .. }));
    let plain = Challenge { hop: hop_tag(HOP), is_question: false, ..sent };
    assert!(
        why(verify(&key(1), &plain, &proof, None)).contains("another hop"),
        "its answer proves no hop"
    );
}

proptest! {
    #[test]
    fn no_input_panics(text in "\\PC{0,200}", octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = verify(&key(1), &challenge(7), &text, None);
        let _ = read_text(&key(1), &text);
        let _ = read(&key(1), &octets);
    }

    #[test]
    fn hex_round_trips(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(unhex(&hex(&octets)), Some(octets));
    }
}
