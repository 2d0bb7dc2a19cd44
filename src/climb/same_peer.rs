//! Whether the one who proved itself at first answered again, and with what was sent to it.

use crate::observation::Initiator;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// What came back in a further exchange.
#[derive(Debug, Default)]
pub struct Heard {
    /// The proof; `None` where the protocol's own echo shows who answered, or where there was none.
    pub proof: Option<String>,
    /// The padding that came back.
    pub padding: Vec<u8>,
    /// An HTTP status that is none of a service that works.
    pub status: Option<u16>,
}

/// By what it is told whether the same one answered again.
pub(super) struct Same<'a> {
    /// Hosts that the plan has behind a front: it may share out requests among them.
    pub(super) hosts: &'a [String],
    /// Whether each exchange brings a proof.
    pub(super) proves: bool,
    /// What was sent and is to come back.
    pub(super) padding: &'a [u8],
}

/// Whether two answers may come from one service: from the same host, or from two of those that the
/// plan has behind the front.
fn is_one_of(hosts: &[String], before: &String, now: &String) -> bool {
    before == now || (hosts.contains(before) && hosts.contains(now))
}

/// Whether the one who proved itself at first answered again: a device may share out the requests
/// of one connection among several hosts.
pub(super) fn same_listener(
    first: Option<&ProofOutcome>,
    now: &ProofOutcome,
    heard: &Heard,
    same: &Same<'_>,
) -> Result<(), Failure> {
    let Same { hosts, proves, padding } = *same;
    let what = "a later request on the connection";
    let changed = || is_unchanged(padding, &heard.padding);
    let (Some(ProofOutcome::Valid { claims: before, .. }), true) = (first, proves) else {
        return changed();
    };
    match (now, heard.status) {
        (ProofOutcome::Invalid { why }, _) => {
            Err(Failure::peer(Reason::ProofInvalid).with("why", why.clone()))
        }
        (ProofOutcome::Valid { claims, .. }, _)
            if claims.local.port() != before.local.port()
                || !is_one_of(hosts, &before.host, &claims.host) =>
        {
            let failure =
                Failure { initiator: Initiator::Path, ..Failure::peer(Reason::WrongListener) };
            Err(failure.with(
                "why",
                format!("{what} was answered by {} on port {}", claims.host, claims.local.port()),
            ))
        }
        (ProofOutcome::Valid { .. }, _) => changed(),
        // What has just passed a request on, and now says that it is not available, has a limit.
        (_, Some(status @ (429 | 503))) => Err(Failure::peer(Reason::HttpStatus)
            .noting(|facts| (facts.http.status, facts.http.rate_limit) = (Some(status), true))),
        (_, Some(status @ (502 | 504))) => {
            Err(Failure::peer(Reason::BadGateway).noting(|facts| facts.http.status = Some(status)))
        }
        (_, Some(status)) => {
            Err(Failure::peer(Reason::HttpStatus).noting(|facts| facts.http.status = Some(status)))
        }
        (_, None) => {
            let failure =
                Failure { initiator: Initiator::Path, ..Failure::peer(Reason::NotProved) };
            Err(failure
                .with("why", format!("{what} was answered without a proof: by somebody else")))
        }
    }
}

/// Whether octets came back as they were sent.
pub(super) fn is_unchanged(sent: &[u8], came: &[u8]) -> Result<(), Failure> {
    changed(sent, came).map_or(Ok(()), |why| {
        Err(Failure::peer(Reason::ProofInvalid)
            .with("why", why)
            .noting(|facts| facts.exchange.changed = true))
    })
}

/// What became of octets that were to come back as they were sent; `None` when they did.
fn changed(sent: &[u8], came: &[u8]) -> Option<String> {
    let differ = sent.iter().zip(came).filter(|(a, b)| a != b).count();
    match (came.len(), sent.len()) {
        _ if came == sent => None,
        (came, sent) if came < sent => Some(format!(
            "of {sent} octets that were sent {came} came back, in an answer that was whole: \
                somebody on the way changes contents"
        )),
        _ => Some(format!(
            "of {} octets that came back {differ} are not those that were sent: somebody on the \
                way changes contents",
            came.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_proved_itself_must_answer_again() {
        let valid = |host: &str, port: u16| ProofOutcome::Valid {
            claims: crate::wire::challenge::Claims::new(
                host,
                ([10, 0, 0, 1], port).into(),
                ([10, 0, 0, 2], 50000).into(),
                jiff::Timestamp::UNIX_EPOCH,
            ),
            same_tls_session: None,
        };
        let reason = |now: ProofOutcome, came: &[u8], status| {
            let heard = Heard { proof: None, padding: came.to_vec(), status };
            same_listener(
                Some(&valid("psp", 80)),
                &now,
                &heard,
                &Same { hosts: &[], proves: true, padding: b"abc" },
            )
            .err()
            .map(|f| f.reason)
        };
        assert_eq!(reason(valid("psp", 80), b"abc", None), None);
        assert_eq!(reason(valid("psp", 80), b"ab", None), Some(Reason::ProofInvalid));
        assert_eq!(
            reason(valid("psp", 80), b"abd", None),
            Some(Reason::ProofInvalid),
            "as many, and others"
        );
        assert_eq!(reason(valid("psp", 80), b"abcd", None), Some(Reason::ProofInvalid));
        assert_eq!(reason(valid("other", 80), b"abc", None), Some(Reason::WrongListener));
        assert_eq!(reason(ProofOutcome::None, b"abc", None), Some(Reason::NotProved));
        assert_eq!(reason(ProofOutcome::None, b"", Some(502)), Some(Reason::BadGateway));
        assert_eq!(reason(ProofOutcome::None, b"", Some(503)), Some(Reason::HttpStatus), "a limit");
        assert_eq!(reason(ProofOutcome::None, b"", Some(404)), Some(Reason::HttpStatus));
        let both = ["psp".to_owned(), "psp2".to_owned()];
        let shared = |now: ProofOutcome| {
            let heard = Heard { proof: None, padding: b"abc".to_vec(), status: None };
            same_listener(
                Some(&valid("psp", 80)),
                &now,
                &heard,
                &Same { hosts: &both, proves: true, padding: b"abc" },
            )
            .is_ok()
        };
        assert!(
            shared(valid("psp2", 80)),
            "a front may share out requests among the hosts behind it"
        );
        assert!(!shared(valid("psp2", 81)) && !shared(valid("dc", 80)));
        let heard = Heard::default();
        assert!(
            same_listener(
                Some(&valid("psp", 80)),
                &ProofOutcome::None,
                &heard,
                &Same { hosts: &[], proves: false, padding: b"" }
            )
            .is_ok(),
            "an echo is a proof of its own"
        );
        assert!(
            same_listener(
                Some(&valid("psp", 80)),
                &ProofOutcome::None,
                &heard,
                &Same { hosts: &[], proves: false, padding: b"abc" }
            )
            .is_err(),
            "a short one is none"
        );
    }
}
