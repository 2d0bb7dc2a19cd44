//! One connection to an RPC server: bind, calls, and what their failures mean.

use crate::net::Io;
use crate::observation::Facts;
use crate::observation::failure::Failure;
use crate::protocol::rpc::codec::{
    BindAck, BindNak, Body, Client, Context, Order, Pdu, SYNTAX_LEN, Syntax, Uuid, status,
};
use crate::reason::Reason;
use crate::wire::challenge::CHALLENGE_LEN;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Presentation context of the interface.
pub(super) const INTERFACE_CONTEXT: u16 = 0;
/// Presentation context that carries the challenge.
pub(super) const CHALLENGE_CONTEXT: u16 = 1;

/// A connection on which an interface was accepted.
pub(super) struct Session<S> {
    stream: S,
    client: Client,
    /// Whether the challenge's context can be called on it.
    pub(super) challenged: bool,
}

/// What a bind gave.
pub(super) struct Bound<S> {
    pub(super) session: Session<S>,
    /// What the server said of itself.
    pub(super) facts: Facts,
    /// Whether the challenge's context was accepted too. Only a stand-in with the key does that:
    /// other servers say that they do not have such an interface, or (Samba) that a second one in a
    /// bind has no encoding left.
    pub(super) challenge_accepted: bool,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Called {
    /// With results.
    Answered(Vec<u8>, Order),
    /// With a fault.
    Fault(u32),
}

impl<S: Io> Session<S> {
    /// Binds to one interface, in NDR32 alone, and brings the challenge as a second context.
    ///
    /// # Errors
    /// `rpc-bind-rejected`, `rpc-not-spoken`, or what became of the connection.
    pub(super) async fn bind(
        stream: S,
        interface: Syntax,
        challenge: Option<&[u8; CHALLENGE_LEN]>,
    ) -> Result<Bound<S>, Failure> {
        let mut session = Session { stream, client: Client::default(), challenged: false };
        let mut contexts =
            vec![Context { id: INTERFACE_CONTEXT, interface, transfers: vec![Syntax::NDR32] }];
        contexts.extend(challenge.map(challenge_context));
        let octets = session.client.bind(contexts);
        match session.exchange(&octets).await?.body {
            Body::BindAck(ack) => {
                let facts = read_ack(&ack)?;
                let challenge_accepted =
                    challenge.is_some() && ack.results.get(1).is_some_and(|r| r.is_accepted());
                session.challenged = challenge_accepted;
                Ok(Bound { session, facts, challenge_accepted })
            }
            Body::BindNak(nak) => {
                let busy = [BindNak::CONGESTION, BindNak::LIMIT].contains(&nak.reason);
                let reason = if busy { Reason::RpcServerBusy } else { Reason::RpcBindRejected };
                Err(Failure::peer(reason).with("bind_nak", nak.reason).with("said", nak.words()))
            }
            Body::Fault(fault) => Err(of_fault(fault.status)),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes one call.
    ///
    /// # Errors
    /// `rpc-not-spoken`, or what became of the connection.
    pub(super) async fn call(
        &mut self,
        context: u16,
        opnum: u16,
        stub: Vec<u8>,
    ) -> Result<Called, Failure> {
        let octets = self.client.request(context, opnum, stub);
        let Pdu { body, order, .. } = self.exchange(&octets).await?;
        match body {
            Body::Response(response) => Ok(Called::Answered(response.stub, order)),
            Body::Fault(fault) => Ok(Called::Fault(fault.status)),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends octets and waits for the answer to them.
    async fn exchange(&mut self, octets: &[u8]) -> Result<Pdu, Failure> {
        let failed = |error: &io::Error| Failure::after_connect(error);
        self.stream.write_all(octets).await.map_err(|e| failed(&e))?;
        self.stream.flush().await.map_err(|e| failed(&e))?;
        let mut chunk = vec![0; 4096];
        loop {
            match self.client.answer() {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) => return Err(not_spoken(error)),
            }
            match self.stream.read(&mut chunk).await.map_err(|e| failed(&e))? {
                0 => {
                    let cut = self.client.is_mid_answer();
                    return Err(
                        failed(&io::ErrorKind::UnexpectedEof.into()).with("answer_begun", cut)
                    );
                }
                n => self.client.push(&chunk[..n]),
            }
        }
    }
}

/// The challenge as a presentation context: an interface that nobody has, with NDR32 and with an
/// encoding that nobody has.
fn challenge_context(octets: &[u8; CHALLENGE_LEN]) -> Context {
    let half = |at: usize| {
        let mut half = [0; SYNTAX_LEN];
        half.copy_from_slice(&octets[at..at + SYNTAX_LEN]);
        Syntax::from_octets(half)
    };
    Context {
        id: CHALLENGE_CONTEXT,
        interface: half(0),
        transfers: vec![Syntax::NDR32, half(SYNTAX_LEN)],
    }
}

fn read_ack(ack: &BindAck) -> Result<Facts, Failure> {
    let mut facts = Facts::of(|facts| {
        facts.rpc.sec_addr = Some(ack.sec_addr.clone());
        facts.more.add("max_xmit", ack.max_xmit);
        facts.more.add("assoc_group", hex(ack.assoc_group));
    });
    // Results come in the order of the contexts; an answer without any is no answer to a bind.
    let Some(result) = ack.results.first() else {
        return Err(not_spoken("a bind_ack without a result"));
    };
    if result.is_accepted() {
        return Ok(facts);
    }
    facts.more.add("result", result.result);
    facts.more.add("result_reason", result.reason);
    facts.more.add("said", result.words());
    if result.transfer.uuid != Uuid::nil() {
        facts.more.add("encoding", result.transfer.uuid.to_string());
    }
    let reason = if (result.result, result.reason) == PROVIDER_LIMIT {
        Reason::RpcServerBusy
    } else {
        Reason::RpcBindRejected
    };
    Err(Failure { facts, ..Failure::peer(reason) })
}

/// A context that was turned down for a limit of the server (C706 12.6.3.1).
const PROVIDER_LIMIT: (u16, u16) = (2, 3);

/// What a fault means that came instead of an answer.
pub(super) fn of_fault(code: u32) -> Failure {
    let reason = match code {
        status::SERVER_TOO_BUSY | status::RPC_S_SERVER_TOO_BUSY | status::REMOTE_NO_MEMORY => {
            Reason::RpcServerBusy
        }
        status::ACCESS_DENIED | status::UNSUPPORTED_AUTHN_LEVEL => Reason::RpcAccessDenied,
        _ => Reason::RpcBindRejected,
    };
    Failure::peer(reason).with("fault", hex(code))
}

/// Time that a server which is too busy gets before it is asked once more.
const BUSY: Duration = Duration::from_millis(500);

/// Does something once more where the server was too busy for it; `work` makes a connection of its
/// own.
pub(super) async fn unless_busy<T>(
    outcome: Result<T, Failure>,
    again: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match outcome {
        Err(failure) if failure.reason == Reason::RpcServerBusy => {
            tokio::time::sleep(BUSY).await;
            again.await
        }
        outcome => outcome,
    }
}

/// A status code as people look it up.
pub(super) fn hex(code: u32) -> String {
    format!("0x{code:08x}")
}

pub(super) fn not_spoken(error: impl std::fmt::Display) -> Failure {
    Failure::peer(Reason::RpcNotSpoken).saying(error.to_string())
}

fn unexpected(body: &Body) -> Failure {
    let what = match body {
        Body::Request(_) => "a request",
        Body::Response(_) => "a response",
        Body::Fault(_) => "a fault",
        Body::Bind(_) => "a bind",
        Body::BindAck(_) => "a bind_ack",
        Body::BindNak(_) => "a bind_nak",
        Body::AlterContext(_) => "an alter_context",
        Body::AlterContextResp(_) => "an alter_context_resp",
        Body::Other(_) => "a PDU without an answer in it",
    };
    not_spoken(format_args!("{what} came instead of the answer"))
}
