//! A machine with several names: where two of them want the same port, one stand-in serves both and
//! names both.

use super::wanted::Wanted;
use crate::plan::listening::may_share;
use std::net::IpAddr;

/// The same ports with each address and port once; and what one port cannot speak for two names.
pub fn merge(wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<String>) {
    let mut ports: Vec<Wanted> = Vec::new();
    let mut clashes = Vec::new();
    for next in wanted {
        add(&mut ports, next, &mut clashes);
    }
    (ports, clashes)
}

fn add(ports: &mut Vec<Wanted>, mut next: Wanted, clashes: &mut Vec<String>) {
    let Some(place) = ports.iter().position(|port| port.port == next.port && overlap(port, &next))
    else {
        ports.push(next);
        return;
    };
    if !may_share(ports[place].protocol, next.protocol) {
        let (speaks, needs) = (ports[place].protocol, next.protocol);
        clashes.push(format!(
            "port {} of {} speaks {speaks} and cannot speak {needs} for {}",
            next.port, ports[place].host, next.host
        ));
        return;
    }
    if ports[place].addresses.is_empty() || next.addresses.is_empty() {
        // All addresses of the machine: what others want of them is among these.
        let mut joined = join(ports.remove(place), next);
        joined.addresses.clear();
        add(ports, joined, clashes);
        return;
    }
    let (shared, rest): (Vec<IpAddr>, Vec<IpAddr>) =
        next.addresses.iter().partition(|address| ports[place].addresses.contains(address));
    let first = &mut ports[place];
    if first.addresses.iter().all(|address| shared.contains(address)) {
        *first = join(first.clone(), Wanted { addresses: shared, ..next.clone() });
    } else {
        first.addresses.retain(|address| !shared.contains(address));
        let both = join(Wanted { addresses: shared, ..first.clone() }, next.clone());
        ports.push(both);
    }
    if !rest.is_empty() {
        next.addresses = rest;
        add(ports, next, clashes);
    }
}

fn overlap(a: &Wanted, b: &Wanted) -> bool {
    a.addresses.is_empty()
        || b.addresses.is_empty()
        || a.addresses.iter().any(|address| b.addresses.contains(address))
}

/// One port for both, at the addresses of the first.
fn join(mut first: Wanted, second: Wanted) -> Wanted {
    let names = [vec![second.host], second.also]
        .concat()
        .into_iter()
        .filter(|name| *name != first.host)
        .collect();
    more(&mut first.also, names);
    more(&mut first.fronts, second.fronts);
    // An application before a bare connection, as on a port of one name.
    if first.protocol == first.protocol.bare() {
        first.protocol = second.protocol;
    }
    first.greeting = first.greeting.filter(|greeting| second.greeting == Some(*greeting));
    more(&mut first.paths, second.paths);
    more(&mut first.flows, second.flows);
    for interface in second.interfaces {
        if !first.interfaces.iter().any(|known| known.name == interface.name) {
            first.interfaces.push(interface);
        }
    }
    first.range = match (first.range.take(), second.range) {
        (Some(a), Some(b)) => Some(a.union(&b)),
        (a, b) => a.or(b),
    };
    first
}

/// Adds what is not there yet.
fn more<T: PartialEq>(all: &mut Vec<T>, new: Vec<T>) {
    for one in new {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::model::Protocol;

    fn want(host: &str, addresses: &[&str], port: u16, protocol: Protocol) -> Wanted {
        Wanted {
            host: host.into(),
            also: Vec::new(),
            fronts: vec![("front".into(), port)],
            addresses: addresses.iter().map(|a| a.parse().expect("an address")).collect(),
            port,
            protocol,
            paths: vec![format!("/{host}")],
            interfaces: Vec::new(),
            range: None,
            greeting: None,
            flows: vec![format!("t/{host}")],
        }
    }

    /// Names, addresses and port of each.
    fn told(wanted: Vec<Wanted>) -> (Vec<String>, usize) {
        let (ports, clashes) = merge(wanted);
        let one = |w: &Wanted| {
            let names = [std::slice::from_ref(&w.host), w.also.as_slice()].concat().join("+");
            let addresses = w.addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",");
            format!("{names} {addresses}:{}", w.port)
        };
        (ports.iter().map(one).collect(), clashes.len())
    }

    #[test]
    fn ports_of_several_names_stay_apart_where_they_can() {
        use Protocol::{GrpcH2c, Http, Https};
        let two = |a: &[&str], b: &[&str]| {
            told(vec![want("psp", a, 443, Https), want("proxy", b, 443, Https)])
        };
        assert_eq!(
            told(vec![want("psp", &[], 5000, Http), want("proxy", &[], 443, Https)]).0,
            ["psp :5000", "proxy :443"]
        );
        assert_eq!(two(&["10.0.0.1"], &["10.0.0.2"]).0, ["psp 10.0.0.1:443", "proxy 10.0.0.2:443"]);
        assert_eq!(two(&["10.0.0.1"], &["10.0.0.1"]).0, ["psp+proxy 10.0.0.1:443"]);
        assert_eq!(two(&[], &[]).0, ["psp+proxy :443"]);
        assert_eq!(two(&["10.0.0.1"], &[]).0, ["psp+proxy :443"], "all addresses hold the one");
        assert_eq!(
            two(&["10.0.0.1", "10.0.0.2"], &["10.0.0.2", "10.0.0.3"]).0,
            ["psp 10.0.0.1:443", "psp+proxy 10.0.0.2:443", "proxy 10.0.0.3:443"]
        );
        let three = vec![
            want("a", &["10.0.0.1"], 443, Https),
            want("b", &["10.0.0.2"], 443, Https),
            want("c", &[], 443, Https),
        ];
        assert_eq!(told(three).0, ["b+a+c :443"]);
        assert_eq!(
            told(vec![want("a", &[], 80, Http), want("b", &[], 80, GrpcH2c)]),
            (vec!["a+b :80".to_owned()], 0)
        );
        assert_eq!(
            told(vec![want("a", &[], 80, Http), want("b", &[], 80, Https)]),
            (vec!["a :80".to_owned()], 1),
            "one port, one protocol"
        );
        let (ports, _) = merge(vec![want("psp", &[], 443, Https), want("proxy", &[], 443, Https)]);
        assert_eq!(
            (ports[0].paths.len(), ports[0].flows.len(), ports[0].fronts.len()),
            (2, 2, 1),
            "the paths, flows and fronts of both"
        );
    }
}
