//! What the answers of an endpoint mapper and of the ports that it gave mean.

use super::judgement::{AnsweredBy, Verdict};
use super::reading::claims;
use crate::matrix::model::Protocol;
use crate::matrix::port_set::PortSet;
use crate::observation::facts::Rpc;
use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::wire::challenge::Claims;
use crate::wire::ports;
use std::collections::BTreeSet;

/// Ranges of so few ports are pins: fixed ports of single services.
const MOST_PINS: usize = 8;

/// A port that the mapper gave for an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    interface: String,
    port: u16,
}

/// Ports that the mapper gave and the plan's range does not have: the rules that are made from it
/// do not let them through.
fn outside(hop: &Hop, seen: &Observation) -> Vec<Given> {
    let Some(range) = hop.flow.options.range() else { return Vec::new() };
    let maps = seen.steps.iter().filter(|s| s.is_climbed() && s.step == StepKind::RpcMap);
    let given = maps.flat_map(|s| {
        s.facts
            .rpc
            .ports
            .iter()
            .map(|port| Given { interface: interface(s).to_owned(), port: *port })
    });
    given.filter(|given| !range.contains(given.port)).collect()
}

/// Ports of the interfaces that did not answer, in the order of the interfaces.
fn shut(seen: &Observation) -> Vec<u16> {
    let mut ports: Vec<u16> = Vec::new();
    for step in seen
        .steps
        .iter()
        .filter(|s| s.step == StepKind::RpcPort && s.reason() == Some(Reason::RpcPortBlocked))
    {
        let listed = step.facts.rpc.unreachable.iter().map(|one| one.port);
        let own = step.facts.rpc.port.filter(|_| !step.is_climbed());
        for port in own.into_iter().chain(listed) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
    }
    ports
}

/// The name of the interface that a rung is about.
fn interface(step: &Step) -> &str {
    step.facts.rpc.interface.as_deref().unwrap_or_default()
}

/// A port of an interface that answers in the place of the listener: the listener has proved itself
/// on the mapper's port and names this one, so whoever answers on it without a proof is somebody
/// else.
pub(super) fn impostor(hop: &Hop, seen: &Observation) -> Option<(Verdict, Reason, AnsweredBy)> {
    if hop.flow.protocol != Protocol::Rpc {
        return None;
    }
    if let Some(found) = clone(hop, seen) {
        return Some(found);
    }
    let host = hop.to.host.label();
    let mapper = claims(seen)
        .map(|(claims, _)| claims)
        .find(|c| c.host == host && c.local.port() == hop.port)?;
    let proofs = seen.steps.iter().filter(|s| s.is_climbed() && s.step == StepKind::Proof);
    let proved: BTreeSet<u16> = proofs.filter_map(|s| s.facts.proof.port).collect();
    let answered = seen
        .steps
        .iter()
        .filter(|s| s.is_climbed() && s.step == StepKind::RpcPort)
        .flat_map(|s| s.facts.rpc.answered.iter().copied());
    let unproved = || answered.clone().filter(|port| !proved.contains(port));
    unproved().next()?;
    // What another program has on the listener's host answers for itself, and proves nothing.
    let of_listener = |port: u16| mapper.ports.is_empty() || ports::holds(&mapper.ports, port);
    Some(match unproved().any(of_listener) {
        true => (Verdict::Fail, Reason::AnsweredByMiddlebox, AnsweredBy::Middlebox),
        false => (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::Unproved),
    })
}

/// Another listener with the name and key of the host that gave the ports: it has another address,
/// and did not begin meanwhile.
fn clone(hop: &Hop, seen: &Observation) -> Option<(Verdict, Reason, AnsweredBy)> {
    let host = hop.to.host.label();
    let own: Vec<&Claims> = claims(seen)
        .map(|(claims, _)| claims)
        .filter(|c| c.host == host && !c.instance.is_empty())
        .collect();
    let first = own.first()?;
    let elapsed = std::time::Duration::try_from_secs_f64(seen.ms / 1000.0).unwrap_or_default();
    let another = |c: &&Claims| {
        c.instance != first.instance
            && c.local.ip().to_canonical() != first.local.ip().to_canonical()
    };
    let found = own.iter().any(|c| another(c) && !c.is_younger_than(elapsed));
    found.then_some((Verdict::Fail, Reason::WrongListener, AnsweredBy::StandIn))
}

