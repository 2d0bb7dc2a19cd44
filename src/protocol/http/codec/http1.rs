//! Heads of HTTP/1 answers, read as leniently as browsers read them: the status counts, and what is
//! odd about the rest is a note. Sans-IO.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

/// Octets of a head that are read.
pub const MAX_HEAD: usize = 256 * 1024;
/// Header lines that are kept.
const MAX_LINES: usize = 2000;
/// Header lines that nobody finds odd.
const MANY_LINES: usize = 100;
/// Octets of a head that nobody finds odd: what common fronts take.
const LONG_HEAD: usize = 32 * 1024;
/// Empty lines ahead of a status line (RFC 9112 section 2.2 allows them ahead of a request).
const MAX_AHEAD: usize = 16;

/// What octets are so far.
#[derive(Debug)]
pub enum Parsed {
    /// No HTTP/1.
    NotHttp,
    /// The beginning of a head.
    Begun,
    /// A whole head.
    Whole(Box<Head>),
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// `1.0`, `1.1`, or what stands there.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// What no strict reader would take.
    pub odd: Vec<&'static str>,
    /// Octets of the head, with its empty line.
    pub len: usize,
}

/// How the end of a body is known (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many octets.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Until the connection ends.
    UntilClose,
}

/// Whether these octets can be the beginning of an answer in HTTP/1.
pub fn may_be_http(octets: &[u8]) -> bool {
    let began = &octets[ahead(octets)..];
    began.iter().zip(b"HTTP/").all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Octets of empty lines and spaces ahead of what counts.
fn ahead(octets: &[u8]) -> usize {
    octets.iter().take(MAX_AHEAD).take_while(|o| matches!(o, b'\r' | b'\n' | b' ')).count()
}

/// Longest status line that is taken for one, in octets without its end.
const LONGEST_STATUS: usize = 4096;

/// Reads a head from the first octets of an answer.
pub fn parse(octets: &[u8]) -> Parsed {
    if !may_be_http(octets) {
        return Parsed::NotHttp;
    }
    let mut odd = Vec::new();
    let mut at = ahead(octets);
    if at > 0 {
        odd.push("empty lines ahead of the status line");
    }
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut bare = false;
    loop {
        let Some(end) = octets[at..].iter().position(|o| *o == b'\n') else {
            // What is no status line will not become one.
            let first = lines.first().copied().unwrap_or(&octets[at..]);
            let hopeless = lines.is_empty() && first.len() > LONGEST_STATUS + 1
                || !lines.is_empty() && status_line(first, &mut Vec::new()).is_none();
            return if hopeless { Parsed::NotHttp } else { Parsed::Begun };
        };
        let line = &octets[at..at + end];
        at += end + 1;
        let stripped = line.strip_suffix(b"\r");
        bare |= stripped.is_none();
        let line = stripped.unwrap_or(line);
        if line.is_empty() {
            break;
        }
        // The same as of a line that is still coming: in how many packets it came tells nothing.
        if lines.is_empty() && line.len() > LONGEST_STATUS {
            return Parsed::NotHttp;
        }
        lines.push(line);
    }
    let Some((version, status)) = lines.first().and_then(|line| status_line(line, &mut odd)) else {
        return Parsed::NotHttp;
    };
    if bare {
        odd.push("lines that end in LF alone");
    }
    let headers = headers(lines.get(1..).unwrap_or_default(), &mut odd);
    if at > LONG_HEAD {
        odd.push("a head of more than 32 KiB");
    }
    Parsed::Whole(Box::new(Head { version, status, headers, odd, len: at }))
}

/// Version and status.
fn status_line(line: &[u8], odd: &mut Vec<&'static str>) -> Option<(String, u16)> {
    let text = String::from_utf8_lossy(line);
    let name = text.get(..5)?;
    if name != "HTTP/" {
        odd.push("a status line that does not begin with HTTP/ in capitals");
    }
    let rest = text.get(5..)?;
    let (version, rest) = rest.split_once([' ', '\t'])?;
    if version.is_empty()
        || version.len() > 8
        || !version.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    if !matches!(version, "1.0" | "1.1") {
        odd.push("a version of HTTP other than 1.0 and 1.1 in the form of HTTP/1");
    }
    let trimmed = rest.trim_start_matches([' ', '\t']);
    if trimmed.len() != rest.len() {
        odd.push("more than one space ahead of the status");
    }
    let digits: String = trimmed.chars().take_while(char::is_ascii_digit).collect();
    let status = digits.parse::<u16>().ok().filter(|status| digits.len() == 3 && *status >= 100)?;
    match trimmed[3..].chars().next() {
        None => odd.push("no space behind the status"),
        Some(' ') => {}
        Some(_) => odd.push("a status that runs into its words"),
    }
    if trimmed[3..].chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        odd.push("octets in the words of the status that have no place there");
    }
    Some((version.to_owned(), status))
}

