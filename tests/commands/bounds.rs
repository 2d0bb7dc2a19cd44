//! Files that are not what they should be cost little time and memory, whatever they hold, and what
//! is said of them steers no terminal.

use crate::support::program::Folder;
use portmatrix::matrix::Registry;
use portmatrix::site::load::parse;
use std::path::Path;
use std::time::{Duration, Instant};

/// Half a second of a release build, many times over: a test is not optimised, and not alone.
const PATIENCE: Duration = Duration::from_secs(25);

const TABLES: &str = "[matrix]\nid = \"shop/direct\"\ntitle = \"t\"\n[matrix.source]\ndocument = \"d\"\n\
    [[role]]\nid = \"a\"\ntitle = \"A\"\n[[role]]\nid = \"b\"\ntitle = \"B\"\n[ranges]\nr = \"1-2\"\n\
    [[flow]]\nid = \"f\"\nfrom = \"a\"\nto = \"b\"\nport = 1\nprotocol = \"tcp\"\nrow = 1\n";

const SITE: &str = "[site]\nname = \"s\"\n";

/// A text of 1 MiB: `begin`, as many of `one` as fit in, `end`.
fn full(begin: &str, one: impl Fn(usize) -> String, end: &str) -> String {
    let mut text = begin.to_owned();
    let mut number = 0;
    while text.len() + end.len() + 64 < 1 << 20 {
        text.push_str(&one(number));
        number += 1;
    }
    text + end
}

fn registry() -> Registry {
    Registry::of([("t.toml", TABLES)]).expect("the tables are right")
}

#[test]
fn a_site_full_of_mistakes_is_told_in_a_hundred() {
    let roles = "[roles]\nb = \"x\"\n";
    // Each of them is looked for among all hosts.
    let hosts: String = (0..30_000).map(|n| format!("\"h{n}\",")).collect();
    let controls = format!("{SITE}{roles}a = [{hosts}]\n[controls]\n");
    let controls = full(&controls, |n| format!("y{n} = 1\n"), "");
    let files = [
        ("keys of the file", full("", |n| format!("k{n} = 1\n"), &format!("{SITE}{roles}"))),
        ("ranges", full(&format!("{SITE}{roles}[ranges]\n"), |n| format!("x{n} = \"y\"\n"), "")),
        ("roles", full(&format!("{SITE}[roles]\n"), |n| format!("x{n} = [\"-\", 7]\n"), "")),
        (
            "subjects",
            full(&format!("{SITE}{roles}[certificates]\n"), |n| format!("x{n} = []\n"), ""),
        ),
        ("controls", controls),
        ("nat", full(&format!("{SITE}{roles}[nat]\n"), |n| format!("x{n} = \"y\"\n"), "")),
        ("ways", full(&format!("{SITE}{roles}[nat]\nb = ["), |n| format!("\"n{n}\","), "]\n")),
        (
            "networks",
            full(&format!("{SITE}{roles}[networks]\nb = ["), |n| format!("\"n{n}\","), "]\n"),
        ),
        (
            "proxies",
            full("[site]\nname = \"s\"\nproxy = [", |_| "\"\",".to_owned(), &format!("]\n{roles}")),
        ),
    ];
    let registry = registry();
    for (what, text) in files {
        let begin = Instant::now();
        let mistakes = parse("s.toml", &text, Path::new(""), &registry).expect_err(what);
        assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
        assert_eq!(mistakes.len(), 101, "{what}");
        let last = mistakes.last().map(ToString::to_string);
        assert_eq!(
            last.as_deref(),
            Some("s.toml has more than 100 mistakes: the others were left out"),
            "{what}"
        );
    }
}

