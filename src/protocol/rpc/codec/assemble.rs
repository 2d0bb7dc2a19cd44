//! From a byte stream to whole calls: framing and reassembly under limits (C706 12.6.2).

use super::error::Error;
use super::limits::{MAX_FRAGMENTS, MAX_STUB};
use super::pdu::{Body, FIRST, Header, LAST, Pdu};

/// Takes octets as they come and gives back PDUs, requests and responses put together from their
/// fragments.
///
/// After an error the stream is of no use any more: nobody can tell where the next PDU begins.
#[derive(Debug, Default)]
pub struct Assembler {
    buffer: Vec<u8>,
    partial: Option<(Pdu, usize)>,
}

impl Assembler {
    /// Adds octets from the stream. Call [`Assembler::next_pdu`] until it gives nothing before
    /// adding more, so that the buffer stays small.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Whether something is there that is not a whole call yet.
    pub fn is_mid_call(&self) -> bool {
        !self.buffer.is_empty() || self.partial.is_some()
    }

    /// The next whole call; `None` when more octets are needed.
    ///
    /// # Errors
    /// [`Error`] for anything that is not DCE/RPC, and for more than [`MAX_FRAGMENTS`] or
    /// [`MAX_STUB`].
    pub fn next_pdu(&mut self) -> Result<Option<Pdu>, Error> {
        loop {
            let Some(header) = Header::decode(&self.buffer)? else { return Ok(None) };
            let Some(octets) = self.buffer.get(..usize::from(header.frag_length)) else {
                return Ok(None);
            };
            let pdu = Pdu::decode(octets)?;
            self.buffer.drain(..usize::from(header.frag_length));
            if let Some(whole) = self.join(pdu)? {
                return Ok(Some(whole));
            }
        }
    }

    fn join(&mut self, pdu: Pdu) -> Result<Option<Pdu>, Error> {
        let (first, last) = (pdu.flags & FIRST != 0, pdu.flags & LAST != 0);
        if !matches!(pdu.body, Body::Request(_) | Body::Response(_)) {
            // A fault may come in the place of the rest of a response.
            self.partial = None;
            return if first && last {
                Ok(Some(pdu))
            } else {
                Err(Error::Malformed("fragment flags"))
            };
        }
        let whole = match (self.partial.take(), first) {
            (None, true) => (pdu, 1),
            (Some((mut begun, fragments)), false) => {
                begun.append(pdu)?;
                (begun, fragments + 1)
            }
            _ => return Err(Error::Malformed("fragment flags")),
        };
        if whole.1 > MAX_FRAGMENTS {
            return Err(Error::TooMany("fragments"));
        }
        if last {
            return Ok(Some(whole.0));
        }
        self.partial = Some(whole);
        Ok(None)
    }
}

impl Pdu {
    /// Adds the next fragment of the same call.
    fn append(&mut self, next: Pdu) -> Result<(), Error> {
        if next.call_id != self.call_id || next.order != self.order {
            return Err(Error::Malformed("fragment order"));
        }
        self.flags |= next.flags;
        let (stub, more) = match (&mut self.body, next.body) {
            (Body::Request(begun), Body::Request(next))
                if begun.context == next.context && begun.opnum == next.opnum =>
            {
                (&mut begun.stub, next.stub)
            }
            (Body::Response(begun), Body::Response(next)) if begun.context == next.context => {
                (&mut begun.stub, next.stub)
            }
            _ => return Err(Error::Malformed("fragment order")),
        };
        if stub.len() + more.len() > MAX_STUB {
            return Err(Error::TooMany("octets in one call"));
        }
        stub.extend_from_slice(&more);
        Ok(())
    }
}
