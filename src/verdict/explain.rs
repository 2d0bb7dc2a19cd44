//! What every reason means, for people: one page of Markdown per reason, `explain/<code>.md`, with
//! the same headings in each.

use crate::reason::Reason;
use include_dir::{Dir, include_dir};
use serde::{Serialize, Serializer};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/verdict/explain");

/// What a reason is about. `explain` lists the reasons in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// How a hop ended that nothing was wrong with, or that was not tried.
    Outcome,
    /// Faults of this machine.
    Local,
    /// DNS.
    Name,
    /// The way, and TCP.
    Path,
    /// Who answered.
    Identity,
    /// TLS and certificates.
    Tls,
    /// HTTP, HTTP/2 and gRPC.
    Http,
    /// Directories.
    Ldap,
    /// MS-RPC and its endpoint mapper.
    Rpc,
    /// Services of a provider.
    Cloud,
    /// Ways that must be shut.
    Deny,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Group; 11] = [
        Group::Outcome,
        Group::Local,
        Group::Name,
        Group::Path,
        Group::Identity,
        Group::Tls,
        Group::Http,
        Group::Ldap,
        Group::Rpc,
        Group::Cloud,
        Group::Deny,
    ];

    /// The word in pages, lists and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Group::Outcome => "outcome",
            Group::Local => "local",
            Group::Name => "name",
            Group::Path => "path",
            Group::Identity => "identity",
            Group::Tls => "TLS",
            Group::Http => "HTTP",
            Group::Ldap => "LDAP",
            Group::Rpc => "RPC",
            Group::Cloud => "cloud",
            Group::Deny => "deny",
        }
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Whether the fault bed of the tests can bring a reason about. The bed is held to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Produced {
    /// A scenario of the bed does.
    Scenario,
    /// None can, and why not.
    Cannot(String),
}

/// The page of one reason. Texts are one paragraph each, with commands, reasons and fields between
/// backticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The reason.
    pub reason: Reason,
    /// Its short sentence.
    pub summary: &'static str,
    /// What it is about.
    pub group: Group,
    /// What was seen.
    pub seen: String,
    /// What it means.
    pub means: String,
    /// What it does not mean, though it looks so.
    pub not: String,
    /// Who can fix it, and what to ask for.
    pub who: String,
    /// How to look closer: commands on Windows, on Linux, options of this program.
    pub closer: Vec<String>,
    /// Where Windows differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<String>,
    /// Whether a scenario of the tests brings it about.
    pub produced: Produced,
}

const SEEN: &str = "Seen";
const MEANS: &str = "Means";
const NOT: &str = "Does not mean";
const WHO: &str = "Who can fix it";
const CLOSER: &str = "Look closer";
const WINDOWS: &str = "On Windows";

/// What is wrong with a page: a fault of ours, which a test rules out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// It is not there.
    #[error("{0}.md is missing")]
    Missing(Reason),
    /// It cannot be read.
    #[error("{0}.md: {1}")]
    Page(Reason, String),
}

impl Page {
    /// Reads a page. Every heading must be there once, in the order of the fields, `On Windows`
    /// alone may be missing.
    ///
    /// # Errors
    /// The first thing that is wrong, in words.
    pub fn parse(reason: Reason, text: &str) -> Result<Page, PageError> {
        read_page(reason, text).map_err(|what| PageError::Page(reason, what))
    }

    /// The texts with their headings, in order; the list of ways to look closer is not among them.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let windows = self.windows.as_deref().map(|text| (WINDOWS, text));
        [(SEEN, &*self.seen), (MEANS, &*self.means), (NOT, &*self.not), (WHO, &*self.who)]
            .into_iter()
            .chain(windows)
    }
}

/// The same, with what is wrong in words.
fn read_page(reason: Reason, text: &str) -> Result<Page, String> {
    let mut chunks = text.split("\n## ");
    let head: Vec<&str> =
        chunks.next().unwrap_or_default().lines().filter(|l| !l.trim().is_empty()).collect();
    let [title, group, produced] = head.as_slice() else {
        return Err("the head is a title, `group:` and `produced:`".to_owned());
    };
    if title.strip_prefix("# ") != Some(reason.code()) {
        return Err(format!("the title is not \"# {reason}\""));
    }
    let group = group
        .strip_prefix("group: ")
        .and_then(|word| Group::ALL.into_iter().find(|g| g.name() == word));
    let mut sections = Vec::new();
    for chunk in chunks {
        let (heading, body) = chunk.split_once('\n').unwrap_or((chunk, ""));
        sections.push((heading.trim(), body.trim()));
    }
    if let Some((heading, _)) = sections.iter().find(|(_, body)| body.is_empty()) {
        return Err(format!("\"{heading}\" is empty"));
    }
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    let needed = [SEEN, MEANS, NOT, WHO, CLOSER];
    let (needed_there, rest) = headings.split_at(headings.len().min(needed.len()));
    if needed_there != needed || !matches!(rest, [] | [WINDOWS]) {
        return Err(format!(
            "the headings are {headings:?}, and should be {needed:?} and perhaps \"{WINDOWS}\""
        ));
    }
    let body = |wanted: &str| {
        sections.iter().find(|(heading, _)| *heading == wanted).map(|(_, body)| *body)
    };
    let paragraph = |wanted: &str| match body(wanted).unwrap_or_default() {
        text if text.contains('\n') => Err(format!("\"{wanted}\" is more than one line")),
        text => Ok(text.to_owned()),
    };
    let closer: Option<Vec<String>> = body(CLOSER)
        .unwrap_or_default()
        .lines()
        .map(|line| line.strip_prefix("- ").map(|item| item.trim().to_owned()))
        .collect();
    Ok(Page {
        reason,
        summary: reason.summary(),
        group: group.ok_or("`group:` names no group")?,
        seen: paragraph(SEEN)?,
        means: paragraph(MEANS)?,
        not: paragraph(NOT)?,
        who: paragraph(WHO)?,
        closer: closer.ok_or(format!("\"{CLOSER}\" is a list"))?,
        windows: body(WINDOWS).map(|_| paragraph(WINDOWS)).transpose()?,
        produced: read_produced(produced)?,
    })
}

