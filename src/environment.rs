//! Where this program runs: which cloud, CI service, platform, hosting or container.
//!
//! Knows by what marks each is recognised and what it does to the mail ports by default; both are
//! dated data with their sources, `environment/providers.toml`. Must not know whether a port is
//! blocked: a row explains a block that was measured, and proves none. Pure but for
//! [`Marks::system`], which looks at this machine only and never asks a network for metadata.

mod marks;

use std::sync::LazyLock;

use serde::Deserialize;

use marks::Mark;
pub use marks::Marks;

/// What kind of environment it is, the nearest to the program first: what is near is what its user
/// can do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine of a service for continuous integration.
    Ci,
    /// A platform that runs programs; its users have no machine.
    Platform,
    /// A machine that a hosting company runs for many customers.
    Hosting,
    /// A machine in a cloud.
    Cloud,
    /// A container or the like. Its network is the host's, of which it says nothing.
    Container,
}

/// How well a [`Policy`] is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The provider writes it.
    Documented,
    /// Others write it.
    Reported,
    /// It follows from what is known of another provider.
    Inferred,
}

/// What an environment does to the mail ports by default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The mail ports that are closed by default, ascending.
    pub blocks: Vec<u16>,
    /// The mail ports that stay open, the best for sending first. What is in neither list is
    /// unknown.
    pub open: Vec<u16>,
    /// What is blocked and for whom, in sentences.
    pub says: String,
    /// How to get the block lifted, in sentences.
    pub lift: String,
    /// How well all this is founded.
    pub basis: Basis,
}

/// A cloud, CI service, platform, hosting or container, as of a month.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its word in reports and saved observations, such as `aws-ec2`. Never renamed.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What kind of environment it is.
    pub kind: Kind,
    /// What it does to mail ports, where that is known.
    pub policy: Option<Policy>,
    /// The addresses of the pages that say so.
    pub sources: Vec<String>,
    /// The month, such as `2026-08`, in which the sources last said so.
    pub checked: String,
    marks: Vec<Mark>,
}

impl Provider {
    /// What to do about this port being blocked here, in sentences to read or to paste: what is
    /// blocked by default, how to get it lifted, which port to send through, and who says so since
    /// when. Nothing where the provider is not known to block the port.
    ///
    /// ```
    /// let hetzner = smtpcheck::provider("hetzner-cloud").expect("a row of the data");
    /// assert!(hetzner.advice(465).expect("it blocks 465").contains("port 587"));
    /// assert_eq!(hetzner.advice(587), None);
    /// ```
    pub fn advice(&self, port: u16) -> Option<String> {
        let policy = self.policy.as_ref().filter(|policy| policy.blocks.contains(&port))?;
        let sending = match policy.open.as_slice() {
            [] => {
                "For sending, a mail service with an HTTPS interface needs no mail port.".to_owned()
            }
            open => {
                let ports: Vec<String> = open.iter().map(u16::to_string).collect();
                format!(
                    "For sending, use a mail service on port {}, which this leaves open.",
                    ports.join(" or ")
                )
            }
        };
        let basis = match policy.basis {
            Basis::Documented => "documented by the provider",
            Basis::Reported => "reported by others",
            Basis::Inferred => "inferred, not documented",
        };
        // No full stop after an address: it would be copied along.
        Some(format!(
            "{} {} {sending} Policy as of {}, {basis}: {}",
            policy.says,
            policy.lift,
            self.checked,
            self.sources.join(" "),
        ))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    provider: Vec<Provider>,
}

static PROVIDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    let data: Data = toml::from_str(include_str!("environment/providers.toml"))
        .expect("a test reads this very file");
    data.provider
});

/// The environment that these marks are of: of those that fit, the nearest to the program by
/// [`Kind`], and of those the first in the data. A container in a cloud is thus that cloud, whose
/// firmware it sees, and a CI job there is that CI's; a self-hosted runner is none of the CI's.
///
/// ```
/// # use smtpcheck::{Marks, recognise};
/// let mut marks = Marks::default();
/// assert!(recognise(&marks).is_none());
/// marks.files.insert("/.dockerenv".to_owned());
/// assert_eq!(recognise(&marks).map(|found| found.id.as_str()), Some("docker"));
/// marks.machine.insert("sys_vendor".to_owned(), "Hetzner".to_owned());
/// assert_eq!(recognise(&marks).map(|found| found.id.as_str()), Some("hetzner-cloud"));
/// ```
pub fn recognise(marks: &Marks) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .filter(|provider| provider.marks.iter().any(|mark| mark.fits(marks)))
        // Of equal ones it is the first that is found.
        .min_by_key(|provider| provider.kind)
}

/// The environment with this id, for observations that were saved elsewhere.
pub fn provider(id: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.id == id)
}

#[cfg(test)]
mod tests;
