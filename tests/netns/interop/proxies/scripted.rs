//! What no program here does by itself: a front as IIS with ARR is one, a server of gRPC over
//! HTTP/1.1, and one that says nothing.

use crate::support::http_grpc::LOOPBACK;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portmatrix::net::identity::Identity;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Error>;

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// What IIS shows others than its own machine when ARR has no good answer (its
/// custerr/en-US/502.htm, shortened).
const PAGE_502: &str = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 \
    Strict//EN\">\r\n<html><head><title>502 - Web server received an \
                        invalid response while acting as a gateway or proxy \
                        server.</title></head>\r\n<body>\r\n<div id=\"header\"><h1>Server \
                        Error</h1></div>\r\n<div id=\"content\"><h2>502 - Web server received an \
                        invalid response while acting as a gateway \
                        or proxy server.</h2></div>\r\n</body></html>\r\n";

/// A front as IIS with ARR is one: HTTP/2 with TLS to the client, HTTP/1.1 to what is behind it,
/// and its own names in every answer.
pub async fn iis(identity: &Identity, behind: SocketAddr) -> SocketAddr {
    let acceptor = identity.acceptor(&["h2", "http/1.1"]).expect("key and certificate fit");
    let (listener, address) = bind().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| async move {
                    Ok::<_, Infallible>(pass(request, behind).await)
                });
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn pass(request: Request<Incoming>, behind: SocketAddr) -> Response<Body> {
    let mut response = match ask(request, behind).await {
        Ok(response) => response,
        Err(_) => {
            let mut page =
                Response::new(Full::from(PAGE_502).map_err(|never| match never {}).boxed_unsync());
            *page.status_mut() = hyper::StatusCode::BAD_GATEWAY;
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            page
        }
    };
    response.headers_mut().insert(SERVER, HeaderValue::from_static("Microsoft-IIS/10.0"));
    response.headers_mut().append("x-powered-by", HeaderValue::from_static("ASP.NET"));
    response.headers_mut().append("x-powered-by", HeaderValue::from_static("ARR/3.0"));
    response
}

async fn ask(request: Request<Incoming>, behind: SocketAddr) -> Result<Response<Body>, Error> {
    let (mut head, body) = request.into_parts();
    head.version = Version::HTTP_11;
    head.uri = head.uri.path_and_query().map_or("/", |p| p.as_str()).parse()?;
    head.headers.insert(HOST, behind.to_string().parse()?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(behind).await?))
            .await?;
    tokio::spawn(connection);
    let (mut head, body) = sender.send_request(Request::from_parts(head, body)).await?.into_parts();
    head.version = Version::HTTP_2;
    for name in ["connection", "transfer-encoding", "keep-alive", "upgrade"] {
        head.headers.remove(name);
    }
    Ok(Response::from_parts(head, body.map_err(Error::from).boxed_unsync()))
}

/// The health check over HTTP/1.1, with trailers after the last chunk. A request is answered once
/// it has come to its end.
const OVER_HTTP1: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntrailer: \
        grpc-status\r\ntransfer-encoding: chunked\r\n\r\n\
    7\r\n\0\0\0\0\x02\x08\x01\r\n0\r\ngrpc-status: 0\r\n\r\n";

/// A server that speaks gRPC over HTTP/1.1, with chunks and trailers.
pub async fn over_http1() -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut came = Vec::new();
                let mut some = [0; 4096];
                while !is_whole(&came) {
                    match stream.read(&mut some).await {
                        Ok(n) if n > 0 => came.extend_from_slice(&some[..n]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(OVER_HTTP1).await;
                let _ = stream.shutdown().await;
                while matches!(stream.read(&mut some).await, Ok(n) if n > 0) {}
            });
        }
    });
    address
}

/// Whether a request came to its end, by its length or its last chunk.
fn is_whole(came: &[u8]) -> bool {
    let text = String::from_utf8_lossy(came).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    match head.lines().find_map(|line| line.strip_prefix("content-length:")) {
        Some(length) => body.len() >= length.trim().parse().unwrap_or(0),
        None => body.ends_with("0\r\n\r\n"),
    }
}

/// A host whose port opens and that never says a word.
pub async fn silent() -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            all.push(stream);
        }
    });
    address
}

/// A server that speaks HTTP/2, takes every call and answers none.
pub async fn hung() -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake::<_>(stream).await else { return };
                let mut calls = Vec::new();
                while let Some(Ok(call)) = connection.accept().await {
                    calls.push(call);
                }
            });
        }
    });
    address
}
