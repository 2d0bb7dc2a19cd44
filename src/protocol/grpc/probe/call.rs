//! One call, and what its answer means.

use super::connection::Connection;
use crate::climb::tap::{Head, raw_status};
use crate::net::failure::Failure;
use crate::net::fetch::AGENT;
use crate::observation::Facts;
use crate::observation::facts::{Grpc, Http};
use crate::protocol::grpc::codec::{
    CONTENT_TYPE, Code, Deframer, HEALTH_CHECK, HEALTH_REQUEST, MESSAGE_HEADER, STATUS_HEADER,
    frame, health_status, is_grpc,
};
use crate::protocol::http::codec::status::{self, Said, Shown};
use crate::protocol::http::probe::headers::{clock_offset, proof_of, text};
use crate::protocol::http::probe::http2::ended_by_peer;
use crate::protocol::http::probe::recognise::{Recognised, recognise};
use crate::reason::Reason;
use crate::wire::challenge::CHALLENGE_HEADER;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use hyper::body::Bytes;
use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, Method, Request, Version};
use std::io;

/// Octets of an answer that are read.
const MAX_BODY: usize = 16 * 1024;

/// An answer, whole or cut off.
#[derive(Debug, Default)]
pub struct Answer {
    /// What stood in front of the method's own path.
    pub prefix: String,
    /// `:status`.
    pub status: u16,
    /// Which products name themselves in it.
    pub recognised: Recognised,
    /// The proof, from the trailers or from headers that are also the last.
    pub proof: Option<String>,
    /// How the call ended, where it says so.
    pub grpc_status: Option<Code>,
    grpc_message: Option<String>,
    server: Option<String>,
    content_type: Option<String>,
    location: Option<String>,
    via: Option<String>,
    /// Seconds by which the other end's clock is ahead.
    clock_offset: Option<i64>,
    retry_after: Option<String>,
    turned_away: Option<&'static str>,
    octets: usize,
    serving: Option<&'static str>,
    trailers: bool,
    /// How it was cut off after its head.
    broken: Option<Failure>,
}

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
        ..Answer::of_head(head.status.as_u16(), &head.headers)
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

impl Answer {
    fn of_head(status: u16, headers: &HeaderMap) -> Answer {
        let mut answer = Answer {
            status,
            recognised: recognise(status, headers, &[]),
            server: text(headers, &header::SERVER),
            content_type: text(headers, &header::CONTENT_TYPE),
            location: text(headers, &header::LOCATION),
            via: text(headers, &header::VIA),
            clock_offset: clock_offset(headers),
            retry_after: text(headers, &header::RETRY_AFTER),
            ..Answer::default()
        };
        answer.take_last(headers);
        answer
    }

    /// Status and proof, from the trailers or from headers that are also the last.
    fn take_last(&mut self, headers: &HeaderMap) {
        let status = text(headers, &HeaderName::from_static(STATUS_HEADER))
            .and_then(|status| Code::parse(&status));
        self.grpc_status = status.or(self.grpc_status);
        self.grpc_message =
            text(headers, &HeaderName::from_static(MESSAGE_HEADER)).or(self.grpc_message.take());
        self.proof = proof_of(headers).or(self.proof.take());
    }

    /// What is told of it.
    fn facts(&self) -> Facts {
        let http = Http {
            status: Some(self.status),
            content_type: self.content_type.clone(),
            server: self.server.clone(),
            via: self.via.clone(),
            location: self.location.clone(),
            retry_after: self.retry_after.clone(),
            turned_away: self.turned_away.map(str::to_owned),
            http_sys: self.recognised.http_sys && self.status >= 400,
            ..Http::default()
        };
        let mut grpc = Grpc {
            path: Some(format!("{}{}", self.prefix, HEALTH_CHECK)),
            message_octets: Some(self.octets),
            health: self.serving.map(str::to_owned),
            trailers: Some(self.trailers),
            grpc_message: self.grpc_message.clone(),
            ..Grpc::default()
        };
        match self.grpc_status {
            Some(code) => grpc.ended_with(code),
            // What every client of this service will report.
            None => grpc.clients_see = Some(Code::from_http(self.status).name().to_owned()),
        }
        Facts::of(|facts| {
            (*facts.http, *facts.grpc) = (http, grpc);
            facts.clock_offset_s = self.clock_offset;
        })
    }

    /// This answer as a failed rung.
    pub fn failure(&self, reason: Reason) -> Failure {
        Failure { facts: self.facts(), ..Failure::peer(reason) }
    }

