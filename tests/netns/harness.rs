//! The network of namespaces, tried by itself: what the end-to-end tests take for granted about it.
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use crate::support::netns::{self, Namespace, Net};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn net() -> Option<Net> {
    match netns::available() {
        Ok(()) => Some(Net::new(&["near", "far"])),
        Err(why) => {
            eprintln!("left out: network namespaces cannot be made here ({why})");
            None
        }
    }
}

/// Connects once with a Python one-liner and says in a word what happened.
fn connect(from: &Namespace, to: std::net::IpAddr, port: u16) -> String {
    let script = format!(
        "import socket\ntry:\n    socket.create_connection(('{to}', {port}), 1.5).close(); \
            print('open')\n\
         except ConnectionRefusedError: print('refused')\nexcept TimeoutError: print('timed \
         out')\nexcept OSError as e: print(e)"
    );
    from.run("python3", &["-c", &script], LIMIT).out.trim().to_owned()
}

#[test]
fn routed_then_dropped_then_reset_then_open_again() {
    let Some(net) = net() else { return };
    let (near, far) = (net.host("near"), net.host("far"));
    let mut server = far.start("python3", &["-m", "http.server", "8389", "--bind", "::"]);
    server.wait_listening(far, &[8389], LIMIT);

    assert_eq!(connect(near, far.v4(), 8389), "open");
    assert_eq!(connect(near, far.v6(), 8389), "open");
    assert_eq!(connect(near, far.v4(), 8390), "refused");
    net.forward_rules("tcp dport 8389 drop");
    assert_eq!(connect(near, far.v4(), 8389), "timed out");
    assert_eq!(connect(near, far.v6(), 8389), "timed out");
    net.forward_rules("ip daddr 10.77.2.2 tcp dport 8389 reject with tcp reset");
    assert_eq!(connect(near, far.v4(), 8389), "refused");
    assert_eq!(connect(near, far.v6(), 8389), "open");
    net.forward_rules("");
    assert_eq!(connect(near, far.v4(), 8389), "open");

    net.translate_sources_towards("far");
    assert_eq!(connect(near, far.v4(), 8389), "open");
    let page = "import urllib.request as r; r.urlopen('http://10.77.2.2:8389/').read()";
    assert_eq!(near.run("python3", &["-c", page], LIMIT).code, Some(0));

    // Python says on Ctrl-C that it was interrupted; a killed program says nothing.
    let stopped = server.interrupt(LIMIT);
    assert!(stopped.out.contains("Keyboard interrupt received"), "{stopped}");
    assert!(
        stopped.err.contains("10.77.2.1") && !stopped.err.contains("10.77.1.2"),
        "the server saw the router's address: {stopped}"
    );
    assert_eq!(connect(near, far.v4(), 8389), "refused");
}

#[test]
fn two_networks_at_once_do_not_meet_and_leave_nothing_behind() {
    let (Some(one), Some(two)) = (net(), net()) else { return };
    let mut server =
        one.host("far").start("python3", &["-m", "http.server", "8389", "--bind", "0.0.0.0"]);
    server.wait_listening(one.host("far"), &[8389], LIMIT);
    assert_eq!(connect(two.host("near"), two.host("far").v4(), 8389), "refused");
    assert!(!two.host("far").listening().contains(&8389));

    let names = || -> Vec<String> {
        let entries = std::fs::read_dir("/run/netns").expect("there are namespaces");
        entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    };
    let mine = names().into_iter().filter(|n| two.owns(n)).collect::<Vec<_>>();
    assert_eq!(mine.len(), 3, "{mine:?}");
    let panicked = std::thread::spawn(move || {
        let _held = two;
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(panicked.join().is_err());
    let left: Vec<String> = names().into_iter().filter(|n| mine.contains(n)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    let Some(net) = net() else { return };
    let hung = net.host("near").start("sleep", &["600"]);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        hung.finish(Duration::from_millis(300))
    }));
    let message =
        outcome.expect_err("it does not end").downcast::<String>().expect("the panic has a text");
    assert!(message.contains("sleep 600") && message.contains("not at its end"), "{message}");
}
