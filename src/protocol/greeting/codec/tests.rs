use super::*;
use crate::protocol::kerberos::codec as kerberos;

/// An exchange, what the server says in it, whom it is recognised as, and a remark.
type Sample = (Dialogue, Vec<Vec<u8>>, &'static str, Option<&'static str>);

/// What real servers say, in the order in which they say it: one text for each time that they
/// speak.
#[expect(clippy::too_many_lines, reason = "a table")]
fn samples() -> Vec<Sample> {
    let mysql = |version: &str| {
        let packet = [
            &[10][..],
            version.as_bytes(),
            &[0, 7, 0, 0, 0],
            b"abcdefgh",
            &[0, 0xff, 0xf7, 33, 2, 0],
        ]
        .concat();
        [&[u8::try_from(packet.len()).expect("it is short"), 0, 0, 0][..], &packet].concat()
    };
    let refused = |message: &str| {
        let packet = [&[0xff, 0x6a, 0x04][..], message.as_bytes()].concat();
        [&[u8::try_from(packet.len()).expect("it is short"), 0, 0, 0][..], &packet].concat()
    };
    let tds = |encryption: u8| {
        let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0x10, 0x68, 0, 0, encryption];
        [&[4, 1, 0, 26, 0, 0, 1, 0][..], &options].concat()
    };
    let rabbit = {
        let table = b"\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.80";
        let table = &table[..table.len() - 1];
        let payload = [
            &[0, 10, 0, 10, 0, 9][..],
            &u32::try_from(table.len()).expect("it is short").to_be_bytes(),
            table,
        ]
        .concat();
        [
            &[1, 0, 0][..],
            &u32::try_from(payload.len()).expect("it is short").to_be_bytes(),
            &payload,
            &[0xce],
        ]
        .concat()
    };
    let postgres =
        b"E\0\0\0\x3bSFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0".to_vec();
    let postgres = [
        &postgres[..1],
        &u32::try_from(postgres.len() - 1).expect("it is short").to_be_bytes(),
        &postgres[5..],
    ]
    .concat();
    // KDC_ERR_WRONG_REALM.
    let kerberos =
        b"\x00\x00\x00_~]0[\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f2026112\
          9153000Z\xa5\x04\x02\x02\x02\x9a\xa6\x03\x02\x01D\xa9\x0e\x1b\x0cCORP.EXAMPLE\
          \xaa!0\x1f\xa0\x03\x02\x01\x02\xa1\x180\x16\x1b\x06krbtgt\x1b\x0cCORP.EXAMPLE"
            .to_vec();
    let kafka =
        [&16_u32.to_be_bytes()[..], b"pmtx", &[0, 0, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3]].concat();
    vec![
        (
            Greeting::Ssh.dialogue(),
            vec![b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()],
            "OpenSSH_9.2p1 Debian-2",
            None,
        ),
        (
            Greeting::Ssh.dialogue(),
            vec![b"Keep out.\nSSH-1.99-Cisco-1.25\n".to_vec()],
            "Cisco-1.25",
            None,
        ),
        (
            Greeting::Smtp.dialogue(),
            vec![
                b"220-mail.example ESMTP Postfix\r\n220 ready\r\n".to_vec(),
                b"250-mail.example\r\n250 SIZE\r\n".to_vec(),
            ],
            "SMTP mail.example ESMTP Postfix",
            None,
        ),
        (
            Greeting::Smtp.dialogue(),
            vec![b"554 no service for you\r\n".to_vec()],
            "SMTP",
            Some("no service for you"),
        ),
        (
            Greeting::Ftp.dialogue(),
            vec![
                b"220 (vsFTPd 3.0.3)\r\n".to_vec(),
                b"211-Features:\r\n EPRT\r\n211 End\r\n".to_vec(),
            ],
            "FTP (vsFTPd 3.0.3)",
            None,
        ),
        (
            Greeting::Ftp.dialogue(),
            vec![
                b"220 Welcome to files.contoso.com\r\n".to_vec(),
                b"530 Please login with USER and PASS.\r\n".to_vec(),
                b"530 Please login with USER and PASS.\r\n".to_vec(),
            ],
            "FTP Welcome to files.contoso.com",
            None,
        ),
        (
            Greeting::Ftp.dialogue(),
            vec![
                b"220 server ready\r\n".to_vec(),
                b"500 'FEAT': command not understood.\r\n".to_vec(),
                b"215 UNIX Type: L8\r\n".to_vec(),
            ],
            "FTP server ready",
            None,
        ),
        (
            Greeting::Ftp.dialogue(),
            vec![b"421 ftp.contoso.com FTP server: too many users.\r\n".to_vec()],
            "FTP",
            Some("ftp.contoso.com FTP server: too many users."),
        ),
        (
            Greeting::Smtp.dialogue(),
            vec![b"421 4.7.0 sftp-relay.contoso.com try later\r\n".to_vec()],
            "SMTP",
            Some("4.7.0 sftp-relay.contoso.com try later"),
        ),
        (
            Greeting::Imap.dialogue(),
            vec![b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n".to_vec()],
            "IMAP Dovecot ready.",
            None,
        ),
        (
            Greeting::Pop3.dialogue(),
            vec![b"+OK Dovecot ready.\r\n".to_vec()],
            "POP3 Dovecot ready.",
            None,
        ),
        (Greeting::Redis.dialogue(), vec![b"+PONG\r\n".to_vec()], "Redis", None),
        (
            Greeting::Redis.dialogue(),
            vec![b"-NOAUTH Authentication required.\r\n".to_vec()],
            "Redis",
            Some("NOAUTH Authentication required."),
        ),
        (Greeting::Postgres.dialogue(), vec![b"S".to_vec()], "PostgreSQL, TLS offered", None),
        (Greeting::Postgres.dialogue(), vec![b"N".to_vec()], "PostgreSQL, TLS not offered", None),
        (
            Greeting::Postgres.dialogue(),
            vec![postgres],
            "PostgreSQL",
            Some("sorry, too many clients already"),
        ),
        (Greeting::Mysql.dialogue(), vec![mysql("8.0.36")], "MySQL 8.0.36", None),
        (
            Greeting::Mysql.dialogue(),
            vec![mysql("5.5.5-10.11.6-MariaDB-0+deb12u1")],
            "MariaDB 10.11.6",
            None,
        ),
        (
            Greeting::Mysql.dialogue(),
            vec![refused("Host '10.0.0.1' is not allowed to connect to this MariaDB server")],
            "MariaDB",
            Some("Host '10.0.0.1' is not allowed to connect to this MariaDB server"),
        ),
        (Greeting::Tds.dialogue(), vec![tds(1)], "SQL Server 2022 16.0.4200, TLS offered", None),
        (Greeting::Tds.dialogue(), vec![tds(3)], "SQL Server 2022 16.0.4200, TLS required", None),
        (Greeting::Amqp.dialogue(), vec![rabbit], "AMQP 0-9-1 RabbitMQ 3.10.8", None),
        (Greeting::Amqp.dialogue(), vec![b"AMQP\x03\x01\x00\x00".to_vec()], "AMQP 1.0", None),
        (
            Greeting::Memcached.dialogue(),
            vec![b"VERSION 1.6.18\r\n".to_vec()],
            "Memcached 1.6.18",
            None,
        ),
        (Greeting::Mqtt.dialogue(), vec![vec![0x20, 2, 0, 0]], "MQTT", None),
        (Greeting::Mqtt.dialogue(), vec![vec![0x20, 2, 0, 5]], "MQTT", Some("not authorized")),
        (
            Greeting::Mqtt.dialogue(),
            vec![vec![0x20, 3, 0, 0x84, 0]],
            "MQTT",
            Some("unacceptable protocol version"),
        ),
        (Greeting::Kafka.dialogue(), vec![kafka], "Kafka", None),
        (kerberos::DIALOGUE, vec![kerberos], "Kerberos CORP.EXAMPLE", None),
    ]
}

