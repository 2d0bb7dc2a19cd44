//! Port tables: what they are ([`model`], [`port_set`]), how a file is read ([`load`]), what only
//! several files together can tell ([`link`]), and where the files come from ([`registry`]).

mod declare;
pub mod endpoints;
mod flow;
mod forms;
pub mod link;
pub mod load;
pub mod model;
pub mod names;
pub mod port_set;
pub mod registry;
pub mod schema;
pub mod show;

pub use registry::Registry;
