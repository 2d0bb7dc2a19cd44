//! The bidirectional stream: say something, hear it, say more, hear that, and only then close. A
//! device that collects a request before it passes it on lets every unary call through, and hangs
//! here.

use super::call::{begin, failure};
use super::connection::Connection;
use crate::net::clock;
use crate::observation::Facts;
use crate::observation::failure::Failure;
use crate::protocol::grpc::codec::{Code, Deframer, PING_PONG, STATUS_HEADER, frame};
use crate::protocol::http::classify::headers::text;
use crate::reason::Reason;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::HeaderName;
use std::time::Duration;

/// What is said, one after the other.
const WORDS: [&[u8]; 2] = [b"ping", b"ping again"];

/// Where answers come from, once their head is there.
enum Answers {
    Awaited(ResponseFuture),
    Open(u16, HeaderMap, RecvStream),
}

/// Climbs the rung; `deadline` holds for each echo.
///
/// # Errors
/// `grpc-buffered` when nothing comes back before the request is closed, else how the stream ended.
pub async fn ping_pong(
    connection: &Connection,
    prefix: &str,
    deadline: Duration,
) -> Result<Facts, Failure> {
    let begun = begin(connection, prefix, PING_PONG);
    let (response, mut send) =
        tokio::time::timeout(deadline, begun).await.map_err(|_| Failure::silent())??;
    let mut answers = Answers::Awaited(response);
    let mut messages = Deframer::default();
    let mut times = Vec::new();
    for word in WORDS {
        let said = clock::instant();
        let sent = send.send_data(Bytes::from(frame(word)), false);
        match tokio::time::timeout(deadline, hear(connection, &mut answers, &mut messages)).await {
            Ok(Ok(heard)) if heard == word => times.push(clock::ms_since(said)),
            Ok(Ok(_)) => {
                return Err(
                    Failure::peer(Reason::GrpcFailed).saying("the echo is not what was said")
                );
            }
            Ok(Err(failure)) => return Err(echoed(failure, times.len())),
            Err(_) if sent.is_err() => return Err(echoed(Failure::silent(), times.len())),
            Err(_) => {
                // Once the request is closed a device that held it back lets it go: that settles
                // it.
                let _ = send.send_data(Bytes::new(), true);
                let late =
                    tokio::time::timeout(deadline, hear(connection, &mut answers, &mut messages))
                        .await;
                // Held back is only what comes then; what never comes is lost.
                let came = matches!(late, Ok(Ok(_)));
                let failure = Failure::unknown(if came {
                    Reason::GrpcBuffered
                } else {
                    Reason::SilentAfterConnect
                });
                return Err(echoed(failure, times.len())
                    .noting(|facts| facts.grpc.answered_after_close = Some(came)));
            }
        }
    }
    let _ = send.send_data(Bytes::new(), true);
    let last = tokio::time::timeout(deadline, end(connection, answers))
        .await
        .map_err(|_| Failure::silent())??;
    let facts = Facts::of(|facts| facts.grpc.echo_ms.clone_from(&times));
    match last {
        Some(Code::OK) => Ok(facts),
        Some(code) => {
            Err(Failure::peer(Reason::GrpcFailed).noting(|facts| facts.grpc.ended_with(code)))
        }
        None => Err(echoed(Failure::peer(Reason::GrpcTrailersLost), times.len())),
    }
}

/// The same question to a service that gives no proof: no service knows this method, and every one
/// says so at once, while the request is still open. `None` where that does not tell: an answer
/// that never came, or a stream that was reset.
///
/// # Errors
/// `grpc-buffered` when the answer comes only once the request is closed; `http-status` when a
/// front refuses the method.
pub async fn answered_while_open(
    connection: &Connection,
    prefix: &str,
    behind_front: bool,
    deadline: Duration,
) -> Result<Option<Facts>, Failure> {
    let begun = tokio::time::timeout(deadline, begin(connection, prefix, PING_PONG)).await;
    let Ok(Ok((mut response, mut send))) = begun else { return Ok(None) };
    let _ = send.send_data(Bytes::from(frame(WORDS[0])), false);
    match tokio::time::timeout(deadline, &mut response).await {
        Ok(Ok(answer)) => {
            let status = status_of(answer.headers()).map(|code| code.name());
            // Every gRPC server says so in its own words. A front that lets the health check
            // through, and nothing else, says so in words of HTTP.
            if behind_front && status.is_none() && answer.status().as_u16() >= 300 {
                return Err(Failure::peer(Reason::HttpStatus)
                    .noting(|facts| facts.http.status = Some(answer.status().as_u16()))
                    .with("method", PING_PONG));
            }
            let said = status.map_or_else(|| true.into(), serde_json::Value::from);
            Ok(Some(Facts::of(|facts| facts.more.add("answered_while_open", said))))
        }
        Ok(Err(_)) => Ok(None),
        Err(_) => {
            let _ = send.send_data(Bytes::new(), true);
            match tokio::time::timeout(deadline, response).await {
                Ok(Ok(_)) => Err(echoed(Failure::unknown(Reason::GrpcBuffered), 0)
                    .noting(|facts| facts.grpc.answered_after_close = Some(true))),
                _ => Ok(None),
            }
        }
    }
}

