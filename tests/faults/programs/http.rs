//! Fronts: TLS that is opened on the way, and HTTP/2 that is not carried as it came.

use super::{Context, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portmatrix::net::tls;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Boxed = UnsyncBoxBody<Bytes, Error>;

/// Ends TLS with a certificate of its own, and begins it anew towards the backend.
pub async fn intercept(context: &Context, stream: TcpStream, to: u16, acceptor: &TlsAcceptor) {
    let backend = context.backend(&stream, to);
    let Ok(mut inside) = acceptor.accept(stream).await else { return };
    let alpn = inside.get_ref().1.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    let Ok(stream) = TcpStream::connect(backend).await else { return };
    let offered: Vec<&str> = alpn.iter().map(String::as_str).collect();
    if let Ok(mut session) =
        tls::connect(&context.trust, stream, crate::certificates::NAME, &offered).await
    {
        let _ = copy_bidirectional(&mut inside, &mut session.stream).await;
    }
}

/// How an HTTP/2 front goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Front {
    pub backend: Version,
    pub strip_trailers: bool,
    pub buffer: bool,
    /// Answers so by itself.
    pub status: Option<u16>,
}

/// Speaks HTTP/2 without TLS to the client.
pub async fn front(context: &Context, stream: TcpStream, to: u16, front: Front) {
    let backend = context.backend(&stream, to);
    let service = service_fn(move |request| async move {
        Ok::<_, Error>(match answer(request, backend, front).await {
            Ok(response) => response,
            Err(_) => Response::builder().status(502).body(empty())?,
        })
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn empty() -> Boxed {
    Empty::new().map_err(|e| match e {}).boxed_unsync()
}

async fn answer(
    request: Request<Incoming>,
    backend: SocketAddr,
    front: Front,
) -> Result<Response<Boxed>, Error> {
    if let Some(status) = front.status {
        return Ok(Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "text/html")
            .body(empty())?);
    }
    let (mut head, body) = request.into_parts();
    let body: Boxed = if front.buffer {
        // Everything is collected before anything is passed on.
        Full::new(body.collect().await?.to_bytes()).map_err(|e| match e {}).boxed_unsync()
    } else {
        body.map_err(Error::from).boxed_unsync()
    };
    let stream = TokioIo::new(TcpStream::connect(backend).await?);
    let path = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let response = match front.backend {
        Version::Http1 => {
            head.version = hyper::Version::HTTP_11;
            head.uri = path.parse()?;
            head.headers.insert(HOST, backend.to_string().parse()?);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
            tokio::spawn(connection);
            sender.send_request(Request::from_parts(head, body)).await?
        }
        Version::Http2 => {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            sender.send_request(Request::from_parts(head, body)).await?
        }
    };
    let (mut head, body) = response.into_parts();
    head.version = hyper::Version::HTTP_2;
    for name in ["connection", "transfer-encoding", "keep-alive", "upgrade"] {
        head.headers.remove(name);
    }
    let body = if front.strip_trailers {
        WithoutTrailers(body).boxed_unsync()
    } else {
        body.map_err(Error::from).boxed_unsync()
    };
    Ok(Response::from_parts(head, body))
}

/// A body that ends where its trailers begin.
struct WithoutTrailers(Incoming);

impl Body for WithoutTrailers {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
            Some(Ok(frame)) if frame.is_trailers() => None,
            other => other.map(|frame| frame.map_err(Error::from)),
        })
    }
}
