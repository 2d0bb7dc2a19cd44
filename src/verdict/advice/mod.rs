//! One sentence for the person who can mend it, with the addresses and the port filled in.

mod behind_front;
#[cfg(test)]
mod tests;

pub(super) use behind_front::behind_front;

use super::both_ends::{self, OtherEnd};
use super::judgement::{Judgement, Verdict};
use super::{clock, cloud, directory, http_status, range, rpc, tls};
use crate::observation::{Evidence, Initiator, Misplaced, NodeAnswer, Observation, Trace};
use crate::plan::model::Hop;
use crate::reason::Reason;
use crate::site::model::Host;
use crate::wire::sighting::{Seen, Sighting};

pub(super) fn advice(hop: &Hop, seen: &Observation, judgement: &Judgement) -> Option<String> {
    if judgement.verdict == Verdict::Pass {
        return None;
    }
    let words = Words::of(hop, seen);
    let (reason, flow) = (judgement.reason, words.flow.as_str());
    if seen.known.shut_out && reason == Reason::ChangedMeanwhile {
        return Some(format!(
            "Look for a guard on the way that lets this machine in at first and then no more \
                (intrusion prevention, limits of connections) and let {} through it, or probe \
                slower (`--rate`): {}; then test again.",
            hop.from.host.label(),
            words.log
        ));
    }
    cloud::advice(hop, seen, reason, flow)
        .or_else(|| http_status::advice(hop, seen, reason, flow))
        .or_else(|| rpc::advice(hop, seen, reason, flow, &words.log))
        .or_else(|| range::advice(hop, seen, reason, &words.log))
        .or_else(|| of_connection(hop, seen, judgement, &words))
        .or_else(|| of_answer(hop, seen, judgement, &words))
}

/// What sentences are made of.
struct Words {
    /// The host that is connected to.
    to: String,
    /// The host at which the flow ends: behind a front, not the front.
    behind: String,
    port: u16,
    /// Both ends, as they stand in a firewall's log.
    flow: String,
    /// When it was tried, UTC.
    at: String,
    /// What to look for, when, and in whose log.
    log: String,
}

impl Words {
    fn of(hop: &Hop, seen: &Observation) -> Self {
        let to = hop.to.host.label();
        // The listener belongs where the flow ends: behind a front, not on it.
        let behind = hop
            .flow
            .relayed_to
            .as_ref()
            .map_or_else(|| to.clone(), |behind| behind.hosts.join(" or "));
        let evidence = Evidence::decisive(&seen.evidence);
        let port = evidence.map_or(hop.port, |e| e.destination.port());
        let flow = match evidence {
            Some(e) => format!(
                "TCP {} → {}",
                e.source.map_or_else(|| hop.from.host.label(), |s| s.ip().to_string()),
                e.destination
            ),
            None => format!("TCP {} → {to}:{port}", hop.from.host.label()),
        };
        let at = evidence.map_or(seen.started, |e| e.sent_at);
        let at = at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string();
        let logs = evidence
            .and_then(|e| {
                whose_log(e, seen.trace.as_ref(), waits_in_vain(hop, seen).then_some(to.as_str()))
            })
            .unwrap_or_else(|| "the logs on the way".to_owned());
        let log = match evidence.and_then(|e| e.source) {
            Some(source) => format!("look for {source} at {at} in {logs}"),
            None => format!("look at {at} in {logs}"),
        };
        Words { to, behind, port, flow, at, log }
    }
}

