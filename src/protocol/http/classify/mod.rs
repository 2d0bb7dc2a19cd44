//! What an answer says: of the flow, of who gave it, and beside another one. Pure.

pub(crate) mod answer;
pub(crate) mod headers;
pub(crate) mod likeness;
pub(crate) mod origin;
pub mod recognise;
#[cfg(test)]
mod tests;

use crate::observation::Observation;
use crate::protocol::speaker::Said;

/// Nobody says of himself who he is: a proof does, or a product that is recognised.
pub fn said(_seen: &Observation) -> Said<'_> {
    Said::default()
}
