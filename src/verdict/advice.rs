//! One sentence for the person who can mend it, with the addresses and the port filled in.

use super::{Judgement, Verdict};
use crate::observation::Observation;
use crate::plan::model::Hop;
use crate::reason::Reason;

pub(super) fn advice(hop: &Hop, seen: &Observation, judgement: &Judgement) -> Option<String> {
    if judgement.verdict == Verdict::Pass {
        return None;
    }
    let to = hop.to.host.label();
    // The evidence of the attempt that failed is the last one.
    let evidence = seen.evidence.last();
    let port = evidence.map_or(hop.port, |e| e.destination.port());
    let flow = match evidence {
        Some(e) => format!("TCP {} → {}", e.source.map_or_else(|| hop.from.host.label(), |s| s.ip().to_string()), e.destination),
        None => format!("TCP {} → {to}:{port}", hop.from.host.label()),
    };
    let at = evidence.map_or(seen.started, |e| e.sent_at);
    let at = at.strftime("%H:%M:%S%.3fZ");
    let log = match evidence.and_then(|e| e.source) {
        Some(source) => format!("look for {source} at {at} in the logs on the way"),
        None => format!("look at {at} in the logs on the way"),
    };
    Some(match judgement.reason {
        Reason::TimedOut | Reason::AdminProhibited | Reason::NetUnreachable | Reason::HostUnreachable | Reason::PortUnreachable => {
            format!("Allow {flow}; {log}.")
        }
        Reason::RpcPortBlocked => match hop.flow.range {
            Some(range) => format!("Allow TCP {} → {to}:{range} (the port changes when the host restarts); {log}.", hop.from.host.label()),
            None => format!("Allow {flow}; {log}."),
        },
        Reason::Refused => format!(
            "Nobody listens on {to}:{port}, or a firewall resets: start the service, or `portmatrix listen` there, and test again; else allow {flow}."
        ),
        Reason::ResetAfterConnect | Reason::ClosedAfterConnect | Reason::SilentAfterConnect | Reason::Rejected => {
            format!("The connection opens and then dies: look for an application filter or a proxy on the way of {flow}; {log}.")
        }
        Reason::NameNotFound | Reason::NameNoAddress => format!("Add {to} to the DNS that this host asks."),
        Reason::DnsTimedOut | Reason::DnsFailed => "Mend this host's DNS servers, or the way to them (UDP and TCP 53).".to_owned(),
        Reason::LocalNoRoute | Reason::LocalPermission | Reason::LocalResources | Reason::LocalAddressInUse => {
            "Mend this machine first: the fault is here, and nothing is known of the path.".to_owned()
        }
        Reason::TlsUntrusted | Reason::TlsNameMismatch | Reason::TlsExpired => {
            format!("Give {to} a certificate for that name which this machine trusts (the step `tls` shows the one it has).")
        }
        Reason::TlsIntercepted => format!("Take {to} out of TLS inspection on the way: {flow}."),
        Reason::TlsNotSpoken | Reason::TlsHandshakeFailed => format!("Look at the TLS settings of the service on {to}:{port}."),
        Reason::Http2NotOffered | Reason::Http2NotCarried | Reason::GrpcTrailersLost | Reason::GrpcBuffered | Reason::GrpcFailed => {
            format!("Let HTTP/2 through to the backend, or go around the appliance that cannot: {flow}.")
        }
        Reason::BadGateway => format!("The front {to} answers, but the host behind it does not: test the way from {to} to the service."),
        Reason::RpcNotRegistered => {
            format!("Switch on the RPC interface on {to} (the step `rpc-map` names the interface and the setting).")
        }
        Reason::WrongListener => format!("Another host of the site answers at {to}:{port}: mend DNS, NAT or the load balancer."),
        Reason::ProofInvalid => "Somebody on the way changes answers, or the two ends have different keys.".to_owned(),
        Reason::UnexpectedlyOpen => format!("Shut {flow}: it must not be reachable from here."),
        Reason::NotProved => format!("Run `portmatrix listen` on {to} with the same site key to have it proved."),
        Reason::AddressOutsideRanges => {
            format!("{to} resolves to an address outside the published ranges: ask whether a proxy or a private link is meant.")
        }
        _ => return None,
    })
}
