//! One site key, and its MACs made a second time, so that the library is not held against itself.

use portmatrix::wire::challenge::SiteKey;
use ring::hmac;
use std::sync::OnceLock;

/// The octets of the key.
pub const SECRET: [u8; 32] = [7; 32];

/// How far the clock in a challenge may be from this machine's, in seconds: in one that was sent
/// here, and in one that was sent to somebody else.
const MAX_AGE: [i64; 2] = [27 * 3600, 300];

/// The key.
pub fn key() -> &'static SiteKey {
    static KEY: OnceLock<SiteKey> = OnceLock::new();
    KEY.get_or_init(|| SiteKey::new(&SECRET))
}

/// A key that nobody here has.
pub fn other_key() -> &'static SiteKey {
    static KEY: OnceLock<SiteKey> = OnceLock::new();
    KEY.get_or_init(|| SiteKey::new(&[8; 32]))
}

struct Macs {
    challenge: hmac::Key,
    question: hmac::Key,
    proof: hmac::Key,
}

fn macs() -> &'static Macs {
    static MACS: OnceLock<Macs> = OnceLock::new();
    MACS.get_or_init(|| {
        let master = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        let derived = |purpose: &[u8]| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, purpose).as_ref())
        };
        Macs {
            challenge: derived(b"portmatrix/3 challenge"),
            question: derived(b"portmatrix/3 question"),
            proof: derived(b"portmatrix/1 proof"),
        }
    })
}

/// The 40 octets of a challenge or a question with this body.
pub fn sealed_challenge(body: &[u8; 28], is_question: bool) -> [u8; 40] {
    let key = if is_question { &macs().question } else { &macs().challenge };
    let mut octets = [0; 40];
    octets[..28].copy_from_slice(body);
    octets[28..].copy_from_slice(&hmac::sign(key, body).as_ref()[..12]);
    octets
}

/// Whether these octets are a challenge or a question of the key.
pub fn is_made_with_key(octets: &[u8]) -> bool {
    let Ok(octets) = <&[u8; 40]>::try_from(octets) else { return false };
    let body = <&[u8; 28]>::try_from(&octets[..28]).expect("28 of 40");
    [false, true].iter().any(|question| sealed_challenge(body, *question) == *octets)
}

/// Whether they are in addition of these days; of these minutes, if they were sent to somebody else.
pub fn is_of_these_days(octets: &[u8], is_for_here: bool, now: jiff::Timestamp) -> bool {
    let sent = octets.get(20..24).and_then(|o| <[u8; 4]>::try_from(o).ok()).map(u32::from_be_bytes);
    sent.is_some_and(|sent| {
        (now.as_second() - i64::from(sent)).abs() <= MAX_AGE[usize::from(!is_for_here)]
    })
}

/// A proof with the right MAC over any claims: that of a listener which somebody took over.
pub fn sealed_proof(claims: &[u8]) -> String {
    let encode = |octets: &[u8]| data_encoding::BASE64URL_NOPAD.encode(octets);
    format!("{}.{}", encode(claims), encode(hmac::sign(&macs().proof, claims).as_ref()))
}

/// Whether the MAC of a proof is right.
pub fn is_sealed_proof(proof: &str) -> bool {
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let parts = proof.trim().split_once('.').and_then(|(a, b)| Some((decode(a)?, decode(b)?)));
    parts.is_some_and(|(claims, mac)| hmac::verify(&macs().proof, &claims, &mac).is_ok())
}
