//! A TLS handshake that goes silent may have starved: the certificates are the first thing that
//! needs packets of full size. Another try on a connection with small segments tells, also where
//! the real service answers.

use crate::climb::Climb;
use crate::net::{dial, tls};
use crate::observation::failure::Failure;
use crate::observation::{Initiator, StepKind};
use crate::reason::Reason;
use std::net::SocketAddr;

/// Looks at the rung that ended the climb, and corrects its reason to `mtu-black-hole` when the
/// same handshake succeeds in small packets.
pub async fn look_again(climb: &mut Climb<'_>) {
    let hop = &climb.target.hop;
    let silent = |step: &crate::observation::Step| {
        step.step == StepKind::Tls && step.reason() == Some(Reason::SilentAfterConnect)
    };
    // Behind a proxy the segments of this end's connection are not those of the way on.
    if hop.proxy.is_some()
        || !hop.flow.protocol.is_tls()
        || !climb.last_step().is_some_and(silent)
        || climb.in_time().is_err()
    {
        return;
    }
    let to = SocketAddr::new(climb.target.address, hop.port);
    let deadline = climb.connect_deadline();
    let Some(stream) = dial::connect_with_small_segments(climb.target.source, to, deadline).await
    else {
        return;
    };
    let source = stream.local_addr().ok();
    let shaking = tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &[]);
    if !matches!(tokio::time::timeout(climb.step_deadline(), shaking).await, Ok(Ok(_))) {
        return;
    }
    // Packets of full size must be lost again: a connection that was lost by chance is no matter of
    // size.
    let shaking = async {
        let stream = climb.dial_aside().await?;
        tls::connect(&climb.tools.trust, stream, &climb.target.server_name, &[]).await
    };
    if tokio::time::timeout(climb.step_deadline(), shaking).await.is_ok() {
        climb.add_words("once_more", "the handshake is not silent");
        return;
    }
    let failure = Failure { initiator: Initiator::Path, ..Failure::unknown(Reason::MtuBlackHole) };
    climb.correct(
        failure
            .with("with_small_segments", "the handshake succeeds")
            .with("small_segments_from", source.map(|s| s.to_string())),
    );
}
