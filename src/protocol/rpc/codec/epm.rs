//! The endpoint mapper's calls (C706 appendix O; MS-RPCE 2.2.1.2): `ept_lookup`, `ept_map`,
//! `ept_lookup_handle_free`.

use super::error::Error;
use super::syntax::Syntax;
use super::tower::Tower;
use super::wire::{Order, Reader, Writer};
use uuid::Uuid;

/// Operation number of `ept_lookup`.
pub const LOOKUP: u16 = 2;
/// Operation number of `ept_map`.
pub const MAP: u16 = 3;
/// Operation number of `ept_lookup_handle_free`.
pub const HANDLE_FREE: u16 = 4;
/// Highest operation number of the interface.
pub const LAST_OPNUM: u16 = 7;

/// Most towers in an answer to `ept_map`.
const MAX_TOWERS: usize = 64;
/// Most entries in an answer to `ept_lookup`.
const MAX_ENTRIES: usize = 4096;
/// Longest annotation, in octets with its NUL.
const MAX_ANNOTATION: usize = 64;

/// A context handle: attributes (4) and UUID (16). All zero is none.
pub type Handle = [u8; 20];
/// No handle.
pub const NO_HANDLE: Handle = [0; 20];

/// `ept_map`: where is this interface?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRequest {
    /// Object; some clients send a nil UUID behind a pointer, others a null pointer.
    pub object: Option<Uuid>,
    /// What is looked for.
    pub tower: Option<Tower>,
    /// Handle of an earlier answer that was not complete.
    pub handle: Handle,
    /// Most towers that the client can take.
    pub max_towers: u32,
}

impl MapRequest {
    /// Asks for one interface over TCP.
    pub fn tcp(interface: Syntax) -> Self {
        let tower = Tower::tcp(interface, 0, std::net::Ipv4Addr::UNSPECIFIED);
        MapRequest {
            object: Some(Uuid::nil()),
            tower: Some(tower),
            handle: NO_HANDLE,
            max_towers: 4,
        }
    }

    /// Reads the stub.
    ///
    /// # Errors
    /// [`Error`] when it is not one.
    pub fn decode(stub: &[u8], order: Order) -> Result<Self, Error> {
        let mut r = Reader::new(stub, order);
        let object = if r.u32()? == 0 { None } else { Some(r.uuid()?) };
        let tower = if r.u32()? == 0 { None } else { Some(Tower::read(&mut r)?) };
        Ok(MapRequest { object, tower, handle: r.array()?, max_towers: r.u32()? })
    }

    /// The stub.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let mut referent = Referents::from(1);
        match self.object {
            None => w.u32(0),
            Some(object) => {
                w.u32(referent.next());
                w.uuid(object);
            }
        }
        match &self.tower {
            None => w.u32(0),
            Some(tower) => {
                w.u32(referent.next());
                tower.write(&mut w);
            }
        }
        w.bytes(&self.handle);
        w.u32(self.max_towers);
        w.octets
    }

    /// Pointers in the request. Others number the pointers of the answer from there on.
    pub fn pointers(&self) -> u32 {
        u32::from(self.object.is_some()) + u32::from(self.tower.is_some())
    }
}

/// Answer to `ept_map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapResponse {
    /// Handle to ask for more.
    pub handle: Handle,
    /// Repeats `max_towers` of the request.
    pub max_count: u32,
    /// Where the interface is; several are possible.
    pub towers: Vec<Tower>,
    /// 0, or [`super::status::NOT_REGISTERED`].
    pub status: u32,
}

impl MapResponse {
    /// Reads the stub.
    ///
    /// # Errors
    /// [`Error`] when it is not one, and for more than 64 towers.
    pub fn decode(stub: &[u8], order: Order) -> Result<Self, Error> {
        let mut r = Reader::new(stub, order);
        let handle = r.array()?;
        let told = r.u32()?;
        let (max_count, count) = read_varying(&mut r, told, MAX_TOWERS, 4, "towers")?;
        let present = (0..count).map(|_| Ok(r.u32()? != 0)).collect::<Result<Vec<_>, Error>>()?;
        let towers = present
            .into_iter()
            .filter(|p| *p)
            .map(|_| Tower::read(&mut r))
            .collect::<Result<_, _>>()?;
        Ok(MapResponse { handle, max_count, towers, status: r.u32()? })
    }

