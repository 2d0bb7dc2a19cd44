//! What the stand-in answers, one PDU after the other. No I/O: values in, octets out.

use super::registry::{Registration, Registry, UnknownHandle};
use crate::net::random;
use crate::protocol::rpc::codec::epm::{self, LookupRequest, MapRequest};
use crate::protocol::rpc::codec::{
    Bind, BindAck, BindNak, Body, Context, ContextResult, DID_NOT_EXECUTE, Error, Fault, MAX_FRAG,
    MIN_FRAG, Pdu, Request, Response, SYNTAX_LEN, Syntax, mgmt, status,
};
use crate::stand_in::{Caller, StandIn};
use crate::wire::challenge::{CHALLENGE_LEN, MAX_PADDING};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Presentation contexts of one connection.
const MAX_AGREED: usize = 32;
/// No interface that is stood in for has more operations than this.
const LAST_OPNUM: u16 = 255;
/// Bind-time features that need nothing done: security context multiplexing, and keeping the
/// connection after an orphan.
const FEATURES: u16 = 3;

/// What a presentation context leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Mapper,
    Management,
    Interface,
    /// The connector's challenge.
    Proof([u8; CHALLENGE_LEN]),
}

/// Octets to send, and whether the connection ends with them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) octets: Vec<u8>,
    pub(super) close: bool,
}

/// Why a call is not answered.
struct Denied {
    status: u32,
    executed: bool,
}

impl From<Error> for Denied {
    fn from(_: Error) -> Self {
        Denied { status: status::BAD_STUB_DATA, executed: true }
    }
}

impl From<UnknownHandle> for Denied {
    fn from(_: UnknownHandle) -> Self {
        Denied { status: status::CONTEXT_MISMATCH, executed: true }
    }
}

impl Denied {
    fn before(status: u32) -> Self {
        Denied { status, executed: false }
    }
}

