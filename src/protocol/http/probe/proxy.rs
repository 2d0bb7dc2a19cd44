//! Through an outbound proxy: rung `proxy`, which asks it with HTTP CONNECT to open the way.

use super::http1::Http1;
use crate::climb::{Climb, Stop};
use crate::net::clock;
use crate::net::fetch::AGENT;
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::protocol::http::classify::headers::text;
use crate::protocol::http::codec::http1::Head;
use crate::reason::Reason;
use crate::site::proxy::Proxy;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{
    HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SERVER, USER_AGENT, VIA,
};
use std::io::Cursor;
use tokio::io::{AsyncReadExt as _, Chain, Join, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

/// A way that a proxy opened. What came with its answer is read first.
pub type Way = Join<Chain<Cursor<Vec<u8>>, ReadHalf<TcpStream>>, WriteHalf<TcpStream>>;

/// Ways of signing in that are told of one answer.
const MAX_WAYS: usize = 8;

/// Connects to the proxy, at the first of its addresses that opens, and has it open the way: what
/// is written from now on goes to the host.
///
/// # Errors
/// [`Stop`] when the proxy was not reached, or did not open the way.
pub(super) async fn open(climb: &mut Climb<'_>, proxy: &Proxy) -> Result<Way, Stop> {
    let stream = climb.connect_any(&proxy.addresses, proxy.port).await?;
    let authority = authority(climb);
    let begun = clock::instant();
    let outcome =
        match tokio::time::timeout(climb.step_deadline(), ask(stream, &authority, proxy)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::silent()
                .saying("the proxy did not say in time whether it can reach the host")),
        };
    match outcome {
        Ok((way, facts)) => {
            climb.note(StepKind::Proxy, begun, Ok(facts));
            Ok(way)
        }
        Err(failure) => {
            climb.note(
                StepKind::Proxy,
                begun,
                Err(failure.noting(|facts| facts.proxy.asked_for = Some(authority))),
            );
            Err(Stop)
        }
    }
}

/// What the proxy is asked for: name and port of the host.
pub(crate) fn authority(climb: &Climb<'_>) -> String {
    let (name, port) = (&climb.target.server_name, climb.target.hop.port);
    if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
}

/// Asks for the way on a connection to the proxy.
///
/// # Errors
/// The failure, when it does not open the way.
pub async fn ask(
    stream: TcpStream,
    authority: &str,
    proxy: &Proxy,
) -> Result<(Way, Facts), Failure> {
    let mut request = Request::connect(authority).header(HOST, authority).header(USER_AGENT, AGENT);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|e| Failure::local(Reason::NotTested).saying(e.to_string()))?;
    let mut http = Http1::new(stream);
    let head = http.ask(&request).await?;
    let facts = facts(&head);
    match head.status {
        200..=299 => {
            let (stream, came) = http.into_parts();
            let (reader, writer) = tokio::io::split(stream);
            Ok((tokio::io::join(Cursor::new(came).chain(reader), writer), facts))
        }
        // 401 is a server's word; tinyproxy says it to a wrong password all the same.
        401 | 407 => {
            let wants = ways(&head);
            let failure = Failure { facts, ..Failure::peer(Reason::ProxyAuthentication) };
            Err(failure.noting(|facts| {
                facts.proxy.wants = wants;
                facts.proxy.signed_in = Some(proxy.authorization().is_some());
            }))
        }
        _ => Err(Failure { facts, ..Failure::peer(Reason::ProxyRefused) }),
    }
}

/// How the proxy wants those to sign in who use it (RFC 9110 section 11.7.1): `Basic`, `Negotiate`,
/// `NTLM`.
fn ways(head: &Head) -> Vec<String> {
    let said =
        head.headers.get_all(PROXY_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let first_word = |value: &str| value.split([' ', ',']).next().unwrap_or_default().to_owned();
    said.map(first_word).filter(|word| !word.is_empty() && word.len() < 40).take(MAX_WAYS).collect()
}

fn facts(head: &Head) -> Facts {
    Facts::of(|facts| {
        facts.proxy.status = Some(head.status);
        facts.proxy.server = text(&head.headers, &SERVER);
        facts.proxy.via = text(&head.headers, &VIA);
        facts.proxy.squid_error = text(&head.headers, &HeaderName::from_static("x-squid-error"));
    })
}