    /// The stub, its pointers numbered from `first_referent` (not 0).
    pub fn encode(&self, first_referent: u32) -> Vec<u8> {
        let mut w = Writer::default();
        let mut referent = Referents::from(first_referent);
        w.bytes(&self.handle);
        write_varying(&mut w, self.max_count, self.towers.len());
        for _ in &self.towers {
            w.u32(referent.next());
        }
        for tower in &self.towers {
            tower.write(&mut w);
        }
        w.u32(self.status);
        w.octets
    }
}

/// `ept_lookup`: what is registered?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupRequest {
    /// 0 all, 1 by interface, 2 by object, 3 by both. Samba ignores it.
    pub inquiry: u32,
    /// The object.
    pub object: Option<Uuid>,
    /// The interface.
    pub interface: Option<Syntax>,
    /// How versions are compared: 1 all, 2 compatible, 3 exact, 4 major only, 5 up to.
    pub version_option: u32,
    /// Handle of the page before; none for the first page.
    pub handle: Handle,
    /// Most entries on a page.
    pub max_entries: u32,
}

impl LookupRequest {
    /// One page of everything.
    pub fn page(handle: Handle, max_entries: u32) -> Self {
        LookupRequest {
            inquiry: 0,
            object: None,
            interface: None,
            version_option: 1,
            handle,
            max_entries,
        }
    }

    /// Reads the stub.
    ///
    /// # Errors
    /// [`Error`] when it is not one.
    pub fn decode(stub: &[u8], order: Order) -> Result<Self, Error> {
        let mut r = Reader::new(stub, order);
        Ok(LookupRequest {
            inquiry: r.u32()?,
            object: if r.u32()? == 0 { None } else { Some(r.uuid()?) },
            interface: if r.u32()? == 0 { None } else { Some(Syntax::read_interface_id(&mut r)?) },
            version_option: r.u32()?,
            handle: r.array()?,
            max_entries: r.u32()?,
        })
    }

    /// The stub.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let mut referent = Referents::from(1);
        w.u32(self.inquiry);
        match self.object {
            None => w.u32(0),
            Some(object) => {
                w.u32(referent.next());
                w.uuid(object);
            }
        }
        match &self.interface {
            None => w.u32(0),
            Some(interface) => {
                w.u32(referent.next());
                interface.write(&mut w);
            }
        }
        w.u32(self.version_option);
        w.bytes(&self.handle);
        w.u32(self.max_entries);
        w.octets
    }

    /// See [`MapRequest::pointers`].
    pub fn pointers(&self) -> u32 {
        u32::from(self.object.is_some()) + u32::from(self.interface.is_some())
    }
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Object; nil for most.
    pub object: Uuid,
    /// Where.
    pub tower: Option<Tower>,
    /// What it is called; control characters are replaced by `?`.
    pub annotation: String,
}

/// Answer to `ept_lookup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupResponse {
    /// Handle for the next page; none when this was the last one, as most servers say it.
    pub handle: Handle,
    /// Repeats `max_entries` of the request.
    pub max_count: u32,
    /// The page.
    pub entries: Vec<Entry>,
    /// 0; [`super::status::NOT_REGISTERED`] is also how Samba says that there are no more pages.
    pub status: u32,
}

