//! Which product answered, from what it sends of its own accord: its headers, and the error page
//! that it made itself. A detail for the person who reads the result; it decides nothing.
//!
//! Most fronts put their own name in the place of the one behind them, or pass that one on; some
//! say nothing until they have to make an error page. So a name is no proof of who is at the end of
//! the way: what is known to pass on what others say names itself alone, and
//! [`Recognised::only_fronts`] says so.

use super::headers::text;
use crate::wire::octets::printable;
use hyper::HeaderMap;
use hyper::header::{HeaderName, SERVER, VIA};

/// Longest name that is told, in characters.
const MAX_NAME: usize = 200;
/// Octets of a body in which an error page names its maker.
const MAX_PAGE: usize = 4 * 1024;

/// Who was recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognised {
    /// The products, in words.
    pub words: Option<String>,
    /// Whether each of them only passes on what others say: nothing is known of the service then.
    pub only_fronts: bool,
    /// Whether one of them runs applications, and serves nothing else.
    pub application: bool,
    /// Whether the page is one that a front makes.
    pub front_page: bool,
    /// Whether HTTP.sys of Windows answered in its own name: what it serves did not.
    pub http_sys: bool,
}

impl Recognised {
    /// Whether a product named itself that can be the service.
    pub fn names_service(&self) -> bool {
        self.words.is_some() && !self.only_fronts
    }
}

/// A product, and whether it speaks for others.
struct Product {
    words: String,
    front: bool,
}

/// `Server` names of products that pass on what others say. A web server that can do both is taken
/// for a front: that it answered does not show that a service does.
const FRONTS: &[&str] = &[
    "nginx",
    "openresty",
    "haproxy",
    "envoy",
    "istio-envoy",
    "squid",
    "varnish",
    "cloudflare",
    "cloudfront",
    "awselb",
    "akamaighost",
    "bigip",
    "microsoft-azure-application-gateway",
    "microsoft-httpapi",
];

/// `Server` names of products that run applications. What these answer, an application has been
/// asked for.
const APPLICATIONS: &[&str] = &[
    "kestrel",
    "jetty",
    "apache-coyote",
    "gunicorn",
    "uvicorn",
    "hypercorn",
    "werkzeug",
    "puma",
    "wildfly",
    "undertow",
    "tomcat",
];

/// Recognises products by an answer's status, headers and first octets.
pub fn recognise(status: u16, headers: &HeaderMap, body: &[u8]) -> Recognised {
    let mut products: Vec<Product> = Vec::new();
    let arr = powered_by(headers, "ARR/");
    if let Some(server) = text(headers, &SERVER).filter(|s| !s.trim().is_empty()) {
        products.push(by_server(server.trim(), arr.as_deref()));
    } else if let Some(version) = &arr {
        products.push(Product { words: format!("IIS with ARR {version}"), front: true });
    }
    if let (Some(first), Some(version)) =
        (products.first_mut(), text(headers, &HeaderName::from_static("x-aspnet-version")))
        && first.words.starts_with("IIS")
    {
        first.words = format!("{} and ASP.NET {version}", first.words);
    }
    let server = text(headers, &SERVER).unwrap_or_default().to_ascii_lowercase();
    let server = server.split(['/', '(', ' ']).next().unwrap_or_default();
    let mut recognised = Recognised {
        application: APPLICATIONS.contains(&server) || headers.contains_key("x-aspnet-version"),
        http_sys: server == "microsoft-httpapi",
        ..Recognised::default()
    };
    let page = by_page(&body[..body.len().min(MAX_PAGE)]).filter(|_| status >= 400);
    recognised.front_page = page.is_some();
    // A sign-in page is the word of the service, whoever draws it.
    if status >= 403
        && let Some(page) = page
    {
        // Who makes the page speaks for itself, whatever else it may be elsewhere.
        let alone = products.is_empty();
        match products.iter_mut().find(|p| name(&p.words) == name(&page.words)) {
            Some(known) => known.front = true,
            None if alone => products.push(page),
            None => {
                products.push(Product { words: format!("error page of {}", page.words), ..page })
            }
        }
    }
    if let Some(via) = text(headers, &VIA).as_deref().and_then(by_via) {
        let known = products.iter().any(|p| name(&p.words) == name(&via));
        products.extend(
            (!known).then(|| Product { words: format!("passed on by {via}"), front: true }),
        );
    }
    let words: Vec<&str> = products.iter().map(|p| p.words.as_str()).collect();
    let words = (!words.is_empty()).then(|| printable(words.join(", ").as_bytes(), MAX_NAME));
    Recognised {
        only_fronts: words.is_some() && products.iter().all(|p| p.front),
        words,
        ..recognised
    }
}

/// `nginx 1.22.1` and `nginx` are one product.
fn name(words: &str) -> String {
    words.split([' ', '/']).next().unwrap_or_default().to_ascii_lowercase()
}

