//! The client's side of one connection: numbers its calls and takes no answer to another one.

use super::assemble::Assembler;
use super::bind::{Bind, Context};
use super::error::Error;
use super::limits::MAX_FRAG;
use super::pdu::{Body, Pdu, Request};

/// One connection of a client, without the connection.
#[derive(Debug)]
pub struct Client {
    assembler: Assembler,
    call_id: u32,
    max_frag: u16,
}

impl Default for Client {
    fn default() -> Self {
        Client { assembler: Assembler::default(), call_id: 0, max_frag: MAX_FRAG }
    }
}

impl Client {
    /// A bind for these contexts, as octets to send.
    pub fn bind(&mut self, contexts: Vec<Context>) -> Vec<u8> {
        let bind = Bind { max_xmit: MAX_FRAG, max_recv: MAX_FRAG, assoc_group: 0, contexts };
        self.next(Body::Bind(bind))
    }

    /// A call, as octets to send.
    pub fn request(&mut self, context: u16, opnum: u16, stub: Vec<u8>) -> Vec<u8> {
        self.next(Body::Request(Request { context, opnum, object: None, stub }))
    }

    /// Adds octets that came.
    pub fn push(&mut self, octets: &[u8]) {
        self.assembler.push(octets);
    }

    /// Whether an answer has begun and is not complete.
    pub fn is_mid_answer(&self) -> bool {
        self.assembler.is_mid_call()
    }

    /// The answer to the last call; `None` when more octets are needed.
    ///
    /// # Errors
    /// [`Error`] for anything else than such an answer.
    pub fn answer(&mut self) -> Result<Option<Pdu>, Error> {
        let Some(pdu) = self.assembler.next_pdu()? else { return Ok(None) };
        if pdu.call_id != self.call_id {
            return Err(Error::CallId(pdu.call_id));
        }
        if let Body::BindAck(ack) = &pdu.body {
            // What the server can take; a value below any sense is not obeyed.
            self.max_frag = ack.max_recv.clamp(1432, MAX_FRAG);
        }
        Ok(Some(pdu))
    }

    fn next(&mut self, body: Body) -> Vec<u8> {
        self.call_id = self.call_id.wrapping_add(1);
        Pdu::new(self.call_id, body).encode(self.max_frag)
    }
}
