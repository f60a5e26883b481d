//! What comes between the greeting and the handshake.

use std::time::Duration;

use super::greeting::{BIDI, ESCAPES};
use crate::attack::{Attack, Expected, ok, problems, server};
use crate::certificates::{plain, shows};
use crate::peer::{Act, endless, endless_drip, say};

const HANDSHAKE: &str = "the handshake";
const TARPIT: &str = "a tarpit";

/// A step, what is played before it, and what is found where it goes wrong.
type Step<'a> = (&'a str, Vec<Act>, &'a dyn Fn() -> Expected);

/// A proper greeting, and EHLO is awaited.
fn greeted() -> Vec<Act> {
    vec![say("220 server.example ESMTP\r\n"), Act::Hear]
}

/// Everything proper until STARTTLS has been asked for.
fn asked_for_tls() -> Vec<Act> {
    [greeted(), vec![say("250-server.example\r\n250 STARTTLS\r\n"), Act::Hear]].concat()
}

/// Everything proper until EHLO has been said inside TLS.
fn inside() -> Vec<Act> {
    let (certificate, key) = plain();
    let tls = Act::Tls(shows(vec![certificate], &key));
    [asked_for_tls(), vec![say("220 go\r\n"), tls, Act::Hear]].concat()
}

fn after(mut before: Vec<Act>, then: impl IntoIterator<Item = Act>) -> Vec<Act> {
    before.extend(then);
    before
}