/// What others say, whatever they are asked.
const OTHERS: &[&[u8]] = &[
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"\x16\x03\x03\x00\x40",
    b"<html>sign in</html>\r\n",
    b"Not now\r\n",
    b"200 news.example ready\r\n",
    b"RFB 003.008\n",
    b"ERROR\r\n",
    b"-ERR unknown command\r\n",
    b"SIP/2.0 400 Bad Request\r\n\r\n",
    b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00",
    b"PORTMATRIX/1 \r\n",
    b"NO\r\n",
    b"SORRY\r\n",
    b"EVERYTHING IS FINE\r\n",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    &[0; 64],
    b"\n\n\n\n",
];

/// Every exchange by which a service is told from another: greetings, and protocols that are one.
fn all() -> impl Iterator<Item = Dialogue> {
    Greeting::ALL.iter().map(|greeting| greeting.dialogue()).chain([kerberos::DIALOGUE])
}

/// Speaks with whoever says these things, each once he was spoken to (or at first).
fn talk(greeting: Dialogue, says: &[Vec<u8>]) -> Next {
    let (mut heard, mut said, mut turn) = (Vec::new(), 0, 0);
    for _ in 0..512 {
        match (greeting.next)(&heard, said) {
            Next::Say(_) => said += 1,
            Next::More => match says.get(turn) {
                Some(words) => {
                    heard.extend_from_slice(words);
                    turn += 1;
                }
                None => return Next::More,
            },
            done => return done,
        }
    }
    panic!("{greeting:?} never ends");
}

#[test]
fn real_servers_are_recognised() {
    for (greeting, says, words, turned_away) in samples() {
        match talk(greeting, &says) {
            Next::Known(answer) | Next::IfQuiet(answer) => {
                assert_eq!(
                    (answer.words.as_str(), answer.turned_away.as_deref()),
                    (words, turned_away),
                    "{greeting:?}"
                );
                assert!(!answer.stand_in);
            }
            other => panic!("{greeting:?} {words}: {other:?}"),
        }
    }
}

