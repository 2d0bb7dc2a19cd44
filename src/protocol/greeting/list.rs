//! The closed set of greetings: exchanges of known services that a stranger may begin without harm,
//! and by whose answer a service is recognised. What is said and what must come back stands in
//! [`crate::protocol::greeting::codec`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The protocol whose greeting is exchanged on a port.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Greeting {
    /// SSH: the server names its version.
    Ssh,
    /// SMTP: the server greets, and answers EHLO.
    Smtp,
    /// FTP: the server greets, and answers FEAT.
    Ftp,
    /// IMAP: the server greets.
    Imap,
    /// POP3: the server greets.
    Pop3,
    /// Redis and its kin: PING.
    Redis,
    /// PostgreSQL: whether TLS is offered.
    Postgres,
    /// MySQL and MariaDB: the server greets.
    Mysql,
    /// SQL Server: PRELOGIN of TDS.
    Tds,
    /// AMQP 0-9-1: the header of the protocol.
    Amqp,
    /// Memcached: version.
    Memcached,
    /// MQTT: CONNECT.
    Mqtt,
    /// Kafka: which versions of requests the broker knows.
    Kafka,
    /// Kerberos: a ticket for a client that nobody has.
    Kerberos,
}

impl Greeting {
    /// Every greeting.
    pub const ALL: &'static [Greeting] = &[
        Greeting::Ssh,
        Greeting::Smtp,
        Greeting::Ftp,
        Greeting::Imap,
        Greeting::Pop3,
        Greeting::Redis,
        Greeting::Postgres,
        Greeting::Mysql,
        Greeting::Tds,
        Greeting::Amqp,
        Greeting::Memcached,
        Greeting::Mqtt,
        Greeting::Kafka,
        Greeting::Kerberos,
    ];

    /// The word used in files and results.
    pub fn name(self) -> &'static str {
        match self {
            Greeting::Ssh => "ssh",
            Greeting::Smtp => "smtp",
            Greeting::Ftp => "ftp",
            Greeting::Imap => "imap",
            Greeting::Pop3 => "pop3",
            Greeting::Redis => "redis",
            Greeting::Postgres => "postgres",
            Greeting::Mysql => "mysql",
            Greeting::Tds => "tds",
            Greeting::Amqp => "amqp",
            Greeting::Memcached => "memcached",
            Greeting::Mqtt => "mqtt",
            Greeting::Kafka => "kafka",
            Greeting::Kerberos => "kerberos",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for greeting in Greeting::ALL {
            assert_eq!(
                serde_json::to_value(greeting).expect("a unit variant serialises"),
                greeting.name()
            );
        }
    }
}
