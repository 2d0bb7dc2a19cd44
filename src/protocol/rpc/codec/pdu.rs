//! The common header and the PDUs (C706 12.6; MS-RPCE 2.2.2).

use super::bind::{Bind, BindAck, BindNak};
use super::error::Error;
use super::limits::{HEADER_LEN, MAX_FRAG};
use super::wire::{Order, Reader, Writer};
use uuid::Uuid;

/// First fragment of a call.
pub(super) const FIRST: u8 = 0x01;
/// Last fragment of a call.
pub(super) const LAST: u8 = 0x02;
/// In a fault: the call was not begun.
pub const DID_NOT_EXECUTE: u8 = 0x20;
/// A request carries an object UUID.
const OBJECT: u8 = 0x80;

/// The first 16 octets of every PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Minor version; the major one is 5.
    pub minor: u8,
    /// PDU type.
    pub kind: u8,
    /// `pfc_flags`.
    pub flags: u8,
    /// Byte order of this PDU.
    pub order: Order,
    /// Octets of the whole PDU.
    pub frag_length: u16,
    /// Octets of the authentication token, without its 8-octet trailer.
    pub auth_length: u16,
    /// Which call.
    pub call_id: u32,
}

impl Header {
    /// Reads the header at the start of `octets`; `None` while it is not complete.
    ///
    /// # Errors
    /// [`Error::NotRpc`] from the first octet on; [`Error::Version`], [`Error::FragLength`] or
    /// [`Error::Malformed`] once all are there.
    pub fn decode(octets: &[u8]) -> Result<Option<Header>, Error> {
        match octets.first() {
            None => return Ok(None),
            Some(4 | 5) => {}
            Some(&other) => return Err(Error::NotRpc(other)),
        }
        let Some(octets) = octets.get(..HEADER_LEN) else { return Ok(None) };
        let order = match octets[4] >> 4 {
            0 => Order::Big,
            1 => Order::Little,
            _ => return Err(Error::Malformed("data representation")),
        };
        let mut reader = Reader::new(octets, order);
        let (major, minor, kind, flags) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
        reader.take(4)?;
        let (frag_length, auth_length, call_id) = (reader.u16()?, reader.u16()?, reader.u32()?);
        if major != 5 {
            return Err(Error::Version { major, minor, call_id });
        }
        if usize::from(frag_length) < HEADER_LEN || frag_length > MAX_FRAG {
            return Err(Error::FragLength(frag_length));
        }
        Ok(Some(Header { minor, kind, flags, order, frag_length, auth_length, call_id }))
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Presentation context.
    pub context: u16,
    /// Operation number.
    pub opnum: u16,
    /// Object, where the call names one.
    pub object: Option<Uuid>,
    /// Arguments.
    pub stub: Vec<u8>,
}

/// An answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Presentation context.
    pub context: u16,
    /// Results.
    pub stub: Vec<u8>,
}

/// A call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Presentation context.
    pub context: u16,
    /// See [`super::status`].
    pub status: u32,
}

/// What a PDU says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Type 0.
    Request(Request),
    /// Type 2.
    Response(Response),
    /// Type 3.
    Fault(Fault),
    /// Type 11.
    Bind(Bind),
    /// Type 12.
    BindAck(BindAck),
    /// Type 13.
    BindNak(BindNak),
    /// Type 14.
    AlterContext(Bind),
    /// Type 15.
    AlterContextResp(BindAck),
    /// Types 16 to 19 (auth3, shutdown, cancel, orphaned), whose bodies are not needed here.
    Other(u8),
}

/// One PDU, or after `Assembler` one whole call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// Which call.
    pub call_id: u32,
    /// Minor version of the protocol.
    pub minor: u8,
    /// `pfc_flags`; when written, those that follow from the body are added.
    pub flags: u8,
    /// Byte order of the body's stub.
    pub order: Order,
    /// Authentication type, when a verifier was there. It is skipped, never looked into.
    pub auth: Option<u8>,
    /// The rest.
    pub body: Body,
}

impl Pdu {
    /// A PDU to send.
    pub fn new(call_id: u32, body: Body) -> Self {
        Pdu { call_id, minor: 0, flags: 0, order: Order::Little, auth: None, body }
    }

    /// Reads one whole PDU: exactly `frag_length` octets.
    ///
    /// # Errors
    /// [`Error`] for anything that is not one well-formed PDU.
    pub fn decode(octets: &[u8]) -> Result<Pdu, Error> {
        let header = Header::decode(octets)?.ok_or(Error::Truncated)?;
        if octets.len() != usize::from(header.frag_length) {
            return Err(Error::Truncated);
        }
        let (body, auth) = without_verifier(octets, &header)?;
        let mut reader = Reader::new(body, header.order);
        let body = match header.kind {
            0 => Body::Request(read_request(&mut reader, header.flags)?),
            2 => Body::Response(read_response(&mut reader)?),
            3 => {
                let context = read_call_head(&mut reader)?;
                reader.take(2)?;
                Body::Fault(Fault { context, status: reader.u32()? })
            }
            11 => Body::Bind(Bind::read(&mut reader)?),
            12 => Body::BindAck(BindAck::read(&mut reader)?),
            13 => Body::BindNak(BindNak::read(&mut reader)?),
            14 => Body::AlterContext(Bind::read(&mut reader)?),
            15 => Body::AlterContextResp(BindAck::read(&mut reader)?),
            16..=19 => Body::Other(header.kind),
            other => return Err(Error::UnknownType(other)),
        };
        Ok(Pdu {
            call_id: header.call_id,
            minor: header.minor,
            flags: header.flags,
            order: header.order,
            auth,
            body,
        })
    }

