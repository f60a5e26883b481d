//! The questions of one run, each asked once.
//!
//! Knows what has been asked in this run, which further questions a SERVFAIL calls for, and what
//! the look-ups of a domain are. Must not know how a question travels; a [`Resolver`] does. The
//! answers are facts for [`diagnosis`](crate::diagnosis).

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use tokio::time::Instant;

use super::order::{sort_mx, sort_srv};
use super::{Answer, HostsFile, Record, RecordType, Resolver, hosts, name_that_does_not_exist};
use crate::names::{Domain, Exchange, HostName};
use crate::observation::dns::{
    AddressLookup, LookupOutcome, MxObservation, MxRecord, ServerFailure, SrvObservation, SrvRecord,
};
use crate::port::Mode;

/// How long resolvers usually repeat a SERVFAIL that they have cached: BIND one second
/// (`servfail-ttl`), Unbound five. RFC 9520 §3.2 asks for at least one.
const SERVFAIL_CACHED: Duration = Duration::from_millis(5200);

/// Answers that are kept, those that were used last. A long list has three of its own for each
/// domain; what many domains share is used again before as many others have come.
const KEPT: NonZeroUsize = NonZeroUsize::new(2048).unwrap();

/// An answer with more records is not kept: so much memory is for nobody's zone to take.
const KEPT_RECORDS: usize = 64;

/// How long a failure is kept, so that whoever asks for the same at about that time shares it. A
/// resolver may do so for five minutes (RFC 9520 §3.2); what many domains of a long list share is
/// asked for again, as the outage may be over.
const FAILURE_KEPT: Duration = Duration::from_secs(30);

/// How much earlier than a SERVFAIL it may have been asked whether the name server answers for
/// anybody else. One that has lost its way out says SERVFAIL after trying for seconds.
const ASKED_LATELY: Duration = Duration::from_secs(2);

/// What goes into [`Names`] besides the resolver.
#[derive(Clone, Debug, Default)]
pub struct NamesOptions {
    /// IPv4 addresses are wanted.
    pub ipv4: bool,
    /// IPv6 addresses are wanted.
    pub ipv6: bool,
    /// The hosts file; absent where `--resolver` turns it off.
    pub hosts: Option<HostsFile>,
}

/// Empty until the first of those who want it has it.
type SharedAnswer = Arc<OnceCell<(Instant, Arc<Answer>)>>;

/// When it was asked whether the name server answers for a name that cannot be in its cache, and
/// what came of it.
type Elsewhere = Option<(Instant, Option<bool>)>;

/// Looks names up. Each name and type is asked for once while its answer is kept, however many tasks
/// want it.
pub struct Names {
    resolver: Arc<dyn Resolver>,
    options: NamesOptions,
    answers: Mutex<LruCache<(String, RecordType), SharedAnswer>>,
    elsewhere: AsyncMutex<Elsewhere>,
}

impl Names {
    /// Nothing asked yet.
    pub fn new(resolver: Arc<dyn Resolver>, options: NamesOptions) -> Self {
        let answers = Mutex::new(LruCache::new(KEPT));
        Self { resolver, options, answers, elsewhere: AsyncMutex::default() }
    }

