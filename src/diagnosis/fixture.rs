//! Observations in few words, for tests of everything that judges them.
//!
//! [`talk`] is a healthy conversation with one endpoint that a test then spoils; [`domain`] and
//! [`server`] are targets with their names. Only tests are built with it.

mod world;

use std::net::IpAddr;

use time::OffsetDateTime;

use super::check::{Check, EndpointFacts, Found, Outcome, Rule};
use super::checks;
use super::reach::Reach;
use crate::names::{Host, HostName};
use crate::observation::*;
use crate::port::{Mode, PortMode, RELAY, Requirement, Role};

pub use world::{World, domain, server};

/// The instant of every fixture: 2026-11-23T20:00:00Z.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_464_000).expect("an instant")
}

/// A host name.
pub fn name(text: &str) -> HostName {
    HostName::parse(text).expect("a host name")
}

/// An IP address.
pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}

/// A reply as it stands on the wire, `250-mx.example.com\n250 SIZE`.
pub fn reply(text: &str) -> Reply {
    let lines = text.lines().map(|l| l.get(4..).unwrap_or_default().to_owned()).collect();
    let code = text.get(..3).and_then(|code| code.parse().ok()).expect("a reply code");
    Reply { code, lines, ..Reply::default() }
}

/// What an EHLO offers, each keyword with its parameters.
pub fn capabilities(offers: &[&str]) -> Capabilities {
    let keyword = |offer: &&str| {
        let (keyword, parameters) = offer.split_once(' ').unwrap_or((offer, ""));
        Keyword { keyword: keyword.to_owned(), parameters: parameters.to_owned() }
    };
    Capabilities {
        helo_only: false,
        domain: "mx.example.com".to_owned(),
        keywords: offers.iter().map(keyword).collect(),
    }
}

/// A certificate that is good from ten days ago until in eighty.
pub fn certificate(subject: &str, issuer: &str, names: &[&str]) -> CertificateFacts {
    CertificateFacts {
        subject: format!("CN={subject}"),
        issuer: format!("CN={issuer}"),
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        not_before: Some(now() - time::Duration::days(10)),
        not_after: Some(now() + time::Duration::days(80)),
        key: "ECDSA P-256".to_owned(),
        signature: "ecdsa-with-SHA256".to_owned(),
        sha256: "00".repeat(32),
        spki_sha256: "11".repeat(32),
        issuer_urls: Vec::new(),
        error: None,
    }
}

fn healthy_tls() -> TlsFacts {
    TlsFacts {
        version: Some("TLSv1.3".to_owned()),
        cipher_suite: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        key_exchange: Some("x25519".to_owned()),
        chain: vec![
            certificate("mx.example.com", "Example R1", &["mx.example.com"]),
            certificate("Example R1", "Example Root", &[]),
        ],
        path: Some(PathVerdict { trusted: true, untrusted_because: None, error: None }),
        name_matches: Some(true),
        signature: Some(SignatureVerdict {
            scheme: "ecdsa_secp256r1_sha256".to_owned(),
            error: None,
        }),
        error: None,
        first_bytes: Vec::new(),
    }
}

impl TlsFacts {
    /// Makes the chain one that is not trusted.
    pub(crate) fn distrust(&mut self, because: UntrustedBecause, error: &str) {
        self.path = Some(PathVerdict {
            trusted: false,
            untrusted_because: Some(because),
            error: Some(error.to_owned()),
        });
    }
}

/// An endpoint of `mx.example.com[192.0.2.1]` and a conversation with it.
#[derive(Clone)]
pub struct Talk {
    endpoint: EndpointObservation,
    seen: Conversation,
}

