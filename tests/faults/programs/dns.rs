//! A DNS server that gives one kind of answer to everybody (RFC 1035).

use super::Answer;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const HEADER: usize = 12;

/// What it says.
pub struct Zone {
    pub answer: Answer,
    pub v4: Vec<Ipv4Addr>,
    pub v6: Vec<Ipv6Addr>,
    /// The only name that is there.
    pub only: Option<String>,
    /// Whether questions for IPv6 addresses are lost.
    pub loses_aaaa: bool,
}

/// Answers until the end.
pub async fn serve(socket: UdpSocket, zone: Zone, delay: Duration) {
    let socket = Arc::new(socket);
    let mut buffer = [0; 1500];
    while let Ok((octets, peer)) = socket.recv_from(&mut buffer).await {
        if zone.answer == Answer::Silent {
            continue;
        }
        if let Some(reply) = reply(&buffer[..octets], &zone) {
            // Questions for both families come at once: each answer waits by itself.
            let socket = socket.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = socket.send_to(&reply, peer).await;
            });
        }
    }
}

/// The name that is asked for, with dots.
fn name(asked: &[u8]) -> Option<String> {
    let (mut labels, mut rest) = (Vec::new(), asked);
    while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, next) = after.split_at_checked(usize::from(*length))?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        rest = next;
    }
    Some(labels.join("."))
}

/// The answer to a question; `None` when it cannot be read, or is lost.
fn reply(question: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let end = HEADER + question.get(HEADER..)?.iter().position(|o| *o == 0)? + 1 + 4;
    let asked = question.get(HEADER..end)?;
    let kind = u16::from_be_bytes(question.get(end - 4..end - 2)?.try_into().ok()?);
    if zone.loses_aaaa && kind == TYPE_AAAA {
        return None;
    }
    let there = zone.only.is_none() || name(asked) == zone.only;
    let answer = if there { zone.answer } else { Answer::Nxdomain };
    let rcode = match answer {
        Answer::Servfail => 2,
        Answer::Nxdomain => 3,
        Answer::Addresses | Answer::Nodata | Answer::Silent => 0,
    };
    let records: Vec<Vec<u8>> = match (answer, kind) {
        (Answer::Addresses, TYPE_A) => zone.v4.iter().map(|a| a.octets().to_vec()).collect(),
        (Answer::Addresses, TYPE_AAAA) => zone.v6.iter().map(|a| a.octets().to_vec()).collect(),
        _ => Vec::new(),
    };
    let mut reply = question.get(..2)?.to_vec();
    reply.extend([0x81, 0x80 | rcode, 0, 1, 0, u8::try_from(records.len()).ok()?, 0, 0, 0, 0]);
    reply.extend(asked);
    for data in records {
        // The name by a pointer to the question, class IN, 60 s.
        reply.extend([0xc0, 0x0c]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).ok()?]);
        reply.extend(data);
    }
    Some(reply)
}
