//! Sets of ports in words: `49152-57343,60000`.

/// A set in words, of ports in order.
pub fn text(ports: impl IntoIterator<Item = u16>) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
            _ => runs.push((port, port)),
        }
    }
    let run = |(first, last): (u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}

/// Whether a port is in a set of such words. What cannot be read holds none.
pub fn holds(words: &str, port: u16) -> bool {
    words.split(',').any(|run| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        first.parse().is_ok_and(|first: u16| first <= port) && last.parse().is_ok_and(|last: u16| port <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_words_are_the_same() {
        assert_eq!(text([1, 2, 3, 5, 65534, 65535]), "1-3,5,65534-65535");
        assert_eq!(text([]), "");
        for (words, port, wanted) in [("1-3,5", 2, true), ("1-3,5", 4, false), ("1-3,5", 5, true), ("", 0, false), ("a-9,x", 5, false)] {
            assert_eq!(holds(words, port), wanted, "{words} {port}");
        }
    }
}
