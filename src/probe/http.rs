//! HTTP and HTTPS, connector's side: one GET on the flow's path, by HTTP/2 where ALPN selects it, else by HTTP/1.1.

use super::again::{Exchange, Heard, again};
use super::climb::Asked;
use super::recognise::{Recognised, recognise};
use super::tap::{Head, Tap, printable};
use super::{Climb, Stop, proxy};
use crate::matrix::model::{Expect, Protocol};
use crate::net::failure::Failure;
use crate::net::{Io, clock};
use crate::observation::{Detail, StepKind};
use crate::proto::challenge::{CHALLENGE_HEADER, Exporter, MAX_PROOF_LEN, PADDING_HEADER, PROOF_HEADER, ProofOutcome};
use crate::proto::question::mark;
use crate::reason::Reason;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{AGE, DATE, HOST, HeaderName, USER_AGENT};
use hyper::{HeaderMap, Request, Response, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use crate::net::fetch::{AGENT, Driver, drive};

/// Octets of a body that are looked at.
const MAX_BODY: usize = 4 * 1024;
/// Time for the body after the head came: it is a detail, and may be a stream without end.
const BODY_DEADLINE: Duration = Duration::from_secs(2);
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
    let offered = ["h2", "http/1.1"];
    let session = climb.tls(stream, &offered).await?;
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
        let answer = connection.ask(asked.as_ref().map(|a| a.text.as_str()), 0).await?;
        Ok((connection, answer))
    };
    let (mut connection, answer) = match tokio::time::timeout(climb.step_deadline(), talk).await {
        Ok(Ok(both)) => both,
        Ok(Err(failure)) => {
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
    let counts = flow.expect == Expect::Allow && !(flow.path.is_none() && matches!(proof, ProofOutcome::Valid { .. }));
    let judged = match climb.target.hop.class {
        Some(_) => answer.reason_of_cloud(),
        None => answer.reason(&Origin::of(climb)),
    };
    let judged = judged.filter(|_| counts);
    let outcome = match judged {
        None => Ok(answer.detail),
        Some(reason) => Err(Failure { detail: answer.detail, ..Failure::peer(reason) }),
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Http, begun, outcome);
    climb.note_proof(proof);
    if !climbed {
        return Err(Stop);
    }
    again(climb, exporter.as_ref(), &mut connection).await
}

/// Scheme, name and port that were asked.
struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    fn of(climb: &Climb<'_>) -> Self {
        let scheme = if climb.target.hop.flow.protocol == Protocol::Https { "https" } else { "http" };
        Origin { scheme, host: climb.target.server_name.clone(), port: climb.target.hop.port }
    }

    /// Whether a `Location` stays here (RFC 3986 section 4.2). A relative one does; what cannot be read does not.
    fn has(&self, location: &str) -> bool {
        let absolute = match location.strip_prefix("//") {
            Some(rest) => format!("{}://{rest}", self.scheme),
            None if location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) => location.to_owned(),
            None => return true,
        };
        let Ok(uri) = absolute.parse::<Uri>() else { return false };
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
        let port = uri.port_u16().unwrap_or(default_port(scheme));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        scheme == self.scheme && port == self.port && host.eq_ignore_ascii_case(&self.host)
    }
}

/// The port that a URL of this scheme means when it names none.
fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
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

    fn request(&self, challenge: Option<&str>, padding: usize) -> Result<Request<Empty<Bytes>>, Failure> {
        let Form { by_http2, scheme, authority, path, .. } = self;
        let builder = Request::get(if *by_http2 { format!("{scheme}://{authority}{path}") } else { path.clone() });
        let builder = if *by_http2 { builder.version(Version::HTTP_2) } else { builder.header(HOST, authority) };
        let mut builder = builder.header("accept", "*/*");
        builder = match challenge {
            Some(challenge) => builder.header(USER_AGENT, format!("{AGENT} {}", self.mark)).header(CHALLENGE_HEADER, challenge),
            None => builder.header(USER_AGENT, AGENT),
        };
        if padding > 0 {
            builder = builder.header(PADDING_HEADER, "p".repeat(padding));
        }
        // The name or the path cannot stand in a request: nothing was sent.
        builder.body(Empty::new()).map_err(|e| Failure::local(Reason::NotTested).with("error", e.to_string()))
    }
}