/// A healthy conversation on `port`, spoken as is usual there: STARTTLS or implicit TLS, a trusted
/// chain, and AUTH inside TLS where the port is not 25.
pub fn talk(port: u16) -> Talk {
    let mode = PortMode::usual(port).mode;
    let (role, preference) =
        if port == RELAY { (Role::Mx, Some(10)) } else { (Role::Submission, None) };
    let mut seen = Conversation::default();
    seen.connect.outcome = ConnectOutcome::Connected;
    seen.smtp.greeting = Some(reply("220 mx.example.com ESMTP"));
    seen.smtp.greeting_first_byte = Some(Millis(20.0));
    seen.tls = Some(healthy_tls());
    seen.ending = Some(Ending::Completed);
    let after: &[&str] = if port == RELAY { &["SIZE"] } else { &["SIZE", "AUTH PLAIN LOGIN"] };
    seen.smtp.ehlo_attempts_after_tls = vec![attempt("EHLO", "250 mx.example.com")];
    seen.smtp.capabilities_after_tls = Some(capabilities(after));
    if mode == Mode::Starttls {
        seen.smtp.ehlo_attempts = vec![attempt("EHLO", "250 mx.example.com")];
        seen.smtp.capabilities = Some(capabilities(&["SIZE", "STARTTLS"]));
        seen.smtp.starttls = Some(StarttlsFacts {
            offered: true,
            reply: Some(reply("220 Ready")),
            plaintext_behind: Vec::new(),
        });
    }
    let endpoint = EndpointObservation {
        role,
        host: Host::Name(name("mx.example.com")),
        preference,
        address: ip("192.0.2.1"),
        port,
        mode,
        requirement: Requirement::Required,
        probe: Probe::Skipped(Skip::NotDialled(String::new())),
    };
    Talk { endpoint, seen }
}

fn attempt(verb: &str, answer: &str) -> EhloAttempt {
    EhloAttempt { verb: verb.to_owned(), name: "client.example".to_owned(), reply: reply(answer) }
}

impl Talk {
    /// Spoils any fact of the conversation.
    pub fn edit(mut self, edit: impl FnOnce(&mut Conversation)) -> Self {
        edit(&mut self.seen);
        self
    }

    /// Changes any fact of the endpoint.
    pub fn at(mut self, edit: impl FnOnce(&mut EndpointObservation)) -> Self {
        edit(&mut self.endpoint);
        self
    }

    /// Spoils any fact of the handshake.
    pub fn tls(self, edit: impl FnOnce(&mut TlsFacts)) -> Self {
        self.edit(|c| edit(c.tls.as_mut().expect("a conversation with TLS")))
    }

    /// Ends the conversation, at the step that `ending` names; nothing from that step on is known.
    pub fn ends(mut self, ending: Ending) -> Self {
        match ending {
            Ending::Closed(step)
            | Ending::Reset(step)
            | Ending::NotSmtp(step)
            | Ending::TimedOut { phase: step, .. }
            | Ending::TooMuch { phase: step, .. }
            | Ending::Failed { phase: step, .. } => self.cut(step),
            Ending::TlsFailed => self.cut(Phase::Tls),
            Ending::Completed => {}
        }
        self.edit(|c| c.ending = Some(ending))
    }

    fn cut(&mut self, step: Phase) {
        let tls_comes_first = self.endpoint.mode == Mode::Implicit;
        let smtp = &mut self.seen.smtp;
        if step <= Phase::EhloAfterTls {
            smtp.ehlo_attempts_after_tls.clear();
            smtp.capabilities_after_tls = None;
        }
        if step == Phase::Greeting || (step == Phase::Tls && tls_comes_first) {
            smtp.greeting = None;
            smtp.greeting_first_byte = None;
        }
        if step <= Phase::Ehlo {
            smtp.ehlo_attempts.clear();
            smtp.capabilities = None;
            smtp.starttls = None;
        }
        if step == Phase::Starttls
            && let Some(starttls) = &mut smtp.starttls
        {
            starttls.reply = None;
        }
        if step <= Phase::Tls && !(tls_comes_first && step == Phase::Greeting) {
            self.seen.tls = (step == Phase::Tls).then(TlsFacts::default);
        }
    }

    /// Not a byte of a greeting.
    pub fn silent(self) -> Self {
        self.ends(Ending::TimedOut { phase: Phase::Greeting, partial: false })
    }

    /// This greeting; the conversation ends there unless it is a 2yz.
    pub fn greeting(mut self, text: &str) -> Self {
        let greeting = reply(text);
        if !greeting.is_positive() {
            self.cut(Phase::Greeting);
        }
        self.edit(|c| c.smtp.greeting = Some(greeting))
    }

    /// These bytes in place of a greeting.
    pub fn not_smtp(self, bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        self.ends(Ending::NotSmtp(Phase::Greeting)).edit(|c| c.smtp.not_smtp = Some(bytes))
    }

