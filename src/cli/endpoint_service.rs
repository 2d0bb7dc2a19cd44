//! Asking the endpoint web service, politely: one client id for good, the version before the list,
//! at most once an hour, and not at all for as long as it asked to be left alone.

use super::files;
use super::outcome::Problem;
use crate::matrix::endpoints::Instance;
use crate::matrix::endpoints::service::{self, MAX_OCTETS};
use crate::net::fetch::{self, Reply};
use crate::net::resolve::Resolver;
use crate::net::tls::Trust;
use crate::net::{clock, random};
use crate::protocol::http::probe::proxy;
use crate::site::proxy::Route;
use hyper::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Time for one answer, from the look-up of the name on.
const DEADLINE: Duration = Duration::from_secs(30);
/// One connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How often the service may be asked.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What is remembered between two runs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// The id of this installation, as the service wants one.
    client: String,
    /// By service and instance.
    lists: BTreeMap<String, Remembered>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Remembered {
    asked: Option<Timestamp>,
    not_before: Option<Timestamp>,
    version: String,
    list: String,
    #[serde(default)]
    changes: String,
}

/// How to get there.
pub(super) struct Access {
    pub(super) route: Route,
    pub(super) trust: Trust,
    pub(super) resolver: Resolver,
}

/// A list, its version, and what is to be said about where it is from.
pub(super) struct Fetched {
    pub(super) list: String,
    pub(super) version: Option<String>,
    pub(super) remark: Option<String>,
    /// What is announced, where the service said it.
    pub(super) changes: Option<String>,
}

/// Largest file of what was said before, in octets.
const MAX_MEMORY: u64 = 64 << 20;

/// The list of an instance, and what was announced for it `since` a version. `base` is the service
/// (`https://endpoints.office.com`); a URL with a path is taken for the list itself.
///
/// # Errors
/// What went wrong, in words.
pub(super) async fn list(
    base: &str,
    instance: Instance,
    since: Option<&str>,
    access: &Access,
) -> Result<Fetched, Problem> {
    let uri: Uri = base.parse().map_err(|e| Problem::text(format!("\"{base}\" is no URL: {e}")))?;
    let path = cache();
    let mut memory: Memory = path
        .as_ref()
        .and_then(|path| crate::input::octets(path, MAX_MEMORY).ok())
        .and_then(|octets| serde_json::from_slice(&octets).ok())
        .unwrap_or_default();
    if memory.client.is_empty() {
        memory.client = uuid::Builder::from_random_bytes(random()).into_uuid().to_string();
    }
    let key = format!("{} {}", base.trim_end_matches('/'), instance.name());
    let known = memory.lists.get(&key).cloned().unwrap_or_default();
    let now = clock::now();
    let fresh = known.asked.is_some_and(|asked| now.duration_since(asked) < HOUR && asked <= now);
    if fresh && !known.list.is_empty() {
        let remark = known.asked.map(|asked| {
            format!("This is the answer of {asked}: the service is asked at most once an hour.")
        });
        let changes = Some(known.changes).filter(|changes| !changes.is_empty());
        return Ok(Fetched {
            list: known.list,
            version: Some(known.version).filter(|v| !v.is_empty()),
            remark,
            changes,
        });
    }
    if let Some(until) = known.not_before.filter(|until| *until > now) {
        return Err(Problem::text(format!(
            "the service asked not to be asked before {until}: wait, or name a FILE with its answer"
        )));
    }
    let is_service = uri.path().trim_matches('/').is_empty();
    let question = Question {
        base: base.trim_end_matches('/'),
        uri,
        client: &memory.client,
        instance,
        access,
    };
    let asked = if is_service {
        question.version_and_list(&known, since).await
    } else {
        question.list_alone().await
    };
    let (outcome, remembered) = match asked {
        Ok(Answers { list, .. }) if service::List::parse(&list).is_err() => {
            // Shown by whoever reads it; and asked for again, since a broken answer is no list.
            // What is remembered is what was before, and under which id it was asked.
            (Ok(Fetched { list, version: None, remark: None, changes: None }), known)
        }
        Ok(Answers { version, list, changes, not_before, remark }) => {
            let (version_text, changes_text) =
                (version.clone().unwrap_or_default(), changes.clone().unwrap_or_default());
            let remembered = Remembered {
                asked: Some(now),
                not_before,
                version: version_text,
                list: list.clone(),
                changes: changes_text,
            };
            (Ok(Fetched { list, version, remark, changes }), remembered)
        }
        Err(Fault::Wait(until)) => {
            let words = format!(
                "the service is asked too often (429), and wants to be left alone until {until}: \
                    wait, or name a FILE with its answer"
            );
            (Err(Problem::text(words)), Remembered { not_before: Some(until), ..known })
        }
        Err(Fault::Words(words)) => {
            return Err(Problem::text(format!(
                "cannot get the list: {words}; a FILE with the service's answer does as well"
            )));
        }
    };
    memory.lists.insert(key, remembered);
    if let (Some(path), Ok(text)) = (&path, serde_json::to_string(&memory)) {
        let kept = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .map_err(Problem::text)
            .and_then(|()| files::write(path, &text));
        if kept.is_err() {
            tracing::warn!(path = %path.display(), "what the service said cannot be remembered");
        }
    }
    outcome
}

