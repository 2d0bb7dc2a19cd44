//! The lab's reverse proxy: ends TLS, passes one path on to the service over HTTP/1.1, and refuses
//! every other path, as the real one should.

use super::error::LabError;
use crate::net::identity::Identity;
use crate::net::occupied::Occupied;
use crate::net::serve::bind;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, VIA};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Largest body that is passed on, in octets.
const MAX_BODY: usize = 64 * 1024;
/// Longest life of one connection.
const LIFETIME: Duration = Duration::from_secs(30);

/// Where the relay stands and what it passes on.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Where clients connect.
    pub front: SocketAddr,
    /// The service behind.
    pub backend: SocketAddr,
    /// The only path that is passed on, with everything below it.
    pub path: String,
}

impl Relay {
    /// Opens the front and relays until `stop`.
    ///
    /// # Errors
    /// When the port cannot be opened or the certificate cannot be used.
    pub fn start(
        self,
        identity: &Identity,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<(), LabError> {
        let acceptor = identity.acceptor(&["h2", "http/1.1"])?;
        let listener = bind(self.front, &Occupied::now())
            .map_err(|error| LabError::Front { address: self.front, error })?;
        let connections = tracker.clone();
        tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, peer)) = accepted else { continue };
                // Otherwise the end of a handshake waits for an acknowledgement that waits as well.
                let _ = stream.set_nodelay(true);
                let (relay, acceptor, stop) = (self.clone(), acceptor.clone(), stop.clone());
                connections.spawn(async move {
                    let serve = async {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let service = hyper::service::service_fn(move |request| {
                            let relay = relay.clone();
                            async move { Ok::<_, Infallible>(relay.pass_on(request, peer.ip()).await) }
                        });
                        let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    };
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = tokio::time::timeout(LIFETIME, serve) => {}
                    }
                });
            }
        });
        Ok(())
    }

    async fn pass_on(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_lowercase();
        let published = self.path.to_lowercase();
        if path != published && !path.starts_with(&format!("{published}/")) {
            return plain(StatusCode::NOT_FOUND);
        }
        match self.ask_backend(request, peer).await {
            Ok(response) => response,
            Err(_) => plain(StatusCode::BAD_GATEWAY),
        }
    }

    async fn ask_backend(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let (_, stream) = crate::net::dial::connect(
            Some(self.front.ip()),
            self.backend,
            Duration::from_secs(5),
            0,
        )
        .await;
        let stream =
            stream.map_err(|f| format!("{} → {}: {}", self.front, self.backend, f.reason))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (mut parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        parts.version = hyper::Version::HTTP_11;
        parts.uri = target.parse()?;
        parts.headers.insert(HOST, HeaderValue::from_str(&self.backend.to_string())?);
        parts.headers.insert(VIA, HeaderValue::from_static("2 lab-reverse-proxy"));
        parts.headers.insert("x-forwarded-for", HeaderValue::from_str(&peer.to_string())?);
        let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
        let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (mut parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
        for hop_by_hop in ["connection", "transfer-encoding", "keep-alive", "content-length"] {
            parts.headers.remove(hop_by_hop);
        }
        parts.version = hyper::Version::HTTP_11;
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
