//! Generalized time, as `currentTime` has it (RFC 4517 section 3.3.13).

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};

/// `20261123213911.0Z`, to the second, in UTC.
pub fn format(time: Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%S.0Z").to_string()
}

/// Reads date, hour, minute and second; a fraction is left out, a zone is counted in. `None` for
/// anything else.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (digits, rest) = text.split_at_checked(14)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let date = Date::new(number(0, 4)?, small(4)?, small(6)?).ok()?;
    // A leap second counts as the second before it.
    let time = Time::new(small(8)?, small(10)?, small(12)?.min(59), 0).ok()?;
    let utc = jiff::tz::TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    let zone = rest
        .strip_prefix(['.', ','])
        .map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    utc.checked_sub(offset(zone)?).ok()
}

/// `Z`, `+hh`, `+hhmm`, `-hhmm`.
fn offset(zone: &str) -> Option<SignedDuration> {
    if zone == "Z" {
        return Some(SignedDuration::ZERO);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 =
        digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    Some(SignedDuration::from_mins(sign * (hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_real_directories_are_read() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert_eq!(parse("20261123213911.0Z"), Some(at("2026-11-23T21:39:11Z")), "Samba, Windows");
        assert_eq!(parse("20261123213911Z"), Some(at("2026-11-23T21:39:11Z")));
        assert_eq!(parse("20261123213911.123+0130"), Some(at("2026-11-23T20:09:11Z")));
        assert_eq!(parse("20261231235960Z"), Some(at("2026-12-31T23:59:59Z")), "a leap second");
        assert_eq!(parse(&format(at("2026-02-28T01:02:03.9Z"))), Some(at("2026-02-28T01:02:03Z")));
        for wrong in [
            "",
            "2026",
            "20261123213911",
            "20261323213911Z",
            "2026112321391éZ",
            "20261123213911.0X",
            "-0261123213911Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
