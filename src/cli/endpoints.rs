//! `portmatrix matrix import endpoints` and `portmatrix matrix diff`: lists that do not age.

use super::endpoint_service;
use super::endpoint_service::{Access, Fetched};
use super::inputs::{self, MatrixArgs};
use super::outcome::{Exit, Outcome, Problem};
use super::terminal::{print, say};
use super::{arguments, files, interruption, routes, trust};
use crate::input;
use crate::matrix::Registry;
use crate::matrix::endpoints::changes::{Announced, announced};
use crate::matrix::endpoints::compare::Difference;
use crate::matrix::endpoints::service::{List, Wanted};
use crate::matrix::endpoints::{Instance, Origin, day, rewrite};
use crate::matrix::model::Role;
use crate::net::clock;
use crate::net::resolve::Resolver;
use crate::site::proxy::Route;
use clap::Args as ClapArgs;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The web service that is asked where nothing else is named.
const SERVICE: &str = "https://endpoints.office.com";

/// Where the list is, and which tables it is for.
#[derive(Debug, ClapArgs)]
pub struct Source {
    /// The list: a file with the service's answer to /endpoints, or the URL of the service
    #[arg(value_name = "FILE|URL", default_value = SERVICE)]
    source: String,
    /// Which cloud the list is of
    #[arg(long, value_enum, default_value = "worldwide")]
    instance: Instance,
    /// The port table that it is for [default: all whose roles say that they are from this cloud's
    /// list; for `import` there must be one]
    #[arg(long = "matrix", value_name = "ID")]
    matrix: Option<String>,
    /// Version of the list in a file, as the service's /version gives it
    #[arg(long, value_name = "YYYYMMDDNN", value_parser = edition)]
    edition: Option<String>,
    /// A file with the service's answer to /changes, to be told what is announced
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Go through this outbound proxy, or `direct` [default: HTTPS_PROXY, then direct]
    #[arg(long, value_name = "URL|direct")]
    proxy: Option<String>,
    /// Trust the certificates of this PEM file instead of the operating system's store
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Ask this DNS server instead of the system's
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = arguments::dns_server)]
    dns: Option<SocketAddr>,
    #[command(flatten)]
    tables: MatrixArgs,
}

fn edition(text: &str) -> Result<String, String> {
    day(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| "ten digits were expected, YYYYMMDDNN".to_owned())
}

/// A list as it was read, with its version.
struct Read {
    list: List,
    changes: Option<String>,
    version: Option<String>,
    remarks: Vec<String>,
}

impl Source {
    /// `since` is the version that a table has.
    fn read(&self, since: Option<&str>) -> Result<Read, Problem> {
        let is_url = self.source.contains("://");
        let Fetched { list, version, remark, changes } =
            if is_url { self.fetch(since)? } else { self.file()? };
        let changes = match &self.changes {
            Some(path) => {
                Some(input::read(path).map_err(|mistake| inputs::problem(vec![mistake]))?)
            }
            None => changes,
        };
        let list = List::parse(&list).map_err(|mistakes| {
            Problem(
                mistakes
                    .into_iter()
                    .map(|mistake| {
                        miette::miette!("{}: {mistake}", crate::text::sanitise(&self.source, 4096))
                    })
                    .collect(),
            )
        })?;
        Ok(Read {
            remarks: remark.into_iter().chain(list.odd.iter().cloned()).collect(),
            list,
            version: version.or_else(|| self.edition.clone()),
            changes,
        })
    }

    fn file(&self) -> Result<Fetched, Problem> {
        let list = input::read(Path::new(&self.source))
            .map_err(|mistake| inputs::problem(vec![mistake]))?;
        Ok(Fetched {
            list: list.trim_start_matches('\u{feff}').to_owned(),
            version: None,
            remark: None,
            changes: None,
        })
    }