#[test]
fn a_table_full_of_mistakes_is_told_in_a_hundred() {
    let flow = |n: usize| format!("[[flow]]\nid = \"g{n}\"\nfrom = \"a\"\nto = \"b\"\nport = 1\n");
    let files = [
        ("rows without half of their keys", full(TABLES, flow, "")),
        ("rows of one name", full(TABLES, |_| flow(0) + "protocol = \"tcp\"\nrow = 1\n", "")),
        ("conditions", full(&format!("{TABLES}when = ["), |n| format!("\"w{n}\","), "]\n")),
        (
            "conditions twice",
            full(&format!("{TABLES}when = ["), |n| format!("\"w{}\",", n / 2), "]\n"),
        ),
        (
            "ports of no form",
            full(&format!("{TABLES}[ports]\n"), |n| format!("\"P {n}\" = 0\n"), ""),
        ),
    ];
    for (what, text) in files {
        let begin = Instant::now();
        let mistakes = Registry::of([("t.toml", text)]).expect_err(what);
        assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
        assert_eq!(mistakes.len(), 101, "{what}");
    }
}

#[test]
fn what_no_product_has_so_many_of_is_one_mistake() {
    let role =
        |n: usize| format!("[[role]]\nid = \"r{n}\"\ntitle = \"R\"\nincludes = [\"r{}\"]\n", n + 1);
    let row = |n: usize| {
        format!("[[flow]]\nid=\"g{n}\"\nfrom=\"a\"\nto=\"b\"\nport=1\nprotocol=\"tcp\"\nrow=1\n")
    };
    let names = |n: usize| format!("\"n{n}.b.c\",");
    let cloud = format!("{TABLES}[[role]]\nid = \"c\"\ntitle = \"C\"\nnames = [");
    for (what, text) in [
        ("roles", full(TABLES, role, "")),
        ("flows", full(TABLES, row, "")),
        ("ports", full(&format!("{TABLES}[ports]\n"), |n| format!("p{n} = 1\n"), "")),
        ("names", full(&cloud, names, "]\n")),
    ] {
        let begin = Instant::now();
        let mistakes = Registry::of([("t.toml", text)]).expect_err(what);
        assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
        let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains("more than"), "{what}: {said:?}");
    }
}

/// Sites and tables whose hops nobody could wait for, by each way to have many.
#[test]
fn a_plan_that_is_too_large_is_refused_before_it_is_made() {
    let hosts = |role: &str| {
        let all: Vec<String> = (0..20_000).map(|n| format!("\"{role}{n}\"")).collect();
        format!("{role} = [{}]\n", all.join(","))
    };
    let rows: String = (0..5000)
        .map(|n| {
            format!(
                "[[flow]]\nid=\"g{n}\"\nfrom=\"a\"\nto=\"b\"\nport={}\nprotocol=\"tcp\"\nrow=1\n",
                n + 2
            )
        })
        .collect();
    let includes: String = (0..1500)
        .map(|n| format!("[[role]]\nid=\"i{n}\"\ntitle=\"I\"\nincludes=[\"a\"]\n"))
        .collect();
    for (what, site, tables, words) in [
        ("hosts", hosts("a") + &hosts("b"), String::new(), "400000000 pairs of hosts"),
        ("rows", hosts("a") + "b = \"x\"\n", rows, "100020000 pairs of hosts"),
        ("included roles", hosts("a"), includes, "more than 200000 hosts together"),
    ] {
        let folder =
            Folder::new(&format!("{SITE}matrices = [\"m\"]\nproduct = \"shop\"\n[roles]\n{site}"));
        std::fs::create_dir(folder.path("m")).expect("a folder");
        std::fs::write(folder.path("m/t.toml"), format!("{TABLES}{tables}")).expect("written");
        let begin = Instant::now();
        let done = folder.run(&["plan"]);
        assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
        let said = done.err.replace("\n  │ ", " ");
        assert_eq!(done.code, Some(2), "{what}: {said}");
        assert!(said.contains(words) && said.matches('×').count() == 1, "{what}: {said}");
    }
}

