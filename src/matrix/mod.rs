//! Port tables: what they are ([`model`], [`port_set`]), how a file is read ([`load`]), what only
//! several files together can tell ([`references`]), and where the files come from ([`registry`]).

mod cycles;
mod declare;
pub mod endpoints;
mod flow;
pub mod load;
pub mod model;
pub mod names;
pub mod port_set;
pub mod references;
pub mod registry;
pub mod schema;
pub mod show;
mod word_forms;

pub use registry::Registry;