/// A failure after so many echoes.
fn echoed(failure: Failure, echoes: usize) -> Failure {
    failure.noting(|facts| facts.grpc.echoes = Some(echoes))
}

/// A call that is kept open from one echo to the next.
pub struct Held {
    send: SendStream<Bytes>,
    answers: Answers,
    messages: Deframer,
}

impl Held {
    /// Opens it; without a deadline, as everything here.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn open(connection: &Connection, prefix: &str) -> Result<Self, Failure> {
        let (response, send) = begin(connection, prefix, PING_PONG).await?;
        Ok(Held { send, answers: Answers::Awaited(response), messages: Deframer::default() })
    }

    /// Says a word, and hears what comes back.
    ///
    /// # Errors
    /// How the call ended.
    pub async fn echo(&mut self, connection: &Connection, word: &[u8]) -> Result<Vec<u8>, Failure> {
        // More than the other end's window takes waits in the connection, and goes out as the
        // window opens.
        let _ = self.send.send_data(Bytes::from(frame(word)), false);
        hear(connection, &mut self.answers, &mut self.messages).await
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// How else it ended.
    pub async fn close(mut self, connection: &Connection) -> Result<(), Failure> {
        let _ = self.send.send_data(Bytes::new(), true);
        end(connection, self.answers).await.map(|_| ())
    }
}

/// The next message.
async fn hear(
    connection: &Connection,
    answers: &mut Answers,
    messages: &mut Deframer,
) -> Result<Vec<u8>, Failure> {
    loop {
        match messages.next_message() {
            Ok(Some(message)) => return Ok(message.body),
            Ok(None) => {}
            Err(error) => {
                return Err(Failure::peer(Reason::GrpcFailed).saying(error.to_string()));
            }
        }
        let body = match answers {
            Answers::Open(_, _, body) => body,
            Answers::Awaited(response) => {
                let (head, body) =
                    response.await.map_err(|e| failure(&e, &connection.head))?.into_parts();
                *answers = Answers::Open(head.status.as_u16(), head.headers, body);
                continue;
            }
        };
        match body.data().await {
            Some(Ok(data)) => {
                let _ = body.flow_control().release_capacity(data.len());
                messages.push(&data);
            }
            Some(Err(error)) => return Err(failure(&error, &connection.head)),
            None => return Err(ended_early(answers)),
        }
    }
}

/// The call was ended before the echo.
fn ended_early(answers: &Answers) -> Failure {
    let failure = Failure::peer(Reason::GrpcFailed).saying("the call was ended before the echo");
    match answers {
        Answers::Open(status @ 502..=504, ..) => Failure { reason: Reason::BadGateway, ..failure }
            .noting(|facts| facts.http.status = Some(*status)),
        Answers::Open(status, headers, _) => {
            let failure = failure.noting(|facts| facts.http.status = Some(*status));
            match status_of(headers) {
                Some(code) => failure.noting(|facts| facts.grpc.ended_with(code)),
                // Said by somebody who knows nothing of the call: a front to whom a message was too
                // large (413).
                None if (400..600).contains(status) => {
                    Failure { reason: Reason::HttpStatus, ..failure }
                }
                None => failure,
            }
        }
        Answers::Awaited(_) => failure,
    }
}

/// The status in the trailers; `None` when there are none.
async fn end(connection: &Connection, answers: Answers) -> Result<Option<Code>, Failure> {
    let Answers::Open(_, _, mut body) = answers else { return Ok(None) };
    while let Some(data) = body.data().await {
        let data = data.map_err(|e| failure(&e, &connection.head))?;
        let _ = body.flow_control().release_capacity(data.len());
    }
    let trailers = body.trailers().await.map_err(|e| failure(&e, &connection.head))?;
    Ok(trailers.as_ref().and_then(status_of))
}

fn status_of(headers: &HeaderMap) -> Option<Code> {
    text(headers, &HeaderName::from_static(STATUS_HEADER)).and_then(|status| Code::parse(&status))
}
