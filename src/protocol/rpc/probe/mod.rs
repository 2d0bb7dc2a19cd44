//! DCE/RPC: the endpoint mapper, a look-up of each interface that the flow needs, and the port of
//! each.
//!
//! What a stranger may do at a domain controller is enough: bind to the mapper, ask it, and bind to
//! the interfaces. That the interface then answers a bind on its own port is the proof that the way
//! is open; calls are not made, since they would need credentials.

mod connect;
mod look_up;
mod port;
mod range;
mod session;
mod shut;

use super::codec::{Syntax, epm};
use crate::climb::further_steps::{Exchange, Heard, further_steps, large_on};
use crate::climb::{Climb, SentChallenge, Stop};
use crate::matrix::model::{Expect, Interface};
use crate::net::{self, clock};
use crate::observation::StepKind;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use connect::{dial, prove, token, within};
use look_up::{Located, Pages};
use session::{CHALLENGE_CONTEXT, Called, INTERFACE_CONTEXT, Session, unless_busy};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// connect, rpc-bind, and for each interface rpc-map and rpc-port; a proof on every connection. An
/// interface that fails does not stop the others.
///
/// # Errors
/// [`Stop`] when the mapper was not reached, or anything of an interface failed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let stream = match climb.connect(climb.target.hop.port).await {
        Ok(stream) => stream,
        Err(stop) => {
            shut::look(climb).await;
            return Err(stop);
        }
    };
    let asked = climb.challenge();
    let challenge = asked.as_ref().map(|a| a.octets);
    let binding = Session::bind(stream, Syntax::EPM, challenge.as_ref());
    let (source, to) =
        (climb.target.source, SocketAddr::new(climb.target.address, climb.target.hop.port));
    let deadline = climb.connect_deadline();
    let anew = async {
        let stream = net::dial::connect(source, to, deadline, 0).await.1?;
        Session::bind(stream, Syntax::EPM, challenge.as_ref()).await
    };
    let bound = climb
        .step(StepKind::RpcBind, async {
            let bound = unless_busy(binding.await, anew).await?;
            let facts = bound.facts.clone();
            Ok((bound, facts))
        })
        .await?;
    let mut mapper = prove(climb, climb.target.hop.port, bound, asked.as_ref()).await;
    let proved = is_proved(climb);
    let mut outcome = if mapper.is_some() { Ok(()) } else { Err(Stop) };
    let flow = climb.target.hop.flow.clone();
    let mut dynamic = None;
    for interface in flow.options.interfaces() {
        outcome = one_interface(climb, &mut mapper, interface, &mut dynamic).await.and(outcome);
    }
    if flow.expect == Expect::Allow {
        let swept = range::climb(climb, proved).await;
        // What the sweep proved is not shut, whatever became of the few connections before it.
        outcome = if outcome.is_err() && port::was_proved_since(climb) {
            swept
        } else {
            swept.and(outcome)
        };
        if outcome.is_ok()
            && climb.sweep.as_ref().is_some_and(|sweep| sweep.restarted || sweep.outage.is_some())
        {
            // The connection from before it is gone, or may be.
            mapper = another_session(climb).await;
        }
    }
    // What a sweep left open does not hide what is certain.
    let is_open =
        climb.failed_step().is_none_or(|step| step.reason() == Some(Reason::ChangedMeanwhile));
    match mapper {
        Some(session) if is_open && session.challenged => {
            further_steps(climb, None, &mut Calls(session)).await?
        }
        _ => {}
    }
    match dynamic {
        // A rule of its own may be for the range.
        Some((interface, port)) if outcome.is_ok() && !climb.light => {
            large_on_port(climb, interface, port).await
        }
        _ => outcome,
    }
}

/// Something large on a connection of its own to one of the ports that the mapper gave, where the
/// listener proves itself on it once more.
async fn large_on_port(climb: &mut Climb<'_>, interface: Syntax, port: u16) -> Result<(), Stop> {
    let (Ok(stream), Some(asked)) = (dial(climb, port).await, climb.challenge_at(port)) else {
        return Ok(());
    };
    let binding =
        within(climb.step_deadline(), Session::bind(stream, interface, Some(&asked.octets))).await;
    let Some(mut session) =
        binding.ok().filter(|bound| bound.challenge_accepted).map(|bound| bound.session)
    else {
        return Ok(());
    };
    let called =
        within(climb.step_deadline(), session.call(CHALLENGE_CONTEXT, 0, Vec::new())).await;
    let Ok(Called::Answered(stub, _)) = called else { return Ok(()) };
    match climb.weigh(Some(&asked), Some(&token(&stub)), None) {
        ProofOutcome::Valid { .. } => large_on(climb, port, &mut Calls(session)).await,
        _ => Ok(()),
    }
}

