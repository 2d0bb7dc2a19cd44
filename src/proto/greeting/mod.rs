//! Greetings: what a stranger may say to a known service without harm, what the service answers, and what our stand-in answers in its place. Pure:
//! each exchange is a function of all octets that came so far.
//!
//! Three rules keep an answer from being taken for what it is none of. It must not be an echo: what we say is never a valid answer to itself. It
//! must be whole: what only begins like an answer is waited for. And whoever speaks another protocol, be it one that begins with the same
//! octet, is told apart by what follows.

mod amqp;
mod kafka;
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

use crate::greeting::Greeting;

/// Most octets of one greeting that are read, at either end.
pub const MAX_GREETING: usize = 8 * 1024;

/// By this word in the place of a product, a stand-in says that it is none. Anybody may say it: it only ever makes less of an answer.
pub const STAND_IN: &str = "portmatrix stand-in";

/// Longest words about a product, in characters.
const MAX_WORDS: usize = 80;

/// What is to be done after what came so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Say this, and go on.
    Say(Vec<u8>),
    /// Too little came to tell.
    More,
    /// The greeting is over.
    Known(Answer),
    /// So it is, if nothing more comes for a moment: the answer is so short that others begin with it.
    IfQuiet(Answer),
    /// Another protocol, or none.
    Other,
}

/// A service that was recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it is, for people.
    pub words: String,
    /// With which words it turned us away, where it did: it was reached all the same.
    pub turned_away: Option<String>,
    /// Whether it says itself that it is a stand-in.
    pub stand_in: bool,
    /// With which octets one takes leave.
    pub bye: &'static [u8],
}

impl Answer {
    /// A service that goes by this name, and what it says of itself.
    fn of(name: &str, says: &str, bye: &'static [u8]) -> Self {
        let says = printable(says.as_bytes());
        let words = format!("{name} {says}");
        Answer { words: words.trim().chars().take(MAX_WORDS).collect(), stand_in: says.contains(STAND_IN), bye, turned_away: None }
    }

    /// The same, which turns us away with these words.
    fn turning_away(mut self, words: &[u8]) -> Self {
        let words = printable(words);
        self.stand_in |= words.contains(STAND_IN);
        self.turned_away = Some(words);
        self
    }
}

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
    }
}

/// What a stand-in says next, in the real exchange's form and with nothing in it: `None` waits for more. It never says more than a few dozen
/// octets, and nothing that a bland service would not.
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
    }
}

/// Text of a server, fit for people: printable ASCII, anything else as a dot, and not too long.
fn printable(octets: &[u8]) -> String {
    let text: String = octets.iter().take(200).map(|&o| if (b' '..=b'~').contains(&o) { char::from(o) } else { '.' }).collect();
    text.trim().chars().take(MAX_WORDS).collect()
}

/// A number of so many octets, the most significant first.
fn number(octets: &[u8], at: usize, len: usize) -> Option<usize> {
    let octets = octets.get(at..at.checked_add(len)?)?;
    Some(octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
}
