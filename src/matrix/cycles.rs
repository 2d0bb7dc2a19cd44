//! Names that lead back to themselves by way of others.

use std::collections::{BTreeSet, HashSet};

/// Ways back that are told at most.
const MOST: usize = 100;

/// One walk over all names: each is left once, however many lead to it.
pub(super) struct Cycles<'n, F> {
    next: F,
    way: Vec<&'n str>,
    on_way: HashSet<&'n str>,
    left: HashSet<&'n str>,
    found: BTreeSet<Vec<&'n str>>,
}

impl<'n, F: Fn(&str) -> Option<&'n [String]>> Cycles<'n, F> {
    /// Ways from a name back to it, each from its first name in the alphabet. `next` has the names
    /// that one leads to, or nothing where it is not known.
    pub(super) fn among(names: impl Iterator<Item = &'n str>, next: F) -> BTreeSet<Vec<&'n str>> {
        let mut walk = Cycles {
            next,
            way: Vec::new(),
            on_way: HashSet::new(),
            left: HashSet::new(),
            found: BTreeSet::new(),
        };
        names.for_each(|name| walk.visit(name));
        walk.found
    }

    /// As deep as there are names, of which there are few.
    fn visit(&mut self, name: &'n str) {
        if self.on_way.contains(name) {
            return self.note(name);
        }
        if self.left.contains(name) || self.found.len() >= MOST {
            return;
        }
        self.way.push(name);
        self.on_way.insert(name);
        for next in (self.next)(name).unwrap_or_default() {
            self.visit(next);
        }
        self.way.pop();
        self.on_way.remove(name);
        self.left.insert(name);
    }

    fn note(&mut self, back_at: &str) {
        let begin = self.way.iter().position(|name| *name == back_at).unwrap_or(0);
        let mut cycle = self.way[begin..].to_vec();
        let first = (0..cycle.len()).min_by_key(|place| cycle[*place]).unwrap_or(0);
        cycle.rotate_left(first);
        cycle.extend(cycle.first().copied());
        if self.found.len() < MOST {
            self.found.insert(cycle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn cycles(includes: &[(&str, &[&str])]) -> Vec<String> {
        let all: BTreeMap<&str, Vec<String>> = includes
            .iter()
            .map(|(name, next)| (*name, next.iter().map(|n| (*n).to_owned()).collect()))
            .collect();
        let found = Cycles::among(all.keys().copied(), |name| all.get(name).map(Vec::as_slice));
        found.iter().map(|cycle| cycle.join(" ")).collect()
    }

    #[test]
    fn ways_back_are_told_once_and_from_their_first_name() {
        assert_eq!(cycles(&[("a", &["c"]), ("c", &["b"]), ("b", &["c"])]), ["b c b"]);
        assert_eq!(cycles(&[("b", &["a"]), ("a", &["b", "b", "a"])]), ["a a", "a b a"]);
        assert!(cycles(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["nobody"])]).is_empty());
    }

    #[test]
    fn many_ways_to_one_name_are_walked_once() {
        let names: Vec<String> = (0..2000).map(|n| format!("n{n:04}")).collect();
        let next = |name: &str| {
            let at = names.iter().position(|known| known == name)?;
            Some(&names[at + 1..])
        };
        assert!(Cycles::among(names.iter().map(String::as_str), next).is_empty());
    }
}