fn headers(lines: &[&[u8]], odd: &mut Vec<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut pairs: Vec<(&[u8], Vec<u8>)> = Vec::new();
    let mut note = |words: &'static str| {
        if !odd.contains(&words) {
            odd.push(words);
        }
    };
    for line in lines.iter().take(MAX_LINES) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // RFC 9112 section 5.2.
            note("folded header lines");
            if let Some((_, value)) = pairs.last_mut() {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            continue;
        }
        let Some(colon) = line.iter().position(|o| *o == b':') else {
            note("lines that are no header");
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        if name.len() != colon {
            note("spaces between a header's name and its colon");
        }
        pairs.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    if lines.len() > MANY_LINES {
        note("more than 100 header lines");
    }
    for (name, mut value) in pairs {
        let Ok(name) = HeaderName::from_bytes(name) else {
            note("lines that are no header");
            continue;
        };
        for octet in &mut value {
            if *octet != b'\t' && (*octet < b' ' || *octet == 0x7f) {
                *octet = b'?';
                note("octets in a header that have no place there");
            }
        }
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

impl Head {
    /// How the end of the body is known, of the answer to a request with this method.
    pub fn framing(&self, method: &Method) -> Framing {
        let opened = method == Method::CONNECT && (200..300).contains(&self.status);
        if opened || self.is_interim() || matches!(self.status, 204 | 304) || method == Method::HEAD
        {
            return Framing::None;
        }
        if self.words(&TRANSFER_ENCODING).any(|word| word.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunked;
        }
        match self.words(&CONTENT_LENGTH).find_map(|length| length.parse().ok()) {
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }

    /// Whether another answer follows this one (RFC 9110 section 15.2).
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Whether the connection ends with this answer (RFC 9112 section 9.3).
    pub fn closes(&self, framing: Framing) -> bool {
        let says = |word: &str| self.words(&CONNECTION).any(|w| w.eq_ignore_ascii_case(word));
        framing == Framing::UntilClose
            || says("close")
            || (self.version == "1.0" && !says("keep-alive"))
    }

    fn words(&self, name: &HeaderName) -> impl Iterator<Item = String> {
        let all = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|value| {
            value.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .into_iter()
    }
}

/// The octets of chunks, as far as they came (RFC 9112 section 7.1); `Some(length)` is how much was
/// read where the last chunk has come.
///
/// # Errors
/// In words, what is no chunk.
pub fn chunks(octets: &[u8], most: usize) -> Result<(Vec<u8>, Option<usize>), &'static str> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(end) = octets[at..].iter().position(|o| *o == b'\n') else {
            return if octets.len() - at > 256 {
                Err("the length of a chunk is no number")
            } else {
                Ok((body, None))
            };
        };
        let line = String::from_utf8_lossy(&octets[at..at + end]).into_owned();
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length =
            usize::from_str_radix(digits, 16).map_err(|_| "the length of a chunk is no number")?;
        at += end + 1;
        if length == 0 {
            // Trailers, up to an empty line.
            loop {
                let Some(end) = octets[at..].iter().position(|o| *o == b'\n') else {
                    return Ok((body, None));
                };
                let line = octets[at..at + end].trim_ascii();
                at += end + 1;
                if line.is_empty() {
                    return Ok((body, Some(at)));
                }
            }
        }
        let came = octets.len().saturating_sub(at).min(length);
        body.extend_from_slice(&octets[at..at + came.min(most.saturating_sub(body.len()))]);
        if came < length || octets.len() < at + length + 1 {
            return Ok((body, None));
        }
        at += length;
        at += octets[at..].iter().take(2).take_while(|o| matches!(o, b'\r' | b'\n')).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(octets: &[u8]) -> Head {
        match parse(octets) {
            Parsed::Whole(head) => *head,
            other => panic!("{other:?} of {:?}", String::from_utf8_lossy(octets)),
        }
    }

    /// In how many packets a head comes decides nothing.
    #[test]
    fn a_long_status_line_is_the_same_whole_and_in_pieces() {
        for length in [511, 512, 513, 4096 - 13, 4096 - 12, 4096 - 11, 10_000] {
            for line_end in ["\r\n", "\n"] {
                let words = "x".repeat(length);
                let octets = format!("HTTP/1.1 200 {words}{line_end}Server: x{line_end}{line_end}");
                let octets = octets.as_bytes();
                let whole = matches!(parse(octets), Parsed::Whole(_));
                assert_eq!(whole, length + 13 <= LONGEST_STATUS, "{length}");
                for cut in 0..octets.len() {
                    let begun = parse(&octets[..cut]);
                    assert!(!whole || matches!(begun, Parsed::Begun), "{length} {cut}");
                }
            }
        }
    }

    #[test]
    fn odd_http_is_http() {
        let many: String = (0..120).map(|n| format!("Set-Cookie: c{n}=v\r\n")).collect();
        for (octets, status, odd) in [
            ("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n".to_owned(), 200, 0),
            (format!("HTTP/1.1 200 OK\r\n{many}Server: x\r\n\r\n"), 200, 1),
            (format!("HTTP/1.1 200 OK\r\nX: {}\r\nServer: x\r\n\r\n", "a".repeat(60_000)), 200, 1),
            ("HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\nServer: x\r\n\r\n".to_owned(), 200, 1),
            ("HTTP/1.1 299 \u{fc}ber\r\nServer: x\r\n\r\n".to_owned(), 299, 0),
            ("HTTP/1.1 200 OK\nServer: x\n\n".to_owned(), 200, 1),
            ("http/1.1 200 ok\r\nServer: x\r\n\r\n".to_owned(), 200, 1),
            ("HTTP/1.1 200\r\nServer: x\r\n\r\n".to_owned(), 200, 1),
            ("HTTP/1.0 404 \r\nServer : x\r\n\r\n".to_owned(), 404, 1),
            ("HTTP/2 200 \r\nServer: x\r\n\r\n".to_owned(), 200, 1),
            ("\r\nHTTP/1.1 200 OK\r\nServer: x\r\n\r\n".to_owned(), 200, 1),
            ("HTTP/1.1  200 OK\r\nno header\r\n: y\r\nServer: x\r\n\r\n".to_owned(), 200, 2),
            (
                "HTTP/1.1 200 OK\r\nServer: x\r\nb\u{1}d name: x\r\nX: \u{1}\r\n\r\n".to_owned(),
                200,
                2,
            ),
        ] {
            let head = head(octets.as_bytes());
            assert_eq!(
                (head.status, head.odd.len(), head.len),
                (status, odd, octets.len()),
                "{octets:.80} {:?}",
                head.odd
            );
            assert_eq!(
                head.headers.get("server").map(HeaderValue::as_bytes),
                Some(&b"x"[..]),
                "{octets:.80}"
            );
        }
    }

    #[test]
    fn what_is_none_is_none() {
        for octets in [
            &b"SSH-2.0-OpenSSH"[..],
            b"<html>",
            b"\x15\x03\x01",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000\r\n\r\n",
            b"HTTPS 200\r\n",
            b"HTTP/x 200\r\n\r\n",
        ] {
            assert!(
                matches!(parse(octets), Parsed::NotHttp),
                "{:?}",
                String::from_utf8_lossy(octets)
            );
        }
        for octets in [&b""[..], b"HT", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nServ"] {
            assert!(
                matches!(parse(octets), Parsed::Begun),
                "{:?}",
                String::from_utf8_lossy(octets)
            );
        }
    }

    #[test]
    fn the_end_of_a_body() {
        let framing =
            |octets: &str| head(format!("{octets}\r\n\r\n").as_bytes()).framing(&Method::GET);
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5"), Framing::Length(5));
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, chunked"),
            Framing::Chunked
        );
        assert_eq!(framing("HTTP/1.1 200 OK"), Framing::UntilClose);
        assert_eq!(framing("HTTP/1.1 204 OK"), Framing::None);
        assert!(
            head(b"HTTP/1.1 103 Early\r\n\r\n").is_interim()
                && !head(b"HTTP/1.1 101 Up\r\n\r\n").is_interim()
        );
        assert!(head(b"HTTP/1.0 200 OK\r\n\r\n").closes(Framing::Length(1)));
        assert!(!head(b"HTTP/1.1 200 OK\r\n\r\n").closes(Framing::Length(1)));
        assert_eq!(
            chunks(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nnext", 99),
            Ok((b"abcde".to_vec(), Some(24)))
        );
        assert_eq!(chunks(b"3\r\nab", 99), Ok((b"ab".to_vec(), None)));
        assert_eq!(chunks(b"5\r\nabcde\r\n0\r\n\r\n", 2).map(|c| c.0), Ok(b"ab".to_vec()));
        assert!(chunks(b"zz\r\n", 9).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..300), ahead in 0usize..3) {
            let begin = [&b""[..], b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \
                chunked\r\n"][ahead];
            let all = [begin, &octets].concat();
            if let Parsed::Whole(head) = parse(&all) {
                prop_assert!(head.len <= all.len());
                let _ = head.framing(&Method::GET);
            }
            let _ = chunks(&octets, 50);
        }
    }
}
