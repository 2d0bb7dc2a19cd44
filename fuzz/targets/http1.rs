//! Heads and chunks of HTTP/1 answers: what was read once stays, whatever comes behind it.

#![no_main]
use http::Method;
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::http::codec::http1::{Framing, Parsed, chunks, may_be_http, parse};
use portmatrix_fuzz::choices::Choices;

fn heads(data: &[u8]) {
    let whole = parse(data);
    assert!(may_be_http(data) || matches!(whole, Parsed::NotHttp));
    if let Parsed::Whole(head) = &whole {
        assert!(head.len <= data.len() && (100..1000).contains(&head.status));
        assert!(head.headers.len() <= 2000);
        for method in [Method::GET, Method::HEAD, Method::CONNECT] {
            let framing = head.framing(&method);
            assert!(!head.is_interim() || framing == Framing::None);
            assert!(framing != Framing::UntilClose || head.closes(framing));
        }
        assert_eq!(head.odd.len(), {
            let mut odd = head.odd.clone();
            odd.sort_unstable();
            odd.dedup();
            odd.len()
        });
    }
    let step = data.len() / 32 + 1;
    for end in (0..data.len()).step_by(step) {
        match (parse(&data[..end]), &whole) {
            (Parsed::Begun, _) | (Parsed::NotHttp, Parsed::NotHttp) => {}
            (Parsed::Whole(begun), Parsed::Whole(whole)) => {
                assert_eq!((begun.len, begun.status), (whole.len, whole.status));
                assert_eq!(begun.headers, whole.headers);
            }
            (begun, whole) => panic!("{end}: {begun:?}, and {whole:?}"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    if choices.octet() & 1 == 0 {
        return heads(choices.0);
    }
    let most = usize::from(choices.word());
    let data = choices.0;
    let Ok((body, end)) = chunks(data, most) else { return };
    assert!(body.len() <= most && body.len() <= data.len(), "more than came");
    if let Some(end) = end {
        assert!(end <= data.len());
        assert_eq!(chunks(&data[..end], most), Ok((body.clone(), Some(end))));
    }
    // A body only grows.
    let step = data.len() / 32 + 1;
    for cut in (0..data.len()).step_by(step) {
        let (begun, done) = chunks(&data[..cut], most).expect("the beginning of what was read");
        assert!(body.starts_with(&begun));
        assert!(done.is_none() || done == end, "{cut}: {done:?}, and {end:?}");
    }
});
