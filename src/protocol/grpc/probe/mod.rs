//! gRPC, connector's side: HTTP/2 agreed on, a unary call with its trailers, and a bidirectional
//! stream that nobody holds back.
//!
//! That the front speaks HTTP/2 says nothing about the way behind it. Only the listener can tell,
//! so its word decides: a valid proof that names another version of HTTP turns the gRPC rung into
//! `http2-not-carried`, however well the call went.

mod call;
mod connection;
mod stream;

use super::codec::HEALTH_CHECK;
use super::probe::connection::Connection;
use crate::climb::first_octets::{Recorded, Recorder};
use crate::climb::further_steps::{Exchange, Heard, further_steps};
use crate::climb::{Climb, SentChallenge, Stop};
use crate::matrix::model::{Expect, Protocol};
use crate::net::fetch::{Driver, drive};
use crate::net::{Io, clock};
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::plan::model::PlannedFlow;
use crate::protocol::grpc::classify::Answer;
use crate::protocol::http::probe::alpn;
use crate::protocol::http::probe::connection::MAX_HEAD;
use crate::protocol::http::probe::origin::{authority, rooted};
use crate::reason::Reason;
use crate::wire::challenge::{Exporter, ProofOutcome};
use crate::wire::octets::{looks_like, printable};
use h2::client::SendRequest;
use hyper::body::Bytes;
use std::sync::Arc;
use stream::Held;

/// HTTP/2 frame header (RFC 9113 section 4.1), and a GOAWAY with its two words (section 6.8).
const FRAME_HEADER: usize = 9;
const GOAWAY_LEN: usize = FRAME_HEADER + 8;
/// Frame types.
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// connect, (tls, alpn), http, grpc, proof, grpc-stream.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol == Protocol::GrpcH2c {
        return speak(climb, stream, "http", None).await;
    }
    // Both are offered: a server that knows no h2 then says what it would rather speak, where h2
    // alone would get an alert from some and nothing from others.
    let offered = ["h2", "http/1.1"];
    let session = climb.tls(stream, &offered).await?;
    let facts = alpn(&offered, session.alpn.as_deref());
    if session.alpn.as_deref() != Some("h2") {
        climb.note(
            StepKind::Alpn,
            clock::instant(),
            Err(Failure { facts, ..Failure::peer(Reason::Http2NotOffered) }),
        );
        return Err(Stop);
    }
    climb.note(StepKind::Alpn, clock::instant(), Ok(facts));
    speak(climb, session.stream, "https", session.exporter).await
}

