//! The JSON Schema of a matrix file, as a user writes it.
