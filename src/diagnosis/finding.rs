//! The words of a verdict: severities, statuses, blocks and findings.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// It works today, but it is fragile or against a standard.
    Warning,
    /// Mail fails, or a promised protection is absent.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The verdict on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything required was carried out, and no finding is an error.
    Ok,
    /// At least one finding is an error.
    Problems,
    /// Something required could not be checked, so nothing is claimed.
    Undetermined,
}

/// What an endpoint is worth to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was not dialled.
    Skipped,
    /// A reset from the server's own distance: nothing listens there.
    Closed,
    /// Something stops the port.
    Blocked,
    /// An optional port that does not answer; no block is claimed.
    Silent,
    /// The path is fine and the server turns this client away.
    Rejected,
    /// It answers, and something about it is wrong enough to be an error.
    Misconfigured,
    /// A client of this kind gets its mail through.
    Open,
}

impl Status {
    /// All of them, the best first.
    pub(crate) const ALL: [Self; 7] = [
        Self::Open,
        Self::Closed,
        Self::Blocked,
        Self::Silent,
        Self::Rejected,
        Self::Misconfigured,
        Self::Skipped,
    ];
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skipped => "skipped",
            Self::Closed => "closed",
            Self::Blocked => "blocked",
            Self::Silent => "silent",
            Self::Rejected => "rejected",
            Self::Misconfigured => "misconfigured",
            Self::Open => "open",
        })
    }
}

/// On whose side a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BlockedBy {
    /// This machine: its firewall, a policy, security software.
    ThisHost,
    /// The local network, the ISP or the cloud provider: this side of the path.
    YourNetwork,
    /// Beyond this side and more than one hop before the server.
    Transit,
    /// The firewall in front of the server, or the server's silence.
    TheirNetwork,
    /// The evidence does not say.
    Unknown,
}

/// By what means a port is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BlockedHow {
    /// Packets vanish.
    Silence,
    /// A reset is sent in the server's name.
    Reset,
    /// An ICMP message refuses.
    Icmp,
    /// Something answers in the server's place.
    Intercepted,
    /// The kernel of this machine refuses the call.
    Denied,
}

/// How sure a block's culprit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Less than the others.
    Guess,
    /// A ladder and one control, or two unrelated controls.
    Likely,
    /// The kernel, or the same host's own ladder together with a control, proves it.
    Certain,
}

/// Who stops a port, how, and how that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Block {
    /// On whose side.
    pub by: BlockedBy,
    /// By what means.
    pub how: BlockedHow,
    /// How sure the culprit is.
    pub confidence: Confidence,
    /// The last hop that was seen before the stop or the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<u8>,
    /// That hop's address; for an ICMP refusal its sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_address: Option<IpAddr>,
    /// Sentences that a user can paste into a ticket.
    pub evidence: Vec<String>,
}

impl Block {
    /// It is known to be this machine's or this network's: no fault of the server's.
    pub(crate) fn is_on_this_side(&self) -> bool {
        matches!(self.by, BlockedBy::ThisHost | BlockedBy::YourNetwork)
    }
}

/// One thing that is so, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The stable code, as `certificate-expired`.
    pub code: String,
    /// How bad it is here.
    pub severity: Severity,
    /// What is so: one sentence without its full stop. It may quote remote text raw; renderers
    /// sanitise it.
    pub message: String,
    /// What to do: whole sentences.
    pub fix: String,
    /// Which facts show it.
    pub evidence: Vec<String>,
    /// The standard that it goes by, as `RFC 5280 §4.1.2.5`; empty where none does.
    pub reference: String,
}
