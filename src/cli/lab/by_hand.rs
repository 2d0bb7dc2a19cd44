//! What `lab --keep` tells: the command lines by which one goes on by hand, with a listener for
//! every host and a connector on every host.

use crate::lab::LabSite;
use crate::matrix::model::Expect;
use crate::plan::model::Hop;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

/// The lines, for a new terminal in any folder: paths are whole, and the program is called as it
/// was called now.
pub(super) fn lines(site: &LabSite, folder: &Path, called: Option<&OsStr>) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let file = quoted(&folder.join(format!("{}.toml", site.sample.name)).display().to_string());
    let program = program(called);
    let hops = &site.plan.hops;
    let listeners = listeners(hops);
    let mut text = "\nTo go on by hand, each listener in a terminal of its own:\n".to_owned();
    for host in &listeners {
        let _ = writeln!(text, "  {program} listen --site {file} --as {host}");
    }
    text.push_str("and in one more terminal, one after the other:\n");
    for host in connectors(hops, &listeners) {
        let flows: String =
            flows(hops, &host).iter().map(|flow| format!(" --flow {flow}")).collect();
        let _ = writeln!(text, "  {program} connect --site {file} --as {host}{flows}");
    }
    if hops.iter().any(|hop| hop.flow.expect == Expect::Deny) {
        text.push_str(
            "The ways that must be shut are left out: by hand a stand-in has the reverse proxy's \
                place, and nothing on loopback shuts a port. The lab \
             itself shows them.\n",
        );
    }
    text
}

/// The hosts that are connected to, in the order of the plan.
fn listeners(hops: &[Hop]) -> Vec<String> {
    each(hops.iter().filter(|hop| hop.flow.expect == Expect::Allow).map(|hop| hop.to.host.label()))
}

/// The hosts that connect to others, those first that need only the first listeners.
fn connectors(hops: &[Hop], listeners: &[String]) -> Vec<String> {
    let allowed: Vec<&Hop> = hops.iter().filter(|hop| hop.flow.expect == Expect::Allow).collect();
    let mut connectors = each(allowed.iter().map(|hop| hop.from.host.label()));
    connectors.sort_by_key(|from| {
        let needed = allowed.iter().filter(|hop| hop.from.host.label() == *from);
        needed
            .filter_map(|hop| listeners.iter().position(|host| *host == hop.to.host.label()))
            .max()
    });
    connectors
}

/// The flows to choose on a host, where some of its ways must be shut; else all.
fn flows(hops: &[Hop], host: &str) -> Vec<String> {
    let own = || hops.iter().filter(|hop| hop.from.host.label() == host);
    if own().all(|hop| hop.flow.expect == Expect::Allow) {
        return Vec::new();
    }
    each(own().filter(|hop| hop.flow.expect == Expect::Allow).map(|hop| hop.flow.id.clone()))
}

/// Each once.
fn each(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// The program as it was called: by its name where a shell finds it by that, else by its whole
/// path.
fn program(called: Option<&OsStr>) -> String {
    let called = Path::new(called.unwrap_or_default());
    match called.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => quoted(
            &std::path::absolute(called)
                .unwrap_or_else(|_| called.to_path_buf())
                .display()
                .to_string(),
        ),
        _ => "portmatrix".to_owned(),
    }
}

/// A word for a shell, in quotes where it has anything that a shell may take for something else.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/\\.:_-+~@,".contains(c);
    match () {
        () if word.chars().all(plain) && !(cfg!(unix) && word.contains(['\\', '~'])) => {
            word.to_owned()
        }
        () if cfg!(unix) => format!("'{}'", word.replace('\'', "'\\''")),
        () => format!("\"{word}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_they_must_be() {
        assert_eq!(quoted("/home/me/my-lab/direct.toml"), "/home/me/my-lab/direct.toml");
        if cfg!(unix) {
            assert_eq!(quoted("/home/me/my lab"), "'/home/me/my lab'");
            assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        } else {
            assert_eq!(quoted(r"C:\my lab"), "\"C:\\my lab\"");
        }
    }

    #[test]
    fn the_program_is_called_as_it_was() {
        assert_eq!(program(None), "portmatrix");
        assert_eq!(program(Some(OsStr::new("portmatrix"))), "portmatrix");
        let here = std::path::absolute("target/portmatrix").expect("there is a folder");
        assert_eq!(
            program(Some(OsStr::new("target/portmatrix"))),
            quoted(&here.display().to_string())
        );
    }
}
