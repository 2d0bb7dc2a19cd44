//! The few words that a listener says to strangers by HTTP. They are bland; but whoever knows them
//! can tell that no front said them.

/// Content type of all its answers.
pub const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
/// On a path of the plan.
pub const OK: &str = "OK\n";
/// On all others.
pub const NOT_FOUND: &str = "Not Found\n";

/// Whether a refusal is in its words: a front that passed the request on to a listener, which did
/// not prove itself.
pub fn is_its_refusal(status: u16, content_type: Option<&str>, body: &[u8]) -> bool {
    status == 404 && is_of(content_type, body, NOT_FOUND)
}

/// Whether an answer is the one that it gives on a path of the plan. Services say so as well: only
/// beside a refusal in its words it is a listener's.
pub fn is_its_answer(status: u16, content_type: Option<&str>, body: &[u8]) -> bool {
    status == 200 && is_of(content_type, body, OK)
}

fn is_of(content_type: Option<&str>, body: &[u8], words: &str) -> bool {
    content_type.is_some_and(|t| t.eq_ignore_ascii_case(CONTENT_TYPE)) && body == words.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_refusal_is_known() {
        assert!(is_its_refusal(404, Some("text/plain; charset=UTF-8"), b"Not Found\n"));
        assert!(!is_its_refusal(404, Some("text/plain; charset=utf-8"), b"404 page not found\n"));
        assert!(!is_its_refusal(404, Some("text/html"), b"Not Found\n"));
        assert!(!is_its_refusal(403, Some(CONTENT_TYPE), b"Not Found\n"));
        assert!(is_its_answer(200, Some(CONTENT_TYPE), b"OK\n"));
        assert!(!is_its_answer(200, Some(CONTENT_TYPE), b"ok\n"));
        assert!(!is_its_answer(200, Some("text/plain"), b"OK\n"));
    }
}
