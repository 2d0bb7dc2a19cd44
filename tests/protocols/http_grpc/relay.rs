//! A proxy that collects each request before it passes it on, by HTTP/2 or by HTTP/1.1.

use crate::support::http_grpc::LOOPBACK;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, TE, VIA};
use hyper::{HeaderMap, Request, Response, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// How the proxy speaks to what is behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    Http2,
    Http1,
}

/// Starts it in front of a port of loopback; its own port.
pub async fn relay(behind: Behind, port: u16) -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let own = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(pass(behind, port, request, respond));
                }
            });
        }
    });
    own
}

async fn pass(
    behind: Behind,
    port: u16,
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
) {
    let (mut head, mut body) = request.into_parts();
    head.headers.insert(VIA, HeaderValue::from_static("2 relay"));
    let mut octets = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        octets.extend_from_slice(&data);
    }
    let stream = TcpStream::connect((LOOPBACK, port)).await.expect("the backend");
    let (status, headers, octets, trailers) = match behind {
        Behind::Http2 => by_2(stream, Request::from_parts(head, ()), octets).await,
        Behind::Http1 => {
            head.version = Version::HTTP_11;
            head.headers.insert(HOST, HeaderValue::from_static("backend"));
            head.headers.remove(TE);
            head.uri = head.uri.path().parse::<Uri>().expect("a path");
            by_1(stream, Request::from_parts(head, Full::new(octets.into()))).await
        }
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    for name in ["connection", "upgrade", "transfer-encoding"] {
        response.headers_mut().remove(name);
    }
    let mut send = respond.send_response(response, false).expect("open");
    send.send_data(octets.into(), trailers.is_none()).expect("open");
    if let Some(trailers) = trailers {
        send.send_trailers(trailers).expect("open");
    }
}

type Whole = (hyper::StatusCode, HeaderMap, Vec<u8>, Option<HeaderMap>);

async fn by_2(stream: TcpStream, request: Request<()>, octets: Vec<u8>) -> Whole {
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("ready");
    let (response, mut send) = sender.send_request(request, false).expect("open");
    send.send_data(Bytes::from(octets), true).expect("open");
    let (head, mut body) = response.await.expect("an answer").into_parts();
    let mut octets = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        octets.extend_from_slice(&data);
    }
    (head.status, head.headers, octets, body.trailers().await.expect("an end"))
}

async fn by_1(stream: TcpStream, request: Request<Full<Bytes>>) -> Whole {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let (head, body): (_, Incoming) =
        sender.send_request(request).await.expect("an answer").into_parts();
    let body = body.collect().await.expect("a body");
    let trailers = body.trailers().cloned();
    (head.status, head.headers, body.to_bytes().to_vec(), trailers)
}
