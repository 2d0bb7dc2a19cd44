//! Holds what the connector reported against what a scenario expects.

use crate::net;
use crate::scenario::{At, Expect, Family};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One thing that is not as expected.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Where and what.
    pub what: String,
    /// The hop, whole.
    pub hop: Option<Value>,
}

impl Difference {
    /// The same with the rate at which it was.
    pub fn at(&self, rate: &str) -> Difference {
        Difference { what: format!("at {rate}: {}", self.what), hop: self.hop.clone() }
    }
}

/// What came of one family at one rate.
pub struct Judged {
    /// Verdict and reason of the hop that the scenario is about.
    pub reported: String,
    pub differences: Vec<Difference>,
}

/// Compares one family's hops.
pub fn family(seen: &Result<Value, String>, family: Family, expected: &[Expect]) -> Judged {
    let json = match seen {
        Ok(json) => json,
        Err(error) => {
            return Judged {
                reported: "(no result)".into(),
                differences: vec![Difference { what: error.clone(), hop: None }],
            };
        }
    };
    let mut differences = Vec::new();
    let mut reported = None;
    for expect in expected {
        let hops: Vec<&Value> = hops(json).filter(|h| is_meant(h, family, expect)).collect();
        if expect.hops.map_or(hops.is_empty(), |wanted| hops.len() != wanted) {
            differences.push(Difference {
                what: format!("{}: {} hops", expect.flow, hops.len()),
                hop: None,
            });
        }
        // Of several hops the odd one out is worth showing.
        let odd = hops.iter().find(|h| words(h) != expect.words()).or(hops.first());
        reported.get_or_insert_with(|| odd.map_or("(no hop)".to_owned(), |h| words(h)));
        for hop in hops {
            let wrong = compare(hop, family, expect);
            if !wrong.is_empty() {
                differences.push(Difference {
                    what: format!("{}: {}", expect.flow, wrong.join("; ")),
                    hop: Some(hop.clone()),
                });
            }
        }
    }
    Judged { reported: reported.unwrap_or_default(), differences }
}

/// Hops whose verdict is denied by their own notes, or by the listener's word: in whatever
/// scenario, on whatever flow.
pub fn contradictions(seen: &Result<Value, String>) -> Vec<Difference> {
    let Ok(json) = seen else { return Vec::new() };
    let all = hops(json).filter_map(|hop| Some((hop, contradiction(hop)?)));
    all.map(|(hop, what)| Difference {
        what: format!("{}: {what}", text(hop, "/flow")),
        hop: Some(hop.clone()),
    })
    .collect()
}

/// What notes say, where it decides here. The words are the program's: that they still are is
/// looked up in its source.
const PROVED: &str = "proved itself on it";
const NOT_TESTED: &str = "its rule is not tested";
const DEVICE: &str = "a device on the way";
const SAW_NOTHING: &str = "saw no connection";

/// Whether the program still says what is looked for in its notes; else no hop could be found to
/// contradict itself.
///
/// # Errors
/// The words that it does not say any more.
pub fn words_are_said() -> Result<(), String> {
    let sources =
        [include_str!("../../src/verdict/both_ends.rs"), include_str!("../../src/verdict/deny.rs")]
            .concat();
    let unsaid: Vec<&str> = [PROVED, NOT_TESTED, DEVICE, SAW_NOTHING, "cut off: {reason}"]
        .into_iter()
        .filter(|w| !sources.contains(w))
        .collect();
    if unsaid.is_empty() {
        Ok(())
    } else {
        Err(format!("no note says {unsaid:?} any more: mend tests/faults/judge.rs"))
    }
}

/// A hop's notes in one line.
fn notes(hop: &Value) -> String {
    let notes: Vec<&str> =
        hop["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    notes.join(" | ")
}

/// What a hop's notes say against its verdict.
fn contradiction(hop: &Value) -> Option<&'static str> {
    let notes = notes(hop);
    let says = |words: &str| notes.contains(words);
    let (verdict, reason, by) =
        (text(hop, "/verdict"), text(hop, "/reason"), text(hop, "/answered_by"));
    let (deny, green) = (hop["expect"] == "deny", matches!(verdict, "pass" | "warn"));
    let state = text(hop, "/sighting/state");
    // A filter that resets at the first data is a rule, though the connection arrives.
    let cut_off = says("cut off: reset") && state == "opened";
    let rules: [(bool, &str); 11] = [
        (deny && green && says(PROVED), "denied, and the listener proved itself on it"),
        (
            deny && green && matches!(state, "opened" | "proved" | "half-open") && !cut_off,
            "denied, and the listener saw it",
        ),
        (deny && green && says(NOT_TESTED), "denied, and it says that something was not tested"),
        (deny && green && by == "stand-in", "denied, and a listener of the site answered"),
        (reason == "timed-out" && says(PROVED), "timed out, and the listener proved itself on it"),
        (
            reason == "unexpectedly-open" && (by == "middlebox" || says(DEVICE)),
            "open, and a device on the way took it",
        ),
        (reason == "proved" && !deny && says(SAW_NOTHING), "proved, and the listener saw nothing"),
        (
            reason == "answered-by-middlebox" && says(PROVED),
            "a device answered, and the listener proved itself on it",
        ),
        (green && reason == "proved" && by != "stand-in", "proved, and not by a stand-in"),
        (green && reason == "answered" && by == "nobody", "answered, and by nobody"),
        (
            reason == "reply-lost" && says(SAW_NOTHING),
            "only the reply is lost, and the listener saw nothing",
        ),
    ];
    rules.into_iter().find(|(found, _)| *found).map(|(_, what)| what)
}

