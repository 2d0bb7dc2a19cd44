//! Refusals of a KDC.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::protocol::kerberos::codec::{DIALOGUE, refusal_in};

fuzz_target!(|data: &[u8]| {
    let whole = refusal_in(data);
    if let Ok(Some(refusal)) = &whole {
        assert!(i32::try_from(refusal.code).is_ok(), "an integer of four octets");
        assert!(!refusal.stand_in || (refusal.clock.is_none() && refusal.realm.is_none()));
        // Three characters stand for one octet that is none.
        assert!(refusal.realm.as_ref().is_none_or(|realm| realm.len() <= 3 * data.len()));
        let _ = refusal.name();
    }
    let step = data.len() / 32 + 1;
    for end in (0..data.len()).step_by(step) {
        let begun = refusal_in(&data[..end]);
        assert!(begun == Ok(None) || begun == whole, "{end}: {begun:?}, and {whole:?}");
    }
    if let Some(words) = (DIALOGUE.stand_in)(data, 0) {
        assert!(words.len() <= data.len(), "more than came");
        assert_eq!((DIALOGUE.stand_in)(data, 1), None);
    }
});
