//! Whose certificates are believed.

use super::outcome::Problem;
use crate::net::tls::{RootsError, Trust};
use std::path::Path;

/// How certificates are judged: by the operating system's store or the roots of a file, and what
/// counts as public by Mozilla's list or another file.
///
/// # Errors
/// A store or a file that cannot be read, or holds no root.
pub(super) fn trust(ca: Option<&Path>, public: Option<&Path>) -> Result<Trust, Problem> {
    let unusable = |path: &Path, e: RootsError| {
        Problem::text(format!("{} cannot serve as a list of trusted roots: {e}", path.display()))
    };
    let read = |path: &Path| crate::net::identity::certificates(path).map_err(Problem::text);
    let trust = match ca {
        Some(path) => Trust::roots(read(path)?).map_err(|e| unusable(path, e))?,
        None => Trust::platform().map_err(|e| {
            Problem::text(format!(
                "cannot open this machine's trust store: {e}; on Debian `apt-get install \
                    ca-certificates`, or give --ca FILE"
            ))
        })?,
    };
    match public {
        Some(path) => trust.with_public_roots(read(path)?).map_err(|e| unusable(path, e)),
        None => Ok(trust),
    }
}