/// Hops of families that the scenario does not have.
pub fn unexpected(seen: &Result<Value, String>, families: &[Family]) -> Vec<Difference> {
    let Ok(json) = seen else { return Vec::new() };
    let strange = hops(json).filter(|h| !families.contains(&family_of(h)));
    strange
        .map(|h| Difference {
            what: "a hop in a family that was not asked for".into(),
            hop: Some(h.clone()),
        })
        .collect()
}

fn hops(json: &Value) -> impl Iterator<Item = &Value> {
    json["hops"].as_array().into_iter().flatten()
}

fn family_of(hop: &Value) -> Family {
    match hop["to"]["address"].as_str().and_then(|a| a.parse::<IpAddr>().ok()) {
        Some(IpAddr::V4(_)) => Family::V4,
        Some(IpAddr::V6(_)) => Family::V6,
        None => Family::None,
    }
}

fn is_meant(hop: &Value, family: Family, expect: &Expect) -> bool {
    let here = expect.address.as_ref().is_none_or(|a| hop["to"]["address"] == a.as_str());
    hop["flow"] == format!("hop/{}", expect.flow) && family_of(hop) == family && here
}

fn words(hop: &Value) -> String {
    [text(hop, "/verdict"), text(hop, "/reason")].join(" ")
}

fn text<'a>(hop: &'a Value, pointer: &str) -> &'a str {
    hop.pointer(pointer).and_then(Value::as_str).unwrap_or("-")
}

/// Everything in which a hop is not what was expected.
fn compare(hop: &Value, family: Family, expect: &Expect) -> Vec<String> {
    let mut wrong = Vec::new();
    let plain = [
        ("verdict", &expect.verdict, text(hop, "/verdict")),
        ("reason", &expect.reason, text(hop, "/reason")),
        ("initiator", &expect.initiator, text(hop, "/initiator")),
        ("ended_at", &expect.ended_at, text(hop, "/ended_at")),
        ("answered_by", &expect.answered_by, text(hop, "/answered_by")),
        ("sighting", &expect.sighting, text(hop, "/sighting/state")),
    ];
    for (key, wanted, found) in plain {
        if let Some(wanted) = wanted.as_ref().filter(|w| *w != found) {
            wrong.push(format!("{key} is {found}, not {wanted}"));
        }
    }
    let sets = [
        ("icmp", &expect.icmp, icmp(hop, family)),
        ("beyond", &expect.beyond, BTreeSet::from([beyond(hop, family)])),
    ];
    for (key, wanted, found) in sets {
        if let Some(wanted) = wanted.as_ref().filter(|w| !found.contains(*w)) {
            wrong.push(format!("{key} is {found:?}, not {wanted}"));
        }
    }
    let evidence = hop["evidence"].as_array();
    let syns = evidence.into_iter().flatten().filter_map(|e| e["syns"].as_u64()).max().unwrap_or(0);
    if let Some(wanted) = expect.syns.filter(|w| syns < u64::from(*w)) {
        wrong.push(format!("syns is {syns}, not at least {wanted}"));
    }
    if let Some(most) =
        expect.within_ms.filter(|most| hop["ms"].as_f64().unwrap_or(f64::MAX) > *most)
    {
        wrong.push(format!("it took {} ms, more than {most}", hop["ms"]));
    }
    let notes = notes(hop);
    for (key, wanted, found) in [
        ("note", &expect.note_contains, notes.as_str()),
        ("advice", &expect.advice_contains, text(hop, "/advice")),
    ] {
        if let Some(wanted) = wanted.as_ref().filter(|w| !found.contains(w.as_str())) {
            wrong.push(format!("{key} is \"{found}\", without \"{wanted}\""));
        }
    }
    wrong
}

/// `type/code from NODE` of every attempt that an ICMP message ended.
fn icmp(hop: &Value, family: Family) -> BTreeSet<String> {
    let attempts = hop["evidence"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| &e["icmp"])
        .filter(|i| i.is_object());
    attempts
        .map(|i| format!("{}/{} from {}", i["type"], i["code"], node(text(i, "/from"), family)))
        .collect()
}

/// The last router that answered a packet whose life was over.
fn beyond(hop: &Value, family: Family) -> String {
    if hop["trace"].is_null() {
        return "no trace".to_owned();
    }
    let mut nodes = hop["trace"]["nodes"].as_array().into_iter().flatten();
    let last = nodes.rfind(|n| n["answer"] == "time-exceeded");
    last.map_or("none".to_owned(), |n| node(text(n, "/from"), family))
}

/// The name of the node that has an address.
fn node(address: &str, family: Family) -> String {
    let found = At::ALL.into_iter().find(|at| net::of(*at, family).to_string() == address);
    found.map_or_else(|| address.to_owned(), |at| at.word().to_owned())
}
