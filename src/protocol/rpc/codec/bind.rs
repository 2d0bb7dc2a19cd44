//! bind, alter_context and their answers (C706 12.6.4.3 to 12.6.4.6).

use super::error::Error;
use super::syntax::Syntax;
use super::wire::{Reader, Writer};
use uuid::Uuid;

/// Most presentation contexts of one bind.
const MAX_CONTEXTS: usize = 16;
/// Most transfer syntaxes of one context.
const MAX_TRANSFERS: usize = 8;
/// Longest secondary address, in octets with its NUL.
const MAX_SEC_ADDR: usize = 256;

/// One interface that is asked for, with the encodings that the client can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Number by which requests name it.
    pub id: u16,
    /// The interface.
    pub interface: Syntax,
    /// Encodings offered.
    pub transfers: Vec<Syntax>,
}

/// bind or alter_context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Largest fragment that the client will send, in octets.
    pub max_xmit: u16,
    /// Largest fragment that the client can take, in octets.
    pub max_recv: u16,
    /// Association group; 0 asks for a new one.
    pub assoc_group: u32,
    /// What is asked for.
    pub contexts: Vec<Context>,
}

impl Bind {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (max_xmit, max_recv, assoc_group) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let count = usize::from(reader.u8()?);
        if count > MAX_CONTEXTS {
            return Err(Error::TooMany("presentation contexts"));
        }
        reader.take(3)?;
        let mut contexts = Vec::with_capacity(count);
        for _ in 0..count {
            let id = reader.u16()?;
            let transfers = usize::from(reader.u8()?);
            if transfers > MAX_TRANSFERS {
                return Err(Error::TooMany("transfer syntaxes"));
            }
            reader.take(1)?;
            let interface = Syntax::read(reader)?;
            let transfers =
                (0..transfers).map(|_| Syntax::read(reader)).collect::<Result<_, _>>()?;
            contexts.push(Context { id, interface, transfers });
        }
        Ok(Bind { max_xmit, max_recv, assoc_group, contexts })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u16(self.max_xmit);
        writer.u16(self.max_recv);
        writer.u32(self.assoc_group);
        writer.len8(self.contexts.len());
        writer.bytes(&[0; 3]);
        for context in &self.contexts {
            writer.u16(context.id);
            writer.len8(context.transfers.len());
            writer.u8(0);
            context.interface.write(writer);
            for transfer in &context.transfers {
                transfer.write(writer);
            }
        }
    }
}

/// The answer to one context. Answers come in the order of the contexts and carry no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextResult {
    /// 0 accepted, 1 rejected by the user, 2 rejected by the provider, 3 feature negotiation
    /// (MS-RPCE 2.2.2.4).
    pub result: u16,
    /// For 2: 1 unknown interface, 2 no common encoding, 3 local limit. For 3: the features agreed
    /// on.
    pub reason: u16,
    /// The encoding chosen; all zero unless accepted.
    pub transfer: Syntax,
}

impl ContextResult {
    /// Accepted, with this encoding.
    pub fn accepted(transfer: Syntax) -> Self {
        ContextResult { result: 0, reason: 0, transfer }
    }

    /// Rejected by the provider.
    pub fn rejected(reason: u16) -> Self {
        ContextResult {
            result: 2,
            reason,
            transfer: Syntax { uuid: Uuid::nil(), major: 0, minor: 0 },
        }
    }

    /// These bind-time features and no others.
    pub fn features(mask: u16) -> Self {
        ContextResult { result: 3, reason: mask, ..Self::rejected(0) }
    }

    /// Whether calls may be made, in NDR32.
    pub fn is_accepted(&self) -> bool {
        self.result == 0 && Syntax::NDR32.serves(&self.transfer)
    }

