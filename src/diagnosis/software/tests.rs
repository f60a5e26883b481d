use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::diagnosis::fixture::{capabilities, reply};
use crate::observation::{StarttlsFacts, TlsFacts};

/// What servers say, and whose words they are. The greetings, EHLO replies and STARTTLS replies of
/// real servers, host names and addresses replaced.
const GREETINGS: &[(&str, &str)] = &[
    (
        "exchange-online",
        "220 DB5EUR03FT048.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 20:00:00 +0000 [08DE21F5A0C1F8C7]",
    ),
    (
        "exchange-online",
        "220 FR2P281CA0072.outlook.office365.com Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 20:00:00 +0000",
    ),
    ("gmail", "220 mx.google.com ESMTP ffacd0b85a97d-42cb7fb9168si1234567f8f.12 - gsmtp"),
    ("gmail", "220 smtp.gmail.com ESMTP 5b1f17b1804b1-477a9d1f4b5sm12345678.9 - gsmtp"),
    (
        "amazon-ses",
        "220 email-smtp.amazonaws.com ESMTP SimpleEmailService-d-VCSHDP1YZ A1b2C3d4E5f6G7h8I9j0",
    ),
    ("amazon-ses", "220 inbound-smtp.us-east-1.amazonaws.com ESMTP SimpleEmailService-abc Zx1"),
    ("sendgrid", "220 SG ESMTP service ready at ismtpd0013p1las1.sendgrid.net"),
    ("mailgun", "220 Mailgun Influx ready"),
    ("mimecast", "220 eu-smtp-inbound-1.mimecast.com ESMTP; Mon, 23 Nov 2026 20:00:00 +0000"),
    ("mimecast", "220 eu-smtp-inbound-1.mimecast.com ESMTP"),
    ("proofpoint", "220 mx0b-00164701.pphosted.com ESMTP mfa-m0458491"),
    ("nemesis", "220 gmx.com (mrgmx001) Nemesis ESMTP Service ready"),
    (
        "nemesis",
        "554-gmx.net (mxgmx104) Nemesis ESMTP Service not available\n554-No SMTP service\n554 IP address is block listed.",
    ),
    ("cisco-asa", "220 ****************2******0******"),
    ("cisco-esa", "220-mx.example ESMTP\n220 mx.example AsyncOS"),
    (
        "cisco-esa",
        "554-mx.example\n554 Your access to this mail system has been rejected due to the sending MTA's poor reputation. If you believe that this failure is in error, please contact the intended recipient via alternate means.",
    ),
    ("barracuda", "220 mx.example ESMTP (0a8d40ef45300cc1bd0f16ced5c9e6f1)"),
    ("fortimail", "220 mx.example ESMTP Smtpd; Mon, 23 Nov 2026 20:00:00 +0100"),
    ("spamd", "220 mx.example ESMTP spamd IP-based SPAM blocker; Mon Nov 23 20:00:00 2026"),
    ("postfix", "220 mx.example ESMTP Postfix"),
    ("postfix", "220 mx.example ESMTP Postfix (Debian/GNU)"),
    ("postfix", "220-mx.example ESMTP Postfix\n220 mx.example ESMTP Postfix"),
    ("postfix", "421 4.7.0 mx.example Error: too many connections from 192.0.2.9"),
    ("postfix", "421 4.7.0 Error: too many connections"),
    ("exim", "220 mx.example ESMTP Exim 4.98 Mon, 23 Nov 2026 20:00:00 +0000"),
    (
        "exim",
        "220-mx.example ESMTP Exim 4.96.2 #2 Mon, 23 Nov 2026 20:00:00 +0100 \n220-We do not authorize the use of this system to transport unsolicited, \n220 and/or bulk e-mail.",
    ),
    ("exim", "220 mx.example Exim ESMTP Service ready"),
    (
        "sendmail",
        "220 mx.example ESMTP Sendmail 8.17.1/8.17.1/Debian-2; Mon, 23 Nov 2026 20:00:00 GMT",
    ),
    ("sendmail", "220 mx.example Sendmail 8.6.12/8.6.12 ready at Mon, 23 Nov 2026 20:00:00 GMT"),
    ("opensmtpd", "220 mx.example ESMTP OpenSMTPD"),
    (
        "exchange",
        "220 ex01.example Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 20:00:00 +0100",
    ),
    (
        "exchange",
        "220 ex01.example MICROSOFT ESMTP MAIL SERVICE READY AT Mon, 23 Nov 2026 20:00:00 +0100",
    ),
    (
        "exchange",
        "220 ex.example ESMTP Server (Microsoft Exchange Internet Mail Service 5.5.2653.13) ready",
    ),
    (
        "iis",
        "220 iis.example Microsoft ESMTP MAIL Service, Version: 10.0.17763.1 ready at  Mon, 23 Nov 2026 20:00:00 +0100",
    ),
    ("haraka", "220 mx.example ESMTP Haraka/3.0.5 ready"),
    ("haraka", "220 mx.example ESMTP Haraka 2.8.28 ready"),
    ("stalwart", "220 mx.example Stalwart ESMTP at your service"),
    ("stalwart", "220 Stalwart ESMTP at your service."),
    ("mox", "220 mx.example ESMTP mox"),
    ("hmailserver", "220 mx.example ESMTP hMailServer 5.6.8"),
    ("hmailserver", "220 HMailServer ESMTP"),
    ("hmailserver", "220 (SMTP) hMailServer 4.4.1 - Up since today"),
    ("icewarp", "220 mx.example ESMTP IceWarp 14.0.0.5; Mon, 23 Nov 2026 20:00:00 +0100"),
    ("icewarp", "220 mx.example ESMTP Merak 8.9.1; Mon, 23 Nov 2026 20:00:00 +0100"),
    ("mdaemon", "220 mx.example ESMTP MSA MDaemon 21.5.1; Mon, 23 Nov 2026 20:00:00 +0100"),
    (
        "domino",
        "220 mx.example ESMTP Service (HCL Domino Release 12.0.2) ready at Mon, 23 Nov 2026",
    ),
    ("domino", "220 mx.example Lotus SMTP MTA Service Ready"),
    ("kerio", "220 mx.example Kerio Connect 10.0.2 patch 1 ESMTP ready"),
    ("communigate", "220 mx.example ESMTP CommuniGate Pro 6.3.3"),
    ("james", "220 mx.example SMTP Server (JAMES SMTP Server 2.3.2) ready Mon, 23 Nov 2026"),
    ("aiosmtpd", "220 mx.example Python SMTP 1.4.6"),
];

