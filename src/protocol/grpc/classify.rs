//! What an answer to a call says: whether gRPC was spoken, and of who gave it. Pure.

use super::codec::{Code, HEALTH_CHECK, MESSAGE_HEADER, STATUS_HEADER, is_grpc};
use crate::observation::facts::{Grpc, Http};
use crate::observation::failure::Failure;
use crate::observation::{Facts, Observation};
use crate::protocol::http::classify::headers::{clock_offset, proof_of, text};
use crate::protocol::http::classify::recognise::{Recognised, recognise};
use crate::protocol::http::codec::status::{self, Said as Status, Shown};
use crate::protocol::speaker::Said;
use crate::reason::Reason;
use hyper::HeaderMap;
use hyper::header::{self, HeaderName};
use jiff::Timestamp;

/// Nobody says of himself who he is: a proof does, or a product that is recognised.
pub fn said(_seen: &Observation) -> Said<'_> {
    Said::default()
}

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
    pub(crate) grpc_message: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) via: Option<String>,
    /// Seconds by which the other end's clock is ahead.
    pub(crate) clock_offset: Option<i64>,
    pub(crate) retry_after: Option<String>,
    pub(crate) turned_away: Option<&'static str>,
    pub(crate) octets: usize,
    pub(crate) serving: Option<&'static str>,
    pub(crate) trailers: bool,
    /// How it was cut off after its head.
    pub(crate) broken: Option<Failure>,
}

impl Answer {
    pub(crate) fn of_head(status: u16, headers: &HeaderMap, now: Timestamp) -> Answer {
        let mut answer = Answer {
            status,
            recognised: recognise(status, headers, &[]),
            server: text(headers, &header::SERVER),
            content_type: text(headers, &header::CONTENT_TYPE),
            location: text(headers, &header::LOCATION),
            via: text(headers, &header::VIA),
            clock_offset: clock_offset(headers, now),
            retry_after: text(headers, &header::RETRY_AFTER),
            ..Answer::default()
        };
        answer.take_last(headers);
        answer
    }

    /// Status and proof, from the trailers or from headers that are also the last.
    pub(crate) fn take_last(&mut self, headers: &HeaderMap) {
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
    pub fn outcome(&self) -> Result<Facts, Failure> {
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
                Status::No(reason) => reason,
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
        answer.outcome().err().map(|f| f.reason)
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
}
