//! `portmatrix explain`: what a reason means.

use super::out::OutArgs;
use super::outcome::{Exit, Outcome, Problem};
use crate::document::terminal;
use crate::input::{Mistake, suggest};
use crate::reason::Reason;
use crate::report::explain as render;
use crate::verdict::explain::{self, Page};
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

/// Says what a reason means: what was seen, what it means and does not mean, who can fix it, how to
/// look closer.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  portmatrix explain                    all reasons\n  portmatrix \
        explain timed-out          the page of one\n  portmatrix explain --format markdown  all \
        pages as one document"
)]
pub struct Args {
    /// The reason, as it stands in tables and result files [default: a list of all]
    reason: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Table,
    /// One JSON document (`portmatrix/reason/1`, or `portmatrix/reasons/1` for all)
    Json,
    /// For a ticket or a wiki
    Markdown,
}

/// A document of `--format json`.
#[derive(Serialize)]
struct One<'p> {
    schema: &'static str,
    #[serde(flatten)]
    page: &'p Page,
}

/// A document of `--format json` with all pages.
#[derive(Serialize)]
struct All<'p> {
    schema: &'static str,
    reasons: &'p [Page],
}

/// Runs the subcommand.
///
/// # Errors
/// A reason that does not exist.
pub fn run(args: &Args) -> Outcome {
    let text = match &args.reason {
        Some(word) => one(&explain::page(find(word)?).map_err(Problem::text)?, args)?,
        None => all(&explain::pages().map_err(Problem::text)?, args)?,
    };
    args.out.print(&text)?;
    Ok(Exit::AsExpected)
}

fn one(page: &Page, args: &Args) -> Result<String, Problem> {
    match args.format {
        Format::Table => Ok(terminal::render(&render::page(page), args.out.style())),
        Format::Json => json(&One { schema: "portmatrix/reason/1", page }),
        Format::Markdown => Ok(render::document(page, 1)),
    }
}

fn all(pages: &[Page], args: &Args) -> Result<String, Problem> {
    match args.format {
        Format::Table => Ok(terminal::render(&render::list(pages), args.out.style())),
        Format::Json => json(&All { schema: "portmatrix/reasons/1", reasons: pages }),
        Format::Markdown => Ok(render::markdown(pages)),
    }
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    crate::text::json::pretty(value).map(|text| text + "\n").map_err(Problem::text)
}

fn find(word: &str) -> Result<Reason, Problem> {
    word.parse().map_err(|_| {
        let near = suggest(word, Reason::ALL.iter().map(|reason| reason.code()));
        let meant = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let what = format!("no reason is called \"{}\"", crate::text::sanitise(word, 80));
        Problem(vec![
            Mistake::without_place(what).help(meant + "`portmatrix explain` lists them all").into(),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::observation::StepKind;
    use crate::verdict::{AnsweredBy, Verdict};
    use clap::{Command, CommandFactory as _, Parser as _};
    use serde::de::DeserializeOwned;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Programs of the two systems, and widely used tools, that pages may name.
    const TOOLS: &[&str] = &[
        "Find-NetRoute",
        "Get-ChildItem",
        "Get-DnsClientServerAddress",
        "Get-FileHash",
        "Get-NetFirewallProfile",
        "Get-NetFirewallRule",
        "Get-NetIPAddress",
        "Get-NetIPConfiguration",
        "Get-NetNeighbor",
        "Get-NetTCPConnection",
        "Get-NetTCPSetting",
        "Get-Process",
        "Resolve-DnsName",
        "Test-NetConnection",
        "ausearch",
        "certutil",
        "chronyc",
        "curl",
        "curl.exe",
        "dcdiag",
        "dig",
        "errno",
        "getent",
        "gpresult",
        "hostname",
        "ip",
        "iptables",
        "journalctl",
        "ldapsearch",
        "ldp.exe",
        "nc",
        "netdom",
        "netsh",
        "nft",
        "nltest",
        "openssl",
        "ping",
        "pktmon",
        "portqry",
        "repadmin",
        "resolvectl",
        "rpcclient",
        "setspn",
        "sha256sum",
        "ss",
        "strace",
        "sysctl",
        "tcpdump",
        "timedatectl",
        "tracepath",
        "traceroute",
        "tracert",
        "ulimit",
        "w32tm",
        // Linux
        // Windows
    ];

    /// Words of other programs: their options, settings and signs.
    const WORDS: &[&str] = &[
        "!H",
        "!N",
        "!X",
        "+cd",
        "+tcp",
        "-L",
        "-TcpOnly",
        "-tls1_2",
        "@",
        "HKLM\\Software\\Policies\\Microsoft\\Windows NT\\Rpc",
        "RestrictRemoteClients",
        "discover",
        "grpc_pass",
        "proto h2",
        "proxy_pass",
        "proxy_request_buffering off",
    ];

    fn is<T: DeserializeOwned>(word: &str) -> bool {
        serde_json::from_value::<T>(word.into()).is_ok()
    }

    fn options(command: &Command, into: &mut BTreeSet<String>) {
        into.extend(
            command
                .get_arguments()
                .filter_map(|argument| argument.get_long())
                .map(|long| format!("--{long}")),
        );
        command.get_subcommands().for_each(|sub| options(sub, into));
    }

    /// The code that writes the fields of steps.
    fn sources(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                sources(&entry, into);
            } else {
                into.push_str(&std::fs::read_to_string(&entry).expect("a file"));
            }
        }
    }

    /// Names of facts, families among them.
    fn facts(schema: &serde_json::Value, into: &mut BTreeSet<String>) {
        if let Some(own) = schema.get("properties").and_then(serde_json::Value::as_object) {
            into.extend(own.keys().cloned());
        }
        for inner in schema.as_object().into_iter().flat_map(|all| all.values()) {
            facts(inner, into);
        }
    }

    #[test]
    fn pages_name_only_what_there_is() {
        let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
        options(&Cli::command(), &mut known);
        facts(schemars::schema_for!(crate::observation::Facts).as_value(), &mut seen);
        let mut code = String::new();
        for folder in ["climb", "net", "probe", "protocol", "run"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut code);
        }
        let mut wrong = Vec::new();
        let mut commands = 0;
        for page in explain::pages().expect("pages") {
            for text in
                page.texts().map(|(_, text)| text).chain(page.closer.iter().map(String::as_str))
            {
                for (index, piece) in text.split('`').enumerate() {
                    let first = piece.split(' ').next().unwrap_or_default();
                    let right = if index % 2 == 0 {
                        // An option or a command in the open would go unchecked.
                        !piece.contains("--")
                            && !piece.contains("portmatrix connect")
                            && !piece.contains("portmatrix listen")
                    } else if first == "portmatrix" {
                        commands += 1;
                        Cli::try_parse_from(piece.split(' ')).is_ok()
                    } else if piece.starts_with("--") {
                        known.contains(piece)
                    } else {
                        let ours = piece.parse::<Reason>().is_ok()
                            || is::<StepKind>(piece)
                            || is::<Verdict>(piece)
                            || is::<AnsweredBy>(piece);
                        ours || TOOLS.contains(&first)
                            || WORDS.contains(&piece)
                            || seen.contains(piece)
                            || code.contains(&format!("\"{piece}\""))
                    };
                    if !right {
                        wrong.push(format!("{}: {piece}", page.reason));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(commands > 50, "only {commands} commands were found to check");
    }
}
