//! Greetings of known services, at both ends.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::greeting::codec::{Answer, Dialogue, MAX_GREETING, Next};
use portmatrix::protocol::greeting::list::Greeting;
use portmatrix::protocol::kerberos::codec::DIALOGUE;
use portmatrix_fuzz::choices::{Choices, pieces};

fn dialogue(which: u8) -> Dialogue {
    let count = Greeting::ALL.len();
    Greeting::ALL.get(usize::from(which) % (count + 1)).map_or(DIALOGUE, |g| g.dialogue())
}

fn look(answer: &Answer) {
    let shown = answer.turned_away.iter().chain([&answer.words]);
    for words in shown {
        assert!(words.len() <= 80, "{words}");
        assert!(words.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{words}");
    }
    assert!(!answer.words.is_empty());
    assert!(answer.bye.len() <= 64);
}

/// What is said until more has to come, and how that ends.
fn speak(dialogue: &Dialogue, heard: &[u8], said: &mut usize) -> (Vec<u8>, Next) {
    let mut words = Vec::new();
    loop {
        match (dialogue.next)(heard, *said) {
            Next::Say(more) => {
                assert!(*said < 4 && more.len() <= 512, "it goes on and on");
                words.extend(more);
                *said += 1;
            }
            next => return (words, next),
        }
    }
}

fn is_over(next: &Next) -> bool {
    matches!(next, Next::Known(_) | Next::Other)
}

/// Octets of anybody, in pieces.
fn connector(dialogue: &Dialogue, data: &[u8], cut: u8) {
    let (mut heard, mut said, mut own) = (Vec::new(), 0, Vec::new());
    for piece in std::iter::once(&[][..]).chain(pieces(data, cut)) {
        heard.extend_from_slice(piece);
        let (words, next) = speak(dialogue, &heard, &mut said);
        own.extend(words);
        if let Next::Known(answer) | Next::IfQuiet(answer) = &next {
            look(answer);
            assert_ne!(heard, own, "an echo is taken for an answer");
        }
        if next == Next::Other {
            // What is none becomes none.
            for more in [&b"\r\n"[..], b" ", b"\0", b"220 x\r\n"] {
                let longer = [&heard, more].concat();
                assert!(!matches!((dialogue.next)(&longer, said), Next::Known(_)), "{longer:?}");
            }
        }
        if is_over(&next) || heard.len() >= MAX_GREETING {
            return;
        }
    }
}

/// The words of a stand-in to octets of anybody.
fn stand_in(dialogue: &Dialogue, data: &[u8], cut: u8) {
    let (mut heard, mut said, mut all) = (Vec::new(), 0, Vec::new());
    for piece in std::iter::once(&[][..]).chain(pieces(data, cut)) {
        heard.extend_from_slice(piece);
        while let Some(words) = (dialogue.stand_in)(&heard, said) {
            said += 1;
            assert!(words.len() <= 160 && said <= 4, "it goes on and on");
            all.extend(words);
        }
    }
    // However it came, the words are the same.
    let (mut said, mut again) = (0, Vec::new());
    while let Some(words) = (dialogue.stand_in)(&[], said) {
        said += 1;
        again.extend(words);
    }
    while let Some(words) = (dialogue.stand_in)(&heard, said) {
        said += 1;
        again.extend(words);
    }
    assert_eq!(all, again);
}

/// Both ends together, with the words of each in pieces.
fn together(dialogue: &Dialogue, cut: u8) {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let (mut said_here, mut said_there) = (0, 0);
    for _ in 0..16 {
        while let Some(words) = (dialogue.stand_in)(&to_server, said_there) {
            said_there += 1;
            for piece in pieces(&words, cut) {
                to_client.extend_from_slice(piece);
                match speak(dialogue, &to_client, &mut said_here) {
                    (_, Next::Known(answer) | Next::IfQuiet(answer)) => {
                        assert!(answer.stand_in, "a stand-in is taken for a service: {answer:?}");
                        return;
                    }
                    (words, Next::More) => to_server.extend(words),
                    (_, next) => panic!("{}: {next:?} of {to_client:?}", dialogue.name),
                }
            }
        }
        let (words, next) = speak(dialogue, &to_client, &mut said_here);
        to_server.extend(words);
        assert_eq!(next, Next::More);
    }
    panic!("{}: the two ends find no end", dialogue.name);
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let (dialogue, how, cut) = (dialogue(choices.octet()), choices.octet(), choices.octet());
    match how % 8 {
        0 => together(&dialogue, cut),
        1 | 2 => stand_in(&dialogue, choices.0, cut),
        _ => connector(&dialogue, choices.0, cut),
    }
});
