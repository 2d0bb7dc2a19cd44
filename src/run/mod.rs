//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The
//! only caller of `verdict`.

mod ask;
mod clocks;
mod concurrency;
mod connection_limit;
mod deny_control;
mod directory;
mod from_other_hops;
mod gone_at_once;
mod heard_nothing;
mod held_connection;
mod judged;
mod local;
mod once_more;
mod probed;
mod probing;
mod proved_ways;
mod published;
mod quiet_rows;
mod rate;
mod result_file;
mod revocation;
mod row;
mod sample;
mod settings;
mod shut_out;
mod source_ports;
mod tasks;
mod tested_by;
mod trace;

pub use judged::Judged;
pub use probing::run;
pub use result_file::Session;
pub use settings::{CONCURRENCY, RATE, SWEEP_RATE, Settings};
pub use trace::TraceWhen;
