//! Sans-IO codecs: bytes in, values out. Nothing here touches a socket or a clock.

pub mod challenge;
pub mod der;
pub mod greeting;
pub mod grpc;
pub mod hex;
pub mod http1;
pub mod http_status;
pub mod ldap;
pub mod ports;
pub mod proxy_header;
pub mod question;
pub mod rpc;
pub mod seal;
pub mod sighting;
pub mod stamp;
pub mod stand_in;
pub mod tls_alert;
pub mod tls_hello;
