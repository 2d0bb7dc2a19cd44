//! What a proof tells of the way through a front: whether it came from behind it, from which port,
//! on which path, and with what ahead of it.

use super::reading::claims;
use crate::matrix::model::Protocol;
use crate::observation::{BY_HTTP1, Observation, StepKind};
use crate::plan::model::Hop;
use crate::wire::challenge::Claims;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Where a proof came from, on a hop with a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Not from a host behind the front.
    No,
    /// From the host behind it, on the port of the flow.
    Right,
    /// From the host behind it, on another port than the tables lead the front to.
    AnotherPort,
}

/// Whether a proof came from behind the front.
pub(super) fn behind(hop: &Hop, claims: &Claims) -> Behind {
    let Some(relayed) = &hop.flow.relayed_to else { return Behind::No };
    let port = claims.local.port();
    if !relayed.hosts.contains(&claims.host)
        || (claims.host == hop.to.host.label()
            && port == hop.port
            && !relayed.ports.contains(&port))
    {
        return Behind::No;
    }
    if relayed.ports.is_empty() || relayed.ports.contains(&port) {
        Behind::Right
    } else {
        Behind::AnotherPort
    }
}

/// Whether a proof came from the host behind the one that was connected to.
pub(super) fn came_through_relay(hop: &Hop, claims: &Claims) -> bool {
    behind(hop, claims) != Behind::No
}

/// Whether a listener that answered itself saw the connection come from another address than this
/// machine's, and at another address than was connected to: it is not the connection that was made
/// here, or both its addresses are translated.
pub(super) fn changes_both_addresses(hop: &Hop, seen: &Observation) -> bool {
    let Some(address) = hop.address.filter(|_| hop.proxy.is_none()) else { return false };
    let plain = |address: IpAddr| address.to_canonical();
    let sources: BTreeSet<IpAddr> =
        seen.evidence.iter().filter_map(|e| e.source).map(|source| plain(source.ip())).collect();
    claims(seen).any(|(claims, _)| {
        !came_through_relay(hop, claims)
            && plain(claims.local.ip()) != plain(address)
            && !sources.is_empty()
            && !sources.contains(&plain(claims.peer.ip()))
    })
}

/// Where two listeners stand that both answered for one host, on one hop: of one name and key, at
/// two addresses, and each another run. One of them is a copy, and which one a front asks is luck.
pub(super) fn two_of_one_name(seen: &Observation) -> Option<(SocketAddr, SocketAddr)> {
    let all: Vec<&Claims> =
        claims(seen).map(|(c, _)| c).filter(|c| !c.instance.is_empty()).collect();
    let is_other = |a: &Claims, b: &Claims| {
        a.host == b.host
            && a.instance != b.instance
            && a.local.ip().to_canonical() != b.local.ip().to_canonical()
    };
    all.iter().enumerate().find_map(|(place, a)| {
        Some((a.local, all[place + 1..].iter().find(|b| is_other(a, b))?.local))
    })
}

