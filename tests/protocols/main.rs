//! Protocols on loopback: probes and stand-ins joined in this process, against peers that follow a
//! script, and against software that is not ours.

mod http_grpc;
mod ldap;
mod real_http_clients;
mod real_ldapsearch;
mod real_services;
mod rpc;
mod rpc_vectors;
mod security;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test binary uses its part of the harness")]
    pub mod http_grpc;
}
