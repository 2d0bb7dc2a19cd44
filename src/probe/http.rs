//! HTTP and HTTPS, connector's side: one GET on the flow's path, by HTTP/2 where ALPN selects it, else by HTTP/1.1.

mod answer;
mod compare;
mod large;

use self::answer::{Answer, Origin, default_port};
use super::again::{Exchange, Heard, again};
use super::climb::Asked;
use super::http1::Http1;
use super::tap::{Head, Tap, looks_like, printable, raw_status};
use super::{Climb, Stop, ended_by_peer, proxy};
use crate::matrix::model::{Expect, Protocol};
use crate::net::failure::Failure;
use crate::net::{Io, clock, tls};
use crate::observation::{Detail, StepKind};
use crate::proto::challenge::{CHALLENGE_HEADER, Exporter, MAX_PROOF_LEN, PADDING_HEADER, PROOF_HEADER, ProofOutcome};
use crate::proto::http_status::{self, Place, Said};
use crate::proto::question::mark;
use crate::reason::Reason;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{AGE, DATE, HOST, HeaderName, USER_AGENT};
use hyper::{HeaderMap, Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use crate::net::fetch::{AGENT, Driver, drive};

/// Octets of a body that are looked at.
const MAX_BODY: usize = 4 * 1024;
/// Time for the body after the head came: it is a detail, and may be a stream without end.
const BODY_DEADLINE: Duration = Duration::from_secs(1);
/// Octets of a head.
pub(super) const MAX_HEAD: u16 = 32 * 1024;
/// Characters of a header's value that are told.
const MAX_VALUE: usize = 200;

/// connect, (tls, alpn), http, proof.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    if let Some(proxy) = climb.target.hop.proxy.clone() {
        let stream = proxy::open(climb, &proxy).await?;
        return inside_tls(climb, stream).await;
    }
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol != Protocol::Https {
        return ask(climb, stream, false, None).await;
    }
    inside_tls(climb, stream).await
}

async fn inside_tls(climb: &mut Climb<'_>, stream: impl Io + 'static) -> Result<(), Stop> {
    // Many clients speak HTTP/1.1 alone, and a front may do something else with them.
    let offered: &[&str] = if climb.by_http1 { &["http/1.1"] } else { &["h2", "http/1.1"] };
    let session = climb.tls(stream, offered).await?;
    let detail = Detail::from([("offered".to_owned(), offered.to_vec().into()), ("selected".to_owned(), session.alpn.clone().into())]);
    climb.note(StepKind::Alpn, clock::instant(), Ok(detail));
    let by_http2 = session.alpn.as_deref() == Some("h2");
    ask(climb, session.stream, by_http2, session.exporter).await
}

