//! A directory under every input, with and without TLS to begin.

#![no_main]
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix::net::identity::Identity;
use portmatrix::protocol::ldap::codec;
use portmatrix::stand_in::ServerTls;
use portmatrix_fuzz::conversation::{stand_in, talk};
use std::sync::OnceLock;

fn tls() -> ServerTls {
    static TLS: OnceLock<ServerTls> = OnceLock::new();
    let make = || {
        let own = Identity::self_signed(&["dc1.contoso.com".into()]).expect("a certificate");
        let acceptor = own.acceptor(&[]).expect("an acceptor");
        ServerTls { acceptor, certificate_sha256: own.sha256().into(), own: true }
    };
    TLS.get_or_init(make).clone()
}

fuzz_target!(|data: &[u8]| {
    let with_tls = data.first().is_some_and(|octet| octet & 2 != 0);
    let mut here = stand_in(Protocol::Ldap);
    here.tls = with_tls.then(tls);
    let said = talk(data, here);
    said.check_bland(2048);
    // Without TLS whatever is said is whole messages, and one that ends it is the last.
    let mut rest = BytesMut::from(&said.heard[..]);
    while !with_tls && !rest.is_empty() {
        let frame = codec::peel(&mut rest, codec::MAX_MESSAGE).expect("LDAP").expect("a message");
        let outcome = frame.outcome();
        let ends =
            outcome.is_some_and(|o| o.name.as_deref() == Some(codec::NOTICE_OF_DISCONNECTION));
        assert!(frame.id != 0 || !ends || rest.is_empty(), "words after the last one");
    }
});
