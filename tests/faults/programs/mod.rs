//! The bed's own small programs: peers and devices that do one thing wrong. Each runs in a thread
//! of this process, inside a namespace.

mod contents;
mod directory;
mod dns;
mod forward;
mod http;
mod mapper;
mod rpc;
mod talker;
mod tcp;
mod tls;

use crate::certificates::{Authorities, Made};
use crate::net;
use crate::scenario::{At, Family, Program};
use crate::support::inside::Inside;
use portmatrix::net::tls::Trust;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// What a program does. `port` is where it listens, `to` the port of `srv` that it passes things on
/// to.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Kind {
    /// Passes everything on.
    Relay {
        port: u16,
        to: u16,
        /// Begins only after this time.
        #[serde(default)]
        delay_ms: u64,
        /// Says this to the backend first.
        ahead: Option<String>,
        ahead_hex: Option<String>,
    },
    /// Passes everything on, with another path in the first request of HTTP/1.1.
    Rewriter { port: u16, to: u16, from: String, into: String },
    /// Passes everything on, and changes every octet of the bodies of HTTP/1.1 that come back.
    Scrambler { port: u16, to: u16 },
    /// Passes everything on, and holds an answer for a while that is larger than so many octets.
    Holder { port: u16, to: u16, octets: usize, hold_ms: u64 },
    /// Answers requests of HTTP/1.1 by themselves with one thing, as often as they come.
    Page { port: u16, text: String },
    /// Resets once the first octets came.
    Resetter { port: u16 },
    /// Takes everything and never answers.
    Swallower { port: u16 },
    /// Closes once the first octets came.
    Closer { port: u16 },
    /// Says one thing once the first octets came, and closes then, where it is said.
    Banner {
        port: u16,
        text: Option<String>,
        hex: Option<String>,
        #[serde(default)]
        closes: bool,
    },
    /// The same inside TLS, with a certificate of this kind.
    TlsBanner {
        port: u16,
        cert: String,
        text: String,
        #[serde(default)]
        speaks: tls::Speaks,
    },
    /// Speaks TLS with one cipher suite alone, which is none of the connector's.
    PickyTls {
        port: u16,
        suite: String,
        #[serde(default)]
        resets: bool,
    },
    /// Says these things in turn: each once something came, or the first at once.
    Talker {
        port: u16,
        #[serde(default)]
        first: bool,
        /// Text, or octets in hexadecimal behind `hex:`.
        says: Vec<String>,
        /// Pauses between two octets.
        #[serde(default)]
        pause_ms: u64,
    },
    /// Gives back what comes.
    Echo { port: u16 },
    /// Ends TLS with a certificate of this kind, and begins it anew towards the backend.
    Interceptor {
        port: u16,
        to: u16,
        cert: String,
        #[serde(default)]
        alpn: Vec<String>,
    },
    /// Answers everybody with what the first client was told.
    Replayer { port: u16, to: u16 },
    /// Changes proofs.
    Tamperer { port: u16, to: u16 },
    /// Speaks HTTP/2 without TLS.
    Http2Front {
        port: u16,
        to: u16,
        #[serde(default)]
        backend: Version,
        #[serde(default)]
        strip_trailers: bool,
        #[serde(default)]
        buffer: bool,
        status: Option<u16>,
    },
    /// Refuses one path of HTTP/1.1 with a status (0 closes without an answer) and a page, and
    /// passes everything else on.
    PathFilter {
        port: u16,
        to: u16,
        refuse: String,
        status: u16,
        #[serde(default)]
        page: String,
    },
    /// Passes every request of HTTP/1.1 on, and takes one header out of those for this path.
    Stripper { port: u16, to: u16, path: String, header: String },
    /// Listens, accepts nobody, and has as many connections waiting as it takes.
    FullQueue { port: u16 },
    /// Passes the first request of each connection on, and answers the others itself.
    Sharer { port: u16, to: u16, status: u16 },
    /// Passes every request on, and answers it itself.
    Keeper { port: u16, to: u16, status: u16 },
    /// Passes on, and closes the connection in an orderly way once nothing was said for so long, or
    /// so much was.
    Closing { port: u16, to: u16, idle_ms: Option<u64>, octets: Option<usize> },
    /// Passes on the first octets, and takes all others without a sign.
    Swallowing { port: u16, to: u16, octets: usize },
    /// Has a port of IPv6 alone.
    OnlyV6 { port: u16 },
    /// Refuses at the endpoint mapper.
    Rpc { port: u16, answer: Refusal },
    /// Is an endpoint mapper with ports behind it.
    Mapper {
        port: u16,
        #[serde(flatten)]
        says: mapper::Says,
    },
    /// Answers LDAP as a directory that says this of itself.
    Directory {
        port: u16,
        #[serde(flatten)]
        says: directory::Says,
    },
    /// Answers DNS questions on port 53; the workstation asks it.
    Dns {
        answer: Answer,
        #[serde(default)]
        v4: Vec<Ipv4Addr>,
        #[serde(default)]
        v6: Vec<Ipv6Addr>,
        /// Before each answer.
        #[serde(default)]
        delay_ms: u64,
        /// The only name that is there; all others are not.
        only: Option<String>,
        /// Whether questions for IPv6 addresses are lost.
        #[serde(default)]
        loses_aaaa: bool,
    },
    /// Has every port of a range, and listens on none: for this time from the beginning of each run
    /// of the connector, or all the while.
    PortHog { first: u16, last: u16, seconds: Option<f64> },
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Version {
    #[serde(rename = "1.1")]
    Http1,
    #[default]
    #[serde(rename = "2")]
    Http2,
}

