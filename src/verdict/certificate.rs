//! Whether a certificate is the one that ought to be there, is trusted, and will be for a while.

use super::judgement::Verdict;
use super::reading::claims;
use super::tls;
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::challenge::OWN_CERTIFICATE;

/// A certificate that ends within so many days is worth a warning: renewing one takes a ticket.
const SOON_DAYS: i64 = 30;

/// What is wrong with the certificate, unless it is a stand-in's own: that one is made for the run,
/// and its trust means nothing. `failed` is the verdict of a hop that does not work.
pub(super) fn judge(
    hop: &Hop,
    seen: &Observation,
    proved: bool,
    failed: Verdict,
) -> Option<(Verdict, Reason)> {
    let step = seen.steps.iter().find(|s| s.step == StepKind::Tls && s.is_climbed())?;
    // The listener speaks for the certificate that it showed itself: in front of a reverse proxy
    // another one is seen, and judged.
    let shown = step.facts.tls.certificate_sha256.as_deref().unwrap_or_default();
    if proved
        && claims(seen).any(|(c, _)| {
            c.tls.as_ref().is_some_and(|t| t.own_certificate && t.certificate_sha256 == shown)
        })
    {
        return None;
    }
    // Anybody can write that name into a certificate: most likely a listener with another key or
    // none, but nobody can tell.
    if !proved && showed_own(seen) && step.reason().is_some() {
        return Some((Verdict::Inconclusive, Reason::NotProved));
    }
    if let Some(reason) = step.reason() {
        return Some((
            if tls::is_unknown(reason) { Verdict::Inconclusive } else { failed },
            reason,
        ));
    }
    if tls::is_open(step, hop, proved) {
        return Some((Verdict::Inconclusive, Reason::TlsNotSupportedHere));
    }
    if hop.flow.certificate.as_ref().is_some_and(|wanted| !is_for(wanted, step)) {
        return Some((failed, Reason::TlsSubjectMismatch));
    }
    let days = step.facts.certificate.days_left;
    days.is_some_and(|days| days < SOON_DAYS).then_some((Verdict::Warn, Reason::TlsExpiresSoon))
}

/// Whether a certificate was shown that comes from no public root. What a cloud service shows does:
/// any other is that of whoever opened the session on the way, whether this machine trusts it or
/// not.
pub(super) fn is_private(seen: &Observation) -> bool {
    let tls = seen.steps.iter().find(|s| s.step == StepKind::Tls && s.is_climbed());
    tls.is_some_and(|step| step.facts.tls.public_root == Some(false))
}

/// Whether a certificate was shown for this very name that is trusted, and comes from a public
/// root: then the service itself is at the other end.
pub(super) fn is_public(seen: &Observation) -> bool {
    seen.steps.iter().any(|s| {
        let tls = &s.facts.tls;
        s.step == StepKind::Tls
            && s.is_climbed()
            && tls.trusted == Some(true)
            && tls.public_root == Some(true)
    })
}

/// Whether the certificate shown is one that a listener made for itself, by what its subject says.
/// Anybody can say so: good for doubt only.
pub(super) fn showed_own(seen: &Observation) -> bool {
    seen.steps.iter().any(|s| s.step == StepKind::Tls && subject(s).contains(OWN_CERTIFICATE))
}

/// Whether a certificate has the subject that is configured: as its whole subject, as its common
/// name, or as one of its alternative names. Exactly, as a client that was configured with it
/// compares: a wildcard that covers the name is another subject.
fn is_for(wanted: &str, step: &Step) -> bool {
    let subject = subject(step);
    let name = wanted.strip_prefix("CN=").unwrap_or(wanted);
    let common_name = subject.split(',').map(str::trim).find_map(|part| part.strip_prefix("CN="));
    subject == wanted
        || common_name == Some(name)
        || step.facts.certificate.names.iter().any(|other| other == name)
}

/// The subject of the certificate that was shown; empty where none was.
fn subject(step: &Step) -> &str {
    step.facts.certificate.subject.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;
    use crate::observation::Outcome;

    #[test]
    fn the_subject_is_compared_exactly() {
        let facts = Facts::of(|facts| {
            facts.certificate.subject = Some("O=Contoso, CN=psp01.contoso.com".into());
            facts.certificate.names = vec!["psp.contoso.com".into(), "*.apps.contoso.com".into()];
        });
        let step =
            Step { step: StepKind::Tls, outcome: Outcome::CLIMBED, at_ms: 0.0, ms: 1.0, facts };
        for right in [
            "psp01.contoso.com",
            "CN=psp01.contoso.com",
            "O=Contoso, CN=psp01.contoso.com",
            "psp.contoso.com",
            "CN=*.apps.contoso.com",
        ] {
            assert!(is_for(right, &step), "{right}");
        }
        for wrong in [
            "PSP01.contoso.com",
            "psp01",
            "contoso.com",
            "x.apps.contoso.com",
            "CN=O=Contoso",
            "CN=psp01.contoso.com, O=Contoso",
        ] {
            assert!(!is_for(wrong, &step), "{wrong}");
        }
    }
}