enum Fault {
    Wait(Timestamp),
    Words(String),
}

#[derive(Default)]
struct Answers {
    version: Option<String>,
    list: String,
    changes: Option<String>,
    /// Until when the service wants to be left alone, although the list came.
    not_before: Option<Timestamp>,
    remark: Option<String>,
}

struct Question<'q> {
    base: &'q str,
    uri: Uri,
    client: &'q str,
    instance: Instance,
    access: &'q Access,
}

impl Question<'_> {
    /// The list is asked for only where its version is another than the one that is known.
    async fn version_and_list(
        &self,
        known: &Remembered,
        since: Option<&str>,
    ) -> Result<Answers, Fault> {
        let url = |what: &str| format!("{}/{what}?ClientRequestId={}", self.base, self.client);
        let name = self.instance.name();
        let version = service::version(&self.get(&url(&format!("version/{name}"))).await?)
            .map_err(|wrong| Fault::Words(wrong.to_string()))?;
        let list = match &known.list {
            list if version == known.version && !list.is_empty() => list.clone(),
            _ => self.get(&url(&format!("endpoints/{name}"))).await?,
        };
        // The service takes ten zeros for the beginning. Without this answer the list is as good;
        // but what was not read is said.
        let (changes, not_before, remark) = match self
            .get(&url(&format!("changes/{name}/{}", since.unwrap_or("0000000000"))))
            .await
        {
            Ok(changes) => (Some(changes), None, None),
            Err(Fault::Wait(until)) => (
                None,
                Some(until),
                Some(format!(
                    "What is announced was not read: the service wants to be left alone until \
                        {until}."
                )),
            ),
            Err(Fault::Words(words)) => {
                (None, None, Some(format!("What is announced was not read: {words}.")))
            }
        };
        Ok(Answers { version: Some(version), list, changes, not_before, remark })
    }

    async fn list_alone(&self) -> Result<Answers, Fault> {
        let separator = if self.uri.query().is_some() { '&' } else { '?' };
        let url = if self.base.contains("ClientRequestId=") {
            self.base.to_owned()
        } else {
            format!("{}{separator}ClientRequestId={}", self.base, self.client)
        };
        Ok(Answers { list: self.get(&url).await?, ..Answers::default() })
    }

    async fn get(&self, url: &str) -> Result<String, Fault> {
        let uri: Uri =
            url.parse().map_err(|e| Fault::Words(format!("\"{url}\" is no URL: {e}")))?;
        let reply = match tokio::time::timeout(DEADLINE, self.reply(&uri)).await {
            Ok(reply) => reply.map_err(Fault::Words)?,
            Err(_) => {
                return Err(Fault::Words(format!("no answer within {} s", DEADLINE.as_secs())));
            }
        };
        match reply.status {
            200 => Ok(reply.body),
            429 => {
                let seconds = i64::try_from(reply.retry_after.unwrap_or(0))
                    .unwrap_or(i64::MAX)
                    .clamp(3600, 86_400);
                Err(Fault::Wait(clock::now() + SignedDuration::from_secs(seconds)))
            }
            status => Err(Fault::Words(format!(
                "{} answered with status {status}",
                uri.host().unwrap_or_default()
            ))),
        }
    }

    async fn reply(&self, uri: &Uri) -> Result<Reply, String> {
        let Access { route, trust, resolver } = self.access;
        let host = uri.host().ok_or_else(|| "the URL has no host".to_owned())?;
        let tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        match route {
            Route::Proxy(through) if tls => {
                let stream = fetch::connect(resolver, &through.host, through.port, CONNECT)
                    .await
                    .map_err(|e| e.to_string())?;
                let way = proxy::ask(stream, &format!("{host}:{port}"), through).await;
                let (way, _) = way.map_err(|failure| {
                    format!("proxy {}: {}", through.label(), failure.reason.summary())
                })?;
                fetch::get(way, uri, trust, MAX_OCTETS).await.map_err(|e| e.to_string())
            }
            _ => {
                let got = async {
                    let stream = fetch::connect(resolver, host, port, CONNECT).await?;
                    fetch::get(stream, uri, trust, MAX_OCTETS).await
                };
                got.await.map_err(|e| e.to_string())
            }
        }
    }
}

/// Where answers are remembered: the user's folder for such things (XDG Base Directory; on Windows
/// `%LOCALAPPDATA%`).
fn cache() -> Option<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else {
        set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))
    };
    Some(folder?.join("portmatrix").join("endpoints.json"))
}