/// Names of files, keys and words of files, and arguments, in what is said on standard error.
#[test]
#[cfg(unix)]
fn no_message_steers_a_terminal() {
    let bad = "x\u{1b}[2J\u{202e}\u{9b}y\u{2028}z\r";
    let quoted = "\\u001b[2J\\u202E\\u009b\\u2028\\r\\nerror: none";
    let folder = Folder::new(&format!(
        "[site]\n\"name{quoted}\" = 1\nname = \"n{quoted}\"\n[roles]\n\"r{quoted}\" = \"h{quoted}\"\n\
            [controls]\n\"c{quoted}\" = 1\n# {}\n",
        bad.replace('\r', "")
    ));
    let table =
        format!("{TABLES}\"k{quoted}\" = 1\nwhen = [\"w{quoted}\"]\n[ports]\n\"p{quoted}\" = 1\n");
    std::fs::write(folder.path("t.toml"), table).expect("written");
    for (name, text) in [
        ("schema", format!("{{\"schema\":\"s{quoted}\"}}")),
        ("broken", bad.to_owned()),
        (
            "word",
            format!(
                "{{\"schema\":\"portmatrix/result/2\",\"version\":\"1\",\"site\":\"s\",\
            \"from\":{{\"host\":\"h\",\"roles\":[]}},\"started\":\"{quoted}\"}}"
            ),
        ),
    ] {
        std::fs::write(folder.path(&format!("{name}{bad}.json")), text).expect("written");
    }
    let file = |name: &str| format!("{name}{bad}.json");
    let all: Vec<Vec<String>> = vec![
        vec!["report".into(), file("schema"), file("broken"), file("word"), file("missing")],
        vec!["diff".into(), file("schema"), file("word")],
        vec!["plan".into()],
        vec!["plan".into(), "--site".into(), file("missing")],
        vec!["matrix".into(), "validate".into(), "t.toml".into(), file("missing")],
        vec!["matrix".into(), "show".into(), bad.into()],
        vec!["explain".into(), bad.into()],
        vec![format!("--{bad}")],
        vec!["report".into(), format!("--{bad}")],
        vec!["report".into(), file("word"), "--key".into(), file("missing")],
        vec!["connect".into(), "--site".into(), file("broken")],
    ];
    for arguments in all {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = folder.run(&arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        let said = done.out + &done.err;
        assert!(!said.contains(|c| c != '\n' && portmatrix::text::steers(c)), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("error: none")), "{said}");
    }
}

