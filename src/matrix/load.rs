//! One file of port tables: from text to a draft, with every check that needs no other file.
//!
//! A file is either a matrix (`[matrix]` and `[[flow]]`) or the description of a product
//! (`[product]`), which holds what its matrices share. Both may declare roles, features, named
//! ports and ranges, and RPC interfaces. What a file *uses* may be declared in another file of the
//! same product, so it is noted here and checked in [`crate::matrix::references`].

use super::declare::{self, Declarations};
use super::flow;
use super::model::{Flow, Source};
use super::names::Use;
use super::word_forms;
use crate::input::{At, Document, Mistake, TableReader};

/// What a file is.
#[derive(Debug)]
pub enum Head {
    /// The description of a product.
    Product {
        /// Its id.
        id: At<String>,
        /// Its name for people.
        title: String,
    },
    /// A port table.
    Matrix {
        /// `product/name`.
        id: At<String>,
        /// The product.
        product: String,
        /// One line.
        title: String,
        /// The topology that it is for.
        topology: Option<String>,
        /// Where it comes from.
        source: Source,
    },
}

/// A file after the checks of its own. The document still takes mistakes, which the other files
/// bring to light.
#[derive(Debug)]
pub struct Draft {
    /// For more mistakes.
    pub document: Document,
    /// `None` when the file does not say well enough what it is; a mistake tells.
    pub head: Option<Head>,
    /// What it declares.
    pub declarations: Declarations,
    /// Its rows, as far as they could be read.
    pub flows: Vec<Flow>,
    /// What must be declared somewhere.
    pub uses: Vec<Use>,
}

impl Draft {
    /// The product that the file belongs to.
    pub fn product(&self) -> Option<&str> {
        match self.head.as_ref()? {
            Head::Product { id, .. } => Some(id.value.as_str()),
            Head::Matrix { product, .. } => Some(product.as_str()),
        }
    }
}

/// Reads one file. A draft is returned also when something is wrong with the content: its document
/// has the mistakes.
///
/// # Errors
/// The mistakes of the syntax.
pub fn draft(name: &str, text: &str) -> Result<Draft, Vec<Mistake>> {
    let document = Document::parse(name, text)?;
    let root = document.root();
    let mut uses = Vec::new();
    let head = head(&root);
    let declarations = declare::read(&root, &mut uses);
    let rows = root.tables("flow");
    let is_product = root.has("product");
    if let (true, Some(first)) = (is_product, rows.first()) {
        let mistake =
            root.mistake(first.span(), "the description of a product has no flows").label("here");
        root.report(mistake.help("put the flows into a file of their own, with a [matrix] table"));
    }
    // What is there but is no list of tables was reported already.
    let is_empty = rows.first().is_none() && root.value("flow").is_none_or(|value| value.is_list());
    let flows = flow::read(rows, &mut uses);
    if let (true, Some(Head::Matrix { id, .. })) = (is_empty, &head) {
        root.report(
            root.mistake(&id.span, format!("\"{}\" has no flows", id.value))
                .label("this matrix")
                .help("add [[flow]] tables"),
        );
    }
    root.finish();
    Ok(Draft { document, head, declarations, flows, uses })
}

fn head(root: &TableReader<'_>) -> Option<Head> {
    let (product, matrix) = (root.table("product"), root.table("matrix"));
    match (product, matrix) {
        (Some(product), None) => {
            let (id, title) =
                (word_forms::required_identifier(&product, "id"), product.required_string("title"));
            product.finish();
            Some(Head::Product { id: id?, title: title?.value })
        }
        (None, Some(table)) => {
            let head = matrix_head(&table);
            table.finish();
            head
        }
        (Some(product), Some(matrix)) => {
            let mistake = root
                .mistake(matrix.span(), "a file has either [matrix] or [product], not both")
                .label("here");
            root.report(
                mistake
                    .also(product.span(), "and here")
                    .help("keep [product] in a file of its own"),
            );
            None
        }
        (None, None) => {
            // A wrong type was reported already.
            if !root.has("product") && !root.has("matrix") {
                let mistake = root
                    .mistake(root.span(), "neither a [matrix] nor a [product] table")
                    .label("in this file");
                root.report(
                    mistake.help("a port table starts with [matrix], with id, title and source"),
                );
            }
            None
        }
    }
}

fn matrix_head(table: &TableReader<'_>) -> Option<Head> {
    let id = matrix_id(table);
    let title = table.required_string("title");
    let product = word_forms::identifier(table, "`product`", table.string("product"));
    let topology = word_forms::identifier(table, "`topology`", table.string("topology"));
    let source = table.required_table("source").and_then(|source| {
        let document = source.required_string("document");
        let updated = source.value("updated").and_then(|value| value.date());
        let section = source.string("section");
        source.finish();
        Some(Source {
            document: document?.value,
            updated: updated.map(At::into_inner),
            section: section.map(At::into_inner),
        })
    });
    let id = id?;
    let product = product
        .map(At::into_inner)
        .or_else(|| id.split_once('/').map(|(product, _)| product.to_owned()))?;
    Some(Head::Matrix {
        id,
        product,
        title: title?.value,
        topology: topology.map(At::into_inner),
        source: source?,
    })
}

fn matrix_id(table: &TableReader<'_>) -> Option<At<String>> {
    let id = table.required_string("id")?;
    let right = id.split_once('/').is_some_and(|(product, name)| {
        word_forms::is_identifier(product) && word_forms::is_identifier(name)
    });
    if !right {
        let mistake = table
            .mistake(&id.span, format!("\"{}\" is not the id of a matrix", id.value))
            .label("not `product/name`");
        table.report(mistake.help(
            "write product/name, both in lower-case letters, digits and \
            single hyphens: acme-backup/direct",
        ));
    }
    right.then_some(id)
}
