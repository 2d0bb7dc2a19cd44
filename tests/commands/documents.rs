//! What the documents show must work as it stands.

use portmatrix::report::diff::Diff;
use portmatrix::report::listener::ListenFile;
use std::path::Path;
use std::process::Command;

#[test]
fn the_example_of_a_port_table_is_valid() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/port-tables.md"))
            .expect("the document is there");
    let example = document
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("it has an example");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("example.toml");
    std::fs::write(&file, example).expect("the example can be written");
    let done = Command::new(env!("CARGO_BIN_EXE_portmatrix"))
        .args(["matrix", "validate"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::write(&file, example.replace("\"netlogon\"]", "\"netlogin\"]"))
        .expect("the example can be written");
    let done = Command::new(env!("CARGO_BIN_EXE_portmatrix"))
        .args(["matrix", "validate"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert_eq!(done.status.code(), Some(2), "the check is a real one");
}

#[test]
fn the_readme_names_only_subcommands_that_exist() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))
        .expect("the document is there");
    let help =
        Command::new(env!("CARGO_BIN_EXE_portmatrix")).arg("--help").output().expect("it runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let named = readme.lines().filter_map(|l| {
        l.trim_start().strip_prefix("portmatrix ")?.split_whitespace().next().map(str::to_owned)
    });
    let named: Vec<String> = named.filter(|n| n.chars().all(|c| c.is_ascii_lowercase())).collect();
    assert!(named.len() > 5, "the README shows how to use it: {named:?}");
    for name in named {
        assert!(
            help.lines().any(|l| l.trim_start().starts_with(&format!("{name} "))),
            "`portmatrix {name}` is not in --help"
        );
    }
}

/// The JSON Schemas of `docs/schemas` are those of the types, word for word; with `UPDATE_EXPECTED`
/// they are written anew. Whoever reads a file of this program can hold it against one of them.
#[test]
fn the_schemas_are_those_of_the_types() {
    let pretty = |schema: &schemars::Schema| {
        serde_json::to_string_pretty(schema).expect("a schema is JSON") + "\n"
    };
    let plan = portmatrix::plan::output::schema().expect("a schema is JSON");
    let schemas = [
        ("result-2.json", portmatrix::report::format::json::schema().expect("a schema is JSON")),
        ("listen-1.json", pretty(&schemars::schema_for!(ListenFile))),
        ("diff-1.json", pretty(&schemars::schema_for!(Diff))),
        ("plan-1.json", plan),
        ("port-table.json", pretty(&portmatrix::matrix::schema::schema())),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for (name, schema) in schemas {
        let file = folder.join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&file, &schema).expect("the schema can be written");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept.trim_end() == schema.trim_end(),
            "docs/schemas/{name} is not what the types say: `UPDATE_EXPECTED=1 cargo test --test \
                commands documents`, and look at what changed: a reader of the older format must still do"
        );
    }
}

#[test]
fn the_example_sites_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("it is there");
    let mut planned = 0;
    for entry in std::fs::read_dir(&folder).expect("examples/ is there").flatten() {
        let file = entry.path();
        if file.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(readme.contains(&format!("`{name}`")), "examples/README.md lacks {name}");
        let mut plan = Command::new(env!("CARGO_BIN_EXE_portmatrix"));
        let done = plan.args(["plan", "--format", "json", "--site"]).arg(&file).output();
        let done = done.expect("it runs");
        assert!(done.status.success() && done.stderr.is_empty(), "{name}: {done:?}");
        let plan: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert!(plan["hops"].as_array().is_some_and(|hops| hops.len() > 3), "{name}: {plan}");
        planned += 1;
    }
    assert_eq!(planned, 3);
}