/// What is wrong with the port or path at which a listener behind a front was reached, in words.
pub(super) fn misled(hop: &Hop, seen: &Observation) -> Option<String> {
    let another = claims(seen).map(|(c, _)| c).find(|c| behind(hop, c) == Behind::AnotherPort);
    if let Some(claims) = another {
        let wanted = hop
            .flow
            .relayed_to
            .as_ref()
            .map(|r| r.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "))
            .unwrap_or_default();
        return Some(format!(
            "the front passes this on to port {} of {}: that is not the port of the flow behind \
                it, {wanted}",
            claims.local.port(),
            claims.host
        ));
    }
    another_path(hop, seen).map(|(asked, came)| {
        format!("the path is changed on the way: {asked} was asked for, and {came} arrived")
    })
}

/// The path that was asked for, and another one that arrived.
pub(super) fn another_path(hop: &Hop, seen: &Observation) -> Option<(String, String)> {
    let asked = match hop.flow.protocol {
        Protocol::Http | Protocol::Https => {
            format!("/{}", hop.flow.options.path().unwrap_or_default().trim_start_matches('/'))
        }
        // The call is made once more at the root where the flow's path has none: the step says
        // which it was.
        _ => {
            let called = seen.steps.iter().rev().find(|s| s.step == StepKind::Grpc)?;
            called.facts.grpc.path.clone().unwrap_or_default()
        }
    };
    let planned = hop.flow.relayed_to.iter().flat_map(|r| &r.paths);
    let fits = |came: &str| {
        same_path(&asked, came)
            || (matches!(hop.flow.protocol, Protocol::Http | Protocol::Https)
                && planned.clone().any(|path| same_path(path, came)))
    };
    let came = claims(seen)
        .filter_map(|(c, _)| c.http.as_ref())
        .map(|http| http.path.as_str())
        .find(|came| !came.is_empty() && !fits(came))?;
    Some((asked, came.to_owned()))
}

/// Whether two paths are one to a server: a slash at the end, capitals (IIS) and the query do not
/// count.
fn same_path(a: &str, b: &str) -> bool {
    let plain =
        |path: &str| path.split('?').next().unwrap_or_default().trim_matches('/').to_owned();
    plain(a).eq_ignore_ascii_case(&plain(b))
}

/// Whether a header of the PROXY protocol came ahead of what was said, and of which version.
pub(super) fn proxy_protocol(seen: &Observation) -> Option<&str> {
    claims(seen).find_map(|(c, _)| c.proxy_protocol.as_deref())
}

/// How several connections of one hop ended, where not all of them ended alike.
pub(super) fn spread(seen: &Observation) -> Option<String> {
    let ends: BTreeSet<&str> =
        seen.spread.iter().map(|words| words.trim_end_matches(BY_HTTP1)).collect();
    if ends.len() < 2 {
        return None;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for words in &seen.spread {
        *counts.entry(words).or_default() += 1;
    }
    let all = seen.spread.len();
    let each: Vec<String> = counts
        .iter()
        .map(|(words, count)| format!("{count} of {all} connections: {words}"))
        .collect();
    // Which version of HTTP was spoken may be what makes the difference.
    let by_version = seen.spread.iter().any(|words| words.ends_with(BY_HTTP1));
    let lead = if by_version { "not all connections end alike" } else { "the way is shared out" };
    Some(format!("{lead}: {}", each.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Evidence;
    use crate::plan::model::{PlannedFlow, RelayedTo};
    use crate::plan::options::Options;
    use crate::reason::Reason;
    use crate::verdict::tests::fixture::{flow, hop, proof, seen, up};
    use crate::verdict::{Policy, Verdict, judge};
    use crate::wire::challenge::{HttpSeen, ProofOutcome};

    fn front(ports: &[u16]) -> Hop {
        let relayed = RelayedTo {
            role: "service".into(),
            hosts: vec!["backend".into()],
            ports: ports.to_vec(),
            paths: vec!["/Agent".into()],
        };
        hop(PlannedFlow {
            relayed_to: Some(relayed),
            options: Options::Web { path: Some("/Agent".into()) },
            ..flow()
        })
    }

    fn stand(hop: &Hop, proof: ProofOutcome) -> (Verdict, Reason) {
        let judged = judge(hop, Some(&seen(up(), vec![proof])), Policy::default());
        (judged.verdict, judged.reason)
    }

    fn changed(mut proof: ProofOutcome, change: impl Fn(&mut Claims)) -> ProofOutcome {
        if let ProofOutcome::Valid { claims, .. } = &mut proof {
            change(claims);
        }
        proof
    }

    #[test]
    fn two_runs_at_two_addresses_are_two_listeners() {
        let of = |instance: &str, ip: [u8; 4]| {
            changed(proof("backend", 5000, false, Some(false)), |c| {
                (c.instance, c.local) = (instance.into(), (ip, 5000).into())
            })
        };
        let judged = |all: Vec<ProofOutcome>| {
            let judged = judge(&front(&[5000]), Some(&seen(up(), all)), Policy::default());
            (judged.verdict, judged.reason)
        };
        let (one, other) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        assert_eq!(
            judged(vec![of("a", one), of("b", other)]),
            (Verdict::Fail, Reason::WrongListener)
        );
        assert_eq!(
            judged(vec![of("a", one), of("a", other)]),
            (Verdict::Pass, Reason::Proved),
            "one of several addresses"
        );
        assert_eq!(
            judged(vec![of("a", one), of("b", one)]),
            (Verdict::Pass, Reason::Proved),
            "started again"
        );
        assert_eq!(
            judged(vec![of("", one), of("", other)]),
            (Verdict::Pass, Reason::Proved),
            "an older listener does not say"
        );
    }

    #[test]
    fn a_relay_that_nobody_planned_is_no_pass() {
        use crate::verdict::Expected;
        let (own, there) = ([10, 0, 0, 1], [10, 0, 9, 9]);
        let of = |local: [u8; 4], peer: [u8; 4]| {
            let proof = changed(proof("psp", 443, false, Some(true)), |c| {
                (c.local, c.peer) = ((local, 443).into(), (peer, 50_000).into())
            });
            let mut seen = seen(up(), vec![proof]);
            seen.evidence = vec![Evidence {
                source: Some((own, 40_000).into()),
                destination: (there, 443).into(),
                sent_at: jiff::Timestamp::UNIX_EPOCH,
                attempt: 1,
                syns: None,
                outcome: None,
                icmp: None,
            }];
            seen
        };
        let mut direct = hop(flow());
        direct.address = Some(there.into());
        let judged = |hop: &Hop, local, peer, expected| {
            let judged = judge(hop, Some(&of(local, peer)), Policy { expected });
            (judged.verdict, judged.reason)
        };
        let (pass, other) = ((Verdict::Pass, Reason::Proved), [10, 0, 7, 7]);
        let changed = |verdict| (verdict, Reason::AddressesChanged);
        for expected in [Expected::Any, Expected::StandIn] {
            assert_eq!(judged(&direct, there, own, expected), pass);
            assert_eq!(judged(&direct, there, other, expected), pass, "source NAT");
            assert_eq!(judged(&direct, other, own, expected), pass, "destination NAT");
        }
        assert_eq!(judged(&direct, other, [10, 0, 7, 8], Expected::Any), changed(Verdict::Warn));
        assert_eq!(
            judged(&direct, other, [10, 0, 7, 8], Expected::StandIn),
            changed(Verdict::Fail)
        );
        direct.translated = true;
        assert_eq!(judged(&direct, other, [10, 0, 7, 8], Expected::StandIn), pass, "declared");
    }

    #[test]
    fn the_port_behind_is_compared_where_the_tables_name_one() {
        let from = |port| proof("backend", port, false, Some(false));
        assert_eq!(stand(&front(&[5000]), from(5000)), (Verdict::Pass, Reason::Proved));
        assert_eq!(stand(&front(&[5000]), from(5001)), (Verdict::Fail, Reason::WrongListener));
        assert_eq!(stand(&front(&[]), from(5001)), (Verdict::Pass, Reason::Proved));
        let judged = judge(&front(&[5000]), Some(&seen(up(), vec![from(5001)])), Policy::default());
        assert!(
            judged.notes.iter().any(|n| n.contains("port 5001") && n.contains("5000")),
            "{:?}",
            judged.notes
        );
        assert!(judged.advice.is_some_and(|a| a.starts_with("Between psp and backend")));
    }

    #[test]
    fn the_path_that_arrived_is_compared() {
        let on = |path: &str| {
            changed(proof("backend", 5000, false, Some(false)), |c| {
                c.http = Some(HttpSeen { path: path.into(), ..HttpSeen::default() })
            })
        };
        for same in ["/Agent", "/agent/", ""] {
            assert_eq!(stand(&front(&[5000]), on(same)), (Verdict::Pass, Reason::Proved), "{same}");
        }
        for other in ["/", "/Agent/x", "/other"] {
            assert_eq!(
                stand(&front(&[5000]), on(other)),
                (Verdict::Fail, Reason::WrongListener),
                "{other}"
            );
        }
    }

    #[test]
    fn a_header_of_the_proxy_protocol_is_one_reason() {
        let with = changed(proof("backend", 5000, false, Some(false)), |c| {
            c.proxy_protocol = Some("v1".into())
        });
        assert_eq!(stand(&front(&[5000]), with), (Verdict::Fail, Reason::ProxyProtocol));
    }

    #[test]
    fn what_is_shared_out_is_said() {
        let mut seen = seen(up(), vec![]);
        assert_eq!(spread(&seen), None);
        seen.spread = vec!["a".into(), "a".into(), "a".into()];
        assert_eq!(spread(&seen), None);
        seen.spread = vec!["a".into(), "b".into(), "a".into()];
        assert_eq!(
            spread(&seen).as_deref(),
            Some("the way is shared out: 2 of 3 connections: a; 1 of 3 connections: b")
        );
    }

    #[test]
    fn a_version_of_http_alone_is_no_difference() {
        let of = |words: &[&str]| Observation {
            spread: words.iter().map(|w| (*w).to_owned()).collect(),
            ..seen(up(), vec![])
        };
        assert_eq!(spread(&of(&["proved", "proved, by HTTP/1.1", "proved"])), None);
        let differs =
            spread(&of(&["proved", "http-status at http, by HTTP/1.1", "proved"])).expect("a note");
        assert!(differs.starts_with("not all connections end alike: "), "{differs}");
        assert!(
            spread(&of(&["proved", "timed-out at connect"]))
                .expect("a note")
                .starts_with("the way is shared out: ")
        );
    }
}
