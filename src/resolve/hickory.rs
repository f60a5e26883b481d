//! The real resolver. Only this and [`message`] name hickory.
//!
//! Knows which of several name servers to ask, and how long and how often. Must not know what the
//! answers are for; [`Names`](super::Names) does. Go on with [`message`], which writes and reads
//! what is sent.
//!
//! Of hickory this takes the codec and the reading of the system's configuration, and neither
//! its `Resolver` nor its pool of name servers. The resolver mixes up alias chains once something
//! is cached, and the pool throws away the message of an error, and with it the aliases that lead
//! to an NXDOMAIN and the reason of a SERVFAIL (RFC 8914). What is left to do is little: walk the
//! aliases, and tell the outcomes apart.

mod message;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType as WireType};
use hickory_resolver::system_conf::read_system_conf;
use nix::errno::Errno;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

#[cfg(any(test, fuzzing))]
pub use self::message::fuzz;
use self::message::{
    Question, Step, canonical, extended_errors, read, wire_name, wire_type, write,
};
use super::outage::{self, Outage};
use super::transport::{self, Waits};
use super::{Answer, BoxFuture, Record, RecordType, Resolver};
use crate::deadline::Deadline;
use crate::observation::dns::LookupOutcome;

/// How long one name server may keep a question, further questions for its aliases included.
const SERVER_LIMIT: Duration = Duration::from_secs(12);
/// Questions under way at once: each holds a socket, and home routers drop what comes in floods.
const MAX_QUESTIONS: usize = 128;
/// No name server is configured on this machine, and why that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoNameServer(String);

impl fmt::Display for NoNameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine's configuration names no name server: {}", self.0)
    }
}

impl std::error::Error for NoNameServer {}

/// Asks name servers over UDP, and over TCP where an answer is cut off.
#[derive(Clone, Debug)]
pub struct HickoryResolver {
    servers: Arc<[SocketAddr]>,
    /// The index of the server that is asked first: the last one that was not silent.
    preferred: Arc<AtomicUsize>,
    questions: Arc<Semaphore>,
    outage: Arc<Outage>,
    waits: Arc<Waits>,
    /// In the place of `waits` while no name server answers anything.
    brief: Arc<Waits>,
}

impl HickoryResolver {
    /// Asks the name servers that the system's configuration names (`/etc/resolv.conf` on Unix).
    ///
    /// # Errors
    ///
    /// Where it names none, or cannot be read.
    pub fn system() -> Result<Self, NoNameServer> {
        let (config, _) = read_system_conf().map_err(|error| NoNameServer(error.to_string()))?;
        let servers: Vec<SocketAddr> = config
            .name_servers()
            .iter()
            .map(|server| (server.ip, server.connections.first().map_or(53, |c| c.port)).into())
            .collect();
        if servers.is_empty() {
            return Err(NoNameServer("it lists none".to_owned()));
        }
        Ok(Self::servers(&servers))
    }

    /// Asks these name servers and no other: the first that is not silent, and the next where
    /// one fails.
    pub fn servers(servers: &[SocketAddr]) -> Self {
        Self {
            servers: servers.into(),
            preferred: Arc::default(),
            questions: Arc::new(Semaphore::new(MAX_QUESTIONS)),
            outage: Arc::default(),
            waits: Arc::default(),
            // Every name server at once.
            brief: Arc::new(Waits {
                udp: vec![outage::BRIEF],
                tcp: outage::BRIEF,
                next_server: Duration::ZERO,
            }),
        }
    }

    /// Asks, and only briefly while nobody has answered anything for so long that waiting would be for
    /// nothing. No question is left out: there are name servers that answer for some names alone.
    async fn ask_or_try(&self, question: Question) -> Reply {
        if self.outage.is_suspected() {
            let (reply, heard) = self.ask_servers(&question, &self.brief).await;
            if reply.outcome.is_answer() {
                return reply;
            }
            if !heard && !self.outage.is_over(|| self.is_anybody_there(&question)).await {
                return match reply.outcome {
                    LookupOutcome::TimedOut => Reply::failed(outage::no_reply()),
                    _ => reply,
                };
            }
        }
        self.ask_servers(&question, &self.waits).await.0
    }

