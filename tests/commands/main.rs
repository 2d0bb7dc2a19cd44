//! The commands as a user runs them, and the documents: no network beyond this machine's loopback.
//!
//! All of these tests are one program and run side by side: each has addresses of its own in
//! 127.0.0.0/8, and none changes its environment or its current folder.

mod bounds;
mod connect;
mod dependencies;
mod documents;
mod endpoints;
mod explain;
mod hostile;
mod invalid;
mod lab;
mod listen;
mod matrix;
mod matrix_rows;
mod plan;
mod security;
mod shown;
mod snapshots;
mod this_machine;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test binary uses its part of the harness")]
    pub mod program;
}