/// Results of 12 MiB that would be far more in memory, by parts of a file that a reader keeps, passes
/// over, or does not get to; with a key, the seal is looked at as well.
#[test]
#[cfg(target_os = "linux")]
fn a_result_takes_no_more_memory_than_its_size_allows() {
    let hop = |part: &str| {
        format!(
            "{{\"hop\":\"h\",\"flow\":\"f\",\"source\":\"s\",\"from\":{{\"role\":\"a\",\"host\":\"a\"}},\
                \"to\":{{\"role\":\"b\",\"host\":\"b\"}},\"protocol\":\"tcp\",\"expect\":\"allow\",\
                \"required\":true,\"verdict\":\"pass\",\"reason\":\"answered\",\
                \"answered_by\":\"service\",\"ms\":1,{part}}}"
        )
    };
    let file = |hops: &str, part: &str| {
        format!(
            "{{\"schema\":\"portmatrix/result/2\",\"version\":\"1\",\"site\":\"s\",\"started\":\
                \"2026-11-24T04:00:00Z\",\"finished\":\"2026-11-24T04:00:00Z\",\"from\":{{\"host\":\"h\",\
                \"roles\":[]}},\"seal\":{{\"alg\":\"HMAC-SHA256\",\"key\":\"@@\",\"value\":\"00\"}},\
                \"hops\":[{hops}]{part}}}"
        )
    };
    let many = |one: &dyn Fn(usize) -> String| {
        let mut all = one(0);
        let mut number = 1;
        while all.len() < 12 << 20 {
            all.push(',');
            all.push_str(&one(number));
            number += 1;
        }
        all
    };
    let rest = "\"steps\":[],\"evidence\":[]";
    let members = many(&|n| format!("\"m{n}\":{{}}"));
    let step = "\"step\":\"tls\",\"ok\":true,\"at_ms\":0,\"ms\":0";
    let leg = "{\"from\":\"\",\"to\":[],\"why\":\"\"}";
    let kinds = [
        ("objects that nobody asks for", file("", &format!(",\"x\":[{}]", many(&|_| "{}".into())))),
        ("members that nobody asks for", file("", &format!(",\"x\":{{{members}}}"))),
        ("a hop of lists", file(&hop(&format!("\"steps\":[{}]", many(&|_| "[]".into()))), "")),
        ("hosts", file("", &format!(",\"nearness\":[{}]", many(&|_| "{}".into())))),
        ("legs", file(&hop(&format!("{rest},\"legs\":[{}]", many(&|_| leg.into()))), "")),
        (
            "free facts",
            file(
                &hop(&format!(
                    "\"evidence\":[],\"steps\":[{{{step},\"facts\":{{\"more\":{{{members}}}}}}}]"
                )),
                "",
            ),
        ),
        (
            "families",
            file(
                &hop(&format!("\"evidence\":[],\"steps\":[{{{step},\"facts\":{{{members}}}}}]")),
                "",
            ),
        ),
        (
            "steps",
            file(
                &hop(&format!(
                    "\"evidence\":[],\"steps\":[{}]",
                    many(&|n| format!("{{{step},\"facts\":{{\"f{n}\":0}}}}"))
                )),
                "",
            ),
        ),
        (
            "texts",
            file(&hop(&format!("{rest},\"notes\":[{}]", many(&|_| "\"\\u202ex\"".into()))), ""),
        ),
    ];
    let folder = Folder::new(SITE);
    assert_eq!(folder.run(&["key", "new", "k"]).code, Some(0));
    let key = portmatrix::net::keyfile::read(&folder.path("k")).expect("a key").fingerprint();
    std::fs::write(folder.path("r.json"), file("", "")).expect("written");
    // Beside the file: what an unoptimised program takes for itself.
    let least = with_peak(&folder, &["report", "r.json", "--key", "k"]).1;
    for (what, text) in kinds {
        let text = text.replacen("@@", &key, 1);
        std::fs::write(folder.path("r.json"), &text).expect("written");
        // The seal is looked at by whoever has the key: what is sorted, and what is deep, costs most.
        let with_key = ["members that nobody asks for", "legs"].contains(&what);
        for with_key in [false, true].into_iter().take(1 + usize::from(with_key)) {
            let key: &[&str] = if with_key { &["--key", "k"] } else { &[] };
            let arguments: Vec<&str> =
                ["report", "r.json"].into_iter().chain(key.iter().copied()).collect();
            let (output, peak) = with_peak(&folder, &arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // An allocator rounds, and a list that grows stands in two places for a moment.
            let most = least + 7 * text.len() / 1024 + 8 * 1024;
            assert!(peak <= most, "{what} {key:?}: {peak} KiB of {most} KiB, {}", text.len());
            let ended = output.status.code().is_some_and(|code| code <= 3);
            assert!(
                ended && !said.contains("panicked"),
                "{what} {key:?}: {:?} {said}",
                output.status
            );
        }
    }
}

/// Runs the program; what it said, and the most memory that it has had, in KiB.
#[cfg(target_os = "linux")]
fn with_peak(folder: &Folder, arguments: &[&str]) -> (std::process::Output, usize) {
    let mut child = std::process::Command::new(crate::support::program::PROGRAM)
        .current_dir(folder.path(""))
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child can be asked").is_none() {
        // It only ever grows, and is gone with the program: asked often, the last answer is near it.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let line = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(peak > 0, "the memory of {arguments:?} was not seen");
    (child.wait_with_output().expect("it ended"), peak)
}
