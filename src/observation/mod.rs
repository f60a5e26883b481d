//! Facts only: what was asked, what came, and when.
//!
//! Knows the shape of what DNS, TCP, SMTP and TLS showed. Must not know severities, advice or the
//! word "blocked": those are verdicts, made by [`diagnose`](crate::diagnose). Observations can be
//! saved (serde) and diagnosed again later.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::names::{Host, Target};
use crate::port::{Mode, Requirement, Role};

pub(crate) mod bytes;
pub mod dns;
pub mod network;
pub mod path;
pub(crate) mod pushback;
pub mod smtp;
pub mod tcp;
pub mod tls;

pub use dns::{
    AddressLookup, AddressSource, DnsObservation, ExtendedError, HostObservation, LeftOut, Lookup,
    LookupOutcome, MxObservation, MxRecord, ServerFailure, SrvObservation, SrvRecord,
    SubmissionServer, SubmissionSource,
};
pub use network::{
    ControlObservation, Gap, NetworkObservation, NetworkObservations, OtherEndpoint, SelfProbe,
};
pub use path::{Hop, Missing, PathEnd, PathObservation, TraceObservation, TraceObservations};
pub use smtp::{
    Capabilities, Direction, EhloAttempt, Ending, Keyword, Limit, Phase, Reply, ReplyDefect,
    SmtpFacts, StarttlsFacts, Timings, TranscriptLine,
};
pub use tcp::{Connect, ConnectOutcome, IcmpMessage};
pub use tls::{
    CertificateFacts, Choice, PathVerdict, SignatureVerdict, TlsError, TlsErrorKind, TlsFacts,
    TlsPart, UntrustedBecause, WiderOffer,
};

/// A span of time in milliseconds, kept to a hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Millis(pub f64);

impl From<Duration> for Millis {
    fn from(span: Duration) -> Self {
        Self((span.as_secs_f64() * 100_000.0).round() / 100.0)
    }
}

impl Millis {
    /// The same span in seconds, for sentences.
    pub fn as_secs(self) -> f64 {
        self.0 / 1000.0
    }
}

/// Everything that one run saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub duration: Millis,
    /// When the program that saw this was released: no clock that is right shows an earlier time.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub released_at: Option<OffsetDateTime>,
    /// What this machine can do.
    pub local: LocalNetwork,
    /// What was seen of the way out, where a required port failed.
    #[serde(default)]
    pub network: NetworkObservation,
    /// What was seen of each target, in the order in which they were asked for.
    pub targets: Vec<TargetObservation>,
}

impl Observations {
    /// Every endpoint that is known of the run, and when it was seen.
    pub fn endpoints(&self) -> impl Iterator<Item = (OffsetDateTime, &EndpointObservation)> {
        let of_targets = self.targets.iter().flat_map(|target| {
            target.endpoints.iter().map(|endpoint| (target.observed_at, endpoint))
        });
        let others = self.network.others.iter().map(|other| (other.observed_at, &other.endpoint));
        of_targets.chain(others)
    }
}

/// What this machine's routing table offers, found without sending a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalNetwork {
    /// There is a route to public IPv4 addresses.
    pub ipv4: bool,
    /// There is a route to public IPv6 addresses.
    pub ipv6: bool,
}

/// What one run saw of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetObservation {
    /// What the user typed.
    pub input: String,
    /// How it was understood.
    pub target: Target,
    /// When work on it began; the instant against which the dates of certificates are judged.
    #[serde(with = "time::serde::rfc3339")]
    pub observed_at: OffsetDateTime,
    /// How long it took.
    pub duration: Millis,
    /// False where the run was interrupted before everything was carried out.
    pub complete: bool,
    /// What was still to come then.
    #[serde(default)]
    pub unfinished: Vec<Unfinished>,
    /// What DNS said.
    pub dns: DnsObservation,
    /// The endpoints, ordered by role, preference, host, address and port.
    pub endpoints: Vec<EndpointObservation>,
}

/// A part of a target that an interrupted run did not come to the end of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfinished {
    /// Nothing of it was begun.
    Everything,
    /// It is not known which mail exchangers there are.
    MailExchangers,
    /// It is not known which submission servers there are.
    SubmissionServers,
    /// These ports of a server have no result, at one of its addresses at least.
    Server {
        /// What the server is to the target.
        role: Role,
        /// The server.
        host: Host,
        /// The ports.
        ports: Vec<u16>,
    },
}