/// How an endpoint mapper says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    NotRegistered,
    AccessDenied,
    BindRejected,
}

/// What a DNS server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Addresses,
    Nodata,
    Nxdomain,
    Servfail,
    Silent,
}

/// What a connection's handler may ask.
pub struct Context {
    recorded: Mutex<Option<Vec<u8>>>,
    /// For TLS towards the backend, where every certificate will do.
    pub trust: Trust,
    /// Of those whose client certificates a server takes.
    pub root: rustls::pki_types::CertificateDer<'static>,
}

impl Context {
    /// A port of `srv`, in the family in which the client came.
    fn backend(&self, client: &TcpStream, port: u16) -> SocketAddr {
        let v4 = client.peer_addr().is_ok_and(|a| a.ip().to_canonical().is_ipv4());
        SocketAddr::new(net::of(At::Srv, if v4 { Family::V4 } else { Family::V6 }), port)
    }

    fn recorded(&self) -> Option<Vec<u8>> {
        self.recorded.lock().ok()?.clone()
    }

    fn record(&self, said: &[u8]) {
        if let Ok(mut recorded) = self.recorded.lock() {
            *recorded = Some(said.to_vec());
        }
    }
}

impl Program {
    /// Whether it is started anew with each run of the connector.
    pub fn each_run(&self) -> bool {
        matches!(self.kind, Kind::PortHog { seconds: Some(_), .. })
    }

    pub fn is_dns(&self) -> bool {
        matches!(self.kind, Kind::Dns { .. })
    }

