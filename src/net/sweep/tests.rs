//! On loopback, against listeners of the standard library.

use super::*;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

/// Says one octet and wants it back, one more.
struct Counter;

impl Speaker for Counter {
    fn say(&mut self, _: u16, out: &mut Vec<u8>) {
        out.push(41);
    }

    fn hear(&mut self, _: u16, octets: &[u8]) -> Option<u8> {
        octets.first().copied()
    }
}

fn sweep(ports: &[u16], allowance: &Allowance) -> BTreeMap<u16, Fate> {
    let aim = Aim {
        address: Ipv4Addr::LOCALHOST.into(),
        source: None,
        connect: Duration::from_millis(800),
        answer: Duration::from_millis(800),
        gap: Duration::ZERO,
        most: 1024,
    };
    let mut fates = BTreeMap::new();
    let once = |port, Ended { fate, packets, .. }: Ended| {
        assert_eq!(packets.is_some(), !matches!(fate, Fate::Answered(_)), "{port}");
        assert!(fates.insert(port, fate).is_none(), "{port} twice");
    };
    run(&aim, ports.iter().copied(), &mut Counter, allowance, &AtomicBool::new(false), once)
        .expect("an event queue");
    fates
}

/// A listener that treats each connection so.
fn listener(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

#[test]
fn each_port_has_its_fate() {
    let answers = listener(|mut stream| {
        let mut octet = [0];
        if stream.read_exact(&mut octet).is_ok() {
            let _ = stream.write_all(&[octet[0] + 1]);
        }
    });
    let mute = listener(std::mem::forget);
    let closes = listener(drop);
    let nobody = {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        free.local_addr().expect("bound").port()
    };
    let fates = sweep(&[answers, mute, closes, nobody], &Allowance::new(None, 100));
    assert_eq!(fates[&answers], Fate::Answered(42));
    assert_eq!(fates[&mute], Fate::Mute);
    assert_eq!(fates[&closes], Fate::Closed);
    assert_eq!(fates[&nobody], Fate::Failed(Reason::Refused));
}

#[test]
fn few_descriptors_and_a_rate_only_make_it_slower() {
    let port = listener(|mut stream| {
        let _ = stream.write_all(&[7]);
    });
    let refused: Vec<u16> = (1..200).collect();
    let begun = clock::instant();
    let fates = sweep(&[&refused[..], &[port]].concat(), &Allowance::new(Some(2000), 3));
    assert_eq!(fates.len(), 200);
    assert_eq!(fates[&port], Fate::Answered(7));
    assert!(clock::since(begun) >= Duration::from_millis(150), "the rate was kept");
}
