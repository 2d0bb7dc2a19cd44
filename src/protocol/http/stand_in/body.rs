//! Bodies and paths that HTTP and gRPC share.

use crate::wire::challenge::PROOF_HEADER;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use std::io;

/// Body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What is left of `path` below `served`: empty for the path itself, else from the next `/` on.
/// Letters match in either case, as in IIS.
pub(crate) fn below<'a>(path: &'a str, served: &str) -> Option<&'a str> {
    let served = served.trim_matches('/');
    if served.is_empty() {
        return Some(path);
    }
    let inner = path.strip_prefix('/')?;
    let (head, rest) = (inner.get(..served.len())?, inner.get(served.len()..)?);
    (head.eq_ignore_ascii_case(served) && (rest.is_empty() || rest.starts_with('/')))
        .then_some(rest)
}

pub(crate) fn carry(headers: &mut HeaderMap, proof: Option<HeaderValue>) {
    if let Some(proof) = proof {
        headers.insert(PROOF_HEADER, proof);
    }
}

pub(crate) fn whole(octets: Bytes) -> Body {
    Full::new(octets).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn paths_match_in_either_case_and_only_whole_segments() {
        assert_eq!(below("/agent", "/Agent"), Some(""));
        assert_eq!(below("/AGENT/x/y", "/Agent/"), Some("/x/y"));
        assert_eq!(below("/agents", "/Agent"), None);
        assert_eq!(below("/", "/Agent"), None);
        assert_eq!(below("*", "/Agent"), None);
        assert_eq!(below("/\u{e9}gent", "/Agent"), None, "a cut inside a character is no match");
        assert_eq!(below("/a/b", "/"), Some("/a/b"));
    }
}