/// One connection.
pub(super) struct Conversation<'a> {
    here: &'a StandIn,
    seen: &'a Caller,
    interfaces: Vec<Syntax>,
    registry: Registry,
    agreed: BTreeMap<u16, Served>,
    /// Largest fragment that the client can take; `None` before its bind.
    max_frag: Option<u16>,
    assoc_group: u32,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(here: &'a StandIn, seen: &'a Caller) -> Self {
        // The plan has checked every UUID; one that cannot be read would only be missing here.
        let registered: Vec<Registration> = here
            .interfaces
            .iter()
            .map(|(i, port)| Registration {
                interface: Syntax::of(i),
                name: i.name.clone(),
                port: *port,
            })
            .collect();
        let mut interfaces: Vec<Syntax> = if here.is_mapper {
            vec![Syntax::EPM]
        } else {
            registered.iter().map(|r| r.interface).collect()
        };
        interfaces.push(Syntax::MGMT);
        // There is no floor for IPv6; 0.0.0.0 is legal, and what Samba always says.
        let address = match seen.local.ip().to_canonical() {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        Conversation {
            here,
            seen,
            interfaces,
            registry: Registry::new(registered, address),
            agreed: BTreeMap::new(),
            max_frag: None,
            assoc_group: u32::from_le_bytes(random()).max(1),
        }
    }

    /// The answer to one PDU of the client.
    pub(super) fn answer(&mut self, pdu: &Pdu) -> Reply {
        let nak = |reason| {
            close(Pdu::new(pdu.call_id, Body::BindNak(BindNak::new(reason))).encode(MAX_FRAG))
        };
        match (&pdu.body, self.max_frag) {
            (Body::Bind(_), None) if pdu.minor != 0 => nak(BindNak::VERSION),
            (Body::Bind(_), None) if pdu.auth.is_some() => nak(BindNak::AUTH_TYPE),
            (Body::Bind(bind), None) if !bind.contexts.is_empty() => {
                self.max_frag = Some(bind.max_recv.clamp(MIN_FRAG, MAX_FRAG));
                let ack = self.acknowledge(bind, self.seen.local.port().to_string());
                self.send(pdu, Body::BindAck(ack))
            }
            (Body::Bind(_), _) => nak(BindNak::NOT_SPECIFIED),
            (Body::AlterContext(bind), Some(_)) => {
                let ack = self.acknowledge(bind, String::new());
                self.send(pdu, Body::AlterContextResp(ack))
            }
            (Body::Request(request), Some(_)) => self.respond(pdu, request),
            // Before a bind: what Samba says then.
            (Body::AlterContext(_) | Body::Request(_), None) => nak(BindNak::VERSION),
            // A cancelled or orphaned call was answered long ago.
            (Body::Other(18 | 19), Some(_)) => Reply { octets: Vec::new(), close: false },
            _ => close(Vec::new()),
        }
    }

    fn respond(&mut self, pdu: &Pdu, request: &Request) -> Reply {
        let served = self.agreed.get(&request.context).copied();
        let outcome = match served {
            _ if pdu.auth.is_some() => Err(Denied::before(status::ACCESS_DENIED)),
            None => Err(Denied::before(status::UNKNOWN_INTERFACE)),
            Some(served) => self.call(served, request, pdu),
        };
        match outcome {
            Ok(stub) => self.send(pdu, Body::Response(Response { context: request.context, stub })),
            Err(Denied { status, executed }) => {
                let context = served.map_or(0, |_| request.context);
                let mut fault = Pdu::new(pdu.call_id, Body::Fault(Fault { context, status }));
                fault.flags = if executed { 0 } else { DID_NOT_EXECUTE };
                Reply { octets: fault.encode(MAX_FRAG), close: false }
            }
        }
    }

    /// The results of one call.
    fn call(&mut self, served: Served, request: &Request, pdu: &Pdu) -> Result<Vec<u8>, Denied> {
        let last = match served {
            Served::Mapper => epm::LAST_OPNUM,
            Served::Management => mgmt::LAST_OPNUM,
            Served::Interface => LAST_OPNUM,
            Served::Proof(_) => 0,
        };
        if request.opnum > last {
            return Err(Denied::before(status::OPNUM_OUT_OF_RANGE));
        }
        match (served, request.opnum) {
            (Served::Mapper, epm::MAP) => {
                let asked = MapRequest::decode(&request.stub, pdu.order)?;
                Ok(self.registry.map(&asked).encode(asked.pointers() + 1))
            }
            (Served::Mapper, epm::LOOKUP) => {
                let asked = LookupRequest::decode(&request.stub, pdu.order)?;
                Ok(self.registry.lookup(&asked)?.encode(asked.pointers() + 1))
            }
            (Served::Mapper, epm::HANDLE_FREE) => {
                self.registry.free(&epm::decode_handle_free(&request.stub, pdu.order)?)?;
                Ok(epm::encode_handle_freed(0))
            }
            (Served::Management, mgmt::INQ_IF_IDS) => Ok(mgmt::encode_if_ids(&self.interfaces)),
            (Served::Management, mgmt::IS_SERVER_LISTENING) => Ok(mgmt::encode_is_listening()),
            (Served::Proof(challenge), _) => {
                let proof = self
                    .here
                    .prove(self.seen, &challenge, None)
                    .ok_or(Denied::before(status::ACCESS_DENIED))?;
                let length = u32::try_from(proof.len())
                    .map_err(|_| Denied::before(status::ACCESS_DENIED))?;
                // Padding in the request comes back behind the proof, never more of it than came.
                let padding =
                    request.stub.get(..request.stub.len().min(MAX_PADDING)).unwrap_or_default();
                Ok([&length.to_le_bytes(), proof.as_bytes(), padding].concat())
            }
            (Served::Interface | Served::Mapper | Served::Management, _) => {
                Err(Denied::before(status::ACCESS_DENIED))
            }
        }
    }

    fn acknowledge(&mut self, bind: &Bind, sec_addr: String) -> BindAck {
        BindAck {
            max_xmit: bind.max_recv.clamp(MIN_FRAG, MAX_FRAG),
            max_recv: bind.max_xmit.clamp(MIN_FRAG, MAX_FRAG),
            assoc_group: if bind.assoc_group == 0 { self.assoc_group } else { bind.assoc_group },
            sec_addr,
            results: bind.contexts.iter().map(|context| self.agree(context)).collect(),
        }
    }

    /// The answer to one presentation context. Without the site key a challenge is an interface
    /// that nobody has.
    fn agree(&mut self, context: &Context) -> ContextResult {
        if let [single] = context.transfers.as_slice()
            && let Some(asked) = single.bind_time_features()
        {
            return ContextResult::features(asked & FEATURES);
        }
        if let Some(stamped) =
            stamp(self.here, context, self.seen.local.port(), self.seen.peer.ip())
        {
            return stamped;
        }
        let Some(served) = self.served(context) else { return ContextResult::rejected(1) };
        if !context.transfers.contains(&Syntax::NDR32) {
            return ContextResult::rejected(2);
        }
        if self.agreed.len() >= MAX_AGREED && !self.agreed.contains_key(&context.id) {
            return ContextResult::rejected(3);
        }
        self.agreed.insert(context.id, served);
        ContextResult::accepted(Syntax::NDR32)
    }

    fn served(&self, context: &Context) -> Option<Served> {
        if self.interfaces.iter().any(|own| own.serves(&context.interface)) {
            return Some(match context.interface.uuid {
                uuid if uuid == Syntax::MGMT.uuid => Served::Management,
                uuid if uuid == Syntax::EPM.uuid => Served::Mapper,
                _ => Served::Interface,
            });
        }
        let [Syntax::NDR32, rest] = context.transfers.as_slice() else { return None };
        let mut challenge = [0; CHALLENGE_LEN];
        challenge[..SYNTAX_LEN].copy_from_slice(&context.interface.to_octets());
        challenge[SYNTAX_LEN..].copy_from_slice(&rest.to_octets());
        self.here.understands(self.seen, &challenge).then_some(Served::Proof(challenge))
    }

    fn send(&self, pdu: &Pdu, body: Body) -> Reply {
        Reply {
            octets: Pdu::new(pdu.call_id, body).encode(self.max_frag.unwrap_or(MIN_FRAG)),
            close: false,
        }
    }
}

