//! A dynamic range: what is known of its ports, what is worth asking next, and what it comes to.

pub(crate) mod outcome;
pub(crate) mod ports;
pub(crate) mod rule_or_outage;
pub(crate) mod second_look;
