//! One server answers HTTP and gRPC on a port: fronts mix both on the ports behind them.

pub use crate::protocol::http::stand_in::serve;