async fn speak(
    climb: &mut Climb<'_>,
    stream: impl Io + 'static,
    scheme: &'static str,
    exporter: Option<Exporter>,
) -> Result<(), Stop> {
    let (sender, head, driver) = climb.step(StepKind::Http, settings(stream)).await?;
    let (asked, again) = (climb.challenge(), climb.challenge());
    let mut connection = Connection {
        sender,
        head,
        scheme,
        authority: authority(climb, scheme),
        challenge: asked.as_ref().map(|a| a.text.clone()),
        _driver: driver,
    };
    let begun = clock::instant();
    let calling = unary(&mut connection, &climb.target.hop.flow, again.as_ref());
    let called = tokio::time::timeout(climb.step_deadline(), calling).await;
    let (answer, asked) = match called {
        Ok(Ok((answer, false))) => (answer, asked),
        Ok(Ok((answer, true))) => (answer, again),
        Ok(Err(failure)) => {
            climb.note(StepKind::Grpc, begun, Err(failure));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
        Err(_) => {
            climb.note(StepKind::Grpc, begun, Err(Failure::silent()));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
    };
    (climb.recognised, climb.only_fronts) =
        (answer.recognised.words.clone(), answer.recognised.only_fronts);
    let proof = climb.weigh(asked.as_ref(), answer.proof.as_deref(), exporter.as_ref());
    let proved = matches!(proof, ProofOutcome::Valid { .. });
    let outcome = match seen_by_listener(&proof) {
        Some(version) if version != "2" => Err(answer
            .failure(Reason::Http2NotCarried)
            .noting(|facts| facts.grpc.listener_saw_http = Some(version))),
        _ => answer.outcome(),
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Grpc, begun, outcome);
    climb.note_proof(proof);
    if !climbed {
        return Err(Stop);
    }
    if climb.light {
        return Ok(());
    }
    if !proved {
        return stranger(climb, &connection, &answer.prefix).await;
    }
    // A front may take each call over another connection of its own.
    connection.challenge = climb.challenge().map(|asked| asked.text);
    let begun = clock::instant();
    let outcome = stream::ping_pong(&connection, &answer.prefix, climb.step_deadline()).await;
    let climbed = outcome.is_ok();
    climb.note(StepKind::GrpcStream, begun, outcome);
    if !climbed {
        return Err(Stop);
    }
    further_steps(
        climb,
        exporter.as_ref(),
        &mut Calls { connection, prefix: answer.prefix, held: None },
    )
    .await
}

/// The stream at a service that gives no proof.
async fn stranger(
    climb: &mut Climb<'_>,
    connection: &Connection,
    prefix: &str,
) -> Result<(), Stop> {
    // Of a path that must be shut, nothing more is asked.
    if climb.target.hop.flow.expect == Expect::Deny {
        return Ok(());
    }
    let (begun, behind_front) = (clock::instant(), climb.target.hop.flow.relayed_to.is_some());
    let Some(outcome) =
        stream::answered_while_open(connection, prefix, behind_front, climb.step_deadline())
            .await
            .transpose()
    else {
        return Ok(());
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::GrpcStream, begun, outcome);
    if climbed { Ok(()) } else { Err(Stop) }
}

/// A connection on which further calls are made.
struct Calls {
    connection: Connection,
    prefix: String,
    /// The call that lasts through the silence.
    held: Option<Held>,
}

impl Exchange for Calls {
    fn proves(&self) -> bool {
        false
    }

    /// Services keep a call open and say nothing on it for long, and fronts count the silence of
    /// each call, not only that of the connection.
    async fn hold(&mut self, asked: &SentChallenge) -> Result<(), Failure> {
        self.connection.challenge = Some(asked.text.clone());
        let mut held = Held::open(&self.connection, &self.prefix).await?;
        let heard = held.echo(&self.connection, b"before").await?;
        if heard != b"before" {
            return Err(Failure::peer(Reason::GrpcFailed).saying("the echo is not what was said"));
        }
        self.held = Some(held);
        Ok(())
    }

    /// One more word on the call that is held, else a call of its own, on which the padding is said
    /// and heard. Only who showed the key gets an echo, so nothing else is proved by it.
    async fn exchange(&mut self, asked: &SentChallenge, padding: &str) -> Result<Heard, Failure> {
        let held = self.held.take();
        let lasted = held.is_some();
        let mut call = match held {
            Some(held) => held,
            None => {
                self.connection.challenge = Some(asked.text.clone());
                Held::open(&self.connection, &self.prefix).await?
            }
        };
        let word = if padding.is_empty() { b"after".as_slice() } else { padding.as_bytes() };
        let heard = call
            .echo(&self.connection, word)
            .await
            .map_err(|f| if lasted { call_ended(f) } else { cut_off(f) })?;
        call.close(&self.connection).await?;
        let padding = match padding.is_empty() {
            true if heard != word => heard,
            true => Vec::new(),
            false => heard,
        };
        Ok(Heard { proof: None, padding, status: None })
    }
}

/// A call that was reset on a way which has just carried one: whatever the code says elsewhere,
/// HTTP/2 is carried here.
fn cut_off(failure: Failure) -> Failure {
    match failure.reason {
        Reason::Http2NotCarried => Failure { reason: Reason::GrpcFailed, ..failure },
        _ => failure,
    }
}

/// A call that was echoed before the silence, and was ended in it: whatever it was ended with, that
/// is no orderly end.
fn call_ended(failure: Failure) -> Failure {
    match failure.reason {
        Reason::SilentAfterConnect | Reason::ResetAfterConnect => failure,
        Reason::ClosedAfterConnect => Failure { reason: Reason::ResetAfterConnect, ..failure }
            .with("closed", "in the middle of a call"),
        code => Failure { reason: Reason::ResetAfterConnect, ..failure }
            .noting(|facts| facts.grpc.stream = Some(code)),
    }
}

/// The version of HTTP that a proved listener saw.
fn seen_by_listener(proof: &ProofOutcome) -> Option<String> {
    match proof {
        ProofOutcome::Valid { claims, .. } => claims.http.as_ref().map(|http| http.version.clone()),
        _ => None,
    }
}

/// The health check, below the flow's path where it has one. Where that path answers 404 and
/// nothing of gRPC, the call is made once more at the root: a server that takes calls from there
/// routes by service name alone. Tells whether it is the second call that was answered, which has a
/// challenge of its own.
async fn unary(
    connection: &mut Connection,
    flow: &PlannedFlow,
    again: Option<&SentChallenge>,
) -> Result<(Answer, bool), Failure> {
    let prefix = flow
        .options
        .path()
        .map(|path| rooted(Some(path)).trim_end_matches('/').to_owned())
        .unwrap_or_default();
    let first = call::unary(connection, &prefix, HEALTH_CHECK).await?;
    // Of a path that must be shut, nothing but the path itself is asked.
    if flow.expect == Expect::Deny
        || prefix.is_empty()
        || first.status != 404
        || first.grpc_status.is_some()
        || first.proof.is_some()
    {
        return Ok((first, false));
    }
    connection.challenge = again.map(|asked| asked.text.clone());
    match call::unary(connection, "", HEALTH_CHECK).await {
        Ok(second) if second.grpc_status.is_some() => Ok((second, true)),
        _ => Ok((first, false)),
    }
}

/// Sends the preface and waits for the other end's own: a SETTINGS frame (RFC 9113 section 3.4).
async fn settings(
    stream: impl Io + 'static,
) -> Result<((SendRequest<Bytes>, Arc<Recorded>, Driver), Facts), Failure> {
    let (tap, head) = Recorder::new(stream);
    let shaken = h2::client::Builder::new()
        .enable_push(false)
        .max_concurrent_streams(0)
        .max_header_list_size(u32::from(MAX_HEAD))
        .handshake::<_, Bytes>(tap)
        .await;
    let (sender, connection) = match shaken {
        Ok(both) => both,
        Err(error) => return Err(call::failure(&error, &head)),
    };
    let driver = drive(connection);
    let enough = |octets: &[u8]| match octets.get(3) {
        // The first letter of an HTTP/1.x status line; its end is worth waiting for.
        _ if octets.starts_with(b"HTTP/") => octets.contains(&b'\n'),
        Some(&GOAWAY) => octets.len() >= GOAWAY_LEN,
        _ => octets.len() >= FRAME_HEADER,
    };
    let octets = head.until(enough).await;
    first_frame(&octets)
        .unwrap_or_else(|| Err(head.failure(Reason::HttpNotSpoken)))
        .map(|facts| ((sender, head, driver), facts))
}

/// What the first octets of the answer to a preface mean; `None` when they are neither HTTP/2 nor
/// HTTP/1.x.
fn first_frame(octets: &[u8]) -> Option<Result<Facts, Failure>> {
    if looks_like(octets) == Some("http/1") {
        let line = octets.split(|&o| o == b'\r' || o == b'\n').next().unwrap_or_default();
        return Some(Err(
            Failure::peer(Reason::Http2NotOffered).with("answered", printable(line, 120))
        ));
    }
    if looks_like(octets) != Some("http/2") {
        return None;
    }
    match octets[3] {
        SETTINGS => Some(Ok(Facts::of(|facts| facts.more.add("first_frame", "SETTINGS")))),
        // An HTTP/1.x-only endpoint of Kestrel says GOAWAY HTTP_1_1_REQUIRED and nothing else.
        GOAWAY => {
            let code = octets
                .get(FRAME_HEADER + 4..GOAWAY_LEN)
                .and_then(|o| o.try_into().ok())
                .map(u32::from_be_bytes)
                .map(h2::Reason::from);
            Some(Err(match code {
                // Draining, or too much to do: it speaks HTTP/2, and takes nothing now.
                Some(code @ (h2::Reason::NO_ERROR | h2::Reason::ENHANCE_YOUR_CALM)) => {
                    Failure::peer(Reason::GrpcFailed)
                        .with("first_frame", "GOAWAY")
                        .noting(|facts| facts.ended.goaway = Some(format!("{code:?}")))
                }
                Some(code) => Failure::peer(Reason::Http2NotOffered)
                    .with("first_frame", "GOAWAY")
                    .with("code", format!("{code:?}")),
                None => Failure::peer(Reason::Http2NotOffered).with("first_frame", "GOAWAY"),
            }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(octets: &[u8]) -> Option<Reason> {
        first_frame(octets).map(|outcome| outcome.err().map_or(Reason::Answered, |f| f.reason))
    }

    #[test]
    fn the_first_frame_tells() {
        assert_eq!(reason(&[0, 0, 0, 4, 0, 0, 0, 0, 0]), Some(Reason::Answered));
        let kestrel = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd];
        assert_eq!(reason(&kestrel), Some(Reason::Http2NotOffered));
        let draining = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(reason(&draining), Some(Reason::GrpcFailed), "it speaks HTTP/2");
        assert_eq!(reason(&kestrel[..9]), Some(Reason::Http2NotOffered), "cut off before its code");
        assert_eq!(reason(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Some(Reason::Http2NotOffered));
        assert_eq!(reason(b"SSH-2.0-OpenSSH"), None);
        assert_eq!(reason(&[0, 0, 0, 4, 0, 0, 0, 0, 1]), None, "SETTINGS on a stream");
        assert_eq!(reason(&[0x15, 3, 1, 0, 2, 2, 0x16]), None);
        assert_eq!(reason(b""), None);
    }
}
