//! "Did you mean …?"

/// Candidates of which the nearest is looked for.
const MOST: usize = 2000;

/// The candidate that `word` was most likely meant to be, or `None` when none is near.
///
/// Near is: the same but for case or separators, at most a third of its letters wrong (a swap of
/// neighbours counts once), or its beginning.
pub fn suggest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // A name of the tables is short; a long one is not worth a quadratic comparison.
    if word.len() > 100 {
        return None;
    }
    let plain = fold(word);
    let length = plain.chars().count();
    // Most candidates are told from the word by their length alone, and there may be many.
    let may_be = |candidate: &&str| {
        candidate.chars().count().abs_diff(length) <= 4 || candidate.starts_with(&plain)
    };
    candidates
        .into_iter()
        .filter(may_be)
        .map(|candidate| (strsim::damerau_levenshtein(&plain, &fold(candidate)), candidate))
        .map(|(distance, candidate)| {
            if plain.len() >= 3 && candidate.starts_with(&plain) {
                (distance.min(2), candidate)
            } else {
                (distance, candidate)
            }
        })
        .filter(|(distance, candidate)| {
            *distance <= candidate.chars().count().max(plain.chars().count()).div_ceil(3).min(4)
        })
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(word: &str) -> String {
    word.chars().map(|c| if c == '_' || c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The help text for a word that is not one of `candidates`: the nearest one if there is one, and
/// all of them if they are few. `what` names them in the plural, e.g. `roles`.
pub fn choices<'c>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    // Whoever lists so many makes the same mistake in a hundred places.
    let few = candidates.iter().copied().filter(|_| candidates.len() <= MOST);
    let mut text = match suggest(word, few) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    match candidates.as_slice() {
        [] => text.push_str(&format!("there are no {what}")),
        some if some.len() <= 40 => text.push_str(&format!("the {what} are: {}", some.join(", "))),
        many => text.push_str(&format!("there are {} {what}", many.len())),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let roles = ["psp-service", "reverse-proxy", "migration-agent", "target-pdc", "source-pdc"];
        for (word, wanted) in [
            ("target-dpc", Some("target-pdc")),
            ("Reverse_Proxy", Some("reverse-proxy")),
            ("migration-agents", Some("migration-agent")),
            ("sevice", None),
            ("prox", None),
            ("migration", Some("migration-agent")),
            ("", None),
            ("firewall", None),
        ] {
            assert_eq!(suggest(word, roles), wanted, "{word}");
        }
        assert_eq!(suggest("x", ["y"]), None, "one letter is not near another");
        assert_eq!(suggest(&"a".repeat(100_000), roles), None);
    }

    #[test]
    fn choices_name_the_nearest_and_all() {
        assert_eq!(
            choices("htps", "protocols", ["http", "https"]),
            "did you mean `https`? the protocols are: http, https"
        );
        assert_eq!(choices("x", "features", []), "there are no features");
    }
}
