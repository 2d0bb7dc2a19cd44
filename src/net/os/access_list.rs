//! Who may do something with a file, as Windows writes it (security descriptor definition language,
//! [MS-DTYP] section 2.5.1).

/// Whoever may use an object, by the two letters or the SID that stand for him: the system, the
/// administrators of the machine and of the domain, and the owner's own entry. They may take any
/// file, whatever its list says, as root may elsewhere.
const TRUSTED: &[&str] = &[
    "SY",
    "BA",
    "LA",
    "DA",
    "EA",
    "OW",
    "CO",
    "S-1-5-18",
    "S-1-5-32-544",
    "S-1-3-4",
    // The installer of Windows itself.
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
];

/// Names for those who are found in access lists by mistake ([MS-DTYP] section 2.4.2.4).
const NAMES: &[(&str, &str)] = &[
    ("WD", "everybody"),
    ("AU", "every user that is signed in"),
    ("BU", "all users of this machine"),
    ("BG", "guests"),
    ("AN", "anybody without signing in"),
    ("IU", "every user that is signed in here"),
    ("NU", "every user that comes over the network"),
    ("DU", "all users of the domain"),
    ("DC", "all computers of the domain"),
    ("PU", "power users"),
    ("AC", "every app from the store"),
];

/// The access list of a file that this user, the system and administrators alone may use, and that
/// takes none of its folder's.
pub fn private(user: &str) -> String {
    format!("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;{user})")
}

/// By what right somebody else may use a file with such owner and access list; `None` where it is
/// the user's own. `user` is his SID.
pub fn open_to_others(descriptor: &str, user: &str) -> Option<String> {
    let trusted = |who: &str| who == user || TRUSTED.contains(&who);
    let owner = part(descriptor, "O:").unwrap_or_default();
    if !trusted(owner) {
        return Some(format!("it belongs to {}", name(owner)));
    }
    let Some(list) = part(descriptor, "D:") else {
        return Some("it has no access list, so that everybody may read it".to_owned());
    };
    if list.contains("NO_ACCESS_CONTROL") {
        return Some("its access list is empty of rules, so that everybody may read it".to_owned());
    }
    let mut others: Vec<&str> = entries(list)
        .filter(|entry| entry.allows() && !entry.is_for_children_alone())
        .map(|entry| entry.who)
        .filter(|who| !trusted(who))
        .collect();
    others.sort_unstable();
    others.dedup();
    let names: Vec<String> = others.into_iter().map(name).collect();
    (!names.is_empty()).then(|| format!("its access list lets {} use it", names.join(", and ")))
}

fn name(who: &str) -> String {
    let known = NAMES.iter().find(|(letters, _)| *letters == who);
    known.map_or_else(|| who.to_owned(), |(_, name)| (*name).to_owned())
}

/// What stands behind a mark, up to the next one.
fn part<'a>(descriptor: &'a str, mark: &str) -> Option<&'a str> {
    let (_, rest) = descriptor.split_once(mark)?;
    let end = ["O:", "G:", "D:", "S:"].iter().filter_map(|next| rest.find(next)).min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// One entry: type, flags, rights, object, inherited object, account.
struct Entry<'a> {
    kind: &'a str,
    flags: &'a str,
    who: &'a str,
}

impl Entry<'_> {
    /// Everything but a denial and what is only written into a log; what is not known allows.
    fn allows(&self) -> bool {
        !matches!(self.kind, "D" | "OD" | "XD" | "AU" | "AL" | "OU" | "OL" | "ML" | "RA" | "SP")
    }

    fn is_for_children_alone(&self) -> bool {
        self.flags.as_bytes().chunks(2).any(|flag| flag == b"IO")
    }
}

fn entries(list: &str) -> impl Iterator<Item = Entry<'_>> {
    list.split('(').skip(1).map(|entry| {
        let mut fields = entry.trim_end_matches(')').split(';');
        let (kind, flags) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        Entry { kind, flags, who: fields.nth(3).unwrap_or_default().trim_end_matches(')') }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "S-1-5-21-1-2-3-1001";

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let made = private(ME);
        for own in [
            format!("O:{ME}G:BA{made}"),
            format!("O:{ME}G:DUD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;{ME})"),
            format!("O:BAG:DUD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{ME})"),
            "O:SYG:SYD:P(A;;FA;;;OW)(D;;FA;;;WD)".to_owned(),
            format!("O:{ME}G:BAD:P(A;;FA;;;{ME})(A;OICIIO;FA;;;BU)"),
            format!("O:{ME}G:BAD:P(A;;FA;;;{ME})S:AI(AU;SAFA;FA;;;WD)"),
            // Nobody at all: its owner may still change that.
            format!("O:{ME}G:BAD:P"),
            "O:LAG:DUD:P(A;;FA;;;LA)".to_owned(),
        ] {
            assert_eq!(open_to_others(&own, ME), None, "{own}");
        }
    }

    #[test]
    fn whoever_else_may_use_it_is_named() {
        for (open, words) in [
            (format!("O:{ME}G:BAD:AI(A;ID;FA;;;SY)(A;ID;0x1200a9;;;BU)"), "all users of this"),
            (format!("O:{ME}G:BAD:AI(A;ID;0x1301bf;;;AU)(A;ID;FA;;;BA)"), "signed in"),
            (format!("O:{ME}G:BAD:P(A;;FR;;;WD)"), "lets everybody use it"),
            (format!("O:{ME}G:BAD:P(A;;GR;;;S-1-5-21-1-2-3-1002)"), "S-1-5-21-1-2-3-1002"),
            (format!("O:{ME}G:BAD:P(XA;;FR;;;WD;(@User.a == 1))"), "everybody"),
            (format!("O:{ME}G:BAD:(OA;CIOI;FR;;;BG)"), "guests"),
            (format!("O:{ME}G:BA"), "no access list"),
            (format!("O:{ME}G:BAD:NO_ACCESS_CONTROL"), "everybody"),
            ("O:S-1-5-21-1-2-3-1002G:BAD:P(A;;FA;;;SY)".to_owned(), "belongs to S-1-5-21"),
            (String::new(), "belongs to"),
            (format!("O:{ME}G:BAD:P(A;;FA;;;BU)(A;;FA;;;WD)"), "machine, and everybody"),
        ] {
            let told = open_to_others(&open, ME).unwrap_or_else(|| panic!("{open}"));
            assert!(told.contains(words), "{open}: {told}");
        }
    }
}