    /// Every EHLO and HELO gets this answer: before TLS, or inside it where TLS comes first.
    pub fn refuses_ehlo(mut self, answer: &str) -> Self {
        let attempts =
            vec![attempt("EHLO", answer), attempt("EHLO", answer), attempt("HELO", answer)];
        if self.endpoint.mode == Mode::Implicit {
            self.cut(Phase::EhloAfterTls);
            return self.edit(|c| c.smtp.ehlo_attempts_after_tls = attempts);
        }
        self.cut(Phase::Ehlo);
        self.edit(|c| c.smtp.ehlo_attempts = attempts)
    }

    /// Offers these keywords before TLS; without STARTTLS the conversation ends there.
    pub fn offers(mut self, offers: &[&str]) -> Self {
        let offered = offers.contains(&"STARTTLS");
        if !offered {
            self.cut(Phase::Starttls);
        }
        self.edit(|c| {
            c.smtp.capabilities = Some(capabilities(offers));
            if !offered {
                c.smtp.starttls = Some(StarttlsFacts::default());
            }
        })
    }

    /// Offers these keywords inside TLS.
    pub fn offers_inside_tls(self, offers: &[&str]) -> Self {
        self.edit(|c| c.smtp.capabilities_after_tls = Some(capabilities(offers)))
    }

    /// Answers STARTTLS so, and the conversation ends there.
    pub fn starttls(mut self, answer: &str) -> Self {
        self.cut(Phase::Starttls);
        self.edit(|c| {
            let starttls = c.smtp.starttls.as_mut().expect("a port with STARTTLS");
            starttls.reply = Some(reply(answer));
        })
    }

    /// The handshake fails so.
    pub fn tls_fails(self, kind: TlsErrorKind, text: &str, first_bytes: &[u8]) -> Self {
        let error = TlsError { kind, text: text.to_owned() };
        self.ends(Ending::TlsFailed).tls(|tls| {
            tls.error = Some(error);
            tls.first_bytes = first_bytes.to_vec();
        })
    }

    /// The server chose this from a wider offer.
    pub fn then_chose(self, choice: Choice) -> Self {
        let offer = WiderOffer::Chosen(Box::new(choice));
        self.edit(|c| c.second_look = Some(SecondLook::WiderOffer(offer)))
    }

    /// The server refused a wider offer, too.
    pub fn then_refused(self, alert: &str) -> Self {
        let offer = WiderOffer::Refused(alert.to_owned());
        self.edit(|c| c.second_look = Some(SecondLook::WiderOffer(offer)))
    }

    /// The endpoint as it goes into a target.
    pub fn endpoint(&self) -> EndpointObservation {
        let mut endpoint = self.endpoint.clone();
        endpoint.probe = Probe::Dialled(self.seen.clone().into());
        endpoint
    }

    /// What a check makes of it, connected as it is.
    pub fn outcome(&self, check: &Check) -> Outcome {
        self.outcome_of(check, &Reach::Connected)
    }

    /// What a check makes of it under another verdict on its connection.
    pub fn outcome_of(&self, check: &Check, reach: &Reach) -> Outcome {
        let world = domain("example.com").endpoint(self.endpoint());
        let target = &world.run.targets[0];
        let Rule::Endpoint(rule) = check.rule else { panic!("{} judges targets", check.code) };
        rule(&EndpointFacts { run: &world.run, target, endpoint: &target.endpoints[0], reach })
    }

    /// The one thing that a check finds.
    pub fn found(&self, check: &Check) -> Found {
        only(check, self.outcome(check))
    }

    /// The codes of everything that is found here and occurs on this port, in the registry's order.
    pub fn codes(&self) -> Vec<&'static str> {
        let here = checks::ALL.iter().filter(|c| c.severity(self.endpoint.port).is_some());
        here.filter(|check| matches!(check.rule, Rule::Endpoint(_)))
            .filter(|check| matches!(self.outcome(check), Outcome::Found(_)))
            .map(|check| check.code)
            .collect()
    }
}

fn only(check: &Check, outcome: Outcome) -> Found {
    match outcome {
        Outcome::Found(found) if found.len() == 1 => found.into_iter().next().expect("one"),
        other => panic!("{}: {other:?}", check.code),
    }
}
