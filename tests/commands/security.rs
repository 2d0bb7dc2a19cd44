//! What SECURITY.md says that nobody can do is held by tests, and they are there.

use std::path::Path;

/// All sources, as one text.
fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&std::fs::read_to_string(path).expect("a source"));
        }
    }
}

#[test]
fn each_cannot_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut code);
    }
    let table = page.split_once("| Who | Can | Cannot | Test |").expect("the table").1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut tests = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, cannot, held_by] = cells[..] else { panic!("{row}") };
        assert!(!cannot.is_empty(), "{row}");
        let before = tests;
        for name in held_by.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')) {
            assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
            tests += 1;
        }
        assert!(tests > before, "no test holds this: {row}");
    }
    assert!(tests > 20, "{tests}");
}
