//! What the statuses of HTTP mean for a way that must be open: one table, for HTTP, HTTPS and gRPC
//! alike. `docs/http-statuses.md` is made from it.

use crate::reason::Reason;

/// How far a request came, by the status of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The application answered.
    Answer,
    /// Somebody wants a sign-in: the application, or a front before it.
    SignIn,
    /// Sent elsewhere, or to another path of the same place.
    Redirect,
    /// Refused, most often before the path was looked at: an answer only where an application names
    /// itself.
    Unclear,
    /// It never reached the application, or the application does not have the path.
    NotReached,
    /// Too many requests.
    Limited,
    /// Somebody says that he has nobody to pass the request on to, or is himself not available.
    Unavailable,
    /// A gateway did not get an answer from what is behind it.
    Gateway,
    /// The application, or what stands before it, is ill.
    Broken,
}

/// Some statuses, and what they mean.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
    /// What they mean.
    pub meaning: Meaning,
    /// In words, behind the status.
    pub words: &'static str,
}

const fn row(from: u16, to: u16, meaning: Meaning, words: &'static str) -> Row {
    Row { from, to, meaning, words }
}

/// Whether a front refuses a path by this answer. 401 is none: whoever asks for a password is
/// reached by everybody.
pub fn is_refusing(status: u16) -> bool {
    matches!(status, 403 | 404 | 410 | 451)
}

/// Every status, the narrower rows first.
pub const TABLE: &[Row] = &[
    row(101, 101, Meaning::NotReached, "another protocol, for which nobody asked"),
    row(200, 299, Meaning::Answer, "an answer"),
    row(304, 304, Meaning::Answer, "an answer"),
    row(300, 399, Meaning::Redirect, "a redirect"),
    row(
        400,
        400,
        Meaning::Unclear,
        "the request was refused before its path was looked at, or by the application itself",
    ),
    row(401, 401, Meaning::SignIn, "a sign-in is wanted"),
    row(402, 402, Meaning::Unclear, "a payment is wanted"),
    row(
        403,
        403,
        Meaning::NotReached,
        "forbidden: by a filter, an access list, or for want of a client certificate",
    ),
    row(404, 404, Meaning::NotReached, "the path is not there"),
    row(405, 406, Meaning::Answer, "the path is there, and not for such a request"),
    row(407, 407, Meaning::NotReached, "a proxy wants a sign-in"),
    row(408, 408, Meaning::NotReached, "the request did not arrive in time"),
    row(409, 409, Meaning::Unclear, "a conflict"),
    row(410, 410, Meaning::NotReached, "the path is gone"),
    row(411, 411, Meaning::Answer, "the path is there, and not for such a request"),
    row(412, 412, Meaning::Unclear, "a condition that does not hold"),
    row(415, 415, Meaning::Answer, "the path is there, and not for such a request"),
    row(421, 421, Meaning::NotReached, "misdirected: this host name is not served there"),
    row(422, 422, Meaning::Unclear, "content that is not understood"),
    row(426, 426, Meaning::Unclear, "another protocol is wanted"),
    row(428, 428, Meaning::Unclear, "a condition is wanted"),
    row(429, 429, Meaning::Limited, "a rate limit: too many requests"),
    row(431, 431, Meaning::NotReached, "the headers are too large for whoever reads them first"),
    row(444, 444, Meaning::NotReached, "nginx drops the request"),
    row(451, 451, Meaning::NotReached, "withheld for legal reasons"),
    row(494, 494, Meaning::NotReached, "nginx: the headers are too large"),
    row(495, 495, Meaning::NotReached, "nginx: the client certificate is not taken"),
    row(496, 496, Meaning::NotReached, "nginx: a client certificate is wanted"),
    row(497, 497, Meaning::NotReached, "nginx: plain HTTP came to a port of TLS"),
    row(400, 499, Meaning::NotReached, "refused"),
    row(502, 502, Meaning::Gateway, "a gateway got no valid answer from what is behind it"),
    row(503, 503, Meaning::Unavailable, "not available now"),
    row(504, 504, Meaning::Gateway, "a gateway got no answer in time from what is behind it"),
    row(511, 511, Meaning::NotReached, "the network wants a sign-in (captive portal)"),
    row(500, 599, Meaning::Broken, "the service, or what stands before it, is ill"),
];

const NONE: Row = row(0, 0, Meaning::NotReached, "no status of HTTP");

/// What a status means.
pub fn of(status: u16) -> &'static Row {
    TABLE.iter().find(|row| (row.from..=row.to).contains(&status)).unwrap_or(&NONE)
}

/// Where a redirect leads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// Nowhere, or to the same scheme, host and port.
    #[default]
    Here,
    /// To the same host, by HTTPS.
    OwnHttps,
    /// To anywhere else.
    Elsewhere,
}

