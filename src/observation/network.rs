//! What was seen of the way out of this network, beside the targets: looked at because a required
//! port failed, or for the command `network`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    ConnectOutcome, Conversation, EndpointObservation, LocalNetwork, Lookup, Millis,
    PathObservation, Reply,
};
use crate::names::Host;
use crate::port::Mode;

/// What one run saw of its way out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkObservation {
    /// The cloud, container or CI service that this machine gives itself away to be in: the id of
    /// a row of the providers' data.
    pub environment: Option<String>,
    /// Every conversation with a control, in the order in which they were begun.
    pub controls: Vec<ControlObservation>,
    /// Every ladder, in the order in which they were finished.
    pub paths: Vec<PathObservation>,
    /// Every connection to this machine's own address.
    pub self_probes: Vec<SelfProbe>,
    /// What was to be looked at and could not be.
    pub gaps: Vec<Gap>,
    /// Endpoints of other targets of the same run that bear on this one, where each target is judged
    /// by itself; empty where all of them are at hand.
    pub others: Vec<OtherEndpoint>,
}

/// An endpoint of another target of the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherEndpoint {
    /// When it was seen.
    #[serde(with = "time::serde::rfc3339")]
    pub observed_at: OffsetDateTime,
    /// What was seen.
    pub endpoint: EndpointObservation,
}

/// What a control showed: a mail server that is known to be good, asked whether its port answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlObservation {
    /// The server.
    pub host: Host,
    /// Who runs it: controls of one operator are no second opinion.
    pub operator: String,
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port that was meant, whatever `--connect-to` made of it.
    pub port: u16,
    /// How TLS begins there.
    pub mode: Mode,
    /// What it showed.
    pub conversation: Box<Conversation>,
}

/// A connection to an address of this machine itself, on a port that fails elsewhere. A filter for
/// outgoing packets swallows it, where a port on which nothing listens refuses it; a rule that
/// redirects outgoing connections takes it as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfProbe {
    /// This machine's address, from which the failing connections left.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What came of it.
    pub outcome: ConnectOutcome,
    /// The greeting, where one was waited for and came.
    pub greeting: Option<Reply>,
}

/// Something that was to be looked at and could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// A control has no address of this family, or its address is not known.
    ControlWithoutAddress {
        /// The control.
        host: Host,
        /// IPv4 was asked for; else IPv6.
        ipv4: bool,
        /// The look-up that gave none; absent where none was made.
        lookup: Option<Lookup>,
    },
    /// A control was not dialled; the text is a clause.
    ControlNotDialled {
        /// The control.
        host: Host,
        /// The port.
        port: u16,
        /// Why not.
        why: String,
    },
    /// The path to a port could not be traced; the text is a clause.
    NotTraced {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// Why not.
        why: String,
    },
    /// The path to a port was not traced, as enough others were.
    EnoughTraced {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
}

/// Everything that one run of the command `network` saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkObservations {
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub duration: Millis,
    /// False where the user interrupted.
    pub complete: bool,
    /// What this machine can do.
    pub local: LocalNetwork,
    /// What was seen.
    pub network: NetworkObservation,
}

impl ControlObservation {
    /// The form in which people quote an endpoint: `name[address]:port`.
    pub fn label(&self) -> String {
        super::label(&self.host, self.address, self.port)
    }
}
