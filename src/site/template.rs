//! A commented site file to start from, made from what the tables of a product declare.

use crate::matrix::model::{Flow, Matrix, Product, Role};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How wide comments are.
const WIDTH: usize = 100;

/// A site file of a product at a topology. It passes [`crate::site::load::parse`] as it stands:
/// every role that a flow needs while no feature was switched on or off gets its example as its
/// host; the other roles are there as comments.
///
/// `matrices` are those that apply at the topology, and `folders` where those are that are not
/// built in: the site needs them to be read again.
pub fn template(
    product: &Product,
    topology: &str,
    matrices: &[&Matrix],
    folders: &[String],
) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "A site of {}: which hosts have which roles, and what differs from the tables' \
                defaults.",
            product.title
        ),
    );
    comment(
        &mut text,
        "Replace the example hosts, remove the roles that this site does not have, and look at \
            `portmatrix plan --site FILE`.",
    );
    let _ = writeln!(text, "\n[site]\nname = \"my-site\"\nproduct = {}", quoted(&product.id));
    if !product.topologies.is_empty() {
        let all = product
            .topologies
            .iter()
            .map(|topology| quoted(topology))
            .collect::<Vec<_>>()
            .join(", ");
        comment(&mut text, &format!("One of: {all}."));
        let _ = writeln!(text, "topology = {}", quoted(topology));
    }
    features(&mut text, product);
    comment(
        &mut text,
        "The key that proves a listener is this site's: `portmatrix key new` makes it once, and \
            the other hosts get a copy. Never send it by mail.",
    );
    let _ = writeln!(text, "# key = \"site.key\"");
    comment(&mut text, "Folders with port tables of your own, from this file's folder.");
    let _ =
        match folders.iter().map(|folder| quoted(folder)).collect::<Vec<_>>().join(", ").as_str() {
            "" => writeln!(text, "# matrices = [\"matrices\"]"),
            folders => writeln!(text, "matrices = [{folders}]"),
        };
    if !product.ports.is_empty() {
        let _ = writeln!(text, "\n[ports]");
        comment(
            &mut text,
            "Ports that were changed at installation. The others are fixed by the tables.",
        );
        for (name, port) in &product.ports {
            let _ = writeln!(text, "# {} = {port}", key(name));
        }
    }
    if !product.ranges.is_empty() {
        let _ = writeln!(text, "\n[ranges]");
        comment(&mut text, "Port ranges that are narrower (or older) here than the tables say.");
        for (name, range) in &product.ranges {
            let _ = writeln!(text, "# {} = \"{range}\"", key(name));
        }
    }
    if let Some(role) = product.roles.first() {
        let _ = writeln!(text, "\n[certificates]");
        comment(
            &mut text,
            "By role: the subject that a client was configured with. The certificate must have \
                exactly it, as its subject or as one of its names.",
        );
        let _ = writeln!(text, "# {} = \"CN=service.contoso.com\"", key(&role.id));
    }
    controls(&mut text, product, matrices);
    nat(&mut text, product, matrices);
    roles(&mut text, product, matrices);
    text
}

fn controls(text: &mut String, product: &Product, matrices: &[&Matrix]) {
    let _ = writeln!(text, "\n[controls]");
    comment(
        text,
        "By host: a port, or a list of ports, that is known to be open there from everywhere, such \
            as remote desktop. That a rule denies a flow \
         can be shown only where the same host answers on another port: on this one, where no \
         other flow is open.",
    );
    let needed = needed(product, matrices);
    let hosts = product.roles.iter().filter(|role| needed.contains(role.id.as_str())).map(example);
    let host = hosts
        .into_iter()
        .find(|host| !host.contains('/'))
        .unwrap_or_else(|| "srv01.contoso.com".to_owned());
    let _ = writeln!(text, "# {} = 3389", quoted(&host));
}

fn nat(text: &mut String, product: &Product, matrices: &[&Matrix]) {
    let _ = writeln!(text, "\n[nat]");
    comment(
        text,
        "By role or host that connects: the roles or hosts on the way to which both addresses are \
            changed on purpose, by NAT or by a relay. Elsewhere that is a warning, since somebody \
            else may stand on the way.",
    );
    let needed = needed(product, matrices);
    let mut roles = product.roles.iter().filter(|role| needed.contains(role.id.as_str()));
    if let (Some(from), Some(to)) = (roles.next(), roles.next()) {
        let _ = writeln!(text, "# {} = [{}]", key(&from.id), quoted(&to.id));
    }
}

