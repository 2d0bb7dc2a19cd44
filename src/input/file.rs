//! The one place where files are opened that somebody names.

use super::mistake::{Mistake, Source};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The largest file that is read, in octets. A site of a thousand hosts has a tenth of this.
pub const LIMIT: u64 = 1 << 20;

/// The text of a file: UTF-8, or UTF-16 with a byte order mark (what Windows PowerShell's `>`
/// writes).
///
/// # Errors
/// One mistake that names the file: it is missing, a folder, not readable, larger than [`LIMIT`],
/// or not text.
pub fn read(path: &Path) -> Result<String, Mistake> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| {
        let mistake = Mistake::without_place(format!("cannot read {name}: {error}"));
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                Mistake::without_place(format!("{name} does not exist")).help(
                    "paths are relative to the current folder, or to the folder of the file that \
                    names them",
                )
            }
            _ => mistake,
        }
    };
    // Opening a folder is "access denied" on Windows and works on Linux: asked for first, so that
    // the message is the same.
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(Mistake::without_place(format!("{name} is a folder, not a file")));
    }
    let octets = octets(path, LIMIT).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            Mistake::without_place(format!("{name} is larger than {} KiB", LIMIT >> 10))
                .help("this is not a file that portmatrix can use; was another one meant?")
        }
        _ => failed(error),
    })?;
    decode(&name, octets)
}

/// All octets of a regular file, and no more than `most`.
///
/// # Errors
/// Those of the system; [`std::io::ErrorKind::FileTooLarge`], and
/// [`std::io::ErrorKind::InvalidInput`] for a pipe, a device or a folder: these may have no end,
/// and may keep whoever opens them waiting.
pub fn octets(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    octets_of(open(path)?, most)
}

/// The same of a file that was opened by [`open`] already.
///
/// # Errors
/// As [`octets`].
pub fn octets_of(file: File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.take(most + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > most {
        let words = format!("it is larger than {most} octets");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words));
    }
    Ok(octets)
}

/// Opens a regular file, and waits for nobody.
///
/// # Errors
/// As [`octets`].
pub fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    // A pipe without a writer would otherwise be waited for.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        let words = "it is no regular file";
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, words));
    }
    Ok(file)
}

/// Octets of a file as text, without a byte order mark: UTF-8, or UTF-16 with one. `name` is the
/// file's, for the message.
///
/// # Errors
/// One mistake, when it is neither.
pub fn decode(name: &str, octets: Vec<u8>) -> Result<String, Mistake> {
    let has_mark = octets.starts_with(&[0xff, 0xfe]) || octets.starts_with(&[0xfe, 0xff]);
    // No text has a zero octet; UTF-16 has one for every second octet of plain letters.
    if !has_mark && octets.contains(&0) {
        let zeros =
            |from: usize| octets.iter().skip(from).step_by(2).filter(|octet| **octet == 0).count();
        let (some, others) = (zeros(0).max(zeros(1)), zeros(0).min(zeros(1)));
        let is_utf16 = some * 4 > octets.len() && others * 8 < some;
        let what = if is_utf16 {
            "UTF-16 without a byte order mark"
        } else {
            "not text: it holds octets 0x00"
        };
        return Err(
            Mistake::without_place(format!("{name} is {what}")).help("save the file as UTF-8")
        );
    }
    let broken = |what: &str| Mistake::without_place(format!("{name} is {what}"));
    let text = match octets.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map_err(broken),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map_err(broken),
        _ => String::from_utf8(octets).map_err(|error| {
            let end = error.utf8_error().valid_up_to();
            // Everything up to the bad octet is good: the place can be shown.
            let good = String::from_utf8_lossy(&error.as_bytes()[..end]).into_owned();
            let octet = error.as_bytes().get(end).copied().unwrap_or_default();
            Source::new(name, &good)
                .mistake(&(end..end), format!("not UTF-8 text: octet 0x{octet:02x}"))
                .label("after this")
        }),
    };
    let text = text.map_err(|mistake| mistake.help("save the file as UTF-8"))?;
    // What UTF-32 looks like.
    if text.contains('\0') {
        return Err(broken("not text: it holds characters U+0000").help("save the file as UTF-8"));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, &'static str> {
    let pairs = octets.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("not UTF-16 text: half a character at the end");
    }
    char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]])))
        .collect::<Result<String, _>>()
        .map_err(|_| "not UTF-16 text: half a pair of surrogates")
}
