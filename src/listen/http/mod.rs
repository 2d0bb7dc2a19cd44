//! HTTP/1.x and HTTP/2 on one port, listener's side; gRPC calls go to the part `grpc`.
//!
//! To a stranger this is a bland service: a few octets of text on the paths of the plan, 404 elsewhere, no `Server` header.

mod grpc;
mod seen;

use super::patience::Clock;
use super::{Seen, StandIn};
use crate::net::{Io, clock};
use crate::proto::challenge::{CHALLENGE_HEADER, MAX_PADDING, PADDING_HEADER, PROOF_HEADER};
use crate::proto::question::mark_in;
use crate::proto::stand_in;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Body of every answer.
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Time for the head of a request, from the first octet or from the end of the request before.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Octets of all headers of a request.
const MAX_HEAD: u16 = 16 * 1024;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;
/// An HTTP/2 connection on which nothing came for so long is pinged, and ended without an answer.
const IDLE: Duration = Duration::from_secs(20);

/// Serves one connection until the other end closes it or breaks a limit.
///
/// # Errors
/// Those of the connection, in words.
pub async fn serve(stream: impl Io + 'static, seen: Seen, here: Arc<StandIn>) -> io::Result<()> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    let clock = Clock::new(seen.patient.clone());
    server.http1().timer(clock.clone()).header_read_timeout(HEAD_DEADLINE).max_headers(MAX_HEADERS).max_buf_size(usize::from(MAX_HEAD));
    server
        .http2()
        .timer(clock)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::from(MAX_HEAD))
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(HEAD_DEADLINE);
    let service = service_fn(move |request| answer(request, seen.clone(), here.clone()));
    server.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn answer(request: Request<Incoming>, seen: Seen, here: Arc<StandIn>) -> Result<Response<Body>, Infallible> {
    let mark = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).and_then(mark_in);
    here.sightings.requests.http(request.uri().path(), mark, clock::steady());
    let proof = request
        .headers()
        .get(CHALLENGE_HEADER)
        .and_then(|challenge| challenge.to_str().ok())
        .and_then(|challenge| {
            here.prove_text(&seen, challenge, Some(seen::http_seen(request.version(), request.uri().path(), request.headers())))
        })
        .and_then(|proof| HeaderValue::try_from(proof).ok());
    if grpc::is_call(&request) {
        return Ok(grpc::answer(request, &here.paths, proof).await);
    }
    // Padding comes back in the body as it came, to whoever showed the key, and never more of it than came.
    let padding = request.headers().get(PADDING_HEADER).filter(|_| proof.is_some()).map_or(&b""[..], |value| value.as_bytes());
    let padding = &padding[..padding.len().min(MAX_PADDING)];
    let (status, text) = if here.paths.iter().any(|served| below(request.uri().path(), served).is_some()) {
        (StatusCode::OK, stand_in::OK)
    } else {
        (StatusCode::NOT_FOUND, stand_in::NOT_FOUND)
    };
    let mut response = Response::new(whole(Bytes::from([text.as_bytes(), padding].concat())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(stand_in::CONTENT_TYPE));
    carry(response.headers_mut(), proof);
    Ok(response)
}

/// What is left of `path` below `served`: empty for the path itself, else from the next `/` on. Letters match in either case, as in IIS.
fn below<'a>(path: &'a str, served: &str) -> Option<&'a str> {
    let served = served.trim_matches('/');
    if served.is_empty() {
        return Some(path);
    }
    let inner = path.strip_prefix('/')?;
    let (head, rest) = (inner.get(..served.len())?, inner.get(served.len()..)?);
    (head.eq_ignore_ascii_case(served) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

fn carry(headers: &mut HeaderMap, proof: Option<HeaderValue>) {
    if let Some(proof) = proof {
        headers.insert(PROOF_HEADER, proof);
    }
}

fn whole(octets: Bytes) -> Body {
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
