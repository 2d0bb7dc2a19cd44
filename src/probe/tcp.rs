//! Plain TCP and plain TLS: flows whose application protocol portmatrix does not speak. The challenge is the first line.

use super::{Climb, Stop};
use crate::matrix::model::Protocol;
use crate::net::failure::Failure;
use crate::net::{Io, clock};
use crate::observation::{Detail, StepKind};
use crate::proto::challenge::{Exporter, MAX_PROOF_LEN};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How the first line begins, in both directions.
pub const GREETING: &str = "PORTMATRIX/1 ";

/// connect, (tls), proof.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol == Protocol::Tls {
        let session = climb.tls(stream, &[]).await?;
        let exporter = session.exporter;
        ask(climb, session.stream, exporter).await
    } else {
        ask(climb, stream, None).await
    }
}

/// Sends the challenge as the first line and reads one line. A real service may answer anything, or nothing: neither is a failure.
async fn ask(climb: &mut Climb<'_>, mut stream: impl Io, exporter: Option<Exporter>) -> Result<(), Stop> {
    let asked = climb.challenge().filter(|_| climb.target.hop.flow.first_bytes);
    let Some(asked) = asked else {
        climb.proof(None, None, None);
        return Ok(());
    };
    let begun = clock::instant();
    let talk = async {
        stream.write_all(format!("{GREETING}{}\r\n", asked.text).as_bytes()).await?;
        stream.flush().await?;
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(MAX_PROOF_LEN as u64 + 64);
        let mut chunk = [0; 1024];
        while !line.contains(&b'\n') {
            match limited.read(&mut chunk).await? {
                0 => break,
                n => line.extend_from_slice(&chunk[..n]),
            }
        }
        Ok::<_, std::io::Error>(line)
    };
    match tokio::time::timeout(climb.step_deadline(), talk).await {
        Ok(Ok(line)) => {
            let text = String::from_utf8_lossy(&line);
            climb.proof(Some(&asked), text.trim_end().strip_prefix(GREETING), exporter.as_ref());
            Ok(())
        }
        // A service that resets on a first line that it does not know still took the connection; so does a proxy without a backend.
        Ok(Err(error)) => {
            climb.note(StepKind::Proof, begun, Err(Failure::after_connect(&error)));
            climb.proof(Some(&asked), None, None);
            Err(Stop)
        }
        Err(_) => {
            climb.note(StepKind::Proof, begun, Err(Failure { detail: Detail::new(), ..Failure::silent() }));
            climb.proof(Some(&asked), None, None);
            Err(Stop)
        }
    }
}
