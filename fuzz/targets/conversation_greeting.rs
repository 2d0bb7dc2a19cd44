//! Ports of known services, Kerberos among them: a few words to whoever says anything.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix::protocol::greeting::list::Greeting;
use portmatrix_fuzz::conversation::{stand_in, talk};

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else { return };
    let greeting = Greeting::ALL.get(usize::from(which) % (Greeting::ALL.len() + 1)).copied();
    let mut here = stand_in(if greeting.is_some() { Protocol::Tcp } else { Protocol::Kerberos });
    here.greeting = greeting;
    let said = talk(data, here);
    if said.challenges > 0 {
        return said.check_bland(512);
    }
    // A stand-in says here that it is one, and not much else, whatever comes.
    assert!(said.heard.len() <= 512, "{} octets", said.heard.len());
    let kerberos = greeting.is_none();
    assert!(!kerberos || said.heard.len() <= said.sent.len(), "more than came");
});