/// A connection on which requests are made, one after the other.
struct Connection {
    sender: Sender,
    form: Form,
    head: Arc<Head>,
    /// Whether the last answer said that the connection ends with it. HTTP/2 needs no such word.
    closes: bool,
    _driver: Driver,
}

enum Sender {
    V1(http1::SendRequest<Empty<Bytes>>),
    V2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    async fn open(stream: impl Io + 'static, form: Form) -> Result<Self, Failure> {
        let (tap, head) = Tap::new(stream);
        let (sender, driver) = if form.by_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(u32::from(MAX_HEAD))
                .handshake(TokioIo::new(tap))
                .await
                .map_err(|e| failure(&e, &head))?;
            (Sender::V2(sender), drive(connection))
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_headers(100)
                .max_buf_size(usize::from(MAX_HEAD))
                .handshake(TokioIo::new(tap))
                .await
                .map_err(|e| failure(&e, &head))?;
            (Sender::V1(sender), drive(connection))
        };
        Ok(Connection { closes: form.by_http2, sender, form, head, _driver: driver })
    }

    async fn ask(&mut self, challenge: Option<&str>, padding: usize) -> Result<Answer, Failure> {
        let request = self.form.request(challenge, padding)?;
        let sent = match &mut self.sender {
            Sender::V1(sender) => {
                async {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                .await
            }
            Sender::V2(sender) => {
                async {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                .await
            }
        };
        let answer = Answer::read(sent.map_err(|e| failure(&e, &self.head))?).await;
        self.closes = answer.closes || self.form.by_http2;
        Ok(answer)
    }
}

impl Exchange for Connection {
    async fn exchange(&mut self, asked: &Asked, padding: usize) -> Result<Heard, Failure> {
        // The octets kept aside are those of the first answer, and say nothing of how this one ends.
        let answer = self.ask(Some(&asked.text), padding).await.map_err(|failure| match self.head.error() {
            Some(error) => Failure::after_connect(&error),
            None => failure,
        })?;
        let status = Some(answer.status).filter(|status| !(200..400).contains(status));
        Ok(Heard { octets: answer.body.len(), proof: answer.proof, status })
    }

    fn may_close(&self) -> bool {
        self.closes
    }
}

/// Why no answer came.
fn failure(error: &hyper::Error, head: &Head) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>()
            && h2.is_remote()
        {
            let wants_1 = h2.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED);
            let reason = if wants_1 { Reason::Http2NotCarried } else { Reason::ResetAfterConnect };
            return Failure::peer(reason).with("error", h2.to_string());
        }
        source = cause.source();
    }
    let mut failure = head.failure(Reason::HttpNotSpoken);
    // A head that began well and was cut off is HTTP all the same.
    if failure.reason == Reason::HttpNotSpoken && error.is_incomplete_message() && head.octets().starts_with(b"HTTP/") {
        failure.reason = Reason::ClosedAfterConnect;
    }
    failure.with("error", error.to_string())
}

