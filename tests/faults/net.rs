//! The bed: `ws` — `r1` — `r2` — `srv`, and `other` beside `srv`. IPv4 and IPv6 on every link.

use crate::scenario::{At, Family, Way};
use crate::support::netns::{self, Namespace};
use crate::support::tun::Forwarder;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Link numbers: the third part of the addresses on them.
const WS_R1: u8 = 1;
const R1_R2: u8 = 2;
const R2_SRV: u8 = 3;
const R2_OTHER: u8 = 4;

/// Address `last` on a link: `10.66.LINK.LAST` or `fd66:LINK::LAST`.
pub fn address(family: Family, link: u8, last: u8) -> IpAddr {
    match family {
        Family::V6 => Ipv6Addr::new(0xfd66, link.into(), 0, 0, 0, 0, 0, last.into()).into(),
        Family::V4 | Family::None => Ipv4Addr::new(10, 66, link, last).into(),
    }
}

/// The address by which a node is known to the workstation: a host's own, and for a router the one
/// that its messages come from.
pub fn of(at: At, family: Family) -> IpAddr {
    match at {
        At::Ws => address(family, WS_R1, 2),
        At::R1 => address(family, WS_R1, 1),
        At::R2 => address(family, R1_R2, 2),
        At::Srv => address(family, R2_SRV, 2),
        At::Other => address(family, R2_OTHER, 2),
    }
}

/// One more address of `srv`.
pub fn more(family: Family, number: u8) -> IpAddr {
    address(family, R2_SRV, 100 + number)
}

/// Namespaces, wired.
pub struct Bed {
    // Before the namespaces: it ends before they go.
    _forwarder: Option<Forwarder>,
    nodes: Vec<Namespace>,
}

impl Bed {
    /// Builds one.
    ///
    /// # Panics
    /// When the system does not let it.
    pub fn new(way: Way) -> Bed {
        let id = netns::next_id();
        let nodes: Vec<Namespace> =
            At::ALL.iter().map(|at| Namespace::new(id, at.word(), 0)).collect();
        let mut bed = Bed { _forwarder: None, nodes };
        for router in [At::R1, At::R2] {
            // A time-exceeded for every packet: a walk of several hops at once must not be starved
            // by the rate limit of the bed's kernel.
            bed.node(router).must_sh(
                "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > \
                    /proc/sys/net/ipv6/conf/all/forwarding; \
                 echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > \
                 /proc/sys/net/ipv6/icmp/ratelimit; \
                 echo 100000 > /proc/sys/net/ipv4/icmp_msgs_per_sec; echo 10000 > \
                 /proc/sys/net/ipv4/icmp_msgs_burst",
            );
        }
        bed.veth(WS_R1, At::R1, At::Ws);
        match way {
            Way::Bare => bed.veth(R1_R2, At::R1, At::R2),
            Way::Delayed => {
                let forwarder =
                    Forwarder::between(bed.node(At::R1).name(), bed.node(At::R2).name());
                bed._forwarder = Some(forwarder);
                bed.addresses(At::R1, "tun0", R1_R2, 1);
                bed.addresses(At::R2, "tun0", R1_R2, 2);
            }
        }
        bed.veth(R2_SRV, At::R2, At::Srv);
        bed.veth(R2_OTHER, At::R2, At::Other);
        bed.route(At::Ws, "default", WS_R1, 1);
        bed.route(At::R2, "default", R1_R2, 1);
        bed.route(At::Srv, "default", R2_SRV, 1);
        bed.route(At::Other, "default", R2_OTHER, 1);
        bed.route(At::R1, "default", R1_R2, 2);
        bed.nodes.iter().for_each(Namespace::wait_for_links);
        bed
    }

    /// A node by its place.
    pub fn node(&self, at: At) -> &Namespace {
        let place = At::ALL.iter().position(|a| *a == at).unwrap_or_default();
        &self.nodes[place]
    }