fn features(text: &mut String, product: &Product) {
    if product.features.is_empty() {
        return;
    }
    comment(text, "Features, on with \"name\" and off with \"!name\":");
    for feature in &product.features {
        let by_itself = match (&feature.implied_by, feature.default) {
            (_, true) => " (on unless switched off)".to_owned(),
            (Some(role), false) => format!(" (on by itself when the role {role} has a host)"),
            (None, false) => String::new(),
        };
        hanging(text, &format!("  {}: ", feature.id), &format!("{}{by_itself}", feature.title));
    }
    let _ = writeln!(text, "features = []");
}

fn roles(text: &mut String, product: &Product, matrices: &[&Matrix]) {
    let _ = writeln!(text, "\n[roles]");
    comment(
        text,
        "A host is a name, an address, or a table that fixes the addresses of a name so that DNS \
            is not asked:",
    );
    comment(
        text,
        "  [\"srv01.contoso.com\", \"10.1.2.3\", { name = \"srv02.contoso.com\", addresses = \
            [\"10.1.2.4\"] }]",
    );
    comment(
        text,
        "Domain controllers can be looked up instead: { discover = \"contoso.com\" }, with site \
            = \"London\" for one site of Active Directory.",
    );
    comment(
        text,
        "A network, such as \"10.20.0.0/16\", stands for any host in it, on the From side only.",
    );
    let somehow: BTreeSet<&str> = used(&flows(matrices), |_| true);
    let needed = needed(product, matrices);
    for role in product.roles.iter().filter(|role| is_used(role, product, &somehow)) {
        text.push('\n');
        let description =
            role.description.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
        comment(text, &format!("{}{description}", role.title));
        let mark = if needed.contains(role.id.as_str()) { "" } else { "# " };
        let _ = writeln!(text, "{mark}{} = [{}]", key(&role.id), quoted(&example(role)));
    }
}

/// Roles that the site needs while no feature was switched on or off. One with published names
/// needs no host, one that includes others has theirs, and one that is a switch by itself is a
/// choice.
fn needed<'p>(product: &'p Product, matrices: &[&Matrix]) -> BTreeSet<&'p str> {
    let by_default = |flow: &Flow| {
        let is_default = |id: &str| product.feature(id).is_some_and(|feature| feature.default);
        flow.required
            && flow.when.iter().all(|condition| is_default(&condition.feature) == condition.on)
    };
    let flows = flows(matrices);
    let always: BTreeSet<&str> = used(&flows, by_default);
    let is_switch = |role: &Role| {
        product.features.iter().any(|feature| feature.implied_by.as_ref() == Some(&role.id))
    };
    let is_needed = |role: &&Role| {
        role.names.is_empty()
            && role.includes.is_empty()
            && !is_switch(role)
            && is_used(role, product, &always)
    };
    product.roles.iter().filter(is_needed).map(|role| role.id.as_str()).collect()
}

/// What stands for the role's host until the user writes one.
fn example(role: &Role) -> String {
    let published = role.names.iter().find(|name| !name.contains('*'));
    let made_up = || format!("{}.example.com", role.id);
    role.example.as_ref().or(published).cloned().unwrap_or_else(made_up)
}

fn flows<'m>(matrices: &[&'m Matrix]) -> Vec<&'m Flow> {
    matrices.iter().flat_map(|matrix| &matrix.flows).collect()
}

/// Roles at the ends of these flows.
fn used<'f>(flows: &[&'f Flow], wanted: impl Fn(&Flow) -> bool) -> BTreeSet<&'f str> {
    let ends = flows
        .iter()
        .filter(|flow| wanted(flow))
        .flat_map(|flow| [Some(&flow.from), Some(&flow.to), flow.via.as_ref()]);
    ends.flatten().map(String::as_str).collect()
}

/// Whether a flow names the role, or a role that includes it.
fn is_used(role: &Role, product: &Product, used: &BTreeSet<&str>) -> bool {
    used.iter().any(|id| product.included(id).contains(&role.id.as_str()))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key, bare where TOML allows it.
fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { name.to_owned() } else { quoted(name) }
}

fn comment(text: &mut String, words: &str) {
    let indent = words.len() - words.trim_start().len();
    hanging(text, &words[..indent], words.trim_start());
}

/// Comment lines of at most [`WIDTH`] columns; those after the first are indented as far as `first`
/// is.
fn hanging(text: &mut String, first: &str, words: &str) {
    let indent = first.len() - first.trim_start().len();
    let mut line = format!("# {first}");
    let mut begun = false;
    for word in words.split_whitespace() {
        if begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = format!("# {}", " ".repeat(if indent > 0 { indent + 2 } else { 0 }));
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}