/// What is to be said of ports that answer. A port that is shut is worse than one that no rule will
/// let through.
pub(super) fn judge(hop: &Hop, seen: &Observation) -> Option<(Verdict, Reason)> {
    if seen.steps.iter().any(|s| s.reason() == Some(Reason::RpcPortBlocked)) {
        return None;
    }
    if !outside(hop, seen).is_empty() {
        return Some((Verdict::Warn, Reason::RpcPortOutsideRange));
    }
    let left_out =
        seen.steps.iter().any(|s| s.step == StepKind::RpcPort && s.facts.rpc.left_out.is_some());
    left_out.then_some((Verdict::Warn, Reason::RangePartlyTested))
}

/// What is worth knowing beside the verdict.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let to = hop.to.host.label();
    let mut notes = Vec::new();
    if let Some(range) = hop.flow.options.range() {
        for Given { interface, port } in outside(hop, seen) {
            notes.push(format!(
                "the mapper of {to} gives port {port} for {interface}, outside {range}"
            ));
        }
    }
    for step in seen.steps.iter().filter(|s| s.is_climbed() && s.step == StepKind::RpcMap) {
        // A listener's own word for its address stands in its proof.
        let addresses = &step.facts.rpc.reported_addresses;
        if !addresses.is_empty() && claims(seen).next().is_none() {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "the mapper gives another address for {}: {} (clients keep to the one that they \
                    asked)",
                interface(step),
                list.join(", ")
            ));
        }
    }
    for step in seen.steps.iter().filter(|s| s.is_climbed() && s.step == StepKind::RpcPort) {
        let own = step.facts.rpc.sec_addr.as_ref().and_then(|own| own.parse::<u16>().ok());
        let asked = step.facts.rpc.port;
        if let Some((own, asked)) =
            own.zip(asked).filter(|(own, asked)| own != asked && *own != hop.port)
        {
            notes.push(format!(
                "whoever answers on port {asked} calls his own port {own} \
                (`sec_addr`): NAT may change it on the way"
            ));
        }
        if let Some(left) = step.facts.rpc.left_out {
            notes.push(format!(
                "the mapper gives {left} more ports for {}, which were not tried",
                interface(step)
            ));
        }
    }
    notes
}

/// What to do; `None` for a reason that is none of these.
pub(super) fn advice(
    hop: &Hop,
    seen: &Observation,
    reason: Reason,
    flow: &str,
    log: &str,
) -> Option<String> {
    let (from, to) = (hop.from.host.label(), hop.to.host.label());
    let outside = outside(hop, seen);
    Some(match reason {
        Reason::RpcPortBlocked => {
            let Some(range) = hop.flow.options.range() else {
                return Some(format!("Allow {flow}; {log}."));
            };
            let shut = shut(seen);
            let (within, without): (Vec<u16>, Vec<u16>) =
                shut.into_iter().partition(|port| range.contains(*port));
            let rule = format!("TCP {from} → {to}:{range}");
            if without.is_empty() {
                return Some(format!(
                    "Allow {rule} (the port changes when the host restarts); {log}."
                ));
            }
            let also = if within.is_empty() { String::new() } else { format!("allow {rule}; ") };
            format!(
                "The mapper of {to} gives {}, which is shut and which no rule for {range} lets \
                    through: {}; {also}{log}.",
                list(&without),
                remedy(range, seen, &to)
            )
        }
        Reason::RpcPortOutsideRange => {
            let range = hop.flow.options.range()?;
            let mut ports: Vec<u16> = outside.iter().map(|given| given.port).collect();
            ports.sort_unstable();
            ports.dedup();
            format!(
                "The mapper of {to} gives {}, which answers and which no rule for {range} lets \
                    through: {}.",
                list(&ports),
                remedy(range, seen, &to)
            )
        }
        Reason::RpcServerBusy => {
            format!(
                "Look at the load of {to}: its RPC server turned this host away twice; test again \
                    when it has time."
            )
        }
        Reason::RpcAccessDenied if at_port(seen) => {
            format!(
                "{to} is reached on {flow} and lets no stranger bind there: the way is open; \
                    whether the service works takes an account to see."
            )
        }
        Reason::RpcNotRegistered => not_registered(&to, seen),
        _ => return None,
    })
}