const EHLOS: &[(&str, &[&str])] = &[
    (
        "exchange-online",
        &["FR2P281CA0072.outlook.office365.com Hello [192.0.2.9]", "SIZE 157286400", "STARTTLS"],
    ),
    ("gmail", &["mx.google.com at your service, [192.0.2.9]", "SIZE 157286400", "STARTTLS"]),
    ("cisco-asa", &["mx.example", "SIZE 10240000", "XXXXXXXA", "8BITMIME"]),
    (
        "postfix",
        &[
            "mx.example",
            "PIPELINING",
            "SIZE 10240000",
            "VRFY",
            "ETRN",
            "STARTTLS",
            "AUTH PLAIN LOGIN",
            "AUTH=PLAIN LOGIN",
            "XCLIENT NAME ADDR",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "DSN",
            "SMTPUTF8",
            "CHUNKING",
        ],
    ),
    (
        "postfix",
        &[
            "mx.example",
            "PIPELINING",
            "SIZE 10240000",
            "ETRN",
            "STARTTLS",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "DSN",
        ],
    ),
    (
        "exim",
        &[
            "mx.example Hello c.example [192.0.2.9]",
            "SIZE 52428800",
            "LIMITS MAILMAX=1000",
            "8BITMIME",
            "PIPELINING",
            "PIPECONNECT",
            "STARTTLS",
            "HELP",
        ],
    ),
    (
        "exim",
        &[
            "mx.example Hello c.example [192.0.2.9]",
            "SIZE 52428800",
            "X_PIPE_CONNECT",
            "PRDR",
            "HELP",
        ],
    ),
    (
        "sendmail",
        &[
            "mx.example Hello c.example [192.0.2.9], pleased to meet you",
            "ENHANCEDSTATUSCODES",
            "PIPELINING",
            "EXPN",
            "VERB",
            "8BITMIME",
            "SIZE",
            "DSN",
            "ETRN",
            "STARTTLS",
            "DELIVERBY",
            "HELP",
        ],
    ),
    (
        "opensmtpd",
        &[
            "mx.example Hello c.example [192.0.2.9], pleased to meet you",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "SIZE 36700160",
            "DSN",
            "STARTTLS",
            "HELP",
        ],
    ),
    (
        "exchange",
        &[
            "ex01.example Hello [192.0.2.9]",
            "SIZE 37748736",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "STARTTLS",
            "X-ANONYMOUSTLS",
            "AUTH NTLM",
            "X-EXPS GSSAPI NTLM",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "XRDST",
        ],
    ),
    (
        "haraka",
        &[
            "mx.example Hello c.example [192.0.2.9], Haraka is at your service.",
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "SIZE 26214400",
            "STARTTLS",
        ],
    ),
    (
        "stalwart",
        &[
            "mx.example you had me at EHLO",
            "STARTTLS",
            "SMTPUTF8",
            "SIZE 104857600",
            "REQUIRETLS",
            "PIPELINING",
            "8BITMIME",
        ],
    ),
    (
        "mox",
        &[
            "mx.example",
            "PIPELINING",
            "SIZE 104857600",
            "STARTTLS",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "LIMITS RCPTMAX=1000",
            "SMTPUTF8",
        ],
    ),
    (
        "mox",
        &[
            "mx.example",
            "PIPELINING",
            "SIZE 104857600",
            "STARTTLS",
            "AUTH",
            "FUTURERELEASE 5184000 2026-12-24T20:00:00Z",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "LIMITS RCPTMAX=1000",
            "SMTPUTF8",
        ],
    ),
    (
        "courier",
        &[
            "mx.example Ok.",
            "AUTH LOGIN",
            "STARTTLS",
            "XVERP=Courier",
            "XEXDATA",
            "XSECURITY=NONE,STARTTLS",
            "PIPELINING",
            "8BITMIME",
            "SIZE",
            "DSN",
        ],
    ),
    ("qmail", &["mx.example", "PIPELINING", "8BITMIME"]),
    ("qmail", &["mx.example", "STARTTLS", "PIPELINING", "8BITMIME"]),
];

