//! Challenges and proofs: only what the key made is read, and all of that is.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::challenge::{
    Aim, Challenge, Claims, ProofOutcome, Received, SiteKey, prove, verify,
};
use portmatrix::wire::hex::{hex, unhex};
use portmatrix_fuzz::choices::{Choices, text};
use portmatrix_fuzz::key::{
    is_made_with_key, is_sealed_proof, key, other_key, sealed_challenge, sealed_proof,
};

/// What the claims of a proof are asked for.
fn look(claims: &Claims) {
    let _ = claims.is_younger_than(std::time::Duration::from_secs(60));
    let _ = claims.arrived.map(|arrived| (arrived.is_nothing(), arrived.and(arrived).is_nothing()));
    if let Some(arrived) = claims.arrived {
        let any = [arrived.proved, arrived.marked, arrived.path, arrived.elsewhere];
        assert_eq!(arrived.is_nothing(), arrived.whole && any == [0; 4], "{arrived:?}");
    }
    if let Some(swept) = &claims.swept {
        assert!(swept.list().is_none_or(|ports| ports.len() == swept.count));
        let _ = (swept.taken(), swept.holder(135));
    }
    let named = claims.clone().named(["dc2", "dc1"]);
    assert_eq!(named.also.len(), claims.also.len());
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let which = choices.octet() % 5;
    let asked = Challenge::new([1; 12], "hop", jiff::Timestamp::UNIX_EPOCH);
    match which {
        // Octets of anybody.
        0 => {
            let data = choices.0;
            let read = Received::decode(key(), data);
            assert_eq!(read.is_some(), is_made_with_key(data));
            assert_eq!(Received::decode_text(key(), &hex(data)), read);
            assert_eq!(Received::decode(other_key(), data), None);
            let words = text(data);
            if let Some(octets) = unhex(words) {
                assert_eq!(hex(&octets), words.to_ascii_lowercase());
            }
            let outcome = verify(key(), &asked, words, Some(&[9; 32]));
            let valid = matches!(outcome, ProofOutcome::Valid { .. });
            assert!(!valid || is_sealed_proof(words), "a proof of nobody");
        }
        // Octets of somebody with the key, and one of them changed.
        1 => {
            let (body, is_question) = (choices.array(), choices.octet() & 1 == 1);
            let octets = sealed_challenge(&body, is_question);
            let received = Received::decode(key(), &octets).expect("made with the key");
            let read = received.challenge;
            let aim = Aim::new("dc1", 135);
            let again = read.encode(key(), aim);
            assert_eq!(again[..24], octets[..24]);
            assert_eq!(again == octets, received.is_for(key(), aim));
            assert!(Received::decode(key(), &again).is_some_and(|again| again.is_for(key(), aim)
                && !again.is_for(key(), Aim::new("dc1", 136))
                && !again.is_for(key(), Aim::new("dc2", 135))));
            assert_eq!((read.asks().is_some(), read.hop().is_none()), (is_question, is_question));
            let (at, by) = (choices.below(40), choices.octet());
            let mut changed = octets;
            changed[at] ^= by;
            assert_eq!(Received::decode(key(), &changed).is_some(), by == 0);
            let end = choices.below(40);
            assert_eq!(Received::decode(key(), &octets[..end]), None);
        }
        // A proof, and one octet of it changed.
        2 => {
            let (nonce, hop, now) = (choices.array(), choices.array::<2>(), choices.array());
            let now = i64::from(u32::from_be_bytes(now));
            let now = jiff::Timestamp::from_second(now).expect("32 bits are few");
            let asked = Challenge::new(nonce, &hex(&hop), now);
            let address = std::net::SocketAddr::from((choices.array::<16>(), choices.word()));
            let (at, by) = (usize::from(choices.word()), choices.octet());
            let mut claims = Claims::new(text(choices.some(64)), address, address, now);
            claims.also = vec![text(choices.0).to_owned()];
            let proof = prove(key(), &asked, claims.clone(), None);
            let ProofOutcome::Valid { claims: told, same_tls_session: None } =
                verify(key(), &asked, &proof, None)
            else {
                assert!(proof.len() > 8 * 1024, "our own proof: {proof}");
                return;
            };
            (claims.nonce, claims.hop) = (told.nonce.clone(), told.hop.clone());
            assert_eq!(claims, told);
            let valid = |key: &SiteKey, asked: &Challenge, proof: &str| {
                matches!(verify(key, asked, proof, None), ProofOutcome::Valid { .. })
            };
            assert!(!valid(other_key(), &asked, &proof));
            let mut other = nonce;
            other[at % 12] ^= by | 1;
            assert!(!valid(key(), &Challenge::new(other, &hex(&hop), now), &proof), "a replay");
            let mut changed = proof.clone().into_bytes();
            let at = at % changed.len();
            changed[at] = by;
            if let Ok(changed) = std::str::from_utf8(&changed)
                && changed.trim() != proof
            {
                assert!(!valid(key(), &asked, changed), "{changed}");
            }
        }
        // Whatever claims a listener makes that has the key: it may be somebody else's by now.
        3 => {
            if let Ok(claims) = serde_json::from_slice::<Claims>(choices.0) {
                look(&claims);
                let nonce = hex(&asked.nonce());
                assert!(
                    matches!(
                        verify(key(), &asked, &sealed_proof(choices.0), None),
                        ProofOutcome::Valid { .. }
                    ) <= (claims.nonce == nonce)
                );
            }
        }
        _ => {
            let address = std::net::SocketAddr::from(([10, 0, 0, 1], 135));
            let now = jiff::Timestamp::UNIX_EPOCH;
            let claims = Claims::new("dc1", address, address, now);
            let mut claims = serde_json::to_value(claims).expect("claims are JSON");
            claims["arrived"] = serde_json::json!({ "proved": 1, "marked": 0, "path": 0,
                "elsewhere": 0, "whole": true });
            claims["swept"] = serde_json::json!({ "count": 2, "ports": "1-2", "taken": "7",
                "holders": [{ "ports": "7", "who": "x" }] });
            claims["started"] = "2026-01-01T00:00:00Z".into();
            claims["also"] = serde_json::json!(["dc2"]);
            portmatrix_fuzz::edits::edit(&mut claims, &mut choices);
            if let Ok(claims) = serde_json::from_value::<Claims>(claims) {
                look(&claims);
            }
        }
    }
});