    /// Whether a name server replies, be it to this question or for a name that any which asks others
    /// answers for.
    async fn is_anybody_there(&self, question: &Question) -> bool {
        let name = super::name_that_does_not_exist("example.com");
        let Ok(name) = wire_name(&name) else { return true };
        let other = Question { name, record_type: WireType::A, checking_disabled: false };
        let this = pin!(self.ask_servers(question, &self.waits));
        let other = pin!(self.ask_servers(&other, &self.waits));
        match select(this, other).await {
            Either::Left(((_, heard), other)) => heard || other.await.1,
            Either::Right(((_, heard), this)) => heard || this.await.1,
        }
    }

    /// What came of a question, and whether there was any reply at all, of use or not.
    async fn ask_servers(&self, question: &Question, waits: &Arc<Waits>) -> (Reply, bool) {
        let asking = Arc::new(Asking { waits: Arc::clone(waits), heard: AtomicBool::new(false) });
        let reply = self.best_of_servers(question, &asking).await;
        let heard = asking.heard.load(Ordering::Relaxed);
        self.outage.learn(heard);
        (reply, heard)
    }

    /// As a stub resolver does: an answer about the name from any server is the answer; until
    /// there is one, each failure or second of silence brings in the next server.
    async fn best_of_servers(&self, question: &Question, asking: &Arc<Asking>) -> Reply {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let count = self.servers.len();
        let mut left = (0..count).map(|n| (preferred + n) % count);
        let mut running = JoinSet::new();
        let mut best = Reply::failed("there is no name server to ask");
        let mut preferred_is_silent = true;
        let mut start = |running: &mut JoinSet<(usize, Reply)>| {
            let Some((index, server)) = left.next().and_then(|n| Some((n, *self.servers.get(n)?)))
            else {
                return false;
            };
            let (question, asking) = (question.clone(), Arc::clone(asking));
            running.spawn(async move {
                let mut deadline = Deadline::at(Instant::now() + SERVER_LIMIT);
                let reply = deadline.wait(ask(server, question, &asking)).await;
                (index, reply.unwrap_or_else(|| LookupOutcome::TimedOut.into()))
            });
            true
        };
        let mut more = start(&mut running);
        loop {
            tokio::select! {
                done = running.join_next() => match done {
                    None => return best,
                    Some(Err(error)) => best = Reply::failed(format!("the question was given up: {error}")),
                    Some(Ok((index, reply))) => {
                        if reply.outcome.is_answer() {
                            if preferred_is_silent {
                                self.preferred.store(index, Ordering::Relaxed);
                            }
                            return reply;
                        }
                        preferred_is_silent &= index != preferred || is_of_no_use(&reply.outcome);
                        if weight(&reply.outcome) >= weight(&best.outcome) {
                            best = reply;
                        }
                        more = start(&mut running);
                    }
                },
                () = sleep(asking.waits.next_server), if more => more = start(&mut running),
            }
        }
    }
}

impl Resolver for HickoryResolver {
    fn query<'a>(
        &'a self,
        name: &'a str,
        record_type: RecordType,
        checking_disabled: bool,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let _permit = self.questions.acquire().await;
            let reply = match wire_name(name) {
                Ok(wire) => {
                    let question = Question {
                        name: wire,
                        record_type: wire_type(record_type),
                        checking_disabled,
                    };
                    self.ask_or_try(question).await
                }
                Err(why) => Reply::failed(why),
            };
            let mut answer = Answer::new(name, record_type, reply.outcome, reply.records);
            answer.lookup.aliases = reply.aliases.iter().map(canonical).collect();
            answer
        })
    }
}

/// A question under way.
struct Asking {
    waits: Arc<Waits>,
    /// A reply has come, whatever it says.
    heard: AtomicBool,
}

/// What one name server said.
struct Reply {
    outcome: LookupOutcome,
    /// Every name behind the asked one to which aliases lead.
    aliases: Vec<Name>,
    records: Vec<Record>,
}

impl Reply {
    fn failed(why: impl Into<String>) -> Self {
        LookupOutcome::Failed(why.into()).into()
    }
}

