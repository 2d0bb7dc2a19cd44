//! How the other end breaks off HTTP/2.

use crate::observation::failure::Failure;
use crate::reason::Reason;

/// What it means that the other end broke off HTTP/2: by a code of RST_STREAM or GOAWAY, before a
/// call has its status (RFC 9113 section 7). `otherwise` stands for codes that say nothing else.
pub(crate) fn ended_by_peer(error: &h2::Error, otherwise: Reason) -> Failure {
    let code = error.reason();
    let reason = match code {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Reason::Http2NotCarried,
        // nginx and IIS in front of a host with which they speak HTTP/1.x.
        Some(h2::Reason::INTERNAL_ERROR) if otherwise == Reason::GrpcFailed => {
            Reason::Http2NotCarried
        }
        // haproxy, when the host behind it hung up before an answer: on HTTP/1.x, which it does not
        // speak, or because it never said a word.
        Some(h2::Reason::REFUSED_STREAM) => Reason::BadGateway,
        Some(h2::Reason::NO_ERROR | h2::Reason::ENHANCE_YOUR_CALM)
            if otherwise != Reason::GrpcFailed =>
        {
            Reason::ClosedAfterConnect
        }
        _ => otherwise,
    };
    let failure = Failure::peer(reason).saying(error.to_string());
    match code {
        Some(
            code @ (h2::Reason::NO_ERROR
            | h2::Reason::ENHANCE_YOUR_CALM
            | h2::Reason::REFUSED_STREAM),
        ) => failure.noting(|facts| {
            let code = Some(format!("{code:?}"));
            match error.is_go_away() {
                true => facts.ended.goaway = code,
                false => facts.ended.reset_stream = code,
            }
        }),
        _ => failure,
    }
}