async fn ask(climb: &mut Climb<'_>, stream: impl Io + 'static, by_http2: bool, exporter: Option<Exporter>) -> Result<(), Stop> {
    let asked = climb.challenge();
    let begun = clock::instant();
    let form = Form::of(climb, by_http2);
    let talk = async {
        let mut connection = Connection::open(stream, form).await?;
        let answer = connection.ask(asked.as_ref().map(|a| a.text.as_str()), "").await?;
        Ok((connection, answer))
    };
    let (mut connection, mut answer) = match tokio::time::timeout(climb.step_deadline(), talk).await {
        Ok(Ok(both)) => both,
        Ok(Err(failure)) => {
            let failure = behind_front(climb, failure).await;
            climb.note(StepKind::Http, begun, Err(failure));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
        Err(_) => {
            climb.note(StepKind::Http, begun, Err(Failure::silent()));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
    };
    (climb.recognised, climb.only_fronts) = (answer.recognised.words.clone(), answer.recognised.only_fronts);
    let proof = climb.weigh(asked.as_ref(), answer.proof.as_deref(), exporter.as_ref());
    // Not even a proof makes up for an error status where a path is asked: a front that changed the path reaches a listener, which then
    // says 404. Without a path of the plan a listener has nothing else to say.
    let flow = &climb.target.hop.flow;
    let proved = matches!(proof, ProofOutcome::Valid { .. });
    let counts = flow.expect == Expect::Allow && !(flow.path.is_none() && proved);
    let mut said = match climb.target.hop.class {
        _ if !counts => Said::Yes,
        Some(_) => answer.said_by_cloud(&Origin::of(climb)),
        None => answer.said(&Origin::of(climb)),
    };
    // Said inside TLS, "plain HTTP came to a port of TLS" is about the port behind whoever ended the session; elsewhere it may be.
    if said == Said::No(Reason::HttpNotSpoken)
        && (flow.protocol == Protocol::Https || (flow.relayed_to.is_some() && !speaks_tls(climb).await))
    {
        answer.detail.insert("behind_speaks".into(), "tls".into());
        said = Said::No(Reason::BadGateway);
    }
    let outcome = match said {
        Said::No(reason) => Err(Failure { detail: answer.detail, ..Failure::peer(reason) }),
        Said::Unknown => {
            answer.detail.insert("unclear".into(), http_status::of(answer.status).words.into());
            Ok(answer.detail)
        }
        Said::Yes => {
            if counts && !proved && !climb.light && climb.target.hop.class.is_none() {
                compare::with_no_such_path(climb, &mut connection, &mut answer).await;
            } else if !proved && !climb.light && flow.expect == Expect::Deny {
                let origin = Origin::of(climb);
                if answer.location.as_deref().is_some_and(|location| origin.place(location) == Place::Elsewhere) {
                    answer.detail.insert("leads_elsewhere".into(), true.into());
                }
                compare::refusal(climb, &mut connection, &mut answer).await;
            }
            Ok(answer.detail)
        }
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Http, begun, outcome);
    climb.note_proof(proof);
    if !climbed {
        return Err(Stop);
    }
    if !proved && counts && !climb.light && climb.target.hop.class.is_none() && climb.target.hop.proxy.is_none() {
        drop(connection);
        return large::to_service(climb).await;
    }
    again(climb, exporter.as_ref(), &mut connection).await
}

/// What came instead of HTTP may be what the front got from the host behind it: nginx passes octets on that are none, and TLS is not spoken inside
/// TLS. A front that itself wants TLS where none was spoken is told apart by speaking it.
async fn behind_front(climb: &Climb<'_>, failure: Failure) -> Failure {
    let tls = failure.detail.get("looks_like").is_some_and(|v| v == "tls");
    if climb.target.hop.flow.relayed_to.is_none() || failure.reason != Reason::HttpNotSpoken || !tls {
        return failure;
    }
    let inside_tls = climb.target.hop.flow.protocol == Protocol::Https;
    if !inside_tls && speaks_tls(climb).await {
        return failure;
    }
    Failure { reason: Reason::BadGateway, ..failure }.with("behind_speaks", "tls")
}

/// Whether the port itself speaks TLS.
async fn speaks_tls(climb: &Climb<'_>) -> bool {
    let shaking = async {
        let stream = climb.dial_aside().await?;
        tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &[]).await
    };
    matches!(tokio::time::timeout(climb.step_deadline(), shaking).await, Ok(Ok(_)))
}

/// One more connection to the hop's port, as far as its first request; it belongs to no rung.
async fn aside(climb: &mut Climb<'_>) -> Option<(Connection, Option<Exporter>)> {
    let stream = climb.dial_watched().await.ok()?;
    if climb.target.hop.flow.protocol != Protocol::Https {
        return Some((Connection::open(stream, Form::of(climb, false)).await.ok()?, None));
    }
    let session = tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &["h2", "http/1.1"]).await.ok()?;
    let by_http2 = session.alpn.as_deref() == Some("h2");
    Some((Connection::open(session.stream, Form::of(climb, by_http2)).await.ok()?, session.exporter))
}

/// `host` or `host:port`, as it stands in `Host` and `:authority` (RFC 9110 section 7.2).
pub(super) fn authority(climb: &Climb<'_>, scheme: &str) -> String {
    let name = &climb.target.server_name;
    let host = if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name.clone() };
    let port = climb.target.hop.port;
    if port == default_port(scheme) { host } else { format!("{host}:{port}") }
}

