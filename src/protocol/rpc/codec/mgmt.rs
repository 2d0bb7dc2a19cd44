//! The management interface that every endpoint has (C706 appendix Q).

use super::error::Error;
use super::syntax::Syntax;
use super::wire::{Order, Reader, Writer};

/// Operation number of `inq_if_ids`, which has no arguments.
pub const INQ_IF_IDS: u16 = 0;
/// Operation number of `is_server_listening`, which has no arguments.
pub const IS_SERVER_LISTENING: u16 = 2;
/// Highest operation number of the interface.
pub const LAST_OPNUM: u16 = 4;

/// Most interfaces in an answer.
const MAX_INTERFACES: usize = 256;
/// Where Windows and Samba begin to number the pointers of this answer.
const FIRST_REFERENT: u32 = 0x0002_0000;

/// Reads the answer to `inq_if_ids`: the interfaces served at this endpoint, and the status.
///
/// # Errors
/// [`Error`] when it is not one, and for more than 256 interfaces.
pub fn decode_if_ids(stub: &[u8], order: Order) -> Result<(Vec<Syntax>, u32), Error> {
    let mut r = Reader::new(stub, order);
    if r.u32()? == 0 {
        return Ok((Vec::new(), r.u32()?));
    }
    let room = r.count(MAX_INTERFACES, 4, "interfaces")?;
    let count = r.count(MAX_INTERFACES, 4, "interfaces")?;
    if room != count {
        return Err(Error::Malformed("interfaces"));
    }
    let present = (0..count).map(|_| Ok(r.u32()? != 0)).collect::<Result<Vec<_>, Error>>()?;
    let ids = present
        .into_iter()
        .filter(|p| *p)
        .map(|_| Syntax::read_interface_id(&mut r))
        .collect::<Result<_, _>>()?;
    Ok((ids, r.u32()?))
}

/// The answer to `inq_if_ids`.
pub fn encode_if_ids(interfaces: &[Syntax]) -> Vec<u8> {
    let mut w = Writer::default();
    w.u32(FIRST_REFERENT);
    w.len32(interfaces.len());
    w.len32(interfaces.len());
    for (_, referent) in interfaces.iter().zip((FIRST_REFERENT + 4..).step_by(4)) {
        w.u32(referent);
    }
    for interface in interfaces {
        interface.write(&mut w);
    }
    w.u32(0);
    w.octets
}

/// Reads the answer to `is_server_listening`.
///
/// # Errors
/// [`Error::Truncated`].
pub fn decode_is_listening(stub: &[u8], order: Order) -> Result<bool, Error> {
    let mut r = Reader::new(stub, order);
    let status = r.u32()?;
    Ok(r.u32()? != 0 && status == 0)
}

/// The answer to `is_server_listening`: status 0, and yes.
pub fn encode_is_listening() -> Vec<u8> {
    vec![0, 0, 0, 0, 1, 0, 0, 0]
}
