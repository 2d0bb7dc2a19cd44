//! What the documents show must work as it stands.

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