    /// Starts it in a namespace; it listens when this returns.
    ///
    /// # Errors
    /// When its port cannot be had.
    pub fn start(&self, namespace: &str, authorities: &Authorities) -> Result<Inside, String> {
        let kind = self.kind.clone();
        let made = match &kind {
            Kind::Interceptor { cert, .. } | Kind::TlsBanner { cert, .. } => {
                Some(authorities.make(cert))
            }
            _ => None,
        };
        let roots = vec![authorities.root_certificate()];
        match kind {
            Kind::Dns { answer, v4, v6, delay_ms, only, loses_aaaa } => {
                Inside::start(namespace, move || {
                    let socket = std::net::UdpSocket::bind((IpAddr::V6(Ipv6Addr::UNSPECIFIED), 53))
                        .map_err(|e| format!("port 53: {e}"))?;
                    socket.set_nonblocking(true).map_err(|e| e.to_string())?;
                    let socket = UdpSocket::from_std(socket).map_err(|e| e.to_string())?;
                    Ok(dns::serve(
                        socket,
                        dns::Zone { answer, v4, v6, only, loses_aaaa },
                        Duration::from_millis(delay_ms),
                    ))
                })
            }
            Kind::PortHog { first, last, seconds } => Inside::start(namespace, move || {
                // One socket for all addresses of both families, so that no connection from here
                // can have the port. One that is left out would be one that is left to the
                // connector.
                let held = (first..=last)
                    .map(|port| bind_soon(port).map_err(|e| format!("port {port}: {e}")));
                let held = held.collect::<Result<Vec<_>, _>>()?;
                Ok(async move {
                    match seconds {
                        Some(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
                        None => std::future::pending().await,
                    }
                    drop(held);
                })
            }),
            Kind::Mapper { port, says } => Inside::start(namespace, move || {
                let listen = |port: u16| {
                    bind(port).and_then(|s| s.listen(128)).map_err(|e| format!("port {port}: {e}"))
                };
                let others =
                    says.open.iter().map(|port| listen(*port)).collect::<Result<Vec<_>, _>>()?;
                Ok(mapper::run(listen(port)?, others, says))
            }),
            Kind::OnlyV6 { port } => Inside::start(namespace, move || {
                let socket = TcpSocket::new_v6().map_err(|e| e.to_string())?;
                socket2::SockRef::from(&socket).set_only_v6(true).map_err(|e| e.to_string())?;
                let bound = socket
                    .bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))
                    .and_then(|()| socket.listen(128));
                let listener = bound.map_err(|e| format!("port {port}: {e}"))?;
                Ok(async move { while let Ok(_taken) = listener.accept().await {} })
            }),
            Kind::FullQueue { port } => Inside::start(namespace, move || {
                let listener = bind(port)
                    .and_then(|s| s.listen(1))
                    .map_err(|e| format!("port {port}: {e}"))?;
                let fill = |_| std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port));
                let waiting = (0..2)
                    .map(fill)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|e| format!("port {port}: {e}"))?;
                Ok(async move {
                    std::future::pending::<()>().await;
                    drop((listener, waiting));
                })
            }),
            kind => Inside::start(namespace, move || {
                let port = kind.port();
                let listener = bind(port)
                    .and_then(|s| s.listen(128))
                    .map_err(|e| format!("port {port}: {e}"))?;
                let root = roots[0].clone();
                let context = Context {
                    recorded: Mutex::new(None),
                    trust: Trust::roots(roots).map_err(|e| e.to_string())?,
                    root,
                };
                Ok(accept(listener, Arc::new(kind), Arc::new(context), made))
            }),
        }
    }
}

/// A socket on a port of all addresses of both families.
/// The same, where a connection of the run before may still be ending on the port.
fn bind_soon(port: u16) -> std::io::Result<TcpSocket> {
    for _ in 0..100 {
        match bind(port) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                std::thread::sleep(Duration::from_millis(100));
            }
            outcome => return outcome,
        }
    }
    bind(port)
}

fn bind(port: u16) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v6()?;
    socket2::SockRef::from(&socket).set_only_v6(false)?;
    socket.bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))?;
    Ok(socket)
}

async fn accept(listener: TcpListener, kind: Arc<Kind>, context: Arc<Context>, made: Option<Made>) {
    let made = made.map(Arc::new);
    while let Ok((stream, _)) = listener.accept().await {
        let (kind, context, made) = (kind.clone(), context.clone(), made.clone());
        tokio::task::spawn_local(
            async move { handle(&kind, &context, stream, made.as_deref()).await },
        );
    }
}

