//! GetAddrInfoW: the hosts file, the DNS client with its cache and policies (NRPT), connection
//! suffixes, LLMNR and NetBIOS.
#![expect(unsafe_code, reason = "the standard library asks in octets, and has no canonical name")]

use super::named::{NameError, Named, winsock_fault};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::ptr;
use windows_sys::Win32::Networking::WinSock::{
    ADDRINFOW, AF_INET, AF_INET6, AI_CANONNAME, FreeAddrInfoW, GetAddrInfoW, SOCK_STREAM,
    SOCKADDR_IN, SOCKADDR_IN6,
};

/// The longest canonical name that is read.
const MAX_NAME: usize = 1024;

/// Whether the system's resolver can be made to wait longer than it is set up to.
pub const CAN_WAIT: bool = false;

/// Asks the system, and waits for it.
///
/// # Errors
/// What the code means, with the system's own words.
pub fn addresses_of(name: &str, _patient: bool) -> Result<Named, NameError> {
    if name.is_empty() || name.contains('\0') {
        return Err(error(11001));
    }
    // The standard library starts Winsock with its first socket.
    drop(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)));
    let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let hints =
        ADDRINFOW { ai_flags: AI_CANONNAME as i32, ai_socktype: SOCK_STREAM, ..Default::default() };
    let mut list: *mut ADDRINFOW = ptr::null_mut();
    // SAFETY: name and hints live until the call returns; the list is the system's, and given back
    // below.
    let code = unsafe { GetAddrInfoW(wide.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 {
        return Err(error(code));
    }
    // SAFETY: the call succeeded, so that the list is valid until it is given back.
    let named = unsafe { read(list) };
    // SAFETY: the list is given back once, and not used after that.
    unsafe { FreeAddrInfoW(list) };
    Ok(named)
}

/// Reads a list of the system's.
///
/// # Safety
/// `list` must be null, or come from a `GetAddrInfoW` that succeeded, and not have been given back.
unsafe fn read(list: *const ADDRINFOW) -> Named {
    let mut named = Named::default();
    // SAFETY: by the contract of this function.
    let mut next = unsafe { list.as_ref() };
    while let Some(entry) = next {
        if named.canonical.is_none() && !entry.ai_canonname.is_null() {
            // SAFETY: the system ends the name with a zero; no more than so many units are looked
            // at.
            let length =
                (0..MAX_NAME).take_while(|at| unsafe { *entry.ai_canonname.add(*at) } != 0).count();
            // SAFETY: so many units were just read.
            let units = unsafe { std::slice::from_raw_parts(entry.ai_canonname, length) };
            named.canonical = Some(
                crate::text::sanitise(&String::from_utf16_lossy(units), MAX_NAME)
                    .trim_end_matches('.')
                    .to_lowercase(),
            );
        }
        let address: Option<IpAddr> = match u16::try_from(entry.ai_family) {
            Ok(AF_INET) if !entry.ai_addr.is_null() => {
                // SAFETY: the family says what the address is; it may lie anywhere, and the union
                // is plain octets.
                let octets = unsafe {
                    ptr::read_unaligned(entry.ai_addr.cast::<SOCKADDR_IN>()).sin_addr.S_un.S_addr
                }
                .to_ne_bytes();
                Some(Ipv4Addr::from(octets).into())
            }
            Ok(AF_INET6) if !entry.ai_addr.is_null() => {
                // SAFETY: as above.
                let octets = unsafe {
                    ptr::read_unaligned(entry.ai_addr.cast::<SOCKADDR_IN6>()).sin6_addr.u.Byte
                };
                Some(Ipv6Addr::from(octets).into())
            }
            _ => None,
        };
        named.addresses.extend(address);
        // SAFETY: the system ends the list with a null pointer.
        next = unsafe { entry.ai_next.as_ref() };
    }
    named
}

fn error(code: i32) -> NameError {
    NameError {
        fault: winsock_fault(code),
        code,
        words: std::io::Error::from_raw_os_error(code).to_string(),
    }
}