impl From<LookupOutcome> for Reply {
    fn from(outcome: LookupOutcome) -> Self {
        Self { outcome, aliases: Vec::new(), records: Vec::new() }
    }
}

/// Whether another name server is better asked first.
fn is_of_no_use(outcome: &LookupOutcome) -> bool {
    matches!(outcome, LookupOutcome::TimedOut | LookupOutcome::Failed(_))
}

/// Which failure to report where every server fails: the one that says most about the name.
fn weight(outcome: &LookupOutcome) -> u8 {
    match outcome {
        LookupOutcome::Found | LookupOutcome::NoData | LookupOutcome::NxDomain => 5,
        LookupOutcome::ServerFailure(_) => 4,
        LookupOutcome::Refused => 3,
        LookupOutcome::Truncated => 2,
        LookupOutcome::TimedOut => 1,
        LookupOutcome::Failed(_) => 0,
    }
}

/// Asks one server, and again for the target of an alias where it did not follow that itself.
async fn ask(server: SocketAddr, mut question: Question, asking: &Asking) -> Reply {
    let start = question.name.clone();
    let mut aliases = Vec::new();
    loop {
        let step = match exchange(server, &question, asking).await {
            Ok(message) => read(&message, &question, &start, &mut aliases),
            Err(outcome) => Step::Done(outcome, Vec::new()),
        };
        match step {
            Step::Done(outcome, records) => return Reply { outcome, aliases, records },
            Step::Ask(next) => question.name = next,
        }
    }
}

/// One question until it has a reply that can be read. A SERVFAIL is asked for once more, since
/// many are over when the resolver has found another server of the zone; and what does not know
/// EDNS is asked without it (RFC 6891 §7).
async fn exchange(
    server: SocketAddr,
    question: &Question,
    asking: &Asking,
) -> Result<Message, LookupOutcome> {
    let mut edns = true;
    let mut failure = None;
    loop {
        let reply = match exchange_once(server, &write(question, edns), asking).await {
            Ok(reply) => reply,
            Err(outcome) => return failure.ok_or(outcome),
        };
        match reply.response_code {
            ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS if edns => {
                edns = false;
            }
            ResponseCode::ServFail if failure.is_none() => failure = Some(reply),
            ResponseCode::ServFail if extended_errors(&reply).is_empty() => {
                return Ok(failure.unwrap_or(reply));
            }
            _ => return Ok(reply),
        }
    }
}

async fn exchange_once(
    server: SocketAddr,
    query: &Message,
    asking: &Asking,
) -> Result<Message, LookupOutcome> {
    let query = query.to_vec().map_err(|error| {
        LookupOutcome::Failed(format!("the question cannot be written: {error}"))
    })?;
    let unreachable = |error: &io::Error| match error.kind() {
        io::ErrorKind::TimedOut => LookupOutcome::TimedOut,
        io::ErrorKind::ConnectionRefused => {
            LookupOutcome::Failed(format!("no name server is running at {server}"))
        }
        // Not the name server's fault, and no kind of error has a name for it.
        _ if matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(Errno::EMFILE | Errno::ENFILE)
        ) =>
        {
            LookupOutcome::Failed(format!("this machine could not open a socket: {error}"))
        }
        kind => {
            LookupOutcome::Failed(format!("the name server {server} cannot be reached: {kind}"))
        }
    };
    let over_udp =
        transport::udp(server, &query, &asking.waits).await.map_err(|e| unreachable(&e))?;
    asking.heard.store(true, Ordering::Relaxed);
    let unusable = match Message::from_vec(&over_udp) {
        Ok(message) if !message.truncation => return Ok(message),
        Ok(_) => LookupOutcome::Truncated,
        // A reply over the announced size was cut off by the receiving, so TCP is worth a try.
        Err(error) => LookupOutcome::Failed(format!("the reply cannot be read: {error}")),
    };
    let over_tcp = transport::tcp(server, &query, &asking.waits).await;
    match over_tcp.ok().and_then(|reply| Message::from_vec(&reply).ok()) {
        Some(message) if !message.truncation => Ok(message),
        _ => Err(unusable),
    }
}

#[cfg(test)]
mod tests;