/// Another connection to the mapper; `None` where there is none, or nobody proves himself on it.
async fn another_session(climb: &Climb<'_>) -> Option<Session<TcpStream>> {
    let stream = climb.dial_aside().await.ok()?;
    let asked = climb.challenge();
    let binding = Session::bind(stream, Syntax::EPM, asked.as_ref().map(|a| &a.octets));
    within(climb.step_deadline(), binding).await.ok().map(|bound| bound.session)
}

/// Whether the listener of the hop's own host has proved itself.
fn is_proved(climb: &Climb<'_>) -> bool {
    let host = climb.target.hop.to.host.label();
    climb
        .proofs()
        .iter()
        .any(|p| matches!(p, ProofOutcome::Valid { claims, .. } if claims.host == host))
}

/// The mapper's connection, on which the challenge's context is called again. The context is the
/// challenge of this connection, so the proof answers that one, and says nothing new: what counts
/// is that the octets come back.
struct Calls(Session<TcpStream>);

impl Exchange for Calls {
    fn proves(&self) -> bool {
        false
    }

    async fn exchange(&mut self, _: &SentChallenge, padding: &str) -> Result<Heard, Failure> {
        match self.0.call(CHALLENGE_CONTEXT, 0, padding.as_bytes().to_vec()).await? {
            Called::Answered(stub, _) => {
                let padding = stub.get(4 + token(&stub).len()..).unwrap_or_default().to_vec();
                Ok(Heard { proof: None, padding, status: None })
            }
            Called::Fault(code) => {
                Err(Failure::peer(Reason::RpcBindRejected).with("fault", session::hex(code)))
            }
        }
    }
}

async fn one_interface(
    climb: &mut Climb<'_>,
    mapper: &mut Option<Session<TcpStream>>,
    interface: &Interface,
    dynamic: &mut Option<(Syntax, u16)>,
) -> Result<(), Stop> {
    let begun = clock::instant();
    match ask_mapper(climb, mapper, Syntax::of(interface)).await {
        Ok(located) => {
            let mut facts = located.facts(climb.target.address);
            facts.absorb(look_up::about(interface));
            climb.note(StepKind::RpcMap, begun, Ok(facts));
            let tried = port::try_all(climb, interface, &located).await;
            *dynamic = dynamic
                .take()
                .or_else(|| Some((located.interface, port::proved(climb, &located)?)));
            tried
        }
        Err(mut failure) => {
            failure.facts.absorb(look_up::about(interface));
            if failure.reason == Reason::RpcNotRegistered {
                failure.facts.rpc.hint.clone_from(&interface.hint);
            }
            climb.note(StepKind::RpcMap, begun, Err(failure));
            Err(Stop)
        }
    }
}

/// Looks one interface up; once more on another connection where the mapper was too busy.
async fn ask_mapper(
    climb: &mut Climb<'_>,
    mapper: &mut Option<Session<TcpStream>>,
    wanted: Syntax,
) -> Result<Located, Failure> {
    let first = ask_once(climb, mapper, wanted).await;
    let again = async {
        *mapper = None;
        ask_once(climb, mapper, wanted).await
    };
    unless_busy(first, again).await
}

/// The same on the mapper connection that is there or, where an earlier call broke it, on a new
/// one.
async fn ask_once(
    climb: &mut Climb<'_>,
    mapper: &mut Option<Session<TcpStream>>,
    wanted: Syntax,
) -> Result<Located, Failure> {
    climb.in_time()?;
    let mut session = match mapper.take() {
        Some(session) => session,
        None => {
            let stream = dial(climb, climb.target.hop.port).await?;
            within(climb.step_deadline(), Session::bind(stream, Syntax::EPM, None)).await?.session
        }
    };
    let mut pages = Pages::default();
    let mut request = epm::MapRequest::tcp(wanted);
    loop {
        let called = within(
            climb.step_deadline(),
            session.call(INTERFACE_CONTEXT, epm::MAP, request.encode()),
        )
        .await?;
        match pages.add(called) {
            Ok(Some(handle)) => request.handle = handle,
            Ok(None) => break,
            Err(failure) => {
                // A fault leaves the connection as it was.
                *mapper = Some(session);
                return Err(failure);
            }
        }
    }
    *mapper = Some(session);
    pages.locate(wanted)
}
