//! A listener answers what was made with its key, in these days, and nothing else.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix::net::clock;
use portmatrix::stand_in::{Caller, StandIn};
use portmatrix::wire::challenge::{Aim, ProofOutcome, Received, verify};
use portmatrix::wire::hex::hex;
use portmatrix_fuzz::choices::Choices;
use portmatrix_fuzz::conversation::stand_in;
use portmatrix_fuzz::key::{is_made_with_key, is_of_these_days, key, sealed_challenge};
use std::net::SocketAddr;

thread_local! {
    static KEYLESS: StandIn = StandIn::new("dc1.contoso.com", Protocol::Tcp, None);
}

/// Where the stand-in is.
const HERE: Aim<'static> = Aim { host: "dc1.contoso.com", port: 135 };

fn caller(port: u16) -> Caller {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    Caller::new(address(HERE.port), address(port))
}

fn look(here: &StandIn, octets: &[u8]) {
    let received = Received::decode(key(), octets);
    let is_for_here = received.is_some_and(|received| received.is_for(key(), HERE));
    let own = is_made_with_key(octets) && is_of_these_days(octets, is_for_here, clock::now());
    let seen = caller(40000);
    assert_eq!(here.understands(&seen, octets), own);
    // A question about another connection is answered out of the kernel's tables, which takes long.
    let asks = received.and_then(|received| received.challenge.asks());
    if matches!(asks, Some(portmatrix::wire::question::Asked::Connection(_))) {
        return;
    }
    // What was sent to somebody else is told who is here, and no question is answered.
    let answered = own && (is_for_here || asks.is_none());
    let proof = here.prove(&seen, octets, None);
    assert_eq!(proof.is_some(), answered, "{}", hex(octets));
    assert_eq!(seen.standing.is_proved(), proof.is_some() && is_for_here);
    if let (Some(proof), Some(received)) = (proof, received) {
        let told = verify(key(), &received.challenge, &proof, None);
        let ProofOutcome::Valid { claims, .. } = told else { panic!("{told:?}") };
        assert_eq!(claims.misdirected, !is_for_here);
    }
    let again = here.prove_text(&seen, &hex(octets), None);
    assert_eq!(again.is_some(), answered);
    // On another connection it is a replay.
    let other = caller(40001);
    assert!(here.prove(&other, octets, None).is_none() && !here.understands(&other, octets));
    if let (Ok(octets), Some(received)) = (<&[u8; 40]>::try_from(octets), received) {
        let stamp = |port| here.stamp(octets, port, [127, 0, 0, 1].into());
        let due = own && is_for_here && asks.is_none();
        let port = received.challenge.port_of_try();
        assert_eq!(stamp(HERE.port).is_some(), due && port == HERE.port);
        assert!(stamp(HERE.port).is_none(), "no try is stamped twice");
        assert!(stamp(50000).is_none(), "it was sent to another port");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let which = choices.octet();
    if which % 4 == 0 {
        return look(&stand_in(Protocol::Tcp), choices.0);
    }
    let mut body: [u8; 28] = choices.array();
    if which & 4 == 0 {
        // Around now, and around the ends of what is taken.
        let ages = [0, 100, -100, 27 * 3600 - 60, 60 - 27 * 3600, 27 * 3600 + 60, -27 * 3600 - 60];
        let sent = clock::now().as_second() + ages[choices.below(7)];
        body[20..24].copy_from_slice(&u32::try_from(sent).unwrap_or_default().to_be_bytes());
    }
    if which & 16 == 0 {
        body[10..12].copy_from_slice(&HERE.port.to_be_bytes());
    }
    let mut octets = sealed_challenge(&body, which & 8 == 0);
    if which & 32 == 0
        && let Some(received) = Received::decode(key(), &octets)
    {
        octets = received.challenge.encode(key(), HERE);
    }
    let (at, by) = (choices.below(40), choices.octet());
    octets[at] ^= by;
    look(&stand_in(Protocol::Tcp), &octets);
    KEYLESS.with(|here| {
        let seen = caller(40000);
        assert!(here.prove(&seen, &octets, None).is_none() && !here.understands(&seen, &octets));
        assert!(here.stamp(&octets, HERE.port, [127, 0, 0, 1].into()).is_none());
    });
});
