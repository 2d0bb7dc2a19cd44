//! Answers to a TLS greeting, and greetings, which somebody else's server reads.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::tls_alert::Alert;
use portmatrix::wire::tls_hello::{Answer, Offer, client_hello, read};
use portmatrix_fuzz::choices::Choices;

/// A greeting is one record with one message, and a server can read it.
fn greeting(choices: &mut Choices<'_>) {
    let random = choices.array();
    let offer = if choices.octet() & 1 == 0 { Offer::All } else { Offer::Old };
    let length = choices.below(246);
    let letter = |octet: &u8| char::from(b'a' + octet % 26);
    let name: String = choices.some(length).iter().map(letter).collect();
    // Labels of 60 letters.
    let labels: Vec<&str> =
        (0..name.len()).step_by(60).map(|at| &name[at..name.len().min(at + 60)]).collect();
    let name = labels.join(".");
    let octets = client_hello(&random, (!name.is_empty()).then_some(&name), offer);
    assert_eq!(usize::from(u16::from_be_bytes([octets[3], octets[4]])), octets.len() - 5);
    let message = octets.len() - 5;
    assert!(!(256..512).contains(&message), "{message} octets are lost by some devices");
    let mut acceptor = rustls::server::Acceptor::default();
    acceptor.read_tls(&mut &octets[..]).expect("octets in memory");
    let accepted = acceptor.accept().unwrap_or_else(|(error, _)| panic!("{error}"));
    let accepted = accepted.expect("a whole greeting");
    assert_eq!(accepted.client_hello().server_name().unwrap_or_default(), name);
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    if choices.octet() == 0 {
        return greeting(&mut choices);
    }
    let data = choices.0;
    let whole = read(data);
    if let Answer::Chosen(chosen) | Answer::More(Some(chosen)) = whole {
        let _ = (chosen.version_name(), chosen.suite_name(), chosen.group_name());
        let _ = (chosen.scheme_name(), chosen.foreign());
    }
    if let Answer::Alert(Alert(code)) = whole {
        let alert = Alert(code);
        assert!(!alert.words().is_empty() && !alert.name().is_empty());
        assert!(Alert::ALL.contains(&alert) || alert.name() == "unknown");
    }
    // What was told once stays, whatever comes behind it; and more is waited for only until then.
    let step = data.len() / 64 + 1;
    for end in (0..data.len()).step_by(step) {
        match read(&data[..end]) {
            Answer::More(_) => {}
            told => assert_eq!(told, whole, "{end} octets of {}", data.len()),
        }
    }
});
