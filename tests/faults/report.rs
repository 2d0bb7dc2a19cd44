//! The table of all scenarios, and the document that is made from their files.

use crate::run::Row;
use crate::scenario::{Family, Scenario, Way};
use portmatrix::verdict::explain::{Page, Produced};
use std::fmt::Write as _;

/// How a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As expected.
    Ok,
    /// Not as expected.
    Differs,
    /// Not as expected, and the file says why.
    Pending,
}

impl Row {
    pub fn mark(&self) -> Mark {
        match (self.differences.is_empty(), &self.scenario.pending) {
            (true, _) => Mark::Ok,
            (false, None) => Mark::Differs,
            (false, Some(_)) => Mark::Pending,
        }
    }
}

/// Scenario → expected → reported, one line for each family and way.
pub fn table(rows: &[Row]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new()).force_no_tty();
    table.set_header(["Scenario", "IP", "Link", "Expected", "Reported", "At 10 × the rate", ""]);
    for row in rows {
        let mark = match row.mark() {
            Mark::Ok => "ok",
            Mark::Differs => "DIFFERS",
            Mark::Pending => "pending",
        };
        let way = match row.way {
            Way::Bare => "",
            Way::Delayed => "5 ms",
        };
        let [ordinary, fast] = &row.reported;
        table.add_row([
            &row.scenario.name,
            row.family.word(),
            way,
            &row.expected,
            ordinary,
            fast,
            mark,
        ]);
    }
    format!("{table}\n")
}

/// `docs/faults.md`.
pub fn document(scenarios: &[Scenario], pages: &[Page]) -> String {
    let mut text = String::from(
        "# Faults, and how they are told apart\n\n\
         Made from `tests/faults/scenarios/` by `UPDATE_EXPECTED=1 cargo test --test faults -- document`; do \
         not edit.\n\n\
         The bed is a chain of network namespaces, `ws` – `r1` – `r2` – `srv`, with `other` beside \
         `srv`, in IPv4 and IPv6. The connector\n\
         runs on `ws`, the listener on `srv`. Every row below is a real network that is broken in \
         one place, and is run at the ordinary\n\
         and at ten times the rate, with the same outcome; other hops of the same run, with which \
         nothing is wrong, stay proved.\n\
         *Link* says whether the link between the two routers was run bare, with 5 ms of delay, or \
         both.\n",
    );
    let mut group = "";
    for scenario in in_groups(scenarios) {
        if scenario.group != group {
            group = &scenario.group;
            let _ = write!(
                text,
                "\n## {group}\n\n| scenario | what is broken | reported | told apart by | IP | \
                    link |\n|---|---|---|---|---|---|\n"
            );
        }
        let families: Vec<&str> = scenario.families.iter().map(|f| f.word()).collect();
        let ways: Vec<&str> =
            scenario.paths.iter().map(|w| if *w == Way::Bare { "bare" } else { "5 ms" }).collect();
        let pending =
            scenario.pending.as_ref().map(|why| format!(" *(not yet: {why})*")).unwrap_or_default();
        let cells = [
            format!("{} (`{}`)", scenario.title, scenario.name),
            scenario.fault.clone(),
            format!("{}{pending}", outcomes(scenario)),
            scenario.sign.clone(),
            families.join(", "),
            ways.join(", "),
        ];
        let _ = writeln!(
            text,
            "| {} |",
            cells.map(|c| c.trim().replace('\n', " ").replace('|', "\\|")).join(" | ")
        );
    }
    text + LIMITS + &by_reason(scenarios, pages)
}

/// Those of one group together, groups and scenarios in the order of their numbers.
fn in_groups(scenarios: &[Scenario]) -> Vec<&Scenario> {
    let place = |group: &str| scenarios.iter().position(|s| s.group == group);
    let mut all: Vec<&Scenario> = scenarios.iter().collect();
    all.sort_by_key(|s| place(&s.group));
    all
}

/// What is left as a limit of the method.
const LIMITS: &str = "
## What cannot be told, and why

- **A way that opens or shuts between two looks.** A hop that must be open is looked at once, for \
a few milliseconds to seconds. What shuts it afterwards
  is not seen; a run on a schedule is for that. Hops that must be shut are looked at twice, and \
  their control three times.
- **Which program refuses on a host without a listener.** A reset by the host and one by a device \
in its name look alike. With the real service alone there
  a row that must be shut and is reset stays `inconclusive`, unless another open way shows that \
  the port is in use.
- **What a real service sees.** It remembers nothing for us: lost replies, half-open connections \
and a full queue are told only where a listener stands on the
  host, on whatever port.
- **A device that passes on everything, both ways, unchanged.** It is part of the way. TLS shows \
it where it opens the session; plain protocols do not.
- **A rule by source port or by hash that hits none of the connections made.** Each hop makes a \
few. Where a second source port opens what a first one could
  not, sixteen more are made; where none of a run's connections was hit, nothing shows.
- **An answer that somebody else gives as the service would, on a host without a listener.** \
`answered` says only that the protocol was spoken, and names who it
  was taken for. `--expect stand-in` and a listener prove it.
