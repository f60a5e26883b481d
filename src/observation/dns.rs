//! What name resolution showed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::names::{Exchange, Host, HostName};
use crate::port::Mode;

/// What DNS said about one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DnsObservation {
    /// The MX look-up; absent where the target is no domain.
    pub mx: Option<MxObservation>,
    /// The SRV look-ups; empty where `--submission` or the kind of target makes them needless.
    pub srv: Vec<SrvObservation>,
    /// The addresses of every host that was needed, each host once a source.
    pub hosts: Vec<HostObservation>,
    /// The submission servers, in the order in which a client tries them.
    pub submission: Vec<SubmissionServer>,
    /// Submission servers were not to be looked for (`--submission none`, or a server as target).
    pub submission_not_asked: bool,
    /// What was found and not followed, because there was too much of it.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

impl DnsObservation {
    /// What is known of a host's addresses as the world sees them: from the name server, or where
    /// it was not asked, from the user. This machine's hosts file counts last, as it says nothing
    /// about what a sender elsewhere finds.
    pub fn host(&self, name: &HostName) -> Option<&HostObservation> {
        self.sources(name).min_by_key(|h| match h.source {
            AddressSource::Dns => 0,
            AddressSource::ConnectTo => 1,
            AddressSource::HostsFile => 2,
        })
    }

    /// What every source says of a host's addresses. One name may be an MX host, which is looked
    /// up, and a submission server, for which the hosts file counts.
    pub fn sources(&self, name: &HostName) -> impl Iterator<Item = &HostObservation> {
        self.hosts.iter().filter(move |h| &h.host == name)
    }

    /// Every look-up that was made for this target.
    pub fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        self.mx
            .iter()
            .map(|mx| &mx.lookup)
            .chain(self.srv.iter().map(|srv| &srv.lookup))
            .chain(self.hosts.iter().flat_map(|h| [&h.ipv4, &h.ipv6]).flatten().map(|a| &a.lookup))
    }
}

/// Records of one set of which only the first were followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The name that has the records.
    pub name: String,
    /// Their type, as `MX`.
    pub record_type: String,
    /// How many there are.
    pub seen: usize,
    /// How many of them were followed.
    pub kept: usize,
}

impl LeftOut {
    /// Whole servers were left out, and not only some of a server's addresses.
    pub fn is_of_servers(&self) -> bool {
        !matches!(self.record_type.as_str(), "A" | "AAAA")
    }
}

/// One question to the name server and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// The name that was asked for, without a trailing dot.
    pub name: String,
    /// The record type, as `MX`.
    pub record_type: String,
    /// What came.
    pub outcome: LookupOutcome,
    /// The CNAME chain from the name to where the records are: empty for no alias.
    pub aliases: Vec<String>,
}

/// What came of a look-up. Each is a different fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupOutcome {
    /// Records of the asked type.
    Found,
    /// The name exists, without records of this type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// SERVFAIL, with what further questions showed.
    ServerFailure(ServerFailure),
    /// The name server refuses to answer us.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The answer was cut off over UDP and could not be had over TCP.
    Truncated,
    /// Another error; a fragment that says what came ("the reply code was NOTIMP").
    Failed(String),
}

impl Lookup {
    /// What came in the place of an answer, as a clause; `None` where the name server answered.
    pub fn no_answer(&self) -> Option<&str> {
        Some(match &self.outcome {
            LookupOutcome::Found | LookupOutcome::NoData | LookupOutcome::NxDomain => return None,
            LookupOutcome::ServerFailure(_) => "the name server failed (SERVFAIL)",
            LookupOutcome::Refused => "the name server refuses to answer (REFUSED)",
            LookupOutcome::TimedOut => "no name server answered in time",
            LookupOutcome::Truncated => "the answer was cut off, and could not be had over TCP",
            LookupOutcome::Failed(why) => why,
        })
    }
}

impl LookupOutcome {
    /// The name server gave an answer about the name, good or bad.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Found | Self::NoData | Self::NxDomain)
    }
}

/// What further questions showed after a SERVFAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFailure {
    /// The same name server answers for an unrelated name. Absent where that was not found out.
    pub answers_elsewhere: Option<bool>,
    /// With checking disabled (CD=1, RFC 4035 §3.2.2) the name server answers this very question.
    pub answers_unchecked: Option<bool>,
    /// The extended errors that came with it (RFC 8914).
    pub extended: Vec<ExtendedError>,
}

/// One extended DNS error (RFC 8914).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// The info-code.
    pub code: u16,
    /// The extra text, possibly empty.
    pub text: String,
}

/// The MX look-up of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MxObservation {
    /// The look-up itself.
    pub lookup: Lookup,
    /// The records, lowest preference first; hosts of one preference by name.
    pub records: Vec<MxRecord>,
    /// There is no MX record, so the domain's own addresses were asked for (RFC 5321 §5.1).
    pub implicit: bool,
}

/// One MX record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MxRecord {
    /// The preference, lowest first.
    pub preference: u16,
    /// The exchange in presentation form, as DNS has it.
    pub raw: String,
    /// What the exchange is.
    pub exchange: Exchange,
}

/// One SRV look-up (RFC 6186, RFC 8314 §5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SrvObservation {
    /// `_submissions._tcp` or `_submission._tcp`.
    pub service: String,
    /// How TLS begins at this service.
    pub mode: Mode,
    /// The look-up itself.
    pub lookup: Lookup,
    /// The records, in the order in which a client tries them.
    pub records: Vec<SrvRecord>,
}

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SrvRecord {
    /// The priority, lowest first.
    pub priority: u16,
    /// The weight among records of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The target in presentation form; `.` declares the service absent.
    pub raw: String,
    /// What the target is: [`Exchange::Null`] for `.`.
    pub target: Exchange,
}

/// The addresses of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostObservation {
    /// The host.
    pub host: HostName,
    /// Where the addresses come from.
    pub source: AddressSource,
    /// The A look-up; absent where it was not asked for.
    pub ipv4: Option<AddressLookup>,
    /// The AAAA look-up; absent where it was not asked for.
    pub ipv6: Option<AddressLookup>,
    /// The addresses, IPv4 first.
    pub addresses: Vec<IpAddr>,
}

/// Where a host's addresses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressSource {
    /// The name server.
    Dns,
    /// This machine's hosts file.
    HostsFile,
    /// `--connect-to`: the host was not looked up.
    ConnectTo,
}

/// One address look-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressLookup {
    /// The look-up itself.
    pub lookup: Lookup,
    /// The addresses in the order in which they came.
    pub addresses: Vec<IpAddr>,
}

/// A submission server and how it was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionServer {
    /// The server.
    pub host: Host,
    /// The port that an SRV record or the user named.
    pub port: Option<u16>,
    /// How TLS begins on that port, where SRV says so.
    pub mode: Option<Mode>,
    /// How it was found.
    pub source: SubmissionSource,
}

/// How a submission server was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SubmissionSource {
    /// The user named it.
    Option,
    /// An SRV record names it.
    Srv,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_world_sees_beats_what_this_machine_believes() {
        let host = HostName::parse("mail.example.test").expect("a host name");
        let from = |source| HostObservation {
            host: host.clone(),
            source,
            ipv4: None,
            ipv6: None,
            addresses: Vec::new(),
        };
        let mut dns = DnsObservation::default();
        for source in [AddressSource::HostsFile, AddressSource::ConnectTo, AddressSource::Dns] {
            dns.hosts.push(from(source));
            assert_eq!(dns.host(&host).map(|h| h.source), Some(source));
        }
        assert_eq!(dns.sources(&host).count(), 3);
    }
}
