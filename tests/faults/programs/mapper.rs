//! An endpoint mapper, and the ports that it gives, of a server that is not the site's listener.

use portmatrix::protocol::rpc::codec::epm::{Handle, MapRequest, MapResponse, NO_HANDLE};
use portmatrix::protocol::rpc::codec::{
    Assembler, BindAck, Body, ContextResult, Fault, MAX_FRAG, Pdu, Response, Syntax, Tower, status,
};
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The handle of an answer that is not complete.
const MORE: Handle = [7; 20];

/// What it does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Says {
    /// Ports that it gives for every interface.
    pub gives: Vec<u16>,
    /// Ports on which it answers binds.
    #[serde(default)]
    pub open: Vec<u16>,
    /// Towers in one answer.
    pub page: Option<usize>,
    /// Calls that it is too busy for, from the first one on.
    #[serde(default)]
    pub busy: u32,
    /// Octets of a fragment's stub.
    pub fragment: Option<u16>,
    /// Its other ports deny strangers.
    #[serde(default)]
    pub ports_deny: bool,
    /// Version of the interface that it has, instead of the one that is asked for.
    pub version: Option<u16>,
}

/// Serves the mapper's port and the others.
pub async fn run(mapper: TcpListener, others: Vec<TcpListener>, says: Says) {
    let says = Rc::new((says, AtomicU32::new(0)));
    let mut tasks = vec![tokio::task::spawn_local(accept(mapper, says.clone(), true))];
    tasks.extend(
        others
            .into_iter()
            .map(|other| tokio::task::spawn_local(accept(other, says.clone(), false))),
    );
    for task in tasks {
        let _ = task.await;
    }
}

async fn accept(listener: TcpListener, says: Rc<(Says, AtomicU32)>, is_mapper: bool) {
    while let Ok((stream, _)) = listener.accept().await {
        let says = says.clone();
        tokio::task::spawn_local(async move {
            // Nobody waits longer than that.
            let _ = tokio::time::timeout(Duration::from_secs(20), serve(stream, &says, is_mapper))
                .await;
        });
    }
}

async fn serve(mut stream: TcpStream, (says, calls): &(Says, AtomicU32), is_mapper: bool) {
    let mut assembler = Assembler::default();
    let mut chunk = [0; 4096];
    let mut given = 0;
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        assembler.push(&chunk[..n]);
        while let Ok(Some(pdu)) = assembler.next_pdu() {
            let body = match &pdu.body {
                Body::Bind(_) if !is_mapper && says.ports_deny => {
                    Body::Fault(Fault { context: 0, status: status::ACCESS_DENIED })
                }
                Body::Bind(bind) => {
                    let mut results = vec![ContextResult::rejected(2); bind.contexts.len()];
                    if let Some(first) = results.first_mut() {
                        *first = ContextResult::accepted(Syntax::NDR32);
                    }
                    let own = stream.local_addr().map(|a| a.port()).unwrap_or_default();
                    Body::BindAck(BindAck {
                        max_xmit: 5840,
                        max_recv: 5840,
                        assoc_group: 7,
                        sec_addr: own.to_string(),
                        results,
                    })
                }
                Body::Request(_) if calls.fetch_add(1, Ordering::Relaxed) < says.busy => {
                    Body::Fault(Fault { context: 0, status: status::SERVER_TOO_BUSY })
                }
                Body::Request(request) => {
                    match MapRequest::decode(&request.stub, pdu.order)
                        .ok()
                        .and_then(|asked| asked.tower?.interface())
                    {
                        Some(interface) => Body::Response(Response {
                            context: 0,
                            stub: page(says, interface, &mut given),
                        }),
                        None => Body::Fault(Fault { context: 0, status: status::BAD_STUB_DATA }),
                    }
                }
                _ => Body::Fault(Fault { context: 0, status: status::ACCESS_DENIED }),
            };
            let answer = Pdu::new(pdu.call_id, body).encode(says.fragment.unwrap_or(MAX_FRAG));
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// The next towers of an interface.
fn page(says: &Says, interface: Syntax, given: &mut usize) -> Vec<u8> {
    let interface = Syntax { major: says.version.unwrap_or(interface.major), ..interface };
    let ports = says.gives.iter().skip(*given).take(says.page.unwrap_or(usize::MAX));
    let towers: Vec<Tower> =
        ports.map(|port| Tower::tcp(interface, *port, Ipv4Addr::UNSPECIFIED)).collect();
    *given += towers.len();
    let more = *given < says.gives.len();
    if !more {
        *given = 0;
    }
    let max_count = u32::try_from(towers.len()).unwrap_or(4).max(4);
    MapResponse { handle: if more { MORE } else { NO_HANDLE }, max_count, towers, status: 0 }
        .encode(3)
}
