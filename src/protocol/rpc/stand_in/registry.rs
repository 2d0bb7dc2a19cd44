//! What the stand-in's endpoint mapper knows, and the pages in which it tells it.

use crate::net::random;
use crate::protocol::rpc::codec::epm::{
    Entry, Handle, LookupRequest, LookupResponse, MapRequest, MapResponse, NO_HANDLE,
};
use crate::protocol::rpc::codec::{Syntax, Tower, Uuid, status};
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// Most entries on one page, whatever was asked for.
const MAX_PAGE: usize = 500;
/// Most towers in one answer.
const MAX_TOWERS: usize = 64;
/// Look-ups of one connection that can be under way; the oldest is forgotten.
const MAX_LOOKUPS: usize = 8;

/// One interface and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registration {
    pub(super) interface: Syntax,
    pub(super) name: String,
    pub(super) port: u16,
}

/// The handle is not one that was given out on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownHandle;

/// The mapper's table, with the look-ups of one connection.
pub(super) struct Registry {
    registered: Vec<Registration>,
    address: Ipv4Addr,
    lookups: VecDeque<(Handle, Vec<Entry>)>,
}

impl Registry {
    /// `address` stands on the IP floor of every tower.
    pub(super) fn new(registered: Vec<Registration>, address: Ipv4Addr) -> Self {
        Registry { registered, address, lookups: VecDeque::new() }
    }

    /// `ept_map`: only interface, encoding and transport of the tower count.
    pub(super) fn map(&self, request: &MapRequest) -> MapResponse {
        let asked = request.tower.as_ref().and_then(|tower| {
            tower.tcp_port()?;
            (tower.transfer()? == Syntax::NDR32).then_some(())?;
            tower.interface()
        });
        let most = usize::try_from(request.max_towers).unwrap_or(MAX_TOWERS).min(MAX_TOWERS);
        let towers: Vec<Tower> = self
            .registered
            .iter()
            .filter(|r| asked.is_some_and(|asked| r.interface.serves(&asked)))
            .map(|r| Tower::tcp(r.interface, r.port, self.address))
            .take(most)
            .collect();
        let status = if towers.is_empty() { status::NOT_REGISTERED } else { 0 };
        MapResponse { handle: NO_HANDLE, max_count: request.max_towers, towers, status }
    }

    /// `ept_lookup`. A last page that is not full says so by a missing handle; after a full one the
    /// client asks once more and is told that there is no more. Real servers end in either way.
    pub(super) fn lookup(
        &mut self,
        request: &LookupRequest,
    ) -> Result<LookupResponse, UnknownHandle> {
        let mut entries = if request.handle == NO_HANDLE {
            self.matching(request)
        } else {
            self.take(&request.handle)?
        };
        let most = usize::try_from(request.max_entries).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let later = entries.split_off(entries.len().min(most));
        let full = entries.len() == most && most > 0;
        let handle = if full { self.keep(later) } else { NO_HANDLE };
        let status = if entries.is_empty() { status::NOT_REGISTERED } else { 0 };
        Ok(LookupResponse { handle, max_count: request.max_entries, entries, status })
    }

    /// `ept_lookup_handle_free`.
    pub(super) fn free(&mut self, handle: &Handle) -> Result<(), UnknownHandle> {
        self.take(handle).map(drop)
    }

    fn matching(&self, request: &LookupRequest) -> Vec<Entry> {
        let wanted = |r: &&Registration| match (request.inquiry, request.interface) {
            (0, _) => true,
            // Version options 1 and 4 to 5: all of them, or all of the same major version; the
            // table has one version of each.
            (1, Some(asked)) if request.version_option == 1 => r.interface.uuid == asked.uuid,
            (1, Some(asked)) if request.version_option == 3 => r.interface == asked,
            (1, Some(asked)) => r.interface.serves(&asked),
            // By object: nothing here has one.
            _ => false,
        };
        let entry = |r: &Registration| Entry {
            object: Uuid::nil(),
            tower: Some(Tower::tcp(r.interface, r.port, self.address)),
            annotation: r.name.clone(),
        };
        self.registered.iter().filter(wanted).map(entry).collect()
    }

    fn keep(&mut self, later: Vec<Entry>) -> Handle {
        let mut handle = NO_HANDLE;
        handle[4..].copy_from_slice(&random::<16>());
        if self.lookups.len() == MAX_LOOKUPS {
            self.lookups.pop_front();
        }
        self.lookups.push_back((handle, later));
        handle
    }

    fn take(&mut self, handle: &Handle) -> Result<Vec<Entry>, UnknownHandle> {
        let at = self.lookups.iter().position(|(known, _)| known == handle).ok_or(UnknownHandle)?;
        self.lookups.remove(at).map(|(_, later)| later).ok_or(UnknownHandle)
    }
}