    /// The octets on the wire, little-endian and without a verifier; requests and responses in as
    /// many fragments of at most `max_frag` octets as they need.
    pub fn encode(&self, max_frag: u16) -> Vec<u8> {
        match &self.body {
            Body::Request(r) => {
                let object = if r.object.is_some() { OBJECT } else { 0 };
                self.in_fragments(max_frag, 0, object, &r.stub, |w| {
                    w.u16(r.context);
                    w.u16(r.opnum);
                    if let Some(object) = r.object {
                        w.uuid(object);
                    }
                })
            }
            Body::Response(r) => self.in_fragments(max_frag, 2, 0, &r.stub, |w| {
                w.u16(r.context);
                w.u16(0);
            }),
            Body::Fault(f) => self.whole(3, |w| {
                // The hint is the size of what follows the header and the hint itself, rounded:
                // what Samba says.
                w.u32(24);
                w.u16(f.context);
                w.u16(0);
                w.u32(f.status);
                w.u32(0);
            }),
            Body::Bind(b) => self.whole(11, |w| b.write(w)),
            Body::BindAck(b) => self.whole(12, |w| b.write(w)),
            Body::BindNak(b) => self.whole(13, |w| b.write(w)),
            Body::AlterContext(b) => self.whole(14, |w| b.write(w)),
            Body::AlterContextResp(b) => self.whole(15, |w| b.write(w)),
            Body::Other(kind) => self.whole(*kind, |_| {}),
        }
    }

    fn whole(&self, kind: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        self.begin(&mut writer, kind, self.flags | FIRST | LAST);
        write(&mut writer);
        end(&mut writer, 0);
        writer.octets
    }

    fn in_fragments(
        &self,
        max_frag: u16,
        kind: u8,
        extra: u8,
        stub: &[u8],
        head: impl Fn(&mut Writer),
    ) -> Vec<u8> {
        let fixed = if extra & OBJECT == 0 { 24 } else { 40 };
        // A multiple of 16, as others keep it for the sake of verifiers.
        let room = (usize::from(max_frag).saturating_sub(fixed) & !15).max(16);
        let mut writer = Writer::default();
        let mut rest = stub;
        let mut first = FIRST;
        loop {
            let (now, later) = rest.split_at(rest.len().min(room));
            let start = writer.octets.len();
            let last = if later.is_empty() { LAST } else { 0 };
            self.begin(&mut writer, kind, (self.flags & !(FIRST | LAST)) | extra | first | last);
            // The hint is what is still to come, this fragment included.
            writer.len32(rest.len());
            head(&mut writer);
            writer.bytes(now);
            end(&mut writer, start);
            if later.is_empty() {
                return writer.octets;
            }
            (rest, first) = (later, 0);
        }
    }

    fn begin(&self, writer: &mut Writer, kind: u8, flags: u8) {
        writer.bytes(&[5, self.minor, kind, flags, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        writer.u32(self.call_id);
    }
}

/// Fills in the length of the PDU that began at `start`.
fn end(writer: &mut Writer, start: usize) {
    let length = u16::try_from(writer.octets.len() - start).unwrap_or(u16::MAX);
    writer.octets[start + 8..start + 10].copy_from_slice(&length.to_le_bytes());
}

/// The body without header, padding and verifier, and the verifier's type (C706 13.2.6.1,
/// `sec_trailer`).
fn without_verifier<'a>(
    octets: &'a [u8],
    header: &Header,
) -> Result<(&'a [u8], Option<u8>), Error> {
    let body = &octets[HEADER_LEN..];
    if header.auth_length == 0 {
        return Ok((body, None));
    }
    let misfit = Error::AuthLength(header.auth_length);
    let trailer_at = body.len().checked_sub(8 + usize::from(header.auth_length)).ok_or(misfit)?;
    let trailer = body.get(trailer_at..trailer_at + 8).ok_or(misfit)?;
    let end = trailer_at.checked_sub(usize::from(trailer[2])).ok_or(misfit)?;
    Ok((&body[..end], Some(trailer[0])))
}

/// Allocation hint, which is never believed, and context id.
fn read_call_head(reader: &mut Reader<'_>) -> Result<u16, Error> {
    reader.u32()?;
    reader.u16()
}

fn read_request(reader: &mut Reader<'_>, flags: u8) -> Result<Request, Error> {
    let context = read_call_head(reader)?;
    let opnum = reader.u16()?;
    let object = if flags & OBJECT == 0 { None } else { Some(reader.uuid()?) };
    Ok(Request { context, opnum, object, stub: reader.rest().to_vec() })
}

fn read_response(reader: &mut Reader<'_>) -> Result<Response, Error> {
    let context = read_call_head(reader)?;
    reader.take(2)?;
    Ok(Response { context, stub: reader.rest().to_vec() })
}
