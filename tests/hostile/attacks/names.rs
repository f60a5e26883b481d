//! What a name server can do to whoever asks it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::greeting::{BIDI, ESCAPES};
use crate::attack::{Attack, Expected, Plays, names, problems, undetermined};
use crate::certificates::{dns_name, odd_server};
use crate::name_server::{
    A, Answering, CNAME, MX, Question, SRV, Said, TXT, answer, head, message, mx, record,
    record_of, said, srv, truncated, wire, wire_of,
};
use crate::peer::{Act, endless, endless_drip};

/// A host whose every port refuses, so that what is found is about names only.
const NOWHERE: [u8; 4] = [127, 0, 0, 1];

/// Answers MX questions so; every other name has no record, but `mx…` an address.
fn for_mx(says: impl Fn(&Question) -> Option<Vec<u8>> + Send + Sync + 'static) -> Answering {
    message(move |question| match question.kind {
        MX => says(question),
        A if question.name.starts_with("mx") => Some(answer(question, &[record(A, &NOWHERE)])),
        _ => Some(answer(question, &[])),
    })
}

fn one_mx(question: &Question) -> Vec<u8> {
    answer(question, &[mx(10, &wire("mx.test.example"))])
}

/// A server beside which names lead anywhere on loopback: so many hosts with so many addresses of
/// their own, or all of them to one.
fn everywhere(hosts: usize, addresses: usize, port: u16) -> Answering {
    message(move |question| {
        let records: Vec<Vec<u8>> = match question.kind {
            SRV if question.name.starts_with("_submission.") => {
                (0..hosts).map(|n| srv(port, &wire(&format!("h{n}.test.example")))).collect()
            }
            A if question.name.starts_with('h') && addresses == 0 => vec![record(A, &NOWHERE)],
            A if question.name.starts_with('h') => {
                let host: usize = question.name[1..].split('.').next()?.parse().ok()?;
                (0..addresses)
                    .map(|n| {
                        record(
                            A,
                            &[127, 1 + (host / 250) as u8, (host % 250) as u8, 1 + (n % 250) as u8],
                        )
                    })
                    .collect()
            }
            MX => vec![mx(0, &[0])],
            _ => Vec::new(),
        };
        Some(answer(question, &records))
    })
}

