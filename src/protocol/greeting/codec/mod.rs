//! Greetings: what a stranger may say to a known service without harm, what the service answers,
//! and what our stand-in answers in its place. Pure: each exchange is a function of all octets that
//! came so far.
//!
//! Three rules keep an answer from being taken for what it is none of. It must not be an echo: what
//! we say is never a valid answer to itself. It must be whole: what only begins like an answer is
//! waited for. And whoever speaks another protocol, be it one that begins with the same octet, is
//! told apart by what follows.

mod amqp;
mod answer;
mod ftp;
mod imap;
mod kafka;
mod lines;
mod memcached;
mod mqtt;
mod mysql;
mod pop3;
mod postgres;
mod redis;
mod smtp;
mod ssh;
mod tds;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Dialogue, Next, STAND_IN, number};
pub use lines::may_become;

use super::list::{Greeting, greetings};

/// Most octets of one greeting that are read, at either end.
pub const MAX_GREETING: usize = 8 * 1024;

macro_rules! dialogues {
    ($($file:ident $name:ident $word:literal: $says:literal,)+) => {
        impl Greeting {
            /// What is said at both ends.
            pub fn dialogue(self) -> Dialogue {
                match self {
                    $(Greeting::$name => Dialogue {
                        name: $word,
                        next: $file::next,
                        stand_in: $file::stand_in,
                    },)+
                }
            }
        }
    };
}
greetings!(dialogues);