fn read_produced(line: &str) -> Result<Produced, String> {
    match line.strip_prefix("produced: ").map(|word| (word, word.strip_prefix("cannot, because ")))
    {
        Some(("scenario", _)) => Ok(Produced::Scenario),
        Some((_, Some(why))) if !why.trim().is_empty() => {
            Ok(Produced::Cannot(why.trim().to_owned()))
        }
        _ => Err("`produced:` is \"scenario\" or \"cannot, because …\"".to_owned()),
    }
}

/// The page of a reason.
///
/// # Errors
/// When the page is missing or cannot be read: a fault of ours, which a test rules out.
pub fn page(reason: Reason) -> Result<Page, PageError> {
    let name = format!("{reason}.md");
    let text = PAGES
        .get_file(&name)
        .and_then(|file| file.contents_utf8())
        .ok_or(PageError::Missing(reason))?;
    // An editor on Windows may have changed the line ends.
    Page::parse(reason, &text.replace("\r\n", "\n"))
}

/// All pages, by group, and in a group in the order of [`Reason::ALL`].
///
/// # Errors
/// As for [`page`].
pub fn pages() -> Result<Vec<Page>, PageError> {
    let mut pages =
        Reason::ALL.iter().map(|reason| page(*reason)).collect::<Result<Vec<Page>, PageError>>()?;
    pages.sort_by_key(|page| page.group);
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_page_and_every_page_a_reason() {
        let broken: Vec<String> = Reason::ALL
            .iter()
            .filter_map(|reason| page(*reason).err())
            .map(|e| e.to_string())
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
        let strangers: Vec<_> = PAGES
            .entries()
            .iter()
            .map(|entry| entry.path().display().to_string())
            .filter(|name| !Reason::ALL.iter().any(|reason| format!("{reason}.md") == *name))
            .collect();
        assert!(strangers.is_empty(), "no reason has these pages: {strangers:?}");
        assert!(
            Group::ALL
                .iter()
                .all(|group| pages().expect("pages").iter().any(|page| page.group == *group)),
            "a group is empty"
        );
    }

    /// People with one system alone, and people with the program alone, all find a way to look
    /// closer.
    #[test]
    fn every_page_says_how_to_look_closer_on_both_systems() {
        for page in pages().expect("pages") {
            // Nothing is broken there, or nothing was tried: there is nothing to look at on a
            // machine.
            if !matches!(page.reason, Reason::Proved | Reason::Answered | Reason::NotTested) {
                let lacks = ["Windows", "Linux", "portmatrix"]
                    .into_iter()
                    .find(|s| !page.closer.iter().any(|item| item.starts_with(s)));
                assert_eq!(lacks, None, "{}", page.reason);
            }
            assert!(
                page.closer.iter().all(|item| item.matches('`').count() % 2 == 0),
                "{}: a backtick is open",
                page.reason
            );
            assert!(
                page.texts().all(|(_, text)| text.matches('`').count() % 2 == 0),
                "{}: a backtick is open",
                page.reason
            );
        }
    }

    #[test]
    fn no_page_names_the_product() {
        for file in PAGES.files() {
            let text = file.contents_utf8().expect("UTF-8").to_lowercase();
            assert!(!text.contains("powersync"), "{}", file.path().display());
            assert!(
                !text.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with("psp")),
                "{}",
                file.path().display()
            );
        }
    }

    const GOOD: &str = "# refused\n\ngroup: path\nproduced: scenario\n\n## Seen\n\nA reset.\n\n## \
        Means\n\nM.\n\n## Does not mean\n\nN.\n\n\
                        ## Who can fix it\n\nW.\n\n## Look closer\n\n- Linux: look\n- Windows: \
                        look\n";

    #[test]
    fn a_good_page_is_read() {
        let page = Page::parse(Reason::Refused, GOOD).expect("a page");
        assert_eq!(
            (page.group, page.seen.as_str(), page.closer.len(), page.windows),
            (Group::Path, "A reset.", 2, None)
        );
        let more = format!("{GOOD}\n## On Windows\n\nAfter 2 s.\n")
            .replace("produced: scenario", "produced: cannot, because it is not");
        let page = Page::parse(Reason::Refused, &more).expect("a page");
        assert_eq!(page.windows.as_deref(), Some("After 2 s."));
        assert_eq!(page.produced, Produced::Cannot("it is not".to_owned()));
    }

    #[test]
    fn a_page_that_lacks_something_is_told() {
        for (from, to, words) in [
            ("# refused", "# rejected", "the title"),
            ("group: path", "group: road", "names no group"),
            ("group: path\n", "", "the head"),
            ("produced: scenario", "produced: perhaps", "`produced:` is"),
            ("produced: scenario", "produced: cannot, because ", "`produced:` is"),
            ("## Means\n\nM.\n\n", "", "the headings are"),
            ("## Means", "## Seen", "the headings are"),
            ("A reset.", "", "\"Seen\" is empty"),
            ("A reset.", "A\nreset.", "more than one line"),
            ("- Linux", "Linux", "is a list"),
        ] {
            let error = Page::parse(Reason::Refused, &GOOD.replacen(from, to, 1))
                .expect_err(words)
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
