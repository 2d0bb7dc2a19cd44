//! Names of hosts, as short as a terminal can show them.

use crate::result::HopResult;
use std::collections::{BTreeMap, BTreeSet};

/// Names are shown without the domains of the site's own hosts, so that a line holds a hop. A name
/// that would then be ambiguous, or is somebody else's (a cloud service), stays whole.
pub(super) struct Names {
    domains: BTreeSet<String>,
    ambiguous: BTreeSet<String>,
}

impl Names {
    /// Those of some hops.
    pub(super) fn of(hops: &[&HopResult]) -> Self {
        let is_address =
            |host: &str| host.parse::<std::net::IpAddr>().is_ok() || host.contains('/');
        let all: BTreeSet<&str> = hops
            .iter()
            .flat_map(|h| [h.from.host.as_str(), h.to.host.as_str()])
            .filter(|h| !is_address(h))
            .collect();
        let own = hops.iter().map(|h| h.from.host.as_str()).filter(|h| !is_address(h));
        let domains = own.filter_map(|h| Some(h.split_once('.')?.1.to_owned())).collect();
        let mut first_labels: BTreeMap<&str, usize> = BTreeMap::new();
        for name in all {
            *first_labels.entry(name.split('.').next().unwrap_or(name)).or_default() += 1;
        }
        let ambiguous = first_labels
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(label, _)| label.to_owned())
            .collect();
        Names { domains, ambiguous }
    }

    /// A name as it is shown.
    pub(super) fn short<'h>(&self, host: &'h str) -> &'h str {
        match host.split_once('.') {
            Some((label, domain))
                if self.domains.contains(domain) && !self.ambiguous.contains(label) =>
            {
                label
            }
            _ => host,
        }
    }

    /// The domains that are left out.
    pub(super) fn omitted(&self) -> Option<String> {
        let domains: Vec<String> = self.domains.iter().map(|d| format!(".{d}")).collect();
        (!domains.is_empty()).then(|| domains.join(", "))
    }
}
