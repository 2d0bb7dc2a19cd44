//! Short texts that people, files and the environment give: proxies, sets of ports, texts made safe.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::port_set::PortSet;
use portmatrix::observation::StepKind;
use portmatrix::site::proxy::{NoProxy, Route};
use portmatrix::text::{sanitise, spreadsheet_safe, steers};
use portmatrix::wire::octets::{looks_like, printable, raw_status};
use portmatrix_fuzz::choices::{Choices, text};

/// What percent-encoding means, written a second time.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |octet: Option<&u8>| char::from(*octet?).to_digit(16);
    let (octets, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < octets.len() {
        match (octets[at], digit(octets.get(at + 1)), digit(octets.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two digits"));
                at += 3;
            }
            (octet, ..) => {
                out.push(octet);
                at += 1;
            }
        }
    }
    out
}

/// A proxy with a password, which no error repeats and no output shows.
fn proxy(choices: &mut Choices<'_>) {
    let scheme = ["", "http://", "https://", "HTTP://", "socks5://"][choices.below(5)];
    let length = choices.below(16);
    let password = format!("{}S3CRET", text(choices.some(length)));
    let place = ["proxy:3128", "proxy", "[::1]:80", "x y:1", ":", "proxy:99999"][choices.below(6)];
    let whole = format!("{scheme}ann:{password}@{place}{}", text(choices.0));
    match whole.parse::<Route>() {
        Ok(Route::Proxy(proxy)) => {
            let shown = format!("{proxy:?} {}", proxy.label());
            assert!(!shown.contains("S3CRET"), "{shown}");
            assert!(proxy.port > 0 && !proxy.host.is_empty());
            // What stands behind the place may have such signs too.
            let authority = whole.strip_prefix(scheme).unwrap_or(&whole);
            let user = authority.trim().split('/').next().and_then(|a| a.rsplit_once('@'));
            if let (Some(told), Some((user, _))) = (proxy.authorization(), user) {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                let both = [decoded(name), b":".to_vec(), decoded(password)].concat();
                assert_eq!(told, format!("Basic {}", data_encoding::BASE64.encode(&both)));
            }
        }
        Ok(Route::Direct) => panic!("{whole}"),
        Err(error) => assert!(!error.to_string().contains("S3CRET"), "{error}"),
    }
}

fn ports(words: &str) {
    let Ok(set) = words.parse::<PortSet>() else { return };
    assert!(!set.is_empty() && set.first() > 0);
    assert_eq!(set.iter().count(), set.len());
    assert!(set.iter().is_sorted());
    assert!(set.contains(set.first()) && set.iter().next() == Some(set.first()));
    assert_eq!(set.to_string().parse(), Ok(set.clone()));
    assert_eq!(set.union(&set), set);
    if let Some(moved) = set.shifted(1) {
        assert_eq!((moved.len(), moved.first()), (set.len(), set.first() + 1));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    match choices.octet() % 5 {
        0 => proxy(&mut choices),
        1 => ports(text(choices.0)),
        2 => {
            let length = choices.below(64);
            let host = text(choices.some(length));
            let none = NoProxy::parse(text(choices.0));
            assert_eq!(none.covers(host), none.covers(&host.to_ascii_uppercase()), "{none:?}");
            assert!(!NoProxy::parse("").covers(host));
        }
        3 => {
            let most = choices.below(300);
            let words = String::from_utf8_lossy(choices.0);
            let safe = sanitise(&words, most);
            assert!(safe.chars().count() <= most + 1 && !safe.chars().any(steers));
            assert_eq!(sanitise(&safe, most + 1), safe, "safe once is safe");
            let field = spreadsheet_safe(&words);
            assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            assert_eq!(spreadsheet_safe(&field), field);
        }
        _ => {
            let most = choices.below(300);
            let shown = printable(choices.0, most);
            assert!(shown.len() <= most && shown.len() <= choices.0.len());
            assert!(shown.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
            let _ = (looks_like(choices.0), raw_status(choices.0));
            let words = text(choices.0);
            if let Ok(kind) = serde_json::from_value::<StepKind>(words.into()) {
                assert_eq!(serde_json::to_value(kind).ok(), Some(words.into()));
            }
        }
    }
});
