//! What the connector and the listener saw, together.

use crate::matrix::model::Protocol;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::PlannedFlow;
use crate::reason::Reason;
use crate::verdict::tests::fixture::{deny, flow, hop, rung, seen, verdict, with_control};
use crate::verdict::{AnsweredBy, Policy, Reached, Verdict, judge};
use crate::wire::sighting::{Doubt, Seen, Sighting};
use jiff::Timestamp;

/// What the listener at the other end says of a connection from port 50000 to the hop's own.
fn told(state: Seen, listening: bool) -> Sighting {
    let peer = (state >= Seen::HalfOpen).then_some(([10, 0, 0, 1], 50000).into());
    let local = peer.map(|_| ([10, 0, 0, 9], 443).into());
    let doubt = (state == Seen::Unknown).then_some(Doubt::AnotherProgram);
    Sighting { listening, doubt, peer, local, ..Sighting::of(state) }
}

/// A connection from port 50000 that ended so, and what the other end says of it.
fn both_ends(step: StepKind, reason: Option<Reason>, sighting: Sighting) -> Observation {
    let opened = step != StepKind::Connect;
    let mut steps = vec![rung(StepKind::Connect, None, true); usize::from(opened)];
    steps.extend(reason.map(|reason| rung(step, Some(reason), false)));
    let evidence = Evidence {
        source: Some(([10, 0, 0, 1], 50000).into()),
        destination: ([10, 0, 0, 9], 443).into(),
        sent_at: Timestamp::UNIX_EPOCH,
        attempt: 1,
        syns: None,
        outcome: reason.filter(|_| !opened),
        icmp: None,
    };
    Observation { evidence: vec![evidence], sighting: Some(sighting), ..seen(steps, vec![]) }
}

#[test]
fn what_was_sent_on_to_another_port_of_the_host_never_arrived() {
    let plain = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let other = Some(([10, 0, 0, 9], 8443).into());
    let peer = Some(([10, 0, 0, 1], 50000).into());
    let sent_on = Sighting {
        own: true,
        doubt: Some(Doubt::OthersCame),
        peer,
        local: other,
        elsewhere: other,
        ..told(Seen::Unknown, true)
    };
    let judged = |sighting: &Sighting, holds: bool| {
        let mut seen = both_ends(StepKind::Settle, None, sighting.clone());
        seen.known.listener_holds = holds;
        let judged = judge(&hop(plain.clone()), Some(&seen), Policy::default());
        (
            judged.verdict,
            judged.reason,
            judged.notes.iter().any(|n| n.contains("came from there came to")),
        )
    };
    assert_eq!(judged(&sent_on, true), (Verdict::Fail, Reason::AnsweredByMiddlebox, true));
    let unknown = (Verdict::Inconclusive, Reason::NotProved, false);
    assert_eq!(
        judged(&sent_on, false),
        unknown,
        "another program has the port: it may have got the connection"
    );
    assert_eq!(
        judged(&Sighting { translated: true, ..sent_on.clone() }, true),
        unknown,
        "NAT gives ports anew"
    );
    assert_eq!(
        judged(&Sighting { own: false, ..sent_on.clone() }, true),
        unknown,
        "not the listener's own address"
    );
    assert_eq!(
        judged(&Sighting { elsewhere: None, ..sent_on }, true),
        unknown,
        "others came, this one perhaps among them"
    );
}

#[test]
fn a_connection_that_is_cut_off_is_shut_only_where_the_listener_saw_it() {
    for reason in
        [Reason::ClosedAfterConnect, Reason::ResetAfterConnect, Reason::SilentAfterConnect]
    {
        let judged = |sighting| {
            judge(
                &hop(deny()),
                Some(&both_ends(StepKind::Http, Some(reason), sighting)),
                Policy::default(),
            )
        };
        let cut_off = judged(told(Seen::Opened, true));
        if reason == Reason::SilentAfterConnect {
            let lost = with_control(cut_off, Reached::Holds, true);
            assert_eq!(
                (lost.verdict, lost.reason),
                (Verdict::Fail, Reason::UnexpectedlyOpen),
                "it opens there, and what follows is lost"
            );
        } else {
            assert_eq!(
                (cut_off.verdict, cut_off.reason),
                (Verdict::Inconclusive, Reason::Denied),
                "{reason}"
            );
            assert_eq!(
                with_control(cut_off, Reached::Holds, true).verdict,
                Verdict::Pass,
                "{reason}: a filter"
            );
        }
        let answered = judged(told(Seen::Proved, true));
        assert_eq!(
            (answered.verdict, answered.reason),
            (Verdict::Fail, Reason::UnexpectedlyOpen),
            "{reason}: what arrives is open"
        );
        for state in [Seen::Unknown, Seen::Nothing, Seen::HalfOpen, Seen::TurnedAway] {
            // Of another program's port the listener does not say that it has it.
            let control = if state == Seen::Unknown { Reached::Yes } else { Reached::Holds };
            let judged = with_control(judged(told(state, true)), control, true);
            assert_ne!(judged.verdict, Verdict::Pass, "{reason} {state:?}: {:?}", judged.notes);
        }
        // Nobody could be asked: a device may have ended it, or the listener itself, which did not
        // understand what a device on the way made of it.
        let nobody_asked = judge(
            &hop(deny()),
            Some(&seen(
                vec![
                    rung(StepKind::Connect, None, true),
                    rung(StepKind::Http, Some(reason), false),
                ],
                vec![],
            )),
            Policy::default(),
        );
        assert_ne!(
            with_control(nobody_asked.clone(), Reached::Yes, true).verdict,
            Verdict::Pass,
            "{reason}"
        );
        let wanted = if reason == Reason::SilentAfterConnect {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        };
        assert_eq!(with_control(nobody_asked, Reached::Holds, true).verdict, wanted, "{reason}");
    }
}