/// Files of version 1 of the result format, as an older program wrote them, and what that program
/// made of them: a table is the same still, and so are seal and exit code.
#[test]
fn results_of_version_1_are_read_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/results-1");
    for name in ["lab", "refused", "sealed"] {
        let file = folder.join(format!("{name}.json"));
        let text = std::fs::read_to_string(&file).expect("a stored file");
        assert!(text.contains("portmatrix/result/1"), "{name} is of version 1");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let report = |more: &[&str]| {
            let done = Command::new(env!("CARGO_BIN_EXE_portmatrix"))
                .arg("report")
                .arg(&file)
                .args(more)
                .output()
                .expect("it runs");
            assert_eq!(done.status.code().map(i64::from), json["exit_code"].as_i64(), "{name}");
            String::from_utf8(done.stdout).expect("text")
        };
        let before =
            std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect("its table");
        assert_eq!(report(&[]), before, "{name}");
        let now: serde_json::Value =
            serde_json::from_str(&report(&["--format", "json"])).expect("JSON");
        assert_eq!(now["schema"], "portmatrix/result/2");
        assert_eq!(now["summary"], json["summary"]);
    }
    // A checkout lets everybody read its files, and such a key is refused.
    let key = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = std::fs::read(folder.join("site.key")).expect("the key of the stored files");
    std::fs::write(key.path(), text).expect("it can be written");
    let sealed = |file: &Path| {
        Command::new(env!("CARGO_BIN_EXE_portmatrix"))
            .arg("report")
            .arg(file)
            .arg("--key")
            .arg(key.path())
            .arg("--require-seal")
            .output()
            .expect("it runs")
    };
    let done = sealed(&folder.join("sealed.json"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let changed = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = std::fs::read_to_string(folder.join("sealed.json")).expect("a stored file");
    std::fs::write(changed.path(), text.replacen("\"proved\"", "\"answered\"", 1))
        .expect("it can be written");
    let done = sealed(changed.path());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(2) && said.contains("seal"), "{said}");
}

/// What a newer version says in words that this one does not know is kept, shown, and never green
/// by that.
#[test]
fn words_of_a_newer_version_are_kept_and_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/results-1");
    let report = |file: &Path, format: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_portmatrix"))
            .arg("report")
            .arg(file)
            .args(["--format", format])
            .output()
            .expect("it runs");
        assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text")
    };
    let mut json: serde_json::Value =
        serde_json::from_str(&report(&folder.join("refused.json"), "json")).expect("JSON");
    let hop = &mut json["hops"][0];
    hop["reason"] = "smtp-greylisted".into();
    hop["protocol"] = "smtp".into();
    hop["ended_at"] = "smtp-rcpt".into();
    hop["answered_by"] = "relay".into();
    hop["initiator"] = "spam-filter".into();
    let step = &mut hop["steps"][0];
    step["step"] = "smtp-rcpt".into();
    step["reason"] = "smtp-greylisted".into();
    step["facts"] = serde_json::json!({ "smtp": { "code": 450 } });
    let newer = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(newer.path(), json.to_string()).expect("it can be written");
    let again: serde_json::Value =
        serde_json::from_str(&report(newer.path(), "json")).expect("JSON");
    assert_eq!(again["hops"], json["hops"]);
    let table = report(newer.path(), "table");
    for word in ["smtp-greylisted", "smtp-rcpt", "relay", "450"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    json["hops"][0]["reason"] = "No Word".into();
    std::fs::write(newer.path(), json.to_string()).expect("it can be written");
    let done = Command::new(env!("CARGO_BIN_EXE_portmatrix"))
        .arg("report")
        .arg(newer.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(2) && said.contains("is not a reason"), "{said}");
}

/// Source files that the documents for developers name are there, under that path or the end of it.
#[test]
fn documents_name_files_that_are_there() {
    fn files(folder: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry")) {
            if entry.path().is_dir() {
                files(&entry.path(), into);
            } else {
                into.push(entry.path().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there = Vec::new();
    for folder in ["src", "tests", "benches"] {
        files(&root.join(folder), &mut there);
    }
    let (mut named, mut gone) = (0, Vec::new());
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("the document is there");
        for word in text.split('`').skip(1).step_by(2).filter(|w| w.ends_with(".rs")) {
            named += 1;
            if !word.contains(' ') && !there.iter().any(|path| path.ends_with(&format!("/{word}")))
            {
                gone.push(format!("{document}: {word}"));
            }
        }
    }
    assert!(named > 50, "only {named} files are named");
    assert!(gone.is_empty(), "{gone:#?}");
}
