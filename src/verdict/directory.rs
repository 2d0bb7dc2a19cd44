//! What a directory says of itself, against what the site takes it for.

use super::clock;
use super::judgement::Verdict;
use crate::observation::{Observation, PdcRole, Step};
use crate::plan::model::Hop;
use crate::protocol::ldap::classify as ldap;
use crate::protocol::list::Application;
use crate::reason::Reason;
use crate::site::model::Host;

/// Global catalog, in clear text and over TLS.
const GLOBAL_CATALOG_PORTS: [u16; 2] = [3268, 3269];

/// What is wrong with a directory that answered. `failed` is the verdict of a hop that does not
/// work; a stand-in, `proved`, claims to be no domain controller.
pub(super) fn judge(
    hop: &Hop,
    seen: &Observation,
    proved: bool,
    failed: Verdict,
) -> Option<(Verdict, Reason)> {
    if matches!(seen.pdc, Some(PdcRole::HeldByAnother { .. })) {
        return Some((failed, Reason::NotPdcEmulator));
    }
    let apart = clock::strict(hop, seen).map_or(0, i64::abs);
    let Some(told) = told(hop, seen) else { return clock::skewed(apart, failed) };
    let ldap = &told.facts.ldap;
    if !proved && hop.flow.locate.is_some() && ldap.active_directory == Some(false) {
        // What does not name itself may be a listener whose key is another one or missing.
        let verdict = if seen.recognised.is_some() { failed } else { Verdict::Warn };
        return Some((verdict, Reason::NotActiveDirectory));
    }
    if apart > clock::FAILS {
        return clock::skewed(apart, failed);
    }
    if is_another_name(hop, told) {
        return Some((Verdict::Warn, Reason::DirectoryNameMismatch));
    }
    let wants_catalog = GLOBAL_CATALOG_PORTS.contains(&hop.port);
    if ldap.is_synchronized == Some(false)
        || (wants_catalog && ldap.is_global_catalog_ready == Some(false))
    {
        return Some((Verdict::Warn, Reason::DirectoryNotReady));
    }
    clock::skewed(apart, failed)
}

/// The rung on which a directory told of itself.
fn told<'o>(hop: &Hop, seen: &'o Observation) -> Option<&'o Step> {
    let speaks = hop.flow.protocol.application() == Application::Ldap;
    ldap::told(seen).filter(|_| speaks)
}

/// The name that a directory says it has; empty where it says none.
fn own_name(told: &Step) -> &str {
    told.facts.ldap.dns_host_name.as_deref().unwrap_or_default()
}

/// Whether a directory calls itself by another name than the one it was asked by. The first label
/// alone, and the name of its domain, are names of it too.
fn is_another_name(hop: &Hop, told: &Step) -> bool {
    let Host::Named { name, .. } = &hop.to.host else { return false };
    let own = own_name(told).trim_end_matches('.').to_lowercase();
    let Some((label, domain)) = own.split_once('.') else { return false };
    own != *name && label != name && domain != name
}

/// What is worth knowing beside the verdict.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes = Vec::new();
    let to = hop.to.host.label();
    match &seen.pdc {
        Some(PdcRole::Held) => {
            notes.push(format!("{to} says itself that it holds the PDC emulator role"))
        }
        Some(PdcRole::NotVerified) => {
            notes.push(format!(
                "whether {to} holds the PDC emulator role is not known: no hop of this run speaks \
                    LDAP with it, or it did not say"
            ));
        }
        Some(PdcRole::HeldByAnother { .. }) | None => {}
    }
    if let Some(offset) = clock::strict(hop, seen).filter(|o| o.abs() > clock::WARNS) {
        let (apart, way) = (offset.abs(), if offset > 0 { "ahead of" } else { "behind" });
        notes.push(format!(
            "the clock of {to} is {apart} s {way} this machine's; Kerberos allows {} s",
            clock::FAILS
        ));
    }
    let Some(told) = told(hop, seen) else { return notes };
    let own = own_name(told);
    let is_domain = matches!(&hop.to.host, Host::Named { name, .. } if own.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(name)));
    if is_domain || (matches!(hop.to.host, Host::Address(_)) && !own.is_empty()) {
        notes.push(format!("{to} answers as {own}"));
    }
    if told.facts.ldap.is_global_catalog_ready == Some(false) {
        notes.push(format!("{to} is no global catalog, or not ready to be one yet"));
    }
    notes
}

