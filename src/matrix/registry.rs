//! All port tables that this run knows: the built-in ones, and those of the user's folders.

use super::model::{Matrix, Product};
use super::references;
use super::references::{File, Tables};
use crate::input::{self, Mistake};
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/matrices");

/// How many files a user's folder may have, and how deep its folders may go.
const FILES: usize = 1000;
const DEPTH: usize = 8;

/// Port tables that were checked, each by itself and all against each other.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    files: Vec<File>,
    tables: Tables,
}

impl Registry {
    /// The built-in tables.
    ///
    /// # Errors
    /// Mistakes in the built-in tables: a fault of ours, which a test rules out.
    pub fn embedded() -> Result<Registry, Vec<Mistake>> {
        let mut files = Vec::new();
        collect_embedded(&BUILT_IN, &mut files);
        Registry::default().with(files)
    }

    /// These files alone, each as (name, text).
    ///
    /// # Errors
    /// Every mistake of every file.
    pub fn of<N: Into<String>, T: Into<String>>(
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Registry, Vec<Mistake>> {
        Registry::default()
            .with(files.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }

    /// These files on top: a file replaces one that has the same matrix (or product) id already.
    fn with(&self, added: Vec<(String, String)>) -> Result<Registry, Vec<Mistake>> {
        let layer = self.files.last().map_or(0, |file| file.layer + 1);
        let mut files = self.files.clone();
        files.extend(added.into_iter().map(|(name, text)| File { name, text, layer }));
        let tables = references::link(&files)?;
        Ok(Registry { files, tables })
    }

    /// Adds all `*.toml` files of a folder and its folders. A matrix or product that is known
    /// already is replaced.
    ///
    /// # Errors
    /// Every mistake of every file, and files that cannot be read; the registry is then as it was.
    pub fn with_directory(&mut self, directory: &Path) -> Result<(), Vec<Mistake>> {
        let paths = Registry::files_of(directory).map_err(|mistake| vec![mistake])?;
        self.with_files(&paths)
    }

    /// All `*.toml` files of a folder and its folders, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read, or has no such file, or far too many.
    pub fn files_of(directory: &Path) -> Result<Vec<PathBuf>, Mistake> {
        let mut paths = Vec::new();
        collect_paths(directory, 0, &mut paths)?;
        paths.sort();
        if paths.is_empty() {
            let mistake =
                Mistake::without_place(format!("{} has no .toml file", directory.display()));
            return Err(mistake.help("a folder of matrices holds one file for each port table"));
        }
        Ok(paths)
    }

    /// Adds files. A matrix or product that is known already is replaced.
    ///
    /// # Errors
    /// As for [`Registry::with_directory`].
    pub fn with_files(&mut self, paths: &[PathBuf]) -> Result<(), Vec<Mistake>> {
        let (mut texts, mut mistakes) = (Vec::new(), Vec::new());
        for path in paths {
            match input::read(path) {
                Ok(text) => texts.push((path.display().to_string(), text)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        // Those that could be read are checked all the same, so that one run shows everything.
        match self.with(texts) {
            Ok(registry) if mistakes.is_empty() => {
                *self = registry;
                Ok(())
            }
            Ok(_) => Err(mistakes),
            Err(others) => {
                mistakes.extend(others);
                Err(mistakes)
            }
        }
    }

    /// All matrices, in the order of their files.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.tables.linked.iter().map(|linked| &linked.matrix)
    }

    /// A matrix by its full id.
    pub fn matrix(&self, id: &str) -> Option<&Matrix> {
        self.matrices().find(|matrix| matrix.id == id)
    }

    /// The file that a matrix was read from; `None` for a built-in one.
    pub fn file(&self, id: &str) -> Option<&str> {
        let linked = self.tables.linked.iter().find(|linked| linked.matrix.id == id)?;
        self.files
            .get(linked.file)
            .map(|file| file.name.as_str())
            .filter(|name| !name.starts_with(PREFIX))
    }

    /// The text that a matrix, or what a product declares, was read from.
    pub fn text(&self, id: &str) -> Option<&str> {
        let of_matrix = self
            .tables
            .linked
            .iter()
            .find(|linked| linked.matrix.id == id)
            .and_then(|linked| self.files.get(linked.file));
        let declares = |file: &&File| {
            let table: Option<toml::Table> = file.text.parse().ok();
            table.is_some_and(|table| {
                table.get("product").and_then(|product| product.get("id")?.as_str()) == Some(id)
            })
        };
        of_matrix.or_else(|| self.files.iter().rev().find(declares)).map(|file| file.text.as_str())
    }

    /// All products, by id.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.tables.products.values()
    }

    /// A product by its id: the union of what its files declare.
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.tables.products.get(id)
    }

    /// The matrices of a product that apply to a topology: those for it, and those for every
    /// topology.
    pub fn matrices_for<'r>(
        &'r self,
        product: &'r str,
        topology: &'r str,
    ) -> impl Iterator<Item = &'r Matrix> {
        self.matrices().filter(move |m| {
            m.product == product && m.topology.as_deref().is_none_or(|t| t == topology)
        })
    }
}

/// How built-in files are called in messages.
const PREFIX: &str = "built-in:";

fn collect_embedded(dir: &Dir<'_>, files: &mut Vec<(String, String)>) {
    for file in dir.files().filter(|file| file.path().extension().is_some_and(|e| e == "toml")) {
        // The same name on every system.
        let name = file.path().to_string_lossy().replace('\\', "/");
        files
            .push((format!("{PREFIX}{name}"), file.contents_utf8().unwrap_or_default().to_owned()));
    }
    dir.dirs().for_each(|dir| collect_embedded(dir, files));
    files.sort();
}

fn collect_paths(directory: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), Mistake> {
    let failed = |error: std::io::Error| {
        let name = directory.display();
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                Mistake::without_place(format!("the folder {name} does not exist"))
            }
            std::io::ErrorKind::NotADirectory => {
                Mistake::without_place(format!("{name} is a file, not a folder"))
            }
            _ => Mistake::without_place(format!("cannot read the folder {name}: {error}")),
        }
    };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_dir() && depth < DEPTH {
            collect_paths(&path, depth + 1, paths)?;
        } else if !kind.is_dir() && path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
        if paths.len() > FILES {
            return Err(Mistake::without_place(format!(
                "{} has more than {FILES} .toml files",
                directory.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