    fn fetch(&self, since: Option<&str>) -> Result<Fetched, Problem> {
        let said: Vec<String> = self.proxy.iter().cloned().collect();
        let (routes, except) = routes::routes(&said, &[], |name| std::env::var(name).ok())?;
        let host = self
            .source
            .parse::<hyper::Uri>()
            .ok()
            .and_then(|uri| uri.host().map(str::to_owned))
            .unwrap_or_default();
        let route =
            routes.into_iter().next().filter(|_| !except.covers(&host)).unwrap_or(Route::Direct);
        let access = Access {
            route,
            trust: trust::trust(self.ca.as_deref(), None)?,
            resolver: Resolver::new(self.dns, Duration::from_secs(5)),
        };
        interruption::runtime()?.block_on(endpoint_service::list(
            &self.source,
            self.instance,
            since,
            &access,
        ))
    }

    /// The roles of this instance, each with the id of the table, or of the product, that declares
    /// it.
    fn roles<'r>(
        &self,
        registry: &'r Registry,
    ) -> Result<Vec<(&'r str, &'r Role, &'r Origin)>, Problem> {
        let of_tables: Vec<(&str, &Role)> = registry
            .matrices()
            .flat_map(|m| m.roles.iter().map(|role| (m.id.as_str(), role)))
            .collect();
        let elsewhere = |role: &&Role| !of_tables.iter().any(|(_, other)| other.id == role.id);
        let of_products = registry
            .products()
            .flat_map(|p| p.roles.iter().filter(elsewhere).map(|role| (p.id.as_str(), role)));
        let declared = of_tables.iter().copied().chain(of_products);
        let of_instance =
            declared.filter_map(|(id, role)| Some((id, role, role.endpoints.as_ref()?)));
        let all: Vec<_> =
            of_instance.filter(|(_, _, origin)| origin.instance == self.instance).collect();
        let wanted: Vec<_> = match &self.matrix {
            Some(id) => all
                .iter()
                .copied()
                .filter(|(known, _, _)| known == id || known.rsplit('/').next() == Some(id))
                .collect(),
            None => all.clone(),
        };
        if wanted.is_empty() {
            let known: Vec<&str> = all.iter().map(|(id, _, _)| *id).collect();
            let help = format!(
                "these have: {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            return Err(Problem(vec![miette::miette!(
                help = help,
                "no port table{} has a role from the list of {}",
                self.matrix.as_ref().map(|id| format!(" \"{id}\"")).unwrap_or_default(),
                self.instance.word()
            )]));
        }
        Ok(wanted)
    }
}

