//! Windows.

use super::{access_list, private_file};
use crate::observation::Icmp;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use windows_sys::Win32::Networking::WinSock;

/// Whether a socket could not be made or connected because this machine is out of descriptors,
/// ports or memory.
pub fn lacks_resources(error: &io::Error) -> bool {
    let codes = [
        WinSock::WSAEMFILE,
        WinSock::WSAENOBUFS,
        WinSock::WSAEADDRINUSE,
        WinSock::WSAEADDRNOTAVAIL,
    ];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Whether the error only says that a connection is not open yet: here that is `WouldBlock`.
pub fn is_in_progress(_: &io::Error) -> bool {
    false
}

/// Makes ICMP messages end a connection attempt. Only Windows 10 2004 and Server 2022 (build 19041)
/// or later can; elsewhere nothing changes.
pub fn report_icmp(socket: &socket2::Socket) {
    let on: u32 = 1;
    #[expect(unsafe_code, reason = "socket2 has no name for TCP_FAIL_CONNECT_ON_ICMP_ERROR")]
    // SAFETY: the option takes a pointer to one 32-bit number, which lives until the call returns.
    let _ = unsafe {
        WinSock::setsockopt(
            raw(socket),
            WinSock::IPPROTO_TCP,
            WinSock::TCP_FAIL_CONNECT_ON_ICMP_ERROR,
            (&raw const on).cast(),
            4,
        )
    };
}

/// Makes a reset end a connection attempt at once: Windows sends a SYN twice more after one, so that
/// a refusal takes two seconds. With it goes the repetition of a SYN that was lost, which whoever
/// connects makes up for with another attempt. Only Windows 10 1709 and Server 2019 or later can;
/// elsewhere nothing changes.
pub fn end_at_first_answer(socket: &socket2::Socket, patience: std::time::Duration) {
    let patience = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
    let wanted = WinSock::TCP_INITIAL_RTO_PARAMETERS {
        Rtt: patience.clamp(300, LONGEST_RTO_MS),
        MaxSynRetransmissions: NO_SYN_AGAIN,
    };
    let mut written = 0;
    #[expect(unsafe_code, reason = "socket2 has no name for SIO_TCP_INITIAL_RTO")]
    // SAFETY: the call reads one structure, which outlives it, and writes nothing.
    let _ = unsafe {
        WinSock::WSAIoctl(
            raw(socket),
            WinSock::SIO_TCP_INITIAL_RTO,
            (&raw const wanted).cast(),
            u32::try_from(size_of_val(&wanted)).unwrap_or_default(),
            std::ptr::null_mut(),
            0,
            &raw mut written,
            std::ptr::null_mut(),
            None,
        )
    };
}

/// `TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS`, which is an octet.
const NO_SYN_AGAIN: u8 = 0xFE;
/// The longest initial time of a retransmission that Windows takes, in milliseconds.
const LONGEST_RTO_MS: u16 = 60_000;

/// The ICMP message that ended a connection attempt, where there was one and the system tells.
pub fn icmp_of(socket: &socket2::Socket) -> Option<Icmp> {
    let mut info = WinSock::ICMP_ERROR_INFO::default();
    let mut length = i32::try_from(size_of::<WinSock::ICMP_ERROR_INFO>()).ok()?;
    #[expect(unsafe_code, reason = "socket2 has no name for TCP_ICMP_ERROR_INFO")]
    // SAFETY: the system writes at most `length` octets into `info`, and both outlive the call.
    let result = unsafe {
        WinSock::getsockopt(
            raw(socket),
            WinSock::IPPROTO_TCP,
            WinSock::TCP_ICMP_ERROR_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    // Wine, and a connection without such a message, leave it empty.
    if result != 0 || usize::try_from(length).ok()? < size_of::<WinSock::ICMP_ERROR_INFO>() {
        return None;
    }
    #[expect(unsafe_code, reason = "the address is a union")]
    // SAFETY: the union is plain octets; all of its members begin with the family, which says which
    // of them it is.
    let from: IpAddr = unsafe {
        match info.srcaddress.si_family {
            WinSock::AF_INET => {
                std::net::Ipv4Addr::from(info.srcaddress.Ipv4.sin_addr.S_un.S_addr.to_ne_bytes())
                    .into()
            }
            WinSock::AF_INET6 => {
                std::net::Ipv6Addr::from(info.srcaddress.Ipv6.sin6_addr.u.Byte).into()
            }
            _ => return None,
        }
    };
    (!from.is_unspecified()).then_some(Icmp { kind: info.r#type, code: info.code, from })
}

fn raw(socket: &socket2::Socket) -> WinSock::SOCKET {
    use std::os::windows::io::AsRawSocket as _;
    socket.as_raw_socket() as WinSock::SOCKET
}

/// Windows has no such limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    None
}

/// By what right others may read an open file, with what mends it; `None` where nobody may but this
/// user, the system and administrators.
///
/// # Errors
/// When the system does not say.
pub fn open_to_others(file: &std::fs::File, path: &Path) -> io::Result<Option<String>> {
    let user = private_file::user()?;
    let how = access_list::open_to_others(&private_file::descriptor(file)?, &user);
    Ok(how.map(|how| {
        format!(
            "{how}; make it yours alone with `icacls \"{}\" /inheritance:r /grant:r *{user}:F` \
                (on a drive without access lists, as of a memory stick, that is not possible: copy \
                it into your profile)",
            path.display()
        )
    }))
}

pub use private_file::create as create_private;

/// Windows lets a second process bind a port that is in use unless the first asked for exclusive
/// use; asking for it also makes our own bind fail on a port that somebody else has, instead of
/// stealing it.
///
/// # Errors
/// When the option cannot be set.
#[expect(unsafe_code, reason = "socket2 has no name for SO_EXCLUSIVEADDRUSE")]
pub fn set_exclusive(socket: &socket2::Socket) -> io::Result<()> {
    let on: i32 = 1;
    // SAFETY: the option takes a pointer to one int, which lives until the call returns.
    let result = unsafe {
        WinSock::setsockopt(
            raw(socket),
            WinSock::SOL_SOCKET,
            WinSock::SO_EXCLUSIVEADDRUSE,
            (&raw const on).cast(),
            4,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the console understand colours, which it does not unless it is told to; whether it does. A
/// pipe or a file has none, and is told apart elsewhere.
pub fn let_terminal_color() -> bool {
    anstyle_query::windows::enable_ansi_colors().unwrap_or(true)
}

/// The name of this machine with its domain. Its short name is cut at 15 characters in some places,
/// and is no name of DNS.
pub fn full_name() -> Option<String> {
    use windows_sys::Win32::System::SystemInformation::{
        ComputerNameDnsFullyQualified, GetComputerNameExW,
    };
    let mut name = [0_u16; 512];
    let mut length = u32::try_from(name.len()).unwrap_or_default();
    #[expect(unsafe_code, reason = "the standard library knows no names")]
    // SAFETY: the call writes at most `length` units, and both outlive it.
    let told = unsafe {
        GetComputerNameExW(ComputerNameDnsFullyQualified, name.as_mut_ptr(), &raw mut length)
    };
    let name = name.get(..usize::try_from(length).ok()?)?;
    (told != 0).then(|| String::from_utf16_lossy(name)).filter(|name| !name.is_empty())
}

/// What to do about a port that this user may not bind.
pub fn advice_for_privileged_port(port: u16) -> String {
    format!(
        "Windows keeps port {port} for somebody else: see `netsh int ipv4 show excludedportrange \
            tcp` and the services that use HTTP.sys \
         (`netsh http show servicestate`)"
    )
}
