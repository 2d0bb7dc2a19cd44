//! LDAP, listener's side: what a directory shows to somebody who has not signed on (RFC 4511). It
//! holds no data and is no Active Directory; it answers the rootDSE, shakes hands for TLS, and
//! declines everything else as a domain controller does.

mod root_dse;

use super::codec as wire;
use super::codec::{
    CHALLENGE_ATTRIBUTE, Frame, NOTICE_OF_DISCONNECTION, PADDING_ATTRIBUTE, STARTTLS,
};
use crate::net::{Io, tls};
use crate::stand_in::tls::shake_hands;
use crate::stand_in::{Caller, StandIn};
use crate::wire::challenge::MAX_PADDING;
use bytes::BytesMut;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapBindResponse, LdapExtendedResponse, LdapMsg, LdapOp,
    LdapPartialAttribute, LdapResult, LdapResultCode as Code, LdapSearchRequest,
    LdapSearchResultEntry, LdapSearchScope,
};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longest request, in octets. What may be asked without signing on fits a few times over, and 2048
/// connections at once stay affordable.
const MAX_REQUEST: usize = 32 * 1024;

/// Serves one connection: until the other end leaves, or sends what is not LDAP.
///
/// # Errors
/// Those of the connection.
pub async fn serve(stream: impl Io, seen: Caller, here: &StandIn) -> io::Result<()> {
    let (After::StartTls(stream), Some(server)) = (talk(stream, &seen, here).await?, &here.tls)
    else {
        return Ok(());
    };
    let stream = shake_hands(&server.acceptor, stream).await?;
    let (tls, exporter) = tls::seen_by_server(&stream, &server.certificate_sha256, server.own);
    // Inside TLS a second StartTLS is refused, so this is the end either way.
    talk(stream, &seen.with_tls(tls, exporter), here).await.map(|_| ())
}

/// How a conversation ended.
enum After<S> {
    /// The connection is over.
    End,
    /// TLS was agreed on. Nothing that came before it is left in any buffer.
    StartTls(S),
}

/// Answers requests, one after the other.
async fn talk<S: Io>(mut stream: S, seen: &Caller, here: &StandIn) -> io::Result<After<S>> {
    let mut buffer = BytesMut::new();
    while let Some(frame) = next(&mut stream, &mut buffer).await? {
        seen.standing.request()?;
        let Some(request) = frame.message() else {
            stream.write_all(&disconnect("the request was not understood")).await?;
            break;
        };
        let id = request.msgid;
        match request.op {
            LdapOp::UnbindRequest => break,
            LdapOp::AbandonRequest(_) => {}
            LdapOp::ExtendedRequest(extended) if extended.name == STARTTLS => {
                // Octets that came behind the request would be taken for octets from inside TLS.
                let answer = starttls(seen, here, !buffer.is_empty());
                let agreed = answer.code == Code::Success;
                let answer = LdapExtendedResponse {
                    res: answer,
                    name: Some(STARTTLS.to_owned()),
                    value: None,
                };
                send(&mut stream, vec![LdapMsg::new(id, LdapOp::ExtendedResponse(answer))]).await?;
                if agreed {
                    return Ok(After::StartTls(stream));
                }
            }
            op => match answers(op, &request.ctrl, seen, here) {
                Some(ops) => {
                    send(&mut stream, ops.into_iter().map(|op| LdapMsg::new(id, op)).collect())
                        .await?
                }
                None => {
                    stream.write_all(&disconnect("that is no request")).await?;
                    break;
                }
            },
        }
    }
    stream.shutdown().await?;
    Ok(After::End)
}

/// The next message; `None` when the other end has closed.
async fn next(stream: &mut impl Io, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
    loop {
        match wire::peel(buffer, MAX_REQUEST) {
            Ok(Some(frame)) => return Ok(Some(frame)),
            Ok(None) => {}
            Err(wrong) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("not LDAP: {}", wrong.0),
                ));
            }
        }
        buffer.reserve(1024);
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

async fn send(stream: &mut impl Io, messages: Vec<LdapMsg>) -> io::Result<()> {
    let mut octets = BytesMut::new();
    for message in messages {
        octets.extend_from_slice(&wire::encode(message));
    }
    stream.write_all(&octets).await?;
    stream.flush().await
}

/// The notice that a server sends before it closes by itself (RFC 4511 section 4.4.1).
fn disconnect(text: &str) -> BytesMut {
    let answer = LdapExtendedResponse {
        res: result(Code::ProtocolError, text),
        name: Some(NOTICE_OF_DISCONNECTION.to_owned()),
        value: None,
    };
    wire::encode(LdapMsg::new(0, LdapOp::ExtendedResponse(answer)))
}

fn result(code: Code, text: &str) -> LdapResult {
    LdapResult { code, matcheddn: String::new(), message: text.to_owned(), referral: Vec::new() }
}

