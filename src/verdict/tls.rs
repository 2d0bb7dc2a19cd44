//! What a TLS handshake that did not succeed, or a certificate that could not be judged, means; and
//! what to do about a certificate.
//!
//! "I do not speak this" is not "it is broken": where only this program lacks something, nothing is
//! known of the way for other clients, and nothing is red.

use super::reading::failed_step;
use crate::matrix::model::Protocol;
use crate::observation::facts::{ChainLink, Facts, Families};
use crate::observation::{CertificateFault as Fault, Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::tls_alert::{About, Alert};
use jiff::Timestamp;

/// What this program offers, for people.
const OFFERED: &str = "TLS 1.2 and 1.3 with the cipher suites of AES-GCM and ChaCha20-Poly1305, \
    and ECDHE on X25519, P-256, P-384 and P-521";

/// Reasons that say only that this program did not get through: the server is there, and others
/// may.
pub(super) fn is_unknown(reason: Reason) -> bool {
    matches!(reason, Reason::TlsNotSupportedHere | Reason::ClientCertificateWanted)
}

/// What a certificate that passed leaves open, where nobody proved himself: a signature of the
/// handshake that was not verified, or a root that may be a public one or not.
pub(super) fn is_open(step: &Step, hop: &Hop, proved: bool) -> bool {
    let unsigned = step.facts.tls.signature_not_checked.is_some() && !proved;
    unsigned || (hop.class.is_some() && root_unknown(step))
}

/// Whether a certificate is trusted, and it could not be found out whether its root is a public
/// one.
fn root_unknown(step: &Step) -> bool {
    step.facts.tls.trusted == Some(true) && step.facts.tls.public_root.is_none()
}

fn alert_of(step: &Step) -> Option<Alert> {
    step.facts.ended.alert_code.map(Alert)
}

/// What is worth knowing beside the verdict.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let to = hop.to.host.label();
    let mut notes = Vec::new();
    if let Some(alert) = failed_step(seen).and_then(alert_of) {
        let words = match failed_step(seen).and_then(|step| step.reason()) {
            Some(Reason::ClientCertificateWanted) => {
                "it had asked for a client certificate, and was given none"
            }
            _ => alert.words(),
        };
        notes.push(format!("{to} broke off with the alert {}: {words}", alert.name()));
    }
    let failed = failed_step(seen).filter(|step| step.step == StepKind::Tls);
    if let Some(step) = failed {
        notes.extend(second_greeting(&to, step));
    }
    let Some(step) = seen.steps.iter().find(|s| s.is_climbed() && s.step == StepKind::Tls) else {
        return notes;
    };
    // Directories ask everybody, and mean nothing by it.
    let asks_everybody = matches!(hop.flow.protocol, Protocol::Ldap | Protocol::Ldaps)
        && failed_step(seen).is_none();
    let said_already = failed_step(seen).and_then(|step| step.reason())
        == Some(Reason::ClientCertificateWanted)
        && !notes.is_empty();
    if step.facts.tls.client_certificate_wanted && !asks_everybody && !said_already {
        notes.push(format!("{to} asked for a client certificate, and was given none"));
    }
    if let Some(why) = &step.facts.tls.signature_not_checked {
        notes.push(format!("the signature of the TLS handshake was not checked: {why}"));
    }
    if let Some(fault) = step.facts.tls.finding.filter(|fault| fault.is_unjudged()) {
        notes.push(format!(
            "the certificate could not be judged here: {}{}",
            fault.summary(),
            detail_of(fault, step)
        ));
    }
    let usage = step.facts.certificate.key_usage.as_deref().unwrap_or_default();
    if !usage.is_empty() && !usage.contains("Digital Signature") {
        notes.push(format!(
            "the key usage of the certificate ({usage}) lacks the digital signature that TLS makes \
                with it: some clients refuse that"
        ));
    }
    if hop.class.is_some() && root_unknown(step) {
        notes.push(
            "this machine trusts the certificate; whether its root is a public one could \
            not be found out"
                .to_owned(),
        );
    }
    notes
}

/// What a server said to the greeting that offers more.
fn second_greeting(to: &str, step: &Step) -> Option<String> {
    let told = step.facts.tls.second_greeting.clone().unwrap_or_default();
    if let (Some(version), Some(cipher)) = (told.version, told.cipher) {
        let group = told.group.map(|group| format!(", the group {group}")).unwrap_or_default();
        let signature =
            told.signature.map(|scheme| format!(", the signature {scheme}")).unwrap_or_default();
        let chosen = format!(
            "{to} answers a greeting that offers more with {version}, the cipher suite \
                {cipher}{group}{signature}"
        );
        return Some(match step.reason() {
            Some(Reason::TlsNotSupportedHere) => format!("{chosen}; this program speaks {OFFERED}"),
            _ => format!("{chosen}: it was nothing of these that it did not like at first"),
        });
    }
    match (told.alert, step.reason()) {
        (_, Some(Reason::TlsNotSupportedHere)) => Some(format!(
            "this program speaks {OFFERED}; {to} takes none of its versions or cipher suites"
        )),
        (Some(alert), _) => Some(format!(
            "a greeting that offers older versions and cipher suites is broken off as well \
                ({alert})"
        )),
        _ => None,
    }
}