    /// In words, for a report.
    pub fn words(&self) -> &'static str {
        match (self.result, self.reason) {
            (0, _) if self.is_accepted() => "accepted",
            (0, _) => "accepted with an encoding that was not offered",
            (1, _) => "rejected by the service",
            (2, 1) => "the server does not have this interface here",
            (2, 2) => "no common encoding",
            (2, 3) => "a limit of the server was reached",
            (2, _) => "rejected by the server",
            (3, _) => "feature negotiation",
            _ => "an unknown result",
        }
    }
}

/// bind_ack or alter_context_resp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAck {
    /// Largest fragment that the server will send, in octets.
    pub max_xmit: u16,
    /// Largest fragment that the server can take, in octets.
    pub max_recv: u16,
    /// Association group.
    pub assoc_group: u32,
    /// Secondary address: the server's port as text. Empty in an alter_context_resp. Control
    /// characters are replaced by `?`.
    pub sec_addr: String,
    /// One for each context, in order.
    pub results: Vec<ContextResult>,
}

impl BindAck {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (max_xmit, max_recv, assoc_group) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let length = usize::from(reader.u16()?);
        if length > MAX_SEC_ADDR {
            return Err(Error::TooMany("octets of secondary address"));
        }
        let sec_addr = super::epm::printable(reader.take(length)?);
        // The body begins at 16 octets of the PDU, so alignment from here is alignment from the
        // PDU's start.
        reader.align(4)?;
        let count = usize::from(reader.u8()?);
        if count > MAX_CONTEXTS {
            return Err(Error::TooMany("results"));
        }
        reader.take(3)?;
        let results = (0..count)
            .map(|_| {
                Ok(ContextResult {
                    result: reader.u16()?,
                    reason: reader.u16()?,
                    transfer: Syntax::read(reader)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(BindAck { max_xmit, max_recv, assoc_group, sec_addr, results })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u16(self.max_xmit);
        writer.u16(self.max_recv);
        writer.u32(self.assoc_group);
        if self.sec_addr.is_empty() {
            writer.u16(0);
        } else {
            writer.len16(self.sec_addr.len() + 1);
            writer.bytes(self.sec_addr.as_bytes());
            writer.u8(0);
        }
        writer.align(4);
        writer.len8(self.results.len());
        writer.bytes(&[0; 3]);
        for result in &self.results {
            writer.u16(result.result);
            writer.u16(result.reason);
            result.transfer.write(writer);
        }
    }
}

/// bind_nak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindNak {
    /// Why.
    pub reason: u16,
    /// Protocol versions that the server speaks, major and minor; may be empty.
    pub versions: Vec<(u8, u8)>,
}

impl BindNak {
    /// No reason given.
    pub const NOT_SPECIFIED: u16 = 0;
    /// Temporary congestion.
    pub const CONGESTION: u16 = 1;
    /// A limit of the server was exceeded.
    pub const LIMIT: u16 = 2;
    /// The protocol version is not supported.
    pub const VERSION: u16 = 4;
    /// The authentication type is not known.
    pub const AUTH_TYPE: u16 = 8;

    /// A refusal by a server that speaks 5.0.
    pub fn new(reason: u16) -> Self {
        BindNak { reason, versions: vec![(5, 0)] }
    }

    /// In words, for a report.
    pub fn words(&self) -> &'static str {
        match self.reason {
            0 => "no reason given",
            1 => "temporary congestion",
            2 => "a limit of the server was exceeded",
            4 => "the protocol version is not supported",
            8 => "the authentication type is not recognised",
            9 => "the checksum is invalid",
            _ => "an unknown reason",
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let reason = reader.u16()?;
        // Some servers end here.
        let count = if reader.left() == 0 { 0 } else { usize::from(reader.u8()?) };
        if count > MAX_CONTEXTS {
            return Err(Error::TooMany("protocol versions"));
        }
        let versions =
            (0..count).map(|_| Ok((reader.u8()?, reader.u8()?))).collect::<Result<_, Error>>()?;
        Ok(BindNak { reason, versions })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u16(self.reason);
        writer.len8(self.versions.len());
        for (major, minor) in &self.versions {
            writer.bytes(&[*major, *minor]);
        }
        writer.align(4);
    }
}
