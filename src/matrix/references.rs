//! What only several files together can tell: names that no file declares, files that contradict
//! each other, cycles.

use super::cycles::Cycles;
use super::load;
use super::load::{Draft, Head};
use super::model::{Feature, Interface, Matrix, Product, Role};
use super::names::{Kind, Use};
use super::port_set::PortSet;
use crate::input::{At, Mistake, Span, choices};
use std::collections::{BTreeMap, BTreeSet};

/// A file to be linked.
#[derive(Debug, Clone)]
pub struct File {
    /// Name for messages.
    pub name: String,
    /// Its content.
    pub text: String,
    /// A file takes the place of one with the same id in a lower layer (a user's matrix that of a
    /// built-in one). Within a layer, the same id twice is a mistake.
    pub layer: usize,
}

/// A matrix, and the index of the file that it came from.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The port table.
    pub matrix: Matrix,
    /// Index in the list of files.
    pub file: usize,
}

/// What linking gives.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// The matrices, in the order of their files.
    pub linked: Vec<Linked>,
    /// What the files of each product declare together, by product id.
    pub products: BTreeMap<String, Product>,
}

/// Reads all files and checks them against each other.
///
/// # Errors
/// Every mistake of every file, file by file.
pub fn link(files: &[File]) -> Result<Tables, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut drafts = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match load::draft(&file.name, &file.text) {
            Ok(draft) => drafts.push((index, draft)),
            Err(of_syntax) => mistakes.extend(of_syntax),
        }
    }
    let drafts = without_replaced(files, drafts);
    let mut by_product: BTreeMap<String, Vec<&(usize, Draft)>> = BTreeMap::new();
    for draft in &drafts {
        if let Some(product) = draft.1.product() {
            by_product.entry(product.to_owned()).or_default().push(draft);
        }
    }
    // A name may be declared in a file that could not be read: to call it unknown would be a second
    // mistake for the same slip.
    let complete = mistakes.is_empty() && drafts.iter().all(|(_, draft)| draft.head.is_some());
    let mut products = BTreeMap::new();
    for (id, drafts) in by_product {
        let drafts: Vec<&Draft> = drafts.into_iter().map(|(_, draft)| draft).collect();
        products.insert(id.clone(), product(id, &drafts, complete));
    }
    mistakes.extend(drafts.iter().flat_map(|(_, draft)| draft.document.mistakes()));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let linked = drafts
        .into_iter()
        .filter_map(|(file, draft)| matrix(draft).map(|matrix| Linked { matrix, file }))
        .collect();
    Ok(Tables { linked, products })
}

/// Drops files that a higher layer replaces; reports the same id twice in one layer.
fn without_replaced(files: &[File], drafts: Vec<(usize, Draft)>) -> Vec<(usize, Draft)> {
    let key = |draft: &Draft| match draft.head.as_ref()? {
        Head::Product { id, .. } => Some((true, id.clone())),
        Head::Matrix { id, .. } => Some((false, id.clone())),
    };
    let mut owner: BTreeMap<(bool, String), usize> = BTreeMap::new();
    for (index, draft) in &drafts {
        let Some((kind, id)) = key(draft) else { continue };
        match owner.get(&(kind, id.value.clone())) {
            Some(other) if files[*other].layer == files[*index].layer => {
                let what = if kind { "product" } else { "matrix" };
                let mistake = draft
                    .document
                    .source()
                    .mistake(&id.span, format!("the {what} \"{}\" is listed twice", id.value));
                draft.document.report(
                    mistake
                        .label("again here")
                        .help(format!("it is also in {}", files[*other].name)),
                );
            }
            Some(other) if files[*other].layer > files[*index].layer => {}
            _ => {
                owner.insert((kind, id.value), *index);
            }
        }
    }
    let is_kept = |index: usize, draft: &Draft| match key(draft) {
        Some((kind, id)) => owner
            .get(&(kind, id.value))
            .is_none_or(|owner| files[*owner].layer == files[index].layer),
        None => true,
    };
    drafts.into_iter().filter(|(index, draft)| is_kept(*index, draft)).collect()
}

/// The first declaration of each name, and where it stands.
struct Union<'d, T>(BTreeMap<String, (&'d T, &'d Draft, &'d Span)>, Vec<String>);

impl<'d, T: PartialEq> Union<'d, T> {
    fn new() -> Self {
        Union(BTreeMap::new(), Vec::new())
    }

