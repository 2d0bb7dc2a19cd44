//! Whether the hosts can be reached that say which certificates are revoked: those that the
//! certificates of cloud services name, on the port that they name. A client that cannot reach them
//! waits, and then goes on without knowing, or breaks off.

use super::judged::Judged;
use crate::net::fetch::{self, FetchError};
use crate::net::resolve::Resolver;
use crate::observation::StepKind;
use crate::plan::model::Hop;
use crate::result::published::Revocation;
use crate::site::proxy::Proxy;
use crate::text::sanitise;
use hyper::Uri;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Hosts of one run, and how many are asked at a time.
const MOST: usize = 64;
const AT_A_TIME: usize = 16;
/// Longest URL that is told, in characters.
const MAX_URL: usize = 1024;
/// Time for each: a client that has not had an answer by then has gone on without, or given up.
const DEADLINE: Duration = Duration::from_secs(2);

/// Asks every host that a certificate of a cloud service names for its revocation lists (RFC 5280
/// section 4.2.1.13) or OCSP (section 4.2.2.1).
pub async fn revocation(
    planned: &[Hop],
    hops: &[Judged],
    resolver: &Resolver,
    deadline: Duration,
    stop: &CancellationToken,
) -> Vec<Revocation> {
    let proxies: BTreeMap<String, Arc<Proxy>> = planned
        .iter()
        .filter_map(|hop| hop.proxy.clone())
        .map(|proxy| (proxy.label(), proxy))
        .collect();
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let deadline = deadline.min(DEADLINE);
    let mut tasks = JoinSet::new();
    for (key, named) in named(hops).into_iter().take(MOST) {
        let (resolver, limit, stop) = (resolver.clone(), limit.clone(), stop.clone());
        let proxy = key.proxy.as_ref().and_then(|label| proxies.get(label).cloned());
        tasks.spawn(async move {
            let work = async {
                let _turn = limit.acquire_owned().await;
                match tokio::time::timeout(
                    deadline,
                    ask(&key, &named.url, proxy.as_deref(), &resolver, deadline),
                )
                .await
                {
                    Ok(answer) => answer,
                    Err(_) => Err(FetchError::Late),
                }
            };
            let answer = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                answer = work => answer,
            };
            let Key { from, proxy, host, port } = key;
            let (status, error) = answer.map_or_else(
                |error| (None, Some(error.to_string())),
                |status| (Some(status), None),
            );
            Some(Revocation {
                from,
                proxy,
                host,
                port,
                purposes: named.purposes,
                url: named.url,
                reached: status.is_some(),
                status,
                error,
            })
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done.ok().flatten());
    }
    all.sort_by(|a, b| (&a.proxy, &a.host, a.port).cmp(&(&b.proxy, &b.host, b.port)));
    all
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: String,
    proxy: Option<String>,
    host: String,
    port: u16,
}

/// What certificates say of one host.
struct Named {
    url: String,
    purposes: Vec<String>,
}

/// The hosts that the certificates name which were met, by the way on which they were met. Only
/// those that come from public roots: a device on the way writes what it likes.
fn named(hops: &[Judged]) -> BTreeMap<Key, Named> {
    let mut all: BTreeMap<Key, Named> = BTreeMap::new();
    for judged in hops.iter().filter(|judged| judged.hop.class.is_some()) {
        let hop = &judged.hop;
        let tls =
            judged.steps().iter().filter(|step| step.step == StepKind::Tls && step.is_climbed());
        let public = tls.filter(|step| step.facts.tls.public_root == Some(true));
        for certificate in public.flat_map(|step| &step.facts.tls.chain) {
            for (purpose, urls) in [("crl", &certificate.crl), ("ocsp", &certificate.ocsp)] {
                for url in urls {
                    let Some((host, port)) = place(url) else { continue };
                    let key = Key {
                        from: hop.from.host.label(),
                        proxy: hop.proxy.as_ref().map(|proxy| proxy.label()),
                        host,
                        port,
                    };
                    let named = all.entry(key).or_insert_with(|| Named {
                        url: sanitise(url, MAX_URL),
                        purposes: Vec::new(),
                    });
                    if !named.purposes.iter().any(|p| p == purpose) {
                        named.purposes.push(purpose.to_owned());
                    }
                }
            }
        }
    }
    all
}

/// Host and port of a URL without TLS; these lists are fetched without, or checking one certificate
/// would need another.
fn place(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    (uri.scheme_str() == Some("http")).then_some(())?;
    Some((uri.host()?.to_lowercase(), uri.port_u16().unwrap_or(80)))
}

async fn ask(
    key: &Key,
    url: &str,
    proxy: Option<&Proxy>,
    resolver: &Resolver,
    deadline: Duration,
) -> Result<u16, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::NoHost)?;
    match proxy {
        Some(proxy) => {
            let stream = fetch::connect(resolver, &proxy.host, proxy.port, deadline).await?;
            fetch::head(stream, &uri, Some(proxy.authorization())).await
        }
        None => {
            fetch::head(fetch::connect(resolver, &key.host, key.port, deadline).await?, &uri, None)
                .await
        }
    }
}
