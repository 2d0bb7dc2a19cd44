//! The rows of a file: `[[flow]]`.

use super::model::{Condition, Expect, Flow, Port, Protocol};
use super::names::{Kind, Use};
use super::word_forms;
use crate::input::{At, Span, TableReader};
use crate::protocol::greeting::list::Greeting;
use std::collections::HashMap;

/// Reads all rows; notes the names that they use.
pub(super) fn read<'d>(
    rows: impl Iterator<Item = TableReader<'d>>,
    uses: &mut Vec<Use>,
) -> Vec<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    let mut seen: HashMap<String, Span> = HashMap::new();
    for table in rows {
        let id = word_forms::required_identifier(&table, "id");
        if let Some(id) = &id {
            match seen.get(&id.value) {
                Some(first) => {
                    let mistake = table
                        .mistake(&id.span, format!("two flows are called `{}`", id.value))
                        .label("again here");
                    table.report(
                        mistake
                            .also(first, "first here")
                            .help("results, reports and `--flow` tell flows apart by their id"),
                    );
                }
                None => drop(seen.insert(id.value.clone(), id.span.clone())),
            }
        }
        flows.extend(flow(&table, id, uses));
        table.finish();
    }
    flows
}

fn flow(table: &TableReader<'_>, id: Option<At<String>>, uses: &mut Vec<Use>) -> Option<Flow> {
    let mut role = |name: Option<At<String>>| {
        uses.extend(name.iter().map(|name| Use { kind: Kind::Role, name: name.clone() }));
        name
    };
    let from = role(table.required_string("from"));
    let to = role(table.required_string("to"));
    let via = role(table.string("via"));
    if let Some(via) = via.as_ref().filter(|via| {
        [&from, &to].iter().any(|end| end.as_ref().is_some_and(|end| end.value == via.value))
    }) {
        let mistake = table
            .mistake(
                &via.span,
                "`via` is the role in front of `to`: it cannot be one of the two ends",
            )
            .label("here");
        table.report(mistake);
    }
    let port = port(table, uses);
    let words: Vec<(&str, Protocol)> = Protocol::ALL.iter().map(|p| (p.name(), *p)).collect();
    let protocol = table.one_of("protocol", "protocols", &words);
    if !table.has("protocol") {
        table.missing("protocol");
    }
    let special = special(table, protocol.as_ref().map(|p| p.value), uses);
    let when = conditions(table, uses);
    let required = table.boolean("required").is_none_or(At::into_inner);
    let expect =
        table.one_of("expect", "expectations", &[("allow", Expect::Allow), ("deny", Expect::Deny)]);
    let cited = cited(table);
    Some(Flow {
        id: id?.value,
        from: from?.value,
        to: to?.value,
        via: via.map(At::into_inner),
        port: port?,
        protocol: protocol?.value,
        path: special.path,
        starttls: special.starttls,
        interfaces: special.interfaces,
        range: special.range,
        first_bytes: special.first_bytes,
        greeting: special.greeting,
        when,
        required,
        expect: expect.map(At::into_inner).unwrap_or_default(),
        section: cited.section,
        row: cited.row,
        remark: cited.remark,
        doubt: cited.doubt,
        inferred: cited.inferred,
        caution: cited.caution,
    })
}

fn port(table: &TableReader<'_>, uses: &mut Vec<Use>) -> Option<Port> {
    let Some(value) = table.value("port") else {
        table.missing("port");
        return None;
    };
    if let Some(name) = value.text() {
        // A number in quotes is a slip, not a name.
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            let mistake = table.mistake(value.span(), "`port` is a number in quotes").label("here");
            table.report(mistake.help(format!("write it without quotes: port = {name}")));
            return None;
        }
        let name = At { value: name.to_owned(), span: value.span().clone() };
        uses.push(Use { kind: Kind::Port, name: name.clone() });
        return Some(Port::Named(name.value));
    }
    if !value.is_integer() {
        value.wrong("a port number, or the name of a port in [ports]");
        return None;
    }
    value.port().map(|port| Port::Literal(port.value))
}

/// The keys that only some protocols have.
#[derive(Default)]
struct Special {
    path: Option<String>,
    starttls: bool,
    interfaces: Vec<String>,
    range: Option<String>,
    first_bytes: bool,
    greeting: Option<Greeting>,
}

