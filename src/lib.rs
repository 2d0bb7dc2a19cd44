//! Network reachability and port-matrix tester.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod cli;
pub mod event;
pub mod greeting;
pub mod input;
pub mod lab;
pub mod listen;
pub mod matrix;
pub mod net;
pub mod observation;
pub mod plan;
pub mod probe;
pub mod proto;
pub mod reason;
pub mod report;
pub mod result;
pub mod run;
pub mod site;
pub mod text;
pub mod verdict;
