//! Nothing is climbed: an observation without steps is judged as not tested.

use crate::climb::{Climb, Stop};

/// Climbs nothing.
///
/// # Errors
/// None.
pub async fn climb(_climb: &mut Climb<'_>) -> Result<(), Stop> {
    Ok(())
}
