//! By which proxy cloud services and the lists of them are reached.

use super::outcome::Problem;
use crate::site::proxy::{NoProxy, Route};

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
