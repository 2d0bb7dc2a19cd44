//! Broken files of port tables and of sites, each with the exact messages that it gives:
//! `tests/data/matrix/invalid/NAME.toml` and `NAME.stderr`, and the same under `tests/data/site`.
//!
//! A new check needs a new file. `UPDATE_EXPECTED=1 cargo test --test commands invalid` writes the
//! messages anew, to be read before they are committed.

use crate::shown::data;
use portmatrix::input::Mistake;
use portmatrix::matrix::Registry;
use portmatrix::site::load::parse;
use std::path::Path;

/// Line ends as in the repository, also where git checked it out with others.
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.replace("\r\n", "\n"))
}

fn names(folder: &Path, extension: &str) -> Vec<String> {
    let paths = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path());
    let named = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    let mut names: Vec<String> = named
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn messages(name: &str, mistakes: &[Mistake]) -> String {
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
        .with_width(100)
        .with_links(false);
    let mut shown = String::new();
    for mistake in mistakes {
        assert!(mistake.position().is_some(), "{name}: \"{mistake}\" has no place");
        handler.render_report(&mut shown, mistake).expect("a string takes everything");
        shown.push('\n');
    }
    shown.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Holds each file's messages against those that are kept.
fn hold(folder: &Path, least: usize, mistakes: impl Fn(String, String) -> Vec<Mistake>) {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1");
    let mut different = Vec::new();
    for name in names(folder, "toml") {
        let file = format!("{name}.toml");
        let text = read(&folder.join(&file)).expect("the file is there");
        let shown = messages(&name, &mistakes(file, text));
        let path = folder.join(format!("{name}.stderr"));
        if update {
            std::fs::write(&path, &shown).expect("written");
        } else if read(&path).as_deref() != Some(shown.as_str()) {
            different.push(format!("== {name}\n{shown}"));
        }
    }
    assert!(different.is_empty(), "other messages than expected:\n{}", different.join("\n"));
    assert_eq!(
        names(folder, "toml"),
        names(folder, "stderr"),
        "each file has its messages, and no messages are left over"
    );
    assert!(names(folder, "toml").len() >= least);
}

#[test]
fn every_broken_table_gives_its_messages() {
    hold(&data("matrix/invalid"), 25, |file, text| {
        Registry::of([(file, text)]).expect_err("a broken file has mistakes")
    });
}

#[test]
fn every_broken_site_gives_its_messages() {
    let registry = Registry::embedded().expect("the built-in tables are right");
    hold(&data("site/invalid"), 16, |file, text| {
        parse(&file, &text, Path::new(""), &registry).expect_err("a broken file has mistakes")
    });
}