/// `matrix import endpoints`.
///
/// # Errors
/// A list that cannot be had or read, and a table that is not clear.
pub fn import(source: &Source, out: Option<&Path>) -> Outcome {
    let registry = inputs::registry(&source.tables)?;
    let roles = source.roles(&registry)?;
    let mut ids: Vec<&str> = roles.iter().map(|(id, _, _)| *id).collect();
    ids.dedup();
    let [id] = ids.as_slice() else {
        return Err(Problem(vec![miette::miette!(
            help = format!("say which with --matrix: {}", ids.join(", ")),
            "several port tables are from this list"
        )]));
    };
    if let Some(out) = out {
        files::check_writable(out)?;
    }
    let read = source.read(oldest(&roles))?;
    let text = registry.text(id).ok_or_else(|| Problem::text("the table has no text"))?;
    let mut text = text.to_owned();
    let mut summary = String::new();
    for (_, role, origin) in roles {
        let wanted = wanted(&read.list, role, origin)?;
        let today = read
            .version
            .as_deref()
            .and_then(day)
            .unwrap_or_else(|| jiff::tz::Offset::UTC.to_datetime(clock::now()).date());
        text = rewrite::rewrite(&text, role, &wanted, read.version.as_deref(), &today.to_string())
            .map_err(|e| Problem::text(format!("{id}: {e}")))?;
        let _ = writeln!(
            summary,
            "{}: {} names, {} ranges ({} and {} before)",
            role.id,
            wanted.names.len(),
            wanted.networks.len(),
            role.names.len(),
            role.networks.len()
        );
        if origin
            .version
            .as_ref()
            .zip(read.version.as_ref())
            .is_some_and(|(before, now)| now < before)
        {
            let _ = writeln!(
                summary,
                "{}: this list is OLDER than the one that the table has",
                role.id
            );
        }
        for name in rewrite::orphans(role, &wanted) {
            let _ =
                writeln!(summary, "{name} is tried no more: its wildcard is gone from the list");
        }
        for id in wanted.without_443 {
            let _ = writeln!(summary, "set {id} has no TCP 443, and the table's flow goes there");
        }
    }
    // What is written must be a table that this program reads.
    let checked =
        Registry::of([("the new table".to_owned(), text.clone())]).err().unwrap_or_default();
    let own = checked.into_iter().filter(|mistake| {
        mistake.to_string().contains("is not a host name") || mistake.to_string().contains("TOML")
    });
    let own: Vec<_> = own.collect();
    if !own.is_empty() {
        return Err(inputs::problem(own));
    }
    match out {
        Some(out) => {
            files::write(out, &text)?;
            let _ = writeln!(
                summary,
                "Written to {}: `matrices = [FOLDER]` in the site file, or --matrices FOLDER, lets \
                    it take the place of {id}.",
                out.display()
            );
        }
        None => print(&text)?,
    }
    say_all(&read.remarks, &summary);
    Ok(Exit::AsExpected)
}

/// The oldest version that these tables have: what was announced since then is news to one of them.
fn oldest<'r>(roles: &[(&str, &Role, &'r Origin)]) -> Option<&'r str> {
    roles.iter().filter_map(|(_, _, origin)| origin.version.as_deref()).min()
}

/// For people, beside what standard output holds.
fn say_all(remarks: &[String], summary: &str) {
    for remark in remarks {
        say(remark);
    }
    summary.lines().for_each(say);
}

/// The names and ranges for a role; a set that is gone would silently empty it.
fn wanted(list: &List, role: &Role, origin: &Origin) -> Result<Wanted, Problem> {
    let wanted = list.of(&origin.sets);
    if wanted.missing.is_empty() && wanted.names.is_empty() {
        return Err(Problem::text(format!(
            "the list has no name for the role {}, so that nothing could be tested: the table is \
                left as it is",
            role.id
        )));
    }
    if wanted.missing.is_empty() {
        return Ok(wanted);
    }
    let known: Vec<String> = list.sets.keys().map(u32::to_string).collect();
    let missing: Vec<String> = wanted.missing.iter().map(u32::to_string).collect();
    let help = format!("is it the list of another cloud? It has: {}", known.join(", "));
    Err(Problem(vec![miette::miette!(
        help = help,
        "the list has no set {}, which the role {} is from",
        missing.join(", "),
        role.id
    )]))
}

/// One role compared.
#[derive(Serialize)]
struct Compared<'r> {
    matrix: &'r str,
    role: &'r str,
    instance: Instance,
    sets: &'r [u32],
    table_version: Option<&'r str>,
    /// What is announced and not in use yet; absent where that was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    announced: Option<Vec<Announced>>,
    #[serde(flatten)]
    difference: Difference,
}

