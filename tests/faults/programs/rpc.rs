//! An endpoint mapper that says no in one way.

use super::Refusal;
use portmatrix::protocol::rpc::codec::epm::{MapResponse, NO_HANDLE};
use portmatrix::protocol::rpc::codec::{
    Assembler, BindAck, BindNak, Body, ContextResult, Fault, MAX_FRAG, Pdu, Response, Syntax,
    status,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// "No such entry" of the endpoint mapper (C706 appendix E).
const NOT_REGISTERED: u32 = 0x16c9_a0d6;
/// "Protocol version not supported" of a bind_nak (C706 12.6.4.5).
const NAK_REASON: u16 = 4;

/// Answers each PDU.
pub async fn serve(mut stream: TcpStream, refusal: Refusal) {
    let mut assembler = Assembler::default();
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        assembler.push(&chunk[..n]);
        while let Ok(Some(pdu)) = assembler.next_pdu() {
            let answer = Pdu::new(pdu.call_id, answer(&pdu.body, refusal)).encode(MAX_FRAG);
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

fn answer(body: &Body, refusal: Refusal) -> Body {
    match (body, refusal) {
        (Body::Bind(_), Refusal::BindRejected) => Body::BindNak(BindNak::new(NAK_REASON)),
        (Body::Bind(bind), _) => {
            // As Samba does: the first context is taken, others are not.
            let mut results = vec![ContextResult::rejected(2); bind.contexts.len()];
            if let Some(first) = results.first_mut() {
                *first = ContextResult::accepted(Syntax::NDR32);
            }
            Body::BindAck(BindAck {
                max_xmit: 5840,
                max_recv: 5840,
                assoc_group: 7,
                sec_addr: "135".into(),
                results,
            })
        }
        (_, Refusal::NotRegistered) => {
            let answer = MapResponse {
                handle: NO_HANDLE,
                max_count: 4,
                towers: Vec::new(),
                status: NOT_REGISTERED,
            };
            Body::Response(Response { context: 0, stub: answer.encode(3) })
        }
        _ => Body::Fault(Fault { context: 0, status: status::ACCESS_DENIED }),
    }
}