/// Where no connection opened, or it died.
fn of_connection(
    hop: &Hop,
    seen: &Observation,
    judgement: &Judgement,
    words: &Words,
) -> Option<String> {
    let Words { to, port, flow, log, .. } = words;
    let (port, evidence) = (*port, Evidence::decisive(&seen.evidence));
    Some(match judgement.reason {
        Reason::AddressIsLocal => address(hop, seen)?,
        // Only this machine's own neighbour table says so without a sender on the way.
        Reason::HostUnreachable
            if judgement.ended.is_some_and(|(_, initiator)| initiator == Initiator::Unknown) =>
        {
            format!(
                "Look whether {to} is up and its address is right: nobody on this machine's own \
                    network answers for it, nor for a router to it."
            )
        }
        Reason::AddressesChanged => format!(
            "Find out who translates or relays {flow}; where it is meant to be so, declare it under \
                [nat] in the site file."
        ),
        Reason::Retried => format!(
            "Look for what loses the first packets of {flow} (rate limits, one bad link of \
                several); {log}."
        ),
        Reason::HostUnreachable
            if evidence.and_then(|e| e.icmp).is_some_and(|icmp| icmp.is_time_exceeded()) =>
        {
            format!("Mend the routing on the way of {flow}: routers send it in a circle; {log}.")
        }
        Reason::TimedOut | Reason::Refused
            if both_ends::told(hop, seen) == Some(OtherEnd::QueueFull) =>
        {
            format!(
                "The way to {to}:{port} is open: the program that has the port there takes no more \
                    connections. Look why, or restart it."
            )
        }
        Reason::TimedOut
        | Reason::AdminProhibited
        | Reason::NetUnreachable
        | Reason::HostUnreachable
        | Reason::PortUnreachable => {
            format!("Allow {flow}; {log}.")
        }
        Reason::Refused => format!(
            "Nothing is listening on {to}:{port}, or a firewall reset the connection. 1. Start the \
                service, or `portmatrix listen` there, and test again. 2. If it is still refused, \
                allow {flow}."
        ),
        Reason::Rejected => format!(
            "A device on the way resets in the name of {to}, which listens there: allow {flow}; \
                {log}."
        ),
        Reason::ResetAfterConnect | Reason::ClosedAfterConnect | Reason::SilentAfterConnect => {
            format!(
                "The connection opens and then dies: look for an application filter or a proxy on \
                    the way of {flow}; {log}."
            )
        }
        Reason::NameNotFound | Reason::NameNoAddress => {
            format!("Add {to} to the DNS that this host asks.")
        }
        Reason::DnsTimedOut | Reason::DnsFailed => {
            "Mend this host's DNS servers, or the way to them (UDP and TCP 53).".to_owned()
        }
        reason if reason.is_local() => {
            "Mend this machine first: the fault is here, and nothing is known of the path."
                .to_owned()
        }
        _ => return None,
    })
}

/// Where somebody answered.
fn of_answer(
    hop: &Hop,
    seen: &Observation,
    judgement: &Judgement,
    words: &Words,
) -> Option<String> {
    let Words { to, behind, port, flow, at, .. } = words;
    let port = *port;
    Some(match judgement.reason {
        Reason::TlsSubjectMismatch => {
            let wanted = hop.flow.certificate.as_deref().unwrap_or_default();
            format!(
                "Give {to} the certificate with the subject \"{wanted}\", or mend `[certificates]` \
                    in the site file (the step `tls` shows the one it has)."
            )
        }
        Reason::TlsUntrusted | Reason::TlsNameMismatch | Reason::TlsExpired
            if hop.class.is_some() && tls::may_be_somebody_elses(seen) =>
        {
            format!(
                "Somebody else answers for {to}: sign in where the network asks for it (a captive \
                    portal), or take {to} out of the proxy or DNS filter on the way."
            )
        }
        Reason::TlsUntrusted
        | Reason::TlsNameMismatch
        | Reason::TlsExpired
        | Reason::TlsExpiresSoon => tls::certificate(to, seen),
        Reason::TlsIntercepted => format!("Take {to} out of TLS inspection on the way: {flow}."),
        Reason::StandInAnswered => format!(
            "End `portmatrix listen` on {behind} and start the service there: the way is open."
        ),
        Reason::NotRecognised => format!(
            "Look on {to} which program has port {port}: its answer does not name the service."
        ),
        Reason::WrongListener => format!(
            "Another host of the site answers at {to}:{port}: mend DNS, NAT or the load balancer."
        ),
        Reason::ProofInvalid => {
            "Somebody on the way changes answers, or the two ends have different keys.".to_owned()
        }
        Reason::UnexpectedlyOpen => format!("Shut {flow}: it must not be reachable from here."),
        Reason::NotProved => not_proved(hop, seen),
        Reason::Denied | Reason::DeniedOtherwise => denied(hop, seen, judgement, flow),
        Reason::MtuBlackHole => format!(
            "Let ICMP \"fragmentation needed\" through, or lower the MTU, on the way of {flow}."
        ),
        Reason::IdleDropped => {
            format!("Raise the idle time-out of the devices on the way of {flow}.")
        }
        // The path that was walked is the way there, and the fault is on the way back.
        Reason::ReplyLost => {
            format!(
                "Requests arrive, but replies are lost: allow the return traffic of {flow}; look \
                    for it at {at} in the logs on the way back."
            )
        }
        Reason::AnsweredByMiddlebox => {
            format!("A device on the way answers for {to}: take {flow} out of its proxy.")
        }
        Reason::NotTested if matches!(both_ends::told(hop, seen), Some(OtherEnd::Changed(_))) => {
            format!("Keep `portmatrix listen` running on {to} for the whole test, and test again.")
        }
        Reason::NotTested
            if matches!(
                both_ends::told(hop, seen),
                Some(OtherEnd::TurnedAway { not_allowed: false } | OtherEnd::Forgotten)
            ) =>
        {
            format!(
                "The listener on {to} had as many connections as it takes: give it more (`listen \
                    --max-per-peer`), or probe fewer at a time (`--concurrency`)."
            )
        }
        Reason::NotTested => "Run the probe again and let it end.".to_owned(),
        reason => {
            return tls::advice(hop, seen, port, reason)
                .or_else(|| directory::advice(hop, seen, reason))
                .or_else(|| answered(to, port, reason));
        }
    })
}

