//! gRPC, listener's side: the health check for everyone, and an echo for who knows the site key.
//!
//! Both methods answer at the root and below every path of the plan, because a proxy may let only
//! such a path through.

use super::codec::{
    CONTENT_TYPE, Code, Deframer, HEALTH_CHECK, HEALTH_SERVING, MAX_MESSAGE, MESSAGE_HEADER,
    PING_PONG, PREFIX_LEN, STATUS_HEADER, frame, is_grpc,
};
use crate::protocol::http::stand_in::body::{Body, below, carry, whole};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Messages echoed on one stream.
const MAX_ECHOES: usize = 64;

/// Whether a request wants to be a gRPC call, over whatever version of HTTP it came.
pub fn is_call(request: &Request<Incoming>) -> bool {
    let content_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    request.method() == Method::POST && content_type.is_some_and(is_grpc)
}

/// Answers a call. The proof, if any, goes into the last headers of the answer, whatever the answer
/// is.
pub async fn answer(
    request: Request<Incoming>,
    paths: &[String],
    proof: Option<HeaderValue>,
) -> Response<Body> {
    if request.version() != Version::HTTP_2 {
        return not_http2(proof);
    }
    let path = request.uri().path();
    let called = |method: &str| {
        path == method || paths.iter().any(|served| below(path, served) == Some(method))
    };
    if called(HEALTH_CHECK) {
        check(request.into_body(), proof).await
    } else if called(PING_PONG) && proof.is_some() {
        let echo = Echo {
            incoming: request.into_body(),
            messages: Deframer::default(),
            echoed: 0,
            proof,
            ended: false,
        };
        response(echo.boxed_unsync())
    } else {
        trailers_only(Code::UNIMPLEMENTED, proof)
    }
}

/// `grpc.health.v1.Health/Check`: reads the one request message to its end, as a real server does,
/// and says SERVING.
async fn check(body: Incoming, proof: Option<HeaderValue>) -> Response<Body> {
    let octets = match Limited::new(body, PREFIX_LEN + MAX_MESSAGE).collect().await {
        Ok(all) => all.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return trailers_only(Code::RESOURCE_EXHAUSTED, proof);
        }
        Err(_) => return trailers_only(Code::INTERNAL, proof),
    };
    let mut messages = Deframer::default();
    messages.push(&octets);
    match messages.next_message() {
        Ok(Some(message)) if !message.compressed && messages.pending() == 0 => {}
        // No grpc-encoding is announced, so none may be used.
        Ok(Some(message)) if message.compressed => {
            return trailers_only(Code::UNIMPLEMENTED, proof);
        }
        _ => return trailers_only(Code::INTERNAL, proof),
    }
    let last = trailers(Code::OK, proof);
    let answer = Full::new(Bytes::from(frame(HEALTH_SERVING))).map_err(|never| match never {});
    response(answer.with_trailers(async move { Some(Ok(last)) }).boxed_unsync())
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

fn trailers(code: Code, proof: Option<HeaderValue>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS_HEADER, HeaderValue::from(code.0));
    carry(&mut trailers, proof);
    trailers
}

/// One block of headers that also ends the call.
fn trailers_only(code: Code, proof: Option<HeaderValue>) -> Response<Body> {
    let mut response = response(whole(Bytes::new()));
    response.headers_mut().extend(trailers(code, proof));
    response
}

/// What ASP.NET says to gRPC over HTTP/1.x: it passes every proxy and is unmistakable.
///
/// nginx also passes its `upgrade` on into HTTP/2, where the header makes the whole answer
/// malformed (RFC 9113 section 8.2.2) and a strict client drops it. So where there is a proof to
/// carry, the header stays away.
fn not_http2(proof: Option<HeaderValue>) -> Response<Body> {
    let upgrade = proof.is_none();
    let mut response = trailers_only(Code::INTERNAL, proof);
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = response.headers_mut();
    headers.insert(
        MESSAGE_HEADER,
        HeaderValue::from_static("Request protocol 'HTTP/1.1' is not supported."),
    );
    if upgrade {
        headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/2"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    response
}

/// Gives back each message as soon as it came, and the trailers once the other end has said its
/// last word.
struct Echo {
    incoming: Incoming,
    messages: Deframer,
    echoed: usize,
    proof: Option<HeaderValue>,
    ended: bool,
}

impl Echo {
    fn end(&mut self, code: Code) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.ended = true;
        Poll::Ready(Some(Ok(Frame::trailers(trailers(code, self.proof.take())))))
    }
}

impl HttpBody for Echo {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            match this.messages.next_message() {
                Ok(Some(_)) if this.echoed == MAX_ECHOES => {
                    return this.end(Code::RESOURCE_EXHAUSTED);
                }
                Ok(Some(message)) => {
                    this.echoed += 1;
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from(frame(&message.body))))));
                }
                Ok(None) => {}
                Err(_) => return this.end(Code::RESOURCE_EXHAUSTED),
            }
            match ready!(Pin::new(&mut this.incoming).poll_frame(cx)) {
                Some(Ok(came)) => {
                    if let Ok(octets) = came.into_data() {
                        this.messages.push(&octets);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                None => return this.end(Code::OK),
            }
        }
    }
}
