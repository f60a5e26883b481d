//! The one table of ports: what each is for, how it is spoken, and when it must work.
//!
//! Knows 25, 465, 587 and 2525 and nothing of any server. Who asks for which ports is decided in
//! [`plan`](crate::plan); whether a group's member works, in [`diagnosis`](crate::diagnosis).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How TLS begins on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The dialogue begins in plaintext and STARTTLS upgrades it (RFC 3207).
    Starttls,
    /// TLS from the first byte (RFC 8314 §3).
    Implicit,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starttls => "STARTTLS",
            Self::Implicit => "implicit TLS",
        })
    }
}

/// What a server is to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A mail exchanger of the domain, explicit or implicit (RFC 5321 §5.1).
    Mx,
    /// A server through which the domain's users send (RFC 6409).
    Submission,
    /// A server that the user named directly.
    Host,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mx => "mx",
            Self::Submission => "submission",
            Self::Host => "host",
        })
    }
}

/// Relay between servers, RFC 5321.
pub const RELAY: u16 = 25;
/// Submission with implicit TLS, RFC 8314 §3.3.
pub const SUBMISSIONS: u16 = 465;
/// Submission with STARTTLS, RFC 6409.
pub const SUBMISSION: u16 = 587;
/// In no standard: what providers offer where 587 is blocked.
pub const ALTERNATE: u16 = 2525;

/// A port and how it is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortMode {
    /// The port number.
    pub port: u16,
    /// How TLS begins there.
    pub mode: Mode,
}

impl PortMode {
    /// The port with its usual mode: 465 implicit, every other STARTTLS.
    pub fn usual(port: u16) -> Self {
        let mode = if port == SUBMISSIONS { Mode::Implicit } else { Mode::Starttls };
        Self { port, mode }
    }
}

/// Whether an endpoint has to work, as far as that is known before anything was probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// It has to work.
    Required,
    /// One of this server's endpoints that say so has to work; it makes the others optional.
    OneOf,
    /// Looked at because it may be useful; not being offered is no problem.
    Optional,
}

/// Whether `port` is required of a server in `role`.
///
/// `named` says that the user or an SRV record asked for this very port of this server. For a
/// [`Role::Host`] an explicit `--ports` names its ports.
///
/// ```
/// # use smtpcheck::{Requirement, Role, requirement};
/// assert_eq!(requirement(Role::Mx, 25, false), Requirement::Required);
/// assert_eq!(requirement(Role::Submission, 587, false), Requirement::OneOf);
/// assert_eq!(requirement(Role::Mx, 587, false), Requirement::Optional);
/// ```
pub fn requirement(role: Role, port: u16, named: bool) -> Requirement {
    match (role, port) {
        _ if named => Requirement::Required,
        (Role::Mx, RELAY) => Requirement::Required,
        (Role::Submission, SUBMISSIONS | SUBMISSION) => Requirement::OneOf,
        (Role::Host, RELAY | SUBMISSIONS | SUBMISSION) => Requirement::OneOf,
        _ => Requirement::Optional,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_465_is_implicit_by_default() {
        let implicit: Vec<u16> =
            (1..=u16::MAX).filter(|p| PortMode::usual(*p).mode == Mode::Implicit).collect();
        assert_eq!(implicit, [465]);
    }

    #[test]
    fn what_must_work() {
        use Requirement::{OneOf, Optional, Required};
        for (role, port, named, expected) in [
            (Role::Mx, 25, false, Required),
            (Role::Mx, 465, false, Optional),
            (Role::Mx, 2525, false, Optional),
            (Role::Submission, 25, false, Optional),
            (Role::Submission, 465, false, OneOf),
            (Role::Submission, 587, false, OneOf),
            (Role::Submission, 2525, false, Optional),
            (Role::Submission, 2525, true, Required),
            (Role::Host, 25, false, OneOf),
            (Role::Host, 587, false, OneOf),
            (Role::Host, 2525, false, Optional),
            (Role::Host, 10025, true, Required),
        ] {
            assert_eq!(requirement(role, port, named), expected, "{role} {port} {named}");
        }
    }
}
