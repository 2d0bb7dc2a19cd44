//! On loopback: what the kernel tells about attempts that open, are refused, or are never answered.

#[cfg(target_os = "linux")]
use super::ending::ports_used_up;
use super::*;
#[cfg(target_os = "linux")]
use crate::net::os;
use crate::observation::Initiator;
#[cfg(target_os = "linux")]
use std::io;
use std::net::TcpListener;

const LONG: Duration = Duration::from_secs(5);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

#[tokio::test]
async fn an_open_port_needs_one_attempt_and_one_syn() {
    let (_listener, at) = listener();
    let (evidence, stream) = connect(None, at, LONG, 1).await;
    let stream = stream.expect("it opens");
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].source, stream.local_addr().ok());
    assert_eq!((evidence[0].attempt, evidence[0].outcome, evidence[0].icmp), (1, None, None));
    assert!(stream.nodelay().expect("an option"));
    #[cfg(target_os = "linux")]
    {
        assert_eq!(evidence[0].syns, Some(1));
        assert!(
            !os::linux::has_error_queue(&socket2::SockRef::from(&stream)),
            "harmless messages would end the connection"
        );
    }
}

#[tokio::test]
async fn a_reset_is_not_asked_again_and_has_its_source_port() {
    let (gone, at) = listener();
    drop(gone);
    let (evidence, outcome) = connect(Some([127, 0, 0, 5].into()), at, LONG, 5).await;
    let failure = outcome.expect_err("nobody listens");
    assert_eq!((failure.reason, failure.initiator), (Reason::Refused, Initiator::Peer));
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].outcome, Some(Reason::Refused));
    #[cfg(target_os = "linux")]
    assert!(
        evidence[0].source.is_some_and(|s| s.ip() == IpAddr::from([127, 0, 0, 5]) && s.port() != 0),
        "{evidence:?}"
    );
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_a_local_fault() {
    let (_listener, at) = listener();
    let (evidence, outcome) = connect(Some([192, 0, 2, 1].into()), at, LONG, 1).await;
    let failure = outcome.expect_err("it cannot be bound");
    assert_eq!((failure.reason, failure.initiator), (Reason::LocalAddressInUse, Initiator::Local));
    assert_eq!(evidence.len(), 1, "what this machine cannot send is not tried again");
}

/// A listener whose queue is full drops SYNs, as a firewall does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn silence_is_asked_again_from_another_port_within_the_same_deadline() {
    let full =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    full.listen(0).expect("it listens");
    let at = full.local_addr().expect("an address").as_socket().expect("of IPv4");
    let filling: Vec<_> =
        (0..4).map(|_| connect(None, at, Duration::from_millis(100), 0)).collect();
    let mut held = Vec::new();
    for one in filling {
        held.push(one.await);
    }
    let begun = clock::instant();
    let (evidence, outcome) = connect(None, at, Duration::from_millis(1500), 2).await;
    let took = clock::since(begun);
    assert_eq!(outcome.expect_err("nothing answers").reason, Reason::TimedOut);
    assert!(took >= Duration::from_millis(1450) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(evidence.iter().map(|e| e.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let mut ports: Vec<u16> = evidence.iter().filter_map(|e| e.source).map(|s| s.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3, "each has a port of its own: {evidence:?}");
    assert!(evidence.iter().all(|e| e.outcome == Some(Reason::TimedOut)), "{evidence:?}");
    assert_eq!(
        evidence[0].syns,
        Some(2),
        "the kernel sent its SYN again after a second: {evidence:?}"
    );
}

#[test]
fn the_first_attempt_has_most_of_the_deadline_and_the_last_ends_with_it() {
    assert!((share(1, 1) - 1.0).abs() < 1e-9);
    assert!((share(1, 2) - 0.6).abs() < 1e-9 && (share(2, 2) - 1.0).abs() < 1e-9);
    assert!((share(2, 3) - 0.8).abs() < 1e-9 && (share(6, 6) - 1.0).abs() < 1e-9);
}

#[cfg(target_os = "linux")]
#[test]
fn the_routing_table_tells_a_route_that_refuses_from_a_policy() {
    let to = SocketAddr::from(([192, 0, 2, 1], 1));
    let code = io::Error::from_raw_os_error;
    let reason = |error, route: Result<IpAddr, io::Error>| {
        unopened(blank(to, 1), &code(error), route).1.reason
    };
    let ours = || Ok(IpAddr::from([10, 0, 0, 1]));
    assert_eq!(reason(libc::EACCES, Err(code(libc::EACCES))), Reason::LocalNoRoute, "prohibit");
    assert_eq!(reason(libc::EACCES, ours()), Reason::LocalPermission, "a policy");
    assert_eq!(
        reason(libc::EPERM, Err(code(libc::EPERM))),
        Reason::LocalPermission,
        "a policy that holds for every protocol"
    );
    assert_eq!(reason(libc::EINVAL, Err(code(libc::EINVAL))), Reason::LocalNoRoute, "blackhole");
    assert_eq!(
        reason(libc::EHOSTUNREACH, Err(code(libc::EHOSTUNREACH))),
        Reason::LocalNoRoute,
        "unreachable"
    );
    assert_eq!(
        reason(libc::ENETUNREACH, Err(code(libc::ENETUNREACH))),
        Reason::LocalNoRoute,
        "none"
    );
    assert_eq!(
        reason(libc::EMFILE, Err(code(libc::EMFILE))),
        Reason::LocalResources,
        "the question needs a descriptor as well"
    );
    assert_eq!(reason(libc::EADDRNOTAVAIL, ours()), Reason::LocalAddressInUse);
    assert_eq!(reason(libc::EIO, ours()), Reason::OsError, "nothing is known of it");
    assert_eq!(
        reason(libc::ETIMEDOUT, ours()),
        Reason::OsError,
        "nothing was sent, so nothing was silent"
    );
    assert_eq!(reason(libc::EAGAIN, ours()), Reason::LocalResources);
    let no_source = unopened(
        blank(to, 1),
        &ports_used_up(code(libc::EADDRNOTAVAIL), io::ErrorKind::AddrNotAvailable),
        Err(code(libc::EADDRNOTAVAIL)),
    )
    .1;
    assert_eq!(
        no_source.reason,
        Reason::LocalNoRoute,
        "IPv6 without an address that reaches so far"
    );
    let no_port = unopened(
        blank(to, 1),
        &ports_used_up(code(libc::EADDRNOTAVAIL), io::ErrorKind::AddrNotAvailable),
        ours(),
    )
    .1;
    assert_eq!((no_port.reason, no_port.initiator), (Reason::LocalResources, Initiator::Local));
}
