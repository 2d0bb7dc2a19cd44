//! connect, greeting: one request that does no harm, and the refusal.

use super::codec::{DIALOGUE, refusal_in};
use crate::climb::{Climb, Stop};
use crate::observation::facts::Kerberos;
use crate::protocol::greeting::probe::greet;

/// connect, greeting.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let mut stream = climb.connect(climb.target.hop.port).await?;
    greet(climb, &mut stream, &DIALOGUE, |heard, facts| {
        if let Ok(Some(refusal)) = refusal_in(heard) {
            *facts.kerberos = Kerberos {
                error: refusal.name().map(str::to_owned),
                error_code: Some(refusal.code),
                realm: refusal.realm,
            };
        }
    })
    .await
}
