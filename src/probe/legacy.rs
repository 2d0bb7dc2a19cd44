//! A TLS handshake that a server breaks off may only show that the two have nothing in common. A
//! second greeting, which offers old versions, cipher suites and groups as well, tells: who answers
//! it is alive, and speaks TLS in another way than this program.

use crate::climb::Climb;
use crate::matrix::model::Expect;
use crate::net::{Io, random};
use crate::observation::facts::SecondGreeting;
use crate::observation::failure::Failure;
use crate::observation::{Step, StepKind};
use crate::protocol::http::probe::proxy;
use crate::protocol::ldap::probe as ldap;
use crate::reason::Reason;
use crate::wire::tls_alert::{About, Alert};
use crate::wire::tls_hello::{self, Answer, Chosen, MAX_ANSWER, Offer};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Looks at the rung that ended the climb, and corrects its reason to `tls-not-supported-here` when
/// the server takes another greeting, and chooses of it what this program does not speak. What it
/// chose, or said, is kept as a fact in any case.
pub async fn look_again(climb: &mut Climb<'_>) {
    let Some(reason) =
        climb.last_step().filter(|step| may_be_another_tls(step)).and_then(|step| step.reason())
    else {
        return;
    };
    if climb.target.hop.flow.expect == Expect::Deny {
        return;
    }
    let initiator = climb.last_step().and_then(|step| step.initiator());
    let mut told = None;
    for offer in [Offer::All, Offer::Old] {
        if climb.in_time().is_err() {
            break;
        }
        let answer = greet(climb, offer).await;
        if let Some(Answer::Chosen(chosen)) = answer
            && !chosen.foreign().is_empty()
        {
            let foreign = chosen.foreign().into_iter().map(str::to_owned).collect();
            climb.correct(Failure::peer(Reason::TlsNotSupportedHere).noting(|facts| {
                facts.tls.not_supported = foreign;
                facts.tls.second_greeting = Some(describe(&chosen));
            }));
            return;
        }
        told = match answer {
            Some(Answer::Chosen(chosen)) => Some(describe(&chosen)),
            Some(Answer::Alert(alert)) => told.or(Some(SecondGreeting {
                alert: Some(alert.name().to_owned()),
                alert_code: Some(alert.0),
                ..SecondGreeting::default()
            })),
            _ => told,
        };
    }
    if let Some(told) = told {
        let failure = Failure::peer(reason).noting(|facts| facts.tls.second_greeting = Some(told));
        climb.correct(Failure { initiator: initiator.unwrap_or(failure.initiator), ..failure });
    }
}

/// Whether a rung ended as it does when the two ends have nothing in common. Some servers say so
/// with an alert, some hang up.
fn may_be_another_tls(step: &Step) -> bool {
    let ended = matches!(
        step.reason(),
        Some(Reason::TlsHandshakeFailed | Reason::TlsNotSupportedHere | Reason::ResetAfterConnect)
    );
    let alert = step.facts.ended.alert_code.map(Alert);
    let of_another_matter = alert.is_some_and(|alert| {
        matches!(alert.about(), About::Name | About::Application | About::ClientCertificate)
    });
    step.step == StepKind::Tls && ended && !of_another_matter && !step.facts.tls.wrong_signature
}

/// Sends a greeting on a connection of its own, as far into the protocol as the first one was.
async fn greet(climb: &Climb<'_>, offer: Offer) -> Option<Answer> {
    let hop = &climb.target.hop;
    let deadline = climb.step_deadline();
    let work = async {
        match &hop.proxy {
            Some(proxy) => {
                let stream = climb.dial_once(proxy.port).await.ok()?;
                let (way, _) = proxy::ask(stream, &proxy::authority(climb), proxy).await.ok()?;
                exchange(climb, way, offer).await
            }
            None if hop.flow.options.starttls() => {
                let stream = climb.dial_once(hop.port).await.ok()?;
                exchange(climb, ldap::until_tls(stream).await.ok()?, offer).await
            }
            None => exchange(climb, climb.dial_once(hop.port).await.ok()?, offer).await,
        }
    };
    tokio::time::timeout(deadline, work).await.ok()?
}

async fn exchange(climb: &Climb<'_>, mut stream: impl Io, offer: Offer) -> Option<Answer> {
    let name =
        Some(climb.target.server_name.as_str()).filter(|name| name.parse::<IpAddr>().is_err());
    stream.write_all(&tls_hello::client_hello(&random(), name, offer)).await.ok()?;
    stream.flush().await.ok()?;
    let mut octets = Vec::new();
    let mut chunk = vec![0; 4096];
    loop {
        match (tls_hello::read(&octets), octets.len() < MAX_ANSWER) {
            (Answer::More(chosen), true) => match stream.read(&mut chunk).await {
                Ok(n @ 1..) => octets.extend_from_slice(&chunk[..n]),
                // What it chose counts, also where it hangs up in the middle.
                _ => return chosen.map(Answer::Chosen),
            },
            (Answer::More(chosen), false) => return chosen.map(Answer::Chosen),
            (answer, _) => return Some(answer),
        }
    }
}

fn describe(chosen: &Chosen) -> SecondGreeting {
    SecondGreeting {
        version: Some(chosen.version_name().to_owned()),
        cipher: Some(chosen.suite_name()),
        group: chosen.group_name(),
        signature: chosen.scheme_name(),
        key: chosen.key.map(str::to_owned),
        ..SecondGreeting::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;
    use crate::observation::Outcome;

    fn step(reason: Reason, facts: Facts) -> Step {
        Step::new(StepKind::Tls, Outcome::of(false, Some(reason), None), facts)
    }

    fn alert(code: u8) -> Facts {
        Facts::of(|facts| facts.ended.alert_code = Some(code))
    }

    #[test]
    fn only_what_may_come_of_the_greeting_is_tried_again() {
        assert!(may_be_another_tls(&step(Reason::TlsHandshakeFailed, alert(40))));
        assert!(
            may_be_another_tls(&step(Reason::TlsHandshakeFailed, Facts::default())),
            "it hung up"
        );
        assert!(may_be_another_tls(&step(Reason::ResetAfterConnect, Facts::default())));
        assert!(!may_be_another_tls(&step(Reason::TlsHandshakeFailed, alert(112))), "the name");
        assert!(!may_be_another_tls(&step(
            Reason::TlsHandshakeFailed,
            Facts::of(|facts| facts.tls.wrong_signature = true)
        )));
        assert!(!may_be_another_tls(&step(Reason::ClientCertificateWanted, alert(40))));
        assert!(!may_be_another_tls(&step(Reason::TlsNotSpoken, Facts::default())));
    }
}