const STARTTLS: &[(&str, &str)] = &[
    ("postfix", "454 4.7.0 TLS not available due to local problem"),
    ("postfix", "454 4.7.0 Error: too many new TLS sessions from unknown[192.0.2.9]"),
    ("exim", "220 TLS go ahead"),
    ("exim", "454 TLS currently unavailable"),
    ("exchange", "220 2.0.0 SMTP server ready"),
    ("haraka", "220 Go ahead."),
    ("stalwart", "220 2.0.0 Ready to start TLS."),
];

/// Greetings that prove nothing, however much they remind of something.
const STRANGE_GREETINGS: &[&str] = &[
    "220 mx.example ESMTP",
    "220 postfix.example ESMTP",
    "220 exim.sendmail.example ESMTP ready",
    "220 mx.example ESMTP Postfixed",
    "220 mx.example SMTP, no Postfix here",
    "220 mx.example ESMTP not Exim",
    "220 mx.outlook.com.evil.example ESMTP",
    "220 mx.google.com ESMTP",
    "220 mimecast.com.example ESMTP",
    "220 mx.example ESMTP moxie",
    "220 mx.example ESMTP (0a8d40ef45300cc1)",
    "220 mx.example at your service",
    "220 20 20",
    "220 **",
    "220 mx.example ESMTP Service Ready",
    "220 mx.example (Nemesis) ESMTP Service ready",
    "554 mx.example too many connections from 192.0.2.9",
    "220",
];