fn special(table: &TableReader<'_>, protocol: Option<Protocol>, uses: &mut Vec<Use>) -> Special {
    use Protocol::{Grpc, GrpcH2c, Http, Https, Ldap, Rpc, Tcp, Tls};
    // Without a known protocol nobody can say which of the keys belong here.
    let only = |key: &str, on: &[Protocol]| {
        if let (Some(protocol), Some(value)) = (protocol, table.value(key))
            && !on.contains(&protocol)
        {
            let names: Vec<&str> = on.iter().map(|p| p.name()).collect();
            let mistake = table
                .mistake(value.span(), format!("`{key}` has no meaning for {protocol}"))
                .label("here");
            table.report(mistake.help(format!(
                "`{key}` is for {}; remove it, or change `protocol`",
                names.join(", ")
            )));
        }
    };
    only("path", &[Http, Https, Grpc, GrpcH2c]);
    only("starttls", &[Ldap]);
    only("interfaces", &[Rpc]);
    only("range", &[Rpc]);
    only("first_bytes", &[Tcp, Tls]);
    only("greeting", &[Tcp, Tls]);
    let path = table.string("path");
    if let Some((path, fault)) =
        path.as_ref().and_then(|path| word_forms::path_fault(path).map(|fault| (path, fault)))
    {
        table.report(
            table
                .mistake(&path.span, format!("\"{}\" is not a path", path.value))
                .label("here")
                .help(fault),
        );
    }
    let starttls = table.boolean("starttls").is_some_and(At::into_inner);
    let first_bytes = table.boolean("first_bytes").is_some_and(At::into_inner);
    let words: Vec<(&str, Greeting)> =
        Greeting::ALL.iter().map(|greeting| (greeting.name(), *greeting)).collect();
    let greeting = table.one_of("greeting", "greetings", &words);
    if let Some(both) = greeting.as_ref().filter(|_| first_bytes) {
        let mistake = table
            .mistake(&both.span, "a flow has a greeting, or first octets of our own, not both")
            .label("here");
        table.report(mistake.help(
            "where the protocol is known, remove `first_bytes`: the service \
            would not understand them",
        ));
    }
    let interfaces = table.strings("interfaces");
    uses.extend(interfaces.iter().map(|name| Use { kind: Kind::Interface, name: name.clone() }));
    let range = table.string("range");
    uses.extend(range.iter().map(|name| Use { kind: Kind::Range, name: name.clone() }));
    if protocol == Some(Rpc) {
        if range.is_none() && !table.has("range") {
            table.missing("range");
        }
        if interfaces.is_empty()
            && !table
                .value("interfaces")
                .is_some_and(|value| value.is_list() && has_entries(&value))
        {
            let mistake = table
                .mistake(table.span(), "an rpc flow must name the interfaces that it needs")
                .label("here");
            table.report(
                mistake
                    .help("the mapper on the port is asked for them: interfaces = [\"drsuapi\"]"),
            );
        }
    }
    let interfaces = interfaces.into_iter().map(At::into_inner).collect();
    Special {
        path: path.map(At::into_inner),
        starttls,
        interfaces,
        range: range.map(At::into_inner),
        first_bytes,
        greeting: greeting.map(At::into_inner),
    }
}

/// Entries of a wrong type were reported already; the list is not empty.
fn has_entries(value: &crate::input::ValueReader<'_>) -> bool {
    value.list().is_some_and(|entries| entries.first().is_some())
}

fn conditions(table: &TableReader<'_>, uses: &mut Vec<Use>) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let mut known: HashMap<String, bool> = HashMap::new();
    for word in table.parts(table.strings("when")) {
        let (feature, on) = match word.strip_prefix('!') {
            Some(feature) => (feature, false),
            None => (word.as_str(), true),
        };
        if let Some(other) = known.insert(feature.to_owned(), on) {
            let fault =
                if other == on { "twice" } else { "both on and off: the flow could never apply" };
            table.report(
                table
                    .mistake(&word.span, format!("`when` asks for `{feature}` {fault}"))
                    .label("here"),
            );
            continue;
        }
        uses.push(Use {
            kind: Kind::Feature,
            name: At { value: feature.to_owned(), span: word.span.clone() },
        });
        conditions.push(Condition { feature: feature.to_owned(), on });
    }
    conditions
}

/// Where a row comes from, and what is to be said about it.
struct Cited {
    section: Option<String>,
    row: Option<u32>,
    remark: Option<String>,
    doubt: Option<String>,
    inferred: Option<String>,
    caution: Option<String>,
}

fn cited(table: &TableReader<'_>) -> Cited {
    let text = |key: &str| {
        if table.has(key) {
            table.required_string(key).map(At::into_inner)
        } else {
            table.string(key).map(At::into_inner)
        }
    };
    let (section, remark, doubt, inferred) =
        (text("section"), text("remark"), text("doubt"), text("inferred"));
    let caution = text("caution");
    let row = table.integer("row", 1, 9999).and_then(|row| u32::try_from(row.value).ok());
    match (table.has("row"), table.has("inferred")) {
        (false, false) => {
            let mistake = table.mistake(
                table.span(),
                "this flow says neither its row in the source nor why it is here without one",
            );
            table.report(
                mistake.label("here").help(
                    "add `row = N`, or `inferred = \"the reason\"` when no table has the row",
                ),
            );
        }
        (true, true) => {
            if let Some(value) = table.value("inferred") {
                let mistake = table
                    .mistake(
                        value.span(),
                        "a flow is either in the source (`row`) or inferred, not both",
                    )
                    .label("here");
                table.report(mistake.help(
                    "for a row whose meaning is doubtful, keep `row` and \
                    write the doubt into `doubt`",
                ));
            }
        }
        _ => {}
    }
    Cited { section, row, remark, doubt, inferred, caution }
}
