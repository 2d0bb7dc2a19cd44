//! HTTP/1 as the probes speak it: one request, one answer, read leniently. A strict client would
//! call a living service broken.

use crate::climb::first_octets::note;
use crate::net::Io;
use crate::observation::failure::Failure;
use crate::protocol::http::codec::http1::{self, Framing, Head, MAX_HEAD, Parsed};
use crate::reason::Reason;
use hyper::{Method, Request};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Octets in which a status line ends.
const FIRST_LINE: usize = 600;
/// Interim answers ahead of the answer.
const MAX_INTERIM: usize = 20;

/// A connection on which requests are made, one after the other.
pub(super) struct Http1<S> {
    stream: S,
    /// What came and was not taken yet.
    came: Vec<u8>,
    ended: bool,
    /// The rest of an answer was left unread: nothing more can be asked here.
    spent: bool,
}

impl<S: Io> Http1<S> {
    pub(super) fn new(stream: S) -> Self {
        Http1 { stream, came: Vec::new(), ended: false, spent: false }
    }

    /// The stream, and what came ahead of what is read from it next.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.came)
    }

    /// Sends a request, and reads the head of the answer.
    ///
    /// # Errors
    /// What came instead of one.
    pub(super) async fn ask<B>(&mut self, request: &Request<B>) -> Result<Head, Failure> {
        if self.spent {
            return Err(Failure::after_connect(&io::ErrorKind::UnexpectedEof.into()));
        }
        // Who refuses a request may answer and reset before all of it was sent: what he says
        // counts.
        let octets = written(request);
        let sent = async {
            self.stream.write_all(&octets).await?;
            self.stream.flush().await
        };
        let sent = sent.await;
        let (mut scanned, mut interim) = (0, Vec::new());
        loop {
            if self.came.len() <= FIRST_LINE || ends_head(&self.came[scanned..]) {
                match http1::parse(&self.came) {
                    Parsed::NotHttp => return Err(self.not_spoken()),
                    Parsed::Begun => {}
                    Parsed::Whole(head) => {
                        self.came.drain(..head.len);
                        scanned = 0;
                        if head.is_interim() && interim.len() < MAX_INTERIM {
                            interim.push(head.status);
                            continue;
                        }
                        self.spent = head.status == 101;
                        return Ok(*head);
                    }
                }
            }
            if self.came.len() > MAX_HEAD {
                return Err(self.not_spoken().saying("its head does not end"));
            }
            scanned = self.came.len().saturating_sub(3);
            match self.read().await {
                Ok(1..) => {}
                _ if !self.came.is_empty() && !self.came.starts_with(b"HTTP/") => {
                    return Err(self.not_spoken());
                }
                Ok(0) => {
                    return Err(Failure::after_connect(
                        &sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
                    ));
                }
                Err(error) => return Err(Failure::after_connect(&error)),
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        // Not in the future, which would carry it through all its callers.
        let mut chunk = vec![0; 16 * 1024];
        let n = self.stream.read(&mut chunk).await?;
        self.came.extend_from_slice(&chunk[..n]);
        self.ended |= n == 0;
        Ok(n)
    }

    fn not_spoken(&self) -> Failure {
        Failure::peer(Reason::HttpNotSpoken).noting(|facts| {
            note(facts, &self.came);
            // That it is none after all was found out.
            facts.ended.looks_like = facts.ended.looks_like.take().filter(|p| p != "http/1");
        })
    }

    /// Reads until the body is there, or as much of it as is wanted. May be given up at any time:
    /// what came stays.
    ///
    /// # Errors
    /// How the connection ended in the middle of it.
    pub(super) async fn await_body(
        &mut self,
        framing: Framing,
        most: usize,
    ) -> Result<(), Failure> {
        loop {
            let enough = match framing {
                Framing::None => true,
                Framing::Length(length) => self.came.len() as u64 >= length.min(most as u64),
                // The lengths of chunks take room too.
                Framing::Chunked => {
                    self.came.len() > 4 * most + 4096
                        || http1::chunks(&self.came, most)
                            .map_or(true, |(body, end)| end.is_some() || body.len() >= most)
                }
                Framing::UntilClose => self.ended || self.came.len() >= most,
            };
            if enough {
                return Ok(());
            }
            match self.read().await {
                Ok(1..) => {}
                _ if framing == Framing::UntilClose => self.ended = true,
                Ok(0) => return Err(Failure::after_connect(&io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(Failure::after_connect(&error)),
            }
        }
    }

    /// The body, as far as it came and is wanted.
    pub(super) fn take_body(&mut self, framing: Framing, most: usize) -> Vec<u8> {
        let (mut body, end) = match framing {
            Framing::None => (Vec::new(), Some(0)),
            Framing::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                (
                    self.came.iter().take(length.min(most)).copied().collect(),
                    Some(length).filter(|length| *length <= self.came.len()),
                )
            }
            Framing::Chunked => http1::chunks(&self.came, most).unwrap_or_default(),
            Framing::UntilClose => (std::mem::take(&mut self.came), None),
        };
        body.truncate(most);
        match end {
            Some(end) => drop(self.came.drain(..end)),
            None => self.spent = true,
        }
        body
    }
}

/// Whether a head may end in these octets.
fn ends_head(octets: &[u8]) -> bool {
    octets.windows(2).any(|w| w == b"\n\n") || octets.windows(3).any(|w| w == b"\n\r\n")
}

/// A request without a body, as it is written (RFC 9112 section 3).
fn written<B>(request: &Request<B>) -> Vec<u8> {
    let target = match *request.method() {
        Method::CONNECT => request.uri().authority().map_or_else(String::new, ToString::to_string),
        _ => request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
    };
    let mut octets = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        octets.extend_from_slice(name.as_str().as_bytes());
        octets.extend_from_slice(b": ");
        octets.extend_from_slice(value.as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"\r\n");
    octets
}
