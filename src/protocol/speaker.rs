//! What somebody said of himself, whatever protocol he speaks.

/// Who says to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaker {
    /// Nobody said, or the protocol has no word for it.
    #[default]
    Nobody,
    /// Somebody who says himself that he only stands in. Without a proof nothing is known of him.
    StandIn,
    /// What the port is for, by the form of its answer.
    Service,
}

/// What is read off an observation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said<'o> {
    /// Who says to be there.
    pub speaker: Speaker,
    /// With which words a service turned us away that was reached all the same.
    pub turned_away: Option<&'o str>,
    /// Seconds by which the clock is ahead of a service that refuses whoever has another time.
    pub strict_clock_s: Option<i64>,
}
