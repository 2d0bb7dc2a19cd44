//! Two answers side by side: whether one made both.

use super::answer::Answer;
use crate::observation::facts::RefusedBy;
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

/// What is known of a refusal beside other answers.
pub(crate) struct Beside<'a> {
    /// A path that the front passes on, and that cannot be there: the answer to it.
    pub of_service: Option<&'a Answer>,
    /// Whether the refusal is the service's own.
    pub is_of_service: bool,
    /// Whether it is known which paths the front passes on.
    pub is_passed_on: bool,
}

/// Who refused a path that must be refused at the front. Nobody where nothing tells.
pub(crate) fn refused_by(answer: &Answer, beside: &Beside<'_>) -> Option<RefusedBy> {
    match beside.of_service {
        Some(_) if beside.is_of_service => Some(RefusedBy::Service),
        // That a maker's name is missing names nobody, unless nothing else is there either.
        Some(other)
            if answer.makers.iter().any(|(k, v)| other.makers.get(k) != Some(v))
                || (answer.makers != other.makers && answer.is_bare()) =>
        {
            Some(RefusedBy::Front)
        }
        // Where the tables do not say what is passed on, there is nothing to compare it with.
        Some(_) => answer.recognised.front_page.then_some(RefusedBy::Front),
        None => (answer.recognised.front_page && !beside.is_passed_on).then_some(RefusedBy::Front),
    }
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

    /// Whether it has neither contents nor a kind of them.
    pub(crate) fn is_bare(&self) -> bool {
        self.body.is_empty() && self.content_type.is_none()
    }

    /// Whether it is a listener's own refusal.
    pub(crate) fn is_a_stand_ins(&self) -> bool {
        stand_in::is_its_refusal(self.status, self.content_type.as_deref(), &self.body)
    }

    /// Whether another answer is like this one, and made by the same.
    pub(crate) fn is_of_one_maker(&self, other: &Answer, path: &str, other_path: &str) -> bool {
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
