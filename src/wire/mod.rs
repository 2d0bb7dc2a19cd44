//! What no single protocol of the field owns: what our two ends say to each other (challenge,
//! question, sighting, seal), and forms that several codecs and TLS need. Octets in, values out.

mod canonical;
pub mod challenge;
pub mod der;
pub mod hex;
pub mod octets;
pub mod ports;
pub mod proxy_header;
pub mod question;
pub mod seal;
pub mod sighting;
pub mod stamp;
pub mod stand_in;
pub mod tls_alert;
pub mod tls_hello;