const STRANGE_EHLOS: &[&[&str]] = &[
    &["mx.example", "PIPELINING", "8BITMIME", "SMTPUTF8"],
    &["mx.example Hello c.example [192.0.2.9]", "SIZE 1000", "STARTTLS", "HELP"],
    &["mx.example Hello c.example [192.0.2.9], pleased to meet you", "SIZE 1000", "STARTTLS"],
    &["mx.example", "SIZE 1000", "PIPELINING", "ETRN", "STARTTLS"],
    &["mx.example", "X-EXPSYLON", "XXX", "XVERP"],
    &["mx.example", "LIMITS RCPTMAX=100"],
    &["PIPECONNECT"],
    &["X-EXPS GSSAPI", "SIZE"],
    &["mx.example", "XPIPECONNECT", "X-EXPS-2"],
    &[""],
];

const STRANGE_STARTTLS: &[&str] = &[
    // Postfix, Sendmail and OpenSMTPD say the same.
    "220 2.0.0 Ready to start TLS",
    "220 Ready to start TLS",
    "220 go ahead",
    "220 TLS go ahead, friend",
    "454 4.7.0 TLS not available",
    "454 TLS not available due to temporary reason",
];

fn greets(text: &str) -> Conversation {
    let mut seen = Conversation::default();
    seen.smtp.greeting = Some(reply(text));
    seen
}

fn offers(lines: &[&str]) -> Conversation {
    let mut seen = greets("220 mx.example ESMTP");
    let mut offered = capabilities(&lines[1..]);
    offered.domain = lines[0].to_owned();
    seen.smtp.capabilities = Some(offered);
    seen
}

fn answers_starttls(text: &str) -> Conversation {
    let mut seen = offers(&["mx.example", "STARTTLS"]);
    let starttls = StarttlsFacts { offered: true, reply: Some(reply(text)), ..Default::default() };
    seen.smtp.starttls = Some(starttls);
    seen
}

fn id(seen: &Conversation) -> Option<&'static str> {
    recognise(seen).map(|software| software.id.as_str())
}

#[test]
fn everything_known_is_recognised_by_its_words() {
    for (expected, text) in GREETINGS {
        assert_eq!(id(&greets(text)), Some(*expected), "{text}");
    }
    for (expected, lines) in EHLOS {
        assert_eq!(id(&offers(lines)), Some(*expected), "{lines:?}");
        let mut inside = offers(lines);
        inside.smtp.capabilities_after_tls = inside.smtp.capabilities.take();
        assert_eq!(id(&inside), Some(*expected), "inside TLS: {lines:?}");
    }
    for (expected, text) in STARTTLS {
        assert_eq!(id(&answers_starttls(text)), Some(*expected), "{text}");
    }
}

#[test]
fn what_only_reminds_of_something_is_not_recognised() {
    for text in STRANGE_GREETINGS {
        assert_eq!(id(&greets(text)), None, "{text}");
    }
    for lines in STRANGE_EHLOS {
        assert_eq!(id(&offers(lines)), None, "{lines:?}");
    }
    for text in STRANGE_STARTTLS {
        assert_eq!(id(&answers_starttls(text)), None, "{text}");
    }
    assert_eq!(id(&Conversation::default()), None);
}

#[test]
fn every_pattern_is_fired_by_something() {
    let texts = |stage: &str| -> Vec<(&str, String)> {
        match stage {
            "greeting" => GREETINGS.iter().map(|(id, t)| (*id, text_of(&reply(t)))).collect(),
            "starttls" => STARTTLS.iter().map(|(id, t)| (*id, text_of(&reply(t)))).collect(),
            _ => {
                let offered = |lines| text_offered(&offers(lines).smtp.capabilities.expect("some"));
                EHLOS.iter().map(|(id, lines)| (*id, offered(lines))).collect()
            }
        }
    };
    let file: File = toml::from_str(DATA).expect("the data is TOML of this shape");
    for row in &file.software {
        let stages =
            [("greeting", &row.greeting), ("ehlo", &row.ehlo), ("starttls", &row.starttls)];
        for (stage, patterns) in stages {
            for text in patterns {
                let pattern = pattern(text).unwrap_or_else(|| panic!("{}: {text}", row.id));
                let mut texts = texts(stage).into_iter().filter(|(id, _)| *id == row.id);
                assert!(texts.any(|(_, t)| pattern.is_match(&t)), "{} {stage}: {text}", row.id);
            }
        }
    }
}

