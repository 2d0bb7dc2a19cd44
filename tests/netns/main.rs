//! What needs hosts and routers of its own: the built program in network namespaces, by itself and
//! against software that is not ours. In CI these tests must run; elsewhere they say why they do
//! not.
#![cfg(target_os = "linux")]

mod cloud;
mod dns;
mod harness;
mod hostile;
mod hosts;
mod icmp;
mod interop;
mod many;
mod public_reports;
mod range;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test binary uses its part of the harness")]
    pub mod deployment;
    pub mod http_grpc;
    pub mod inside;
    pub mod netns;
    pub mod script;
    pub mod tun;
    pub mod wine;
}