/// Whether TLS may begin (RFC 4511 section 4.14.2).
fn starttls(seen: &Caller, here: &StandIn, pipelined: bool) -> LdapResult {
    if seen.tls.is_some() {
        result(Code::OperationsError, "TLS is already up on this connection")
    } else if here.tls.is_none() {
        result(Code::Unavailable, "TLS is not set up on this host")
    } else if pipelined {
        result(
            Code::OperationsError,
            "requests are outstanding; StartTLS must be the last one before TLS",
        )
    } else {
        result(Code::Success, "")
    }
}

/// The answers to a request; `None` for an operation that only a server may send.
fn answers(
    op: LdapOp,
    controls: &[LdapControl],
    seen: &Caller,
    here: &StandIn,
) -> Option<Vec<LdapOp>> {
    let denied = || result(Code::OperationsError, "Operation unavailable without authentication");
    Some(vec![match op {
        LdapOp::BindRequest(bind) => {
            LdapOp::BindResponse(LdapBindResponse { res: sign_on(&bind, seen), saslcreds: None })
        }
        LdapOp::SearchRequest(_)
            if controls
                .iter()
                .any(|c| matches!(c, LdapControl::Unknown { criticality: true, .. })) =>
        {
            LdapOp::SearchResultDone(result(
                Code::UnavailableCriticalExtension,
                "a critical control is not supported",
            ))
        }
        LdapOp::SearchRequest(search)
            if search.base.is_empty() && search.scope == LdapSearchScope::Base =>
        {
            let entry = root_dse(&search, seen, here).map(LdapOp::SearchResultEntry);
            return Some(
                entry
                    .into_iter()
                    .chain([LdapOp::SearchResultDone(result(Code::Success, ""))])
                    .collect(),
            );
        }
        LdapOp::SearchRequest(_) => LdapOp::SearchResultDone(denied()),
        LdapOp::ModifyRequest(_) => LdapOp::ModifyResponse(denied()),
        LdapOp::AddRequest(_) => LdapOp::AddResponse(denied()),
        LdapOp::DelRequest(_) => LdapOp::DelResponse(denied()),
        LdapOp::ModifyDNRequest(_) => LdapOp::ModifyDNResponse(denied()),
        LdapOp::CompareRequest(_) => LdapOp::CompareResult(denied()),
        LdapOp::ExtendedRequest(request) => LdapOp::ExtendedResponse(LdapExtendedResponse {
            res: result(Code::ProtocolError, "the extended operation is not supported"),
            name: Some(request.name),
            value: None,
        }),
        _ => return None,
    }])
}

/// Nobody can sign on here; an anonymous bind needs no signing on (RFC 4513 section 5.1).
fn sign_on(bind: &LdapBindRequest, seen: &Caller) -> LdapResult {
    match &bind.cred {
        _ if bind.version != 3 => result(Code::ProtocolError, "only version 3 is spoken"),
        LdapBindCred::Simple(password) if password.is_empty() => result(Code::Success, ""),
        // As a domain controller that asks for signing: the password is not even looked at in clear
        // text.
        LdapBindCred::Simple(_) if seen.tls.is_none() => {
            result(Code::StrongerAuthRequired, "Transport encryption required.")
        }
        LdapBindCred::Simple(_) => result(Code::InvalidCredentials, ""),
        LdapBindCred::SASL(_) | LdapBindCred::Unsupported => {
            result(Code::AuthMethodNotSupported, "only simple binds are known here")
        }
    }
}

/// The entry that a search of the rootDSE gives, with the proof where it was asked for; `None` when
/// the filter does not match it.
fn root_dse(
    search: &LdapSearchRequest,
    seen: &Caller,
    here: &StandIn,
) -> Option<LdapSearchResultEntry> {
    let all = root_dse::attributes(
        &here.host,
        here.tls.is_some() && seen.tls.is_none(),
        crate::net::clock::now(),
    );
    if root_dse::matches(&search.filter, &all) != Some(true) {
        return None;
    }
    let mut attributes = root_dse::select(all, &search.attrs);
    // One proof to a request, however many challenges it carries.
    let proof = search.attrs.iter().find_map(|name| {
        let challenge = name
            .get(..CHALLENGE_ATTRIBUTE.len())
            .filter(|p| p.eq_ignore_ascii_case(CHALLENGE_ATTRIBUTE))?;
        let proof = here.prove_text(seen, &name[challenge.len()..], None)?;
        Some(LdapPartialAttribute { atype: name.clone(), vals: vec![proof.into_bytes()] })
    });
    // Padding comes back to whoever showed the key, and never more of it than came.
    let padding = proof
        .as_ref()
        .and(search.attrs.iter().find_map(|name| name.strip_prefix(PADDING_ATTRIBUTE)));
    let padding = padding.filter(|p| p.len() <= MAX_PADDING).map(|p| LdapPartialAttribute {
        atype: PADDING_ATTRIBUTE.to_owned(),
        vals: vec![p.as_bytes().to_vec()],
    });
    attributes.extend(proof);
    attributes.extend(padding);
    if search.typesonly {
        attributes.iter_mut().for_each(|a| a.vals.clear());
    }
    Some(LdapSearchResultEntry { dn: String::new(), attributes })
}
