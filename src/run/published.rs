//! What became of the names and ranges that a cloud service publishes, from the results of its
//! hops.

use super::judged::Judged;
use crate::matrix::endpoints::day;
use crate::matrix::model::{NameClass, covers};
use crate::observation::{Initiator, Step, StepKind};
use crate::plan::model::{Hop, PlannedRole};
use crate::result::published::{Published, PublishedName, PublishedRange, RangeState, Through};
use crate::text::sanitise;
use crate::verdict::Verdict;
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What became of every published role that hops of `planned` go to; `hops` is what became of them.
pub fn published(
    roles: &[PlannedRole],
    planned: &[Hop],
    hops: &[Judged],
    now: Timestamp,
) -> Vec<Published> {
    let mut all = Vec::new();
    for (role, declared) in roles.iter().filter_map(|role| Some((role, role.published.as_ref()?))) {
        let mut ways: Vec<(String, Option<String>)> = Vec::new();
        for hop in planned.iter().filter(|hop| hop.to.role == role.id && hop.class.is_some()) {
            let way = (hop.from.host.label(), hop.proxy.as_ref().map(|proxy| proxy.label()));
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        for (from, proxy) in ways {
            let on_it = |Judged { hop, .. }: &&Judged| {
                hop.to.role == role.id
                    && hop.from.host.label() == from
                    && hop.proxy.as_ref().map(|proxy| proxy.label()) == proxy
                    && hop.class.is_some()
            };
            let own: Vec<&Judged> = hops.iter().filter(on_it).collect();
            let of = |name: &String| {
                let class = declared.class(name).unwrap_or(NameClass::Ordinary);
                of_name(&name.to_lowercase(), class, &own, &declared.networks)
            };
            let mut names: Vec<PublishedName> = declared.all_names().map(of).collect();
            let wildcards = of_wildcards(&names);
            for name in &mut names {
                name.seen_as = wildcards.get(&name.name).cloned().unwrap_or_default();
            }
            // Which addresses a proxy connects to, it does not say.
            let networks = declared.networks.iter().filter(|_| proxy.is_none());
            let ranges = networks.map(|network| of_range(*network, &own)).collect();
            let list = declared.endpoints.as_ref().and_then(|origin| origin.version.clone());
            let list_days = list.as_deref().and_then(|version| age(version, now));
            all.push(Published {
                role: role.id.clone(),
                from,
                proxy,
                list,
                list_days,
                names,
                ranges,
            });
        }
    }
    all
}

/// Longest name that is told, in characters.
const MAX_NAME: usize = 1024;

/// Days from the version of a list to now.
fn age(version: &str, now: Timestamp) -> Option<i64> {
    let begun = jiff::tz::Offset::UTC
        .to_timestamp(day(version)?.to_datetime(jiff::civil::Time::midnight()))
        .ok()?;
    Some(now.duration_since(begun).as_hours() / 24)
}

fn of_name(name: &str, class: NameClass, hops: &[&Judged], networks: &[IpNet]) -> PublishedName {
    let own: Vec<&&Judged> = hops.iter().filter(|j| j.hop.to.host.label() == name).collect();
    let worst = own.iter().max_by_key(|j| j.judgement.verdict);
    let step = |kind: StepKind| {
        own.iter().flat_map(|j| j.steps()).find(move |step| step.step == kind && step.is_climbed())
    };
    let addresses: Vec<IpAddr> = own.iter().filter_map(|j| j.hop.address).collect();
    let measured = |step: &&Step| step.step == StepKind::Connect && step.is_climbed();
    let connect = own.iter().flat_map(|j| j.steps()).filter(measured).map(|step| step.ms);
    PublishedName {
        name: name.to_owned(),
        class,
        verdict: worst.map(|j| j.judgement.verdict),
        reason: worst.map(|j| j.judgement.reason),
        working: own
            .iter()
            .filter(|j| {
                j.judgement.verdict <= Verdict::Warn && j.steps().iter().all(|s| s.is_climbed())
            })
            .count(),
        outside: addresses
            .iter()
            .copied()
            .filter(|a| !networks.is_empty() && !networks.iter().any(|n| n.contains(a)))
            .collect(),
        addresses: own.iter().filter(|j| j.hop.address.is_some() || j.hop.proxy.is_some()).count(),
        aliases: step(StepKind::Resolve)
            .filter(|_| own.iter().all(|j| j.hop.proxy.is_none()))
            .map(|step| {
                step.facts.resolve.aliases.iter().map(|name| sanitise(name, MAX_NAME)).collect()
            })
            .unwrap_or_default(),
        issuer: step(StepKind::Tls)
            .and_then(|step| step.facts.certificate.issuer.as_ref())
            .map(|issuer| sanitise(issuer, MAX_NAME)),
        status: own
            .iter()
            .flat_map(|j| j.steps())
            .filter(|s| s.step == StepKind::Http)
            .find_map(|s| s.facts.http.status),
        connect_ms: connect.min_by(f64::total_cmp),
        seen_as: Vec::new(),
    }
}

/// By wildcard: names under it that were looked up.
fn of_wildcards(names: &[PublishedName]) -> BTreeMap<String, Vec<String>> {
    let looked_up = || {
        names
            .iter()
            .filter(|n| n.addresses > 0)
            .flat_map(|n| std::iter::once(&n.name).chain(&n.aliases))
    };
    let under = |wildcard: &str| {
        let mut under: Vec<String> =
            looked_up().filter(|name| covers(wildcard, name)).cloned().collect();
        under.sort();
        under.dedup();
        under
    };
    names
        .iter()
        .filter(|n| n.name.starts_with("*."))
        .map(|n| (n.name.clone(), under(&n.name)))
        .collect()
}

fn of_range(network: IpNet, hops: &[&Judged]) -> PublishedRange {
    let mut through: Vec<Through> = Vec::new();
    for judged in hops {
        let Some(address) = judged.hop.address.filter(|a| network.contains(a)) else { continue };
        if through.iter().any(|t| t.address == address) {
            continue;
        }
        let connect = judged.steps().iter().find(|s| s.step == StepKind::Connect);
        let local = connect.is_some_and(|s| s.initiator() == Some(Initiator::Local));
        through.push(Through {
            address,
            name: Some(judged.hop.to.host.label()),
            reached: connect.filter(|_| !local).map(|s| s.is_climbed()),
            reason: connect.filter(|s| !s.is_climbed()).and_then(|s| s.reason()),
            last_seen: judged
                .seen
                .as_ref()
                .and_then(|seen| seen.trace.as_ref())
                .filter(|t| t.destination.ip() == address)
                .and_then(|t| t.last_router()),
        });
    }
    PublishedRange { network, state: RangeState::of(&through), through }
}
