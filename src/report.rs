//! What renderers see: facts and diagnosis in one model, which is also the JSON of the contract.
//!
//! Knows the published shape. Must not know how anything is shown. A renderer gets a [`Report`]
//! and nothing else.

mod build;
mod build_network;
mod build_trace;
pub mod explanation;
mod line;
#[cfg(test)]
mod schema_tests;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::diagnosis::finding::{Block, Finding, Status, Verdict};
use crate::observation::{
    CertificateFacts, IcmpMessage, Keyword, Millis, SubmissionSource, Timings, TlsError,
    TranscriptLine, UntrustedBecause, WiderOffer,
};
use crate::port::{Mode, Role};

pub use line::Line;

/// The version of the JSON's shape; it changes only when a reader would break.
pub const SCHEMA_VERSION: &str = "1";

/// The report of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// The version of this shape.
    pub schema_version: String,
    /// What made the report.
    pub tool: Tool,
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub duration_ms: Millis,
    /// This machine and its way out.
    pub network: Network,
    /// Each target, in the order in which they were asked for.
    pub targets: Vec<TargetReport>,
}

/// What made the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// `smtpcheck`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    pub(crate) fn this() -> Self {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Self { name: name.to_owned(), version: version.to_owned() }
    }
}

/// This machine and its way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Network {
    /// There is a route to public IPv4 addresses.
    pub ipv4: bool,
    /// There is a route to public IPv6 addresses.
    pub ipv6: bool,
    /// The cloud, container or CI service that this machine gives itself away to be in; absent
    /// where it was not recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// One entry for each asked port.
    pub ports: Vec<PortReport>,
    /// Every control that was contacted.
    pub controls: Vec<ControlReport>,
    /// Every path that was traced.
    pub paths: Vec<PathReport>,
    /// The command `network` was interrupted before every port was tried; only then present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What was to be looked at and could not be, each as a sentence; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What came of each address that the command `trace` was to trace; only there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<TraceReport>,
}

/// What came of one address that was to be traced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TraceReport {
    /// The host as it was named.
    pub host: String,
    /// The address; absent where this is about the host as a whole. Its ladders are those in
    /// `paths` that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How far it was traced.
    pub state: TraceState,
    /// Where the paths of its ports part, or why there are none, in whole sentences.
    pub summary: String,
}

/// How far an address was traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TraceState {
    /// Every asked port was.
    Traced,
    /// None was, as other addresses stand for it or as nothing leads there from here.
    Skipped,
    /// Some port could not be.
    Failed,
    /// The run was interrupted before every port was.
    Interrupted,
}

/// One control that was contacted: a mail server known to be good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ControlReport {
    /// The server.
    pub host: String,
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// How the connection ended.
    pub outcome: ConnectWord,
}

/// One traced path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PathReport {
    /// The host as it was named; only of the command `trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where to.
    pub address: IpAddr,
    /// To which port.
    pub port: u16,
    /// The hops, nearest first.
    pub hops: Vec<HopReport>,
    /// How the path ended.
    pub end: PathEnd,
    /// The ICMP message; only where one ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<IcmpMessage>,
}

/// One hop of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HopReport {
    /// Its distance.
    pub ttl: u8,
    /// Who answered there; absent where nobody did. A connection or a reset bears the address that
    /// was dialled, whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How long the answer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<Millis>,
}

/// How a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PathEnd {
    /// A connection was made.
    Connected,
    /// A reset came.
    Refused,
    /// An ICMP message ended it.
    IcmpUnreachable,
    /// Nothing came any more.
    Silence,
}

/// Whether a port leaves this network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PortReport {
    /// The port.
    pub port: u16,
    /// Whether it leaves this network.
    pub outbound: Outbound,
    /// Who stops it; only where it is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// What is so, in one sentence; only of the command `network`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What to do, in whole sentences; only of the command `network`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// Whether a port leaves this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outbound {
    /// Some server of this run answered there.
    Open,
    /// A block on this side was found, and nothing answered.
    Blocked,
    /// Neither.
    Unknown,
}

/// The report of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TargetReport {
    /// The domain or `host:port` as understood.
    pub target: String,
    /// What was typed.
    pub input: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in one plain sentence.
    pub summary: String,
    /// What works from here and how to send, in whole sentences; for the end of a text report.
    pub closing: String,
    /// How long this target took.
    pub duration_ms: Millis,
    /// Why the target cannot be checked at all; only for a line of a list that is no target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The run was interrupted before this target was finished; only then present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What was still to come then, each as a fragment; only then present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
    /// What DNS says.
    pub dns: DnsReport,
    /// The endpoints, ordered by role, preference, host, address and port.
    pub endpoints: Vec<EndpointReport>,
    /// The findings of the target as a whole.
    pub findings: Vec<Finding>,
}