- **A copy of the key and the name.** Two listeners with both are told apart by their addresses, \
and only where the right one was reached on another hop. A
  copy at the address that this system gives for the name is the host, for all that can be seen.
- **Who refused a path, where the service behind a front draws pages that fronts draw, or refuses \
one path in another way than all others.** The refusal is
  compared with that of a path which the front passes on and which cannot be there, and counts as \
  the front's only where another maker shows, a page that
  fronts make, or none at all. A listener behind the front tells what came to it, also under \
  another path; what the front passes on to another port or host,
  and is refused there by such a page, looks like the front's own refusal.
- **A rule by method, by `User-Agent`, or by a header that only agents send.** What is asked for \
is one GET, and on gRPC the health check and one method.
- **Whether an old answer's service is still there**, where a cache hides its age; and who would \
get past a sign-in.
- **This machine's own rules where others speak over its loopback device.** A reset of its own \
making is then taken for one of the way.
- **This machine's own NAT rules.** What they make of a connection stands in no counter that \
everybody may read, and the kernel undoes it on the way back.
- **A copy of the listener's machine at the very same address**, where a way by policy or a \
balancer shares the address out.
- **Which applications a filter knows.** A row that must be shut and that is cut off once \
something is said on it is `denied` where the listener saw it open:
  what was said is all that is known to be cut off. Where nobody saw it, it may be the service \
  that ended it, and the row stays `inconclusive`. So does a
  row on which nothing may be said to a real service, where the challenge is cut off: its own \
  application may pass.
- **A way that takes the data of some connections.** One connection that is silent or ended is \
tried again from sixteen ports, on up to 128 hops
  of a run, and so are then the other hops to that address. Where the first one of all of them is \
  answered nothing shows that others would not be.
- **Large answers of a real service.** What is large is sent to it. Whether a large answer comes \
back shows only where it gives one: pages are as
  large as they are, and nobody makes a service say more than it would.
- **What a port that the site file declares to be open belongs to.** It opens, is not reset and \
has a window: whoever has it, it is taken for the host,
  unless a router says that the host cannot be reached.
- **A port that is led by NAT to a machine which is off.** It is shut, and `denied` where it must \
be; that a rule meant it nobody can see.
- **On Windows** there are no counters of half-open connections, no message of what this machine \
dropped silently, and no walk along the path.

### Not told yet

Found by people who attacked the program. It could be told, and is not: until it is, a pass of \
such a hop says less than it seems to.

- Packets of more than some hundred octets lost on rows that are greeted: a proof may be one of \
them, so that the greeting alone counts. On rows where the
  server greets first, and to services other than HTTP that prove nobody, nothing large is sent.
- Requests of others for a path that must be shut, or for one that is nobody's, make its row \
inconclusive, also where they come from an address that is not the front's.
- A row of RPC that must be shut is tried again at the end of a run, and from many ports; its range \
is tried once, at the beginning.
- A gRPC call that is answered `UNIMPLEMENTED` by a front of its own accord.
- An answer that this machine's own rules drop: `reply-lost` or `timed-out`, and a row that must \
be shut may pass where only a real service is at the other end.
- A front that takes less than 3000 octets in a header fails the step `payload`, though no agent \
may send so much.
- Of many connections that are rejected at once some are `timed-out`, since Linux answers with few \
ICMP messages a second.
";

/// The distinct outcomes of a scenario's own hops; a family is named where the other one has
/// another outcome.
fn outcomes(scenario: &Scenario) -> String {
    let words = |family| -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for expect in scenario.expect.iter().filter(|e| e.family.is_none_or(|f| f == family)) {
            let words = [&expect.verdict, &expect.reason]
                .into_iter()
                .flatten()
                .map(|w| format!("`{w}`"))
                .collect::<Vec<_>>()
                .join(" ");
            if !all.contains(&words) {
                all.push(words);
            }
        }
        all
    };
    let all: Vec<(Family, String)> =
        scenario.families.iter().map(|f| (*f, words(*f).join("; "))).collect();
    match all.as_slice() {
        [(first, one), (second, other)] if one != other => {
            format!("{}: {one}; {}: {other}", first.word(), second.word())
        }
        all => all.first().map(|(_, words)| words.clone()).unwrap_or_default(),
    }
}

/// Every reason, with the scenarios that produce it or why none can.
fn by_reason(scenarios: &[Scenario], pages: &[Page]) -> String {
    let mut text = String::from("\n## By reason\n\n| reason | scenarios |\n|---|---|\n");
    for page in pages {
        let code = page.reason.code();
        let cell = match &page.produced {
            Produced::Cannot(why) => format!("none: {why}"),
            Produced::Scenario => {
                let names = scenarios
                    .iter()
                    .filter(|s| s.reasons().any(|r| r == code))
                    .map(|s| s.name.split('-').next().unwrap_or_default());
                names.collect::<Vec<_>>().join(", ")
            }
        };
        let _ = writeln!(text, "| [`{code}`](reasons.md#{code}) | {cell} |");
    }
    text
}