/// `matrix diff`: exit code 1 where anything differs.
///
/// # Errors
/// A list that cannot be had or read, and tables that are not known.
pub fn diff(source: &Source, as_json: bool) -> Outcome {
    let registry = inputs::registry(&source.tables)?;
    let roles = source.roles(&registry)?;
    let read = source.read(oldest(&roles))?;
    let (mut all, mut remarks) = (Vec::new(), Vec::new());
    let mut last = None;
    for (matrix, role, origin) in roles {
        let wanted = match wanted(&read.list, role, origin) {
            Ok(wanted) => wanted,
            Err(problem) if source.matrix.is_some() => return Err(problem),
            // A list of some sets is compared with the tables of these.
            Err(problem) => {
                remarks.push(format!(
                    "{matrix} {} is not compared: its sets are not in this list",
                    role.id
                ));
                last = Some(problem);
                continue;
            }
        };
        let elsewhere = |name: &str| {
            let other = |set: &&crate::matrix::endpoints::service::Set| {
                set.names.iter().any(|pattern| crate::matrix::model::covers(pattern, name))
            };
            read.list.sets.values().find(other).map(|set| set.id)
        };
        let difference = Difference::between(
            (&role.names, &role.networks),
            (&wanted.names, &wanted.networks),
            elsewhere,
        );
        all.push(Compared {
            matrix,
            role: &role.id,
            instance: origin.instance,
            sets: &origin.sets,
            table_version: origin.version.as_deref(),
            announced: told(read.changes.as_deref(), &origin.sets)?,
            difference,
        });
    }
    if let Some(problem) = last.filter(|_| all.is_empty()) {
        return Err(problem);
    }
    remarks.extend(read.remarks.iter().cloned());
    let same = all.iter().all(|one| one.difference.is_empty());
    if as_json {
        let document = serde_json::json!({ "schema": "portmatrix/endpoints-diff/1", "list_version": read.version, "same": same, "roles": all });
        print(&(crate::text::json::pretty(&document).map_err(Problem::text)? + "\n"))?;
    } else {
        print(&words(&all, read.version.as_deref()))?;
    }
    say_all(&remarks, "");
    Ok(if same { Exit::AsExpected } else { Exit::NotAsExpected })
}

/// What is announced for these sets, where that was read.
fn told(changes: Option<&str>, sets: &[u32]) -> Result<Option<Vec<Announced>>, Problem> {
    let Some(text) = changes else { return Ok(None) };
    let today = jiff::tz::Offset::UTC.to_datetime(clock::now()).date();
    announced(text, sets, today).map(Some).map_err(|mistakes| {
        Problem(mistakes.into_iter().map(|mistake| miette::miette!("changes: {mistake}")).collect())
    })
}

fn words(all: &[Compared<'_>], version: Option<&str>) -> String {
    let mut text = String::new();
    for one in all {
        let sets: Vec<String> = one.sets.iter().map(u32::to_string).collect();
        let of = |version: Option<&str>| {
            version.and_then(day).map_or("of unknown date".to_owned(), |day| format!("of {day}"))
        };
        let _ = writeln!(
            text,
            "{} {}: table {}, list {} ({}, set {})",
            one.matrix,
            one.role,
            of(one.table_version),
            of(version),
            one.instance.word(),
            sets.join(", ")
        );
        if one.difference.is_empty() {
            text.push_str("  the same names and the same addresses\n");
        }
        let Difference {
            names_only_in_table,
            names_only_in_service,
            networks_only_in_table,
            networks_only_in_service,
        } = &one.difference;
        for name in names_only_in_service {
            let _ = writeln!(text, "  + {:<45} the list has it, the table has not", name.name);
        }
        for network in networks_only_in_service {
            let _ = writeln!(
                text,
                "  + {:<45} the list has these addresses, the table has not",
                network.to_string()
            );
        }
        for name in names_only_in_table {
            let set = name.set.map(|set| format!("; it is in set {set} now")).unwrap_or_default();
            let _ = writeln!(text, "  - {:<45} the table has it, the list has not{set}", name.name);
        }
        for network in networks_only_in_table {
            let _ = writeln!(
                text,
                "  - {:<45} the table has these addresses, the list has not",
                network.to_string()
            );
        }
        for one in one.announced.iter().flatten() {
            let networks = one.networks.iter().map(ToString::to_string);
            for what in one.names.iter().cloned().chain(networks) {
                let _ = writeln!(
                    text,
                    "  > {what:<45} announced for set {}, in use from {}",
                    one.set, one.from
                );
            }
        }
    }
    text
}