/// What to do about it; `None` for a reason that is none of these.
pub(super) fn advice(hop: &Hop, seen: &Observation, reason: Reason) -> Option<String> {
    let to = hop.to.host.label();
    Some(match reason {
        Reason::NotPdcEmulator => match &seen.pdc {
            Some(PdcRole::HeldByAnother { domain, holder: Some(holder) }) => {
                format!(
                    "Name {holder} as {} in the site file: it holds the PDC emulator role of \
                        {domain}, and {to} does not.",
                    hop.to.role
                )
            }
            Some(PdcRole::HeldByAnother { domain, holder: None }) => format!(
                "Name the controller of {domain} that holds the PDC emulator role as {} in the \
                    site file: {to} does not (`netdom query fsmo` tells which one).",
                hop.to.role
            ),
            _ => return None,
        },
        // Known from another hop to the same address.
        Reason::NotActiveDirectory if told(hop, seen).is_none() => {
            format!(
                "Look what answers LDAP at the address of {to}: it is no Active Directory domain \
                    controller, and the way to one is not shown."
            )
        }
        Reason::NotActiveDirectory => {
            format!(
                "Look what answers LDAP at {to}:{}: it is no Active Directory domain controller, \
                    and the way to one is not shown.",
                hop.port
            )
        }
        Reason::DirectoryNameMismatch => {
            let own = told(hop, seen).map(own_name).unwrap_or_default();
            format!(
                "Name it {own} in the site file, or mend the address that {to} has in DNS: \
                    Kerberos and certificates go by a directory's own name."
            )
        }
        Reason::DirectoryNotReady => format!(
            "Look at the replication of {to} (`repadmin /showrepl`, `dcdiag`), and test again."
        ),
        Reason::ClockSkewed => format!(
            "Set the clocks of {} and {to} right (`w32tm /query /status` tells where each has its \
                time from): Kerberos refuses sign-ins across more than five minutes.",
            hop.from.host.label()
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture::{flow, hop, rung, seen};
    use super::*;
    use crate::matrix::model::Protocol;
    use crate::observation::StepKind;
    use crate::plan::model::PlannedFlow;

    #[test]
    fn only_who_refuses_for_the_clock_is_judged_by_it() {
        let judged = |protocol: Protocol, apart: i64| {
            let hop = hop(PlannedFlow { protocol, ..flow() });
            let rung_of = match protocol {
                Protocol::Kerberos => StepKind::Greeting,
                _ => StepKind::Ldap,
            };
            let mut told = rung(rung_of, None, true);
            (told.facts.ldap.entries, told.facts.clock_offset_s) = (Some(1), Some(apart));
            let seen = seen(vec![rung(StepKind::Connect, None, true), told], Vec::new());
            (judge(&hop, &seen, false, Verdict::Fail), notes(&hop, &seen).len())
        };
        assert_eq!(judged(Protocol::Kerberos, -3), (None, 0));
        assert_eq!(
            judged(Protocol::Kerberos, 200),
            (Some((Verdict::Warn, Reason::ClockSkewed)), 1)
        );
        assert_eq!(
            judged(Protocol::Kerberos, -301),
            (Some((Verdict::Fail, Reason::ClockSkewed)), 1)
        );
        assert_eq!(judged(Protocol::Ldap, -3), (None, 0));
        assert_eq!(judged(Protocol::Ldap, 200), (Some((Verdict::Warn, Reason::ClockSkewed)), 1));
        assert_eq!(judged(Protocol::Ldaps, -301), (Some((Verdict::Fail, Reason::ClockSkewed)), 1));
        assert_eq!(judged(Protocol::Https, -301), (None, 0), "others do not go by the clock");
    }
}
