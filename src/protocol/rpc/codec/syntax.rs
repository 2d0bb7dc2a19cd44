//! Interfaces and transfer syntaxes: a UUID with a version (C706 `p_syntax_id_t`).

use super::error::Error;
use super::wire::{Reader, Writer};
use crate::matrix::model::Interface;
use uuid::Uuid;

/// Octets of a [`Syntax`] on the wire.
pub const SYNTAX_LEN: usize = 20;

/// An interface (abstract syntax) or an encoding (transfer syntax).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// Which.
    pub uuid: Uuid,
    /// Major version: must be the same at both ends.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
}

impl Syntax {
    /// The 32-bit encoding, the only one that is offered: a server that has NDR64 too would prefer
    /// that one.
    pub const NDR32: Syntax = Syntax::new(0x8a88_5d04_1ceb_11c9_9fe8_0800_2b10_4860, 2, 0);
    /// The 64-bit encoding (MS-RPCE 2.2.5), always turned down.
    pub const NDR64: Syntax = Syntax::new(0x7171_0533_beba_4937_8319_b5db_ef9c_cc36, 1, 0);
    /// The endpoint mapper (C706 appendix O).
    pub const EPM: Syntax = Syntax::new(0xe1af_8308_5d1f_11c9_91a4_0800_2b14_a0fa, 3, 0);
    /// The management interface that every endpoint has (C706 appendix Q).
    pub const MGMT: Syntax = Syntax::new(0xafa8_bd80_7d8a_11c9_bef4_0800_2b10_2989, 1, 0);

    const fn new(uuid: u128, major: u16, minor: u16) -> Self {
        Syntax { uuid: Uuid::from_u128(uuid), major, minor }
    }

    /// That of an interface of a port table.
    pub fn of(interface: &Interface) -> Self {
        Syntax { uuid: interface.uuid, major: interface.version.0, minor: interface.version.1 }
    }

    /// Whether a server that has `self` serves a client that asks for `asked` (C706 chapter 6: same
    /// UUID, same major version).
    pub fn serves(&self, asked: &Syntax) -> bool {
        self.uuid == asked.uuid && self.major == asked.major
    }

    /// The feature bits, when this is no encoding but the bind-time feature negotiation (MS-RPCE
    /// 2.2.2.14).
    pub fn bind_time_features(&self) -> Option<u16> {
        let octets = self.uuid.to_bytes_le();
        let known =
            octets[..8] == [0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45] && self.major == 1;
        known.then(|| u16::from_le_bytes([octets[8], octets[9]]))
    }

    /// The octets on the wire, little-endian.
    pub fn to_octets(self) -> [u8; SYNTAX_LEN] {
        let mut out = [0; SYNTAX_LEN];
        out[..16].copy_from_slice(&self.uuid.to_bytes_le());
        out[16..18].copy_from_slice(&self.major.to_le_bytes());
        out[18..].copy_from_slice(&self.minor.to_le_bytes());
        out
    }

    /// Any 20 octets are a syntax: that is how a challenge rides in a bind.
    pub fn from_octets(octets: [u8; SYNTAX_LEN]) -> Self {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&octets[..16]);
        Syntax {
            uuid: Uuid::from_bytes_le(uuid),
            major: u16::from_le_bytes([octets[16], octets[17]]),
            minor: u16::from_le_bytes([octets[18], octets[19]]),
        }
    }

    /// Reads one of a bind: the version is a 32-bit number there, its low half the major version.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let uuid = reader.uuid()?;
        let version = reader.u32()?;
        Ok(Syntax { uuid, major: (version & 0xffff) as u16, minor: (version >> 16) as u16 })
    }

    /// Reads one of a structure with two 16-bit versions (C706 `rpc_if_id_t`).
    pub(super) fn read_interface_id(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Syntax { uuid: reader.uuid()?, major: reader.u16()?, minor: reader.u16()? })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.to_octets());
    }
}
