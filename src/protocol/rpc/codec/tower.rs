//! Protocol towers: how the endpoint mapper writes an address (C706 appendices I and L; MS-RPCE
//! 2.2.1.2).

use super::error::Error;
use super::syntax::Syntax;
use super::wire::{Order, Reader, Writer};
use std::net::Ipv4Addr;
use uuid::Uuid;

/// Longest tower, in octets.
pub(super) const MAX_TOWER: usize = 512;
/// Most floors of a tower.
const MAX_FLOORS: usize = 8;
/// Protocol identifier of a floor that names an interface or an encoding.
const UUID_FLOOR: u8 = 0x0d;
/// Connection-oriented RPC.
const RPC_CO: u8 = 0x0b;
/// TCP port.
const TCP: u8 = 0x07;
/// IPv4 address.
const IP: u8 = 0x09;

/// One floor: a protocol identifier with its data, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    /// Left-hand side: the protocol identifier first.
    pub left: Vec<u8>,
    /// Right-hand side.
    pub right: Vec<u8>,
}

/// Floors from the interface down to the host. A tower is little-endian whatever the PDU is, except
/// for port and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tower {
    /// The floors.
    pub floors: Vec<Floor>,
}

impl Tower {
    /// An interface in NDR32 over TCP. In a request port and address are 0.
    pub fn tcp(interface: Syntax, port: u16, address: Ipv4Addr) -> Self {
        let floor =
            |left: &[u8], right: &[u8]| Floor { left: left.to_vec(), right: right.to_vec() };
        let uuid_floor = |syntax: Syntax| {
            let octets = syntax.to_octets();
            floor(&[&[UUID_FLOOR], &octets[..18]].concat(), &octets[18..])
        };
        Tower {
            floors: vec![
                uuid_floor(interface),
                uuid_floor(Syntax::NDR32),
                floor(&[RPC_CO], &[0, 0]),
                floor(&[TCP], &port.to_be_bytes()),
                floor(&[IP], &address.octets()),
            ],
        }
    }

    /// The interface: floor 1.
    pub fn interface(&self) -> Option<Syntax> {
        uuid_of(self.floors.first()?)
    }

    /// The encoding: floor 2.
    pub fn transfer(&self) -> Option<Syntax> {
        uuid_of(self.floors.get(1)?)
    }

    /// The TCP port on floor 4; `None` for named pipes, HTTP and the rest.
    pub fn tcp_port(&self) -> Option<u16> {
        let floor = self.floors.get(3)?;
        (floor.left.first() == Some(&TCP)).then_some(())?;
        Some(u16::from_be_bytes(floor.right.as_slice().try_into().ok()?))
    }

    /// The IPv4 address on floor 5; Samba leaves it `0.0.0.0`, and there is no floor for IPv6.
    pub fn address(&self) -> Option<Ipv4Addr> {
        let floor = self.floors.get(4)?;
        (floor.left.first() == Some(&IP)).then_some(())?;
        Some(<[u8; 4]>::try_from(floor.right.as_slice()).ok()?.into())
    }

    /// Reads the octets of one tower.
    ///
    /// # Errors
    /// [`Error`] for more than 512 octets or 8 floors, and for floors that reach past the tower.
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        if octets.len() > MAX_TOWER {
            return Err(Error::TooMany("octets in a tower"));
        }
        let mut reader = Reader::new(octets, Order::Little);
        let count = usize::from(reader.u16()?);
        if count > MAX_FLOORS {
            return Err(Error::TooMany("floors"));
        }
        let mut floors = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(reader.u16()?);
            let left = reader.take(length)?.to_vec();
            let length = usize::from(reader.u16()?);
            let right = reader.take(length)?.to_vec();
            floors.push(Floor { left, right });
        }
        Ok(Tower { floors })
    }

    /// The octets of the tower.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.len16(self.floors.len());
        for floor in &self.floors {
            writer.len16(floor.left.len());
            writer.bytes(&floor.left);
            writer.len16(floor.right.len());
            writer.bytes(&floor.right);
        }
        writer.octets
    }

    /// Reads a `twr_t`: conformance count, length, octets, and the gap behind them.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let room = reader.count(MAX_TOWER, 1, "octets in a tower")?;
        let length = reader.count(MAX_TOWER, 1, "octets in a tower")?;
        if room != length {
            return Err(Error::Malformed("tower length"));
        }
        let tower = Tower::decode(reader.take(length)?)?;
        reader.align(4)?;
        Ok(tower)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let octets = self.encode();
        writer.len32(octets.len());
        writer.len32(octets.len());
        writer.bytes(&octets);
        writer.align(4);
    }
}

fn uuid_of(floor: &Floor) -> Option<Syntax> {
    let left: [u8; 19] = floor.left.as_slice().try_into().ok()?;
    (left[0] == UUID_FLOOR).then_some(())?;
    let uuid = Uuid::from_bytes_le(left[1..17].try_into().ok()?);
    let minor = floor.right.as_slice().try_into().map_or(0, u16::from_le_bytes);
    Some(Syntax { uuid, major: u16::from_le_bytes([left[17], left[18]]), minor })
}
