//! Who gave an answer, told by another one: what a path gets that cannot be there.

use super::answer::Answer;
use super::connection::{Connection, Sender, aside};
use super::origin::rooted;
use crate::climb::Climb;
use crate::net::random;
use crate::observation::facts::{NoSuchPath, RefusedBy};
use crate::protocol::http::codec::status::{Meaning, is_refusing, of};
use crate::wire::hex::hex;
use crate::wire::stand_in;
use std::collections::BTreeSet;

/// Headers that come and go with an answer's contents, or belong to the connection.
const CHANGING: &[&str] = &[
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "date",
    "age",
    "etag",
    "last-modified",
    "set-cookie",
    "vary",
];

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
/// an application says something, or of what kind its silence is. `refused_alone` says that a path below the refused one is not
/// refused like it.
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
    let is_bare = answer.body.is_empty() && answer.content_type.is_none();
    let refused_by = match &of_service {
        Some(_) if is_of_service(answer, &path) => Some(RefusedBy::Service),
        // That a maker's name is missing names nobody, unless nothing else is there either.
        Some(other)
            if answer.makers.iter().any(|(k, v)| other.makers.get(k) != Some(v))
                || (answer.makers != other.makers && is_bare) =>
        {
            Some(RefusedBy::Front)
        }
        // Where the tables do not say what is passed on, there is nothing to compare it with.
        Some(_) => answer.recognised.front_page.then_some(RefusedBy::Front),
        None => (answer.recognised.front_page && passed_on.is_none()).then_some(RefusedBy::Front),
    };
    answer.facts.http.front_page = answer.recognised.front_page || is_bare;
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

impl Answer {
    /// Whether another path was answered in the same way: a page may repeat the path that it was
    /// asked for, and the time of day.
    pub(crate) fn is_like(&self, other: &Answer, path: &str, other_path: &str) -> bool {
        let plain = |location: &Option<String>, path: &str| {
            let last = path.rsplit('/').next().unwrap_or_default();
            location.as_deref().map(|l| {
                l.split(['?', '#']).next().unwrap_or_default().replace(path, "").replace(last, "")
            })
        };
        let apart = self.body.len().abs_diff(other.body.len());
        let kind = |answer: &Answer| {
            answer
                .content_type
                .as_deref()
                .and_then(|t| t.split(';').next())
                .map(str::to_ascii_lowercase)
        };
        self.status == other.status
            && kind(self) == kind(other)
            && plain(&self.location, path) == plain(&other.location, other_path)
            && apart <= 4 * other_path.len() + self.body.len() / 10
    }

    /// Whether it is a listener's own refusal.
    fn is_a_stand_ins(&self) -> bool {
        stand_in::is_its_refusal(self.status, self.content_type.as_deref(), &self.body)
    }

    /// Whether another answer is like this one, and made by the same.
    fn is_of_one_maker(&self, other: &Answer, path: &str, other_path: &str) -> bool {
        self.is_like(other, path, other_path)
            && self.makers == other.makers
            && self.lasting_headers() == other.lasting_headers()
    }

    /// The headers that whoever made the answer writes on all of its answers.
    fn lasting_headers(&self) -> BTreeSet<&str> {
        self.headers.iter().map(String::as_str).filter(|name| !CHANGING.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_there_is_below() {
        assert!(unlikely("/Agent/").starts_with("/Agent/"));
        assert!(unlikely("/").starts_with('/') && unlikely("/").len() == 17);
    }

    fn refused(body: &str, headers: &[&str]) -> Answer {
        let headers = headers.iter().map(|name| (*name).to_owned()).collect();
        Answer { status: 404, body: body.as_bytes().to_vec(), headers, ..Answer::default() }
    }

    #[test]
    fn who_writes_other_headers_is_another() {
        let (front, service) =
            (refused("", &["date", "server"]), refused("", &["date", "server", "x-powered-by"]));
        assert!(front.is_like(&service, "/", "/Agent/0"));
        assert_ne!(front.lasting_headers(), service.lasting_headers());
        assert_eq!(
            service.lasting_headers(),
            refused("", &["server", "x-powered-by", "content-length"]).lasting_headers()
        );
    }
}