/// What an answer shows beside its status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Where it leads.
    pub place: Place,
    /// A product that runs applications named itself, and nobody before it made the page.
    pub application: bool,
    /// Some product named itself that is no mere front.
    pub service: bool,
    /// The page was made by a product that stands in front of others.
    pub front_page: bool,
    /// HTTP.sys of Windows answered in its own name.
    pub http_sys: bool,
    /// When to come back.
    pub retry_after: bool,
    /// The page says that the request was turned away before its path was looked at.
    pub turned_away: bool,
    /// The page says that the port is one of TLS.
    pub wants_tls: bool,
}

/// Whether the application answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It did.
    Yes,
    /// It or somebody before it, and nothing tells which.
    Unknown,
    /// It did not.
    No(Reason),
}

/// What an answer without a proof means where the way must be open.
pub fn said(status: u16, shown: &Shown) -> Said {
    match of(status).meaning {
        _ if shown.wants_tls => Said::No(Reason::HttpNotSpoken),
        // 405 and its like in a page of a front's own: the front said so, whether there is anything
        // behind or not.
        Meaning::Answer if status >= 400 && shown.front_page => Said::Unknown,
        Meaning::Answer => Said::Yes,
        Meaning::Redirect if shown.place == Place::Here => Said::Yes,
        Meaning::Redirect => Said::No(Reason::HttpRedirected),
        Meaning::Unclear | Meaning::SignIn if shown.turned_away => Said::No(Reason::HttpStatus),
        Meaning::SignIn => Said::Yes,
        Meaning::Unclear if shown.front_page || shown.http_sys => Said::No(Reason::HttpStatus),
        Meaning::Unclear if shown.application => Said::Yes,
        Meaning::Unclear => Said::Unknown,
        Meaning::Unavailable
            if shown.retry_after || shown.http_sys || (shown.service && !shown.front_page) =>
        {
            Said::No(Reason::HttpStatus)
        }
        Meaning::Unavailable | Meaning::Gateway => Said::No(Reason::BadGateway),
        Meaning::NotReached | Meaning::Limited | Meaning::Broken => Said::No(Reason::HttpStatus),
    }
}

/// Segments of paths under which sign-ins live, in small letters.
const SIGN_IN: &[&str] = &[
    "login", "log-in", "logon", "signin", "sign-in", "sign_in", "sso", "oauth", "oauth2", "openid",
    "saml", "saml2", "adfs", "auth", "authelia",
];

/// Whether a redirect leads to a sign-in, by its path.
pub fn leads_to_sign_in(location: &str) -> bool {
    let path = location.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    path.split('/').any(|segment| SIGN_IN.contains(&segment.split('.').next().unwrap_or_default()))
}

/// Sentences of pages that say why a request was turned away before its path was looked at, in
/// small letters; and what that is, in words.
const TURNED_AWAY: &[(&str, &str)] = &[
    ("no required ssl certificate was sent", "it wants a client certificate"),
    ("the ssl certificate error", "it does not take the client certificate"),
    ("client certificate", "it wants a client certificate"),
    ("invalid hostname", "it does not know this host name"),
    ("invalid host header", "it does not know this host name"),
    ("invalid http_host header", "it does not know this host name"),
    ("disallowedhost", "it does not know this host name"),
    ("unknown virtual host", "it does not know this host name"),
    ("misdirected request", "it does not serve this host name on this connection"),
    ("http/2 only endpoint", "it speaks HTTP/2 alone there"),
    ("request header or cookie too large", "the headers are too large for it"),
    ("request too long", "the headers are too large for it"),
    ("size of the request headers is too long", "the headers are too large for it"),
];

/// Why a page says that its request was turned away before its path was looked at.
pub fn turned_away(page: &[u8]) -> Option<&'static str> {
    let page = String::from_utf8_lossy(page).to_lowercase();
    TURNED_AWAY.iter().find(|(sentence, _)| page.contains(sentence)).map(|(_, words)| *words)
}

/// Sentences of nginx, Apache and Go, which answer plain HTTP on a TLS port in plain HTTP.
const WANTS_TLS: &[&str] = &[
    "plain http request was sent to https port",
    "speaking plain http to an ssl-enabled",
    "http request to an https server",
];

