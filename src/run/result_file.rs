//! What one machine tests, from the plan to the result file. Whoever has a plan calls this: a
//! command, a schedule, an agent.

use super::judged::Judged;
use super::settings::Settings;
use super::{directory, probing, published, revocation, sample};
use crate::climb::Tools;
use crate::event::Event;
use crate::net::resolve::Resolver;
use crate::net::{clock, host};
use crate::plan::model::{Plan, PlannedRole, Unplanned};
use crate::result::{FromHost, ResultFile};
use crate::wire::challenge::SiteKey;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A session of tests, with everything chosen.
pub struct Session<'s> {
    /// Name of the site.
    pub site: &'s str,
    /// Who tests.
    pub from: FromHost,
    /// The hops that begin here.
    pub plan: &'s Plan,
    /// The roles of the whole plan.
    pub roles: &'s [PlannedRole],
    /// Flows that ought to be tested from here and cannot be.
    pub untested: Vec<Unplanned>,
    /// How names are looked up.
    pub resolver: &'s Resolver,
    /// How the run behaves.
    pub settings: &'s Settings,
    /// Addresses of each published range that are tried; none is 0.
    pub ranges: usize,
    /// Deadline of a connection beside the hops: to those addresses, and to revocation lists.
    pub deadline: Duration,
}

impl Session<'_> {
    /// Tests, and says what came of it. `stop` ends it early: what was not begun is not tested.
    pub async fn run(
        self,
        tools: Tools,
        stop: &CancellationToken,
        listener: impl FnMut(Event),
    ) -> ResultFile {
        let started = clock::now();
        let key_fingerprint = tools.key.as_ref().map(SiteKey::fingerprint);
        let Session { plan, roles, resolver, .. } = self;
        let hops = probing::run(plan, tools, resolver, self.settings, stop, listener).await;
        let mut published = published::published(roles, &plan.hops, &hops, clock::now());
        if self.ranges > 0 {
            sample::sample(&mut published, self.ranges, self.deadline, stop).await;
        }
        let revocation =
            revocation::revocation(&plan.hops, &hops, resolver, self.deadline, stop).await;
        let this = host::this_host();
        let nearness = directory::nearness(roles, &hops);
        ResultFile {
            started,
            finished: clock::now(),
            key_fingerprint,
            hops: hops.into_iter().map(|judged: Judged| judged.result(&this)).collect(),
            untested: self.untested,
            nearness,
            published,
            revocation,
            ..ResultFile::empty(self.site, self.from, started)
        }
    }

    /// The result where no hop begins here: nothing was to be tested, and nothing was.
    pub fn without_hops(site: &str, from: FromHost, key: Option<&SiteKey>) -> ResultFile {
        ResultFile {
            key_fingerprint: key.map(SiteKey::fingerprint),
            nothing_begins_here: true,
            ..ResultFile::empty(site, from, clock::now())
        }
    }
}
