//! One connection on which LDAP is spoken.

use super::root_dse;

use crate::climb::further_steps::{Exchange, Heard};
use crate::climb::{Climb, SentChallenge};
use crate::net::Io;
use crate::observation::Facts;
use crate::observation::failure::Failure;
use crate::protocol::ldap::codec as wire;
use crate::protocol::ldap::codec::{
    CHALLENGE_ATTRIBUTE, Frame, MAX_MESSAGE, Outcome, PADDING_ATTRIBUTE, STARTTLS,
};
use crate::reason::Reason;
use bytes::BytesMut;
use ldap3_proto::proto::{
    LdapDerefAliases, LdapExtendedRequest, LdapFilter, LdapMsg, LdapOp, LdapPartialAttribute,
    LdapSearchRequest, LdapSearchScope,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Messages that one answer may consist of. A rootDSE is one entry and one result.
const MAX_MESSAGES: usize = 32;

/// A connection on which further searches are made.
pub(super) struct Searches<S> {
    pub(super) talk: Talk<S>,
    pub(super) id: i32,
}

impl<S> Searches<S> {
    pub(super) fn next_id(&mut self) -> i32 {
        self.id += 1;
        self.id - 1
    }
}

impl<S: Io> Exchange for Searches<S> {
    fn answers_anybody(&self) -> bool {
        true
    }

    async fn exchange(&mut self, asked: &SentChallenge, padding: &str) -> Result<Heard, Failure> {
        let challenge = format!("{CHALLENGE_ATTRIBUTE}{}", asked.text);
        let padding = (!padding.is_empty()).then(|| format!("{PADDING_ATTRIBUTE}{padding}"));
        let more: Vec<&str> =
            std::iter::once(challenge.as_str()).chain(padding.as_deref()).collect();
        let id = self.next_id();
        let (mut entry, _) = self.talk.root_dse(id, &more).await?;
        let padding = entry
            .iter()
            .filter(|a| a.atype == PADDING_ATTRIBUTE)
            .flat_map(|a| &a.vals)
            .flatten()
            .copied()
            .collect();
        Ok(Heard { proof: take_proof(&mut entry, &challenge), padding, status: None })
    }
}

/// The value of the attribute that was asked for with this challenge.
pub(crate) fn take_proof(entry: &mut [LdapPartialAttribute], name: &str) -> Option<String> {
    let found = entry.iter_mut().find(|a| a.atype.eq_ignore_ascii_case(name))?;
    found.vals.pop().map(|value| String::from_utf8_lossy(&value).into_owned())
}

/// One connection on which LDAP is spoken.
pub(super) struct Talk<S> {
    pub(super) stream: S,
    pub(super) buffer: BytesMut,
}

impl<S: Io> Talk<S> {
    /// Asks for the rootDSE, with `more` attributes than a real directory has: its attributes, and
    /// facts from them.
    pub(super) async fn root_dse(
        &mut self,
        id: i32,
        more: &[&str],
    ) -> Result<(Vec<LdapPartialAttribute>, Facts), Failure> {
        let attrs = root_dse::ASKED.iter().copied().chain(more.iter().copied());
        let entry = self.entry(id, LdapFilter::Present("objectClass".to_owned()), attrs).await?;
        let entries = usize::from(entry.is_some());
        let entry = entry.unwrap_or_default();
        let mut facts = root_dse::describe(&entry);
        facts.ldap.entries = Some(entries);
        Ok((entry, facts))
    }

    /// The attributes of the entry without a name, where it fits the filter.
    pub(super) async fn entry<'t>(
        &mut self,
        id: i32,
        filter: LdapFilter,
        attrs: impl Iterator<Item = &'t str>,
    ) -> Result<Option<Vec<LdapPartialAttribute>>, Failure> {
        let request = LdapSearchRequest {
            base: String::new(),
            scope: LdapSearchScope::Base,
            aliases: LdapDerefAliases::Never,
            sizelimit: 0,
            timelimit: 0,
            typesonly: false,
            filter,
            attrs: attrs.map(str::to_owned).collect(),
        };
        self.send(LdapMsg::new(id, LdapOp::SearchRequest(request))).await?;
        let mut entry = None;
        for _ in 0..MAX_MESSAGES {
            let frame = self.next().await?;
            match frame.op {
                _ if frame.id != id => {}
                wire::OP_ENTRY => match frame.message().map(|m| m.op) {
                    Some(LdapOp::SearchResultEntry(found)) => {
                        entry.get_or_insert(found.attributes);
                    }
                    _ => return Err(not_ldap("an entry that cannot be read", &[])),
                },
                wire::OP_REFERENCE => {}
                wire::OP_DONE => {
                    success(&frame)?;
                    return Ok(entry);
                }
                op => {
                    return Err(not_ldap(
                        &format!("operation 0x{op:02x} in answer to a search"),
                        &[],
                    ));
                }
            }
        }
        Err(not_ldap("more messages than a rootDSE can need", &[]))
    }

    /// Asks for TLS (RFC 4511 section 4.14).
    pub(super) async fn start_tls(&mut self, id: i32) -> Result<((), Facts), Failure> {
        let request = LdapExtendedRequest { name: STARTTLS.to_owned(), value: None };
        self.send(LdapMsg::new(id, LdapOp::ExtendedRequest(request))).await?;
        for _ in 0..MAX_MESSAGES {
            let frame = self.next().await?;
            if frame.id != id {
                continue;
            }
            if frame.op != wire::OP_EXTENDED {
                return Err(not_ldap(
                    &format!("operation 0x{:02x} in answer to StartTLS", frame.op),
                    &[],
                ));
            }
            success(&frame).map_err(explain_starttls)?;
            // What came in clear text must never be taken for something from inside TLS.
            if !self.buffer.is_empty() {
                return Err(not_ldap(
                    "octets in clear text behind the answer to StartTLS",
                    &self.buffer,
                ));
            }
            return Ok(((), Facts::of(|facts| facts.ldap.result_code = Some(0))));
        }
        Err(not_ldap("no answer to StartTLS among many messages", &[]))
    }

    pub(super) async fn send(&mut self, message: LdapMsg) -> Result<(), Failure> {
        let octets = wire::encode(message);
        let sent = async {
            self.stream.write_all(&octets).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|e| Failure::after_connect(&e))
    }

    /// The next message. A notice of disconnection is a refusal.
    pub(super) async fn next(&mut self) -> Result<Frame, Failure> {
        loop {
            match wire::peel(&mut self.buffer, MAX_MESSAGE) {
                Ok(Some(frame)) if frame.id == 0 => {
                    let refused = success(&frame).err();
                    return Err(refused
                        .unwrap_or_else(|| not_ldap("a message with id 0", &[]))
                        .with("notice", true));
                }
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(wrong) => return Err(not_ldap(wrong.0, &self.buffer)),
            }
            self.buffer.reserve(4096);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    let closed = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                    return Err(
                        Failure::after_connect(&closed).with("octets_received", self.buffer.len())
                    );
                }
                Ok(_) => {}
                Err(error) => return Err(Failure::after_connect(&error)),
            }
        }
    }

    /// Says good-bye. Nothing depends on it, so nothing waits for an answer.
    pub(super) async fn leave(mut self, climb: &Climb<'_>, id: i32) {
        let farewell = async {
            let _ = self.send(LdapMsg::new(id, LdapOp::UnbindRequest)).await;
            let _ = self.stream.shutdown().await;
        };
        let _ = tokio::time::timeout(climb.step_deadline(), farewell).await;
    }
}