/// What exactly could not be judged, where the chain tells it.
fn detail_of(fault: Fault, step: &Step) -> String {
    let all = |of: fn(&ChainLink) -> Option<&str>| {
        step.facts.tls.chain.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    match fault {
        Fault::SignatureNotSupported => {
            let (signed, keys) =
                (all(|one| one.signed_with.as_deref()), all(|one| one.key.as_deref()));
            format!(" (signed with {signed}; keys: {keys})")
        }
        Fault::CriticalExtension => {
            let unknown = &step.facts.certificate.critical_unknown;
            if unknown.is_empty() { String::new() } else { format!(" ({})", unknown.join(", ")) }
        }
        _ => format!(" ({})", step.facts.tls.problem_text.as_deref().unwrap_or_default()),
    }
}

/// What to do where TLS did not get through.
pub(super) fn advice(hop: &Hop, seen: &Observation, port: u16, reason: Reason) -> Option<String> {
    let to = hop.to.host.label();
    let step = failed_step(seen);
    let alert = step.and_then(alert_of);
    let name = step.and_then(|s| s.facts.tls.server_name.as_deref()).unwrap_or(&to).to_owned();
    match reason {
        Reason::ClientCertificateWanted => Some(format!(
            "Test with a client that has a certificate which {to}:{port} takes: it wants a client \
                certificate, and this program has none. The way to it is \
             open, and TLS is spoken."
        )),
        Reason::TlsNotSupportedHere => Some(not_supported(&to, port, seen, step)),
        Reason::TlsHandshakeFailed if step.is_some_and(|s| s.facts.tls.wrong_signature) => {
            Some(format!(
                "The TLS handshake of {to}:{port} is signed with another key than that of the \
                    certificate which it shows: look whether certificate and key there \
             belong together, and for a device on the way that shows a certificate which is not \
             its own."
            ))
        }
        Reason::TlsHandshakeFailed => Some(match alert.map(|alert| (alert.about(), alert)) {
            Some((About::Name, _)) => {
                format!(
                    "No such name is configured at {to}:{port}: give the service there a \
                        certificate and a binding for {name}, or mend the name in the site file."
                )
            }
            Some((About::Rules, _)) => {
                format!(
                    "{to}:{port} does not let this client in, by its own rules: look at the rules \
                        for TLS clients there."
                )
            }
            Some((About::Server, _)) => {
                format!(
                    "{to}:{port} has a fault of its own in the TLS handshake: look into its log, \
                        and whether its certificate has its private key."
                )
            }
            Some((About::Application, _)) => {
                format!(
                    "{to}:{port} speaks neither HTTP/2 nor HTTP/1.1 by its own word (ALPN): look \
                        which service has the port."
                )
            }
            Some((About::Common, _))
                if step.is_some_and(|s| s.facts.tls.second_greeting.is_some()) =>
            {
                format!(
                    "{to}:{port} breaks off every TLS greeting, older ones too: look whether a \
                        certificate with its private key is bound to the port, and into its \
                 log."
                )
            }
            Some((About::ClientCertificate, alert)) => {
                format!(
                    "{to}:{port} says that {}: look at what it asks of its clients.",
                    alert.words()
                )
            }
            _ => format!("Look at the TLS settings of the service on {to}:{port}."),
        }),
        Reason::TlsNotSpoken => {
            Some(format!("Look at the TLS settings of the service on {to}:{port}."))
        }
        _ => None,
    }
}

/// What to do where this program cannot tell.
fn not_supported(to: &str, port: u16, seen: &Observation, failed: Option<&Step>) -> String {
    let others =
        "clients that still speak it connect (`openssl s_client`, or the product itself, tells)";
    if let Some(step) = failed {
        let told = step.facts.tls.second_greeting.clone().unwrap_or_default();
        let foreign = step.facts.tls.not_supported.join(" and the ");
        return match (told.version, told.cipher) {
            (Some(version), Some(cipher)) if !foreign.is_empty() => format!(
                "{to}:{port} is up and speaks TLS, and takes {version} with the cipher suite \
                    {cipher}{}; the {foreign} of these this program does not speak: \
                 {others}. If the product's own clients cannot either, switch TLS 1.2 or 1.3 with \
                 ECDHE and AES-GCM on there.",
                told.group.map(|group| format!(" and the group {group}")).unwrap_or_default()
            ),
            _ => format!(
                "{to}:{port} is up and speaks TLS, but no version or cipher suite that this \
                    program speaks: {others}. Look at the TLS versions and cipher suites \
                 of the service."
            ),
        };
    }
    let step = seen.steps.iter().find(|s| s.is_climbed() && s.step == StepKind::Tls);
    let fault = step.and_then(|s| s.facts.tls.finding);
    match fault {
        Some(Fault::SignatureNotSupported) => format!(
            "Judge the certificate of {to} with the product's own client: it is signed in a way \
                that is not supported here (the step `tls` shows the chain). A \
             certificate signed by ECDSA or RSA with SHA-256 or better would be judged everywhere."
        ),
        Some(Fault::CriticalExtension) => format!(
            "Judge the certificate of {to} with the product's own client: clients that do not know \
                its critical extension must refuse it, as this program would."
        ),
        Some(Fault::AuthorityAsServer) => {
            format!(
                "Give {to} a certificate of its own: it shows that of an authority, which some \
                    clients take and others refuse."
            )
        }
        Some(fault) => format!(
            "Judge the certificate of {to} with the product's own client, or have it issued anew: \
                {}.",
            fault.summary()
        ),
        None => format!(
            "Test {to} with the product's own client as well: who signed its TLS handshake, or its \
                root, could not be checked here."
        ),
    }
}

/// What to do about the certificate that came, by what exactly is wrong with it.
pub(super) fn certificate(to: &str, seen: &Observation) -> String {
    let step = seen.steps.iter().find(|s| s.step == StepKind::Tls);
    let none = Facts::default();
    let Families { tls, certificate, .. } = &**step.map_or(&none, |step| &step.facts);
    let day = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let (until, from) = (day(certificate.not_after), day(certificate.not_before));
    let issuer = certificate.issuer.as_deref().unwrap_or_default();
    let Some(fault) = tls.finding else {
        return match step.is_some_and(|s| s.is_climbed() && s.reason().is_none()) {
            true => format!("Renew the certificate of {to} before {}.", until),
            false => format!(
                "Give {to} a certificate for that name which this machine trusts (the step `tls` \
                    shows the one it has)."
            ),
        };
    };
    match fault {
        Fault::CommonNameOnly => {
            format!(
                "Have the certificate of {to} issued anew with its name as a subject alternative \
                    name: a common name alone is not looked at."
            )
        }
        Fault::NotYetValid => format!(
            "The certificate of {to} is valid from {}: look at the clocks of both ends.",
            from
        ),
        Fault::Expired => {
            format!("Renew the certificate of {to}: it was valid until {}.", until)
        }
        Fault::IssuerExpired | Fault::IssuerNotYetValid => format!(
            "Have {to} send a valid intermediate certificate: its own is in time, and one above it \
                is not (the step `tls` shows the dates in `chain`)."
        ),
        Fault::NotForServers => {
            format!(
                "Give {to} a certificate whose extended key usage has \"server authentication\": \
                    the one it has is for other purposes."
            )
        }
        Fault::SelfSigned => format!(
            "Give {to} a certificate from a CA that this machine trusts: the one it has is \
                self-signed."
        ),
        Fault::Incomplete => {
            format!(
                "Let {to} send its intermediate certificates with its own; it sends its own alone \
                    (issuer: {}).",
                issuer
            )
        }
        Fault::IncompleteOrPrivateRoot => format!(
            "Let {to} send its intermediate certificates with its own, or, where its CA is a \
                private one, let this machine trust it (issuer: {}).",
            issuer
        ),
        Fault::Revoked => {
            format!("Give {to} a new certificate: the one it has, or one above it, is revoked.")
        }
        Fault::BadSignature => format!(
            "A signature in the certificate chain of {to} is wrong: look whether it sends the \
                intermediate certificates that belong to its own, and whether an \
             authority was made anew under the same name."
        ),
        Fault::PathTooLong
        | Fault::NameConstraints
        | Fault::IssuerIsNoAuthority
        | Fault::IssuerNotForServers => {
            format!(
                "Have the certificate of {to} issued by another authority: {}.",
                fault.summary()
            )
        }
        _ => format!(
            "Give {to} a certificate for that name which this machine trusts (the step `tls` shows \
                the one it has)."
        ),
    }
}

/// Whether a certificate for a cloud service may well be somebody else's: for another name, or from
/// a root that is not known here.
pub(super) fn may_be_somebody_elses(seen: &Observation) -> bool {
    let finding =
        seen.steps.iter().find(|s| s.step == StepKind::Tls).and_then(|s| s.facts.tls.finding);
    finding.is_none_or(|fault| {
        matches!(
            fault,
            Fault::Expired
                | Fault::OtherName
                | Fault::CommonNameOnly
                | Fault::SelfSigned
                | Fault::IncompleteOrPrivateRoot
                | Fault::RootNotTrusted
                | Fault::Refused
        )
    })
}

#[cfg(test)]
mod tests;
