//! HTTP and HTTPS, connector's side: one GET on the flow's path, by HTTP/2 where ALPN selects it,
//! else by HTTP/1.1.

mod compare;
pub(crate) mod connection;
mod http1;
pub(crate) mod http2;
mod large;
pub(crate) mod origin;
pub mod proxy;

use self::connection::{Connection, Form};
use self::origin::origin;
pub use self::origin::rooted;
use super::codec::status::{self, Place, Said};
use crate::climb::further_steps::further_steps;
use crate::climb::{Climb, Stop};
use crate::matrix::model::{Expect, Protocol};
use crate::net::{Io, clock, tls};
use crate::observation::facts::BehindSpeaks;
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::reason::Reason;
use crate::wire::challenge::{Exporter, ProofOutcome};

/// connect, (tls, alpn), http, proof.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    if let Some(proxy) = climb.target.hop.proxy.clone() {
        let stream = proxy::open(climb, &proxy).await?;
        return inside_tls(climb, stream).await;
    }
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol != Protocol::Https {
        return ask(climb, stream, false, None).await;
    }
    inside_tls(climb, stream).await
}

async fn inside_tls(climb: &mut Climb<'_>, stream: impl Io + 'static) -> Result<(), Stop> {
    // Many clients speak HTTP/1.1 alone, and a front may do something else with them.
    let offered: &[&str] = if climb.by_http1 { &["http/1.1"] } else { &["h2", "http/1.1"] };
    let session = climb.tls(stream, offered).await?;
    let facts = alpn(offered, session.alpn.as_deref());
    climb.note(StepKind::Alpn, clock::instant(), Ok(facts));
    let by_http2 = session.alpn.as_deref() == Some("h2");
    ask(climb, session.stream, by_http2, session.exporter).await
}

async fn ask(
    climb: &mut Climb<'_>,
    stream: impl Io + 'static,
    by_http2: bool,
    exporter: Option<Exporter>,
) -> Result<(), Stop> {
    let asked = climb.challenge();
    let begun = clock::instant();
    let form = Form::of(climb, by_http2);
    let talk = async {
        let mut connection = Connection::open(stream, form).await?;
        let answer = connection.ask(asked.as_ref().map(|a| a.text.as_str()), "").await?;
        Ok((connection, answer))
    };
    let (mut connection, mut answer) = match tokio::time::timeout(climb.step_deadline(), talk).await
    {
        Ok(Ok(both)) => both,
        Ok(Err(failure)) => {
            let failure = behind_front(climb, failure).await;
            climb.note(StepKind::Http, begun, Err(failure));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
        Err(_) => {
            climb.note(StepKind::Http, begun, Err(Failure::silent()));
            climb.proof(asked.as_ref(), None, None);
            return Err(Stop);
        }
    };
    (climb.recognised, climb.only_fronts) =
        (answer.recognised.words.clone(), answer.recognised.only_fronts);
    let proof = climb.weigh(asked.as_ref(), answer.proof.as_deref(), exporter.as_ref());
    // Not even a proof makes up for an error status where a path is asked: a front that changed the
    // path reaches a listener, which then says 404. Without a path of the plan a listener has
    // nothing else to say.
    let flow = &climb.target.hop.flow;
    let proved = matches!(proof, ProofOutcome::Valid { .. });
    let counts = flow.expect == Expect::Allow && !(flow.options.path().is_none() && proved);
    let mut said = match climb.target.hop.class {
        _ if !counts => Said::Yes,
        Some(_) => answer.said_by_cloud(&origin(climb)),
        None => answer.said(&origin(climb)),
    };
    // Said inside TLS, "plain HTTP came to a port of TLS" is about the port behind whoever ended
    // the session; elsewhere it may be.
    if said == Said::No(Reason::HttpNotSpoken)
        && (flow.protocol == Protocol::Https
            || (flow.relayed_to.is_some() && !speaks_tls(climb).await))
    {
        answer.facts.http.behind_speaks = Some(BehindSpeaks::Tls);
        said = Said::No(Reason::BadGateway);
    }
    let outcome = match said {
        Said::No(reason) => Err(Failure { facts: answer.facts, ..Failure::peer(reason) }),
        Said::Unknown => {
            answer.facts.http.unclear = Some(status::of(answer.status).words.to_owned());
            Ok(answer.facts)
        }
        Said::Yes => {
            if counts && !proved && !climb.light && climb.target.hop.class.is_none() {
                compare::with_no_such_path(climb, &mut connection, &mut answer).await;
            } else if !proved && !climb.light && flow.expect == Expect::Deny {
                let own = origin(climb);
                if answer
                    .location
                    .as_deref()
                    .is_some_and(|location| own.place(location) == Place::Elsewhere)
                {
                    answer.facts.http.leads_elsewhere = true;
                }
                compare::refusal(climb, &mut connection, &mut answer).await;
            }
            Ok(answer.facts)
        }
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Http, begun, outcome);
    climb.note_proof(proof);
    if !climbed {
        return Err(Stop);
    }
    if !proved
        && counts
        && !climb.light
        && climb.target.hop.class.is_none()
        && climb.target.hop.proxy.is_none()
    {
        drop(connection);
        return large::to_service(climb).await;
    }
    further_steps(climb, exporter.as_ref(), &mut connection).await
}

/// What came instead of HTTP may be what the front got from the host behind it: nginx passes octets
/// on that are none, and TLS is not spoken inside TLS. A front that itself wants TLS where none was
/// spoken is told apart by speaking it.
async fn behind_front(climb: &Climb<'_>, failure: Failure) -> Failure {
    let tls = failure.facts.ended.looks_like.as_deref() == Some("tls");
    if climb.target.hop.flow.relayed_to.is_none() || failure.reason != Reason::HttpNotSpoken || !tls
    {
        return failure;
    }
    let inside_tls = climb.target.hop.flow.protocol == Protocol::Https;
    if !inside_tls && speaks_tls(climb).await {
        return failure;
    }
    Failure { reason: Reason::BadGateway, ..failure }
        .noting(|facts| facts.http.behind_speaks = Some(BehindSpeaks::Tls))
}

/// What was offered, and what was selected.
pub(crate) fn alpn(offered: &[&str], selected: Option<&str>) -> Facts {
    Facts::of(|facts| {
        facts.alpn.offered = offered.iter().map(|name| (*name).to_owned()).collect();
        facts.alpn.selected = selected.map(str::to_owned);
    })
}

/// Whether the port itself speaks TLS.
async fn speaks_tls(climb: &Climb<'_>) -> bool {
    let shaking = async {
        let stream = climb.dial_aside().await?;
        tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &[]).await
    };
    matches!(tokio::time::timeout(climb.step_deadline(), shaking).await, Ok(Ok(_)))
}