/// What came is no LDAP. `seen` are the octets that show it, of which the first are kept.
pub(crate) fn not_ldap(why: &str, seen: &[u8]) -> Failure {
    let mut failure = Failure::peer(Reason::LdapNotSpoken).with("why", why);
    if !seen.is_empty() {
        let first = &seen[..seen.len().min(64)];
        failure.facts.ended.first_octets = Some(wire::clean(first));
        let speaks = match first {
            [b'H', b'T', b'T', b'P', b'/', ..] => Some("HTTP"),
            [b'S', b'S', b'H', b'-', ..] => Some("SSH"),
            [0x14..=0x17, 3, ..] => Some("TLS"),
            _ => None,
        };
        failure.facts.ended.looks_like = speaks.map(str::to_owned);
    }
    failure
}

/// A result other than success is a refusal, with its code and its words.
pub(super) fn success(frame: &Frame) -> Result<(), Failure> {
    let Some(Outcome { code, text, referral, .. }) = frame.outcome() else {
        return Err(not_ldap("a result that cannot be read", &[]));
    };
    if code == 0 {
        return Ok(());
    }
    Err(Failure::peer(Reason::LdapRefused).noting(|facts| {
        facts.ldap.result_code = Some(code);
        facts.ldap.result = Some(wire::code_name(code).to_owned());
        facts.ldap.text = Some(text).filter(|text| !text.is_empty());
        facts.ldap.referral = referral;
    }))
}

/// Adds what a refusal of StartTLS usually comes from.
fn explain_starttls(failure: Failure) -> Failure {
    let hint = match failure.facts.ldap.result_code {
        Some(52) => {
            "the host has no certificate that it can use for TLS: on a domain controller one for \
                Server Authentication, with the host's \
             name, from a trusted issuer and with its private key, in the computer's store. This \
             is not a matter of the firewall"
        }
        Some(1) => "TLS is already up on this connection, or something is still outstanding",
        Some(2) => "the directory does not know StartTLS",
        _ => return failure,
    };
    failure.with("hint", hint)
}
