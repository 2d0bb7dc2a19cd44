//! getaddrinfo(3).
#![expect(unsafe_code, reason = "the standard library has getaddrinfo without its codes")]

use super::named::{NameError, NameFault, Named};
use crate::net::os::errors::{self, Phase};
use crate::reason::Reason;
use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// The longest canonical name that is kept: longer than any name of DNS.
const MAX_NAME: usize = 1024;

/// The beginning of glibc's `struct __res_state` (`bits/types/res_state.h`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[repr(C)]
struct ResolverState {
    /// Seconds for each try.
    retrans: libc::c_int,
    /// Tries.
    retry: libc::c_int,
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    /// This thread's state.
    fn __res_state() -> *mut ResolverState;
}

/// Whether this system's resolver can be made to wait longer than its configuration says.
pub const CAN_WAIT: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// Has glibc wait in this thread as long as it does by itself, where `resolv.conf` says less
/// (resolv.conf(5), `timeout` and `attempts`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn wait_longer() {
    // SAFETY: the state is this thread's own, lives as long as the thread, and was filled in by the
    // call before; glibc lets programs change it, and then takes it as it is.
    unsafe {
        if libc::res_init() == 0
            && let Some(state) = __res_state().as_mut()
        {
            state.retrans = state.retrans.max(5);
            state.retry = state.retry.max(2);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn wait_longer() {}

/// Asks the C library, and waits for it; longer than its configuration says, where `patient`.
///
/// # Errors
/// What the code means, with the library's own words.
pub fn addresses_of(name: &str, patient: bool) -> Result<Named, NameError> {
    let none = |words: &str| NameError {
        fault: NameFault::NotFound,
        code: libc::EAI_NONAME,
        words: words.to_owned(),
    };
    if name.is_empty() {
        return Err(none("an empty name"));
    }
    let Ok(text) = CString::new(name) else { return Err(none("a name with a zero octet")) };
    if patient {
        wait_longer();
    }
    // SAFETY: all zeros is a valid `addrinfo`: null pointers, no flags, any family.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = libc::AI_CANONNAME;
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: name and hints live until the call returns; the list is the library's, and given back
    // below.
    let code =
        unsafe { libc::getaddrinfo(text.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 {
        let system = std::io::Error::last_os_error();
        return Err(error(code, &system));
    }
    // SAFETY: the call succeeded, so that the list is valid until it is given back.
    let named = unsafe { read(list) };
    // SAFETY: the list is given back once, and not used after that.
    unsafe { libc::freeaddrinfo(list) };
    Ok(named)
}

/// Reads a list of the library's.
///
/// # Safety
/// `list` must be null, or come from a `getaddrinfo` that succeeded, and not have been given back.
unsafe fn read(list: *const libc::addrinfo) -> Named {
    let mut named = Named::default();
    // SAFETY: by the contract of this function.
    let mut next = unsafe { list.as_ref() };
    while let Some(entry) = next {
        if named.canonical.is_none() && !entry.ai_canonname.is_null() {
            // SAFETY: the library ends the name with a zero.
            let text = unsafe { CStr::from_ptr(entry.ai_canonname) };
            named.canonical = Some(
                crate::text::sanitise(&text.to_string_lossy(), MAX_NAME)
                    .trim_end_matches('.')
                    .to_lowercase(),
            );
        }
        let address: Option<IpAddr> = match entry.ai_family {
            libc::AF_INET if !entry.ai_addr.is_null() => {
                // SAFETY: the family says what the address is; it may lie anywhere.
                let address =
                    unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in>()) };
                Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
            }
            libc::AF_INET6 if !entry.ai_addr.is_null() => {
                // SAFETY: as above.
                let address =
                    unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in6>()) };
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        };
        named.addresses.extend(address);
        // SAFETY: the library ends the list with a null pointer.
        next = unsafe { entry.ai_next.as_ref() };
    }
    named
}

fn error(code: i32, system: &std::io::Error) -> NameError {
    if code == libc::EAI_SYSTEM {
        let number = system.raw_os_error().unwrap_or_default();
        let reason = errors::meaning(number, Phase::Begin).reason;
        return NameError {
            fault: NameFault::Local(reason),
            code: number,
            words: system.to_string(),
        };
    }
    // SAFETY: the library's own text, which it never frees.
    let words = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    NameError { fault: fault(code), code, words: words.to_string_lossy().into_owned() }
}

/// Older names of the same thing, which musl and the BSDs lack or number otherwise.
#[cfg(target_os = "linux")]
const NO_DATA: [i32; 2] = [-5, -9];
#[cfg(not(target_os = "linux"))]
const NO_DATA: [i32; 2] = [7, 1];

fn fault(code: i32) -> NameFault {
    match code {
        libc::EAI_NONAME => NameFault::NotFound,
        libc::EAI_AGAIN => NameFault::TryAgain,
        libc::EAI_FAIL => NameFault::Failed,
        libc::EAI_MEMORY => NameFault::Local(Reason::LocalResources),
        code if NO_DATA.contains(&code) => NameFault::NoAddress,
        _ => NameFault::Local(Reason::OsError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        for (code, meaning) in [
            (libc::EAI_NONAME, NameFault::NotFound),
            (NO_DATA[0], NameFault::NoAddress),
            (libc::EAI_AGAIN, NameFault::TryAgain),
            (libc::EAI_FAIL, NameFault::Failed),
            (libc::EAI_MEMORY, NameFault::Local(Reason::LocalResources)),
            (libc::EAI_BADFLAGS, NameFault::Local(Reason::OsError)),
            (libc::EAI_SERVICE, NameFault::Local(Reason::OsError)),
        ] {
            assert_eq!(fault(code), meaning, "{code}");
        }
        let full = std::io::Error::from_raw_os_error(libc::EMFILE);
        assert_eq!(error(libc::EAI_SYSTEM, &full).fault, NameFault::Local(Reason::LocalResources));
        let odd = std::io::Error::from_raw_os_error(libc::EIO);
        assert_eq!(error(libc::EAI_SYSTEM, &odd).fault, NameFault::Local(Reason::OsError));
    }

    #[test]
    fn numbers_are_what_the_system_says() {
        let of = |name: &str| addresses_of(name, true).map(|named| named.addresses);
        assert_eq!(of("10.1.2.3"), Ok(vec![[10, 1, 2, 3].into()]));
        assert_eq!(
            of("127.1"),
            Ok(vec![[127, 0, 0, 1].into()]),
            "an address of the oldest notation"
        );
        assert_eq!(of("::1"), Ok(vec![Ipv6Addr::LOCALHOST.into()]));
    }
}
