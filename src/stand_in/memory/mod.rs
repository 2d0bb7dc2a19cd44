//! What a listener remembers, each with its bound: connections and hops that it saw, ports of
//! sweeps, challenges that came already, requests by path, and what it tells at its end.

pub mod answered;
pub mod journal;
pub mod receipts;
pub mod requests;
pub mod sightings;
