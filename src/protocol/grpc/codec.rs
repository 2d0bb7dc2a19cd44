//! gRPC on HTTP/2, as far as a probe and its stand-in need it: length-prefixed messages, the
//! health-check messages and status codes.
//!
//! Source: "gRPC over HTTP2" (grpc/doc/PROTOCOL-HTTP2.md), "GRPC Health Checking Protocol"
//! (grpc/doc/health-checking.md), "HTTP to gRPC Status Code Mapping"
//! (grpc/doc/http-grpc-status-mapping.md).

use std::collections::VecDeque;

/// Path of the unary health check, without a prefix.
pub const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
/// Path of the stand-in's own bidirectional method, without a prefix.
pub const PING_PONG: &str = "/portmatrix.v1.Probe/PingPong";
/// The content type of gRPC; may be followed by `+proto` and the like.
pub const CONTENT_TYPE: &str = "application/grpc";
/// Header or trailer that ends a call.
pub const STATUS_HEADER: &str = "grpc-status";
/// Text that goes with a status.
pub const MESSAGE_HEADER: &str = "grpc-message";
/// Longest message that is read, in octets.
pub const MAX_MESSAGE: usize = 4 * 1024;
/// Octets in front of each message: a flag for compression and the length, big-endian.
pub const PREFIX_LEN: usize = 5;

/// Whether a content type is that of gRPC, and not of gRPC-Web.
pub fn is_grpc(content_type: &str) -> bool {
    let lower = content_type.trim().to_ascii_lowercase();
    lower
        .strip_prefix(CONTENT_TYPE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';', ' ']))
}

/// One message with its prefix, not compressed. A message above 4 GiB cannot be framed and is cut;
/// ours are a few octets.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(PREFIX_LEN + message.len());
    out.push(0);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&message[..len as usize]);
    out
}

/// One message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whether its flag says that it is compressed.
    pub compressed: bool,
    /// What it carries, still compressed where it is.
    pub body: Vec<u8>,
}

/// A message that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("a message of {0} octets is longer than any that is read")]
    TooLong(u32),
    /// The first octet is neither 0 nor 1.
    #[error("{0} is no compression flag")]
    BadFlag(u8),
}

/// Takes octets as they come and gives whole messages. Holds at most one incomplete message and
/// what was pushed last.
#[derive(Debug, Clone, Default)]
pub struct Deframer {
    buffer: VecDeque<u8>,
}

impl Deframer {
    /// Adds octets.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend(octets);
    }

    /// Octets that belong to no whole message yet.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole message, `None` when more octets are needed.
    ///
    /// # Errors
    /// [`FrameError`]; nothing after it can be read.
    pub fn next_message(&mut self) -> Result<Option<Message>, FrameError> {
        let mut prefix = [0; PREFIX_LEN];
        if self.buffer.len() < PREFIX_LEN {
            return Ok(None);
        }
        for (to, from) in prefix.iter_mut().zip(&self.buffer) {
            *to = *from;
        }
        let [flag, a, b, c, d] = prefix;
        if flag > 1 {
            return Err(FrameError::BadFlag(flag));
        }
        let len = u32::from_be_bytes([a, b, c, d]);
        if len as usize > MAX_MESSAGE {
            return Err(FrameError::TooLong(len));
        }
        let whole = PREFIX_LEN + len as usize;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        let body = self.buffer.drain(..whole).skip(PREFIX_LEN).collect();
        Ok(Some(Message { compressed: flag == 1, body }))
    }
}

/// `HealthCheckRequest` for the server as a whole: an empty message.
pub const HEALTH_REQUEST: &[u8] = &[];
/// `HealthCheckResponse { status: SERVING }`: field 1, varint 1.
pub const HEALTH_SERVING: &[u8] = &[0x08, 0x01];

/// The word for the status in a `HealthCheckResponse`; `None` when the message is not one.
pub fn health_status(message: &[u8]) -> Option<&'static str> {
    // proto3 leaves out a field of value 0.
    let status = match message {
        [] => 0,
        [0x08, status] => *status,
        _ => return None,
    };
    match status {
        0 => Some("UNKNOWN"),
        1 => Some("SERVING"),
        2 => Some("NOT_SERVING"),
        3 => Some("SERVICE_UNKNOWN"),
        _ => None,
    }
}

