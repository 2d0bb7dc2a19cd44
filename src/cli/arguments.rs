//! Arguments that several subcommands read in the same way.

use std::net::{IpAddr, SocketAddr};

/// A duration such as `90s`, `2h` or `1h 30m`.
///
/// # Errors
/// In words, for anything else, and for zero.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("\"{text}\" is not a duration: write 30s, 15m, 2h or 1h30m");
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = std::time::Duration::try_from(span).map_err(|_| wrong())?;
    if duration.is_zero() {
        Err(format!("\"{text}\" is no time at all: write 30s, 15m, 2h or 1h30m"))
    } else {
        Ok(duration)
    }
}

/// The address of a DNS server, with or without its port.
///
/// # Errors
/// What was expected.
pub fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let alone = text
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, 53));
    text.parse().or(alone).map_err(|_| {
        "an address was expected, such as 10.1.2.3, 10.1.2.3:5353 or [fd00::1]:53".to_owned()
    })
}
