//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The
//! only caller of `verdict`.

mod alone;
mod ask;
mod clocks;
mod control;
mod crew;
mod directory;
mod engine;
mod held;
mod judged;
mod known;
mod local;
mod mute;
mod once_more;
mod pace;
mod probed;
mod published;
mod revocation;
mod row;
mod sample;
mod session;
mod settings;
mod shots;
mod shut_out;
mod spoken;
mod spread;
mod trace;
mod turns;
mod ways;
mod whose;

pub use engine::run;
pub use judged::Judged;
pub use session::Session;
pub use settings::{CONCURRENCY, RATE, SWEEP_RATE, Settings};
pub use trace::TraceWhen;
