//! Windows: `GetExtendedTcpTable`, which needs no privilege.

use super::{Line, Process, Stands, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, MIB_TCP_STATE_LISTEN, MIB_TCP_STATE_SYN_RCVD, MIB_TCP6ROW_OWNER_PID,
    MIB_TCPROW_OWNER_PID, TCP_TABLE_OWNER_PID_ALL,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

/// The table grows between the question for its size and the reading of it.
const TRIES: usize = 5;
/// `ERROR_INSUFFICIENT_BUFFER`.
const TOO_SMALL: u32 = 122;

pub fn table(with_listening: bool) -> io::Result<Table> {
    let mut table = Table { listening: with_listening.then(BTreeSet::new), ..Table::default() };
    for row in rows::<MIB_TCPROW_OWNER_PID>(AF_INET)? {
        let (local, peer) = ends_of_4(&row);
        add(&mut table, (row.dwState, row.dwOwningPid), local, peer);
    }
    // A machine may have no IPv6 at all.
    for row in rows::<MIB_TCP6ROW_OWNER_PID>(AF_INET6).unwrap_or_default() {
        let (local, peer) = ends_of_6(&row);
        add(&mut table, (row.dwState, row.dwOwningPid), local, peer);
    }
    // They come with the others, wanted or not.
    table.listening = table.listening.filter(|_| with_listening);
    Ok(table)
}

/// A port stands in network order in the lower half of its word.
fn port(word: u32) -> u16 {
    let [high, low, ..] = word.to_le_bytes();
    u16::from_be_bytes([high, low])
}

fn add(table: &mut Table, (state, owner): (u32, u32), local: SocketAddr, peer: SocketAddr) {
    if i64::from(state) == i64::from(MIB_TCP_STATE_LISTEN) {
        table.add(Line::Listening { local, owner, full: false });
    } else if i64::from(state) == i64::from(MIB_TCP_STATE_SYN_RCVD) {
        table.add(Line::HalfOpen { local, peer });
    }
}

/// The rows of one family: a count, then so many structures.
#[expect(
    unsafe_code,
    reason = "the table comes as a count and an array of C structures in a buffer of ours"
)]
fn rows<R: Copy>(family: u16) -> io::Result<Vec<R>> {
    let mut size = 64 * 1024_u32;
    for _ in 0..TRIES {
        // Words of 64 bits, so that every structure in it is aligned.
        let mut buffer = vec![0_u64; usize::try_from(size).unwrap_or_default() / 8 + 1];
        let room = u32::try_from(buffer.len() * 8).unwrap_or(u32::MAX);
        size = room;
        // SAFETY: the buffer has `size` octets and outlives the call, which writes at most so many.
        let code = unsafe {
            GetExtendedTcpTable(
                buffer.as_mut_ptr().cast(),
                &raw mut size,
                0,
                u32::from(family),
                TCP_TABLE_OWNER_PID_ALL,
                0,
            )
        };
        match code {
            0 => {
                let octets = buffer.len() * 8;
                let first = size_of::<u32>().next_multiple_of(align_of::<R>());
                // SAFETY: the buffer is larger than one u32 and aligned for it.
                let count =
                    usize::try_from(unsafe { *buffer.as_ptr().cast::<u32>() }).unwrap_or_default();
                let count = count.min((octets - first) / size_of::<R>());
                // SAFETY: `count` structures fit behind the first; each is plain data, and read
                // without need of alignment.
                return Ok((0..count)
                    .map(|n| unsafe {
                        buffer
                            .as_ptr()
                            .cast::<u8>()
                            .add(first + n * size_of::<R>())
                            .cast::<R>()
                            .read_unaligned()
                    })
                    .collect());
            }
            TOO_SMALL => size = size.saturating_add(16 * 1024),
            code => {
                return Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or_default()));
            }
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// There is no question about one connection: the table of its family is read.
pub fn connection(local: SocketAddr, peer: SocketAddr) -> Option<Stands> {
    let both = (local, peer);
    let state = if local.is_ipv4() {
        let found = rows::<MIB_TCPROW_OWNER_PID>(AF_INET)
            .ok()?
            .into_iter()
            .find(|row| ends_of_4(row) == both)
            .map(|row| row.dwState);
        // A socket of both families stands in the other table, with the IPv4 addresses inside IPv6.
        found.or_else(|| state_in_6(both))
    } else {
        state_in_6(both)
    };
    Some(match state {
        None => Stands::Absent,
        Some(state) if i64::from(state) == i64::from(MIB_TCP_STATE_SYN_RCVD) => Stands::HalfOpen,
        Some(_) => Stands::Opened,
    })
}

/// Not needed without a question about one connection.
pub fn count(_: super::Ends) -> Option<u32> {
    None
}

fn state_in_6((local, peer): (SocketAddr, SocketAddr)) -> Option<u32> {
    let all = rows::<MIB_TCP6ROW_OWNER_PID>(AF_INET6).unwrap_or_default();
    let is_it =
        |(l, p): (SocketAddr, SocketAddr)| (super::plain(l), super::plain(p)) == (local, peer);
    all.into_iter().find(|row| is_it(ends_of_6(row))).map(|row| row.dwState)
}

fn ends_of_4(row: &MIB_TCPROW_OWNER_PID) -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::new(
            Ipv4Addr::from(row.dwLocalAddr.to_ne_bytes()).into(),
            port(row.dwLocalPort),
        ),
        SocketAddr::new(
            Ipv4Addr::from(row.dwRemoteAddr.to_ne_bytes()).into(),
            port(row.dwRemotePort),
        ),
    )
}

fn ends_of_6(row: &MIB_TCP6ROW_OWNER_PID) -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::new(Ipv6Addr::from(row.ucLocalAddr).into(), port(row.dwLocalPort)),
        SocketAddr::new(Ipv6Addr::from(row.ucRemoteAddr).into(), port(row.dwRemotePort)),
    )
}

/// `GetTcpStatistics` counts IPv4 and IPv6 apart and costs a call for each; the table itself is no
/// dearer.
pub fn segments_in() -> Option<u64> {
    None
}

/// `GetTcpStatistics` counts failed attempts of both directions in one.
pub fn counters() -> Option<super::Counters> {
    None
}

/// The processes of these numbers; a snapshot of all names needs no right over any of them, as
/// opening one would.
#[expect(unsafe_code, reason = "a handle of the system, and a structure that it fills")]
pub fn processes(pids: &BTreeSet<u32>) -> BTreeMap<u32, Process> {
    // 0 is nobody: the owner is not known.
    let known = pids.iter().filter(|pid| **pid != 0);
    let mut found: BTreeMap<u32, Process> =
        known.map(|pid| (*pid, Process { pid: *pid, name: String::new() })).collect();
    // SAFETY: no pointer is given.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return found;
    }
    // SAFETY: the structure is plain data, for which zeros are a value.
    let mut entry: PROCESSENTRY32W = unsafe { std::mem::zeroed() };
    entry.dwSize = u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or_default();
    // SAFETY: the handle is open, and the structure says its own size.
    let mut more = unsafe { Process32FirstW(snapshot, &raw mut entry) };
    while more != 0 {
        if let Some(process) = found.get_mut(&entry.th32ProcessID) {
            let end =
                entry.szExeFile.iter().position(|unit| *unit == 0).unwrap_or(entry.szExeFile.len());
            process.name = String::from_utf16_lossy(&entry.szExeFile[..end]);
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(snapshot, &raw mut entry) };
    }
    // SAFETY: it was opened here, and is used no more.
    unsafe { CloseHandle(snapshot) };
    found
}
