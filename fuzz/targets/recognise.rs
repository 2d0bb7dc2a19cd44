//! Which product answered, and what its answer means: details, whatever headers and page say.

#![no_main]
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::http::classify::recognise::recognise;
use portmatrix::protocol::http::codec::status::{
    Place, Said, Shown, leads_to_sign_in, of, said, turned_away, wants_tls,
};
use portmatrix_fuzz::choices::{Choices, text};

const NAMES: &[&str] = &[
    "server",
    "via",
    "x-powered-by",
    "location",
    "x-cache",
    "x-squid-error",
    "cf-ray",
    "www-authenticate",
    "x-aspnet-version",
    "x-azure-ref",
    "x-azure-fdid",
    "x-amz-cf-id",
    "content-type",
    "retry-after",
    "set-cookie",
    "x-envoy-upstream-service-time",
];

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let status = choices.word() % 1000;
    let bits = choices.word();
    let mut headers = HeaderMap::new();
    let mut lines = choices.0.split(|octet| *octet == b'\n');
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(16) {
        let name = NAMES[usize::from(line[0]) % NAMES.len()];
        if let Ok(value) = HeaderValue::from_bytes(&line[1..]) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let body = lines.collect::<Vec<_>>().join(&b'\n');
    let known = recognise(status, &headers, &body);
    if let Some(words) = &known.words {
        assert!(!words.is_empty() && words.len() <= 200, "{words}");
        assert!(words.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{words}");
    }
    assert!(!known.only_fronts || known.words.is_some());
    assert!(!(known.names_service() && known.only_fronts));
    // Of a long page its beginning alone counts.
    let long = [&body[..], &[b' '; 8192], b"<center>nginx</center>"].concat();
    if body.len() >= 4096 {
        assert_eq!(recognise(status, &headers, &long), known);
    }
    let bit = |at: u16| bits >> at & 1 == 1;
    let shown = Shown {
        place: [Place::Here, Place::OwnHttps, Place::Elsewhere][usize::from(bits >> 8) % 3],
        application: bit(0),
        service: known.names_service(),
        front_page: known.front_page,
        http_sys: known.http_sys,
        retry_after: bit(1),
        turned_away: turned_away(&body).is_some(),
        wants_tls: wants_tls(&body),
    };
    let told = said(status, &shown);
    assert!(of(status).from <= status || of(status).from == 0);
    assert!(
        !shown.wants_tls || told != Said::Yes,
        "TLS is wanted, and HTTP is taken for an answer"
    );
    let _ = leads_to_sign_in(text(&body));
});