/// What DNS says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DnsReport {
    /// The mail exchangers, lowest preference first.
    pub mx: Vec<MxReport>,
    /// Where they come from; absent where MX was not looked up or the look-up failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mx_source: Option<MxSource>,
    /// The submission servers.
    pub submission: Vec<SubmissionReport>,
    /// The look-ups that gave no answer, each as a sentence.
    pub failures: Vec<String>,
    /// What was found and not followed, because there was too much of it, each as a sentence; only
    /// then present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// One mail exchanger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MxReport {
    /// The host, or what stands in its place.
    pub host: String,
    /// The preference, lowest first.
    pub preference: u16,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Where the mail exchangers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MxSource {
    /// MX records.
    Mx,
    /// The domain's own addresses, for want of MX records (RFC 5321 §5.1).
    Implicit,
    /// The domain declares that it takes no mail (RFC 7505).
    NullMx,
    /// There is no mail host.
    None,
}

/// One submission server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SubmissionReport {
    /// The server.
    pub host: String,
    /// The port that was named; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How it was found.
    pub source: SubmissionSource,
}

/// The report of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EndpointReport {
    /// What the server is to the target.
    pub role: Role,
    /// The server as it is called.
    pub host: String,
    /// The MX preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<u16>,
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port that was meant.
    pub port: u16,
    /// How TLS begins.
    pub mode: Mode,
    /// It has to work.
    pub required: bool,
    /// What it is worth to a client.
    pub status: Status,
    /// Why it was not dialled; only where the status is `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_because: Option<SkippedBecause>,
    /// A rule of this program forbids to dial this address, so another run will not dial it either;
    /// only then present. Every other `not-dialled` may pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped_by_rule: bool,
    /// The status in one plain sentence.
    pub summary: String,
    /// The connection; absent where it was not dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<ConnectReport>,
    /// The dialogue; absent where nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpReport>,
    /// The handshake; absent where none was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsReport>,
    /// How long each phase took; absent where it was not dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings_ms: Option<Timings>,
    /// Who stops it; only where the status is `blocked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// What was found here.
    pub findings: Vec<Finding>,
    /// The conversation, line by line; only with `-vv`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcript: Vec<TranscriptLine>,
}

/// Why an endpoint was not dialled, or is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SkippedBecause {
    /// This machine has no IPv4.
    NoIpv4Here,
    /// This machine has no IPv6.
    NoIpv6Here,
    /// Its address is not public, and `--public-only` was given.
    NotPublic,
    /// A rule of this program forbids it (`skipped_by_rule`), or it did not come to it: a shortage of
    /// this machine, a fault of this program, no turn at the server.
    NotDialled,
    /// It was dialled, and is blocked on this side, which `--blocked-here skip` leaves out.
    BlockedHere,
}

/// The connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConnectReport {
    /// How it ended.
    pub outcome: ConnectWord,
    /// The ICMP message; only where one ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<IcmpMessage>,
    /// How long it took.
    pub elapsed_ms: Millis,
}

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConnectWord {
    /// The three-way handshake completed.
    Connected,
    /// A reset came.
    Refused,
    /// Nothing came.
    TimedOut,
    /// An ICMP message ended it.
    IcmpUnreachable,
    /// This machine has no route there.
    NoRoute,
    /// A policy of this machine refused the call.
    DeniedLocally,
}

/// The dialogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SmtpReport {
    /// The greeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<GreetingReport>,
    /// The server software, as `postfix` or `exchange-online`, where its words give it away. A hint,
    /// never decisive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    /// The keywords offered before TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ehlo: Option<Vec<Keyword>>,
    /// What became of STARTTLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<StarttlsReport>,
    /// The keywords offered inside TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ehlo_after_tls: Option<Vec<Keyword>>,
}

/// The greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GreetingReport {
    /// The reply code.
    pub code: u16,
    /// The text of each line, raw.
    pub lines: Vec<String>,
}

/// What became of STARTTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StarttlsReport {
    /// The keyword stood in the EHLO reply.
    pub offered: bool,
    /// The command was answered with 220.
    pub accepted: bool,
}

/// The handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TlsReport {
    /// The protocol version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The IANA name of the cipher suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// The IANA name of the key exchange group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_exchange: Option<String>,
    /// The chain leads to a trust anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<bool>,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted_because: Option<UntrustedBecause>,
    /// The certificate names the server that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_matches: Option<bool>,
    /// Why the handshake failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TlsError>,
    /// What the server made of a wider offer on a second connection; only where the handshake
    /// failed with an alert that does not say why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wider_offer: Option<WiderOffer>,
    /// The certificates as they were sent, leaf first.
    pub chain: Vec<CertificateFacts>,
}