    fn add(&mut self, kind: Kind, name: &str, value: &'d T, span: &'d Span, draft: &'d Draft) {
        match self.0.get(name) {
            None => {
                self.0.insert(name.to_owned(), (value, draft, span));
                self.1.push(name.to_owned());
            }
            Some((first, other, _)) if *first != value => {
                let message = format!(
                    "the {} `{name}` is declared in another way in another file of the product",
                    kind.name()
                );
                let mistake =
                    draft.document.source().mistake(span, message).label("this is different");
                let help = format!(
                    "the other one is in {}; keep one of the two, or make them equal",
                    other.document.source().name()
                );
                draft.document.report(mistake.help(help));
            }
            Some(_) => {}
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.1.iter().map(String::as_str)
    }

    /// In the order of declaration.
    fn values(&self) -> impl Iterator<Item = &T> {
        self.1.iter().filter_map(|name| self.0.get(name).map(|(value, _, _)| *value))
    }
}

struct Declared<'d> {
    roles: Union<'d, Role>,
    features: Union<'d, Feature>,
    ports: Union<'d, (String, u16)>,
    ranges: Union<'d, (String, PortSet)>,
    interfaces: Union<'d, Interface>,
}

impl<'d> Declared<'d> {
    fn of(drafts: &[&'d Draft]) -> Self {
        let mut all = Declared {
            roles: Union::new(),
            features: Union::new(),
            ports: Union::new(),
            ranges: Union::new(),
            interfaces: Union::new(),
        };
        for draft in drafts {
            let declared = &draft.declarations;
            declared.roles.iter().for_each(|At { value, span }| {
                all.roles.add(Kind::Role, &value.id, value, span, draft)
            });
            declared.features.iter().for_each(|At { value, span }| {
                all.features.add(Kind::Feature, &value.id, value, span, draft)
            });
            declared.ports.iter().for_each(|At { value, span }| {
                all.ports.add(Kind::Port, &value.0, value, span, draft)
            });
            declared.ranges.iter().for_each(|At { value, span }| {
                all.ranges.add(Kind::Range, &value.0, value, span, draft)
            });
            declared.interfaces.iter().for_each(|At { value, span }| {
                all.interfaces.add(Kind::Interface, &value.name, value, span, draft)
            });
        }
        all
    }

    fn has(&self, used: &Use) -> bool {
        let name = used.name.as_str();
        match used.kind {
            Kind::Role => self.roles.0.contains_key(name),
            Kind::Feature => self.features.0.contains_key(name),
            Kind::Port => self.ports.0.contains_key(name),
            Kind::Range => self.ranges.0.contains_key(name),
            Kind::Interface => self.interfaces.0.contains_key(name),
        }
    }

    fn names(&self, kind: Kind) -> Vec<&str> {
        match kind {
            Kind::Role => self.roles.names().collect(),
            Kind::Feature => self.features.names().collect(),
            Kind::Port => self.ports.names().collect(),
            Kind::Range => self.ranges.names().collect(),
            Kind::Interface => self.interfaces.names().collect(),
        }
    }
}

/// The union of a product's files. Product files come first, so that theirs is the order of the
/// roles.
fn product(id: String, drafts: &[&Draft], complete: bool) -> Product {
    let mut ordered: Vec<&Draft> = drafts.to_vec();
    ordered.sort_by_key(|draft| !matches!(draft.head, Some(Head::Product { .. })));
    let declared = Declared::of(&ordered);
    // Where there is too much, that is what is wrong.
    if !report_too_much(&ordered, &declared) {
        for draft in drafts {
            check_uses(draft, &declared, complete);
        }
        check_cycles(&declared.roles);
        check_short_names(drafts);
    }
    let title = drafts.iter().find_map(|draft| match &draft.head {
        Some(Head::Product { title, .. }) => Some(title.clone()),
        _ => None,
    });
    let heads = drafts.iter().filter_map(|draft| match &draft.head {
        Some(Head::Matrix { id, topology, .. }) => Some((id.value.clone(), topology.clone())),
        _ => None,
    });
    let (matrices, topologies): (Vec<String>, Vec<Option<String>>) = heads.unzip();
    Product {
        title: title.unwrap_or_else(|| id.clone()),
        id,
        roles: declared.roles.values().cloned().collect(),
        features: declared.features.values().cloned().collect(),
        ports: declared.ports.values().cloned().collect(),
        ranges: declared.ranges.values().cloned().collect(),
        interfaces: declared.interfaces.values().cloned().collect(),
        matrices,
        topologies: topologies.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

/// Names of one kind that the files of a product declare, and rows that they have: the largest
/// product has a tenth of it. Names that one role publishes are as few.
const MOST_NAMES: usize = 2000;
const MOST_ROWS: usize = 10_000;

/// Reports that a product has more than anybody looks after. Whoever asks for a name may then go
/// through all of them.
fn report_too_much(drafts: &[&Draft], declared: &Declared<'_>) -> bool {
    let rows: usize = drafts.iter().map(|draft| draft.flows.len()).sum();
    let kinds = [Kind::Role, Kind::Feature, Kind::Port, Kind::Range, Kind::Interface];
    let names = kinds.iter().find(|kind| declared.names(**kind).len() > MOST_NAMES);
    let cloud = declared.roles.values().find(|role| role.all_names().nth(MOST_NAMES).is_some());
    let words = match names {
        Some(kind) => format!("more than {MOST_NAMES} {}s", kind.name()),
        None if cloud.is_some() => format!("a role with more than {MOST_NAMES} names"),
        None if rows > MOST_ROWS => format!("more than {MOST_ROWS} flows"),
        None => return false,
    };
    if let Some(draft) = drafts.iter().max_by_key(|draft| draft.document.source().length()) {
        let name = draft.document.source().name();
        draft.document.report(
            Mistake::without_place(format!("the tables of the product of {name} have {words}"))
                .help("no product has so many: were these tables made by a program?"),
        );
    }
    true
}

fn check_uses(draft: &Draft, declared: &Declared<'_>, complete: bool) {
    let undeclared = draft.uses.iter().filter(|used| complete && !declared.has(used));
    for used in draft.document.parts(undeclared.collect()) {
        let names = declared.names(used.kind);
        let kind = used.kind.name();
        let mistake = draft
            .document
            .source()
            .mistake(&used.name.span, format!("the {kind} `{}` is not declared", used.name.value));
        draft.document.report(mistake.label("not declared").help(choices(
            &used.name,
            &format!("{kind}s"),
            names,
        )));
    }
}

/// Reports roles that include themselves by way of others.
fn check_cycles(roles: &Union<'_, Role>) {
    let includes = |name: &str| roles.0.get(name).map(|(role, _, _)| role.includes.as_slice());
    for cycle in Cycles::among(roles.0.keys().map(String::as_str), includes) {
        let Some((_, draft, span)) = cycle.first().and_then(|name| roles.0.get(*name)) else {
            continue;
        };
        let message = format!("the role `{}` includes itself: {}", cycle[0], cycle.join(" -> "));
        let mistake = draft.document.source().mistake(span, message).label("here");
        draft.document.report(mistake.help("remove one of the `includes`"));
    }
}

/// The full id of a flow is `name/flow`, `name` being the last part of the matrix id: it must tell
/// the matrices of a product apart.
fn check_short_names(drafts: &[&Draft]) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for draft in drafts {
        let Some(Head::Matrix { id, .. }) = &draft.head else { continue };
        let short = id.rsplit('/').next().unwrap_or_default();
        if let Some(other) = seen.insert(short, id).filter(|other| *other != id.value) {
            let message = format!(
                "\"{}\" and \"{other}\" of the same product both end in `{short}`",
                id.value
            );
            let mistake =
                draft.document.source().mistake(&id.span, message).label("the second one");
            draft.document.report(
                mistake
                    .help("flows are named by the last part of the matrix id; choose another one"),
            );
        }
    }
}

fn matrix(draft: Draft) -> Option<Matrix> {
    let Some(Head::Matrix { id, product, title, topology, source }) = draft.head else {
        return None;
    };
    let declared = draft.declarations;
    Some(Matrix {
        id: id.value,
        product,
        title,
        topology,
        source,
        roles: declared.roles.into_iter().map(At::into_inner).collect(),
        features: declared.features.into_iter().map(At::into_inner).collect(),
        ports: declared.ports.into_iter().map(At::into_inner).collect(),
        ranges: declared.ranges.into_iter().map(At::into_inner).collect(),
        interfaces: declared.interfaces.into_iter().map(At::into_inner).collect(),
        flows: draft.flows,
    })
}
