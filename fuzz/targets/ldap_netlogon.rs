//! What a domain controller says of itself, and times of directories.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::ldap::codec::{netlogon, time};

fuzz_target!(|data: &[u8]| {
    if let Some(told) = netlogon::parse(data) {
        let names = [
            &told.forest,
            &told.domain,
            &told.host,
            &told.netbios_domain,
            &told.netbios_host,
            &told.site,
            &told.client_site,
        ];
        for name in names {
            // 255 characters, and no name of eight can be longer than all jumps into the octets.
            assert!(name.len() <= 255, "{name}");
            assert!(!name.chars().any(char::is_control), "{name:?}");
        }
        // What is behind the last name is nobody's business.
        assert_eq!(netlogon::parse(&[data, b"\xff\xc0"].concat()), Some(told));
    }
    if let Some(told) = std::str::from_utf8(data).ok().and_then(time::parse) {
        // Years before 0 have no form; all others are read again.
        let text = time::format(told);
        let again = time::parse(&text);
        assert!(again == Some(told) || text.len() != 17, "{text}");
    }
});
