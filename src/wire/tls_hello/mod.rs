//! A TLS greeting that offers what this program does not speak itself (old versions, cipher suites,
//! groups, signatures), and as much of the answer as tells what a server chose of it. Nothing is
//! agreed on with it: whoever answers is alive, and speaks TLS in another way.

use super::der;
use super::tls_alert::Alert;

/// Octets of an answer that are looked at: a certificate chain stands before what is wanted.
pub const MAX_ANSWER: usize = 64 * 1024;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const TLS13: u16 = 0x0304;
const TLS12: u16 = 0x0303;
/// The random of a HelloRetryRequest begins so (RFC 8446 section 4.1.3).
const RETRY: [u8; 8] = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];

/// How a suite agrees on keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// TLS 1.3: by an extension.
    Extension,
    /// Elliptic curves, signed.
    Ecdhe,
    /// Finite fields, signed.
    Dhe,
    /// The client encrypts for the server's certificate, or the two have a key already, or nobody
    /// signs.
    Other,
}

use Keys::{Dhe, Ecdhe, Extension, Other};

/// The suites that are offered, preferred ones first; `true` marks those that this program speaks
/// itself. Those stand first, so that a server that chooses another one has none of them.
const SUITES: &[(u16, bool, Keys, &str)] = &[
    (0x1302, true, Extension, "TLS_AES_256_GCM_SHA384"),
    (0x1301, true, Extension, "TLS_AES_128_GCM_SHA256"),
    (0x1303, true, Extension, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, false, Extension, "TLS_AES_128_CCM_SHA256"),
    (0x1305, false, Extension, "TLS_AES_128_CCM_8_SHA256"),
    (0xc02c, true, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02b, true, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xcca9, true, Ecdhe, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc030, true, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, true, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xcca8, true, Ecdhe, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc0ad, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xc0ac, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xc024, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc023, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, false, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, false, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc05d, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc05c, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc061, false, Ecdhe, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc060, false, Ecdhe, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc073, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xc072, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc077, false, Ecdhe, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xc076, false, Ecdhe, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc00a, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc009, false, Ecdhe, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc014, false, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc013, false, Ecdhe, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x009f, false, Dhe, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, false, Dhe, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xccaa, false, Dhe, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc09f, false, Dhe, "TLS_DHE_RSA_WITH_AES_256_CCM"),
    (0xc09e, false, Dhe, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    (0x006b, false, Dhe, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, false, Dhe, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0039, false, Dhe, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, false, Dhe, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0088, false, Dhe, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0045, false, Dhe, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x00a3, false, Dhe, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"),
    (0x0038, false, Dhe, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x0032, false, Dhe, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x009d, false, Other, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009c, false, Other, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc09d, false, Other, "TLS_RSA_WITH_AES_256_CCM"),
    (0xc09c, false, Other, "TLS_RSA_WITH_AES_128_CCM"),
    (0xc051, false, Other, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc050, false, Other, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0x003d, false, Other, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x003c, false, Other, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0035, false, Other, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x002f, false, Other, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0084, false, Other, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0041, false, Other, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0xc012, false, Ecdhe, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, false, Dhe, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x000a, false, Other, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, false, Other, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, false, Other, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x003b, false, Other, "TLS_RSA_WITH_NULL_SHA256"),
    (0x0002, false, Other, "TLS_RSA_WITH_NULL_SHA"),
    (0x00a9, false, Other, "TLS_PSK_WITH_AES_256_GCM_SHA384"),
    (0x00a8, false, Other, "TLS_PSK_WITH_AES_128_GCM_SHA256"),
    (0xc036, false, Other, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA"),
    (0xc035, false, Other, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA"),
    (0x00ab, false, Other, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"),
    (0x00aa, false, Other, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256"),
    (0x008d, false, Other, "TLS_PSK_WITH_AES_256_CBC_SHA"),
    (0x008c, false, Other, "TLS_PSK_WITH_AES_128_CBC_SHA"),
    (0x00a7, false, Other, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    (0x00a6, false, Other, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    (0xc019, false, Other, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"),
    (0xc018, false, Other, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    (0x003a, false, Other, "TLS_DH_anon_WITH_AES_256_CBC_SHA"),
    (0x0034, false, Other, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
];

/// The groups that are offered (RFC 8446 section 4.2.7, RFC 8422, RFC 8734), and whether this
/// program speaks them.
const GROUPS: &[(u16, bool, &str)] = &[
    (0x001d, true, "X25519"),
    (0x0017, true, "P-256"),
    (0x0018, true, "P-384"),
    (0x0019, true, "P-521"),
    (0x001e, false, "X448"),
    (0x001f, false, "brainpoolP256r1tls13"),
    (0x0020, false, "brainpoolP384r1tls13"),
    (0x0021, false, "brainpoolP512r1tls13"),
    (0x0016, false, "secp256k1"),
    (0x0015, false, "P-224"),
    (0x0013, false, "P-192"),
    (0x001a, false, "brainpoolP256r1"),
    (0x001b, false, "brainpoolP384r1"),
    (0x001c, false, "brainpoolP512r1"),
    (0x0100, false, "ffdhe2048"),
    (0x0101, false, "ffdhe3072"),
    (0x0102, false, "ffdhe4096"),
    (0x0103, false, "ffdhe6144"),
    (0x0104, false, "ffdhe8192"),
    (0x11ec, false, "X25519MLKEM768"),
    (0x11eb, false, "SecP256r1MLKEM768"),
    (0x11ed, false, "SecP384r1MLKEM1024"),
    (0x0200, false, "MLKEM512"),
    (0x0201, false, "MLKEM768"),
    (0x0202, false, "MLKEM1024"),
];

/// The signatures that are offered (RFC 8446 section 4.2.3), and whether this program takes them in
/// a handshake.
const SCHEMES: &[(u16, bool, &str)] = &[
    (0x0403, true, "ecdsa_secp256r1_sha256"),
    (0x0503, true, "ecdsa_secp384r1_sha384"),
    (0x0807, true, "ed25519"),
    (0x0804, true, "rsa_pss_rsae_sha256"),
    (0x0805, true, "rsa_pss_rsae_sha384"),
    (0x0806, true, "rsa_pss_rsae_sha512"),
    (0x0401, true, "rsa_pkcs1_sha256"),
    (0x0501, true, "rsa_pkcs1_sha384"),
    (0x0601, true, "rsa_pkcs1_sha512"),
    (0x0603, true, "ecdsa_secp521r1_sha512"),
    (0x0809, true, "rsa_pss_pss_sha256"),
    (0x080a, true, "rsa_pss_pss_sha384"),
    (0x080b, true, "rsa_pss_pss_sha512"),
    (0x0808, false, "ed448"),
    (0x081a, false, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x081b, false, "ecdsa_brainpoolP384r1tls13_sha384"),
    (0x081c, false, "ecdsa_brainpoolP512r1tls13_sha512"),
    (0x0904, false, "mldsa44"),
    (0x0905, false, "mldsa65"),
    (0x0906, false, "mldsa87"),
    (0x0303, false, "ecdsa_sha224"),
    (0x0301, false, "rsa_pkcs1_sha224"),
    (0x0402, false, "dsa_sha256"),
    (0x0203, false, "ecdsa_sha1"),
    (0x0201, false, "rsa_pkcs1_sha1"),
    (0x0202, false, "dsa_sha1"),
    (0x0101, false, "rsa_pkcs1_md5"),
];

/// Keys of certificates that fit the above.
const KEYS: &[&str] = &["RSA", "RSA-PSS", "EC P-256", "EC P-384", "EC P-521", "Ed25519", "Ed448"];

/// Signatures that a handshake of this program takes.
pub fn own_schemes() -> impl Iterator<Item = u16> {
    SCHEMES.iter().filter(|(_, own, _)| *own).map(|(code, ..)| *code)
}

/// Cipher suites that this program speaks.
pub fn own_suites() -> impl Iterator<Item = u16> {
    SUITES.iter().filter(|(_, own, ..)| *own).map(|(code, ..)| *code)
}

/// Groups that this program speaks.
pub fn own_groups() -> impl Iterator<Item = u16> {
    GROUPS.iter().filter(|(_, own, _)| *own).map(|(code, ..)| *code)
}

fn vector<const N: usize>(contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[4 - N..], contents].concat()
}

fn words(all: impl Iterator<Item = u16>) -> Vec<u8> {
    all.flat_map(u16::to_be_bytes).collect()
}

fn extension(code: u16, contents: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &vector::<2>(contents)].concat()
}

/// How much a greeting offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Every version from 1.0 to 1.3.
    All,
    /// TLS 1.0 to 1.2, as programs offered them before there was 1.3: some old servers break off at
    /// what they do not know.
    Old,
}

/// A greeting in one record. `name` is the server's, where it is a name and no address (RFC 6066
/// section 3).
pub fn client_hello(random: &[u8; 32], name: Option<&str>, offer: Offer) -> Vec<u8> {
    let old = offer == Offer::Old;
    let suites =
        SUITES.iter().filter(|(_, _, keys, _)| !old || *keys != Extension).map(|(code, ..)| *code);
    // What a client says that does not renegotiate (RFC 5746 section 3.3); some servers insist.
    let suites = words(suites.chain([0x00ff]));
    let groups = GROUPS.iter().filter(|(code, ..)| !old || *code < 0x001f).map(|(code, ..)| *code);
    let schemes =
        SCHEMES.iter().filter(|(code, ..)| !old || *code < 0x0900).map(|(code, ..)| *code);
    let mut extensions = Vec::new();
    if let Some(name) = name {
        extensions.extend(extension(
            0,
            &vector::<2>(&[&[0], &vector::<2>(name.as_bytes())[..]].concat()),
        ));
    }
    extensions.extend(extension(10, &vector::<2>(&words(groups))));
    extensions.extend(extension(11, &vector::<1>(&[0])));
    extensions.extend(extension(13, &vector::<2>(&words(schemes))));
    if !old {
        extensions.extend(extension(
            43,
            &vector::<1>(&words([TLS13, TLS12, 0x0302, 0x0301].into_iter())),
        ));
        // No key is offered: the server then names the group that it would take (RFC 8446 section
        // 4.2.8).
        extensions.extend(extension(51, &vector::<2>(&[])));
    }
    let message = |extensions: &[u8]| {
        let hello = [
            &TLS12.to_be_bytes()[..],
            random,
            &vector::<1>(&[]),
            &vector::<2>(&suites),
            &vector::<1>(&[0]),
            &vector::<2>(extensions),
        ];
        [&[CLIENT_HELLO][..], &vector::<3>(&hello.concat())].concat()
    };
    // Some devices lose greetings between 256 and 511 octets (RFC 7685).
    if let length @ 256..=511 = message(&extensions).len() {
        extensions.extend(extension(21, &vec![0; 512_usize.saturating_sub(length + 4)]));
    }
    let message = message(&extensions);
    [&[HANDSHAKE, 3, 1][..], &vector::<2>(&message)].concat()
}

/// What a server chose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The version.
    pub version: u16,
    /// The cipher suite.
    pub suite: u16,
    /// The group of the key exchange, where one was told.
    pub group: Option<u16>,
    /// How the key exchange is signed, where that was told.
    pub scheme: Option<u16>,
    /// The kind of key that its certificate has, where that was seen.
    pub key: Option<&'static str>,
}

/// What an answer to a greeting says so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Not yet enough; what was chosen so far.
    More(Option<Chosen>),
    /// The server speaks TLS, and chose this.
    Chosen(Chosen),
    /// It broke off.
    Alert(Alert),
    /// It is no TLS.
    Other,
}

/// Reads an answer from its beginning.
pub fn read(octets: &[u8]) -> Answer {
    let (mut rest, mut messages, mut ended) = (octets, Vec::new(), false);
    loop {
        match rest {
            [] => break,
            [HANDSHAKE | ALERT | 20 | 23] | [HANDSHAKE | ALERT | 20 | 23, 3, ..] => {}
            _ if messages.is_empty() => return Answer::Other,
            _ => break,
        }
        let [kind, _, _, high, low, body @ ..] = rest else { break };
        let Some((body, after)) =
            body.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
        else {
            break;
        };
        match *kind {
            HANDSHAKE => messages.extend_from_slice(body),
            // A warning, as old servers give one about the name, is not the end.
            ALERT if messages.is_empty() => match body {
                [1, 0x01..=0xff] => {}
                [_, code] => return Answer::Alert(Alert(*code)),
                _ => return Answer::Other,
            },
            // What follows is encrypted, or the end.
            _ => {
                ended = true;
                break;
            }
        }
        rest = after;
    }
    let mut chosen: Option<Chosen> = None;
    let mut rest = &messages[..];
    while let [kind, a, b, c, body @ ..] = rest {
        let Some((body, after)) =
            body.split_at_checked(usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c))
        else {
            break;
        };
        rest = after;
        match (*kind, &mut chosen) {
            (SERVER_HELLO, slot @ None) => match server_hello(body) {
                Some(hello) => *slot = Some(hello),
                None => return Answer::Other,
            },
            (_, None) => return Answer::Other,
            (CERTIFICATE, Some(chosen)) => {
                chosen.key = leaf(body).and_then(der::public_key).map(|key| key.kind())
            }
            (SERVER_KEY_EXCHANGE, Some(chosen)) => {
                (chosen.group, chosen.scheme) = key_exchange(chosen, body);
                return Answer::Chosen(*chosen);
            }
            (SERVER_HELLO_DONE, Some(chosen)) => return Answer::Chosen(*chosen),
            _ => {}
        }
        if let Some(chosen) = chosen.filter(|c| !matches!(c.keys(), Some(Ecdhe | Dhe))) {
            return Answer::Chosen(chosen);
        }
    }
    match chosen {
        Some(chosen) if ended => Answer::Chosen(chosen),
        _ => Answer::More(chosen),
    }
}

fn server_hello(body: &[u8]) -> Option<Chosen> {
    let (version, rest) = take::<2>(body)?;
    let (random, rest) = rest.split_at_checked(32)?;
    let (session, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(*session)..)?;
    let (suite, rest) = take::<2>(rest)?;
    let mut chosen = Chosen {
        version: u16::from_be_bytes(version),
        suite: u16::from_be_bytes(suite),
        ..Chosen::default()
    };
    let retry = random.starts_with(&RETRY);
    // The compression, and the length of the extensions, which old servers leave out.
    let mut rest = rest.get(3..).unwrap_or_default();
    while let Some((code, after)) = take::<2>(rest) {
        let (length, after) = take::<2>(after)?;
        let (contents, after) = after.split_at_checked(usize::from(u16::from_be_bytes(length)))?;
        rest = after;
        match (u16::from_be_bytes(code), contents) {
            (43, [a, b]) => chosen.version = u16::from_be_bytes([*a, *b]),
            // In a retry the group alone; else with its key.
            (51, [a, b, more @ ..]) if retry == more.is_empty() => {
                chosen.group = Some(u16::from_be_bytes([*a, *b]))
            }
            _ => {}
        }
    }
    Some(chosen)
}

fn take<const N: usize>(octets: &[u8]) -> Option<([u8; N], &[u8])> {
    let (first, rest) = octets.split_first_chunk::<N>()?;
    Some((*first, rest))
}

/// The first certificate of a message (RFC 5246 section 7.4.2).
fn leaf(body: &[u8]) -> Option<&[u8]> {
    let [a, b, c, certificate @ ..] = body.get(3..)? else { return None };
    certificate.get(..usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c))
}

/// The group and the signature of a key exchange (RFC 8422 section 5.4, RFC 5246 section 7.4.3).
fn key_exchange(chosen: &Chosen, body: &[u8]) -> (Option<u16>, Option<u16>) {
    let read = || match (chosen.keys()?, body) {
        (Ecdhe, [3, a, b, length, rest @ ..]) => {
            Some((Some(u16::from_be_bytes([*a, *b])), rest.get(usize::from(*length)..)?))
        }
        (Dhe, body) => {
            let mut rest = body;
            for _ in 0..3 {
                let (length, after) = take::<2>(rest)?;
                rest = after.get(usize::from(u16::from_be_bytes(length))..)?;
            }
            Some((None, rest))
        }
        _ => None,
    };
    let Some((group, rest)) = read() else { return (None, None) };
    // Before TLS 1.2 nothing tells how it is signed: MD5 and SHA-1 together, or SHA-1.
    let scheme = take::<2>(rest)
        .filter(|_| chosen.version >= TLS12)
        .map(|(scheme, _)| u16::from_be_bytes(scheme));
    (group, scheme)
}

impl Chosen {
    fn keys(&self) -> Option<Keys> {
        SUITES.iter().find(|(code, ..)| *code == self.suite).map(|(_, _, keys, _)| *keys)
    }

    /// The version, in words.
    pub fn version_name(&self) -> &'static str {
        match self.version {
            0x0300 => "SSL 3.0",
            0x0301 => "TLS 1.0",
            0x0302 => "TLS 1.1",
            TLS12 => "TLS 1.2",
            TLS13 => "TLS 1.3",
            _ => "an unknown version of TLS",
        }
    }

    /// The name of the suite, or its number.
    pub fn suite_name(&self) -> String {
        let known = SUITES.iter().find(|(code, ..)| *code == self.suite);
        known.map_or_else(|| format!("0x{:04x}", self.suite), |(.., name)| (*name).to_owned())
    }

    /// The name of the group, or its number.
    pub fn group_name(&self) -> Option<String> {
        self.group.map(|group| name_in(GROUPS, group))
    }

    /// The name of the signature, or its number.
    pub fn scheme_name(&self) -> Option<String> {
        self.scheme.map(|scheme| name_in(SCHEMES, scheme))
    }

    /// What of it this program does not speak: `version`, `cipher suite`, `group`, `signature`,
    /// `certificate`; none where all is spoken, so that it was something else that the server did
    /// not like at first.
    pub fn foreign(&self) -> Vec<&'static str> {
        let spoken = |table: &[(u16, bool, &str)], code: Option<u16>| {
            code.is_none_or(|code| table.iter().any(|(known, own, _)| *known == code && *own))
        };
        let checks = [
            ("version", matches!(self.version, TLS12 | TLS13)),
            ("cipher suite", own_suites().any(|own| own == self.suite)),
            ("group", spoken(GROUPS, self.group)),
            // Before TLS 1.3 nothing here takes a key that is good for one padding alone.
            (
                "signature",
                spoken(SCHEMES, self.scheme)
                    && !(self.version <= TLS12 && matches!(self.scheme, Some(0x0809..=0x080b))),
            ),
            ("certificate", self.key.is_none_or(|key| KEYS.contains(&key))),
        ];
        checks.into_iter().filter(|(_, own)| !own).map(|(what, _)| what).collect()
    }
}

fn name_in(table: &[(u16, bool, &str)], code: u16) -> String {
    table
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or_else(|| format!("0x{code:04x}"), |(.., name)| (*name).to_owned())
}

#[cfg(test)]
mod tests;
