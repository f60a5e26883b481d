//! TLS that goes wrong on the wire.

use rustls::version;

use crate::attack::{Attack, problems, server};
use crate::certificates::{HOST, configure, plain, shows};
use crate::peer::{Act, endless, say};

const WARNING: &[u8] = &[21, 3, 3, 0, 2, 1, 90];

pub fn attacks() -> Vec<Attack> {
    let (certificate, key) = plain();
    let config = shows(vec![certificate.clone()], &key);
    let mut attacks = Vec::new();
    for bytes in [0, 1, 4, 5, 6, 20, 100, 130, 300, 600] {
        for (end, act) in
            [("the end", None), ("silence", Some(Act::Hold)), ("a reset", Some(Act::Reset))]
        {
            // All three ends where the record begins, one elsewhere.
            if bytes != 5 && end != "the end" {
                continue;
            }
            let name = format!("TLS cut after {bytes} bytes, then {end}");
            let script = std::iter::once(Act::TlsCutAt(config.clone(), bytes)).chain(act);
            attacks.push(server(
                name,
                465,
                script.collect(),
                problems(&["misconfigured"], &["error connection-dropped"]),
            ));
        }
    }
    let old = configure(vec![certificate.clone()], &key, &[&version::TLS12]);
    attacks.push(server(
        "TLS 1.2 cut in the certificate",
        465,
        vec![Act::TlsCutAt(std::sync::Arc::new(old), 300)],
        problems(&["misconfigured"], &["error connection-dropped"]),
    ));
    let mut tickets = configure(vec![certificate], &key, &[&version::TLS13]);
    tickets.send_tls13_tickets = 2000;
    let greeting = || say(&format!("220 {HOST} ESMTP\r\n"));
    attacks.extend([
        server(
            "a flood of tickets",
            465,
            vec![
                Act::Tls(tickets.into()),
                greeting(),
                Act::Hear,
                say("250 AUTH PLAIN\r\n"),
                Act::Hear,
            ],
            problems(
                &["misconfigured"],
                &["error certificate-self-signed", "error connection-dropped"],
            ),
        ),
        server(
            "a flood of new keys",
            465,
            vec![
                Act::Tls(config.clone()),
                Act::NewKeys(1000),
                greeting(),
                Act::Hear,
                say("250 AUTH PLAIN\r\n"),
                Act::Hear,
            ],
            problems(
                &["misconfigured"],
                &["error certificate-self-signed", "error tls-handshake-failed"],
            ),
        ),
        server(
            "a flood of warnings",
            465,
            vec![Act::HearSome, endless(WARNING)],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a flood of requests to renegotiate",
            465,
            vec![Act::HearSome, endless(&[22, 3, 3, 0, 4, 0, 0, 0, 0])],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a flood of changes of the cipher",
            465,
            vec![Act::HearSome, endless(&[20, 3, 3, 0, 1, 1])],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a flood of empty records",
            465,
            vec![Act::HearSome, endless(&[22, 3, 3, 0, 0])],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a record that is too large",
            465,
            vec![Act::HearSome, Act::Say(vec![22, 3, 3, 0xff, 0xff]), endless(&[0; 64])],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a message that is too large",
            465,
            vec![
                Act::HearSome,
                Act::Say(vec![22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff]),
                endless(&[0; 64]),
            ],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a type of record that does not exist",
            465,
            vec![Act::HearSome, Act::Say(vec![99, 3, 3, 0, 5, 1, 2, 3, 4, 5]), Act::Hold],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "an alert that does not exist",
            465,
            vec![Act::HearSome, Act::Say(vec![21, 3, 3, 0, 2, 9, 222]), Act::Hold],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a greeting without end inside TLS",
            465,
            vec![Act::Tls(config.clone()), endless(b"220-more\r\n")],
            problems(
                &["misconfigured"],
                &["error certificate-self-signed", "error connection-dropped"],
            ),
        ),
        server(
            "a line of 10 MB inside TLS",
            465,
            vec![Act::Tls(config), say("220 "), Act::Repeat(vec![b'a'; 1 << 20], 10), Act::Hold],
            problems(
                &["misconfigured"],
                &["error certificate-self-signed", "error connection-dropped"],
            ),
        ),
    ]);
    attacks
}