pub fn attacks() -> Vec<Attack> {
    let keywords: String = (0..100_000).map(|n| format!("250-X-KEYWORD-{n}\r\n")).collect();
    let most: String = (0..126).map(|n| format!("250-X-{n} {}\r\n", "p".repeat(480))).collect();
    let mut attacks = vec![
        server(
            "100,000 EHLO keywords",
            25,
            after(greeted(), [say(&keywords), Act::Hold]),
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "as many keywords as are read",
            25,
            after(
                greeted(),
                [
                    say("250-server.example\r\n"),
                    say(&most),
                    say("250 HELP\r\n"),
                    Act::Hear,
                    Act::Hold,
                ],
            ),
            ok(&["warning starttls-not-supported"]),
        ),
        server(
            "a keyword of 60 KB",
            25,
            after(
                greeted(),
                [
                    say("250-server.example\r\n250 "),
                    Act::Say(vec![b'K'; 60_000]),
                    say("\r\n"),
                    Act::Hear,
                    Act::Hold,
                ],
            ),
            ok(&["warning reply-malformed", "warning starttls-not-supported"]),
        ),
        server(
            "keywords that act on a terminal",
            587,
            after(
                greeted(),
                [
                    say(&format!(
                        "250-server.example {ESCAPES}\r\n250-{ESCAPES}\r\n250-X{BIDI} {BIDI}\r\n250 HELP\r\n"
                    )),
                    Act::Hear,
                    Act::Hold,
                ],
            ),
            problems(
                &["misconfigured"],
                &["error starttls-not-supported", "warning reply-malformed"],
            ),
        ),
        server(
            "every EHLO and HELO refused in 64 KiB",
            25,
            [
                greeted(),
                vec![
                    Act::Repeat(b"550-no\r\n".to_vec(), 126),
                    say("550 no\r\n"),
                    Act::Hear,
                    Act::Repeat(b"550-no\r\n".to_vec(), 126),
                    say("550 no\r\n"),
                    Act::Hear,
                    Act::Repeat(b"550-no\r\n".to_vec(), 126),
                    say("550 no\r\n"),
                    Act::Hear,
                    Act::Repeat(b"550-no\r\n".to_vec(), 126),
                    say("550 no\r\n"),
                    Act::Hear,
                    endless(b"550-no\r\n"),
                ],
            ]
            .concat(),
            problems(&["rejected"], &["error ehlo-rejected"]),
        ),
        server(
            "a farewell without end",
            25,
            after(
                greeted(),
                [
                    say("250 server.example\r\n"),
                    Act::Hear,
                    endless(b"221-There is more to say\r\n"),
                ],
            ),
            ok(&["warning starttls-not-supported"]),
        ),
        server(
            "plaintext behind the reply to STARTTLS",
            25,
            after(
                asked_for_tls(),
                [say("220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"), Act::HearSome, Act::Hold],
            ),
            problems(
                &["misconfigured"],
                &["error connection-dropped", "error plaintext-after-starttls"],
            ),
        ),
        server(
            "TLS behind the reply to STARTTLS",
            25,
            after(
                asked_for_tls(),
                [
                    Act::Say(b"220 go\r\n\x16\x03\x03\x00\x04\x0e\x00\x00\x00".to_vec()),
                    Act::HearSome,
                    Act::Hold,
                ],
            ),
            problems(
                &["misconfigured"],
                &["error connection-dropped", "error plaintext-after-starttls"],
            ),
        ),
        server(
            "plaintext without end behind STARTTLS",
            25,
            // The first of it in one piece with the 220: behind it, it would depend on the scheduler
            // whether it comes before TLS begins.
            after(
                asked_for_tls(),
                [say("220 go\r\n250-injected\r\n"), endless(b"250-injected\r\n")],
            ),
            problems(
                &["misconfigured"],
                &["error plaintext-after-starttls", "warning tls-handshake-failed"],
            ),
        ),
        server(
            "plaintext in the place of the handshake",
            25,
            after(
                asked_for_tls(),
                [
                    say("220 go\r\n"),
                    Act::HearSome,
                    say("250 server.example says hello again\r\n"),
                    Act::Hold,
                ],
            ),
            ok(&["warning tls-handshake-failed"]),
        ),
        server(
            "STARTTLS is offered again inside, and EHLO has no end",
            25,
            after(
                inside(),
                [say("250-server.example\r\n250-STARTTLS\r\n"), endless(b"250-AUTH PLAIN\r\n")],
            ),
            problems(
                &["misconfigured"],
                &["error connection-dropped", "warning certificate-self-signed"],
            ),
        ),
        server(
            "an answer of STARTTLS in 64 KiB of escape sequences",
            587,
            after(
                asked_for_tls(),
                [
                    Act::Say(format!("454-{ESCAPES}{BIDI}\r\n").repeat(100).into_bytes()),
                    say("454 no\r\n"),
                    Act::Hold,
                ],
            ),
            problems(&["misconfigured"], &["error starttls-refused", "warning reply-malformed"]),
        ),
    ];
    let dropped = || problems(&["misconfigured"], &["error connection-dropped"]);
    let dropped_inside = || {
        let faults = &["error connection-dropped", "warning certificate-self-signed"];
        problems(&["misconfigured"], faults)
    };
    let steps: [Step<'_>; 5] = [
        ("EHLO", greeted(), &dropped),
        ("STARTTLS", asked_for_tls(), &dropped),
        (HANDSHAKE, after(asked_for_tls(), [say("220 go\r\n"), Act::HearSome]), &dropped),
        ("EHLO inside TLS", inside(), &dropped_inside),
        // Everything is known by then.
        ("QUIT", after(inside(), [say("250 server.example\r\n"), Act::Hear]), &|| {
            ok(&["warning certificate-self-signed"])
        }),
    ];
    let ends = [
        ("a reset", vec![Act::Reset]),
        ("half open", vec![Act::HalfClose, Act::Hold]),
        (TARPIT, vec![endless_drip(b"250-a\r\n")]),
    ];
    for (step, before, expected) in &steps {
        for (end, acts) in &ends {
            let expected = match (*step, *end) {
                // The first byte shows that it is not TLS.
                (HANDSHAKE, TARPIT) => ok(&["warning tls-handshake-failed"]),
                _ => expected(),
            };
            let script = after(before.clone(), acts.clone());
            attacks.push(server(format!("{end} at {step}"), 25, script, expected));
        }
    }
    let patient = [
        Act::Wait(Duration::from_millis(300)),
        say("2"),
        Act::Wait(Duration::from_millis(300)),
        say("20 server.example\r\n"),
        Act::Hold,
    ];
    attacks.push(server(
        "a greeting that is cut in the code",
        25,
        patient.to_vec(),
        problems(&["misconfigured"], &["error connection-dropped"]),
    ));
    attacks
}
