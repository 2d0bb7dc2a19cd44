//! The registry as a whole: built-in tables, folders, replacing.

use super::*;

const TINY: &str = r#"
[matrix]
id = "acme/direct"
title = "t"
source = { document = "d" }
[[role]]
id = "a"
title = "A"
[[flow]]
id = "x"
from = "a"
to = "a"
port = 1
protocol = "tcp"
row = 1
"#;

fn messages(result: Result<Registry, Vec<Mistake>>) -> Vec<String> {
    result.expect_err("there are mistakes").iter().map(|m| m.message().to_owned()).collect()
}

#[test]
fn the_built_in_tables_have_no_mistake() {
    match Registry::embedded() {
        Ok(registry) => assert!(
            registry.matrices().count() >= 11,
            "{:?}",
            registry.matrices().map(|m| &m.id).collect::<Vec<_>>()
        ),
        Err(mistakes) => {
            panic!("{:?}", mistakes.into_iter().map(miette::Report::new).collect::<Vec<_>>())
        }
    }
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let (mut paths, mut embedded) = (Vec::new(), Vec::new());
    collect_paths(&Path::new(env!("CARGO_MANIFEST_DIR")).join("matrices"), 0, &mut paths)
        .expect("the folder is there");
    collect_embedded(&BUILT_IN, &mut embedded);
    assert_eq!(
        paths.len(),
        embedded.len(),
        "touch registry.rs: include_dir! does not see new files"
    );
}

#[test]
fn a_users_folder_adds_and_replaces() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut registry = Registry::of([("a.toml", TINY)]).expect("no mistake");
    assert!(
        registry.with_directory(dir.path()).expect_err("empty")[0]
            .message()
            .contains("no .toml file")
    );
    std::fs::create_dir(dir.path().join("deep")).expect("made");
    std::fs::write(dir.path().join("deep/b.toml"), TINY.replace("port = 1", "port = 2"))
        .expect("written");
    std::fs::write(dir.path().join("notes.txt"), "not a matrix").expect("written");
    registry.with_directory(dir.path()).expect("no mistake");
    let ports: Vec<_> =
        registry.matrices().flat_map(|m| &m.flows).map(|f| f.port.clone()).collect();
    assert_eq!(
        ports,
        [crate::matrix::model::Port::Literal(2)],
        "the user's file took the place of the other"
    );
    assert!(registry.file("acme/direct").is_some_and(|name| name.ends_with("b.toml")));
}

#[test]
fn a_folder_with_a_mistake_leaves_the_registry_as_it_was() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("a.toml"), TINY.replace("port = 1", "port = 0"))
        .expect("written");
    std::fs::write(dir.path().join("b.toml"), [0xff, 0x00]).expect("written");
    let mut registry = Registry::of([("a.toml", TINY)]).expect("no mistake");
    let mistakes = registry.with_directory(dir.path()).expect_err("two bad files");
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert_eq!(registry.matrices().count(), 1);
    assert!(
        registry.with_directory(&dir.path().join("none")).expect_err("no folder")[0]
            .message()
            .ends_with("does not exist")
    );
}

#[test]
fn the_same_id_twice_in_a_folder_and_the_same_last_part_are_mistakes() {
    assert_eq!(
        messages(Registry::of([("a", TINY), ("b", TINY)])),
        ["the matrix \"acme/direct\" is listed twice"]
    );
    let other = TINY.replace("id = \"acme/direct\"", "id = \"extra/direct\"\nproduct = \"acme\"");
    let wanted = "\"extra/direct\" and \"acme/direct\" of the same product both end in `direct`";
    assert_eq!(messages(Registry::of([("a", TINY), ("b", other.as_str())])), [wanted]);
}

#[test]
fn declarations_of_two_files_must_agree() {
    let other = TINY.replace("acme/direct", "acme/other");
    let registry = Registry::of([("a", TINY), ("b", other.as_str())])
        .expect("the same declaration twice is no conflict");
    assert_eq!(registry.product("acme").expect("it is there").roles.len(), 1);
    let conflict = other.replace("title = \"A\"", "title = \"B\"");
    assert_eq!(
        messages(Registry::of([("a", TINY), ("b", &conflict)])),
        ["the role `a` is declared in another way in another file of the product"]
    );
}

#[test]
fn a_broken_file_does_not_make_names_of_other_files_unknown() {
    let user = TINY
        .replace("acme/direct", "acme/other")
        .replace("[[role]]\nid = \"a\"\ntitle = \"A\"\n", "");
    assert_eq!(messages(Registry::of([("b", user.as_str())])), ["the role `a` is not declared"; 2]);
    assert_eq!(
        messages(Registry::of([("a", "[product\n"), ("b", &user)])).len(),
        1,
        "only the syntax"
    );
}

#[test]
fn inclusion_is_followed_through() {
    let registry = Registry::embedded().expect("no mistake");
    for product in registry.products() {
        for role in &product.roles {
            let all = product.included(&role.id);
            assert!(
                all.contains(&role.id.as_str())
                    && role.includes.iter().all(|r| all.contains(&r.as_str()))
            );
        }
    }
    let chain = "[product]\nid = \"p\"\ntitle = \"P\"\n".to_owned()
        + &["a", "b", "c"]
            .map(|r| format!("[[role]]\nid = \"{r}\"\ntitle = \"R\"\n"))
            .join("")
            .replace("id = \"a\"\n", "id = \"a\"\nincludes = [\"b\"]\n")
            .replace("id = \"b\"\n", "id = \"b\"\nincludes = [\"c\"]\n");
    let registry = Registry::of([("p", chain.as_str())]).expect("no mistake");
    assert_eq!(registry.product("p").expect("it is there").included("a"), ["a", "b", "c"]);
    let cycle = chain.replace("id = \"c\"\n", "id = \"c\"\nincludes = [\"a\"]\n");
    assert_eq!(
        messages(Registry::of([("p", cycle)])),
        ["the role `a` includes itself: a -> b -> c -> a"]
    );
}

proptest::proptest! {
    /// A good file with a piece cut out or overwritten: mistakes or none, never a panic.
    #[test]
    fn damaged_files_do_not_panic(from in 0usize..300, length in 0usize..80, text in "[a-z0-9 =\"\\[\\]!/.\n-]{0,12}") {
        let mut damaged = TINY.to_owned();
        let (from, to) = (from.min(damaged.len()), (from + length).min(damaged.len()));
        damaged.replace_range(from..to, &text);
        let _ = Registry::of([("t", damaged)]).map_err(|m| m.iter().map(|m| m.to_string()).collect::<Vec<_>>());
    }
}