pub fn attacks() -> Vec<Attack> {
    let both = |name: &str, answering, script, expected: Expected| Attack {
        name: name.to_owned(),
        plays: Plays::Both(answering, script),
        arguments: &[],
        expected,
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let mut attacks =
        vec![
            names(
                "an alias of itself",
                message(|q| Some(answer(q, &[record(CNAME, &wire(&q.name))]))),
                undetermined(&[], &[]),
            ),
            names(
                "aliases in a circle",
                message(|q| {
                    let next =
                        if q.name.starts_with("a.") { "b.test.example" } else { "a.test.example" };
                    Some(answer(q, &[record(CNAME, &wire(next))]))
                }),
                undetermined(&[], &[]),
            ),
            names(
                "aliases without end",
                message(|q| {
                    static NEXT: AtomicUsize = AtomicUsize::new(0);
                    let next = format!("n{}.test.example", NEXT.fetch_add(1, Ordering::Relaxed));
                    Some(answer(q, &[record(CNAME, &wire(&next))]))
                }),
                undetermined(&[], &[]),
            ),
            names(
                "2000 aliases in one answer",
                message(|q| {
                    let mut records = vec![record(CNAME, &wire("n0.test.example"))];
                    records.extend((0..2000).map(|n| {
                        record_of(
                            &wire(&format!("n{n}.test.example")),
                            CNAME,
                            &wire(&format!("n{}.test.example", n + 1)),
                        )
                    }));
                    Some(answer(q, &records))
                }),
                undetermined(&[], &[]),
            ),
            names(
                "3000 mail exchangers",
                for_mx(|q| {
                    Some(answer(
                        q,
                        &(0..3000)
                            .map(|n| mx(n, &wire_of(&[format!("h{n}").as_bytes()])))
                            .collect::<Vec<_>>(),
                    ))
                }),
                problems(&[], &["error mx-without-address"]),
            ),
            names(
                "10,000 mail exchangers are announced",
                for_mx(|q| {
                    let records: Vec<_> =
                        (0..3000).map(|n| mx(n, &wire_of(&[format!("h{n}").as_bytes()]))).collect();
                    Some([head(q, 0, 10_000), records.concat()].concat())
                }),
                undetermined(&[], &[]),
            ),
            names(
                "a mail exchanger with 1000 addresses",
                message(|q| {
                    Some(match q.kind {
                        MX => one_mx(q),
                        A if q.name.starts_with("mx") => answer(
                            q,
                            &(0..1000_u16)
                                .map(|n| {
                                    let [high, low] = n.to_be_bytes();
                                    record(A, &[127, 9, high, low])
                                })
                                .collect::<Vec<_>>(),
                        ),
                        _ => answer(q, &[]),
                    })
                }),
                problems(&["skipped"], &["error mx-address-private"]),
            ),
            names(
                "an enormous TXT record",
                for_mx(|q| {
                    let strings = [&[255_u8][..], &[b't'; 255]].concat().repeat(200);
                    Some(answer(q, &[record(TXT, &strings), mx(10, &wire("mx.test.example"))]))
                }),
                problems(&["skipped"], &["error mx-address-private"]),
            ),
            names(
                "another id",
                for_mx(|q| {
                    let mut message = one_mx(q);
                    message[0] ^= 0xff;
                    Some(message)
                }),
                undetermined(&[], &[]),
            ),
            names(
                "60,000 wrong ids",
                said(|q| {
                    (0..60_000_u16)
                        .map(|n| {
                            let mut message = one_mx(q);
                            message[..2].copy_from_slice(&n.to_be_bytes());
                            if message[..2] == q.message[..2] {
                                Said::Pause(Duration::ZERO)
                            } else {
                                Said::Message(message)
                            }
                        })
                        .collect()
                }),
                undetermined(&[], &[]),
            ),
            names(
                "an answer to another question",
                for_mx(|q| {
                    let other = [&q.message[..12], &wire("bank.example"), &[0, 15, 0, 1]].concat();
                    let other = Question {
                        message: other,
                        name: "bank.example".into(),
                        kind: MX,
                        over_tcp: q.over_tcp,
                    };
                    Some(one_mx(&other))
                }),
                undetermined(&[], &[]),
            ),
            names(
                "records of other names",
                for_mx(|q| {
                    let stranger = wire("bank.example");
                    let data = [&[0, 10][..], &wire("mx.test.example")].concat();
                    Some(answer(
                        q,
                        &[
                            record_of(&stranger, MX, &data),
                            record_of(&stranger, CNAME, &wire("test.example")),
                        ],
                    ))
                }),
                problems(&[], &["error domain-without-mail-host"]),
            ),
            names(
                "cut off, and no TCP",
                Answering { no_tcp: true, ..message(|q| Some(truncated(q))) },
                undetermined(&[], &[]),
            ),
            names("cut off over TCP too", message(|q| Some(truncated(q))), undetermined(&[], &[])),
            names(
                "cut off, and TCP is silent",
                said(|q| if q.over_tcp { Vec::new() } else { vec![Said::Message(truncated(q))] }),
                undetermined(&[], &[]),
            ),
            names(
                "cut off, and TCP says a byte a second",
                said(|q| {
                    if !q.over_tcp {
                        return vec![Said::Message(truncated(q))];
                    }
                    std::iter::once(Said::Raw(vec![0xff, 0xff]))
                        .chain((0..100).flat_map(|_| {
                            [Said::Pause(Duration::from_secs(1)), Said::Raw(vec![0])]
                        }))
                        .collect()
                }),
                undetermined(&[], &[]),
            ),
            names(
                "cut off, and TCP ends in the middle",
                said(|q| {
                    if !q.over_tcp {
                        return vec![Said::Message(truncated(q))];
                    }
                    vec![Said::Raw(vec![0xff, 0xff, 0, 0]), Said::Close]
                }),
                undetermined(&[], &[]),
            ),
            names(
                "exchanges that act on a terminal",
                for_mx(|q| {
                    let exchange = |label: &[u8]| wire_of(&[label, b"test", b"example"]);
                    Some(answer(
                        q,
                        &[
                            mx(1, &exchange(&ESCAPES.as_bytes()[..30])),
                            mx(2, &exchange(BIDI.as_bytes())),
                            mx(3, &exchange(b"a.b")),
                            mx(4, &exchange(b"a b\0c")),
                            mx(5, &exchange(b"\xff\xfe")),
                            mx(6, &exchange(b"\r\nerror: run this")),
                            mx(7, &exchange(&[b'-'; 63])),
                        ],
                    ))
                }),
                problems(&[], &["error mx-name-malformed"]),
            ),
            names(
                "names that point at themselves",
                for_mx(|q| {
                    let at = u16::try_from(head(q, 0, 1).len() + 14).ok()? | 0xc000;
                    Some(answer(q, &[mx(1, &at.to_be_bytes())]))
                }),
                undetermined(&[], &[]),
            ),
            names(
                "names that point behind the end",
                for_mx(|q| Some(answer(q, &[mx(1, &[0xff, 0xff])]))),
                undetermined(&[], &[]),
            ),
            names(
                "a record that is longer than the message",
                for_mx(|q| {
                    let mut message = one_mx(q);
                    message.truncate(message.len() - 5);
                    Some(message)
                }),
                undetermined(&[], &[]),
            ),
            names(
                "noise",
                for_mx(|q| Some([&q.message[..2], &[0xa5; 500]].concat())),
                undetermined(&[], &[]),
            ),
            names(
                "an empty datagram",
                said(|_| vec![Said::Message(Vec::new())]),
                undetermined(&[], &[]),
            ),
            names(
                "a question in the place of an answer",
                message(|q| Some(q.message.clone())),
                undetermined(&[], &[]),
            ),
            names(
                "a response code that does not exist",
                message(|q| Some(head(q, 14, 0))),
                undetermined(&[], &[]),
            ),
            names(
                "an extended error that acts on a terminal",
                message({
                    let text = text(&format!("{ESCAPES}{BIDI}").repeat(20));
                    move |q| {
                        let option = [
                            &15_u16.to_be_bytes()[..],
                            &((text.len() + 2) as u16).to_be_bytes(),
                            &[0, 22],
                            &text,
                        ]
                        .concat();
                        let opt = [
                            &[0, 0, 41, 4, 208, 0, 0, 0, 0][..],
                            &(option.len() as u16).to_be_bytes(),
                            &option,
                        ]
                        .concat();
                        let mut message = [head(q, 2, 0), opt].concat();
                        message[11] = 1;
                        Some(message)
                    }
                }),
                undetermined(&[], &[]),
            ),
            names(
                "it dies in the middle",
                Answering {
                    dies_at: Some(A),
                    ..message(|q| {
                        Some(match q.kind {
                            MX => one_mx(q),
                            _ => answer(q, &[]),
                        })
                    })
                },
                undetermined(&[], &[]),
            ),
            names(
                "1000 SRV records",
                message(|q| {
                    Some(match q.kind {
                        SRV => answer(
                            q,
                            &(0..1000_u16)
                                .map(|n| srv(n, &wire_of(&[format!("h{n}").as_bytes()])))
                                .collect::<Vec<_>>(),
                        ),
                        MX => one_mx(q),
                        _ => answer(q, &[]),
                    })
                }),
                problems(&[], &["error mx-without-address", "error server-without-address"]),
            ),
            both(
                "100 servers at 64 addresses each, all without end",
                |port| everywhere(100, 64, port),
                vec![endless("250-\u{1b}[31m and more\r\n".as_bytes())],
                problems(&["misconfigured"], &["error connection-dropped"]),
            ),
            both(
                "100 servers at 64 addresses each, all tarpits",
                |port| everywhere(100, 64, port),
                vec![endless_drip(b"220-a\r\n")],
                problems(&["misconfigured"], &["error connection-dropped"]),
            ),
            both(
                "100 names for one tarpit",
                |port| everywhere(100, 0, port),
                vec![endless_drip(b"220-a\r\n")],
                problems(&["misconfigured", "skipped"], &["error connection-dropped"]),
            ),
            both(
                "32 servers with as much certificate as fits a handshake",
                |port| everywhere(32, 4, port),
                vec![
                    Act::Say(b"220 x\r\n".to_vec()),
                    Act::Hear,
                    Act::Say(b"250-x\r\n250 STARTTLS\r\n".to_vec()),
                    Act::Hear,
                    Act::Say(b"220 x\r\n".to_vec()),
                    Act::Tls(odd_server(|params| {
                        let name = format!("{}.example", "n".repeat(240));
                        params.subject_alt_names.extend((0..240).map(|_| dns_name(&name)));
                    })),
                    Act::Hear,
                    Act::Say(b"250-x\r\n250 AUTH PLAIN\r\n".to_vec()),
                    Act::Hear,
                ],
                problems(
                    &["misconfigured"],
                    &["error certificate-host-mismatch", "error certificate-self-signed"],
                ),
            ),
            both(
                "64 servers that speak as long as they may",
                |port| everywhere(1, 64, port),
                vec![
                    Act::Say("220-\u{1b}\u{1b}\u{1b}\u{1b}\r\n".repeat(126).into_bytes()),
                    Act::Say(b"220 x\r\n".to_vec()),
                    Act::Hear,
                    Act::Say(format!("250-{}\r\n", "\0".repeat(505)).repeat(126).into_bytes()),
                    Act::Say(b"250 x\r\n".to_vec()),
                    Act::Hear,
                    Act::Hold,
                ],
                problems(
                    &["misconfigured"],
                    &["error starttls-not-supported", "warning reply-malformed"],
                ),
            ),
        ];
    for attack in &mut attacks {
        if matches!(attack.plays, Plays::Both(..)) {
            let waits = attack.name.contains("tarpit");
            attack.arguments = if waits { &["-p587"] } else { &["-p587", "--timeout=60"] };
        }
    }
    attacks
}
