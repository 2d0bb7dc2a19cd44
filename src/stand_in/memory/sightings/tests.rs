use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// At 2000 s, about something that was sent at `since`.
fn asked(sightings: &Sightings, asker: &str, port: u16, source_port: u16, since: u32) -> Sighting {
    let this = AddressTag::default();
    let question = Question {
        port,
        source_port,
        age_ms: (2000 - since) * 1000,
        source: this,
        destination: this,
    };
    sightings.answer(asker.parse().expect("an address"), [10, 0, 0, 9].into(), &question, at(2000))
}

fn ask(
    sightings: &Sightings,
    asker: &str,
    port: u16,
    source_port: u16,
    since: u32,
) -> (Seen, Option<u16>) {
    let sighting = asked(sightings, asker, port, source_port, since);
    (sighting.state, sighting.local.map(|l| l.port()))
}

/// A listener that began before all of these tests.
fn begun() -> Sightings {
    let sightings = Sightings::default();
    sightings.begin([address("0.0.0.0:389")].into(), at(500));
    sightings
}

#[test]
fn nothing_came_is_said_only_of_a_time_that_is_remembered() {
    let sightings = begun();
    assert_eq!(asked(&sightings, "10.0.0.1", 389, 50000, 100).doubt, Some(Doubt::BeganLater));
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Nothing);
    for port in 0..=u16::try_from(MAX_ENTRIES).expect("small") {
        sightings.note(
            SocketAddr::new([10, 9, 9, 9].into(), port),
            address("10.0.0.9:389"),
            Seen::Opened,
            at(1001),
        );
    }
    assert_eq!(
        ask(&sightings, "10.0.0.1", 389, 50000, 990).0,
        Seen::Unknown,
        "a flood may have pushed it out"
    );
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1100).0, Seen::Nothing, "the flood is over");
}

#[test]
fn only_the_askers_own_connections_are_told() {
    let sightings = begun();
    sightings.note(
        address("[::ffff:10.0.0.1]:50000"),
        address("[::ffff:10.0.0.9]:389"),
        Seen::HalfOpen,
        at(1001),
    );
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000), (Seen::HalfOpen, Some(389)));
    assert_eq!(
        ask(&sightings, "10.0.0.2", 389, 50000, 1000),
        (Seen::Unknown, None),
        "NAT may have changed its address"
    );
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50001, 1000), (Seen::Unknown, None), "or its port");
    assert_eq!(
        ask(&sightings, "10.0.0.2", 389, 50000, 1010),
        (Seen::Nothing, None),
        "nothing came since"
    );
}

#[test]
fn it_would_answer_on_its_own_ports_of_that_address_unless_it_turns_away() {
    let sightings = Sightings::default();
    sightings.begin(
        ["10.0.0.9:135", "0.0.0.0:389", "[::]:390", "10.0.0.8:391"].map(address).into(),
        at(500),
    );
    let words = |second| sightings.would_answer_on([10, 0, 0, 9].into(), at(second));
    assert_eq!(words(501), "135,389-390");
    sightings.note(address("10.0.0.1:50000"), address("10.0.0.9:389"), Seen::NotAllowed, at(502));
    assert_eq!(words(502), "135,389-390");
    sightings.note(address("10.0.0.1:50001"), address("10.0.0.9:389"), Seen::TurnedAway, at(503));
    assert_eq!((words(504).as_str(), words(600).as_str()), ("", "135,389-390"));
}

#[test]
fn what_was_reset_at_once_may_have_come() {
    let sightings = begun();
    let counters = |reset| Some(Counters { reset, ..Counters::default() });
    let read = |resets, second| {
        sightings.take_in(Table { counters: counters(resets), ..Table::default() }, at(second))
    };
    read(7, 900);
    read(7, 1000);
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Nothing);
    read(8, 1001);
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1000).0, Seen::Unknown);
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1010).0, Seen::Nothing, "that was before");
}

