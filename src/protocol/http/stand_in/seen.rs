//! What a request tells about the way it came.

use crate::wire::challenge::HttpSeen;
use hyper::{HeaderMap, Version};

/// Headers that devices on the way add. A name that ends in `-` stands for all that begin so.
const ADDED: &[&str] = &[
    "via",
    "forwarded",
    "x-forwarded-",
    "x-real-ip",
    "x-client-ip",
    "x-original-",
    "x-arr-",
    "x-azure-",
    "x-appgw-",
    "x-amzn-",
    "x-envoy-",
    "x-proxy-",
    "x-proxyuser-",
    "x-bluecoat-",
    "x-iwproxy-",
    "cf-",
    "front-end-https",
    "true-client-ip",
];
/// Header lines told.
const MAX_LINES: usize = 12;
/// Characters of a path that are told.
const MAX_PATH: usize = 256;
/// Characters of one line.
const MAX_LINE: usize = 160;
/// Characters of all lines: the proof must fit into the header buffer of any proxy on the way back,
/// of which 4 KiB is the smallest.
const MAX_ALL: usize = 1024;

/// Version and added headers of a request, within bounds.
pub fn http_seen(version: Version, path: &str, headers: &HeaderMap) -> HttpSeen {
    let version = match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "other",
    };
    let mut left = MAX_ALL;
    let added = headers
        .iter()
        .filter(|(name, _)| is_added(name.as_str()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let printable = value.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' });
            format!("{name}: ").chars().chain(printable).take(MAX_LINE).collect::<String>()
        })
        .take(MAX_LINES)
        .take_while(|line| {
            let fits = line.len() <= left;
            left = left.saturating_sub(line.len());
            fits
        })
        .collect();
    HttpSeen { version: version.to_owned(), path: path.chars().take(MAX_PATH).collect(), added }
}

fn is_added(name: &str) -> bool {
    ADDED
        .iter()
        .any(|added| if added.ends_with('-') { name.starts_with(added) } else { name == *added })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    #[test]
    fn only_what_was_added_is_told_and_within_bounds() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("psp"));
        headers.insert("authorization", HeaderValue::from_static("secret"));
        headers.insert("via", HeaderValue::from_static("1.1 proxy"));
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_bytes(b"10.0.0.1\xff").expect("opaque octets are allowed"),
        );
        assert_eq!(
            http_seen(Version::HTTP_11, "/", &headers).added,
            ["via: 1.1 proxy", "x-forwarded-for: 10.0.0.1?"]
        );

        for n in 0..50 {
            let name = HeaderName::try_from(format!("x-arr-{n}")).expect("a name");
            headers.insert(name, HeaderValue::try_from("a".repeat(5000)).expect("a value"));
        }
        let added = http_seen(Version::HTTP_2, "/", &headers).added;
        assert!(
            added.len() <= MAX_LINES && added.iter().map(String::len).sum::<usize>() <= MAX_ALL,
            "{added:?}"
        );
        assert!(added.iter().all(|line| line.len() <= MAX_LINE));
    }
}