impl LookupResponse {
    /// Reads the stub.
    ///
    /// # Errors
    /// [`Error`] when it is not one, and for more than 4096 entries.
    pub fn decode(stub: &[u8], order: Order) -> Result<Self, Error> {
        let mut r = Reader::new(stub, order);
        let handle = r.array()?;
        let told = r.u32()?;
        // 28 octets: object, pointer, offset and length of the annotation.
        let (max_count, count) = read_varying(&mut r, told, MAX_ENTRIES, 28, "entries")?;
        let mut heads = Vec::with_capacity(count);
        for _ in 0..count {
            let object = r.uuid()?;
            let has_tower = r.u32()? != 0;
            if r.u32()? != 0 {
                return Err(Error::Malformed("annotation"));
            }
            let length = r.count(MAX_ANNOTATION, 1, "octets of annotation")?;
            let annotation = printable(r.take(length)?);
            r.align(4)?;
            heads.push((object, has_tower, annotation));
        }
        let mut entries = Vec::with_capacity(count);
        for (object, has_tower, annotation) in heads {
            let tower = if has_tower { Some(Tower::read(&mut r)?) } else { None };
            entries.push(Entry { object, tower, annotation });
        }
        Ok(LookupResponse { handle, max_count, entries, status: r.u32()? })
    }

    /// The stub, its pointers numbered from `first_referent` (not 0). Annotations are cut at 63
    /// octets.
    pub fn encode(&self, first_referent: u32) -> Vec<u8> {
        let mut w = Writer::default();
        let mut referent = Referents::from(first_referent);
        w.bytes(&self.handle);
        write_varying(&mut w, self.max_count, self.entries.len());
        for entry in &self.entries {
            w.uuid(entry.object);
            w.u32(if entry.tower.is_some() { referent.next() } else { 0 });
            let text =
                &entry.annotation.as_bytes()[..entry.annotation.len().min(MAX_ANNOTATION - 1)];
            w.u32(0);
            w.len32(text.len() + 1);
            w.bytes(text);
            w.u8(0);
            w.align(4);
        }
        for tower in self.entries.iter().filter_map(|e| e.tower.as_ref()) {
            tower.write(&mut w);
        }
        w.u32(self.status);
        w.octets
    }
}

/// Reads the stub of `ept_lookup_handle_free`.
///
/// # Errors
/// [`Error::Truncated`].
pub fn decode_handle_free(stub: &[u8], order: Order) -> Result<Handle, Error> {
    Reader::new(stub, order).array()
}

/// The answer to `ept_lookup_handle_free`: no handle any more, and a status.
pub fn encode_handle_freed(status: u32) -> Vec<u8> {
    let mut w = Writer::default();
    w.bytes(&NO_HANDLE);
    w.u32(status);
    w.octets
}

/// Text of a peer for display: up to its NUL, and without anything that could steer a terminal.
pub(super) fn printable(octets: &[u8]) -> String {
    let text = octets.split(|o| *o == 0).next().unwrap_or_default();
    text.iter().map(|o| if (0x20..0x7f).contains(o) { char::from(*o) } else { '?' }).collect()
}

/// The head of a conformant and varying array: returns the conformance count and the elements that
/// follow.
fn read_varying(
    r: &mut Reader<'_>,
    told: u32,
    most: usize,
    size: usize,
    what: &'static str,
) -> Result<(u32, usize), Error> {
    let max_count = r.u32()?;
    let offset = r.u32()?;
    let count = r.count(most, size, what)?;
    let consistent = offset == 0
        && usize::try_from(told) == Ok(count)
        && u32::try_from(count).is_ok_and(|c| c <= max_count);
    if consistent { Ok((max_count, count)) } else { Err(Error::Malformed(what)) }
}

fn write_varying(w: &mut Writer, max_count: u32, count: usize) {
    w.len32(count);
    w.u32(max_count);
    w.u32(0);
    w.len32(count);
}

/// Numbers for pointers; never 0, which is the null pointer.
struct Referents(u32);

impl Referents {
    fn from(first: u32) -> Self {
        Referents(first.max(1))
    }

    fn next(&mut self) -> u32 {
        let this = self.0;
        self.0 = self.0.checked_add(1).unwrap_or(1);
        this
    }
}