#[test]
fn a_way_that_must_be_shut_is_open_to_what_arrives() {
    let judged = |reason, sighting| {
        let judged = judge(
            &hop(deny()),
            Some(&both_ends(StepKind::Connect, Some(reason), sighting)),
            Policy::default(),
        );
        with_control(judged, Reached::Holds, false).verdict
    };
    assert_eq!(judged(Reason::TimedOut, told(Seen::Nothing, true)), Verdict::Pass);
    assert_eq!(
        judged(Reason::TimedOut, told(Seen::Unknown, true)),
        Verdict::Pass,
        "a real service's port that is silent from here"
    );
    assert_eq!(judged(Reason::TimedOut, told(Seen::HalfOpen, true)), Verdict::Inconclusive);
    let gone = Sighting { doubt: Some(Doubt::GoneAtOnce), ..told(Seen::Unknown, true) };
    assert_eq!(judged(Reason::TimedOut, gone), Verdict::Inconclusive);
    assert_eq!(
        judged(Reason::Refused, told(Seen::Nothing, true)),
        Verdict::Pass,
        "reset on the way"
    );
    for sighting in
        [told(Seen::HalfOpen, true), told(Seen::Unknown, true), told(Seen::Nothing, false)]
    {
        assert_eq!(
            judged(Reason::Refused, sighting.clone()),
            Verdict::Inconclusive,
            "{sighting:?}"
        );
    }
}

#[test]
fn both_ends_together_tell_more_than_one() {
    let http = PlannedFlow { protocol: Protocol::Http, ..flow() };
    let of =
        |step, reason, sighting| verdict(&hop(http.clone()), &both_ends(step, reason, sighting));
    let fail = |reason, by| (Verdict::Fail, reason, by);
    let (timed_out, refused) = (Some(Reason::TimedOut), Some(Reason::Refused));
    assert_eq!(
        of(StepKind::Connect, timed_out, told(Seen::HalfOpen, true)),
        fail(Reason::ReplyLost, AnsweredBy::Nobody)
    );
    assert_eq!(
        of(StepKind::Connect, refused, told(Seen::Nothing, true)),
        fail(Reason::Rejected, AnsweredBy::Nobody)
    );
    assert_eq!(
        of(StepKind::Connect, refused, told(Seen::Unknown, true)),
        fail(Reason::Refused, AnsweredBy::Nobody),
        "another program's port"
    );
    assert_eq!(
        of(StepKind::Http, None, told(Seen::Nothing, true)),
        fail(Reason::AnsweredByMiddlebox, AnsweredBy::Middlebox)
    );
    let translated = |state| Sighting { translated: true, ..told(state, true) };
    assert_eq!(
        of(StepKind::Http, None, translated(Seen::Nothing)).1,
        Reason::AnsweredByMiddlebox,
        "nothing came from anybody"
    );
    assert_eq!(
        of(StepKind::Http, None, translated(Seen::HalfOpen)).0,
        Verdict::Pass,
        "it may be another one's"
    );
    assert_eq!(
        of(StepKind::Connect, timed_out, told(Seen::Proved, true)).1,
        Reason::TimedOut,
        "another connection"
    );
    assert_eq!(
        of(StepKind::Http, Some(Reason::SilentAfterConnect), told(Seen::HalfOpen, true)).1,
        Reason::SilentAfterConnect
    );
    let closed = Some(Reason::ClosedAfterConnect);
    assert_eq!(
        of(StepKind::Http, closed, told(Seen::TurnedAway, true)),
        (Verdict::Inconclusive, Reason::NotTested, AnsweredBy::StandIn)
    );
    assert_eq!(
        of(StepKind::Http, closed, told(Seen::NotAllowed, true)).1,
        Reason::ClosedAfterConnect
    );
    // A plain connection is proved by the listener that saw this very one open, and by no less.
    let tcp = PlannedFlow { protocol: Protocol::Tcp, ..flow() };
    let mute =
        |state| verdict(&hop(tcp.clone()), &both_ends(StepKind::Http, None, told(state, true)));
    assert_eq!(mute(Seen::Opened), (Verdict::Pass, Reason::Proved, AnsweredBy::StandIn));
    assert_eq!(mute(Seen::HalfOpen), fail(Reason::SilentAfterConnect, AnsweredBy::Nobody));
    let mut cut_off = both_ends(StepKind::Http, None, told(Seen::Opened, true));
    cut_off.known.cut_off = Some(Reason::ResetAfterConnect);
    assert_eq!(
        verdict(&hop(tcp), &cut_off),
        (Verdict::Inconclusive, Reason::NotProved, AnsweredBy::StandIn),
        "it opens there, and what is said on it is ended"
    );
}
