//! How cloud services and the lists of them are reached: by which proxy, and whose certificates are
//! believed.

use super::outcome::Problem;
use crate::net::tls::Trust;
use crate::site::proxy::{NoProxy, Route};
use std::path::Path;

/// How cloud services are reached: as the options say, the site, or the environment. Only the last
/// has exceptions.
///
/// # Errors
/// What is no proxy, by the name of the option or variable.
pub(super) fn routes(
    said: &[String],
    site: &[Route],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<Route>, NoProxy), Problem> {
    let mut routes: Vec<Route> = Vec::new();
    for text in said {
        let route = text.parse().map_err(|fault| Problem::text(format!("--proxy: {fault}")))?;
        let label = |route: &Route| match route {
            Route::Direct => String::new(),
            Route::Proxy(proxy) => proxy.label(),
        };
        if routes.iter().any(|other| *other != route && label(other) == label(&route)) {
            return Err(Problem::text(format!(
                "--proxy: {} is named twice, with different users",
                label(&route)
            )));
        }
        if !routes.contains(&route) {
            routes.push(route);
        }
    }
    if routes.is_empty() {
        routes = site.to_vec();
    }
    if !routes.is_empty() {
        return Ok((routes, NoProxy::default()));
    }
    let set = |name: &&str| environment(name).filter(|text| !text.trim().is_empty());
    let Some((name, text)) = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .find_map(|name| Some((name, set(name)?)))
    else {
        return Ok((vec![Route::Direct], NoProxy::default()));
    };
    let route = text
        .parse()
        .map_err(|fault| Problem::text(format!("{name}: {fault}; --proxy direct goes without")))?;
    let except = ["NO_PROXY", "no_proxy"].iter().find_map(set).unwrap_or_default();
    Ok((vec![route], NoProxy::parse(&except)))
}

/// How certificates are judged: by the operating system's store or the roots of a file, and what
/// counts as public by Mozilla's list or another file.
///
/// # Errors
/// A store or a file that cannot be read, or holds no root.
pub(super) fn trust(ca: Option<&Path>, public: Option<&Path>) -> Result<Trust, Problem> {
    let unusable = |path: &Path, e: String| {
        Problem::text(format!("{} cannot serve as a list of trusted roots: {e}", path.display()))
    };
    let read = |path: &Path| crate::net::identity::certificates(path).map_err(Problem::text);
    let trust = match ca {
        Some(path) => Trust::roots(read(path)?).map_err(|e| unusable(path, e))?,
        None => Trust::platform().map_err(|e| {
            Problem::text(format!(
                "cannot open this machine's trust store: {e}; on Debian `apt-get install \
                    ca-certificates`, or give --ca FILE"
            ))
        })?,
    };
    match public {
        Some(path) => trust.with_public_roots(read(path)?).map_err(|e| unusable(path, e)),
        None => Ok(trust),
    }
}