/// How the ports of a host and the rules for them come together again.
fn remedy(range: &PortSet, seen: &Observation, to: &str) -> String {
    if claims(seen).next().is_some() {
        return format!(
            "give the site files of both ends the same `[ranges]`, and start the listener on {to} \
                again"
        );
    }
    if range.len() <= MOST_PINS {
        return format!(
            "the pin did not take effect (set the fixed port on {to}, and restart the service), or \
                `[ranges]` and the rule must be wider"
        );
    }
    format!(
        "set the dynamic range of {to} to it (`netsh int ipv4 show dynamicport tcp`, then a \
            restart), or make `[ranges]` and the rule wider"
    )
}

/// Ports in words: `port 5050`, `ports 5050 and 5051-5053`.
fn list(ports: &[u16]) -> String {
    let words = ports::text(ports.iter().copied());
    format!("port{} {}", if ports.len() == 1 { "" } else { "s" }, words.replace(',', ", "))
}

/// Whether it was a port of an interface that said so, and not the mapper.
fn at_port(seen: &Observation) -> bool {
    let step = seen.steps.iter().find(|s| s.reason() == Some(Reason::RpcAccessDenied));
    step.is_some_and(|s| s.step == StepKind::RpcPort)
}

/// Which interface the mapper does not know, and the setting that the port table knows for it.
fn not_registered(to: &str, seen: &Observation) -> String {
    let step = seen.steps.iter().find(|s| s.reason() == Some(Reason::RpcNotRegistered));
    let rpc = step.map(|step| Rpc::clone(&step.facts.rpc)).unwrap_or_default();
    let interface = rpc.interface.as_deref().unwrap_or("the interface");
    match rpc.hint {
        _ if !rpc.other_versions.is_empty() => {
            let wanted = rpc.version.as_deref().unwrap_or("?");
            let has = rpc.other_versions.join(", ");
            format!(
                "{to} offers {interface} in version {has}, and version {wanted} is needed: look \
                    which service or release runs there."
            )
        }
        Some(hint) => format!("{to} does not offer {interface} over TCP. {hint}"),
        None => {
            format!("Switch {interface} on at {to}: its endpoint mapper does not know it over TCP.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;
    use crate::observation::Outcome;
    use crate::plan::model::PlannedFlow;
    use crate::plan::options::Options;
    use crate::verdict::tests::fixture;
    use crate::wire::challenge::ProofOutcome;
    use serde_json::{Value, json};

    fn hop(range: PortSet) -> Hop {
        Hop {
            port: 135,
            ..fixture::hop(PlannedFlow {
                protocol: Protocol::Rpc,
                options: Options::Rpc { interfaces: Vec::new(), range: Some(range) },
                ..fixture::flow()
            })
        }
    }

    fn step(kind: StepKind, ok: bool, reason: Option<Reason>, facts: Value) -> Step {
        let facts = Facts::of_flat(kind, serde_json::from_value(facts).expect("facts by name"));
        Step::new(kind, Outcome::of(ok, reason, None), facts)
    }

    fn map(ports: &[u16]) -> Step {
        step(StepKind::RpcMap, true, None, json!({ "interface": "first", "ports": ports }))
    }

    #[test]
    fn a_port_outside_the_range_is_named_and_never_a_plain_pass() {
        let pinned = hop(PortSet::run(50001, 50001));
        let answers =
            step(StepKind::RpcPort, true, None, json!({ "port": 5050, "answered": [5050] }));
        let seen = fixture::seen(vec![map(&[5050]), answers.clone()], vec![]);
        assert_eq!(judge(&pinned, &seen), Some((Verdict::Warn, Reason::RpcPortOutsideRange)));
        let words = advice(&pinned, &seen, Reason::RpcPortOutsideRange, "", "").expect("advice");
        assert!(
            words.contains("port 5050")
                && words.contains("no rule for 50001")
                && words.contains("pin did not take effect"),
            "{words}"
        );
        assert_eq!(
            notes(&pinned, &seen),
            ["the mapper of psp gives port 5050 for first, outside 50001"]
        );
        assert_eq!(
            judge(&pinned, &fixture::seen(vec![map(&[50001]), answers.clone()], vec![])),
            None
        );
        // One inside that answers does not make up for one outside.
        assert!(
            judge(&pinned, &fixture::seen(vec![map(&[50001, 5050]), answers], vec![])).is_some()
        );
        let wide = hop(PortSet::run(49152, 65535));
        let words = advice(&wide, &seen, Reason::RpcPortOutsideRange, "", "").expect("advice");
        assert!(words.contains("set the dynamic range of psp"), "{words}");
    }

    #[test]
    fn a_shut_port_outside_the_range_is_named_without_the_range_alone() {
        let pinned = hop(PortSet::run(50001, 50001));
        let blocked = Some(Reason::RpcPortBlocked);
        let all =
            step(StepKind::RpcPort, false, blocked, json!({ "port": 5050, "cause": "timed-out" }));
        let some = step(
            StepKind::RpcPort,
            true,
            blocked,
            json!({ "port": 50001, "unreachable": [{ "port": 49711, "cause": "refused" }] }),
        );
        for (step, port) in [(all, "5050"), (some, "49711")] {
            let seen = fixture::seen(vec![map(&[5050, 49711]), step], vec![]);
            assert_eq!(judge(&pinned, &seen), None, "it is blocked, which is worse");
            let words = advice(&pinned, &seen, Reason::RpcPortBlocked, "", "look").expect("advice");
            assert!(
                words.contains(port) && words.contains("is shut") && !words.starts_with("Allow"),
                "{words}"
            );
        }
        let inside =
            step(StepKind::RpcPort, false, blocked, json!({ "port": 50001, "cause": "timed-out" }));
        let words = advice(
            &pinned,
            &fixture::seen(vec![map(&[50001]), inside], vec![]),
            Reason::RpcPortBlocked,
            "",
            "look",
        )
        .expect("advice");
        assert!(words.starts_with("Allow TCP ") && words.contains(":50001 "), "{words}");
    }

    #[test]
    fn a_port_that_the_listener_holds_must_prove_itself() {
        let hop = hop(PortSet::run(50000, 50019));
        let mapper = |words: &str| {
            let mut proof = fixture::proof("psp", 135, false, None);
            if let ProofOutcome::Valid { claims, .. } = &mut proof {
                claims.ports = words.to_owned();
            }
            proof
        };
        let answers =
            step(StepKind::RpcPort, true, None, json!({ "port": 50000, "answered": [50000] }));
        let proof = step(StepKind::Proof, true, None, json!({ "port": 50000 }));
        let said = |steps: Vec<Step>, words: &str| {
            impostor(&hop, &fixture::seen(steps, vec![mapper(words), ProofOutcome::None]))
                .map(|(verdict, reason, _)| (verdict, reason))
        };
        let device = Some((Verdict::Fail, Reason::AnsweredByMiddlebox));
        assert_eq!(said(vec![map(&[50000]), answers.clone()], "135,50000-50019"), device);
        assert_eq!(said(vec![map(&[50000]), answers.clone()], ""), device);
        assert_eq!(said(vec![map(&[50000]), answers.clone(), proof], "135,50000-50019"), None);
        assert_eq!(
            said(vec![map(&[50000]), answers.clone()], "135,50001-50019"),
            Some((Verdict::Inconclusive, Reason::NotProved))
        );
        assert_eq!(
            impostor(&hop, &fixture::seen(vec![answers], vec![ProofOutcome::None])),
            None,
            "a real service proves nothing anywhere"
        );
    }

    #[test]
    fn a_port_of_another_listener_with_the_same_name_is_another_host() {
        let hop = hop(PortSet::run(50000, 50019));
        let of = |port: u16, last: u8, instance: &str, age_ms: i64| {
            let mut proof = fixture::proof("psp", port, false, None);
            if let ProofOutcome::Valid { claims, .. } = &mut proof {
                claims.local = ([10, 0, 0, last], port).into();
                claims.instance = instance.to_owned();
                claims.started = Some(claims.now - jiff::SignedDuration::from_millis(age_ms));
            }
            proof
        };
        let said = |second| {
            impostor(
                &hop,
                &Observation {
                    ms: 500.0,
                    ..fixture::seen(vec![], vec![of(135, 1, "a", 9000), second])
                },
            )
            .map(|(_, r, _)| r)
        };
        assert_eq!(said(of(50000, 1, "a", 9000)), None);
        assert_eq!(said(of(50000, 2, "a", 9000)), None, "another address of one listener");
        assert_eq!(said(of(50000, 1, "b", 9000)), None, "another listener on one host");
        assert_eq!(said(of(50000, 2, "b", 300)), None, "it was started again meanwhile");
        assert_eq!(said(of(50000, 2, "b", 9000)), Some(Reason::WrongListener));
    }
}
