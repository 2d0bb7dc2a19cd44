use super::answer::Answer;
use super::origin::Origin;
use crate::protocol::http::codec::status::{Place, Said};
use crate::reason::Reason;

fn origin() -> Origin {
    Origin { scheme: "https", host: "psp.contoso.com".into(), port: 443 }
}

fn answered(status: u16, location: Option<&str>, body: &[u8]) -> Said {
    Answer {
        status,
        location: location.map(str::to_owned),
        body: body.to_vec(),
        ..Answer::default()
    }
    .said(&origin())
}

#[test]
fn a_redirect_counts_when_it_leaves() {
    for stays in
        ["/Agent/", "https://PSP.contoso.com/Agent/", "https://psp.contoso.com:443/x", "Agent/"]
    {
        assert_eq!(answered(301, Some(stays), b""), Said::Yes, "{stays}");
    }
    for leaves in [
        "http://psp.contoso.com/",
        "https://portal.example/login",
        "https://psp.contoso.com:8443/",
        "//portal.example/",
        "http://",
    ] {
        assert_eq!(answered(302, Some(leaves), b""), Said::No(Reason::HttpRedirected), "{leaves}");
    }
    assert_eq!(answered(304, None, b""), Said::Yes);
    let plain = Origin { scheme: "http", port: 80, ..origin() };
    assert_eq!(plain.place("https://psp.contoso.com/"), Place::OwnHttps);
    assert_eq!(plain.place("https://other.contoso.com/"), Place::Elsewhere);
}

#[test]
fn plain_http_on_a_tls_port_is_seen() {
    let nginx = b"<html><body>The plain HTTP request was sent to HTTPS port</body></html>";
    assert_eq!(answered(400, None, nginx), Said::No(Reason::HttpNotSpoken));
    assert_eq!(
        answered(400, None, b"An HTTP/1.x request was sent to an HTTP/2 only endpoint."),
        Said::No(Reason::HttpStatus)
    );
}

#[test]
fn one_page_for_every_path_is_known() {
    let page = |status, body: &str, location: Option<&str>| Answer {
        status,
        body: body.as_bytes().to_vec(),
        location: location.map(str::to_owned),
        ..Answer::default()
    };
    let alike = |a: &Answer, b: &Answer| a.is_like(b, "/Agent", "/Agent-0123");
    let form = "<form action=/sign-in?back=/Agent>".repeat(3);
    assert!(alike(
        &page(200, &form, None),
        &page(200, &form.replace("/Agent", "/Agent-0123"), None)
    ));
    assert!(!alike(&page(200, "hello", None), &page(404, "hello", None)));
    assert!(!alike(&page(200, &"a".repeat(2000), None), &page(200, "b", None)));
    let to = |path: &str| page(302, "", Some(&format!("/sign-in?back={path}")));
    assert!(alike(&to("/Agent"), &to("/Agent-0123")));
    assert!(!alike(&page(302, "", Some("/Agent/")), &page(302, "", Some("/elsewhere"))));
}
