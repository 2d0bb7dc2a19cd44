//! A run of ports that stand alike, of which a few are asked about: three at least, and where their
//! answers differ, others between them until it is known where the one kind ends. No I/O.

use std::collections::BTreeMap;

/// Questions about one run.
const MOST: usize = 20;

/// What was answered so far, by place in the run.
pub(super) struct Survey<T> {
    len: usize,
    answers: BTreeMap<usize, T>,
}

impl<T: PartialEq> Survey<T> {
    pub(super) fn new(len: usize) -> Self {
        Survey { len, answers: BTreeMap::new() }
    }

    /// The place to ask about next.
    pub(super) fn next(&self) -> Option<usize> {
        let last = self.len.checked_sub(1)?;
        if let Some(first) =
            [0, last, last / 2].into_iter().find(|place| !self.answers.contains_key(place))
        {
            return Some(first);
        }
        let pairs = self.answers.iter().zip(self.answers.iter().skip(1));
        let between = pairs
            .filter(|((low, a), (high, b))| a != b && **high - **low > 1)
            .map(|((low, _), (high, _))| low + (high - low) / 2);
        between.take(1).find(|_| self.answers.len() < MOST)
    }

    pub(super) fn note(&mut self, place: usize, answer: T) {
        self.answers.insert(place, answer);
    }

    /// What holds at a place: what was answered there, or at both sides of it.
    pub(super) fn at(&self, place: usize) -> Option<&T> {
        let (_, below) = self.answers.range(..=place).next_back()?;
        let (at, above) = self.answers.range(place..).next()?;
        (*at == place || below == above).then_some(above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(len: usize, truth: impl Fn(usize) -> bool) -> (Survey<bool>, usize) {
        let mut survey = Survey::new(len);
        while let Some(place) = survey.next() {
            survey.note(place, truth(place));
        }
        let asked = survey.answers.len();
        (survey, asked)
    }

    #[test]
    fn three_answers_speak_for_a_run_that_is_all_alike() {
        let (alike, asked) = survey(8192, |_| true);
        assert_eq!(
            (asked, alike.at(0), alike.at(77), alike.at(8191)),
            (3, Some(&true), Some(&true), Some(&true))
        );
        assert_eq!(
            (survey(1, |_| true).1, survey(2, |_| true).1, survey(0, |_| true).1),
            (1, 2, 0)
        );
    }

    #[test]
    fn where_answers_differ_the_edge_is_found() {
        for edge in [1, 100, 4095, 4096, 8190] {
            let (found, asked) = survey(8192, |place| place < edge);
            assert_eq!((found.at(edge - 1), found.at(edge)), (Some(&true), Some(&false)), "{edge}");
            assert!(asked <= MOST, "{asked}");
        }
        let (found, asked) = survey(8192, |place| !(100..=8000).contains(&place));
        assert!(
            asked <= MOST && found.at(50).is_some() && found.at(99).is_some(),
            "both edges: {asked}"
        );
        let mut open: Survey<bool> = Survey::new(3);
        open.note(0, true);
        open.note(2, false);
        assert_eq!(open.at(1), None, "what is not known is not said");
    }
}
