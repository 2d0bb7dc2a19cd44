//! A DNS server that gives one kind of answer to everybody (RFC 1035).

use super::Answer;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const HEADER: usize = 12;

/// Answers until the end.
pub async fn serve(socket: UdpSocket, answer: Answer, v4: Vec<Ipv4Addr>, v6: Vec<Ipv6Addr>, delay: Duration) {
    let socket = Arc::new(socket);
    let mut buffer = [0; 1500];
    while let Ok((octets, peer)) = socket.recv_from(&mut buffer).await {
        if answer == Answer::Silent {
            continue;
        }
        if let Some(reply) = reply(&buffer[..octets], answer, &v4, &v6) {
            // Questions for both families come at once: each answer waits by itself.
            let socket = socket.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = socket.send_to(&reply, peer).await;
            });
        }
    }
}

/// The answer to a question; `None` when it cannot be read.
fn reply(question: &[u8], answer: Answer, v4: &[Ipv4Addr], v6: &[Ipv6Addr]) -> Option<Vec<u8>> {
    let end = HEADER + question.get(HEADER..)?.iter().position(|o| *o == 0)? + 1 + 4;
    let asked = question.get(HEADER..end)?;
    let kind = u16::from_be_bytes(question.get(end - 4..end - 2)?.try_into().ok()?);
    let rcode = match answer {
        Answer::Servfail => 2,
        Answer::Nxdomain => 3,
        Answer::Addresses | Answer::Nodata | Answer::Silent => 0,
    };
    let records: Vec<Vec<u8>> = match (answer, kind) {
        (Answer::Addresses, TYPE_A) => v4.iter().map(|a| a.octets().to_vec()).collect(),
        (Answer::Addresses, TYPE_AAAA) => v6.iter().map(|a| a.octets().to_vec()).collect(),
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
