//! The one list of greetings: exchanges of known services that a stranger may begin without harm,
//! and by whose answer a service is recognised. A line has the file under `codec/` that holds the
//! exchange, and the word that tables use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hands every line of the list to the macro of that name.
macro_rules! greetings {
    ($then:ident) => {
        $then! {
            ssh Ssh "ssh": "SSH: the server names its version.",
            smtp Smtp "smtp": "SMTP: the server greets, and answers EHLO.",
            ftp Ftp "ftp": "FTP: the server greets, and answers FEAT.",
            imap Imap "imap": "IMAP: the server greets.",
            pop3 Pop3 "pop3": "POP3: the server greets.",
            redis Redis "redis": "Redis and its kin: PING.",
            postgres Postgres "postgres": "PostgreSQL: whether TLS is offered.",
            mysql Mysql "mysql": "MySQL and MariaDB: the server greets.",
            tds Tds "tds": "SQL Server: PRELOGIN of TDS.",
            amqp Amqp "amqp": "AMQP 0-9-1: the header of the protocol.",
            memcached Memcached "memcached": "Memcached: version.",
            mqtt Mqtt "mqtt": "MQTT: CONNECT.",
            kafka Kafka "kafka": "Kafka: which versions of requests the broker knows.",
        }
    };
}
pub(crate) use greetings;

macro_rules! declare {
    ($($file:ident $name:ident $word:literal: $says:literal,)+) => {
        /// The protocol whose greeting is exchanged on a port.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Greeting {
            $(
                #[doc = $says]
                $name,
            )+
        }

        impl Greeting {
            /// Every greeting.
            pub const ALL: &'static [Greeting] = &[$(Greeting::$name,)+];

            /// The word used in files and results.
            pub fn name(self) -> &'static str {
                match self {
                    $(Greeting::$name => $word,)+
                }
            }
        }
    };
}
greetings!(declare);

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
