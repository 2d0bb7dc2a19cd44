//! What an answer of HTTP says, and where it leads.

use super::headers::{clock_offset, proof_of, text};
use super::origin::Origin;
use super::recognise::{Recognised, recognise};
use crate::observation::facts::{Facts, Http};
use crate::protocol::http::codec::status::{self, Place, Said, Shown};
use crate::reason::Reason;
use hyper::HeaderMap;
use hyper::header::{HeaderName, RETRY_AFTER};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Headers by which products name themselves.
const MAKERS: &[&str] = &["server", "via", "x-powered-by", "x-aspnet-version"];
/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) recognised: Recognised,
    pub(crate) location: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: bool,
    pub(crate) proof: Option<String>,
    /// The names of its headers, sorted.
    pub(crate) headers: BTreeSet<String>,
    /// The headers by which products name themselves.
    pub(crate) makers: BTreeMap<&'static str, String>,
    pub(crate) body: Vec<u8>,
    /// HTTP/1: whether the connection ends with this answer (RFC 9112 section 9.3).
    pub(crate) closes: bool,
    pub(crate) facts: Facts,
}

impl Answer {
    pub(crate) fn of(
        status: u16,
        version: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Answer {
        let value = |name: &str| text(headers, &HeaderName::try_from(name).ok()?);
        let recognised = recognise(status, headers, &body);
        let (body_octets, is_error) = (body.len(), status >= 400);
        let http = Http {
            status: Some(status),
            version: Some(version.to_owned()),
            server: value("server"),
            location: value("location"),
            content_type: value("content-type"),
            age: value("age").and_then(|age| age.trim().parse().ok()).filter(|age| *age > 0),
            via: value("via"),
            retry_after: value("retry-after"),
            body_octets: Some(body_octets),
            turned_away: status::turned_away(&body).filter(|_| is_error).map(str::to_owned),
            http_sys: is_error && recognised.http_sys,
            ..Http::default()
        };
        let mut answer = Answer {
            status,
            recognised,
            location: http.location.clone(),
            content_type: http.content_type.clone(),
            retry_after: headers.contains_key(RETRY_AFTER),
            proof: proof_of(headers),
            headers: headers.keys().map(|name| name.as_str().to_owned()).collect(),
            makers: MAKERS.iter().filter_map(|name| Some((*name, value(name)?))).collect(),
            body,
            closes: false,
            facts: Facts::of(|facts| {
                *facts.http = http;
                facts.clock_offset_s = clock_offset(headers, now);
            }),
        };
        if answer.wants_tls() {
            answer.facts.ended.looks_like = Some("tls".to_owned());
        }
        answer
    }

    pub(crate) fn wants_tls(&self) -> bool {
        self.status == 400 && status::wants_tls(&self.body)
    }

    /// What an answer without a proof means where the way must be open.
    pub(crate) fn said(&mut self, origin: &Origin) -> Said {
        let place =
            self.location.as_deref().map(|location| origin.place(location)).unwrap_or_default();
        if place == Place::OwnHttps {
            self.facts.http.own_https = true;
        }
        if place == Place::Here
            && (300..400).contains(&self.status)
            && self.location.as_deref().is_some_and(status::leads_to_sign_in)
        {
            self.facts.http.sign_in = true;
        }
        let recognised = &self.recognised;
        let shown = Shown {
            place,
            // An application that refuses a request keeps the connection, and says why; its server,
            // which cannot read one, does not.
            application: recognised.application
                && !(self.status == 400 && self.closes && self.body.is_empty()),
            service: recognised.names_service(),
            front_page: recognised.front_page,
            http_sys: recognised.http_sys,
            retry_after: self.retry_after,
            turned_away: self.status >= 400 && status::turned_away(&self.body).is_some(),
            wants_tls: self.wants_tls(),
        };
        let said = status::said(self.status, &shown);
        if said == Said::No(Reason::HttpStatus)
            && (self.status == 429 || (self.status == 503 && self.retry_after))
        {
            self.facts.http.rate_limit = true;
        }
        said
    }

    /// The same for a published name of a cloud service: nobody knows what a bare GET is answered
    /// with there, and who answers is known by the certificate. Only what proxies and gateways say
    /// in its place counts.
    pub(crate) fn said_by_cloud(&self, origin: &Origin) -> Said {
        let leaves = |location: &str| origin.place(location) == Place::Elsewhere;
        match self.status {
            // In the clear nobody shows a certificate: it may be the sign-in page of the network.
            300..=399
                if origin.scheme == "http" && self.location.as_deref().is_some_and(leaves) =>
            {
                Said::Unknown
            }
            502..=504 => Said::No(Reason::BadGateway),
            407 | 511 => Said::No(Reason::HttpStatus),
            _ => Said::Yes,
        }
    }
}