/// What to do where nobody proved himself.
fn not_proved(hop: &Hop, seen: &Observation) -> String {
    let to = hop.to.host.label();
    // The listener belongs where the flow ends: behind a front, not on it.
    let behind =
        hop.flow.relayed_to.as_ref().map_or_else(|| to.clone(), |behind| behind.hosts.join(" or "));
    if clock::hides_proof(seen).is_some() {
        return format!(
            "Set the clocks of {} and {to} right, and test again: they are days apart, and a \
                listener there would not have answered.",
            hop.from.host.label()
        );
    }
    format!(
        "Run `portmatrix listen` on {behind} with the same site key to have it proved; where one \
            runs, compare keys, and clocks to the day."
    )
}

/// What to do about an address that is not another machine's.
fn address(hop: &Hop, seen: &Observation) -> Option<String> {
    let (to, from, address) = (hop.to.host.label(), hop.from.host.label(), hop.address?);
    let looked_up = !matches!(&hop.to.host, Host::Named { addresses, .. } if !addresses.is_empty())
        && !matches!(hop.to.host, Host::Address(_));
    Some(match seen.misplaced? {
        Misplaced::Own => format!(
            "{address} is this machine's own address: mend DNS, the hosts file or the site file; \
                where {from} and {to} are one machine, give both its \
             address in the site file."
        ),
        Misplaced::LinkLocal => format!(
            "{address} is what a machine gives itself where it finds no network: mend the network \
                of {to}, and its address in DNS or in the site file."
        ),
        _ if looked_up => format!(
            "Ask whoever runs this host's DNS why {to} is answered with {address}, and look into \
                the hosts file: a DNS filter or the hosts file sends it \
             nowhere."
        ),
        _ => format!(
            "Mend the address of {to} in the site file: {address} leads nowhere, or to this \
                machine itself."
        ),
    })
}

/// What to do about an answer that is not the planned service's.
fn answered(to: &str, port: u16, reason: Reason) -> Option<String> {
    Some(match reason {
        Reason::HttpStatus => format!(
            "{to} answers on this path with an error (the step `http` shows the status): look \
                whether the service is there and published under it."
        ),
        Reason::HttpRedirected => format!(
            "Somebody sends this request elsewhere (the step `http` shows where): a sign-in page \
                of the network, or a front that is not set up for {to}."
        ),
        Reason::GreetingNotSpoken
        | Reason::HttpNotSpoken
        | Reason::LdapNotSpoken
        | Reason::RpcNotSpoken => {
            format!(
                "Something else than the planned service answers on {to}:{port}: look which \
                    program has the port there, and at NAT on the way."
            )
        }
        Reason::LdapRefused => format!(
            "Look at the directory service on {to}: the steps show the code and words of its \
                refusal."
        ),
        Reason::RpcBindRejected => {
            format!(
                "The RPC service on {to}:{port} does not take this interface: is it the right \
                    host, and the service running?"
            )
        }
        Reason::RpcAccessDenied => format!(
            "{to} denies anonymous look-ups at its endpoint mapper: allow them for the test \
                (RestrictRemoteClients), or test its ports by a range rule."
        ),
        _ => return None,
    })
}

