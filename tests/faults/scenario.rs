//! A scenario as its file says it: what is broken, how, and what portmatrix must say of each hop.
//! Unknown keys are errors.

use crate::programs::Kind;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Flows of the bed that speak for the rest of the way: they must stay proved while another hop is
/// broken.
const PROVED: (&str, &str, &str) = ("pass", "proved", "stand-in");

/// One file of `scenarios/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its file's name, without the ending.
    #[serde(skip)]
    pub name: String,
    /// One line for the table.
    pub title: String,
    /// Heading in the document.
    pub group: String,
    /// What is broken, for the document.
    pub fault: String,
    /// By which sign it is told apart from what looks like it.
    pub sign: String,
    /// Address families in which it is run.
    #[serde(default = "both")]
    pub families: Vec<Family>,
    /// With and without delay on the link between the two routers: each is a run of its own.
    #[serde(default = "bare")]
    pub paths: Vec<Way>,
    /// Flows that nothing is wrong with.
    #[serde(default)]
    pub controls: Vec<String>,
    /// What the program still lacks for it. Such a scenario may differ, and must not agree.
    pub pending: Option<String>,
    /// Rules that break something.
    #[serde(default)]
    pub nft: Vec<Rules>,
    /// Commands that break something.
    #[serde(default)]
    pub sh: Vec<Script>,
    /// Programs of the bed's own.
    #[serde(default)]
    pub program: Vec<Program>,
    /// Listeners; one with the site's key on `srv` where none is given.
    pub listen: Option<Vec<Listen>>,
    /// How the connector is run.
    #[serde(default)]
    pub connect: Connect,
    /// More addresses of `srv` in each family, so that there are many hops.
    #[serde(default)]
    pub more_addresses: u8,
    /// Lines of the table of ranges in every site file.
    #[serde(default)]
    pub ranges: String,
    /// What must come of each hop.
    pub expect: Vec<Expect>,
}

fn both() -> Vec<Family> {
    vec![Family::V4, Family::V6]
}

fn bare() -> Vec<Way> {
    vec![Way::Bare]
}

/// Address family of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    V4,
    V6,
    /// A hop whose name has no address.
    None,
}

impl Family {
    pub fn word(self) -> &'static str {
        match self {
            Family::V4 => "v4",
            Family::V6 => "v6",
            Family::None => "-",
        }
    }
}

/// What lies between the two routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A pair of virtual devices: answers come inside the system call.
    Bare,
    /// Two tunnel devices with a program between them that holds each packet for 5 ms.
    Delayed,
}

/// A namespace of the bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    Ws,
    R1,
    R2,
    Srv,
    Other,
}

impl At {
    pub const ALL: [At; 5] = [At::Ws, At::R1, At::R2, At::Srv, At::Other];

    pub fn word(self) -> &'static str {
        match self {
            At::Ws => "ws",
            At::R1 => "r1",
            At::R2 => "r2",
            At::Srv => "srv",
            At::Other => "other",
        }
    }
}

/// Chains of one nftables table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub at: At,
    pub rules: String,
}

/// Commands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub at: At,
    pub script: String,
    /// Run only after this many seconds of each run of the connector. `listener` in it is the
    /// listener of that host, as a command.
    pub after: Option<f64>,
    /// Run at the end of each run, where it was run in each.
    pub undo: Option<String>,
}

/// One program of the bed.
#[derive(Debug, Clone, Deserialize)]
pub struct Program {
    pub at: At,
    #[serde(flatten)]
    pub kind: Kind,
}

/// One listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub at: At,
    #[serde(default)]
    pub key: Key,
    /// Named ports that it must leave alone.
    #[serde(default)]
    pub without: Vec<String>,
    /// The certificate that it shows, by its kind in `certificates.rs`.
    pub cert: Option<String>,
    /// As whom it listens; as its own host where that is not said.
    #[serde(rename = "as")]
    pub who: Option<String>,
    /// More arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// It is started only after this many seconds of each run of the connector.
    pub begins: Option<f64>,
    /// It is killed after this many seconds of each run, and started anew for each.
    pub ends: Option<f64>,
}

impl Listen {
    /// Whether it is there for a part of each run alone.
    pub fn is_passing(&self) -> bool {
        self.begins.is_some() || self.ends.is_some()
    }
}

impl Default for Listen {
    fn default() -> Self {
        Listen {
            at: At::Srv,
            key: Key::Site,
            without: Vec::new(),
            cert: None,
            who: None,
            args: Vec::new(),
            begins: None,
            ends: None,
        }
    }
}