#[test]
fn what_comes_in_pieces_is_waited_for() {
    for (greeting, says, words, _) in samples() {
        let pieces: Vec<Vec<u8>> = says.concat().iter().map(|octet| vec![*octet]).collect();
        // Where the server speaks twice, pieces of the second part come once the first is answered:
        // the same in one row.
        assert!(
            matches!(talk(greeting, &pieces), Next::Known(_) | Next::IfQuiet(_)),
            "{greeting:?} {words}"
        );
        let mut short = pieces;
        short.pop();
        let got = talk(greeting, &short);
        assert!(!matches!(got, Next::Known(_) | Next::Other), "{greeting:?} {words}: {got:?}");
    }
}

/// A server of mail knows no command of FTP, and may have FTP in its name.
#[test]
fn mail_is_not_taken_for_ftp() {
    for refusal in
        ["500 5.5.2 Error: bad syntax", "502 5.5.2 Error", "530 5.7.0 Must issue STARTTLS"]
    {
        let refusal = format!("{refusal}\r\n").into_bytes();
        for greeting in ["220 ftp.contoso.com ESMTP Postfix\r\n", "220 sftp.contoso.com ready\r\n"]
        {
            let says = [greeting.as_bytes().to_vec(), refusal.clone(), refusal.clone()];
            assert!(matches!(talk(Greeting::Ftp.dialogue(), &says), Next::Other), "{greeting}");
        }
    }
}

#[test]
fn nobody_is_taken_for_another() {
    for greeting in all() {
        for other in OTHERS {
            let got = talk(greeting, &[other.to_vec()]);
            assert!(
                matches!(got, Next::Other | Next::More),
                "{greeting:?} takes {:?} for its own",
                String::from_utf8_lossy(other)
            );
        }
        for (of, says, words, _) in
            samples().into_iter().filter(|(of, ..)| of.name != greeting.name)
        {
            let got = talk(greeting, &says);
            assert!(
                matches!(got, Next::Other | Next::More),
                "{greeting:?} takes {of:?} ({words}) for its own: {got:?}"
            );
        }
    }
}

#[test]
fn the_same_in_pieces_is_told_apart_as_well() {
    for greeting in all() {
        let all = samples()
            .into_iter()
            .filter(|(of, ..)| of.name != greeting.name)
            .map(|(_, says, ..)| says.concat());
        for other in OTHERS.iter().map(|other| other.to_vec()).chain(all) {
            // Each octet comes before the moment of quiet is over.
            for end in 0..=other.len() {
                let said = usize::from(matches!((greeting.next)(b"", 0), Next::Say(_)));
                match (greeting.next)(&other[..end], said) {
                    Next::Known(answer) => panic!(
                        "{greeting:?} takes {:?}: {answer:?}",
                        String::from_utf8_lossy(&other[..end])
                    ),
                    Next::IfQuiet(_) => assert!(end < other.len(), "{greeting:?} {other:?}"),
                    Next::Say(_) | Next::More | Next::Other => {}
                }
            }
        }
    }
}

#[test]
fn an_echo_is_no_answer() {
    for greeting in all() {
        let (mut heard, mut said) = (Vec::new(), 0);
        for _ in 0..16 {
            match (greeting.next)(&heard, said) {
                Next::Say(words) => {
                    said += 1;
                    heard.extend_from_slice(&words);
                }
                Next::More | Next::Other => break,
                known => panic!("{greeting:?} takes its own echo: {known:?}"),
            }
        }
        // Whoever echoes changed by case, or with a sign ahead, is no service either.
        if let Next::Say(words) = (greeting.next)(b"", 0) {
            for changed in [
                words.to_ascii_lowercase(),
                words.to_ascii_uppercase(),
                [b"> ".as_slice(), &words].concat(),
            ] {
                assert!(
                    matches!((greeting.next)(&changed, 1), Next::Other | Next::More),
                    "{greeting:?}"
                );
            }
        }
    }
}

#[test]
fn the_stand_in_speaks_the_exchange_and_says_what_it_is() {
    for greeting in all() {
        let (mut to_us, mut to_them, mut said, mut they_said) = (Vec::new(), Vec::new(), 0, 0);
        let answer = loop {
            while let Some(words) = (greeting.stand_in)(&to_them, they_said) {
                assert!(words.len() <= 128, "{greeting:?}: a stranger gets no more than this");
                they_said += 1;
                to_us.extend(words);
            }
            match (greeting.next)(&to_us, said) {
                Next::Say(words) => {
                    said += 1;
                    to_them.extend(words);
                }
                Next::Known(answer) => break answer,
                other => panic!("{greeting:?}: {other:?}"),
            }
        };
        assert!(answer.stand_in, "{greeting:?}: {answer:?}");
        assert!(they_said < 4);
    }
}

#[test]
fn no_octets_do_harm() {
    // A small generator: the same octets in every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut octet = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    for round in 0..4000 {
        let (_, says, ..) = &samples()[round % samples().len()];
        let mut octets = says.concat();
        for _ in 0..=round % 4 {
            let at = usize::from(octet()) % octets.len().max(1);
            octets[at] = octet();
        }
        octets.truncate(usize::from(octet()).max(1));
        for greeting in all() {
            for said in 0..3 {
                let _ = (greeting.next)(&octets, said);
                let _ = (greeting.stand_in)(&octets, said);
            }
        }
    }
}
