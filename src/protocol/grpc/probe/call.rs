//! One call, and what its answer means.

use super::connection::Connection;
use crate::climb::first_octets::Recorded;
use crate::net::clock;
use crate::net::fetch::AGENT;
use crate::observation::failure::Failure;
use crate::protocol::grpc::classify::Answer;
use crate::protocol::grpc::codec::{CONTENT_TYPE, Deframer, HEALTH_REQUEST, frame, health_status};
use crate::protocol::http::classify::recognise::recognise;
use crate::protocol::http::codec::status;
use crate::protocol::http::probe::http2::ended_by_peer;
use crate::reason::Reason;
use crate::wire::challenge::CHALLENGE_HEADER;
use crate::wire::octets::raw_status;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, Version, header};
use std::io;

/// Octets of an answer that are read.
const MAX_BODY: usize = 16 * 1024;

/// Begins a call: the headers are on their way, the request is still open.
///
/// # Errors
/// When the connection ended, or name and path cannot stand in a request.
pub async fn begin(
    connection: &Connection,
    prefix: &str,
    method: &str,
) -> Result<(ResponseFuture, SendStream<Bytes>), Failure> {
    let uri = format!("{}://{}{prefix}{method}", connection.scheme, connection.authority);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .version(Version::HTTP_2)
        .header(header::TE, "trailers")
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header(header::USER_AGENT, AGENT);
    if let Some(challenge) = &connection.challenge {
        request = request.header(CHALLENGE_HEADER, challenge);
    }
    let request =
        request.body(()).map_err(|e| Failure::local(Reason::NotTested).saying(e.to_string()))?;
    let mut sender =
        connection.sender.clone().ready().await.map_err(|e| failure(&e, &connection.head))?;
    sender.send_request(request, false).map_err(|e| failure(&e, &connection.head))
}

/// One request message, one answer.
///
/// # Errors
/// When no head of an answer came.
pub async fn unary(connection: &Connection, prefix: &str, method: &str) -> Result<Answer, Failure> {
    let (response, mut send) = begin(connection, prefix, method).await?;
    // A server may answer, or reset, before it read the message: the answer tells which.
    let _ = send.send_data(Bytes::from(frame(HEALTH_REQUEST)), true);
    let (head, mut body) = response.await.map_err(|e| failure(&e, &connection.head))?.into_parts();
    let mut answer = Answer {
        prefix: prefix.to_owned(),
        ..Answer::of_head(head.status.as_u16(), &head.headers, clock::now())
    };
    match read(&mut body).await {
        Ok((octets, trailers)) => {
            answer.recognised = recognise(answer.status, &head.headers, &octets);
            answer.octets = octets.len();
            answer.turned_away = status::turned_away(&octets).filter(|_| answer.status >= 400);
            let mut messages = Deframer::default();
            messages.push(&octets);
            answer.serving =
                messages.next_message().ok().flatten().and_then(|m| health_status(&m.body));
            if let Some(trailers) = trailers {
                answer.trailers = true;
                answer.take_last(&trailers);
            }
        }
        Err(error) => answer.broken = Some(failure(&error, &connection.head)),
    }
    Ok(answer)
}

/// The octets of an answer up to a bound, and its trailers.
async fn read(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut octets = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        // More than fits is not a health check's answer; the trailers are not waited for.
        if octets.len() + data.len() > MAX_BODY {
            return Ok((octets, None));
        }
        let _ = body.flow_control().release_capacity(data.len());
        octets.extend_from_slice(&data);
    }
    Ok((octets, body.trailers().await?))
}

/// What an error of HTTP/2 in the middle of a call means.
pub fn failure(error: &h2::Error, head: &Recorded) -> Failure {
    if let Some(error) = error.get_io() {
        // To h2 an orderly close is a broken pipe.
        let closed = head.ended() == Some(io::ErrorKind::UnexpectedEof);
        return match head.error().filter(|seen| closed || seen.raw_os_error().is_some()) {
            Some(seen) => Failure::after_connect(&seen),
            None => Failure::after_connect(error),
        };
    }
    let words = error.to_string();
    if error.is_remote() {
        return ended_by_peer(error, Reason::GrpcFailed);
    }
    // The answer broke a rule of HTTP/2 and was dropped unread. Two such answers tell on their own:
    // nginx gives status 000 when what is behind it did not answer in HTTP/1.x, and passes on the
    // `upgrade` of ASP.NET's 426, which has no place in HTTP/2.
    match raw_status(&head.octets()) {
        Some(status @ ("000" | "426")) => Failure::peer(Reason::Http2NotCarried)
            .noting(|facts| facts.http.raw_status = Some(status.to_owned())),
        _ => Failure::peer(Reason::GrpcFailed),
    }
    .saying(words)
}