/// The answer to a challenge that wants a stamp: its two halves are the interface and the only
/// encoding of a context. The stamp stands where a rejected context has no encoding. `None` for any
/// other context, and without the site key.
pub(crate) fn stamp(
    here: &StandIn,
    context: &Context,
    port: u16,
    peer: IpAddr,
) -> Option<ContextResult> {
    let [rest] = context.transfers.as_slice() else { return None };
    // Real encodings, which are what strangers bring.
    if [Syntax::NDR32, Syntax::NDR64].contains(rest) {
        return None;
    }
    let mut octets = [0; CHALLENGE_LEN];
    octets[..SYNTAX_LEN].copy_from_slice(&context.interface.to_octets());
    octets[SYNTAX_LEN..].copy_from_slice(&rest.to_octets());
    let stamp = here.stamp(&octets, port, peer)?;
    Some(ContextResult { transfer: Syntax::from_octets(stamp), ..ContextResult::rejected(2) })
}

/// What is sent before closing on octets that cannot be read: a refusal to another version of the
/// protocol, silence to all else.
pub(super) fn refuse(error: Error) -> Option<Vec<u8>> {
    match error {
        Error::Version { call_id, .. } => {
            Some(Pdu::new(call_id, Body::BindNak(BindNak::new(BindNak::VERSION))).encode(MAX_FRAG))
        }
        _ => None,
    }
}

fn close(octets: Vec<u8>) -> Reply {
    Reply { octets, close: true }
}