/// Which key an end has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    #[default]
    Site,
    Other,
    None,
}

/// How the connector is run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connect {
    pub key: Key,
    /// More arguments.
    pub args: Vec<String>,
    /// Handshakes' deadline, instead of 2 s.
    pub connect_timeout: Option<String>,
    /// Later steps' deadline, instead of 2 s.
    pub timeout: Option<String>,
    /// Most descriptors.
    pub nofile: Option<u32>,
    /// Shift of its clock in seconds.
    pub clock: Option<i32>,
    /// The server's address is looked up, and not in the site file.
    pub by_name: bool,
    /// Lines of the table of ports in its site file.
    pub ports: String,
    /// Lines of the table of certificates in its site file.
    pub certificates: String,
    /// Addresses of the workstation in its site file, instead of its own.
    pub from_addresses: Vec<String>,
    /// Addresses of the server in its site file, instead of its own.
    pub to_addresses: Vec<String>,
    /// The resolver configuration of the workstation, instead of one that names the scenario's DNS
    /// server and asks it once.
    pub resolver: Option<String>,
    /// The hosts file of the workstation.
    pub hosts: Option<String>,
    /// Lines of the table of controls in its site file.
    pub controls: String,
    /// Run it once before, unjudged.
    pub warm_up: bool,
}

/// What must come of one flow's hops. Only what is given is compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub flow: String,
    /// In this family alone.
    pub family: Option<Family>,
    /// Of the hop to this address alone.
    pub address: Option<String>,
    pub verdict: Option<String>,
    pub reason: Option<String>,
    pub initiator: Option<String>,
    pub ended_at: Option<String>,
    pub answered_by: Option<String>,
    /// `type/code from NODE`, of any attempt.
    pub icmp: Option<String>,
    /// The last router that answered on the way, or `none`.
    pub beyond: Option<String>,
    pub sighting: Option<String>,
    /// Least number of SYN packets of any attempt.
    pub syns: Option<u32>,
    pub note_contains: Option<String>,
    pub advice_contains: Option<String>,
    /// Most milliseconds that the hop took.
    pub within_ms: Option<f64>,
    /// How many hops there are to be of this kind; at least one where it is not said.
    pub hops: Option<usize>,
}

impl Expect {
    fn proved(flow: &str) -> Expect {
        Expect {
            flow: flow.to_owned(),
            family: None,
            address: None,
            verdict: Some(PROVED.0.into()),
            reason: Some(PROVED.1.into()),
            initiator: None,
            ended_at: None,
            answered_by: Some(PROVED.2.into()),
            icmp: None,
            beyond: None,
            sighting: None,
            syns: None,
            note_contains: None,
            advice_contains: None,
            within_ms: None,
            hops: None,
        }
    }

    /// The words of the table.
    pub fn words(&self) -> String {
        let parts = [&self.verdict, &self.reason];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
    }
}

impl Scenario {
    /// What is expected in a family: the scenario's own, then the controls.
    pub fn expected(&self, family: Family) -> Vec<Expect> {
        let own = self.expect.iter().filter(|e| e.family.is_none_or(|f| f == family)).cloned();
        let controls =
            self.controls.iter().filter(|_| family != Family::None).map(|c| Expect::proved(c));
        own.chain(controls).collect()
    }

    /// Every flow that is probed.
    pub fn flows(&self) -> BTreeSet<&str> {
        self.expect
            .iter()
            .map(|e| e.flow.as_str())
            .chain(self.controls.iter().map(String::as_str))
            .collect()
    }

    /// Reasons that it produces when it agrees.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.expect.iter().filter_map(|e| e.reason.as_deref())
    }
}

/// Reads every scenario of a folder, in the order of the names.
///
/// # Errors
/// Every file that cannot be read, with what is wrong.
pub fn load(folder: &Path) -> Result<Vec<Scenario>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let (mut scenarios, mut wrong) = (Vec::new(), String::new());
    for file in files {
        let read = std::fs::read_to_string(&file).map_err(|e| e.to_string());
        match read.and_then(|text| toml::from_str::<Scenario>(&text).map_err(|e| e.to_string())) {
            Ok(mut scenario) => {
                scenario.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                scenarios.push(scenario);
            }
            Err(error) => wrong.push_str(&format!("{}: {error}\n", file.display())),
        }
    }
    if wrong.is_empty() { Ok(scenarios) } else { Err(wrong) }
}
