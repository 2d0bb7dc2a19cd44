//! HTTP as a client: one document by HTTP or HTTPS, with the certificate checked, for lists that
//! are read and not for hosts that are probed; and what the probes share with that.

use super::resolve::Resolver;
use super::tls::{self, Trust};
use super::{Io, dial};
use crate::observation::failure::Failure;
use crate::reason::Reason;
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

/// Why there is no document. Messages name the host.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A URL without a host.
    #[error("the URL has no host")]
    NoHost,
    /// A URL that cannot stand in a request.
    #[error("the URL cannot be asked for: {0}")]
    OddUrl(hyper::http::Error),
    /// No address of the host can be used.
    #[error("{0} has no address that this machine has a route for")]
    NoRoute(String),
    /// Its name, a connection, or TLS failed.
    #[error("{what}: {}{}", .failure.reason.summary(), in_brackets(.failure))]
    Failed {
        /// The host, or one address of it.
        what: String,
        /// How.
        failure: Failure,
    },
    /// Its certificate is not right.
    #[error("{host}: {} (issued by {issuer}); --ca FILE names other roots", .problem.summary())]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        problem: Reason,
        /// Who issued it.
        issuer: String,
    },
    /// The signature of the handshake could not be verified.
    #[error("{host}: who answers could not be checked ({why})")]
    NotChecked {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// No answer of HTTP.
    #[error("{host} did not answer in HTTP: {error}")]
    NoAnswer {
        /// The host.
        host: String,
        /// How it ended.
        error: hyper::Error,
    },
    /// The proxy answered in the place of the host.
    #[error("the proxy answered with status {0}")]
    Proxy(u16),
    /// The document did not come to its end, or is longer than it may be.
    #[error("{host}: the answer broke off or is too long: {error}")]
    BrokeOff {
        /// The host.
        host: String,
        /// How.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came back before the deadline.
    #[error("nothing came back in time")]
    Late,
    /// The document is no text.
    #[error("{0}: the answer is no text")]
    NoText(String),
}

/// The words of the system, where there are any.
fn in_brackets(failure: &Failure) -> String {
    failure.facts.ended.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

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
/// What went wrong.
pub async fn connect(
    resolver: &Resolver,
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<TcpStream, FetchError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolver
            .look_up(host)
            .await
            .map(|found| found.routable())
            .map_err(|failure| failed(host.to_owned(), failure))?,
    };
    let mut last = FetchError::NoRoute(host.to_owned());
    for address in addresses {
        match dial::connect(None, SocketAddr::new(address, port), deadline, 0).await.1 {
            Ok(stream) => return Ok(stream),
            Err(failure) => last = failed(format!("{host} ({address}), port {port}"), failure),
        }
    }
    Err(last)
}

fn failed(what: String, failure: Failure) -> FetchError {
    FetchError::Failed { what, failure }
}

/// Gets a document on a connection that is there, inside TLS where the URL says so.
///
/// # Errors
/// What went wrong; a certificate that is not right is an error.
pub async fn get(
    stream: impl Io + 'static,
    uri: &Uri,
    trust: &Trust,
    most: usize,
) -> Result<Reply, FetchError> {
    let host = uri
        .host()
        .ok_or(FetchError::NoHost)?
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    if uri.scheme_str() != Some("https") {
        return ask(stream, uri, most).await;
    }
    let session = tls::connect(trust, stream, &host, &["http/1.1"])
        .await
        .map_err(|failure| failed(host.clone(), failure))?;
    if let Some(problem) = session.problem {
        let issuer = session.facts.certificate.issuer.as_deref().unwrap_or("nobody").to_owned();
        return Err(FetchError::Certificate { host, problem, issuer });
    }
    // A probe goes on, and proves nothing by it; a document from somebody unknown is worth nothing.
    if let Some(why) = &session.facts.tls.signature_not_checked {
        return Err(FetchError::NotChecked { host, why: why.clone() });
    }
    ask(session.stream, uri, most).await
}

/// The status of a document, without the document. `through` is there where the stream goes to a
/// proxy, with what that is told of who asks.
///
/// # Errors
/// What went wrong.
pub async fn head(
    stream: impl Io + 'static,
    uri: &Uri,
    through: Option<Option<&str>>,
) -> Result<u16, FetchError> {
    // A proxy is told the whole URL (RFC 9112 section 3.2.2).
    let target = if through.is_some() { uri.to_string() } else { path_of(uri).to_owned() };
    let mut request = Request::head(target);
    if let Some(authorization) = through.flatten() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let (response, _driver) = send(stream, uri, request).await?;
    match response.status().as_u16() {
        status @ (407 | 502..=504) if through.is_some() => Err(FetchError::Proxy(status)),
        status => Ok(status),
    }
}

async fn ask(stream: impl Io + 'static, uri: &Uri, most: usize) -> Result<Reply, FetchError> {
    let (response, _driver) =
        send(stream, uri, Request::get(path_of(uri)).header(ACCEPT, "application/json")).await?;
    let host = authority_of(uri).to_owned();
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = Limited::new(response.into_body(), most).collect().await;
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(FetchError::BrokeOff { host, error }),
    };
    let body = String::from_utf8(body.to_vec()).map_err(|_| FetchError::NoText(host))?;
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
) -> Result<(Response<Incoming>, Driver), FetchError> {
    let authority = authority_of(uri);
    let request =
        request.header(HOST, authority).header(USER_AGENT, AGENT).body(Empty::<Bytes>::new());
    let request = request.map_err(FetchError::OddUrl)?;
    let wrong = |error| FetchError::NoAnswer { host: authority.to_owned(), error };
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
