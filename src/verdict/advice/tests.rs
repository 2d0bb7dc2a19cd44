//! Whose log is named.

use crate::observation::{
    Icmp, Initiator, NodeAnswer, Observation, Outcome, PathNode, StepKind, Trace,
};
use crate::reason::Reason;
use crate::verdict::tests::fixture::{attempt, flow, hop, rung, seen};
use crate::verdict::{Policy, judge};
use crate::wire::sighting::{Seen, Sighting};

#[test]
fn advice_names_the_device_whose_log_to_read() {
    let node = |answer, from: Option<[u8; 4]>| PathNode {
        ttl: 1,
        answer,
        from: from.map(Into::into),
        icmp: None,
        ms: None,
    };
    let walk = |port, nodes| Some(Trace { destination: ([10, 3, 0, 9], port).into(), nodes });
    let advice = |reason, icmp, trace| {
        let evidence = vec![attempt(1, 3, Some(reason)), attempt(2, 1, Some(reason))];
        let mut seen = Observation {
            evidence,
            trace,
            ..seen(vec![rung(StepKind::Connect, Some(reason), false)], vec![])
        };
        seen.evidence[1].icmp = icmp;
        let initiator = if icmp.is_some() { Initiator::Path } else { Initiator::Unknown };
        seen.steps[0].outcome = Outcome::failed(reason, initiator);
        judge(&hop(flow()), Some(&seen), Policy::default()).advice.unwrap_or_default()
    };
    let beyond = || {
        vec![node(NodeAnswer::TimeExceeded, Some([10, 1, 2, 1])), node(NodeAnswer::Silent, None)]
    };
    let silent = || vec![node(NodeAnswer::Silent, None)];
    let begin = "Allow TCP 10.1.0.2 → 10.3.0.9:443; look for 10.1.0.2:40002 at 1970-01-01 \
        00:00:00.000Z in ";
    let icmp = Icmp { kind: 3, code: 13, from: [10, 2, 0, 1].into() };
    for (reason, icmp, trace, end) in [
        (
            Reason::TimedOut,
            None,
            walk(443, beyond()),
            "the log of 10.1.2.1 or the device after it.",
        ),
        (
            Reason::TimedOut,
            None,
            walk(443, silent()),
            "the logs of this machine's own firewall and of its first router.",
        ),
        (
            Reason::TimedOut,
            None,
            walk(389, beyond()),
            "the log of 10.1.2.1 or the device after it, as on the way to 10.3.0.9:389.",
        ),
        (Reason::TimedOut, None, walk(389, silent()), "the logs on the way."),
        (Reason::TimedOut, None, None, "the logs on the way."),
        (
            Reason::AdminProhibited,
            Some(icmp),
            walk(443, beyond()),
            "the log of 10.2.0.1, which said so (ICMP 3/13).",
        ),
    ] {
        assert_eq!(advice(reason, icmp, trace), format!("{begin}{end}"));
    }
    // The host says that it listens, and that nothing came: its own firewall may be it as well.
    let at_host = |source: [u8; 4], trace, sighting: Sighting| {
        let evidence = vec![attempt(1, 3, Some(Reason::TimedOut))];
        let mut seen = Observation {
            evidence,
            trace,
            sighting: Some(sighting),
            ..seen(vec![rung(StepKind::Connect, Some(Reason::TimedOut), false)], vec![])
        };
        seen.evidence[0].source = Some((source, 40001).into());
        judge(&hop(flow()), Some(&seen), Policy::default()).advice.unwrap_or_default()
    };
    for (source, trace, end) in [
        ([10, 1, 0, 2], walk(443, beyond()), "or the device after it, or of psp's own firewall."),
        ([10, 1, 0, 2], walk(443, silent()), "the logs on the way and of psp's own firewall."),
        ([10, 1, 0, 2], None, "the logs on the way and of psp's own firewall."),
        ([10, 3, 0, 9], None, "in the log of psp's own firewall."),
    ] {
        let waits = Sighting { listening: true, ..Sighting::of(Seen::Nothing) };
        let told = at_host(source, trace, waits);
        assert!(told.ends_with(end), "{told}");
    }
    assert!(
        advice(Reason::HostUnreachable, None, None)
            .contains("nobody on this machine's own network answers for it")
    );
}
