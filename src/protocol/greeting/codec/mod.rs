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
mod kafka;
mod kerberos;
mod lines;
mod mail;
mod memcached;
mod mqtt;
mod mysql;
mod postgres;
mod redis;
mod ssh;
mod tds;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Next, STAND_IN};

use super::list::Greeting;

/// Most octets of one greeting that are read, at either end.
pub const MAX_GREETING: usize = 8 * 1024;

/// What the connector does next: `heard` is everything that came, `said` how often it has spoken.
pub fn next(greeting: Greeting, heard: &[u8], said: usize) -> Next {
    match greeting {
        Greeting::Ssh => ssh::next(heard),
        Greeting::Smtp => mail::smtp(heard, said),
        Greeting::Ftp => mail::ftp(heard, said),
        Greeting::Imap => mail::imap(heard),
        Greeting::Pop3 => mail::pop3(heard),
        Greeting::Redis => redis::next(heard, said),
        Greeting::Postgres => postgres::next(heard, said),
        Greeting::Mysql => mysql::next(heard),
        Greeting::Tds => tds::next(heard, said),
        Greeting::Amqp => amqp::next(heard, said),
        Greeting::Memcached => memcached::next(heard, said),
        Greeting::Mqtt => mqtt::next(heard, said),
        Greeting::Kafka => kafka::next(heard, said),
        Greeting::Kerberos => kerberos::next(heard, said),
    }
}

/// What a stand-in says next, in the real exchange's form and with nothing in it: `None` waits for
/// more. It never says more than a few dozen octets, and nothing that a bland service would not.
pub fn stand_in(greeting: Greeting, heard: &[u8], said: usize) -> Option<Vec<u8>> {
    match greeting {
        Greeting::Ssh => ssh::stand_in(said),
        Greeting::Smtp => mail::smtp_stand_in(heard, said),
        Greeting::Ftp => mail::ftp_stand_in(heard, said),
        Greeting::Imap => mail::imap_stand_in(said),
        Greeting::Pop3 => mail::pop3_stand_in(said),
        Greeting::Redis => redis::stand_in(heard, said),
        Greeting::Postgres => postgres::stand_in(heard, said),
        Greeting::Mysql => mysql::stand_in(said),
        Greeting::Tds => tds::stand_in(heard, said),
        Greeting::Amqp => amqp::stand_in(heard, said),
        Greeting::Memcached => memcached::stand_in(heard, said),
        Greeting::Mqtt => mqtt::stand_in(heard, said),
        Greeting::Kafka => kafka::stand_in(heard, said),
        Greeting::Kerberos => kerberos::stand_in(heard, said),
    }
}