/// What came back.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    recognised: Recognised,
    location: Option<String>,
    proof: Option<String>,
    body: Vec<u8>,
    /// HTTP/1: whether the connection ends with this answer (RFC 9112 section 9.3).
    closes: bool,
    detail: Detail,
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Answer {
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let reading = async {
            while let Some(Ok(frame)) = incoming.frame().await {
                let data = frame.into_data().unwrap_or_default();
                body.extend_from_slice(&data[..data.len().min(MAX_BODY - body.len())]);
                if body.len() == MAX_BODY {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(BODY_DEADLINE, reading).await;
        let value = |name: &str| text(&head.headers, &HeaderName::try_from(name).ok()?);
        let mut answer = Answer {
            status: head.status.as_u16(),
            recognised: recognise(head.status.as_u16(), &head.headers, &body),
            location: value("location"),
            proof: proof_of(&head.headers),
            body,
            closes: head.version == Version::HTTP_10 || value("connection").is_some_and(|c| c.to_ascii_lowercase().contains("close")),
            detail: Detail::new(),
        };
        let version = if head.version == Version::HTTP_2 {
            "2"
        } else if head.version == Version::HTTP_10 {
            "1.0"
        } else {
            "1.1"
        };
        answer.detail.insert("status".into(), answer.status.into());
        answer.detail.insert("version".into(), version.into());
        answer.detail.insert("server".into(), value("server").into());
        answer.detail.insert("location".into(), answer.location.clone().into());
        answer.detail.insert("content_type".into(), value("content-type").into());
        answer.detail.insert("via".into(), value("via").into());
        answer.detail.insert("clock_offset_s".into(), clock_offset(&head.headers).into());
        answer.detail.insert("body_octets".into(), answer.body.len().into());
        if answer.spoke_plain_to_tls() {
            answer.detail.insert("looks_like".into(), "tls".into());
        }
        answer.detail.retain(|_, v| !v.is_null());
        answer
    }

    /// What an answer without a proof means where the way must be open; `None` when the service itself answered.
    fn reason(&self, origin: &Origin) -> Option<Reason> {
        match self.status {
            502..=504 => Some(Reason::BadGateway),
            300..=399 => self.location.as_ref().filter(|l| !origin.has(l)).map(|_| Reason::HttpRedirected),
            400 if self.spoke_plain_to_tls() => Some(Reason::HttpNotSpoken),
            400 if contains(&self.body, b"HTTP/2 only endpoint") => Some(Reason::HttpStatus),
            // An endpoint for machines answers a bare GET like this: its path is there, and it is the service that says so. 403 is not
            // among them: that is the word of filters and gateways.
            100..=299 | 400 | 401 | 405 | 406 | 411 | 415 | 426 => None,
            _ => Some(Reason::HttpStatus),
        }
    }

    /// The same for a published name of a cloud service: nobody knows what a bare GET is answered with there, and who answers is known by the
    /// certificate. Only what proxies and gateways say in its place counts.
    fn reason_of_cloud(&self) -> Option<Reason> {
        match self.status {
            502..=504 => Some(Reason::BadGateway),
            407 | 511 => Some(Reason::HttpStatus),
            _ => None,
        }
    }

    /// nginx, Apache and Go answer plain HTTP on a TLS port in plain HTTP.
    fn spoke_plain_to_tls(&self) -> bool {
        self.status == 400
            && [
                &b"plain HTTP request was sent to HTTPS port"[..],
                b"speaking plain HTTP to an SSL-enabled",
                b"HTTP request to an HTTPS server",
            ]
            .iter()
            .any(|words| contains(&self.body, words))
    }
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len()).any(|window| window == words)
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
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { scheme: "https", host: "psp.contoso.com".into(), port: 443 }
    }

    fn answered(status: u16, location: Option<&str>, body: &[u8]) -> Option<Reason> {
        Answer { status, location: location.map(str::to_owned), body: body.to_vec(), ..Answer::default() }.reason(&origin())
    }

    #[test]
    fn what_a_status_means() {
        for (status, reason) in [
            (200, None),
            (400, None),
            (401, None),
            (403, Some(Reason::HttpStatus)),
            (404, Some(Reason::HttpStatus)),
            (405, None),
            (407, Some(Reason::HttpStatus)),
            (415, None),
            (426, None),
            (500, Some(Reason::HttpStatus)),
            (502, Some(Reason::BadGateway)),
            (503, Some(Reason::BadGateway)),
            (504, Some(Reason::BadGateway)),
            (511, Some(Reason::HttpStatus)),
        ] {
            assert_eq!(answered(status, None, b""), reason, "{status}");
        }
    }

    #[test]
    fn a_redirect_counts_when_it_leaves() {
        for stays in ["/Agent/", "https://PSP.contoso.com/Agent/", "https://psp.contoso.com:443/x", "Agent/"] {
            assert_eq!(answered(301, Some(stays), b""), None, "{stays}");
        }
        for leaves in
            ["http://psp.contoso.com/", "https://portal.example/login", "https://psp.contoso.com:8443/", "//portal.example/", "http://"]
        {
            assert_eq!(answered(302, Some(leaves), b""), Some(Reason::HttpRedirected), "{leaves}");
        }
        assert_eq!(answered(304, None, b""), None);
    }

    #[test]
    fn plain_http_on_a_tls_port_is_seen() {
        let nginx = b"<html><body>The plain HTTP request was sent to HTTPS port</body></html>";
        assert_eq!(answered(400, None, nginx), Some(Reason::HttpNotSpoken));
        assert_eq!(answered(400, None, b"An HTTP/1.x request was sent to an HTTP/2 only endpoint."), Some(Reason::HttpStatus));
    }
}
