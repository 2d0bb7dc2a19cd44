//! A connection on which requests are made, one after the other.

use super::http1::Http1;
use super::http2::ended_by_peer;
use super::origin::{authority, origin, rooted};
use crate::climb::first_octets::{Recorded, Recorder};
use crate::climb::further_steps::{Exchange, Heard};
use crate::climb::{Climb, SentChallenge};
use crate::matrix::model::Protocol;
use crate::net::fetch::{AGENT, Driver, drive};
use crate::net::{Io, clock, tls};
use crate::observation::facts::BehindSpeaks;
use crate::observation::failure::Failure;
use crate::protocol::http::classify::answer::Answer;
use crate::reason::Reason;
use crate::wire::challenge::{CHALLENGE_HEADER, Exporter, PADDING_HEADER, PROOF_HEADER};
use crate::wire::octets::{looks_like, raw_status};
use crate::wire::question::mark;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Octets of a body that are looked at.
const MAX_BODY: usize = 4 * 1024;
/// Octets of a body that HTTP/2 may send unread: a page of megabytes is no answer without end.
const WINDOW: u32 = 64 * 1024;

/// Time for the body after the head came: it is a detail, and may be a stream without end.
const BODY_DEADLINE: Duration = Duration::from_secs(1);

/// Octets of a head.
pub(crate) const MAX_HEAD: u16 = 32 * 1024;

/// One more connection to the hop's port, as far as its first request; it belongs to no rung.
pub(super) async fn aside(climb: &mut Climb<'_>) -> Option<(Connection, Option<Exporter>)> {
    let stream = climb.dial_watched().await.ok()?;
    if climb.target.hop.flow.protocol != Protocol::Https {
        return Some((Connection::open(stream, Form::of(climb, false)).await.ok()?, None));
    }
    let session =
        tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &["h2", "http/1.1"])
            .await
            .ok()?;
    let by_http2 = session.alpn.as_deref() == Some("h2");
    Some((
        Connection::open(session.stream, Form::of(climb, by_http2)).await.ok()?,
        session.exporter,
    ))
}

/// What all requests of one connection have in common.
pub(super) struct Form {
    pub(super) by_http2: bool,
    pub(crate) scheme: &'static str,
    pub(super) authority: String,
    pub(super) path: String,
    /// Of the hop, for a listener behind a front that takes challenges out.
    pub(super) mark: String,
}

impl Form {
    pub(super) fn of(climb: &Climb<'_>, by_http2: bool) -> Self {
        let scheme = origin(climb).scheme;
        let path = rooted(climb.target.hop.flow.options.path());
        Form {
            by_http2,
            scheme,
            authority: authority(climb, scheme),
            path,
            mark: mark(&climb.target.hop.id),
        }
    }

    fn request(
        &self,
        challenge: Option<&str>,
        padding: &str,
    ) -> Result<Request<Empty<Bytes>>, Failure> {
        let Form { by_http2, scheme, authority, path, .. } = self;
        let builder = Request::get(if *by_http2 {
            format!("{scheme}://{authority}{path}")
        } else {
            path.clone()
        });
        let builder = if *by_http2 {
            builder.version(Version::HTTP_2)
        } else {
            builder.header(HOST, authority)
        };
        let mut builder = builder.header("accept", "*/*");
        builder = match challenge {
            Some(challenge) => builder
                .header(USER_AGENT, format!("{AGENT} {}", self.mark))
                .header(CHALLENGE_HEADER, challenge),
            None => builder.header(USER_AGENT, AGENT),
        };
        if !padding.is_empty() {
            builder = builder.header(PADDING_HEADER, padding);
        }
        // The name or the path cannot stand in a request: nothing was sent.
        builder
            .body(Empty::new())
            .map_err(|e| Failure::local(Reason::NotTested).saying(e.to_string()))
    }
}

/// A connection on which requests are made, one after the other.
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) form: Form,
    /// Whether the last answer said that the connection ends with it. HTTP/2 needs no such word.
    pub(super) closes: bool,
}

pub(super) enum Sender {
    /// It was closed at this end.
    Closed,
    V1(Box<Http1<Box<dyn Io>>>),
    V2(
        http2::SendRequest<Empty<Bytes>>,
        Arc<Recorded>,
        #[expect(dead_code, reason = "it drives the connection while it lives")] Driver,
    ),
}

impl Connection {
    pub(super) async fn open(stream: impl Io + 'static, form: Form) -> Result<Self, Failure> {
        let sender = if form.by_http2 {
            let (tap, head) = Recorder::new(stream);
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(u32::from(MAX_HEAD))
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .handshake(TokioIo::new(tap))
                .await
                .map_err(|e| failure(&e, &head))?;
            Sender::V2(sender, head, drive(connection))
        } else {
            Sender::V1(Box::new(Http1::new(Box::new(stream))))
        };
        Ok(Connection { closes: form.by_http2, sender, form })
    }

