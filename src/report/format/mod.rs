//! Results for machines: one file for each form. They read a result as it is, for they are rows and
//! cases with fields of their own, and no prose: each makes texts safe for its own readers.

pub mod csv;
pub mod json;
pub mod junit;
