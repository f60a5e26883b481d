//! The domains of the lab, each with one thing to show.
//!
//! A domain is data: its story, its zone, its servers, and the exit code that it deserves. What
//! smtpcheck finds there is asserted in `tests/loopback.rs`.

use super::Lab;
use super::behaviour::{Behaviour, Greeting, Tls};
use super::certificates::Flaw;

/// One domain of the lab.
pub struct Domain {
    /// Its name.
    pub name: &'static str,
    /// What is the matter with it, for people.
    pub story: &'static str,
    /// What stands on the command line beside the domain.
    pub arguments: &'static [&'static str],
    /// The exit code that it deserves.
    pub exit: u8,
    zone: &'static str,
    servers: fn(&mut Lab),
}

impl Domain {
    /// Finds a domain by its name.
    pub fn find(name: &str) -> Option<&'static Self> {
        DOMAINS.iter().find(|domain| domain.name == name)
    }
}

impl Lab {
    /// Starts the lab with all its domains.
    pub fn with_domains() -> Self {
        let mut lab = Self::start();
        for domain in DOMAINS {
            lab.dns.add(domain.zone);
            (domain.servers)(&mut lab);
        }
        lab
    }
}

/// Every domain, the healthy one first.
pub static DOMAINS: &[Domain] = &[
    Domain {
        name: "healthy.example",
        story: "Everything as it should be: two mail exchangers, submission on 465 and 587.",
        arguments: &[],
        exit: 0,
        zone: "
            healthy.example                    MX  10 mx1.healthy.example
            healthy.example                    MX  20 mx2.healthy.example
            _submissions._tcp.healthy.example  SRV 0 1 465 smtp.healthy.example
            _submission._tcp.healthy.example   SRV 0 1 587 smtp.healthy.example",
        servers: |lab| {
            lab.relay("mx1.healthy.example", Flaw::None);
            lab.relay("mx2.healthy.example", Flaw::ViaIntermediate);
            lab.submission("smtp.healthy.example", Flaw::None);
        },
    },
    Domain {
        name: "expired.example",
        story: "One server for everything, and nobody renewed its certificate.",
        arguments: &[],
        exit: 1,
        zone: "
            expired.example                    MX  10 mail.expired.example
            _submissions._tcp.expired.example  SRV 0 1 465 mail.expired.example
            _submission._tcp.expired.example   SRV 0 1 587 mail.expired.example",
        servers: |lab| {
            lab.relay("mail.expired.example", Flaw::Expired);
            lab.submission("mail.expired.example", Flaw::Expired);
        },
    },
    Domain {
        name: "wrong-name.example",
        story: "The submission server shows the certificate of a web site.",
        arguments: &[],
        exit: 1,
        zone: "
            wrong-name.example                    MX  10 mx.wrong-name.example
            _submissions._tcp.wrong-name.example  SRV 0 1 465 smtp.wrong-name.example
            _submission._tcp.wrong-name.example   SRV 0 1 587 smtp.wrong-name.example",
        servers: |lab| {
            lab.relay("mx.wrong-name.example", Flaw::None);
            lab.submission("smtp.wrong-name.example", Flaw::OtherName);
        },
    },
    Domain {
        name: "self-signed.example",
        story: "The certificates are self-signed: fine between servers, refused by mail programs.",
        arguments: &[],
        exit: 1,
        zone: "
            self-signed.example                    MX  10 mx.self-signed.example
            _submissions._tcp.self-signed.example  SRV 0 1 465 smtp.self-signed.example
            _submission._tcp.self-signed.example   SRV 0 1 587 smtp.self-signed.example",
        servers: |lab| {
            lab.relay("mx.self-signed.example", Flaw::SelfSigned);
            lab.submission("smtp.self-signed.example", Flaw::SelfSigned);
        },
    },
    Domain {
        name: "no-starttls.example",
        story: "Mail arrives in clear, and the submission server has no encryption to offer either.",
        arguments: &["--submission", "smtp.no-starttls.example:587"],
        exit: 1,
        zone: "no-starttls.example MX 10 mx.no-starttls.example",
        servers: |lab| {
            for (host, port) in [("mx.no-starttls.example", 25), ("smtp.no-starttls.example", 587)]
            {
                let identity = lab.identity(host, Flaw::None);
                let relay = Behaviour::relay(identity);
                lab.serve(host, port, Behaviour { tls: Tls::Absent, ..relay });
            }
        },
    },
    Domain {
        name: "plaintext-465.example",
        story: "Port 465 was set up like port 587: it speaks plaintext where TLS is due.",
        arguments: &[],
        exit: 1,
        zone: "
            plaintext-465.example                    MX  10 mx.plaintext-465.example
            _submissions._tcp.plaintext-465.example  SRV 0 1 465 smtp.plaintext-465.example
            _submission._tcp.plaintext-465.example   SRV 0 1 587 smtp.plaintext-465.example",
        servers: |lab| {
            lab.relay("mx.plaintext-465.example", Flaw::None);
            let identity = lab.identity("smtp.plaintext-465.example", Flaw::None);
            for port in [465, 587] {
                let submission = Behaviour::submission(identity.clone());
                lab.serve("smtp.plaintext-465.example", port, submission);
            }
        },
    },
    Domain {
        name: "auth-in-clear.example",
        story: "Port 587 asks for passwords before encryption.",
        arguments: &[],
        exit: 1,
        zone: "
            auth-in-clear.example                    MX  10 mx.auth-in-clear.example
            _submissions._tcp.auth-in-clear.example  SRV 0 1 465 smtp.auth-in-clear.example
            _submission._tcp.auth-in-clear.example   SRV 0 1 587 smtp.auth-in-clear.example",
        servers: |lab| {
            let host = "smtp.auth-in-clear.example";
            lab.relay("mx.auth-in-clear.example", Flaw::None);
            lab.submission(host, Flaw::None);
            let healthy = Behaviour::submission(lab.identity(host, Flaw::None));
            let keywords = healthy.keywords_inside.clone();
            lab.serve(host, 587, Behaviour { keywords, ..healthy });
        },
    },
    Domain {
        name: "closed.example",
        story: "The mail server is not running.",
        arguments: &[],
        exit: 1,
        zone: "closed.example MX 10 mx.closed.example",
        servers: |lab| lab.host("mx.closed.example"),
    },
    Domain {
        name: "silent.example",
        story: "The mail server takes the connection and never says a word.",
        arguments: &["--timeout", "3"],
        exit: 1,
        zone: "silent.example MX 10 mx.silent.example",
        servers: |lab| {
            lab.mute("mx.silent.example");
        },
    },
    Domain {
        name: "rejected.example",
        story: "The mail server does not serve this client: the path is fine, the answer is no.",
        arguments: &[],
        exit: 1,
        zone: "rejected.example MX 10 mx.rejected.example",
        servers: |lab| {
            let healthy = Behaviour::relay(lab.identity("mx.rejected.example", Flaw::None));
            let greeting = Greeting::text("554 5.7.1 Your address is on a block list\r\n");
            lab.serve("mx.rejected.example", 25, Behaviour { greeting, ..healthy });
        },
    },
    Domain {
        name: "throttled.example",
        story: "The mail server is too busy, again and again: no verdict is possible now.",
        arguments: &[],
        exit: 3,
        zone: "throttled.example MX 10 mx.throttled.example",
        servers: |lab| {
            let healthy = Behaviour::relay(lab.identity("mx.throttled.example", Flaw::None));
            let greeting = Greeting::PutsOff(usize::MAX);
            lab.serve("mx.throttled.example", 25, Behaviour { greeting, ..healthy });
        },
    },
    Domain {
        name: "null-mx.example",
        story: "The domain declares that it takes no mail, which is its right.",
        arguments: &[],
        exit: 0,
        zone: "null-mx.example MX 0 .",
        servers: |_| {},
    },
    Domain {
        name: "mx-problems.example",
        story: "Four mail exchangers that nobody should write, and one that works.",
        arguments: &[],
        exit: 1,
        zone: "
            mx-problems.example             MX 10 mx.mx-problems.example
            mx-problems.example             MX 20 192.0.2.25
            mx-problems.example             MX 30 http://mail.mx-problems.example
            mx-problems.example             MX 40 gone.mx-problems.example
            mx-problems.example             MX 50 alias.mx-problems.example
            alias.mx-problems.example       CNAME inside.mx-problems.example
            inside.mx-problems.example      A 127.0.0.1",
        servers: |lab| {
            lab.relay("mx.mx-problems.example", Flaw::None);
        },
    },
    Domain {
        name: "broken-dnssec.example",
        story: "The zone's signatures do not verify, so careful resolvers know nothing of it.",
        arguments: &[],
        exit: 1,
        zone: "
            broken-dnssec.example  MX 10 mx.broken-dnssec.example
            broken-dnssec.example  BOGUS",
        servers: |lab| {
            lab.relay("mx.broken-dnssec.example", Flaw::None);
        },
    },
    Domain {
        name: "no-such.example",
        story: "A typing error: the domain does not exist.",
        arguments: &[],
        exit: 1,
        zone: "",
        servers: |_| {},
    },
];