async fn handle(kind: &Kind, context: &Context, stream: TcpStream, made: Option<&Made>) {
    let _ = stream.set_nodelay(true);
    match kind {
        Kind::Relay { to, delay_ms, ahead, ahead_hex, .. } => {
            tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
            tcp::relay(context, stream, *to, &text_or_hex(ahead.as_deref(), ahead_hex.as_deref()))
                .await;
        }
        Kind::Rewriter { to, from, into, .. } => {
            contents::rewrite(context, stream, *to, from, into).await
        }
        Kind::Scrambler { to, .. } => contents::scramble(context, stream, *to).await,
        Kind::Holder { to, octets, hold_ms, .. } => {
            contents::hold(context, stream, *to, *octets, Duration::from_millis(*hold_ms)).await
        }
        Kind::Page { text, .. } => contents::page(stream, text).await,
        Kind::Resetter { .. } => tcp::reset(stream).await,
        Kind::Swallower { .. } => tcp::swallow(stream).await,
        Kind::Closer { .. } => tcp::close(stream).await,
        Kind::Banner { text, hex, closes, .. } => {
            tcp::say(stream, text.as_deref(), hex.as_deref(), *closes).await
        }
        Kind::Talker { first, says, pause_ms, .. } => {
            talker::talk(stream, *first, says, *pause_ms).await
        }
        Kind::Echo { .. } => talker::echo(stream).await,
        Kind::Replayer { to, .. } => tcp::replay(context, stream, *to).await,
        Kind::Tamperer { to, .. } => tcp::tamper(context, stream, *to).await,
        Kind::Interceptor { to, alpn, .. } => {
            if let Some(made) = made {
                http::intercept(context, stream, *to, &made.acceptor(alpn)).await;
            }
        }
        Kind::TlsBanner { text, speaks, .. } => {
            let Some(made) = made else { return };
            tls::banner(stream, &tls::acceptor(made, &context.root, speaks), text).await;
        }
        Kind::PickyTls { suite, resets, .. } => tls::picky(stream, suite, *resets).await,
        Kind::Http2Front { to, backend, strip_trailers, buffer, status, .. } => {
            let front = http::Front {
                backend: *backend,
                strip_trailers: *strip_trailers,
                buffer: *buffer,
                status: *status,
            };
            http::front(context, stream, *to, front).await;
        }
        Kind::PathFilter { to, refuse, status, page, .. } => {
            forward::filter(context, stream, *to, refuse, (*status, page)).await
        }
        Kind::Stripper { to, path, header, .. } => {
            forward::strip(context, stream, *to, path, header).await
        }
        Kind::Sharer { to, status, .. } => forward::share(context, stream, *to, *status).await,
        Kind::Keeper { to, status, .. } => forward::keep_back(context, stream, *to, *status).await,
        Kind::Closing { to, idle_ms, octets, .. } => {
            forward::close(context, stream, *to, *idle_ms, *octets).await
        }
        Kind::Swallowing { to, octets, .. } => {
            forward::swallow(context, stream, *to, *octets).await
        }
        Kind::OnlyV6 { .. } | Kind::FullQueue { .. } | Kind::Mapper { .. } => {}
        Kind::Rpc { answer, .. } => rpc::serve(stream, *answer).await,
        Kind::Directory { says, .. } => directory::serve(stream, says).await,
        Kind::Dns { .. } | Kind::PortHog { .. } => {}
    }
}

impl Kind {
    fn port(&self) -> u16 {
        match self {
            Kind::Relay { port, .. }
            | Kind::Rewriter { port, .. }
            | Kind::Scrambler { port, .. }
            | Kind::Holder { port, .. }
            | Kind::Page { port, .. }
            | Kind::Resetter { port }
            | Kind::Swallower { port }
            | Kind::Closer { port }
            | Kind::Banner { port, .. }
            | Kind::Talker { port, .. }
            | Kind::Echo { port }
            | Kind::TlsBanner { port, .. }
            | Kind::PickyTls { port, .. }
            | Kind::Interceptor { port, .. }
            | Kind::Replayer { port, .. }
            | Kind::Tamperer { port, .. }
            | Kind::Http2Front { port, .. }
            | Kind::Directory { port, .. }
            | Kind::PathFilter { port, .. }
            | Kind::Stripper { port, .. }
            | Kind::FullQueue { port }
            | Kind::Sharer { port, .. }
            | Kind::Keeper { port, .. }
            | Kind::Closing { port, .. }
            | Kind::Swallowing { port, .. }
            | Kind::OnlyV6 { port }
            | Kind::Mapper { port, .. }
            | Kind::Rpc { port, .. } => *port,
            Kind::Dns { .. } | Kind::PortHog { .. } => 0,
        }
    }
}

/// Text, or octets in hexadecimal.
fn text_or_hex(text: Option<&str>, hex: Option<&str>) -> Vec<u8> {
    let digits: Vec<u8> = hex.unwrap_or_default().bytes().filter(u8::is_ascii_hexdigit).collect();
    let octets = digits
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    text.unwrap_or_default().bytes().chain(octets).collect()
}
