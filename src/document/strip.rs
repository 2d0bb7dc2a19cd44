//! Strips: how the ports of a range stand, drawn in as many marks as a format has room for.

use super::text::Text;

/// How ports stand that share a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The listener proved itself.
    Proved,
    /// Somebody answered without a proof.
    Open,
    /// Nothing came back.
    Dropped,
    /// Shut in another way.
    Shut,
    /// Several of these.
    Several,
    /// Nothing is known.
    Untried,
}

impl Mark {
    /// All of them, in the order in which they are explained.
    pub const ALL: [Mark; 6] =
        [Mark::Proved, Mark::Open, Mark::Dropped, Mark::Shut, Mark::Several, Mark::Untried];

    /// As a character.
    pub(super) fn sign(self) -> char {
        match self {
            Mark::Proved => '#',
            Mark::Open => 'o',
            Mark::Dropped => '.',
            Mark::Shut => 'x',
            Mark::Several => '/',
            Mark::Untried => '?',
        }
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Mark::Proved => "proved",
            Mark::Open => "open without a proof",
            Mark::Dropped => "dropped",
            Mark::Shut => "shut",
            Mark::Several => "several of these",
            Mark::Untried => "not tried",
        }
    }
}

/// What the signs mean, in one line.
pub(super) fn legend() -> Text {
    let words = Mark::ALL.map(|mark| format!("{} {}", mark.sign(), mark.words()));
    Text::code(words.join(", "))
}

/// A range of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    /// Whose range it is, and how much of it was tried.
    pub title: Text,
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
    /// How many ports stand alike, one run after the other.
    pub parts: Vec<(usize, Mark)>,
    /// The runs in words, as many as a terminal has room for.
    pub brief: Text,
    /// The same, for a page.
    pub full: Text,
}

impl Strip {
    /// One mark for each of `most` equal parts of the range; of a smaller range one for each port.
    pub(super) fn marks(&self, most: usize) -> Vec<Mark> {
        let ports: usize = self.parts.iter().map(|(ports, _)| ports).sum();
        let most = most.min(ports);
        let begin = |mark: usize| mark * ports / most.max(1);
        let mut marks: Vec<Option<Mark>> = vec![None; most];
        let (mut place, mut at) = (0, 0);
        for (ports, mark) in &self.parts {
            let end = at + ports;
            while place < most && begin(place) < end {
                marks[place] = together(marks[place], *mark);
                if begin(place + 1) > end {
                    break;
                }
                place += 1;
            }
            at = end;
        }
        marks.into_iter().map(|mark| mark.unwrap_or(Mark::Untried)).collect()
    }

    /// The same in characters.
    pub(super) fn signs(&self, most: usize) -> String {
        self.marks(most).into_iter().map(Mark::sign).collect()
    }
}

/// The mark of a part in which ports with both marks are. What was not tried says nothing.
fn together(before: Option<Mark>, mark: Mark) -> Option<Mark> {
    match (before, mark) {
        (before, Mark::Untried) => before,
        (None, mark) => Some(mark),
        (Some(before), mark) if before == mark => Some(mark),
        _ => Some(Mark::Several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(parts: &[(usize, Mark)], most: usize) -> String {
        let strip = Strip {
            title: "".into(),
            first: 1,
            last: 9,
            parts: parts.to_vec(),
            brief: "".into(),
            full: "".into(),
        };
        strip.signs(most)
    }

    #[test]
    fn ports_share_marks() {
        use Mark::{Dropped, Open, Proved, Shut, Untried};
        assert_eq!(signs(&[(51, Proved), (49, Dropped)], 4), "##/.");
        let sample =
            [(1, Proved), (49, Untried), (1, Proved), (1, Dropped), (47, Untried), (1, Dropped)];
        assert_eq!(signs(&sample, 4), "#?/.");
        assert_eq!(signs(&[(1, Open), (1, Shut), (1, Proved)], 64), "ox#", "no more than ports");
        assert_eq!(signs(&[(0, Open), (8192, Proved), (8192, Dropped)], 4), "##..");
        assert_eq!(signs(&[(3, Open), (0, Shut), (1, Proved)], 2), "o/");
        assert_eq!((signs(&[], 64).as_str(), signs(&[(5, Open)], 0).as_str()), ("", ""));
        assert_eq!(
            legend(),
            Text::code(
                "# proved, o open without a proof, . dropped, x shut, / several of these, ? not \
                    tried"
            )
        );
    }
}