/// What a way that is shut, but not by a rule that was seen at work, asks for.
fn denied(hop: &Hop, seen: &Observation, judgement: &Judgement, flow: &str) -> String {
    if seen.known.refused_here {
        return "Let this machine's own firewall pass these packets for the test: what it refuses \
            itself shows nothing of the way."
            .to_owned();
    }
    if judgement.ended.is_some_and(|(_, initiator)| initiator == Initiator::Local) {
        return "Mend this machine first: the fault is here, and nothing is known of the path."
            .to_owned();
    }
    match seen.sighting.as_ref().map(|s| s.state) {
        Some(state) if state >= Seen::HalfOpen && state != Seen::NotAllowed => {
            format!(
                "Shut {flow} on the way there: what is sent arrives at the host, which is what was \
                    to be shut out."
            )
        }
        Some(Seen::NotAllowed) => format!(
            "Let this host in for the test (`listen --allow-from` on {}): only then does a shut \
                way show a rule of the way.",
            hop.to.host.label()
        ),
        _ if let Some(behind) = &hop.flow.relayed_to => format!(
            "To prove that {} itself refuses this path, run `portmatrix listen` on {} with the \
                site key during the test, and test a path that it passes on \
             in the same run: the listener tells what arrives.",
            hop.to.host.label(),
            behind.hosts.join(" or ")
        ),
        _ => format!(
            "To prove that the firewall blocks this, start `portmatrix listen` on {to} and run \
                again, or name a port that is open there under `[controls]` \
             in the site file.",
            to = hop.to.host.label()
        ),
    }
}

/// Whether the host says that it listens there, and that nothing came. A host's own firewall drops
/// before any program of it is told, so that it may be that as well as a device on the way.
fn waits_in_vain(hop: &Hop, seen: &Observation) -> bool {
    let waits =
        |told: &Sighting| told.listening && told.state == Seen::Nothing && told.doubt.is_none();
    hop.flow.relayed_to.is_none() && seen.sighting.as_ref().is_some_and(waits)
}

/// The device whose log knows of an attempt that failed: who said so, or the last one that was seen
/// on the way. A filter in a router's way through answers for packets whose life ends on it, so it
/// may be that one or the next; where `host` waits in vain, its own firewall too.
fn whose_log(evidence: &Evidence, trace: Option<&Trace>, host: Option<&str>) -> Option<String> {
    evidence.outcome?;
    if let Some(icmp) = evidence.icmp {
        return Some(format!("the log of {}, which said so ({icmp})", icmp.from));
    }
    let own = host.map(|host| format!("of {host}'s own firewall"));
    if let Some(own) = own.as_ref().filter(|_| is_within_one_machine(evidence)) {
        return Some(format!("the log {own}"));
    }
    let on_the_way = device_on_the_way(evidence, trace);
    match (on_the_way, own) {
        (Some(InLog::Of(device)), Some(own)) => Some(format!("{device}, or {own}")),
        (Some(InLog::Here), Some(own)) | (None, Some(own)) => {
            Some(format!("the logs on the way and {own}"))
        }
        (Some(InLog::Of(device)), None) => Some(device),
        (Some(InLog::Here), None) => {
            Some("the logs of this machine's own firewall and of its first router".to_owned())
        }
        (None, None) => None,
    }
}

/// Where a device is to be looked for.
enum InLog {
    /// In these logs.
    Of(String),
    /// Nobody on the way was seen at all: at its beginning.
    Here,
}

/// Whether both ends are one address: what is between them is the machine itself.
fn is_within_one_machine(evidence: &Evidence) -> bool {
    evidence.source.is_some_and(|source| source.ip() == evidence.destination.ip())
}

fn device_on_the_way(evidence: &Evidence, trace: Option<&Trace>) -> Option<InLog> {
    let trace = trace?;
    if trace.is_passed_on_by_destination() {
        let behind = trace.destination.ip();
        return Some(InLog::Of(format!("the logs behind {behind}, which passes it on (NAT)")));
    }
    // The way to another port or a neighbour is most often the same, but need not be.
    let walked_itself = trace.destination == evidence.destination;
    match trace.last_router() {
        Some(router) if walked_itself => {
            Some(InLog::Of(format!("the log of {router} or the device after it")))
        }
        Some(router) => Some(InLog::Of(format!(
            "the log of {router} or the device after it, as on the way to {}",
            trace.destination
        ))),
        None if !walked_itself => None,
        None if trace.nodes.iter().all(|n| n.answer == NodeAnswer::Silent) => Some(InLog::Here),
        None => None,
    }
}
