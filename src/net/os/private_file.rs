//! Files of Windows that are one user's alone.
#![expect(unsafe_code, reason = "the standard library knows no access lists")]

use super::access_list;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _};
use std::path::Path;
use std::ptr;
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_GENERIC_WRITE,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Longest text of the system's that is read, in UTF-16 units.
const MAX_TEXT: usize = 64 * 1024;

/// Memory that the system gave.
struct Given<T>(*mut T);

impl<T> Drop for Given<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a call that says to free it so, and is used no more.
        unsafe { LocalFree(self.0.cast()) };
    }
}

impl Given<u16> {
    fn text(&self) -> String {
        // SAFETY: the system ends the text with a zero; no more than so many units are looked at.
        let length = (0..MAX_TEXT).take_while(|at| unsafe { *self.0.add(*at) } != 0).count();
        // SAFETY: so many units were just read.
        String::from_utf16_lossy(unsafe { std::slice::from_raw_parts(self.0, length) })
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The SID of the user as whom this program runs.
///
/// # Errors
/// The system's.
pub fn user() -> io::Result<String> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the handle of this process needs no closing; the token is closed below.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // Words of 64 bits, so that the structure in it is aligned; a SID has at most 68 octets.
    let mut buffer = [0_u64; 32];
    let (room, mut used) = (u32::try_from(size_of_val(&buffer)).unwrap_or_default(), 0);
    // SAFETY: the buffer has `room` octets and outlives the call.
    let told = unsafe {
        GetTokenInformation(token, TokenUser, buffer.as_mut_ptr().cast(), room, &raw mut used)
    };
    let error = io::Error::last_os_error();
    // SAFETY: it was opened here, and is used no more.
    unsafe { CloseHandle(token) };
    if told == 0 {
        return Err(error);
    }
    // SAFETY: the call filled in this structure, whose SID stands behind it in the same buffer.
    let sid = unsafe { (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    let mut text = ptr::null_mut();
    // SAFETY: the SID is the system's own, and lives in the buffer.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Given(text).text())
}

/// Owner and access list of an open file, as text.
///
/// # Errors
/// The system's; among them that the drive has no access lists.
pub fn descriptor(file: &File) -> io::Result<String> {
    let parts = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open for as long as the file is; what is not wanted is null.
    let code = unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            parts,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code.cast_signed()));
    }
    let descriptor = Given(descriptor);
    let mut text = ptr::null_mut();
    // SAFETY: the descriptor is the system's own and lives on; the text is freed with its guard.
    let told = unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            parts,
            &raw mut text,
            ptr::null_mut(),
        )
    };
    if told == 0 { Err(io::Error::last_os_error()) } else { Ok(Given(text).text()) }
}

/// Makes a file that nobody but this user, the system and administrators may use, whatever its
/// folder says; fails where there is one.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> io::Result<File> {
    let list = wide(&access_list::private(&user()?));
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the text ends with a zero and outlives the call; the descriptor is freed below.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            list.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    let descriptor = Given(descriptor);
    let with = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: name, attributes and descriptor outlive the call.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            FILE_GENERIC_WRITE,
            0,
            &raw const with,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is new, open, and nobody else's.
    Ok(unsafe { File::from_raw_handle(handle) })
}
