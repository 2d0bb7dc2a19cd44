//! Who gave an answer, told by another one: what a path gets that cannot be there.

use super::connection::{Connection, Sender, aside};
use super::origin::rooted;
use crate::climb::Climb;
use crate::net::random;
use crate::observation::facts::{NoSuchPath, RefusedBy};
use crate::protocol::http::classify::answer::Answer;
use crate::protocol::http::classify::likeness::{Beside, refused_by};
use crate::protocol::http::codec::status::{Meaning, is_refusing, of};
use crate::wire::hex::hex;
use crate::wire::stand_in;

/// A front that answers everything with one page answers the flow's path too. So a path that begins
/// in the same way and cannot be there is asked for, where nothing of the service was recognised.
/// It is no path below the flow's own: of such a service may have any number.
pub(super) async fn with_no_such_path(
    climb: &mut Climb<'_>,
    connection: &mut Connection,
    answer: &mut Answer,
) {
    let flow = &climb.target.hop.flow;
    let path = rooted(flow.options.path());
    let is_open =
        matches!(of(answer.status).meaning, Meaning::Answer | Meaning::Redirect | Meaning::SignIn);
    // An application is not asked for every path: what is made in its name is its own.
    let is_asked_for =
        flow.options.path().is_some() && path != "/" && is_open && !answer.recognised.application;
    let is_in_its_words =
        stand_in::is_its_answer(answer.status, answer.content_type.as_deref(), &answer.body);
    if !is_asked_for && !is_in_its_words {
        return;
    }
    let unlikely = format!("/{}-{}", path.trim_matches('/'), hex(&random::<8>()));
    if let Some(other) = ask_for(climb, connection, &unlikely).await {
        let same = answer.is_like(&other, &path, &unlikely);
        let said = if is_in_its_words && other.is_a_stand_ins() {
            NoSuchPath::RefusedByStandIn
        } else if same && is_asked_for {
            NoSuchPath::AnsweredAlike
        } else {
            NoSuchPath::Status(other.status)
        };
        answer.facts.http.no_such_path = Some(said);
    }
}

/// Who refused a path that must be refused at the front, by what other paths get. Facts
/// `refused_by` says
///
/// - `stand-in`: it is in the words of a listener that does not prove itself;
/// - `service`: a path that the front passes on, and that cannot be there, is refused in just the
///   same way;
/// - `front`: such a path gets another answer, and somebody else makes this one, or it is a page
///   that fronts make.
///
/// It is absent where nothing tells. `front_page` says that it is a page that fronts make, or none:
/// an application says something, or of what kind its silence is. `refused_alone` says that a path
/// below the refused one is not refused like it.
pub(super) async fn refusal(
    climb: &mut Climb<'_>,
    connection: &mut Connection,
    answer: &mut Answer,
) {
    let Some(behind) = &climb.target.hop.flow.relayed_to else { return };
    if !is_refusing(answer.status) {
        return;
    }
    if answer.is_a_stand_ins() {
        answer.facts.http.refused_by = Some(RefusedBy::StandIn);
        return;
    }
    let path = rooted(climb.target.hop.flow.options.path());
    let (below, passed_on) = (
        unlikely(&path),
        behind.paths.first().map(|passed| unlikely(&rooted(Some(passed.as_str())))),
    );
    let of_service = match &passed_on {
        Some(passed_on) => ask_for(climb, connection, passed_on).await,
        None => None,
    };
    let is_of_service = |other: &Answer, asked: &str| {
        of_service.as_ref().zip(passed_on.as_ref()).is_some_and(|(of_service, passed_on)| {
            other.is_of_one_maker(of_service, asked, passed_on)
        })
    };
    if let Some(other) = ask_for(climb, connection, &below).await
        && !answer.is_of_one_maker(&other, &path, &below)
        && (!is_refusing(other.status) || other.is_a_stand_ins() || is_of_service(&other, &below))
    {
        answer.facts.http.refused_alone = Some(other.status);
    }
    let beside = Beside {
        of_service: of_service.as_ref(),
        is_of_service: is_of_service(answer, &path),
        is_passed_on: passed_on.is_some(),
    };
    let refused_by = refused_by(answer, &beside);
    answer.facts.http.front_page = answer.recognised.front_page || answer.is_bare();
    answer.facts.http.refused_by = refused_by;
}

/// A path below another one that cannot be there.
fn unlikely(path: &str) -> String {
    format!("{}/{}", path.trim_end_matches('/'), hex(&random::<8>()))
}

/// Asks for another path, without a challenge: on the same connection where it stays open, else on
/// one of its own.
async fn ask_for(climb: &mut Climb<'_>, connection: &mut Connection, path: &str) -> Option<Answer> {
    let deadline = climb.step_deadline();
    let asking = async {
        if !connection.closes || connection.form.by_http2 {
            let own = std::mem::replace(&mut connection.form.path, path.to_owned());
            let other = connection.ask(None, "").await;
            connection.form.path = own;
            if let Ok(other) = other {
                return Some(other);
            }
        }
        // A server that takes one connection at a time takes the next one only once this one is
        // closed.
        connection.sender = Sender::Closed;
        climb.let_go();
        let (mut fresh, _) = aside(climb).await?;
        path.clone_into(&mut fresh.form.path);
        fresh.ask(None, "").await.ok()
    };
    tokio::time::timeout(deadline, asking).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_there_is_below() {
        assert!(unlikely("/Agent/").starts_with("/Agent/"));
        assert!(unlikely("/").starts_with('/') && unlikely("/").len() == 17);
    }
}