    /// Whether gRPC was spoken: any answer with a `grpc-status`, refusals too, except those that
    /// only a device on the way gives.
    ///
    /// # Errors
    /// The reason why not.
    pub fn judge(&self) -> Result<Facts, Failure> {
        if let Some(broken) = &self.broken {
            let mut failure = broken.clone();
            failure.facts.absorb(self.facts());
            return Err(failure);
        }
        let speaks = self.content_type.as_deref().is_some_and(is_grpc);
        let shown = Shown {
            service: self.recognised.names_service(),
            front_page: self.recognised.front_page,
            http_sys: self.recognised.http_sys,
            retry_after: self.retry_after.is_some(),
            ..Shown::default()
        };
        let turned_away = self.turned_away.is_some();
        let rate_limit = self.grpc_status.is_none()
            && (self.status == 429 || (self.status == 503 && shown.retry_after));
        let reason = match (self.status, self.grpc_status) {
            // ASP.NET to gRPC that reached it over HTTP/1.x, with or without a grpc-status.
            (426, _) => Reason::Http2NotCarried,
            // No server that runs says this of its health check; proxies that know gRPC say it of a
            // host that they cannot reach.
            (503, None) => match status::said(503, &shown) {
                Said::No(reason) => reason,
                _ => Reason::BadGateway,
            },
            (502..=504, _) | (_, Some(Code::UNAVAILABLE)) => Reason::BadGateway,
            (_, Some(_)) => return Ok(self.facts()),
            (300..=399, None) => Reason::HttpRedirected,
            (200, None) if speaks && !self.trailers => Reason::GrpcTrailersLost,
            // Every client of gRPC makes UNAUTHENTICATED of it: an answer, as on HTTP.
            (401, None) if !turned_away => return Ok(self.facts()),
            (400..=599, None) => Reason::HttpStatus,
            _ => Reason::GrpcFailed,
        };
        let failure = self.failure(reason);
        Err(if rate_limit { failure.noting(|facts| facts.http.rate_limit = true) } else { failure })
    }
}

/// What an error of HTTP/2 in the middle of a call means.
pub fn failure(error: &h2::Error, head: &Head) -> Failure {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        status: u16,
        content_type: &str,
        grpc_status: Option<u32>,
        trailers: bool,
    ) -> Option<Reason> {
        let content_type = Some(content_type.to_owned());
        let answer = Answer {
            status,
            content_type,
            grpc_status: grpc_status.map(Code),
            trailers,
            ..Answer::default()
        };
        answer.judge().err().map(|f| f.reason)
    }

    #[test]
    fn every_row_of_the_proxies_has_its_reason() {
        for (status, content_type, grpc_status, trailers, reason) in [
            (200, "application/grpc", Some(0), true, None),
            (200, "application/grpc", Some(12), false, None),
            (200, "application/grpc", Some(16), false, None),
            (200, "application/grpc", Some(14), false, Some(Reason::BadGateway)),
            (200, "application/grpc", None, false, Some(Reason::GrpcTrailersLost)),
            (200, "application/grpc", None, true, Some(Reason::GrpcFailed)),
            (200, "text/html", None, false, Some(Reason::GrpcFailed)),
            (302, "text/html", None, false, Some(Reason::HttpRedirected)),
            (404, "text/html", None, false, Some(Reason::HttpStatus)),
            (413, "text/html", None, false, Some(Reason::HttpStatus)),
            (415, "application/grpc", Some(13), false, None),
            (426, "application/grpc", Some(13), false, Some(Reason::Http2NotCarried)),
            (502, "text/html", None, false, Some(Reason::BadGateway)),
            (503, "text/html", None, false, Some(Reason::BadGateway)),
            (401, "text/html", None, false, None),
            (429, "text/html", None, false, Some(Reason::HttpStatus)),
            (504, "text/html", None, false, Some(Reason::BadGateway)),
        ] {
            assert_eq!(
                judged(status, content_type, grpc_status, trailers),
                reason,
                "{status} {content_type} {grpc_status:?} {trailers}"
            );
        }
    }

    #[test]
    fn statuses_that_cannot_be_read() {
        assert_eq!(raw_status(b"\x00\x00\x05\x01\x04\x00\x00\x00\x01\x48\x03000"), Some("000"));
        assert_eq!(raw_status(b"\x08\x03426"), Some("426"));
        assert_eq!(raw_status(b"\x48\x03200"), None);
    }
}
