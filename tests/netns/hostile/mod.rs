//! Attacks on a listener, each with an honest connector beside it: what strangers do must cost the
//! honest ones neither a verdict nor the listener its memory. Figures are printed
//! (`scripts/hostile` runs these at full length and shows them); no test fails because a machine is
//! slow.

mod attacks;
mod bed;

use bed::{Bed, LDAP, MAPPER, PLAIN, RANGE, TLS, WEB, is_long};
use std::time::Duration;

/// Connections that fill a listener.
const ALL: u32 = 2_100;
/// Places of a listener.
const MOST_PLACES: u32 = 2_048;
/// Most memory of a listener under attack, in MiB.
const MOST_MEMORY: u64 = 256;
/// Most memory half a minute after, in MiB.
const MOST_AFTER: u64 = 64;

/// Runs honest connectors beside an attack, and prints what they got: every row is proved.
fn judge(bed: &Bed, name: &str) {
    judge_but(bed, name, None);
}

/// The same; the row on this port need not be proved, if it is not tested.
#[expect(clippy::print_stderr, reason = "figures")]
fn judge_but(bed: &Bed, name: &str, spared: Option<u16>) {
    let rounds = if is_long() { 5 } else { 1 };
    for round in 0..rounds {
        let honest = bed.honest();
        let (now, peak) = bed.memory();
        let slowest = honest.hops().map(|(.., ms)| ms).fold(0.0, f64::max);
        eprintln!(
            "{name} {round}: connect {:.2} s, slowest step {slowest:.0} ms; listener {now} MiB, \
                peak {peak} MiB",
            honest.took.as_secs_f64()
        );
        honest.must_be_proved_but(spared);
        assert!(peak <= MOST_MEMORY, "{name}: {peak} MiB");
    }
}

/// The memory a while after the attack is over.
#[expect(clippy::print_stderr, reason = "figures")]
fn afterwards(bed: &Bed, name: &str) {
    if !is_long() {
        return;
    }
    std::thread::sleep(Duration::from_secs(30));
    let (now, _) = bed.memory();
    eprintln!("{name}: 30 s later {now} MiB");
    assert!(now <= MOST_AFTER, "{name}: {now} MiB 30 s later");
}

#[test]
fn silent_strangers_take_no_places_from_honest_connectors() {
    let Some(bed) = Bed::new() else { return };
    let calm = bed.honest();
    calm.must_be_proved_but(None);
    let crowds: &[u32] = if is_long() { &[8, 64, 2_500] } else { &[64] };
    for addresses in crowds {
        let ports = [PLAIN, WEB, TLS, LDAP, MAPPER].map(|port| bed.at(port));
        let addresses = *addresses;
        let attack =
            bed.attack(move || attacks::silent(ports.to_vec(), ALL.max(addresses), addresses));
        std::thread::sleep(Duration::from_secs(4));
        // A row on which nothing may be said is as silent as the strangers. Where these are more
        // than there are places, and all come again at once, it may be put out with them.
        let spared = (addresses > MOST_PLACES).then_some(PLAIN);
        judge_but(&bed, &format!("silent from {addresses} addresses"), spared);
        drop(attack);
    }
    afterwards(&bed, "silent");
    let file = bed.end();
    let text = file.to_string();
    assert!(text.contains("gave way to another connection"), "{}", &text[..2000]);
}

#[test]
fn headers_of_http2_cost_little_memory() {
    let Some(bed) = Bed::new() else { return };
    for port in [WEB, TLS] {
        let at = bed.at(port);
        let attack = bed.attack(move || attacks::large_headers(at, 2_040));
        std::thread::sleep(Duration::from_secs(if is_long() { 15 } else { 6 }));
        // So many come and go that what was said on no connection is soon forgotten.
        judge_but(&bed, &format!("headers of HTTP/2 on {port}"), (port == TLS).then_some(PLAIN));
        drop(attack);
        if !is_long() {
            break;
        }
    }
    afterwards(&bed, "headers of HTTP/2");
}

#[test]
fn valid_requests_without_end_keep_nobody_waiting() {
    let Some(bed) = Bed::new() else { return };
    for (name, port, request) in attacks::requests() {
        let at = bed.at(port);
        let count = if is_long() { 400 } else { 60 };
        let attack = bed.attack(move || attacks::repeat(at, request, count));
        std::thread::sleep(Duration::from_secs(2));
        judge(&bed, &format!("{name} from {count} connections"));
        drop(attack);
    }
}

#[test]
fn octets_without_end_cost_little_memory() {
    let Some(bed) = Bed::new() else { return };
    for (name, port, head) in attacks::unfinished() {
        let at = bed.at(port);
        let attack = bed.attack(move || attacks::pour(at, head, 1_900));
        std::thread::sleep(Duration::from_secs(if is_long() { 8 } else { 4 }));
        judge(&bed, name);
        drop(attack);
    }
    afterwards(&bed, "octets without end");
}

#[test]
#[expect(clippy::print_stderr, reason = "figures")]
fn half_binds_on_a_range_lose_no_port() {
    let bed = if is_long() { Bed::with_whole_range() } else { Bed::new() };
    let Some(bed) = bed else { return };
    let at = bed.at(RANGE);
    let attack = bed.attack(move || attacks::half_binds(at, 1_000, 2_500));
    std::thread::sleep(Duration::from_secs(3));
    if !is_long() {
        return judge(&bed, "half binds");
    }
    // So many ports at once beside so many strangers: some are proved at another try only, which
    // the row says as a warning.
    for round in 0..5 {
        let honest = bed.honest();
        honest.must_lose_no_port();
        let verdicts: Vec<_> =
            honest.hops().map(|(_, verdict, reason, _)| (verdict, reason)).collect();
        eprintln!(
            "half binds, whole range {round}: {:.2} s, {verdicts:?}",
            honest.took.as_secs_f64()
        );
    }
    drop(attack);
}

#[test]
#[expect(clippy::print_stderr, reason = "figures")]
fn endless_answers_cost_the_connector_little() {
    let Some(bed) = Bed::empty() else { return };
    for (name, flow, port, octets) in attacks::endless_answers() {
        let at = bed.at(port);
        let attack = bed.attack_at("srv", move || attacks::answer_without_end(at, octets));
        std::thread::sleep(Duration::from_millis(300));
        let (hop, peak, took) = bed.honest_with_memory(flow);
        let (verdict, reason) = (&hop["verdict"], &hop["reason"]);
        eprintln!("{name}: {verdict} {reason}, connector {peak} MiB, {:.2} s", took.as_secs_f64());
        assert_eq!(verdict, "fail", "{hop:#}");
        assert!(peak <= 64, "{name}: {peak} MiB");
        drop(attack);
    }
}