    /// Puts chains into a table of a node, in the place of those that were there.
    pub fn rules(&self, at: At, rules: &str) {
        let text = format!(
            "table inet fault\ndelete table inet fault\ntable inet fault {{\n{rules}\n}}\n"
        );
        self.node(at).feed("nft", &["-f", "-"], &text).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Ends what scripts have left running in the namespaces of this bed.
    pub fn end_left_over(&self) {
        for node in &self.nodes {
            let script = format!(
                "for pid in $(ip netns pids {}); do kill -9 $pid 2>/dev/null || true; done",
                node.name()
            );
            let _ = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).status();
        }
    }

    /// Begins to count what the workstation sends to the host's ports, and what names it looks up.
    pub fn count_packets(&self) {
        let chain = "chain c { type filter hook prerouting priority -400; tcp flags & (syn | ack) \
            != syn accept; meta l4proto { tcp, udp } th dport { 53, 7000-7999 } counter; }";
        let text = format!(
            "table inet begun\ndelete table inet begun\ntable inet begun {{\n{chain}\n}}\n"
        );
        self.node(At::R1).feed("nft", &["-f", "-"], &text).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Waits until something came: how long a program takes to begin depends on the machine.
    pub fn wait_for_a_packet(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            let done = self.node(At::R1).run("nft", &["list", "table", "inet", "begun"], limit);
            if !done.out.contains("packets 0 ") {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Joins two nodes, `first` with the address `.1` and `second` with `.2`. The devices are
    /// called after the node at the other end.
    fn veth(&self, link: u8, first: At, second: At) {
        let (a, b) = (self.node(first).name(), self.node(second).name());
        batch(
            &[],
            &format!(
                "link add {} netns {a} type veth peer name {} netns {b}\n",
                second.word(),
                first.word()
            ),
        );
        self.addresses(first, second.word(), link, 1);
        self.addresses(second, first.word(), link, 2);
    }

    fn addresses(&self, at: At, device: &str, link: u8, last: u8) {
        let (v4, v6) = (address(Family::V4, link, last), address(Family::V6, link, last));
        let lines = format!(
            "addr add {v4}/24 dev {device}\naddr add {v6}/64 dev {device} nodad\nlink set {device} \
                up\n"
        );
        batch(&["-n", self.node(at).name()], &lines);
    }

    fn route(&self, at: At, to: &str, link: u8, last: u8) {
        let (v4, v6) = (address(Family::V4, link, last), address(Family::V6, link, last));
        batch(
            &["-n", self.node(at).name()],
            &format!("route add {to} via {v4}\n-6 route add {to} via {v6}\n"),
        );
    }

    /// More addresses for `srv`.
    pub fn add_addresses(&self, count: u8) {
        let lines: String = (0..count)
            .flat_map(|n| {
                [
                    format!("addr add {}/24 dev r2\n", more(Family::V4, n)),
                    format!("addr add {}/64 dev r2 nodad\n", more(Family::V6, n)),
                ]
            })
            .collect();
        batch(&["-n", self.node(At::Srv).name()], &lines);
    }
}

/// Runs several `ip` commands in one process.
fn batch(options: &[&str], lines: &str) {
    // A line of a batch takes no option of the family: two processes then.
    let (six, plain): (Vec<&str>, Vec<&str>) = lines.lines().partition(|l| l.starts_with("-6 "));
    for (family, lines) in [(None, plain), (Some("-6"), six)] {
        if lines.is_empty() {
            continue;
        }
        let text: String =
            lines.iter().map(|l| format!("{}\n", l.trim_start_matches("-6 "))).collect();
        let mut command = Command::new("ip");
        command
            .args(family)
            .args(options)
            .args(["-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("ip can be run");
        child
            .stdin
            .take()
            .expect("standard input is piped")
            .write_all(text.as_bytes())
            .expect("ip reads");
        let output = child.wait_with_output().expect("ip ends");
        assert!(
            output.status.success(),
            "ip {options:?}: {}\n{text}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
