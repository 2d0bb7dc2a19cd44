//! LDAP, connector's side: the rootDSE, which every directory shows without signing on, and TLS
//! from the first octet or by StartTLS.

mod directory;
mod root_dse;
mod talk;

use super::probe::talk::{Searches, Talk, take_proof};

use super::codec::CHALLENGE_ATTRIBUTE;
use crate::climb::further_steps::further_steps;
use crate::climb::{Climb, Stop};
use crate::matrix::model::{Expect, Protocol};
use crate::net::Io;
use crate::observation::StepKind;
use crate::observation::failure::Failure;
use crate::wire::challenge::Exporter;
use bytes::BytesMut;

/// connect, (tls), ldap, proof; with StartTLS then start-tls, tls, ldap and proof on the same
/// connection.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol == Protocol::Ldaps {
        return inside_tls(climb, stream, 1).await;
    }
    let mut talk = Talk { stream, buffer: BytesMut::new() };
    // The plain search comes first: where StartTLS fails it has shown that the port, and a
    // directory behind it, are there.
    let domain = search(climb, &mut talk, 1, None).await?;
    if !climb.target.hop.flow.options.starttls() {
        return on(climb, Searches { talk, id: 2 }, domain, None).await;
    }
    climb.step(StepKind::StartTls, talk.start_tls(2)).await?;
    inside_tls(climb, talk.stream, 3).await
}

/// On a connection of its own, goes as far as where the TLS handshake begins.
///
/// # Errors
/// The failure, where the directory does not begin TLS.
pub(crate) async fn until_tls<S: Io>(stream: S) -> Result<S, Failure> {
    let mut talk = Talk { stream, buffer: BytesMut::new() };
    talk.start_tls(1).await?;
    Ok(talk.stream)
}

/// Shakes hands and looks at the rootDSE from inside.
async fn inside_tls(climb: &mut Climb<'_>, stream: impl Io, id: i32) -> Result<(), Stop> {
    let session = climb.tls(stream, &[]).await?;
    let mut talk = Talk { stream: session.stream, buffer: BytesMut::new() };
    let domain = search(climb, &mut talk, id, session.exporter.as_ref()).await?;
    on(climb, Searches { talk, id: id + 1 }, domain, session.exporter.as_ref()).await
}

/// Further rungs on the same connection, and its end. `domain` is the one that an Active Directory
/// says it is of.
async fn on(
    climb: &mut Climb<'_>,
    mut searches: Searches<impl Io>,
    domain: Option<String>,
    exporter: Option<&Exporter>,
) -> Result<(), Stop> {
    let allowed = climb.target.hop.flow.expect == Expect::Allow;
    if let Some(domain) = domain.filter(|_| allowed)
        && !directory::look(climb, &mut searches, &domain).await
    {
        return Ok(());
    }
    further_steps(climb, exporter, &mut searches).await?;
    if allowed {
        directory::measure(climb, &mut searches).await;
    }
    searches.talk.leave(climb, searches.id).await;
    Ok(())
}

/// Rungs `ldap` and `proof`. Gives the domain, where an Active Directory answered.
async fn search(
    climb: &mut Climb<'_>,
    talk: &mut Talk<impl Io>,
    id: i32,
    exporter: Option<&Exporter>,
) -> Result<Option<String>, Stop> {
    let asked = climb.challenge();
    let challenge = asked.as_ref().map(|a| format!("{CHALLENGE_ATTRIBUTE}{}", a.text));
    let more: Vec<&str> = challenge.as_deref().into_iter().collect();
    let found = climb.step(StepKind::Ldap, talk.root_dse(id, &more)).await;
    let Ok(mut entry) = found else {
        climb.proof(asked.as_ref(), None, None);
        return Err(Stop);
    };
    climb.recognised = root_dse::recognise(&entry).or(climb.recognised.take());
    let proof = challenge.and_then(|name| take_proof(&mut entry, &name));
    climb.proof(asked.as_ref(), proof.as_deref(), exporter);
    Ok(root_dse::domain(&entry))
}
