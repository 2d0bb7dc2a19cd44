//! Who is expected to answer: the policy of a run, beyond the plan.

use super::judgement::{AnsweredBy, Verdict};
use crate::reason::Reason;

/// Who is to answer on hops that must be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whoever speaks the protocol to its end.
    #[default]
    Any,
    /// A listener of this site, with its proof: before the product is installed.
    StandIn,
    /// The service itself, recognised: once the product is installed.
    Service,
}

/// What is wrong with who answered, on a hop that is otherwise as it should be. `failed` is how bad
/// a failure of this hop is.
///
/// A stand-in that is still there means that the service is not: that is not as expected. An answer
/// of which nothing says who gave it is not known to be the service's.
pub(super) fn another(
    expected: Expected,
    answered_by: AnsweredBy,
    failed: Verdict,
) -> Option<(Verdict, Reason)> {
    match (expected, answered_by) {
        (Expected::Any, _)
        | (Expected::StandIn, AnsweredBy::StandIn)
        | (Expected::Service, AnsweredBy::Service) => None,
        (Expected::StandIn, _) => Some((Verdict::Fail, Reason::NotProved)),
        (Expected::Service, AnsweredBy::StandIn) => Some((failed, Reason::StandInAnswered)),
        (Expected::Service, _) => Some((Verdict::Inconclusive, Reason::NotRecognised)),
    }
}

/// What the user asked for beyond the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who is expected to answer.
    pub expected: Expected,
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnsweredBy::{Service, StandIn, Unproved};

    #[test]
    fn who_answered_is_held_against_who_was_expected() {
        let another = |expected, by| another(expected, by, Verdict::Fail);
        for by in [StandIn, Service, Unproved] {
            assert_eq!(another(Expected::Any, by), None);
        }
        assert_eq!(another(Expected::StandIn, StandIn), None);
        for by in [Service, Unproved] {
            assert_eq!(another(Expected::StandIn, by), Some((Verdict::Fail, Reason::NotProved)));
        }
        assert_eq!(another(Expected::Service, Service), None);
        assert_eq!(
            another(Expected::Service, StandIn),
            Some((Verdict::Fail, Reason::StandInAnswered))
        );
        assert_eq!(
            another(Expected::Service, Unproved),
            Some((Verdict::Inconclusive, Reason::NotRecognised)),
            "unknown is never green"
        );
        assert_eq!(
            super::another(Expected::Service, StandIn, Verdict::Warn),
            Some((Verdict::Warn, Reason::StandInAnswered))
        );
    }
}