/// One endpoint: a role, a server, an address and a port, and what was seen there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointObservation {
    /// What the server is to the target.
    pub role: Role,
    /// The server as it is called; its name is what the certificate must name.
    pub host: Host,
    /// The MX preference, lowest first (RFC 5321 §5.1).
    pub preference: Option<u16>,
    /// The address that was dialled, or would have been.
    pub address: IpAddr,
    /// The port that was meant, whatever `--connect-to` made of it.
    pub port: u16,
    /// How TLS was to begin.
    pub mode: Mode,
    /// Whether it has to work, as known beforehand.
    pub requirement: Requirement,
    /// What was seen.
    pub probe: Probe,
}

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// It was not dialled.
    Skipped(Skip),
    /// It was dialled.
    Dialled(Arc<Conversation>),
}

/// Why an endpoint was not dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// This machine has no IPv4.
    NoIpv4Here,
    /// This machine has no IPv6.
    NoIpv6Here,
    /// Its address is not public, and the user wants none but public ones dialled.
    NotPublic,
    /// A rule of ours forbids it, at any time; the text is a fragment that says which ("a multicast or
    /// reserved address is no host").
    Forbidden(String),
    /// It did not come to it this time: a shortage of this machine, a fault of this program, no turn
    /// at the server. The text is a fragment that says which.
    NotDialled(String),
}

/// A server's time that differs by less from this clock's is the same: its zone may be set wrongly, which
/// is as much as 26 hours, and no certificate is judged by hours.
pub const CLOCKS_DIFFER: time::Duration = time::Duration::days(2);

/// Everything that one endpoint showed: the connection, the dialogue and the handshake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The TCP connection.
    pub connect: Connect,
    /// What was said.
    pub smtp: SmtpFacts,
    /// What the TLS handshake showed; absent where none was begun.
    pub tls: Option<TlsFacts>,
    /// How it ended; absent where there was no connection.
    pub ending: Option<Ending>,
    /// How long each phase took.
    pub timings: Timings,
    /// The first reply of an earlier try that the server put off with a 4yz reply; this
    /// conversation is the second, polite try.
    pub put_off: Option<Reply>,
    /// What a further look on a new connection showed, where this one ended in silence or in a
    /// handshake that failed without a reason.
    pub second_look: Option<SecondLook>,
    /// An earlier connection attempt to the same port was not answered; this one is the second.
    #[serde(default)]
    pub silent_before: bool,
    /// For so long this program, or its machine, did not run meanwhile (it was stopped, or slept):
    /// what took long is not the server's doing.
    #[serde(default)]
    pub did_not_run: Option<Millis>,
    /// Every line in both directions, capped; empty where it was not asked to be kept.
    pub transcript: Vec<TranscriptLine>,
}

/// A further look on a new connection after a conversation that left open why it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondLook {
    /// A ClientHello was sent where a greeting was missing, and TLS was answered (a ServerHello or
    /// an alert): the port expects TLS at once.
    TlsAnswered,
    /// A ClientHello was sent where a greeting was missing, and it changed nothing.
    StillSilent,
    /// A ClientHello was sent where a greeting was missing, and something other than TLS answered:
    /// its first bytes (at most 512).
    Answered(Vec<u8>),
    /// A handshake had failed with an alert or a close that says not why, and a wider offer was made.
    WiderOffer(WiderOffer),
    /// A TLS handshake had stalled, and with segments of at most 1000 bytes it was finished.
    SmallSegmentsPass,
    /// A TLS handshake had stalled, and with segments of at most 1000 bytes it stalls as well.
    SmallSegmentsStall,
}

impl Probe {
    /// Why the endpoint was not dialled, where it was not.
    pub fn skip(&self) -> Option<&Skip> {
        match self {
            Self::Skipped(skip) => Some(skip),
            Self::Dialled(_) => None,
        }
    }
}

impl EndpointObservation {
    /// The conversation, where the endpoint was dialled.
    pub fn conversation(&self) -> Option<&Conversation> {
        match &self.probe {
            Probe::Dialled(conversation) => Some(conversation),
            Probe::Skipped(_) => None,
        }
    }

    /// A connection was made.
    pub fn is_connected(&self) -> bool {
        self.conversation().is_some_and(|c| c.connect.outcome == ConnectOutcome::Connected)
    }

    /// The form in which people quote an endpoint: `name[address]:port`.
    pub fn label(&self) -> String {
        label(&self.host, self.address, self.port)
    }
}

/// The form in which people quote an endpoint: `name[address]:port`.
pub(crate) fn label(host: &Host, address: IpAddr, port: u16) -> String {
    match host {
        Host::Name(name) => format!("{name}[{address}]:{port}"),
        Host::Address(address) => format!("[{address}]:{port}"),
    }
}
