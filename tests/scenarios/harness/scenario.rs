//! The shape of a scenario file. `tests/scenarios.rs` explains it with an example.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

/// One file: a world, a command line, and what must come out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The command line without the program's name.
    pub args: Vec<String>,
    /// What `--config` names, which is then given.
    pub config: Option<String>,
    /// What the target `-` reads.
    pub stdin: Option<String>,
    /// When the user interrupts, in seconds.
    pub interrupted_after: Option<f64>,
    /// What becomes of every question about a name.
    #[serde(default)]
    pub resolver: Mood,
    /// The exit code.
    pub exit: u8,
    /// How long it takes, in seconds of the paused clock; half a tenth more or less is the same.
    pub took: f64,
    /// Parts of the text report, spaces and line breaks aside.
    #[serde(default)]
    pub says: Vec<String>,
    /// This machine.
    #[serde(default)]
    pub local: Local,
    /// Names. A listed name without the asked type has no data, any other does not exist.
    #[serde(default)]
    pub dns: BTreeMap<String, Name>,
    /// Named certificates.
    #[serde(default)]
    pub certificate: BTreeMap<String, Certificate>,
    /// Servers. Ports that none of them has are closed; dialling any other address is a mistake.
    #[serde(default)]
    pub server: Vec<Server>,
    /// The routers on the way to an address, separated by spaces.
    #[serde(default)]
    pub path: BTreeMap<IpAddr, String>,
    /// How many connections an address and port has seen, where that matters.
    #[serde(default)]
    pub connections: BTreeMap<SocketAddr, usize>,
    /// `network.ports[].outbound`, where that matters.
    #[serde(default)]
    pub outbound: BTreeMap<String, String>,
    /// Each target, in order.
    pub expect: Vec<Expected>,
}

/// How the name server feels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mood {
    /// It answers.
    #[default]
    Works,
    /// SERVFAIL to everything.
    Fails,
    /// REFUSED to everything.
    Refuses,
    /// No answer to anything.
    Silent,
}

/// This machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// There is a route to public IPv4 addresses.
    pub ipv4: bool,
    /// There is a route to public IPv6 addresses.
    pub ipv6: bool,
    /// Addresses that it reaches although the family has no route to the public.
    pub routes: Vec<IpAddr>,
    /// Ports on which it swallows whatever leaves it.
    pub swallows: Vec<u16>,
    /// Where it gives itself away to be.
    pub environment: Option<String>,
}

impl Default for Local {
    fn default() -> Self {
        Self { ipv4: true, ipv6: true, routes: Vec::new(), swallows: Vec::new(), environment: None }
    }
}

/// What the name server knows of a name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Name {
    /// The alias that stands for every type.
    pub cname: Option<String>,
    pub mx: Option<Answer>,
    pub srv: Option<Answer>,
    pub a: Option<Answer>,
    pub aaaa: Option<Answer>,
    /// Every type that is not given.
    pub every: Option<Behaviour>,
}

/// Records in presentation form, or what happens instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    Records(Vec<String>),
    Instead(Behaviour),
    Both(Both),
}

/// What happens, and the records that are there all the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Both {
    pub behaviour: Behaviour,
    #[serde(default)]
    pub records: Vec<String>,
    /// The info-codes of extended errors (RFC 8914).
    #[serde(default)]
    pub extended: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    Nxdomain,
    Nodata,
    Servfail,
    /// SERVFAIL, but the records with checking disabled.
    ServfailUnlessCd,
    /// SERVFAIL to the first question, the records afterwards.
    ServfailAtFirst,
    Refused,
    Timeout,
    Truncated,
}

/// A server, or what is in its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it is.
    pub at: Vec<SocketAddr>,
    /// `open`, `refused`, `silent`, `no-route`, `denied` or `icmp TYPE/CODE from ADDRESS`.
    #[serde(default = "open")]
    pub connect: String,
    /// How many hops packets to it get, where something stops them.
    pub cut: Option<u8>,
    /// At which hop it is answered, where that is not behind the last router.
    pub answered_at: Option<u8>,
    /// How long the connection takes, in seconds.
    #[serde(default = "a_short_way")]
    pub delay: f64,
    /// What it says: a script for every connection, or one for each, of which the last stays.
    /// `healthy`, which is the default, is what its port is for.
    #[serde(default = "healthy")]
    pub says: OneOrMany,
    /// The certificate's name; by default it is a good one for whatever server is asked for.
    pub certificate: Option<String>,
}

fn open() -> String {
    "open".to_owned()
}

fn a_short_way() -> f64 {
    0.01
}

fn healthy() -> OneOrMany {
    OneOrMany::One("healthy".to_owned())
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// How many scripts there are.
    pub fn number(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(scripts) => scripts.len(),
        }
    }

    /// The script for a connection, counted from nought.
    pub fn of_connection(&self, number: usize) -> &str {
        match self {
            Self::One(script) => script,
            Self::Many(scripts) => &scripts[number.min(scripts.len() - 1)],
        }
    }
}

/// A certificate, as far as it differs from a good one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// Whom it names; by default the server that is asked for.
    pub names: Option<Vec<String>>,
    /// The first day of its validity, from today.
    pub not_before: i64,
    /// The last day of its validity, from today.
    pub not_after: i64,
    pub issuer: Issuer,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { names: None, not_before: -10, not_after: 80, issuer: Issuer::Trusted }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    Trusted,
    /// Another one that is trusted.
    TrustedToo,
    Untrusted,
    SelfSigned,
    /// A trusted intermediate that the server does not send.
    NotSent,
}

/// What must be said of one target, no more and no less.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub verdict: String,
    /// `SEVERITY CODE` of each finding of the target as a whole, in any order.
    #[serde(default)]
    pub codes: Vec<String>,
    /// `dns.mx_source`.
    pub mx_source: Option<String>,
    #[serde(default)]
    pub interrupted: bool,
    /// The line of a list was no target.
    #[serde(default)]
    pub error: bool,
    /// `ROLE HOST ADDRESS PORT[,PORT…]` → what must be said of it.
    #[serde(default)]
    pub endpoints: BTreeMap<String, ExpectedEndpoint>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedEndpoint {
    pub status: String,
    #[serde(default)]
    pub required: bool,
    /// `SEVERITY CODE` of each finding, in any order.
    #[serde(default)]
    pub codes: Vec<String>,
    pub skipped_because: Option<String>,
    /// `block.by`.
    pub blocked_by: Option<String>,
    /// How long the connection was waited for, in seconds, where that matters.
    pub waited: Option<f64>,
}
