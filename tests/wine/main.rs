//! The Windows program under Wine, on hosts of networks that drop, reject and translate, against
//! the Linux one and against itself. `scripts/windows` builds what these tests need and runs them.
#![cfg(target_os = "linux")]

mod certificates;
mod own_firewall;
mod ways;

#[path = "../support"]
mod support {
    #![allow(dead_code, reason = "each test binary uses its part of the harness")]
    pub mod deployment;
    pub mod netns;
    pub mod wine;
}
