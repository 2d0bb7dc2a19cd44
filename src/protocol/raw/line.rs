//! One line there and one line back, and how both begin.

/// How a line with a challenge begins, and how one with a proof does.
pub const GREETING: &str = "PORTMATRIX/1 ";