    /// One request and its answer. Of an answer that proves somebody the whole body is waited for;
    /// else it is a detail, and may have no end.
    pub(super) async fn ask(
        &mut self,
        challenge: Option<&str>,
        padding: &str,
    ) -> Result<Answer, Failure> {
        let request = self.form.request(challenge, padding)?;
        let answer = match &mut self.sender {
            Sender::Closed => {
                return Err(Failure::after_connect(&io::ErrorKind::NotConnected.into()));
            }
            Sender::V1(http) => {
                let head = http.ask(&request).await?;
                let framing = head.framing(request.method());
                let reading = http.await_body(framing, MAX_BODY);
                if head.headers.contains_key(PROOF_HEADER) {
                    reading.await?;
                } else if let Ok(outcome) = tokio::time::timeout(BODY_DEADLINE, reading).await {
                    // One that does not end is a stream, perhaps; one that is cut off in its middle
                    // is none.
                    outcome.map_err(|failure| cut_off(failure, head.status))?;
                }
                let body = http.take_body(framing, MAX_BODY);
                let mut answer =
                    Answer::of(head.status, &head.version, &head.headers, body, clock::now());
                answer.closes = head.closes(framing);
                answer.facts.http.odd = head.odd.into_iter().map(str::to_owned).collect();
                answer
            }
            Sender::V2(sender, head, _) => {
                let sent = async {
                    sender.ready().await?;
                    sender.send_request(request).await
                };
                let (parts, mut incoming) = sent.await.map_err(|e| failure(&e, head))?.into_parts();
                let mut body = Vec::new();
                let reading = read(&mut incoming, &mut body);
                if parts.headers.contains_key(PROOF_HEADER) {
                    reading.await.map_err(|e| failure(&e, head))?;
                } else if let Ok(Err(error)) = tokio::time::timeout(BODY_DEADLINE, reading).await {
                    return Err(cut_off(failure(&error, head), parts.status.as_u16()));
                }
                Answer::of(parts.status.as_u16(), "2", &parts.headers, body, clock::now())
            }
        };
        self.closes = answer.closes || self.form.by_http2;
        Ok(answer)
    }
}

/// A body, as far as it is wanted.
async fn read(incoming: &mut Incoming, body: &mut Vec<u8>) -> Result<(), hyper::Error> {
    while let Some(frame) = incoming.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        body.extend_from_slice(&data[..data.len().min(MAX_BODY - body.len())]);
        if body.len() == MAX_BODY {
            break;
        }
    }
    Ok(())
}

impl Exchange for Connection {
    async fn exchange(&mut self, asked: &SentChallenge, padding: &str) -> Result<Heard, Failure> {
        let answer =
            self.ask(Some(&asked.text), padding).await.map_err(|failure| match &self.sender {
                // The octets kept aside are those of the first answer, and say nothing of how this
                // one ends.
                Sender::V2(_, head, _) => {
                    head.error().map_or(failure, |error| Failure::after_connect(&error))
                }
                Sender::V1(_) | Sender::Closed => failure,
            })?;
        let status = Some(answer.status).filter(|status| !(200..400).contains(status));
        // The padding stands behind the page's own line.
        let line =
            answer.body.iter().position(|o| *o == b'\n').map_or(answer.body.len(), |end| end + 1);
        Ok(Heard { padding: answer.body[line..].to_vec(), proof: answer.proof, status })
    }

    fn may_close(&self) -> bool {
        self.closes
    }
}

/// An answer that was cut off in the middle.
fn cut_off(failure: Failure, status: u16) -> Failure {
    failure.noting(|facts| (facts.http.status, facts.http.cut_off) = (Some(status), true))
}

/// Why no answer came by HTTP/2.
fn failure(error: &hyper::Error, head: &Recorded) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            if h2.is_remote() {
                return ended_by_peer(h2, Reason::ResetAfterConnect);
            }
            // nginx, when what is behind it did not answer in HTTP.
            if raw_status(&head.octets()) == Some("000") {
                return Failure::peer(Reason::BadGateway).noting(|facts| {
                    facts.http.raw_status = Some("000".to_owned());
                    facts.http.behind_speaks = Some(BehindSpeaks::NoHttp);
                });
            }
        }
        source = cause.source();
    }
    let mut failure = head.failure(Reason::HttpNotSpoken);
    // A head that began well and was cut off is HTTP all the same.
    if failure.reason == Reason::HttpNotSpoken
        && looks_like(&head.octets()) == Some("http/2")
        && head.ended().is_some()
    {
        failure.reason = Reason::ClosedAfterConnect;
    }
    failure.saying(error.to_string())
}
