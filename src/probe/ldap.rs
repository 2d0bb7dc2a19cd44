//! ldap, connector's side.
use super::{Climb, Stop};

/// Climbs.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let _ = climb;
    Err(Stop)
}