/// Whether a page says that plain HTTP came to a port of TLS.
pub fn wants_tls(page: &[u8]) -> bool {
    let page = String::from_utf8_lossy(page).to_lowercase();
    WANTS_TLS.iter().any(|sentence| page.contains(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn each_status_has_its_meaning() {
        let plain = Shown::default();
        for (status, wanted) in [
            (200, Said::Yes),
            (299, Said::Yes),
            (304, Said::Yes),
            (400, Said::Unknown),
            (401, Said::Yes),
            (403, Said::No(Reason::HttpStatus)),
            (404, Said::No(Reason::HttpStatus)),
            (405, Said::Yes),
            (407, Said::No(Reason::HttpStatus)),
            (415, Said::Yes),
            (421, Said::No(Reason::HttpStatus)),
            (426, Said::Unknown),
            (429, Said::No(Reason::HttpStatus)),
            (431, Said::No(Reason::HttpStatus)),
            (444, Said::No(Reason::HttpStatus)),
            (496, Said::No(Reason::HttpStatus)),
            (451, Said::No(Reason::HttpStatus)),
            (500, Said::No(Reason::HttpStatus)),
            (502, Said::No(Reason::BadGateway)),
            (503, Said::No(Reason::BadGateway)),
            (504, Said::No(Reason::BadGateway)),
            (511, Said::No(Reason::HttpStatus)),
            (101, Said::No(Reason::HttpStatus)),
            (999, Said::No(Reason::HttpStatus)),
        ] {
            assert_eq!(said(status, &plain), wanted, "{status}");
        }
    }

    #[test]
    fn a_400_is_an_answer_only_of_an_application() {
        let application = Shown { application: true, service: true, ..Shown::default() };
        assert_eq!(said(400, &application), Said::Yes);
        assert_eq!(
            said(400, &Shown { turned_away: true, ..application }),
            Said::No(Reason::HttpStatus),
            "its host filter"
        );
        assert_eq!(
            said(400, &Shown { front_page: true, ..Shown::default() }),
            Said::No(Reason::HttpStatus)
        );
        assert_eq!(
            said(400, &Shown { service: true, ..Shown::default() }),
            Said::Unknown,
            "a web server may say so of its own accord"
        );
        assert_eq!(
            said(400, &Shown { wants_tls: true, ..Shown::default() }),
            Said::No(Reason::HttpNotSpoken)
        );
        assert_eq!(
            said(401, &Shown { turned_away: true, ..Shown::default() }),
            Said::No(Reason::HttpStatus)
        );
    }

    #[test]
    fn not_available_is_no_gateway_where_somebody_speaks_for_himself() {
        let of = |shown| said(503, &shown);
        assert_eq!(of(Shown { http_sys: true, ..Shown::default() }), Said::No(Reason::HttpStatus));
        assert_eq!(
            of(Shown { retry_after: true, ..Shown::default() }),
            Said::No(Reason::HttpStatus)
        );
        assert_eq!(of(Shown { service: true, ..Shown::default() }), Said::No(Reason::HttpStatus));
        assert_eq!(
            of(Shown { service: true, front_page: true, ..Shown::default() }),
            Said::No(Reason::BadGateway)
        );
    }

    #[test]
    fn a_redirect_counts_when_it_leaves() {
        assert_eq!(said(302, &Shown::default()), Said::Yes);
        for place in [Place::OwnHttps, Place::Elsewhere] {
            assert_eq!(
                said(302, &Shown { place, ..Shown::default() }),
                Said::No(Reason::HttpRedirected)
            );
        }
    }

    #[test]
    fn sign_ins_are_known_by_their_paths() {
        for path in [
            "/oauth2/start?rd=/app",
            "https://psp.contoso.com/Account/Login.aspx?x",
            "/login",
            "/adfs/ls/",
        ] {
            assert!(leads_to_sign_in(path), "{path}");
        }
        for path in ["/Agent/", "/?next=/login", "/authors/", "/application"] {
            assert!(!leads_to_sign_in(path), "{path}");
        }
    }

    #[test]
    fn pages_tell_why() {
        assert_eq!(
            turned_away(b"<h2>Bad Request - Invalid Hostname</h2>"),
            Some("it does not know this host name")
        );
        assert_eq!(
            turned_away(b"<center>No required SSL certificate was sent</center>"),
            Some("it wants a client certificate")
        );
        assert_eq!(turned_away(b"hello"), None);
        assert!(wants_tls(b"<center>The plain HTTP request was sent to HTTPS port</center>"));
    }

    #[test]
    fn the_document_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/http-statuses.md");
        let text = document();
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(path, &text).expect("written");
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            text,
            "UPDATE_EXPECTED=1 cargo test --lib codec::status"
        );
    }

    fn document() -> String {
        let mut text = String::from(include_str!("status.md"));
        text.push_str(
            "\n| status | meaning | without a proof | what is said |\n|---|---|---|---|\n",
        );
        for row in TABLE {
            let status = if row.from == row.to {
                row.from.to_string()
            } else {
                format!("other {} to {}", row.from, row.to)
            };
            let (meaning, verdict) = match row.meaning {
                Meaning::Answer => ("answer", "`answered`"),
                Meaning::SignIn => {
                    ("sign-in", "`answered`, and says so; `not-proved` where the plan has a front")
                }
                Meaning::Redirect => (
                    "redirect",
                    "`answered` within the same scheme, host and port; else `http-redirected`",
                ),
                Meaning::Unclear => (
                    "unclear",
                    "`answered` by a product that runs applications; `not-proved` by nobody knows \
                        whom; else `http-status`",
                ),
                Meaning::NotReached => ("never reached", "`http-status`"),
                Meaning::Limited => ("rate limit", "`http-status`"),
                Meaning::Unavailable => (
                    "not available",
                    "`bad-gateway`; `http-status` where the answer is the server's own, or a limit",
                ),
                Meaning::Gateway => ("gateway", "`bad-gateway`"),
                Meaning::Broken => ("broken", "`http-status`"),
            };
            let _ = writeln!(text, "| {status} | {meaning} | {verdict} | {} |", row.words);
        }
        text
    }
}
