//! Asks name servers, and brings what they say into the order in which a client uses it.
//!
//! Knows DNS: questions, outcomes, the order of MX and SRV records, the hosts file. Must not know
//! what is wrong with an answer; that is for [`diagnosis`](crate::diagnosis). Begin with
//! [`Names`], which everybody else asks; it asks a [`Resolver`], of which [`HickoryResolver`] is
//! the real one.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::pin::Pin;

use crate::observation::dns::{Lookup, LookupOutcome};

mod hickory;
mod hosts;
mod lookups;
mod order;
mod outage;
#[cfg(test)]
pub(crate) mod testing;
mod transport;

#[cfg(any(test, fuzzing))]
pub use hickory::fuzz;
pub use hickory::{HickoryResolver, NoNameServer};
pub use hosts::HostsFile;
pub use lookups::{Names, NamesOptions};
pub use order::{is_implicit, submission_servers};

/// The record types that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// An IPv4 address, RFC 1035 §3.4.1.
    A,
    /// An IPv6 address, RFC 3596.
    Aaaa,
    /// A mail exchanger, RFC 1035 §3.3.9.
    Mx,
    /// The place of a service, RFC 2782.
    Srv,
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Srv => "SRV",
        })
    }
}

/// What one record says. Names are in presentation form with a trailing dot; octets that are no
/// printable ASCII stand as `\DDD` (RFC 1035 §5.1), so such a name cannot pass for a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An A or AAAA record.
    Address(IpAddr),
    /// An MX record.
    Mx {
        /// The preference, lowest first.
        preference: u16,
        /// The exchange.
        exchange: String,
    },
    /// An SRV record.
    Srv {
        /// The priority, lowest first.
        priority: u16,
        /// The weight among records of one priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The target.
        target: String,
    },
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The question, its outcome and the aliases on the way.
    pub lookup: Lookup,
    /// The records of the asked type at the end of the alias chain, in the order in which they
    /// came.
    pub records: Vec<Record>,
}

impl Answer {
    /// An answer without aliases.
    pub fn new(
        name: &str,
        record_type: RecordType,
        outcome: LookupOutcome,
        records: Vec<Record>,
    ) -> Self {
        let lookup = Lookup {
            name: name.to_owned(),
            record_type: record_type.to_string(),
            outcome,
            aliases: Vec::new(),
        };
        Self { lookup, records }
    }
}

/// A name in a zone that is nobody's guess: no cache holds it, so whoever answers for it has asked.
fn name_that_does_not_exist(zone: &str) -> String {
    format!("smtpcheck-{:016x}.{zone}", RandomState::new().build_hasher().finish())
}

/// A future behind a pointer, so that [`Resolver`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The effect "names": one question to the name servers, one answer. Scenario tests replace it.
pub trait Resolver: Send + Sync {
    /// Asks for the records of one type at `name`, which has no trailing dot; empty is the root.
    /// Names are always complete: no search domain is tried.
    ///
    /// `checking_disabled` sets CD=1 (RFC 4035 §3.2.2): a validating name server then answers
    /// even what it holds for forged. Whatever goes wrong is an outcome, not an error. Of
    /// [`ServerFailure`](crate::observation::dns::ServerFailure) only `extended` is filled in.
    fn query<'a>(
        &'a self,
        name: &'a str,
        record_type: RecordType,
        checking_disabled: bool,
    ) -> BoxFuture<'a, Answer>;
}

/// Stands in where this machine has no name server: every question fails, and says why.
#[derive(Clone, Debug)]
pub struct NoResolver(String);

impl NoResolver {
    /// Answers every question with this reason.
    pub fn because(why: NoNameServer) -> Self {
        Self(why.to_string())
    }
}

impl Resolver for NoResolver {
    fn query<'a>(
        &'a self,
        name: &'a str,
        record_type: RecordType,
        _checking_disabled: bool,
    ) -> BoxFuture<'a, Answer> {
        let outcome = LookupOutcome::Failed(self.0.clone());
        Box::pin(async move { Answer::new(name, record_type, outcome, Vec::new()) })
    }
}
