//! What a sweep says on each port, and what the answers mean: a bind to one interface, with the
//! challenge as a second context.

use crate::net::sweep::Speaker;
use crate::protocol::rpc::codec::{Bind, Body, Context, MAX_FRAG, Pdu, SYNTAX_LEN, Syntax};
use crate::wire::challenge::{Aim, CHALLENGE_LEN, Challenge, SiteKey};
use crate::wire::stamp::stamp;
use std::collections::HashMap;

/// A stamp of the right host and port came back.
pub(super) const STAMPED: u8 = 1;
/// Something else answered.
pub(super) const OTHERWISE: u8 = 0;

/// Stands for a challenge until the port is known.
const BLANK: [u8; CHALLENGE_LEN] = [0xa5; CHALLENGE_LEN];

/// Says a bind, and knows the stamp that answers it.
pub(super) struct Binder {
    proving: Option<Proving>,
    /// The bind, with a blank in the place of the challenge.
    bind: Vec<u8>,
    /// Where that is.
    blank: usize,
}

/// What a sweep proves with.
pub(super) struct Proving {
    pub(super) key: SiteKey,
    /// Of which each port has its own.
    pub(super) challenge: Challenge,
    /// Where it is sent to, as the site file names it.
    pub(super) aim: String,
    /// The name that stamps are made with.
    pub(super) stamps_as: String,
    /// How often each port was asked: every try has its own challenge.
    pub(super) tries: HashMap<u16, u16>,
}

impl Proving {
    /// The challenge of the last try at a port.
    fn octets(&self, port: u16) -> [u8; CHALLENGE_LEN] {
        let number = self.tries.get(&port).copied().unwrap_or_default();
        let challenge = self.challenge.at_port(port).at_try(number);
        challenge.encode(&self.key, Aim::new(&self.aim, port))
    }
}

impl Binder {
    /// With the site key, the challenge of this sweep and the host that must answer; without them
    /// nothing is proved.
    pub(super) fn new(interface: Syntax, proving: Option<Proving>) -> Self {
        let half = |at: usize| {
            let mut half = [0; SYNTAX_LEN];
            half.copy_from_slice(&BLANK[at..at + SYNTAX_LEN]);
            Syntax::from_octets(half)
        };
        let mut contexts = vec![Context { id: 0, interface, transfers: vec![Syntax::NDR32] }];
        if proving.is_some() {
            contexts.push(Context { id: 1, interface: half(0), transfers: vec![half(SYNTAX_LEN)] });
        }
        let bind = Bind { max_xmit: MAX_FRAG, max_recv: MAX_FRAG, assoc_group: 0, contexts };
        let bind = Pdu::new(1, Body::Bind(bind)).encode(MAX_FRAG);
        let blank = bind.windows(CHALLENGE_LEN).position(|w| w == BLANK).unwrap_or(bind.len());
        Binder { proving, bind, blank }
    }

    /// Whether it asks for proofs.
    pub(super) fn proves(&self) -> bool {
        self.proving.is_some()
    }

    /// The stamp that the answer must have.
    fn is_stamped(&self, port: u16, pdu: &Pdu) -> bool {
        let (Some(proving), Body::BindAck(ack)) = (&self.proving, &pdu.body) else {
            return false;
        };
        let wanted = stamp(&proving.key, &proving.octets(port), &proving.stamps_as, port);
        ack.results.get(1).is_some_and(|result| result.transfer.to_octets() == wanted)
    }
}

impl Speaker for Binder {
    fn say(&mut self, port: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bind);
        if let (Some(proving), Some(place)) =
            (&mut self.proving, out.get_mut(self.blank..self.blank + CHALLENGE_LEN))
        {
            *proving.tries.entry(port).or_default() += 1;
            place.copy_from_slice(&proving.octets(port));
        }
    }

    fn hear(&mut self, port: u16, octets: &[u8]) -> Option<u8> {
        // What is no PDU of 5.0 is an answer too, of somebody else.
        let length = match octets.get(..10) {
            _ if !octets.iter().zip([5, 0]).all(|(have, want)| *have == want) => {
                return Some(OTHERWISE);
            }
            Some(head) => usize::from(u16::from_le_bytes([head[8], head[9]])),
            None => return None,
        };
        if octets.len() < length && length <= usize::from(MAX_FRAG) {
            return None;
        }
        let stamped = octets
            .get(..length)
            .and_then(|o| Pdu::decode(o).ok())
            .is_some_and(|pdu| self.is_stamped(port, &pdu));
        Some(if stamped { STAMPED } else { OTHERWISE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rpc::codec::{BindAck, ContextResult};
    use crate::wire::challenge::Received;
    use jiff::Timestamp;

    #[test]
    fn only_the_stamp_of_the_very_port_is_taken() {
        let key = SiteKey::new(&[3; 32]);
        let challenge = Challenge::new([1; 12], "hop", Timestamp::UNIX_EPOCH);
        let proving = Proving {
            key: key.clone(),
            challenge,
            aim: "dc1".into(),
            stamps_as: "dc".into(),
            tries: HashMap::new(),
        };
        let mut binder = Binder::new(Syntax::EPM, Some(proving));
        let mut said = Vec::new();
        binder.say(50000, &mut said);
        let Body::Bind(bind) = Pdu::decode(&said).expect("a PDU").body else { panic!("no bind") };
        let octets =
            [bind.contexts[1].interface.to_octets(), bind.contexts[1].transfers[0].to_octets()]
                .concat();
        let received = Received::decode(&key, &octets).expect("made with the key");
        assert_eq!(received.challenge, challenge.at_port(50000).at_try(1));
        assert!(received.is_for(&key, Aim::new("dc1", 50000)));
        let octets: [u8; CHALLENGE_LEN] = octets.try_into().expect("as long");
        let answer = |port: u16| {
            let stamp = stamp(&key, &octets, "dc", port);
            let result = ContextResult {
                transfer: Syntax::from_octets(stamp),
                ..ContextResult::rejected(2)
            };
            let results = vec![ContextResult::accepted(Syntax::NDR32), result];
            let ack = BindAck {
                max_xmit: 5840,
                max_recv: 5840,
                assoc_group: 1,
                sec_addr: port.to_string(),
                results,
            };
            Pdu::new(1, Body::BindAck(ack)).encode(MAX_FRAG)
        };
        assert_eq!(binder.hear(50000, &answer(50000)), Some(STAMPED));
        assert_eq!(binder.hear(50000, &answer(50001)), Some(OTHERWISE), "another port of the host");
        assert_eq!(binder.hear(50000, &answer(50000)[..40]), None);
        for other in [&b"HTTP/1.1 400"[..], b"\x05\x01", b"\x05\x00\x0c\x03\x10\0\0\0\x08\0\0\0"] {
            assert_eq!(binder.hear(50000, other), Some(OTHERWISE), "{other:?}");
        }
        assert_eq!(binder.hear(50000, b"\x05\x00\x0c\x03\x10\0\0\0\x40"), None);
        binder.say(50000, &mut Vec::new());
        assert_eq!(binder.hear(50000, &answer(50000)), Some(OTHERWISE), "that of another try");
    }
}
