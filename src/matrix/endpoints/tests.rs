//! With lists made for the purpose, in the documented format.

use super::compare::{Difference, minus};
use super::service::{List, version};
use ipnet::IpNet;

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().expect("a network")).collect()
}

#[test]
fn empty_members_are_left_out_and_unknown_ones_passed_over() {
    let list = List::parse(
        r#"[{"id":56,"serviceArea":"Common","urls":["Login.example.com","*.auth.example.com"],"ips":["20.20.32.0/19","2603:1006:2000::/48"],
            "tcpPorts":"443,80","expressRoute":true,"category":"Allow","required":true,"from2031":{"new":[1]}},
            {"id":59,"urls":["*.example.net"],"tcpPorts":"443,80","required":true},{"id":13,"ips":["13.107.64.0/18"],"udpPorts":"3478-3481"}]"#,
    )
    .expect("a list");
    let wanted = list.of(&[56, 59, 99]);
    assert_eq!(wanted.names, ["*.auth.example.com", "*.example.net", "login.example.com"]);
    assert_eq!(wanted.networks, nets(&["20.20.32.0/19", "2603:1006:2000::/48"]));
    assert_eq!((wanted.missing, wanted.without_443), (vec![99], vec![]));
    assert_eq!(list.of(&[13]).without_443, [13]);
    assert!(list.sets[&56].required && !list.sets[&13].required && list.odd.is_empty());
}

