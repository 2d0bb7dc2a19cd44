//! What the program prints, whole: help, plans and reports, each held against a file of
//! `tests/commands/snapshots/`.
//!
//! Without `CI` and `INSTA_UPDATE=no` a difference leaves the new text beside the old one as
//! `*.snap.new`; `cargo insta review` shows both and takes it. `INSTA_UPDATE=always cargo test
//! --test commands snapshots` takes all, to be read before they are committed.

use crate::shown;

/// Standard output at this width, in the folder of sites; whatever the exit code is.
fn printed(width: u16, arguments: &[&str]) -> String {
    let output = shown::run(&[], width, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n")
}

/// Holds a text against the file of this name.
fn hold(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

/// A table in two widths, and the other formats. (What cannot be broken, as the id of a hop, may be
/// wider than the terminal.)
fn hold_all(name: &str, arguments: &[&str], formats: &[&str]) {
    for width in [80, 120] {
        hold(&format!("{name}-table-{width}"), &printed(width, arguments));
    }
    for format in formats {
        let text = printed(80, &[arguments, &["--format", format]].concat());
        hold(&format!("{name}-{format}"), &text);
    }
}

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        // A line that goes on with the one before begins further to the right.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn help_of_every_subcommand() {
    let mut waiting = vec![Vec::<String>::new()];
    let mut held = 0;
    while let Some(command) = waiting.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = printed(100, &words);
        let name: String = command.iter().map(|word| format!("-{word}")).collect();
        hold(&format!("help{name}"), &help);
        held += 1;
        let deeper = subcommands(&help).into_iter().map(|name| [&command[..], &[name]].concat());
        waiting.extend(deeper);
    }
    assert!(held > 15, "only {held} help texts were found");
}

#[test]
fn plan_of_a_small_product_with_what_was_left_out() {
    // Of the small product alone: each new row of the built-in tables would change the other's.
    let arguments = ["plan", "--site", "lan.toml", "--matrices", "../second-product", "--all"];
    hold_all("plan-lan", &arguments, &["csv", "markdown"]);
}

#[test]
fn plan_of_a_direct_site() {
    hold_all("plan-direct", &["plan", "--site", "direct.toml"], &["csv", "markdown"]);
}

#[test]
fn reports_of_stored_results() {
    for name in ["lab", "refused", "sealed"] {
        let file = format!("../results-1/{name}.json");
        hold_all(
            &format!("report-{name}"),
            &["report", &file],
            &["csv", "markdown", "html", "junit"],
        );
    }
}

#[test]
fn a_report_of_several_results() {
    let arguments = ["report", "../results-1/lab.json", "../results-1/refused.json"];
    hold_all("report-several", &arguments, &["markdown"]);
}
