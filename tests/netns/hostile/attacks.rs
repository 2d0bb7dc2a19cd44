//! What strangers do.

use super::bed::{LDAP, MAPPER, PLAIN, TLS, WEB, connect_from, is_long};
use portmatrix::net::identity::Identity;
use portmatrix::net::tls::{self, Trust};
use portmatrix::protocol::rpc::codec::{Bind, Body, Context, MAX_FRAG, Pdu, Request, Syntax};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Waits for the end of a connection, whatever comes.
async fn until_closed(stream: &mut TcpStream) {
    let mut chunk = [0; 4096];
    while stream.read(&mut chunk).await.is_ok_and(|n| n > 0) {}
}

/// Runs so many at a time, each again and again.
async fn many<F: Future<Output = ()> + 'static>(
    count: u32,
    one: impl Fn(u32) -> F + Clone + 'static,
) {
    let mut all = JoinSet::new();
    for number in 0..count {
        let one = one.clone();
        all.spawn_local(async move {
            loop {
                one(number).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if number % 64 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    while all.join_next().await.is_some() {}
}

/// Connections on which nothing is said; whoever is put out comes again.
pub async fn silent(ports: Vec<SocketAddr>, count: u32, addresses: u32) {
    let step = u32::try_from(ports.len()).expect("few");
    many(count, move |number| {
        let to = ports[usize::try_from(number % step).expect("few")];
        async move {
            if let Ok(mut stream) = connect_from(number % addresses, to).await {
                until_closed(&mut stream).await;
            }
        }
    })
    .await;
}

/// A request of HTTP/2 that never ends, with as many header octets as a server takes.
pub async fn large_headers(at: SocketAddr, count: u32) {
    let is_tls = at.port() == TLS;
    many(count, move |number| async move {
        let Ok(stream) = connect_from(number % 64, at).await else { return };
        if is_tls {
            if let Some(mut stream) = inside_tls(stream).await {
                say_headers(&mut stream).await;
            }
        } else {
            let mut stream = stream;
            say_headers(&mut stream).await;
        }
    })
    .await;
}

async fn say_headers(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut frame = |kind: u8, flags: u8, id: u32, body: &[u8]| {
        let length = u32::try_from(body.len()).expect("small");
        octets.extend_from_slice(&length.to_be_bytes()[1..]);
        octets.extend_from_slice(&[kind, flags]);
        octets.extend_from_slice(&id.to_be_bytes());
        octets.extend_from_slice(body);
    };
    frame(4, 0, 0, &[]);
    // All at once they are more than a stranger may say: then he comes again and again, which costs
    // the machine its time, and in a build without optimisation all of it.
    for stream_id in 0..if is_long() { 16_u32 } else { 1 } {
        // :method POST, :scheme http, :path /, and literal fields without indexing.
        let mut block = vec![0x83, 0x86, 0x84];
        for n in 0..240_u8 {
            block.extend_from_slice(&[0x00, 4, b'x', b'-', b'a' + n / 26, b'a' + n % 26, 20]);
            block.extend_from_slice(&[b'v'; 20]);
        }
        frame(1, 4, 1 + 2 * stream_id, &block);
        frame(0, 0, 1 + 2 * stream_id, &[0; 900]);
    }
    if stream.write_all(&octets).await.is_ok() {
        let mut chunk = [0; 4096];
        while stream.read(&mut chunk).await.is_ok_and(|n| n > 0) {}
    }
}

async fn inside_tls(stream: TcpStream) -> Option<impl AsyncRead + AsyncWrite + Unpin> {
    let trust = Trust::roots(Vec::new()).ok()?;
    tls::connect(&trust, stream, "srv.bed.test", &["h2"]).await.ok().map(|session| session.stream)
}

/// Valid requests of each protocol, many in a row.
pub fn requests() -> Vec<(&'static str, u16, Vec<u8>)> {
    let web = b"GET /Agent HTTP/1.1\r\nhost: srv\r\n\r\n".repeat(40);
    // A search of the rootDSE for everything (RFC 4511 section 4.5.1).
    let search = [
        &[0x30, 0x25, 2, 1, 1, 0x63, 0x20, 4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0][..],
        &[0x87, 11][..],
        b"objectClass",
        &[0x30, 0][..],
    ]
    .concat();
    vec![
        ("pipelined HTTP", WEB, web),
        ("LDAP searches", LDAP, search.repeat(40)),
        ("RPC look-ups", MAPPER, look_ups()),
    ]
}

fn look_ups() -> Vec<u8> {
    let contexts = vec![Context { id: 0, interface: Syntax::EPM, transfers: vec![Syntax::NDR32] }];
    let bind = Bind { max_xmit: MAX_FRAG, max_recv: MAX_FRAG, assoc_group: 0, contexts };
    let mut octets = Pdu::new(1, Body::Bind(bind)).encode(MAX_FRAG);
    // ept_lookup of all elements: no object, no interface, version option 1, no handle, 500 entries.
    let mut stub = Vec::new();
    for number in [0_u32, 0, 0, 1, 0, 0, 0, 0, 0, 500] {
        stub.extend_from_slice(&number.to_le_bytes());
    }
    for call in 0..40 {
        let request = Request { context: 0, opnum: 2, object: None, stub: stub.clone() };
        octets.extend_from_slice(&Pdu::new(2 + call, Body::Request(request)).encode(MAX_FRAG));
    }
    octets
}

/// Says the same again and again, as fast as it is taken, on so many connections.
pub async fn repeat(at: SocketAddr, octets: Vec<u8>, count: u32) {
    many(count, move |number| {
        let octets = octets.clone();
        async move {
            let Ok(stream) = connect_from(number % 64, at).await else { return };
            let (mut read, mut write) = stream.into_split();
            let reading = async move {
                let mut chunk = [0; 16 * 1024];
                while read.read(&mut chunk).await.is_ok_and(|n| n > 0) {}
            };
            let writing = async move { while write.write_all(&octets).await.is_ok() {} };
            tokio::join!(reading, writing);
        }
    })
    .await;
}

/// Beginnings of requests that never end.
pub fn unfinished() -> Vec<(&'static str, u16, Vec<u8>)> {
    let mut web = b"POST /Agent HTTP/1.1\r\nhost: srv\r\ncontent-length: 1048576\r\n\r\n".to_vec();
    web.resize(1 << 20, b'x');
    let mut heads = b"GET /Agent HTTP/1.1\r\n".to_vec();
    heads.resize(1 << 20, b'x');
    // A message of LDAP, 1 MiB long.
    let mut ldap = vec![0x30, 0x83, 0x0f, 0xff, 0xf0, 2, 1, 1];
    ldap.resize(1 << 20, 0);
    let request = Request { context: 0, opnum: 3, object: None, stub: vec![0; 5000] };
    let mut fragment = Pdu::new(1, Body::Request(request)).encode(MAX_FRAG);
    // Never the last one.
    fragment[3] &= !2;
    vec![
        ("a body of 1 MiB", WEB, web),
        ("a head of 1 MiB", WEB, heads),
        ("a message of LDAP of 1 MiB", LDAP, ldap),
        ("fragments of RPC", MAPPER, fragment.repeat(200)),
        ("a line of 1 MiB", PLAIN, vec![b'x'; 1 << 20]),
    ]
}

/// Says this once on each of so many connections, and stays.
pub async fn pour(at: SocketAddr, octets: Vec<u8>, count: u32) {
    many(count, move |number| {
        let octets = octets.clone();
        async move {
            let Ok(mut stream) = connect_from(number % 64, at).await else { return };
            let _ = stream.write_all(&octets).await;
            until_closed(&mut stream).await;
        }
    })
    .await;
}

/// Half a bind on each of so many ports, from one address.
pub async fn half_binds(first: SocketAddr, ports: u32, count: u32) {
    many(count, move |number| async move {
        let port = first.port() + u16::try_from(number % ports).expect("a port");
        let to = SocketAddr::new(first.ip(), port);
        if let Ok(mut stream) = connect_from(1, to).await {
            let _ = stream.write_all(&[5, 0, 11, 3, 16, 0, 0, 0, 72, 0]).await;
            until_closed(&mut stream).await;
        }
    })
    .await;
}

/// What is said first, and what again and again.
pub type Endless = (Vec<u8>, Vec<u8>);

/// Answers that never come to an end: what is said first, and what again and again.
pub fn endless_answers() -> Vec<(&'static str, &'static str, u16, Endless)> {
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(400);
    let header = b"x: y\r\n".repeat(4000);
    let body = vec![b'x'; 64 * 1024];
    // A success of LDAP's search, and entries without end (RFC 4511 section 4.5.2).
    let entry = [&[0x30, 12, 2, 1, 2, 0x64, 7, 4, 1, b'x', 0x30, 2, 0x30, 0][..]].concat();
    vec![
        ("1xx without end", "lan/web/ws.bed.test/srv.bed.test:7080", WEB, (Vec::new(), early)),
        (
            "headers without end",
            "lan/web/ws.bed.test/srv.bed.test:7080",
            WEB,
            (b"HTTP/1.1 200 OK\r\n".to_vec(), header),
        ),
        (
            "a body without end",
            "lan/web/ws.bed.test/srv.bed.test:7080",
            WEB,
            (b"HTTP/1.1 500 No\r\n\r\n".to_vec(), body.clone()),
        ),
        (
            "entries without end",
            "lan/directory/ws.bed.test/srv.bed.test:389",
            LDAP,
            (Vec::new(), entry.repeat(1000)),
        ),
        (
            "1xx of HTTP/2 without end",
            "lan/tls/ws.bed.test/srv.bed.test:7443",
            TLS,
            endless_http2(),
        ),
        ("RPC without end", "lan/rpc/ws.bed.test/srv.bed.test:135", MAPPER, (Vec::new(), body)),
    ]
}

/// SETTINGS, and `:status: 103` on the first stream again and again: 14 octets each time.
fn endless_http2() -> Endless {
    let early = [0, 0, 5, 1, 4, 0, 0, 0, 1, 0x08, 3, b'1', b'0', b'3'];
    (vec![0, 0, 0, 4, 0, 0, 0, 0, 0], early.repeat(4000))
}

/// Serves these to whoever comes.
pub async fn answer_without_end(at: SocketAddr, endless: Endless) {
    let listener = tokio::net::TcpListener::bind(at).await.expect("the port is free");
    let identity = Identity::self_signed(&["srv.bed.test".to_owned()]).expect("a certificate");
    let acceptor = identity.acceptor(&["h2"]).expect("key and certificate fit");
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (endless, acceptor) = (endless.clone(), acceptor.clone());
        tokio::task::spawn_local(async move {
            if at.port() == TLS {
                if let Ok(stream) = acceptor.accept(stream).await {
                    pour_out(stream, endless).await;
                }
            } else {
                pour_out(stream, endless).await;
            }
        });
    }
}

async fn pour_out(mut stream: impl AsyncRead + AsyncWrite + Unpin, (first, again): Endless) {
    let _ = stream.read(&mut [0; 4096]).await;
    if stream.write_all(&first).await.is_ok() {
        // By HTTP/2 the request comes behind the beginning of both ends.
        let more = Duration::from_millis(200);
        let _ = tokio::time::timeout(more, stream.read(&mut [0; 4096])).await;
        while stream.write_all(&again).await.is_ok() {}
    }
}
