//! File names with `*` and `?`: shells of Windows hand them on as they are.

use super::outcome::Problem;
use glob::MatchOptions;
use std::path::{Path, PathBuf};

/// Most files that one command takes.
const MOST: usize = 100_000;

/// The files that are meant, in order, without folders. A name that is there is taken as it stands.
///
/// # Errors
/// Each pattern that no file has.
pub fn expand(names: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        match files(name) {
            Ok(files) => found.extend(files),
            Err(words) => problems.extend(Problem::text(words).0),
        }
    }
    if found.len() > MOST {
        problems.extend(Problem::text(format!("more than {MOST} files are named")).0);
    }
    if problems.is_empty() { Ok(found) } else { Err(Problem(problems)) }
}

fn files(name: &Path) -> Result<Vec<PathBuf>, String> {
    let is_pattern = name.to_str().filter(|text| text.contains(['*', '?']));
    let Some(pattern) = is_pattern.filter(|_| !name.exists()) else {
        return Ok(vec![name.to_owned()]);
    };
    // Brackets are letters of a name, as in shells of Windows.
    let pattern = pattern.replace('[', "[[]");
    let how = MatchOptions { case_sensitive: !cfg!(windows), ..MatchOptions::new() };
    let listed = glob::glob_with(&pattern, how).map_err(|e| format!("{}: {e}", name.display()))?;
    let files = gather(listed).map_err(|error| format!("{}: {error}", name.display()))?;
    if files.is_empty() {
        return Err(format!("no file is called like {}", name.display()));
    }
    Ok(files)
}

/// The files among what is listed, and one above the limit at most. A folder that cannot be listed
/// may hold some of them: they are not left out in silence.
fn gather<E>(listed: impl Iterator<Item = Result<PathBuf, E>>) -> Result<Vec<PathBuf>, E> {
    listed.filter(|one| one.as_ref().map_or(true, |path| path.is_file())).take(MOST + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_files_that_are_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["b.json", "a.json", "c.txt", "x[1].json"] {
            std::fs::write(path(name), "").expect("written");
        }
        std::fs::create_dir(path("d.json")).expect("made");
        let all = expand(&[path("*.json"), path("c.txt")]).expect("they are there");
        assert_eq!(all, ["a.json", "b.json", "x[1].json", "c.txt"].map(path));
        assert_eq!(expand(&[path("x[1].j?on")]).expect("there"), [path("x[1].json")]);
        // What is no pattern is read later, and told of with its own error.
        assert_eq!(expand(&[path("gone.json")]).expect("a name"), [path("gone.json")]);
        let told = expand(&[path("*.xml"), path("?.yml")]).expect_err("none").shown().join(" ");
        assert!(told.contains("*.xml") && told.contains("?.yml"), "{told}");
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_an_error() {
        let there = tempfile::NamedTempFile::new().expect("a file").path().to_owned();
        let error = gather([Ok(there), Err("no right to list d")].into_iter()).expect_err("told");
        assert_eq!(error, "no right to list d");
    }

    #[test]
    fn letters_count_as_the_system_has_them() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("A.JSON"), "").expect("written");
        assert_eq!(expand(&[folder.path().join("*.json")]).is_ok(), cfg!(windows));
    }
}
