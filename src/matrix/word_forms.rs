//! The forms that words of a matrix may have: identifiers, host names, UUIDs, paths.

use crate::input::{At, TableReader};
use uuid::Uuid;

/// Whether `text` is an identifier: lower-case letters and digits in groups joined by single
/// hyphens.
pub fn is_identifier(text: &str) -> bool {
    let group = |group: &str| {
        !group.is_empty() && group.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.len() <= 64 && text.split('-').all(group)
}

/// The nearest identifier to what was written.
fn repaired(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    while plain.contains("--") {
        plain = plain.replace("--", "-");
    }
    plain.trim_matches('-').chars().take(64).collect()
}

/// Checks the form of an identifier; `None` with a mistake when it is wrong. `what` says what it
/// names, with its article.
pub(super) fn identifier(
    table: &TableReader<'_>,
    what: &str,
    text: Option<At<String>>,
) -> Option<At<String>> {
    let text = text?;
    if is_identifier(&text) {
        return Some(text);
    }
    let mistake = table
        .mistake(&text.span, format!("{what} cannot be \"{}\"", text.value))
        .label("not an identifier");
    let form = "lower-case letters, digits and single hyphens, at most 64";
    table.report(mistake.help(match repaired(&text).as_str() {
        "" => form.to_owned(),
        good => format!("{form}: for example `{good}`"),
    }));
    None
}

/// A required identifier.
pub(super) fn required_identifier(table: &TableReader<'_>, key: &str) -> Option<At<String>> {
    identifier(table, &format!("`{key}`"), table.required_string(key))
}

/// What is wrong with a host name of a table (a wildcard may stand for the first label), if
/// anything is.
pub(super) fn host_name_fault(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        let inside = label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        inside
            && !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if rest.contains('*') {
        Some("a wildcard can only be the whole first label: *.example.com")
    } else if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Some("write it in lower case")
    } else if rest.contains("://") || rest.contains('/') {
        Some("a host name alone, without scheme and path")
    } else if rest.len() > 253 || !rest.contains('.') || !rest.split('.').all(label) {
        Some("a full DNS name, such as login.example.com")
    } else {
        None
    }
}

/// A UUID written as 8-4-4-4-12 hexadecimal digits (RFC 9562 section 4).
pub(super) fn uuid(text: &str) -> Option<Uuid> {
    let groups: Vec<&str> = text.split('-').collect();
    let right = groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()));
    Uuid::parse_str(text).ok().filter(|_| right)
}

/// `major.minor`.
pub(super) fn version(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    let number =
        |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    Some((number(major)?, number(minor)?))
}

/// What is wrong with an HTTP path, if anything is (RFC 9110 section 4.1: it goes into a request
/// line as it is).
pub(super) fn path_fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("a path starts with a slash: /agent")
    } else if !path.bytes().all(|b| b.is_ascii_graphic()) || path.contains('#') {
        Some("only visible ASCII without `#`; write other characters as %XX")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for good in ["a", "psp-service", "x2", "2-x"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "a b", "ä", "a/b"] {
            assert!(!is_identifier(bad), "{bad}");
        }
        assert_eq!(repaired("PSP Service (new)"), "psp-service-new");
        assert_eq!(repaired("ä/"), "");
    }

    #[test]
    fn host_names() {
        for good in ["login.example.com", "*.example.com", "a_b.example.com"] {
            assert_eq!(host_name_fault(good), None, "{good}");
        }
        for bad in [
            "example",
            "*",
            "a.*.com",
            "*x.com",
            "Login.example.com",
            "https://a.b",
            "a..b",
            "-a.com",
            "a.com.",
            "a b.com",
        ] {
            assert!(host_name_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn uuids_versions_paths() {
        assert_eq!(
            uuid("E3514235-4B06-11D1-AB04-00C04FC2DCD2").map(|uuid| uuid.to_string()).as_deref(),
            Some("e3514235-4b06-11d1-ab04-00c04fc2dcd2")
        );
        for bad in [
            "",
            "e3514235",
            "e3514235-4b06-11d1-ab04-00c04fc2dcd",
            "{e3514235-4b06-11d1-ab04-00c04fc2dcd2}",
            "g3514235-4b06-11d1-ab04-00c04fc2dcd2",
        ] {
            assert_eq!(uuid(bad), None, "{bad}");
        }
        assert_eq!((version("4.0"), version("65535.1")), (Some((4, 0)), Some((65535, 1))));
        for bad in ["4", "4.", "a.b", "+4.0", "65536.0", "4.0.0", ""] {
            assert_eq!(version(bad), None, "{bad}");
        }
        assert!(
            path_fault("/Agent").is_none()
                && path_fault("Agent").is_some()
                && path_fault("/a b").is_some()
                && path_fault("/ü").is_some()
        );
    }
}