#[test]
fn only_what_arrived_at_the_very_address_and_port_counts() {
    let sightings = begun();
    for local in ["10.0.0.9:636", "10.0.0.8:389"] {
        sightings.note(address("10.0.0.1:50002"), address(local), Seen::Proved, at(1003));
        let sighting = asked(&sightings, "10.0.0.1", 389, 50002, 1003);
        assert_eq!(
            (sighting.state, sighting.elsewhere),
            (Seen::Nothing, Some(address(local))),
            "it is told beside it"
        );
    }
    sightings.note(address("10.0.0.1:50002"), address("10.0.0.9:389"), Seen::HalfOpen, at(1003));
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50002, 1003), (Seen::HalfOpen, Some(389)));
}

#[test]
fn others_are_asked_about_by_their_tags() {
    let sightings = begun();
    sightings.note(address("10.0.0.1:50000"), address("10.0.0.9:389"), Seen::NotAllowed, at(1001));
    let question = |source: &str, destination: &str| {
        let tag = |text: &str| address_tag(text.parse().expect("an address"));
        let question = Question {
            port: 389,
            source_port: 50000,
            age_ms: 1_000_000,
            source: tag(source),
            destination: tag(destination),
        };
        let sighting =
            sightings.answer([10, 0, 0, 7].into(), [10, 0, 0, 9].into(), &question, at(2000));
        (sighting.state, sighting.own)
    };
    assert_eq!(question("10.0.0.1", "10.0.0.9"), (Seen::NotAllowed, true));
    assert_eq!(question("10.0.0.2", "10.0.0.9"), (Seen::Unknown, true), "something else came");
    assert_eq!(
        question("10.0.0.1", "192.0.2.1"),
        (Seen::Unknown, false),
        "an address that nobody here has"
    );
}

#[test]
fn what_is_old_is_another_connection() {
    let sightings = begun();
    let (peer, local) = (address("10.0.0.1:50000"), address("10.0.0.9:389"));
    sightings.note(peer, local, Seen::Proved, at(1001));
    sightings.note(peer, local, Seen::HalfOpen, at(1002));
    assert_eq!(
        ask(&sightings, "10.0.0.1", 389, 50000, 1001).0,
        Seen::Proved,
        "what came further stays"
    );
    assert_eq!(
        ask(&sightings, "10.0.0.1", 389, 50000, 1030).0,
        Seen::Nothing,
        "it came before the attempt"
    );
    sightings.take_in(Table { half_open: vec![(local, peer)], ..Table::default() }, at(1030));
    assert_eq!(ask(&sightings, "10.0.0.1", 389, 50000, 1030).0, Seen::HalfOpen);
    assert_eq!(sightings.half_open().len(), 1);
}

#[test]
fn a_full_queue_is_told() {
    let sightings = begun();
    let (listening, full) = ([address("10.0.0.9:22")].into(), [address("10.0.0.9:22")].into());
    sightings.take_in(Table { listening: Some(listening), full, ..Table::default() }, at(1000));
    assert_eq!(asked(&sightings, "10.0.0.1", 22, 50000, 1000).doubt, Some(Doubt::QueueFull));
}

#[test]
fn the_memory_is_bounded_and_other_programs_ports_are_told_apart() {
    let sightings = begun();
    let half_open = (0..20_000_u16)
        .map(|n| (address("10.0.0.9:389"), SocketAddr::new([10, 0, 0, 1].into(), n)))
        .collect();
    let listening = Some([address("10.0.0.9:389")].into());
    sightings.take_in(Table { half_open, listening, ..Table::default() }, at(1001));
    assert_eq!(sightings.half_open().len(), MAX_ENTRIES);
    let half_open = vec![(address("10.0.0.9:22"), address("10.0.0.7:1"))];
    let listening = Some([address("0.0.0.0:22")].into());
    sightings.take_in(Table { half_open, listening, ..Table::default() }, at(1002));
    assert!(sightings.half_open().iter().all(|h| h.local.port() == 389));
    let of = |source_port| asked(&sightings, "10.0.0.7", 22, source_port, 1000);
    assert_eq!(
        (of(1).listening, of(1).own, of(1).state),
        (true, false, Seen::HalfOpen),
        "whoever listens"
    );
    assert_eq!(
        of(2).doubt,
        Some(Doubt::AnotherProgram),
        "what another program accepts is not seen"
    );
}