/// A path as it stands in a request: with a slash in front.
pub fn rooted(path: Option<&str>) -> String {
    let path = path.unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// What all requests of one connection have in common.
struct Form {
    by_http2: bool,
    scheme: &'static str,
    authority: String,
    path: String,
    /// Of the hop, for a listener behind a front that takes challenges out.
    mark: String,
}

impl Form {
    fn of(climb: &Climb<'_>, by_http2: bool) -> Self {
        let scheme = Origin::of(climb).scheme;
        let path = rooted(climb.target.hop.flow.path.as_deref());
        Form { by_http2, scheme, authority: authority(climb, scheme), path, mark: mark(&climb.target.hop.id) }
    }

    fn request(&self, challenge: Option<&str>, padding: &str) -> Result<Request<Empty<Bytes>>, Failure> {
        let Form { by_http2, scheme, authority, path, .. } = self;
        let builder = Request::get(if *by_http2 { format!("{scheme}://{authority}{path}") } else { path.clone() });
        let builder = if *by_http2 { builder.version(Version::HTTP_2) } else { builder.header(HOST, authority) };
        let mut builder = builder.header("accept", "*/*");
        builder = match challenge {
            Some(challenge) => builder.header(USER_AGENT, format!("{AGENT} {}", self.mark)).header(CHALLENGE_HEADER, challenge),
            None => builder.header(USER_AGENT, AGENT),
        };
        if !padding.is_empty() {
            builder = builder.header(PADDING_HEADER, padding);
        }
        // The name or the path cannot stand in a request: nothing was sent.
        builder.body(Empty::new()).map_err(|e| Failure::local(Reason::NotTested).with("error", e.to_string()))
    }
}

/// A connection on which requests are made, one after the other.
struct Connection {
    sender: Sender,
    form: Form,
    /// Whether the last answer said that the connection ends with it. HTTP/2 needs no such word.
    closes: bool,
}

enum Sender {
    /// It was closed at this end.
    Closed,
    V1(Box<Http1<Box<dyn Io>>>),
    V2(http2::SendRequest<Empty<Bytes>>, Arc<Head>, #[expect(dead_code, reason = "it drives the connection while it lives")] Driver),
}

impl Connection {
    async fn open(stream: impl Io + 'static, form: Form) -> Result<Self, Failure> {
        let sender = if form.by_http2 {
            let (tap, head) = Tap::new(stream);
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(u32::from(MAX_HEAD))
                .handshake(TokioIo::new(tap))
                .await
                .map_err(|e| failure(&e, &head))?;
            Sender::V2(sender, head, drive(connection))
        } else {
            Sender::V1(Box::new(Http1::new(Box::new(stream))))
        };
        Ok(Connection { closes: form.by_http2, sender, form })
    }

    /// One request and its answer. Of an answer that proves somebody the whole body is waited for; else it is a detail, and may have no end.
    async fn ask(&mut self, challenge: Option<&str>, padding: &str) -> Result<Answer, Failure> {
        let request = self.form.request(challenge, padding)?;
        let mut answer = match &mut self.sender {
            Sender::Closed => return Err(Failure::after_connect(&io::ErrorKind::NotConnected.into())),
            Sender::V1(http) => {
                let head = http.ask(&request).await?;
                let framing = head.framing(request.method());
                let reading = http.await_body(framing, MAX_BODY);
                if head.headers.contains_key(PROOF_HEADER) {
                    reading.await?;
                } else if let Ok(outcome) = tokio::time::timeout(BODY_DEADLINE, reading).await {
                    // One that does not end is a stream, perhaps; one that is cut off in its middle is none.
                    outcome.map_err(|failure| failure.with("status", head.status).with("cut_off", true))?;
                }
                let body = http.take_body(framing, MAX_BODY);
                let mut answer = Answer::of(head.status, &head.version, &head.headers, body);
                answer.closes = head.closes(framing);
                if !head.odd.is_empty() {
                    answer.detail.insert("odd".into(), head.odd.into());
                }
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
                    return Err(failure(&error, head).with("status", parts.status.as_u16()).with("cut_off", true));
                }
                Answer::of(parts.status.as_u16(), "2", &parts.headers, body)
            }
        };
        self.closes = answer.closes || self.form.by_http2;
        answer.detail.retain(|_, v| !v.is_null());
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
    async fn exchange(&mut self, asked: &Asked, padding: &str) -> Result<Heard, Failure> {
        let answer = self.ask(Some(&asked.text), padding).await.map_err(|failure| match &self.sender {
            // The octets kept aside are those of the first answer, and say nothing of how this one ends.
            Sender::V2(_, head, _) => head.error().map_or(failure, |error| Failure::after_connect(&error)),
            Sender::V1(_) | Sender::Closed => failure,
        })?;
        let status = Some(answer.status).filter(|status| !(200..400).contains(status));
        // The padding stands behind the page's own line.
        let line = answer.body.iter().position(|o| *o == b'\n').map_or(answer.body.len(), |end| end + 1);
        Ok(Heard { padding: answer.body[line..].to_vec(), proof: answer.proof, status })
    }

    fn may_close(&self) -> bool {
        self.closes
    }
}

/// Why no answer came by HTTP/2.
fn failure(error: &hyper::Error, head: &Head) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            if h2.is_remote() {
                return ended_by_peer(h2, Reason::ResetAfterConnect);
            }
            // nginx, when what is behind it did not answer in HTTP.
            if raw_status(&head.octets()) == Some("000") {
                return Failure::peer(Reason::BadGateway).with("status", "000").with("behind_speaks", "no HTTP");
            }
        }
        source = cause.source();
    }
    let mut failure = head.failure(Reason::HttpNotSpoken);
    // A head that began well and was cut off is HTTP all the same.
    if failure.reason == Reason::HttpNotSpoken && looks_like(&head.octets()) == Some("http/2") && head.ended().is_some() {
        failure.reason = Reason::ClosedAfterConnect;
    }
    failure.with("error", error.to_string())
}

/// A header's value, fit for a table.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| printable(value.as_bytes(), MAX_VALUE))
}

/// Seconds by which the other end's clock is ahead, by the time that it writes on its answer (RFC 9110 section 6.6.1). What a cache kept is of another
/// time.
pub(super) fn clock_offset(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE))?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(theirs.timestamp().as_second() - clock::now().as_second())
}

/// The proof, if there is one; one that is too long is kept long enough to be called invalid.
pub(super) fn proof_of(headers: &HeaderMap) -> Option<String> {
    headers.get(PROOF_HEADER).map(|value| printable(value.as_bytes(), MAX_PROOF_LEN + 1))
}

#[cfg(test)]
mod tests;
