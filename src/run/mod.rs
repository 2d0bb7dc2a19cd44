//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The
//! only caller of `verdict`.

mod ask;
mod clocks;
mod concurrency;
mod connection_limit;
mod control;
mod directory;
mod engine;
mod gone_at_once;
mod heard_nothing;
mod held_connection;
mod judged;
mod known;
mod local;
mod once_more;
mod probed;
mod published;
mod quiet_rows;
mod rate;
mod revocation;
mod row;
mod sample;
mod session;
mod settings;
mod shut_out;
mod source_ports;
mod tasks;
mod tested_by;
mod trace;
mod ways;

pub use engine::run;
pub use judged::Judged;
pub use session::Session;
pub use settings::{CONCURRENCY, RATE, SWEEP_RATE, Settings};
pub use trace::TraceWhen;
