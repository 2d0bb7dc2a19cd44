//! Network reachability and port-matrix tester: holds the port tables of a product as data, binds
//! them to one site, and proves every hop from both ends.
//!
//! # The way of the data
//!
//! A reader who follows one hop through the program meets, in this order:
//!
//! 1. [`input`] reads TOML and reports every mistake of a file at once. [`matrix`] makes port
//!    tables of it, [`site`] the hosts of one deployment.
//! 2. [`plan::build`] binds the tables to the site: a [`plan::model::Hop`] for each pair of hosts.
//!    [`plan::select`] says whose hops are whose, [`plan::listening`] what a host must open.
//! 3. On the To host [`listen::open`] opens ports; behind each stands a stand-in that speaks the
//!    protocol, and proves itself to whoever shows the site key ([`wire::challenge`]).
//! 4. On the From host [`run::run`] probes every hop: [`probe::probe`] climbs its rungs
//!    ([`protocol`]) and writes an [`observation::Observation`]: what was seen, without an opinion.
//!    What the listener saw is asked over hops that work.
//! 5. [`verdict::judge`] makes an opinion of it, a pure function: [`verdict::Verdict`],
//!    [`reason::Reason`], who answered, and what to do.
//! 6. [`result`] holds what stands in a file, [`report`] makes a [`document`] of it, which
//!    renderers write for terminals, tickets and pages, [`cli`] prints it and says the exit code.
//!
//! A folder under [`protocol`] has all of one protocol: its codec, pure as the verdict is, its
//! probe and its stand-in. [`net`] is the only place that opens sockets and reads a clock. Nothing
//! is green that nobody looked at.
//!
//! ARCHITECTURE.md has the layers, which a test holds, and the reasons.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]
// A future lies on the stack of whoever polls it, together with all that it awaits.
#![cfg_attr(not(test), deny(clippy::large_futures))]

pub mod cli;
pub mod climb;
pub mod document;
pub mod event;
pub mod input;
pub mod lab;
pub mod listen;
pub mod lock;
pub mod matrix;
pub mod net;
pub mod observation;
pub mod open_words;
pub mod plan;
pub mod probe;
pub mod protocol;
pub mod reason;
pub mod report;
pub mod result;
pub mod run;
pub mod site;
pub mod stand_in;
pub mod text;
pub mod verdict;
pub mod wire;