/// How a call ended (grpc/doc/statuscodes.md). The numbers are those of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// Success.
    pub const OK: Code = Code(0);
    /// No better code.
    pub const UNKNOWN: Code = Code(2);
    /// Not allowed.
    pub const PERMISSION_DENIED: Code = Code(7);
    /// A limit was passed.
    pub const RESOURCE_EXHAUSTED: Code = Code(8);
    /// The server has no such method.
    pub const UNIMPLEMENTED: Code = Code(12);
    /// The server broke a rule of its own.
    pub const INTERNAL: Code = Code(13);
    /// Nobody is there to answer, for now.
    pub const UNAVAILABLE: Code = Code(14);
    /// No valid credentials.
    pub const UNAUTHENTICATED: Code = Code(16);

    /// From the value of `grpc-status`: decimal digits only. `None` for anything else.
    pub fn parse(text: &str) -> Option<Code> {
        let text = text.trim();
        (!text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok().map(Code))?
    }

    /// What a client makes of an answer that has no `grpc-status`.
    pub fn from_http(status: u16) -> Code {
        match status {
            400 => Code::INTERNAL,
            401 => Code::UNAUTHENTICATED,
            403 => Code::PERMISSION_DENIED,
            404 => Code::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Code::UNAVAILABLE,
            _ => Code::UNKNOWN,
        }
    }

    /// The name of the code; `UNKNOWN` for a number that has none, as clients do.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 17] = [
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        ];
        NAMES.get(self.0 as usize).copied().unwrap_or("UNKNOWN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let mut wire = frame(b"one");
        wire.extend(frame(b""));
        wire.extend(frame(&[7; 300]));
        for size in [1, 2, 4, 5, 6, 7, 1000] {
            let mut deframer = Deframer::default();
            let mut found = Vec::new();
            for piece in wire.chunks(size) {
                deframer.push(piece);
                while let Some(message) = deframer.next_message().expect("well framed") {
                    assert!(!message.compressed);
                    found.push(message.body);
                }
            }
            assert_eq!(found, [b"one".to_vec(), Vec::new(), vec![7; 300]], "pieces of {size}");
            assert_eq!(deframer.pending(), 0);
        }
    }

    #[test]
    fn a_message_that_is_too_long_or_no_message_is_refused_by_its_prefix_alone() {
        let mut deframer = Deframer::default();
        deframer.push(&[0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(deframer.next_message(), Err(FrameError::TooLong(u32::MAX)));
        let mut deframer = Deframer::default();
        deframer.push(b"<html>");
        assert_eq!(deframer.next_message(), Err(FrameError::BadFlag(b'<')));
    }

    #[test]
    fn status_texts() {
        assert_eq!(Code::parse("0"), Some(Code::OK));
        assert_eq!(Code::parse(" 12 ").map(Code::name), Some("UNIMPLEMENTED"));
        for bad in ["", "-1", "+1", "1e3", "9999", "OK"] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
        assert_eq!(Code(400).name(), "UNKNOWN");
        assert_eq!(Code::from_http(502).name(), "UNAVAILABLE");
        assert_eq!(Code::from_http(404).name(), "UNIMPLEMENTED");
        assert_eq!(Code::from_http(200).name(), "UNKNOWN");
    }

    #[test]
    fn content_types() {
        for yes in ["application/grpc", "Application/GRPC+proto", "application/grpc;charset=utf-8"]
        {
            assert!(is_grpc(yes), "{yes}");
        }
        for no in ["application/grpc-web", "application/json", "text/html", ""] {
            assert!(!is_grpc(no), "{no}");
        }
    }

    #[test]
    fn health_messages() {
        assert_eq!(health_status(HEALTH_SERVING), Some("SERVING"));
        assert_eq!(health_status(&[]), Some("UNKNOWN"));
        assert_eq!(health_status(b"<html>"), None);
    }

    proptest! {
        #[test]
        fn no_octets_panic_or_pile_up(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..50)) {
            let mut deframer = Deframer::default();
            for piece in pieces {
                deframer.push(&piece);
                loop {
                    match deframer.next_message() {
                        Ok(Some(message)) => prop_assert!(message.body.len() <= MAX_MESSAGE),
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                prop_assert!(deframer.pending() < PREFIX_LEN + MAX_MESSAGE);
            }
        }
    }
}
