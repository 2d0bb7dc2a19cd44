//! Questions in the place of a challenge, marks of requests, and sets of ports in words.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::ports::{Swept, are_few, by_holder, holds, not_in, runs};
use portmatrix::wire::question::{Asked, address_tag, mark_in, path_tag};
use portmatrix::wire::sighting::Sighting;
use portmatrix_fuzz::choices::{Choices, text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    match choices.octet() % 5 {
        0 => {
            let (nonce, hop): ([u8; 12], [u8; 8]) = (choices.array(), choices.array());
            let asked = Asked::decode(&nonce, hop);
            let mut again = nonce;
            assert_eq!(asked.encode(&mut again), hop);
            assert_eq!(Asked::decode(&again, hop), asked);
            assert_eq!(again[..5], nonce[..5], "five octets are left to chance");
            let _ = asked.later(Duration::from_millis(u64::from_be_bytes(choices.array())));
            let address = std::net::IpAddr::from(choices.array::<16>());
            assert_ne!(address_tag(address), [0; 3], "zeros mean something else");
            assert_eq!(address_tag(address), address_tag(address.to_canonical()));
        }
        1 => {
            let words = text(choices.0);
            if let Some(mark) = mark_in(words) {
                assert!(words.starts_with("portmatrix/") && words.ends_with(')'));
                assert_eq!(mark_in(&format!("portmatrix/9 ({})", hex(&mark))), Some(mark));
            }
            assert_eq!(path_tag(words), path_tag(&(words.to_ascii_uppercase() + "/")));
        }
        // A set, and the same in words.
        2 => {
            let mut ports = BTreeSet::new();
            while !choices.is_empty() && ports.len() < 1000 {
                let first = choices.word();
                ports.extend(first..=first.saturating_add(choices.octet().into()));
            }
            let ports: Vec<u16> = ports.into_iter().collect();
            let holders: BTreeMap<u16, String> =
                ports.iter().take(20).map(|port| (*port, format!("p{}", port % 3))).collect();
            let swept = Swept::of(&ports, &ports, &holders);
            assert!(runs(ports.iter().copied()).len() <= ports.len());
            if let Some(told) = swept.list() {
                assert_eq!((&told, &swept.taken()), (&ports, &ports));
            }
            for port in ports.iter().take(20) {
                let who = swept.holder(*port);
                assert!(who.is_none_or(|who| who == holders[port]), "{port}: {who:?}");
            }
            assert!(by_holder(&holders).len() <= 16);
            let words = swept.ports.unwrap_or_default();
            if let Some(first) = ports.first().filter(|_| !words.is_empty()) {
                let range = *first..=first.saturating_add(300);
                let held = ports.iter().filter(|port| range.contains(port)).count();
                assert_eq!(not_in(&words, range.clone()).len() + held, range.count());
            }
        }
        // Words of anybody.
        3 => {
            let words = text(choices.0);
            let missing = not_in(words, 100..=160);
            assert!(missing.len() <= 61 && missing.is_sorted());
            let _ = are_few(words, 100..=160);
            // What reads as a set holds what is not missing of it.
            if !missing.is_empty() {
                for port in 100..=160 {
                    assert_eq!(holds(words, port), missing.binary_search(&port).is_err());
                }
            }
        }
        _ => {
            if let Ok(sighting) = serde_json::from_slice::<Sighting>(choices.0) {
                let again = serde_json::to_vec(&sighting).expect("JSON");
                assert_eq!(serde_json::from_slice::<Sighting>(&again).ok(), Some(sighting));
            }
        }
    }
});

fn hex(octets: &[u8]) -> String {
    portmatrix::wire::hex::hex(octets)
}