#[test]
fn every_row_has_a_name_of_its_own_and_a_source() {
    let file: File = toml::from_str(DATA).expect("the data is TOML of this shape");
    let parts: Vec<u16> = file.updated.split('-').filter_map(|part| part.parse().ok()).collect();
    let [year, 1..=12, 1..=31] = parts[..] else { panic!("no date: {}", file.updated) };
    assert!(year >= 2026, "{}", file.updated);
    let mut names = BTreeMap::new();
    for row in &file.software {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(row.id.chars().all(kebab) && !row.id.is_empty(), "{}", row.id);
        assert!(!row.name.is_empty() && row.source.len() > 10, "{} lacks a source", row.id);
        assert_eq!(names.insert(row.name.clone(), row.id.clone()), None, "{}", row.name);
        assert_eq!(find(&row.id).map(|s| &s.name), Some(&row.name));
    }
    let ids: BTreeSet<&str> = file.software.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), file.software.len(), "an id stands there twice");
    assert!(ids.len() >= 25, "{}", ids.len());
}

#[test]
fn the_greeting_counts_more_than_ehlo_and_ehlo_more_than_starttls() {
    let mut seen = answers_starttls("220 TLS go ahead");
    assert_eq!(id(&seen), Some("exim"));
    seen.smtp.capabilities = offers(&["mx.example you had me at EHLO"]).smtp.capabilities;
    assert_eq!(id(&seen), Some("stalwart"));
    seen.smtp.greeting = Some(reply("220 mx.example ESMTP Postfix"));
    assert_eq!(id(&seen), Some("postfix"));
}

#[test]
fn a_greeting_in_plaintext_on_a_tls_port_is_one_too() {
    let first_bytes = b"220-mx.example ESMTP Exim 4.98 Mon\r\n220 hello\r\n".to_vec();
    let tls = TlsFacts { first_bytes, ..TlsFacts::default() };
    let mut seen = Conversation { tls: Some(tls), ..Conversation::default() };
    assert_eq!(id(&seen), Some("exim"));
    seen.tls = Some(TlsFacts {
        first_bytes: b"\x15\x03\x01\0\x02\x02\x28".to_vec(),
        ..TlsFacts::default()
    });
    assert_eq!(id(&seen), None);
}

#[test]
fn hostile_words_are_looked_at_for_a_moment_only() {
    let long = format!("220 {}", "é ESMTP ".repeat(100_000));
    assert_eq!(id(&greets(&long)), None);
    let late = format!("220 {} ESMTP Postfix", "x".repeat(LOOKED_AT));
    assert_eq!(id(&greets(&late)), None, "what comes late is not looked at");
    let lines: Vec<&str> = std::iter::repeat_n("X", 100_000).collect();
    assert_eq!(id(&offers(&lines)), None);
}

#[test]
fn the_words_of_a_pattern_are_those_that_it_cannot_do_without() {
    for (pattern, words) in [
        (r"^\S+\.(outlook|office365)\.com Microsoft ESMTP", ".com Microsoft ESMTP"),
        (r"\AMailgun Influx ready$", "Mailgun Influx ready"),
        (r"^\S+ ESMTP \S.* - gsmtp$", " - gsmtp"),
        (r"ESMTP Exim? \d+", "ESMTP Exi"),
        (r"ab+cd*ef", "ab"),
        (r"ab{2}cde", "abb"),
        (r"\nX{4,}[A-Z]$", "XXXX"),
        (r"a{0,3}b", "b"),
        (r"one [a-z]two[)] three", " three"),
        (r"(?i)any thing", "any thing"),
        (r"(?x)anything", ""),
        ("one|another", ""),
        ("(one) (two)|three", ""),
    ] {
        assert_eq!(super::words_of(pattern), words, "{pattern}");
    }
    // And most of those that there are have some.
    let all =
        super::known().iter().flat_map(|s| s.greeting.iter().chain(&s.ehlo).chain(&s.starttls));
    let (with, without): (Vec<_>, Vec<_>) = all.partition(|pattern| pattern.words.len() > 3);
    assert!(with.len() > 9 * without.len(), "{} with, {} without", with.len(), without.len());
}
