//! HTTP as a client: one document by HTTP or HTTPS, with the certificate checked, for lists that
//! are read and not for hosts that are probed; and what the probes share with that.

use super::failure::Failure;
use super::resolve::Resolver;
use super::tls::{self, Trust};
use super::{Io, dial};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// What this program calls itself.
pub const AGENT: &str = concat!("portmatrix/", env!("CARGO_PKG_VERSION"));

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// Status of the answer.
    pub status: u16,
    /// Seconds after which one may ask again, where the answer says so.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
}

/// Opens a connection to a host by its name or address.
///
/// # Errors
/// What went wrong, in words.
pub async fn connect(
    resolver: &Resolver,
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<TcpStream, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolver
            .look_up(host)
            .await
            .map(|found| found.routable())
            .map_err(|failure| words(host, &failure))?,
    };
    let mut last = format!("{host} has no address that this machine has a route for");
    for address in addresses {
        match dial::connect(None, SocketAddr::new(address, port), deadline, 0).await.1 {
            Ok(stream) => return Ok(stream),
            Err(failure) => last = words(&format!("{host} ({address}), port {port}"), &failure),
        }
    }
    Err(last)
}

fn words(what: &str, failure: &Failure) -> String {
    let error = failure.facts.ended.error.as_ref();
    let error = error.map(|error| format!(" ({error})")).unwrap_or_default();
    format!("{what}: {}{error}", failure.reason.summary())
}

/// Gets a document on a connection that is there, inside TLS where the URL says so.
///
/// # Errors
/// What went wrong, in words; a certificate that is not right is an error.
pub async fn get(
    stream: impl Io + 'static,
    uri: &Uri,
    trust: &Trust,
    most: usize,
) -> Result<Reply, String> {
    let host = uri
        .host()
        .ok_or("the URL has no host")?
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    if uri.scheme_str() != Some("https") {
        return ask(stream, uri, most).await;
    }
    let session = tls::connect(trust, stream, &host, &["http/1.1"])
        .await
        .map_err(|failure| words(&host, &failure))?;
    if let Some(problem) = session.problem {
        let issuer = session.facts.certificate.issuer.as_deref().unwrap_or("nobody");
        return Err(format!(
            "{host}: {} (issued by {issuer}); --ca FILE names other roots",
            problem.summary()
        ));
    }
    // A probe goes on, and proves nothing by it; a document from somebody unknown is worth nothing.
    if let Some(why) = &session.facts.tls.signature_not_checked {
        return Err(format!("{host}: who answers could not be checked ({why})"));
    }
    ask(session.stream, uri, most).await
}

/// The status of a document, without the document. `through` is there where the stream goes to a
/// proxy, with what that is told of who asks.
///
/// # Errors
/// What went wrong, in words.
pub async fn head(
    stream: impl Io + 'static,
    uri: &Uri,
    through: Option<Option<&str>>,
) -> Result<u16, String> {
    // A proxy is told the whole URL (RFC 9112 section 3.2.2).
    let target = if through.is_some() { uri.to_string() } else { path_of(uri).to_owned() };
    let mut request = Request::head(target);
    if let Some(authorization) = through.flatten() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let (response, _driver) = send(stream, uri, request).await?;
    match response.status().as_u16() {
        status @ (407 | 502..=504) if through.is_some() => {
            Err(format!("the proxy answered with status {status}"))
        }
        status => Ok(status),
    }
}

async fn ask(stream: impl Io + 'static, uri: &Uri, most: usize) -> Result<Reply, String> {
    let (response, _driver) =
        send(stream, uri, Request::get(path_of(uri)).header(ACCEPT, "application/json")).await?;
    let authority = authority_of(uri);
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = Limited::new(response.into_body(), most).collect().await;
    let body =
        body.map_err(|e| format!("{authority}: the answer broke off or is too long: {e}"))?;
    let body = String::from_utf8(body.to_bytes().to_vec())
        .map_err(|_| format!("{authority}: the answer is no text"))?;
    Ok(Reply { status, retry_after, body: body.trim_start_matches('\u{feff}').to_owned() })
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

/// Host and port, without who asks.
fn authority_of(uri: &Uri) -> &str {
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Sends one request. The connection lives as long as what comes with the answer.
async fn send(
    stream: impl Io + 'static,
    uri: &Uri,
    request: Builder,
) -> Result<(Response<Incoming>, Driver), String> {
    let authority = authority_of(uri);
    let request =
        request.header(HOST, authority).header(USER_AGENT, AGENT).body(Empty::<Bytes>::new());
    let request = request.map_err(|e| format!("the URL cannot be asked for: {e}"))?;
    let wrong = |e: hyper::Error| format!("{authority} did not answer in HTTP: {e}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(wrong)?;
    let driver = drive(connection);
    let response = sender.send_request(request).await.map_err(wrong)?;
    Ok((response, driver))
}

/// Runs the connection in the background for as long as the returned value lives.
pub fn drive<E: Send + 'static>(
    connection: impl Future<Output = Result<(), E>> + Send + 'static,
) -> Driver {
    Driver(tokio::spawn(async move {
        // Errors of the connection reach the one request on it.
        let _ = connection.await;
    }))
}

/// Ends the background task of a connection when dropped.
pub struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
