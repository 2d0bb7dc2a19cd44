//! A hop in words, the same in all formats.

use crate::document::{Fact, Text, Tone};
use crate::observation::Evidence;
use crate::reason::Reason;
use crate::result::HopResult;
use crate::verdict::{Verdict, first_broken};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `host:port`, with the address when the name has several. `host` is the name as it is to be
/// shown.
pub(super) fn to_text(result: &HopResult, host: &str) -> String {
    let port = result.to.port.map(|p| format!(":{p}")).unwrap_or_default();
    match result.to.address {
        Some(address) if address.to_string() != result.to.host && result.hop.contains('[') => {
            format!("{host} [{address}]{port}")
        }
        _ if host.contains(':') => format!("[{host}]{port}"),
        _ => format!("{host}{port}"),
    }
}

/// The steps in one line: climbed ones by name, the first that was not with a cross.
pub(super) fn steps(result: &HopResult) -> String {
    let mut parts: Vec<(String, u32)> = Vec::new();
    for step in &result.steps {
        let name = format!("{}{}", step.step.name(), if step.is_climbed() { "" } else { " ✗" });
        match parts.iter_mut().find(|(n, _)| *n == name) {
            Some((_, count)) => *count += 1,
            None => parts.push((name, 1)),
        }
    }
    parts
        .into_iter()
        .map(|(n, count)| if count > 1 { format!("{n} ×{count}") } else { n })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The reason in words. That a way is shut shows a rule only where the verdict says so.
pub(super) fn summary(hop: &HopResult) -> &'static str {
    match (hop.reason, hop.verdict) {
        (Reason::Denied, Verdict::Inconclusive) => {
            "Nothing got through, but this run does not show that the host is reachable at all"
        }
        (reason, _) => reason.summary(),
    }
}

/// One fact of a step for people; `None` for what is told elsewhere, or together with another one.
fn fact(
    name: &str,
    value: &serde_json::Value,
    all: &BTreeMap<String, serde_json::Value>,
) -> Option<String> {
    let plain =
        |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let from =
        || all.get("icmp_from").map(|from| format!(" from {}", plain(from))).unwrap_or_default();
    match name {
        "source" | "destination" => None,
        "icmp_from" if all.contains_key("icmp") => None,
        // The system's own words for the same message.
        "error" if all.contains_key("icmp") => None,
        "icmp" => {
            let code = plain(value);
            let words = icmp_words(&code).map(|words| format!(" ({words})")).unwrap_or_default();
            Some(format!("ICMP {code}{words}{}", from()))
        }
        _ => match (name.strip_suffix("_ms"), value.as_f64()) {
            (Some(what), Some(ms)) if ms >= 1000.0 => {
                Some(format!("{} {} s", what.replace('_', " "), (ms / 100.0).round() / 10.0))
            }
            (Some(what), Some(ms)) => Some(format!("{} {ms} ms", what.replace('_', " "))),
            _ => Some(format!("{name} {}", plain(value))),
        },
    }
}

/// Types and codes that firewalls and routers send (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443
/// section 3.1), in words.
fn icmp_words(code: &str) -> Option<&'static str> {
    Some(match code {
        "3/0" => "network unreachable",
        "3/1" => "host unreachable",
        "3/2" => "protocol unreachable",
        "3/3" | "1/4" => "port unreachable",
        "3/4" => "fragmentation needed",
        "3/9" => "network administratively prohibited",
        "3/10" => "host administratively prohibited",
        "3/13" | "1/1" => "administratively prohibited",
        "1/0" => "no route",
        "1/3" => "address unreachable",
        "1/5" => "source address refused by policy",
        "1/6" => "rejected route",
        "11/0" => "time to live exceeded",
        _ => return None,
    })
}

/// How a verdict stands.
pub(super) fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Pass,
        Verdict::Warn => Tone::Warn,
        Verdict::Fail => Tone::Fail,
        Verdict::Inconclusive => Tone::Inconclusive,
        Verdict::Skipped => Tone::Skipped,
    }
}

/// What is needed to act on one hop, each fact with its label: the reason in words, the step that
/// failed, the 5-tuple and time, the advice.
pub(super) fn facts(hop: &HopResult) -> Vec<Fact> {
    let mut facts = vec![Fact::new("reason", format!("{}: {}", hop.reason, summary(hop)))];
    if let Some(step) = hop.steps.iter().find(|s| !s.is_climbed()) {
        let mut words = step.step.name().to_owned();
        let all = step.facts.flat();
        for words_of_fact in all.iter().filter_map(|(name, value)| fact(name, value, &all)) {
            let _ = write!(words, " · {words_of_fact}");
        }
        facts.push(Fact::new("at", Text::code(words)));
    }
    let broken = first_broken(&hop.legs);
    for leg in &hop.legs {
        let here = if broken == Some(leg) { "first broken leg: " } else { "" };
        facts.push(Fact::new("leg", format!("{here}{leg}")));
    }
    let attempts = Evidence::of_last_connection(&hop.evidence);
    let several = attempts.len() > 1;
    facts.extend(attempts.iter().map(|e| Fact::new("evidence", Text::code(evidence(e, several)))));
    if let Some(trace) = &hop.trace {
        let other =
            Evidence::decisive(&hop.evidence).is_none_or(|e| e.destination != trace.destination);
        let to = if other { format!("to {}: ", trace.destination) } else { String::new() };
        facts.push(Fact::new("path", Text::code(format!("{to}{trace}"))));
    }
    facts.extend(hop.notes.iter().map(|note| Fact::new("note", Text::with_commands(note))));
    facts.extend(hop.advice.iter().map(|advice| Fact::new("do", Text::with_commands(advice))));
    facts.push(Fact::new("row", hop.source.as_str()));
    facts
}

