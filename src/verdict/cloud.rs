//! What is particular about a cloud service: names and ranges that its owner publishes, and proxies
//! on the way to them.

use crate::observation::facts::{Family as _, Proxy};
use crate::observation::{Observation, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use std::net::IpAddr;

/// What to do, where it is something else than with any other host.
pub(super) fn advice(hop: &Hop, seen: &Observation, reason: Reason, flow: &str) -> Option<String> {
    hop.class?;
    let to = hop.to.host.label();
    if let Some(words) = proxy_advice(hop, seen, reason) {
        return Some(words);
    }
    Some(match reason {
        Reason::NameNotFound | Reason::NameNoAddress => {
            format!("Add {} to the DNS that this host asks.", hop.proxy.as_ref()?.host)
        }
        Reason::ProxyRefused if behind_proxy(seen) => {
            let Proxy { squid_error, status, .. } = said_by_proxy(seen);
            let error = squid_error.clone().unwrap_or_default().to_ascii_uppercase();
            let said = squid_error.or(status.map(|s| s.to_string())).unwrap_or_default();
            let what = match error {
                error if error.contains("DNS_FAIL") => "it found no address for that name",
                error if error.contains("CONNECT_FAIL") => "its connection did not open",
                _ => "it got no answer from there",
            };
            format!(
                "Behind the proxy {}, the way from it to {to}:{} is to be looked at: {what} (it \
                    says {said}). The way to the proxy is open.",
                proxy_of(hop),
                hop.port
            )
        }
        Reason::ProxyRefused => {
            let status = said_by_proxy(seen)
                .status
                .map(|status| format!(" (it says {status})"))
                .unwrap_or_default();
            format!(
                "Allow {to}:{} on the proxy {}{status}, or let this host go there directly.",
                hop.port,
                proxy_of(hop)
            )
        }
        Reason::ProxyAuthentication => {
            let wants = Some(said_by_proxy(seen).wants.join(", ")).filter(|w| !w.is_empty());
            let proxy = proxy_of(hop);
            match wants.as_deref() {
                Some(ways) if !ways.contains("Basic") => format!(
                    "The proxy {proxy} wants {ways}, which is not spoken here: exempt this host or \
                        {to} from signing in, or test what the service's own \
                     account does."
                ),
                wants => format!(
                    "The proxy {proxy} wants {}: give it a name and password that it takes \
                        (http://USER:PASSWORD@HOST:PORT), or exempt {to} from \
                     signing in.",
                    wants.unwrap_or("a sign-in")
                ),
            }
        }
        Reason::TlsIntercepted => {
            let issuer = seen
                .steps
                .iter()
                .find_map(|s| s.facts.certificate.issuer.as_deref())
                .unwrap_or("a private authority");
            format!(
                "Take {to} out of TLS inspection: \"{issuer}\" makes its certificates on the way \
                    ({flow})."
            )
        }
        Reason::AddressOutsideRanges => {
            let address = hop.address.map(|a| format!(", {a},")).unwrap_or_default();
            format!(
                "{to} resolves to an address{address} outside the published ranges: ask whether a \
                    proxy or a private link is meant."
            )
        }
        _ => return None,
    })
}

/// What to do where the proxy itself did not answer as one.
fn proxy_advice(hop: &Hop, seen: &Observation, reason: Reason) -> Option<String> {
    hop.proxy.as_ref()?;
    let (to, proxy) = (hop.to.host.label(), proxy_of(hop));
    let failed = seen.first_failure()?;
    match (failed.step, reason) {
        (StepKind::Proxy, Reason::HttpNotSpoken) => {
            Some(format!("What listens at {proxy} is no HTTP proxy: look up its address."))
        }
        (StepKind::Proxy, Reason::SilentAfterConnect) => Some(format!(
            "The proxy {proxy} did not answer in time: most likely it cannot reach {to}:{} itself; \
                look into its log.",
            hop.port
        )),
        (StepKind::Proxy, Reason::ClosedAfterConnect | Reason::ResetAfterConnect) => Some(format!(
            "The proxy {proxy} broke off when it was asked for {to}:{}: look into its log.",
            hop.port
        )),
        (StepKind::Tls, Reason::TlsNotSpoken | Reason::TlsHandshakeFailed) => Some(format!(
            "Behind the proxy {proxy} nobody speaks TLS for {to}:{}: look into its log, and at its \
                rules for that name.",
            hop.port
        )),
        // The way to the proxy was open, and it said that the way on is: what dies then dies behind
        // it, or at it.
        (
            step,
            Reason::ClosedAfterConnect
            | Reason::ResetAfterConnect
            | Reason::SilentAfterConnect
            | Reason::HttpNotSpoken
            | Reason::BadGateway,
        ) if !matches!(step, StepKind::Resolve | StepKind::Connect | StepKind::Proxy) => {
            Some(format!(
                "The proxy {proxy} said that the way to {to}:{} is open, and then {}: look at the \
                    way behind the proxy, and into its log.",
                hop.port,
                match reason {
                    Reason::SilentAfterConnect => "nothing came",
                    Reason::HttpNotSpoken => "no HTTP came",
                    Reason::BadGateway => "an answer came that a gateway gives",
                    _ => "it ended",
                }
            ))
        }
        _ => None,
    }
}

/// Whether the proxy says that it could not reach the host, rather than that it may not.
fn behind_proxy(seen: &Observation) -> bool {
    let step = seen.steps.iter().find(|s| s.step == StepKind::Proxy && !s.is_climbed());
    let Proxy { status, squid_error, .. } =
        step.map(|step| Proxy::clone(&step.facts.proxy)).unwrap_or_default();
    let error = squid_error.unwrap_or_default().to_ascii_uppercase();
    match status {
        _ if error.starts_with("ERR_ACCESS_DENIED") => false,
        _ if ["ERR_CONNECT_FAIL", "ERR_DNS_FAIL", "ERR_READ_TIMEOUT", "ERR_CANNOT_FORWARD"]
            .iter()
            .any(|e| error.starts_with(e)) =>
        {
            true
        }
        // tinyproxy says 500 where it finds no address or opens no connection.
        Some(500 | 502..=504) => true,
        _ => false,
    }
}

/// The proxy on the way.
fn proxy_of(hop: &Hop) -> String {
    hop.proxy.as_ref().map(|proxy| proxy.label()).unwrap_or_default()
}

/// What the proxy said; of several answers the later adds what the first did not say.
fn said_by_proxy(seen: &Observation) -> Proxy {
    let said = seen.steps.iter().rev().filter(|s| s.step == StepKind::Proxy);
    said.fold(Proxy::default(), |mut all, step| {
        all.absorb(Proxy::clone(&step.facts.proxy));
        all
    })
}

/// What is worth knowing of a name of a cloud service, whatever became of it.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Vec<String> {
    let mut notes = Vec::new();
    let step = |kind: StepKind| seen.steps.iter().find(move |s| s.step == kind);
    let no_route = step(StepKind::Resolve).map(|s| s.facts.resolve.no_route.as_slice());
    if let Some(addresses) = no_route.filter(|addresses| !addresses.is_empty()) {
        let words = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        notes.push(format!(
            "not tried, since this machine has no route for that family of addresses: {words}"
        ));
    }
    if let Some(tls) =
        step(StepKind::Tls).filter(|s| s.is_climbed() && s.facts.tls.public_root == Some(false))
    {
        let trusted = tls.facts.tls.trusted == Some(true);
        let trust = if trusted {
            "this machine trusts it, and no public root knows it"
        } else {
            "this machine does not trust it"
        };
        notes.push(format!(
            "the certificate was issued by {}: {trust}",
            tls.facts.certificate.issuer.as_deref().unwrap_or_default()
        ));
    }
    if let Some(address) = hop.address.filter(|a| is_outside(hop, *a)) {
        notes.push(format!(
            "{address} is outside the published ranges: {}",
            what_it_may_be(address)
        ));
    }
    notes
}

/// Whether an address is in none of the ranges that are published for the hop's role.
pub(super) fn is_outside(hop: &Hop, address: IpAddr) -> bool {
    !hop.flow.networks.is_empty() && !hop.flow.networks.iter().any(|n| n.contains(&address))
}

/// Why a public name may have an address that its owner does not publish.
fn what_it_may_be(address: IpAddr) -> &'static str {
    let private = match address {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_link_local()
                || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match address {
        _ if address.is_loopback() || address.is_unspecified() => {
            "a DNS filter or the hosts file sends it nowhere"
        }
        _ if private => {
            "a private address, so a private link, a proxy that answers by DNS, or a DNS server \
                that makes it up"
        }
        _ => {
            "a proxy or DNS filter of somebody else's, a hijacked name, or a port table that has \
                grown old"
        }
    }
}