    /// The MX records of a domain, in the order in which a client tries them. `implicit` is left
    /// false: whoever goes on to ask for the domain's own addresses sets it
    /// (`is_implicit`).
    pub async fn mx(&self, domain: &Domain) -> MxObservation {
        let answer = self.ask(domain.as_str(), RecordType::Mx).await;
        let mut records: Vec<MxRecord> = answer
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Mx { preference, exchange } => Some(MxRecord {
                    preference: *preference,
                    raw: exchange.clone(),
                    exchange: Exchange::parse(&exchange.to_ascii_lowercase(), domain.as_str()),
                }),
                _ => None,
            })
            .collect();
        sort_mx(&mut records);
        MxObservation { lookup: answer.lookup.clone(), records, implicit: false }
    }

    /// The SRV records for submission (RFC 6186 §3.1, RFC 8314 §5.1): first those for implicit
    /// TLS, then those for STARTTLS. Both are asked for at once.
    pub async fn srv(&self, domain: &Domain) -> Vec<SrvObservation> {
        let (implicit, starttls) = tokio::join!(
            self.service(domain, "_submissions._tcp", Mode::Implicit),
            self.service(domain, "_submission._tcp", Mode::Starttls),
        );
        vec![implicit, starttls]
    }

    async fn service(&self, domain: &Domain, service: &str, mode: Mode) -> SrvObservation {
        let answer = self.ask(&format!("{service}.{domain}"), RecordType::Srv).await;
        let mut records: Vec<SrvRecord> = answer
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Srv { priority, weight, port, target } => Some(SrvRecord {
                    priority: *priority,
                    weight: *weight,
                    port: *port,
                    raw: target.clone(),
                    target: Exchange::parse(&target.to_ascii_lowercase(), domain.as_str()),
                }),
                _ => None,
            })
            .collect();
        sort_srv(&mut records);
        SrvObservation { service: service.to_owned(), mode, lookup: answer.lookup.clone(), records }
    }

    /// The IPv4 addresses of a host; `None` where that family is not wanted.
    pub async fn ipv4(&self, host: &HostName) -> Option<AddressLookup> {
        if !self.options.ipv4 {
            return None;
        }
        Some(self.addresses(host, RecordType::A).await)
    }

    /// The IPv6 addresses of a host; `None` where that family is not wanted.
    pub async fn ipv6(&self, host: &HostName) -> Option<AddressLookup> {
        if !self.options.ipv6 {
            return None;
        }
        Some(self.addresses(host, RecordType::Aaaa).await)
    }

    async fn addresses(&self, host: &HostName, record_type: RecordType) -> AddressLookup {
        let answer = self.ask(host.as_str(), record_type).await;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for record in &answer.records {
            if let Record::Address(address) = record
                && !addresses.contains(address)
            {
                addresses.push(*address);
            }
        }
        AddressLookup { lookup: answer.lookup.clone(), addresses }
    }

    /// What this machine itself knows of a host, IPv4 first: the hosts file, and `localhost`
    /// (RFC 6761 §6.3). Only for servers that the user names. `None` means: ask the name server.
    pub fn hosts_file(&self, host: &HostName) -> Option<Vec<IpAddr>> {
        let wanted = |address: &IpAddr| match address {
            IpAddr::V4(_) => self.options.ipv4,
            IpAddr::V6(_) => self.options.ipv6,
        };
        let listed = self.options.hosts.as_ref().map(|file| file.addresses(host));
        let known = [listed, hosts::localhost(host).map(Vec::from)].into_iter().flatten();
        known
            .map(|addresses| addresses.into_iter().filter(wanted).collect::<Vec<_>>())
            .find(|addresses| !addresses.is_empty())
            .map(|mut addresses| {
                addresses.sort_by_key(IpAddr::is_ipv6);
                addresses
            })
    }

    async fn ask(&self, name: &str, record_type: RecordType) -> Arc<Answer> {
        let key = (name.to_owned(), record_type);
        let cell = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.peek(&key).is_some_and(is_past) {
                answers.pop(&key);
            }
            answers.get_or_insert(key.clone(), SharedAnswer::default).clone()
        };
        let ask = || async {
            let answer = self.ask_thoroughly(name, record_type).await;
            (Instant::now(), Arc::new(answer))
        };
        let answer = cell.get_or_init(ask).await.1.clone();
        if answer.records.len() > KEPT_RECORDS {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop(&key);
        }
        answer
    }

    /// Asks, and after a SERVFAIL finds out whose fault it is.
    async fn ask_thoroughly(&self, name: &str, record_type: RecordType) -> Answer {
        let mut answer = self.resolver.query(name, record_type, false).await;
        let LookupOutcome::ServerFailure(failure) = &mut answer.lookup.outcome else {
            return answer;
        };
        let (unchecked, elsewhere) = tokio::join!(
            self.resolver.query(name, record_type, true),
            self.answers_elsewhere(name),
        );
        failure.answers_elsewhere = elsewhere;
        failure.answers_unchecked = match unchecked.lookup.outcome {
            outcome if outcome.is_answer() => Some(true),
            LookupOutcome::ServerFailure(_) => Some(false),
            _ => None,
        };
        if failure.answers_unchecked == Some(true) && !says_dnssec(failure) {
            // The question may merely have come too early, and the resolver found the zone's
            // servers meanwhile: then it answers with checking, too, and nothing is forged.
            tokio::time::sleep(SERVFAIL_CACHED).await;
            let again = self.resolver.query(name, record_type, false).await;
            if again.lookup.outcome.is_answer() {
                return again;
            }
        }
        answer
    }

    /// Whether the name server answers for anybody else at the time of a failure. What it said
    /// earlier proves little: it may have lost its way out since, or answer from its cache.
    async fn answers_elsewhere(&self, failing: &str) -> Option<bool> {
        let failed = Instant::now();
        let mut elsewhere = self.elsewhere.lock().await;
        let answers = match *elsewhere {
            Some((asked, answers)) if asked + ASKED_LATELY >= failed => answers,
            _ => {
                let asked = Instant::now();
                let answers = self.ask_elsewhere(failing).await;
                *elsewhere = Some((asked, answers));
                answers
            }
        };
        // Some answer for chosen names only.
        answers.or_else(|| self.has_answer_unrelated_to(failing).then_some(true))
    }

    fn has_answer_unrelated_to(&self, failing: &str) -> bool {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lately = answers.iter().filter_map(|((name, _), cell)| Some((name, cell.get()?)));
        lately.any(|(name, (at, answer))| {
            let is_answer = answer.lookup.outcome.is_answer() && at.elapsed() <= FAILURE_KEPT;
            is_answer && unrelated(name, failing)
        })
    }

    /// Asks for two names that do not exist, one under a domain that is made for examples and one
    /// under the failing name's own top level. What exists (the root, a top level) would be the
    /// wrong question: a resolver that has lost its way out still has it in its cache.
    async fn ask_elsewhere(&self, failing: &str) -> Option<bool> {
        let zone = if unrelated("example.com", failing) { "example.com" } else { "example.org" };
        let top = failing.rsplit('.').next().unwrap_or_default();
        let (zone, top) = (name_that_does_not_exist(zone), name_that_does_not_exist(top));
        let (zone, top) = tokio::join!(
            self.resolver.query(&zone, RecordType::A, false),
            self.resolver.query(&top, RecordType::A, false),
        );
        let outcomes = [zone.lookup.outcome, top.lookup.outcome];
        if outcomes.iter().any(LookupOutcome::is_answer) {
            return Some(true);
        }
        let fails = |o: &LookupOutcome| {
            matches!(o, LookupOutcome::ServerFailure(_) | LookupOutcome::TimedOut)
        };
        outcomes.iter().all(fails).then_some(false)
    }
}

/// Whether it is a failure that was shared for long enough.
fn is_past(cell: &SharedAnswer) -> bool {
    cell.get().is_some_and(|(at, answer)| {
        !answer.lookup.outcome.is_answer() && at.elapsed() > FAILURE_KEPT
    })
}

/// Whether two names are sure to lie in different zones: neither holds the other, and their last
/// two labels differ. `a.co.uk` and `b.co.uk` are taken for related, which costs a question.
fn unrelated(a: &str, b: &str) -> bool {
    let tail = |name: &str| {
        let mut labels = name.rsplit('.');
        let last = labels.next().map(str::to_ascii_lowercase);
        (last, labels.next().map(str::to_ascii_lowercase))
    };
    let ((a_last, a_second), (b_last, b_second)) = (tail(a), tail(b));
    a_last != b_last || (a_second != b_second && a_second.is_some() && b_second.is_some())
}

/// Whether an extended error names DNSSEC as the reason (RFC 8914 §4; 25 and 27 from the registry).
fn says_dnssec(failure: &ServerFailure) -> bool {
    failure.extended.iter().any(|error| matches!(error.code, 1 | 2 | 5..=12 | 25 | 27))
}

#[cfg(test)]
mod tests;