/// One attempt in one line: the 5-tuple, the time, how often it was sent and who answered it.
pub(super) fn evidence(e: &Evidence, one_of_several: bool) -> String {
    let source = e.source.map_or_else(|| "?".to_owned(), |s| s.to_string());
    let mut words = format!(
        "TCP {source} → {} at {}",
        e.destination,
        e.sent_at.strftime("%Y-%m-%d %H:%M:%S%.3fZ")
    );
    if let Some(syns) = e.syns.filter(|syns| *syns > 1) {
        let _ = write!(words, " · {syns} SYNs");
    }
    if let Some(icmp) = e.icmp {
        let _ = write!(words, " · {icmp} from {}", icmp.from);
    }
    if one_of_several {
        let _ = match e.outcome {
            None => write!(words, " · opened"),
            Some(Reason::NotTested) => write!(words, " · broken off"),
            Some(reason) => write!(words, " · {reason}"),
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_broken_leg_is_named() {
        let leg = |from: &str, to: &str, ok: Option<bool>| serde_json::json!({ "from": from, "to": [to], "ok": ok, "why": "seen" });
        let hop = serde_json::json!({ "hop": "m/f/ws/proxy:443", "flow": "m/f", "source": "row 1", "from": { "role": "a", "host": "ws" },
            "to": { "role": "b", "host": "proxy", "port": 443 }, "protocol": "grpc", "expect": "allow", "required": true, "verdict": "fail",
            "reason": "bad-gateway", "answered_by": "middlebox", "ms": 1.0, "steps": [], "evidence": [],
            "legs": [leg("ws", "proxy", Some(true)), leg("proxy", "psp", Some(false))] });
        let hop: HopResult = serde_json::from_value(hop).expect("a hop");
        let legs: Vec<Fact> = facts(&hop).into_iter().filter(|fact| fact.label == "leg").collect();
        let told = ["ws → proxy: ok (seen)", "first broken leg: proxy → psp: broken (seen)"];
        assert_eq!(legs, told.map(|words| Fact::new("leg", words)));
    }

    #[test]
    fn every_attempt_and_the_path_have_a_line() {
        let hop = serde_json::json!({ "hop": "m/f/ws/srv:443", "flow": "m/f", "source": "row 1", "from": { "role": "a", "host": "ws" },
            "to": { "role": "b", "host": "srv", "port": 443 }, "protocol": "tcp", "expect": "allow", "required": true, "verdict": "fail",
            "reason": "admin-prohibited", "answered_by": "nobody", "ms": 1.0, "steps": [], "evidence": [
                { "source": "10.0.0.1:49999", "destination": "10.0.9.9:80", "sent_at": "2026-11-24T04:00:00Z", "attempts": 1, "syns": 1 },
                { "source": "10.0.0.1:50000", "destination": "10.0.9.9:443", "sent_at": "2026-11-24T04:00:00Z", "attempts": 1, "syns": 3,
                  "outcome": "timed-out" },
                { "source": "10.0.0.1:50001", "destination": "10.0.9.9:443", "sent_at": "2026-11-24T04:00:03Z", "attempts": 2, "syns": 1,
                  "outcome": "admin-prohibited", "icmp": { "type": 3, "code": 13, "from": "10.0.2.1" } }],
            "trace": { "destination": "10.0.9.9:443", "nodes": [{ "ttl": 1, "answer": "time-exceeded", "from": "10.0.0.254" },
                { "ttl": 2, "answer": "silent" }, { "ttl": 3, "answer": "time-exceeded", "from": "10.0.2.1" }, { "ttl": 4, "answer": "silent" }]}});
        let mut hop: HopResult = serde_json::from_value(hop).expect("a hop");
        let lines = |hop: &HopResult| -> Vec<Fact> {
            let told = facts(hop).into_iter();
            told.filter(|fact| matches!(fact.label, "evidence" | "path")).collect()
        };
        let seen = |label, words: &str| Fact::new(label, Text::code(words));
        assert_eq!(
            lines(&hop),
            [
                seen(
                    "evidence",
                    "TCP 10.0.0.1:50000 → 10.0.9.9:443 at 2026-11-24 04:00:00.000Z · 3 SYNs · \
                        timed-out"
                ),
                seen(
                    "evidence",
                    "TCP 10.0.0.1:50001 → 10.0.9.9:443 at 2026-11-24 04:00:03.000Z · ICMP 3/13 \
                        from 10.0.2.1 · admin-prohibited"
                ),
                seen("path", "10.0.0.254 → ? → 10.0.2.1 → silent"),
            ]
        );
        hop.trace.as_mut().expect("a walk").destination =
            "10.0.9.9:389".parse().expect("an address");
        assert_eq!(
            lines(&hop)[2],
            seen("path", "to 10.0.9.9:389: 10.0.0.254 → ? → 10.0.2.1 → silent")
        );
    }
}