#[test]
fn odd_entries_are_told_and_wrong_ones_are_mistakes() {
    let list = List::parse(
        r#"[{"id":1,"urls":["autodiscover.*.example.com","a.example.com"],"ips":["10.0.0.1/8","192.0.2.7"],"tcpPorts":"25,400-500"}]"#,
    )
    .expect("a list");
    assert_eq!(list.sets[&1].networks, nets(&["10.0.0.0/8", "192.0.2.7/32"]));
    assert_eq!(list.odd.len(), 2, "{:?}", list.odd);
    assert!(
        List::parse(r#"[{"id":1,"urls":["a.example.com"],"ips":["0.0.0.0/0"]}]"#)
            .is_ok_and(|list| list.odd[0].contains("so wide"))
    );
    assert!(list.of(&[1]).without_443.is_empty());
    let mistakes =
        List::parse(r#"[{"id":1,"ips":["20.20.32/19","10.0.0.0/33"]},{"urls":["a.example"]},{"id":"x"},{"id":1,"urls":["b.example"]}]"#)
            .expect_err("mistakes");
    assert_eq!(mistakes.len(), 5, "{mistakes:?}");
    for (text, words) in [
        (r#"{"instance":"Worldwide","latest":"2026102700"}"#, "/version"),
        (r#"[{"instance":"Worldwide","latest":"2026102700"}]"#, "/version"),
        (r#"[{"id":3,"endpointSetId":56,"disposition":"Change"}]"#, "/changes"),
        ("[]", "empty"),
        ("{}", "no list"),
        ("<html>", "no JSON"),
        ("[1]", "cannot be read"),
    ] {
        let mistakes = List::parse(text).expect_err(text);
        assert!(mistakes.concat().contains(words), "{text}: {mistakes:?}");
    }
}

#[test]
fn a_version_is_ten_digits_that_begin_with_a_day() {
    assert_eq!(
        version(r#"{"instance":"Worldwide","latest":"2026102700"}"#).ok().as_deref(),
        Some("2026102700")
    );
    assert_eq!(
        version(r#"[{"instance":"Worldwide","latest":"2026102700"}]"#).ok().as_deref(),
        Some("2026102700")
    );
    for wrong in [
        "{}",
        "[]",
        r#"{"latest":"2026139900"}"#,
        r#"{"latest":"20261027"}"#,
        r#"{"latest":7}"#,
        "no",
    ] {
        assert!(version(wrong).is_err(), "{wrong}");
    }
    assert_eq!(super::day("2023073100").map(|day| day.to_string()).as_deref(), Some("2023-07-31"));
}

#[test]
fn what_is_announced_for_a_set_is_told_with_its_day() {
    let text = r#"[
        {"id":4,"endpointSetId":56,"disposition":"Change","version":"2026103000","impact":"AddedUrl","add":{"effectiveDate":"20261201","urls":["New.example.com"]}},
        {"id":3,"endpointSetId":56,"disposition":"Change","version":"2026103000","add":{"effectiveDate":"20261130","ips":["20.231.0.0/17"]},"remove":{"ips":["10.0.0.0/8"]}},
        {"id":2,"endpointSetId":56,"disposition":"Change","version":"2026090000","add":{"effectiveDate":"20261001","ips":["192.0.2.0/24"]}},
        {"id":1,"endpointSetId":59,"disposition":"Add","version":"2026103000","add":{"effectiveDate":"20261201","urls":["other.example.com"]}},
        {"id":0,"endpointSetId":56,"disposition":"Remove","version":"2026103000"}]"#;
    let today = jiff::civil::date(2026, 11, 25);
    let all = super::changes::announced(text, &[56], today).expect("changes");
    let told: Vec<_> =
        all.iter().map(|a| (a.from.as_str(), a.names.len(), a.networks.clone())).collect();
    assert_eq!(told, [("2026-11-30", 0, nets(&["20.231.0.0/17"])), ("2026-12-01", 1, Vec::new())]);
    assert_eq!(all[1].names, ["new.example.com"]);
    assert!(
        super::changes::announced(
            r#"[{"endpointSetId":56,"add":{"effectiveDate":"20991201","ips":["x"]}},{}]"#,
            &[56],
            today
        )
        .is_err_and(|m| m.len() == 2)
    );
    assert!(super::changes::announced("{}", &[56], today).is_err());
}

#[test]
fn ranges_are_compared_by_their_addresses() {
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["20.190.128.0/19"], &["20.190.128.0/18"], &[]),
        (&["20.190.128.0/18"], &["20.190.128.0/19"], &["20.190.160.0/19"]),
        (&["20.190.128.0/18"], &["20.190.128.0/19", "20.190.160.0/19"], &[]),
        (&["10.0.0.0/24", "10.0.1.0/24"], &[], &["10.0.0.0/23"]),
        (
            &["10.0.0.0/24"],
            &["10.0.0.7/32"],
            &[
                "10.0.0.0/30",
                "10.0.0.4/31",
                "10.0.0.6/32",
                "10.0.0.8/29",
                "10.0.0.16/28",
                "10.0.0.32/27",
                "10.0.0.64/26",
                "10.0.0.128/25",
            ],
        ),
        (&["2603:1006:2000::/48"], &["2603:1006::/32"], &[]),
        (&["2603:1006::/47"], &["2603:1006:1::/48", "0.0.0.0/0"], &["2603:1006::/48"]),
        (&["0.0.0.0/0"], &["128.0.0.0/1"], &["0.0.0.0/1"]),
    ];
    for (ours, theirs, left) in cases {
        assert_eq!(minus(&nets(ours), &nets(theirs)), nets(left), "{ours:?} without {theirs:?}");
    }
}

#[test]
fn a_name_under_a_wildcard_is_covered_and_one_of_another_set_is_said_to_be_there() {
    let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let table = texts(&[
        "login.example.com",
        "a.auth.example.com",
        "moved.example.net",
        "gone.example.com",
    ]);
    let service = texts(&["login.example.com", "*.auth.example.com", "new.example.com"]);
    let elsewhere = |name: &str| (name == "moved.example.net").then_some(59);
    let difference = Difference::between((&table, &[]), (&service, &[]), elsewhere);
    let only = |names: &[super::compare::Name]| {
        names.iter().map(|n| (n.name.clone(), n.set)).collect::<Vec<_>>()
    };
    assert_eq!(
        only(&difference.names_only_in_table),
        [("moved.example.net".to_owned(), Some(59)), ("gone.example.com".to_owned(), None)]
    );
    assert_eq!(
        only(&difference.names_only_in_service),
        [("*.auth.example.com".to_owned(), None), ("new.example.com".to_owned(), None)]
    );
    assert!(
        !difference.is_empty()
            && Difference::between((&table, &[]), (&table, &[]), |_| None).is_empty()
    );
}