/// What follows `prefix` in one of the headers in which modules of IIS name themselves.
fn powered_by(headers: &HeaderMap, prefix: &str) -> Option<String> {
    let all = headers
        .get_all("x-powered-by")
        .into_iter()
        .map(|value| printable(value.as_bytes(), MAX_NAME));
    let parts: Vec<String> = all
        .flat_map(|value| value.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    parts.iter().find_map(|part| part.strip_prefix(prefix).map(str::to_owned))
}

fn by_server(server: &str, arr: Option<&str>) -> Product {
    let (name, rest) = server.split_once('/').unwrap_or((server, ""));
    let version = if rest.is_empty() { String::new() } else { format!(" {rest}") };
    let front = FRONTS.contains(&name.to_ascii_lowercase().as_str());
    match (name, arr) {
        ("Microsoft-IIS", Some(arr)) => {
            Product { words: format!("IIS{version} with ARR {arr}"), front: true }
        }
        ("Microsoft-IIS", None) => Product { words: format!("IIS{version}"), front },
        ("Microsoft-Azure-Application-Gateway", _) => {
            Product { words: format!("Azure Application Gateway{version}"), front }
        }
        // The part of Windows that takes connections for IIS and others. It gives this name where
        // none of them has put its own.
        ("Microsoft-HTTPAPI", _) => Product { words: format!("HTTP.sys ({server})"), front },
        // ARR is a module of IIS, and passes on the name of what is behind it.
        (_, Some(arr)) => Product {
            words: format!("IIS with ARR {arr}, {}{version} behind it", name),
            front: false,
        },
        _ if front => Product { words: format!("{name}{version}"), front },
        _ => Product { words: server.to_owned(), front },
    }
}

/// Sentences of haproxy's own pages (its source, `http_err_msgs`), which begin all alike.
const HAPROXY: &[&str] = &[
    "Your browser sent an invalid request.",
    "Your browser didn't send a complete request in time.",
    "Request forbidden by administrative rules.",
    "The resource could not be found.",
    "The resource is no longer available and will not be available again.",
    "You have sent too many requests in a given amount of time.",
    "An internal server error occurred.",
    "The server does not support the functionality required to fulfill the request.",
    "The server returned an invalid or incomplete response.",
    "No server is available to handle this request.",
    "The server didn't respond in time.",
];

fn by_page(body: &[u8]) -> Option<Product> {
    let page = String::from_utf8_lossy(body);
    let page = page.trim_start();
    let front = |words: String| Some(Product { words, front: true });
    if let Some(rest) = page.strip_prefix("<html><body><h1>")
        && let Some((_, rest)) = rest.split_once("</h1>\n")
        && HAPROXY.iter().any(|sentence| rest.starts_with(sentence))
    {
        return front("haproxy".to_owned());
    }
    // nginx, and what is made of it.
    if let Some((_, rest)) = page.split_once("<hr><center>")
        && let Some((maker, _)) = rest.split_once("</center>")
        && FRONTS
            .contains(&maker.split('/').next().unwrap_or_default().to_ascii_lowercase().as_str())
    {
        return front(by_server(maker, None).words);
    }
    if let Some((_, rest)) = page.split_once("<title>IIS ")
        && let Some((version, _)) = rest.split_once(" Detailed Error")
    {
        return front(format!("IIS {version}"));
    }
    if page.contains("<div id=\"header\"><h1>Server Error</h1></div>") {
        return front("IIS".to_owned());
    }
    None
}

/// The comment of the last hop that gives one, `1.1 cache (squid/5.7)`: the product that passed the
/// answer on (RFC 9110 section 7.6.3).
fn by_via(via: &str) -> Option<String> {
    let (_, comment) = via.rsplit_once('(')?;
    let (comment, _) = comment.split_once(')')?;
    (!comment.trim().is_empty()).then(|| comment.trim().replacen('/', " ", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, lines: &[(&'static str, &str)], body: &str) -> (Option<String>, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        let Recognised { words, only_fronts, .. } = recognise(status, &headers, body.as_bytes());
        (words, only_fronts)
    }

    const NGINX: &str = "<html>\r\n<head><title>502 Bad \
        Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr>\
                         <center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n";
    const HAPROXY_503: &str = "<html><body><h1>503 Service Unavailable</h1>\nNo server is \
        available to handle this request.\n</body></html>\n";
    const IIS_502: &str = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 \
        Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n\
                           <html><body>\r\n<div id=\"header\"><h1>Server Error</h1></div>\r\n<div \
                           id=\"content\">\r\n <fieldset>\r\n  <h2>502 - \
                           Web server received an invalid response while acting as a gateway or \
                           proxy server.</h2>";

    #[test]
    fn products_name_themselves() {
        for (lines, words, only_fronts) in [
            (
                &[
                    ("server", "Microsoft-IIS/10.0"),
                    ("x-powered-by", "ASP.NET"),
                    ("x-powered-by", "ARR/3.0"),
                ][..],
                "IIS 10.0 with ARR 3.0",
                true,
            ),
            (
                &[("server", "Microsoft-IIS/10.0"), ("x-powered-by", "ASP.NET, ARR/3.0")],
                "IIS 10.0 with ARR 3.0",
                true,
            ),
            (&[("server", "Microsoft-IIS/10.0"), ("x-powered-by", "ASP.NET")], "IIS 10.0", false),
            (
                &[
                    ("server", "Microsoft-IIS/10.0"),
                    ("x-powered-by", "ASP.NET"),
                    ("x-aspnet-version", "4.0.30319"),
                ],
                "IIS 10.0 and ASP.NET 4.0.30319",
                false,
            ),
            (&[("x-powered-by", "ARR/3.0")], "IIS with ARR 3.0", true),
            (&[("server", "Kestrel")], "Kestrel", false),
            (
                &[("server", "Kestrel"), ("x-powered-by", "ARR/3.0")],
                "IIS with ARR 3.0, Kestrel behind it",
                false,
            ),
            (&[("server", "nginx/1.22.1")], "nginx 1.22.1", true),
            (&[("server", "nginx/1.18.0 (Ubuntu)")], "nginx 1.18.0 (Ubuntu)", true),
            (&[("server", "nginx")], "nginx", true),
            (
                &[("server", "Microsoft-Azure-Application-Gateway/v2")],
                "Azure Application Gateway v2",
                true,
            ),
            (&[("server", "Microsoft-HTTPAPI/2.0")], "HTTP.sys (Microsoft-HTTPAPI/2.0)", true),
            (&[("server", "awselb/2.0")], "awselb 2.0", true),
            (&[("server", "Apache/2.4.57 (Debian)")], "Apache/2.4.57 (Debian)", false),
            (
                &[("server", "Kestrel"), ("via", "1.1 cache (squid/5.7)")],
                "Kestrel, passed on by squid 5.7",
                false,
            ),
            (&[("server", "squid/5.7"), ("via", "1.1 cache (squid/5.7)")], "squid 5.7", true),
            (&[("via", "1.1 varnish"), ("server", "Kestrel")], "Kestrel", false),
        ] {
            assert_eq!(of(200, lines, ""), (Some(words.to_owned()), only_fronts), "{lines:?}");
        }
        assert_eq!(of(200, &[("server", " ")], ""), (None, false));
        assert_eq!(of(200, &[("x-powered-by", "PHP/8.2")], ""), (None, false));
    }

    #[test]
    fn pages_name_their_makers() {
        let gateway = NGINX.replace("nginx/1.22.1", "Microsoft-Azure-Application-Gateway/v2");
        for (status, lines, body, words, only_fronts) in [
            (502, &[][..], NGINX, "nginx 1.22.1", true),
            (502, &[("server", "nginx/1.22.1")], NGINX, "nginx 1.22.1", true),
            (
                502,
                &[("server", "Microsoft-Azure-Application-Gateway/v2")],
                &gateway,
                "Azure Application Gateway v2",
                true,
            ),
            (
                502,
                &[("server", "cloudflare")],
                NGINX,
                "cloudflare, error page of nginx 1.22.1",
                true,
            ),
            (503, &[], HAPROXY_503, "haproxy", true),
            (
                504,
                &[],
                "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in \
                    time.\n</body></html>\n",
                "haproxy",
                true,
            ),
            (502, &[], IIS_502, "IIS", true),
            // IIS serves others too; its own page says that it spoke for itself here.
            (502, &[("server", "Microsoft-IIS/10.0")], IIS_502, "IIS 10.0", true),
            (
                404,
                &[],
                "<title>IIS 10.0 Detailed Error - 404.0 - Not Found</title>",
                "IIS 10.0",
                true,
            ),
            (
                401,
                &[("server", "Microsoft-IIS/10.0")],
                "<div id=\"header\"><h1>Server Error</h1></div>",
                "IIS 10.0",
                false,
            ),
            (404, &[("server", "Kestrel")], "", "Kestrel", false),
        ] {
            assert_eq!(
                of(status, lines, body),
                (Some(words.to_owned()), only_fronts),
                "{status} {lines:?}"
            );
        }
        assert_eq!(of(200, &[], HAPROXY_503), (None, false), "no error page");
        assert_eq!(
            of(503, &[], "<html><body><h1>503 Service Unavailable</h1>\nBack soon.</body></html>"),
            (None, false)
        );
        assert_eq!(of(503, &[], "<hr><center>the maintenance team</center>"), (None, false));
        assert_eq!(of(503, &[], "\u{e9}<title>IIS "), (None, false));
    }

    #[test]
    fn a_name_steers_nothing_and_is_short() {
        let (words, _) = of(200, &[("server", &"k".repeat(5000))], "");
        assert_eq!(words.map(|w| w.len()), Some(MAX_NAME));
        let page = format!("<hr><center>nginx/{}\u{1b}[31m</center>", "1".repeat(300));
        let (words, _) = of(502, &[], &page);
        assert!(words.is_some_and(|w| w.len() == MAX_NAME && w.chars().all(|c| (' '..='~').contains(&c))));
    }
}
