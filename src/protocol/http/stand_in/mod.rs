//! HTTP/1.x and HTTP/2 on one port, listener's side; gRPC calls go to the part `grpc`.
//!
//! To a stranger this is a bland service: a few octets of text on the paths of the plan, 404
//! elsewhere, no `Server` header.

pub(crate) mod body;
mod seen;

use self::body::{Body, below, carry, whole};
use crate::net::{Io, clock};
use crate::protocol::grpc::answer as grpc;
use crate::stand_in::patience::Clock;
use crate::stand_in::{Caller, StandIn};
use crate::wire::challenge::{CHALLENGE_HEADER, MAX_PADDING, PADDING_HEADER};
use crate::wire::question::mark_in;
use crate::wire::stand_in;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Time for the head of a request, from the first octet or from the end of the request before.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Octets of all headers of a request.
const MAX_HEAD: u16 = 16 * 1024;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;
/// Octets of bodies that may come unread on one HTTP/2 connection: nobody here needs a body but
/// gRPC, whose requests are small.
const WINDOW: u32 = 16 * 1024;
/// An HTTP/2 connection on which nothing came for so long is pinged, and ended without an answer.
const IDLE: Duration = Duration::from_secs(20);

/// Serves one connection until the other end closes it or breaks a limit.
///
/// # Errors
/// Those of the connection, in words.
pub async fn serve(stream: impl Io + 'static, seen: Caller, here: &Arc<StandIn>) -> io::Result<()> {
    let here = here.clone();
    let mut server = auto::Builder::new(TokioExecutor::new());
    let clock = Clock::new(seen.standing.clone());
    server
        .http1()
        .timer(clock.clone())
        .header_read_timeout(HEAD_DEADLINE)
        // hyper puts its refusal of a broken request ahead of what still waits to be sent of the
        // answers before it, where bodies wait in a queue of their own. Ours are small: a copy costs
        // nothing.
        .writev(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(usize::from(MAX_HEAD));
    server
        .http2()
        .timer(clock)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::from(MAX_HEAD))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(usize::try_from(WINDOW).unwrap_or_default())
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(HEAD_DEADLINE);
    let service = service_fn(move |request| answer(request, seen.clone(), here.clone()));
    server.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn answer(
    request: Request<Incoming>,
    seen: Caller,
    here: Arc<StandIn>,
) -> io::Result<Response<Body>> {
    seen.standing.request()?;
    let mark =
        request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).and_then(mark_in);
    let planned = here.paths.iter().any(|served| below(request.uri().path(), served).is_some())
        || grpc::is_call(&request);
    here.sightings.requests.http(request.uri().path(), mark, planned, clock::steady());
    let proof = request
        .headers()
        .get(CHALLENGE_HEADER)
        .and_then(|challenge| challenge.to_str().ok())
        .and_then(|challenge| {
            here.prove_text(
                &seen,
                challenge,
                Some(seen::http_seen(request.version(), request.uri().path(), request.headers())),
            )
        })
        .and_then(|proof| HeaderValue::try_from(proof).ok());
    if grpc::is_call(&request) {
        return Ok(grpc::answer(request, &here.paths, proof).await);
    }
    // Padding comes back in the body as it came, to whoever showed the key, and never more of it
    // than came.
    let padding = request
        .headers()
        .get(PADDING_HEADER)
        .filter(|_| proof.is_some())
        .map_or(&b""[..], |value| value.as_bytes());
    let padding = &padding[..padding.len().min(MAX_PADDING)];
    let (status, text) =
        if here.paths.iter().any(|served| below(request.uri().path(), served).is_some()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::model::Protocol;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What comes back for these octets, read by somebody who has room for few at a time.
    async fn answers(octets: &'static [u8], room: usize) -> String {
        let (mut other, own) = tokio::io::duplex(room);
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
        let here = Arc::new(StandIn::new("psp", Protocol::Http, None));
        let server = async { drop(serve(own, Caller::new(address, address), &here).await) };
        let client = async {
            let (mut reader, mut writer) = tokio::io::split(&mut other);
            let say = async {
                drop(writer.write_all(octets).await);
                drop(writer.shutdown().await);
            };
            let mut heard = Vec::new();
            drop(tokio::join!(say, reader.read_to_end(&mut heard)));
            String::from_utf8_lossy(&heard).into_owned()
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn a_broken_request_is_refused_behind_the_answers_before_it() {
        for room in [1, 3, 40, 4096] {
            let heard = answers(b"GET / HTTP/1.1\r\n\r\nG\xa2 x\r\n\r\n", room).await;
            let (first, second) = heard.split_once("Not Found\n").expect("a whole answer");
            assert!(first.starts_with("HTTP/1.1 404 Not Found\r\n"), "{room}: {heard}");
            assert!(second.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{room}: {heard}");
        }
    }
}
