//! What is shown of a plan, and the words for it that its outputs share.

use crate::matrix::model::Expect;
use crate::plan::model::{Hop, Plan, Unplanned, Why};
use std::collections::BTreeSet;

/// What is shown of a plan.
#[derive(Debug, Clone)]
pub struct View<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// Its hops, or some of them.
    pub hops: Vec<&'p Hop>,
    /// What was not planned, or some of it.
    pub unplanned: Vec<&'p Unplanned>,
    /// Tables list what was not planned, instead of only counting it.
    pub all: bool,
}

impl<'p> View<'p> {
    /// Everything.
    pub fn whole(plan: &'p Plan, all: bool) -> Self {
        View {
            plan,
            hops: plan.hops.iter().collect(),
            unplanned: plan.unplanned.iter().collect(),
            all,
        }
    }

    /// "9 hops; 3 entries left out."
    pub(super) fn summary(&self) -> String {
        let hops = counted(self.hops.len(), "hop", "hops");
        let flows = |wanted: &dyn Fn(&Unplanned) -> bool| {
            let flows: BTreeSet<&str> = self
                .unplanned
                .iter()
                .filter(|entry| wanted(entry))
                .map(|entry| entry.flow.as_str())
                .collect();
            flows.len()
        };
        // What another hop covers is tested.
        let left = flows(&|entry| !matches!(entry.why, Why::CoveredBy { .. }));
        let without = flows(&|entry| matches!(entry.why, Why::RoleWithoutHost { .. }));
        if left == 0 {
            return format!("{hops} planned, no flow left out.");
        }
        let because = if without > 0 {
            format!(" ({without} because a role has no host)")
        } else {
            String::new()
        };
        let all = if self.all { "" } else { "; --all lists them, with the reason" };
        format!("{hops} planned; {} left out{because}{all}.", counted(left, "flow", "flows"))
    }
}

pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Host and, where it is known and not the host itself, the address.
pub(super) fn to_host(hop: &Hop) -> String {
    let label = hop.to.host.label();
    match hop.address {
        Some(address) if address.to_string() != label => format!("{label} ({address})"),
        _ => label,
    }
}

/// Protocol with what a firewall or a proxy has to know about it: `https /agent`, `rpc
/// 49152-65535`.
pub(super) fn speaks(hop: &Hop) -> String {
    let mut text = hop.flow.protocol.name().to_owned();
    let parts = [
        hop.flow.options.path().map(str::to_owned),
        hop.flow.options.range().map(ToString::to_string),
        hop.flow.options.starttls().then(|| "starttls".to_owned()),
    ];
    for part in parts.into_iter().flatten() {
        text.push(' ');
        text.push_str(&part);
    }
    text
}

pub(super) fn expected(hop: &Hop) -> String {
    match (hop.flow.expect, hop.flow.required) {
        (Expect::Allow, false) => "allow, optional".to_owned(),
        (expect, _) => expect.to_string(),
    }
}
