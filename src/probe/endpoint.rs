//! Probes one endpoint: dials, talks, and looks once more where that is fair and tells more.
//!
//! Knows when a second connection is polite. Must not know what anything means for the user.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Probing;
use super::inquiry::{SUSPICIOUS, Subject, handshake_stalled};
use super::patience::Patience;
use super::progress::{Step, UnderWay};
use super::pulse::Mark;
use super::put_off::put_off;
use crate::deadline::Deadline;
use crate::names::Host;
use crate::net::connect::Dialling;
use crate::net::connector::BoxedStream;
use crate::net::drive::{self, Driven};
use crate::observation::bytes::is_tls_record;
use crate::observation::{
    Connect, ConnectOutcome, Conversation, Ending, Phase, Probe, Reply, SecondLook, Skip, pushback,
};
use crate::port::Mode;
use crate::smtp::{Dialogue, HeloNames};
use crate::tls::Attempt;

/// How long to wait before a server that put us off is asked once more. Limits on connections at
/// once pass as soon as the others are gone; limits a minute do not, and waiting for those would
/// keep the user longer than the answer is worth.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause that a server may advise. One that wants longer is not asked again: to come
/// back earlier than it said would be rude, and so much time nobody has.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a further look may take.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(5);

/// How long a conversation waits for its turn, in conversations of the longest kind. Many names may
/// lead to one address and port, where one is talked to after the other: a server that lets each of
/// them wait until the time is up would hold the run up for all of them together.
const TURNS_WAITED: u32 = 3;

/// How often a shortage of this machine is waited out, and for how long each time.
const SHORTAGES: u32 = 8;
const SHORTAGE_PAUSE: Duration = Duration::from_millis(250);

/// Where to dial, whom to ask for, and how.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The server; its name goes into SNI and is what the certificate must name.
    pub host: Host,
    /// What is dialled.
    pub to: SocketAddr,
    /// The port that is meant.
    pub port: u16,
    /// `--connect-to` leads there.
    pub redirected: bool,
    /// How TLS begins.
    pub mode: Mode,
}

/// How one conversation is held.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// Whose patience it is that ends the wait for a connection.
    pub patience: Option<&'a Patience>,
    /// Nobody else is to talk to the address meanwhile.
    pub alone: bool,
    /// The greeting is all that is of interest.
    pub only_greeting: bool,
    /// The largest segment that either side may send, where it is to be small.
    pub max_segment: Option<u32>,
    /// Silence is waited for this long, however conclusive that of others is.
    pub own_silence: Duration,
    /// The longest wait for the connection.
    pub connect_timeout: Duration,
    /// The longest time for all of it.
    pub timeout: Duration,
}

impl Manner<'_> {
    /// As the user wants it.
    pub(super) fn of(probing: &Probing) -> Self {
        let plan = &probing.plan;
        Self {
            patience: None,
            alone: false,
            only_greeting: false,
            max_segment: None,
            own_silence: probing.three_syns,
            connect_timeout: plan.connect_timeout,
            timeout: plan.timeout,
        }
    }
}

/// Segments of at most this size get through every tunnel that carries IPv4 (RFC 791 asks for
/// packets of 576, IPv6 for 1280), and few handshakes fit into one of them.
const SMALL_SEGMENT: u32 = 1000;

/// An optional endpoint was given up before its connect timeout, so the result is not for
/// anybody else who asks for the same.
pub struct GivenUp(pub Probe);

impl Spot {
    /// The spot as something to look into.
    pub fn subject(&self) -> Subject {
        let Self { host, to, port, mode, .. } = self;
        Subject { host: host.clone(), to: *to, port: *port, mode: *mode }
    }

    /// The form in which people quote what is dialled: `name[address]:port`.
    pub fn label(&self) -> String {
        match &self.host {
            Host::Name(name) => format!("{name}[{}]:{}", self.to.ip(), self.to.port()),
            Host::Address(_) => format!("[{}]:{}", self.to.ip(), self.to.port()),
        }
    }
}

impl Probing {
    /// Probes one endpoint, with one polite retry where the server put us off, one further look
    /// where a greeting was missing, and a wider one where a handshake failed without a reason.
    pub(super) async fn probe_spot(
        self: &Arc<Self>,
        spot: &Spot,
        patience: &mut Patience,
    ) -> Result<Probe, GivenUp> {
        let under_way = self.effects.progress.begin(Step::Waiting, || spot.label());
        let usual = Manner::of(self);
        let patiently = Manner { patience: Some(&*patience), ..usual };
        let first = match self.one_conversation(spot, patiently, &under_way).await {
            Ok(conversation) => conversation,
            Err(Unfinished::GivenUp(conversation)) => {
                return Err(GivenUp(Probe::Dialled(conversation.into())));
            }
            Err(Unfinished::Shortage(why)) => return Ok(Probe::Skipped(Skip::NotDialled(why))),
            // Whoever asks later may find a shorter queue, or a machine that is awake.
            Err(unfinished) => {
                return Err(GivenUp(Probe::Skipped(Skip::NotDialled(unfinished.why()))));
            }
        };
        let first = self.once_more_where_others_answer(spot, first, patience, &under_way).await;
        let again =
            put_off(&first).and_then(|reply| Some((self.pause_before_retry(&reply)?, reply)));
        if let Some((pause, _)) = &again {
            self.places.pause(spot.to, *pause);
        }
        let conversation = match again {
            // A place that was asked twice is left in peace, whoever else wants to know.
            Some((_, reply)) if !self.places.may_retry(spot.to) => {
                Conversation { put_off: Some(reply), ..first }
            }
            Some((pause, reply)) => {
                // Being alone means waiting for the optional ports, which wait for this one.
                patience.hold_up_nobody();
                under_way.at(Step::PutOff);
                sleep(pause).await;
                let alone = Manner { alone: true, ..usual };
                let second = self.one_conversation(spot, alone, &under_way).await;
                match second {
                    // The port answered a moment ago: what silences it now is no block.
                    Ok(second) if second.connect.outcome == ConnectOutcome::Connected => {
                        if put_off(&second).is_some() {
                            self.places.pause(spot.to, pause);
                        }
                        Conversation { put_off: Some(reply), ..second }
                    }
                    _ => Conversation { put_off: Some(reply), ..first },
                }
            }
            None => first,
        };
        let silent = Some(Ending::TimedOut { phase: Phase::Greeting, partial: false });
        let is_worth_it = conversation.ending == silent
            && spot.mode == Mode::Starttls
            && conversation.put_off.is_none();
        let second_look = match is_worth_it {
            true => {
                under_way.at(Step::LookingAgain);
                self.look_for_tls(spot).await
            }
            false if handshake_stalled(&conversation) && patience.is_wanted() => {
                under_way.at(Step::LookingAgain);
                self.look_with_small_segments(spot, &under_way).await
            }
            false => self.look_wider(spot, &conversation, &under_way).await,
        };
        Ok(Probe::Dialled(Arc::new(Conversation { second_look, ..conversation })))
    }

    /// Dials a silent port once more, from another source port, where others answer on that port:
    /// packets may have been lost.
    async fn once_more_where_others_answer(
        self: &Arc<Self>,
        spot: &Spot,
        first: Conversation,
        patience: &Patience,
        under_way: &UnderWay,
    ) -> Conversation {
        let silent = first.connect.outcome == ConnectOutcome::TimedOut;
        let state = self.inquiry.port((spot.port, spot.to.is_ipv4()));
        if !silent || !patience.is_wanted() || !state.got_through() {
            return first;
        }
        let usual = Manner::of(self);
        let connect_timeout = usual.connect_timeout.min(self.three_syns);
        let again = Manner { connect_timeout, ..usual };
        match self.one_conversation(spot, again, under_way).await {
            Ok(second) if second.connect.outcome != ConnectOutcome::TimedOut => {
                Conversation { silent_before: true, ..second }
            }
            _ => first,
        }
    }

    /// Goes through the handshake once more, with segments that get through any tunnel.
    async fn look_with_small_segments(
        self: &Arc<Self>,
        spot: &Spot,
        under_way: &UnderWay,
    ) -> Option<SecondLook> {
        let max_segment = Some(SMALL_SEGMENT);
        let small = Manner { max_segment, timeout: SECOND_LOOK, ..Manner::of(self) };
        let seen = self.one_conversation(spot, small, under_way).await.ok()?;
        let established = seen.tls.as_ref().is_some_and(|tls| tls.version.is_some());
        match established {
            true => Some(SecondLook::SmallSegmentsPass),
            false if handshake_stalled(&seen) => Some(SecondLook::SmallSegmentsStall),
            // It did not get as far again: that answers the question neither way.
            false => None,
        }
    }

    /// Dials and holds one conversation, in its turn; once more where this process did not run
    /// meanwhile, and the conversation came to no end: that is nobody's fault but ours.
    pub(super) async fn one_conversation(
        self: &Arc<Self>,
        spot: &Spot,
        manner: Manner<'_>,
        under_way: &UnderWay,
    ) -> Result<Conversation, Unfinished> {
        match self.conversation_in_turn(spot, manner, under_way).await {
            Err(Unfinished::DidNotRun(_)) => {
                self.conversation_in_turn(spot, manner, under_way).await
            }
            done => done,
        }
    }

    /// Dials and holds one conversation, in its turn. A port that is wanted and silent is looked
    /// into while it is waited for.
    async fn conversation_in_turn(
        self: &Arc<Self>,
        spot: &Spot,
        manner: Manner<'_>,
        under_way: &UnderWay,
    ) -> Result<Conversation, Unfinished> {
        let patience = self.plan.timeout * TURNS_WAITED;
        let turn = self.places.turn_within(&spot.host, spot.to, manner.alone, patience);
        let turn = turn.await.ok_or(Unfinished::NoTurn)?;
        // The semaphore is never closed, so a missing permit would only mean less politeness.
        let permit = self.jobs.clone().acquire_owned().await.ok();
        self.rate.next().await;
        under_way.at(Step::Connecting);
        let (start, mark) = (Instant::now(), self.pulse.mark());
        let (connect, stream) = self.connection(spot, manner, start, mark).await?;
        let Some(stream) = stream else {
            return Ok(conversation_without(connect));
        };
        let mut dialogue = Dialogue::new(spot.mode, self.helo_for(&connect), start.elapsed());
        if manner.only_greeting {
            dialogue = dialogue.for_the_greeting();
        }
        if !self.plan.keep_transcripts {
            dialogue = dialogue.without_transcript();
        }
        let attempt = Attempt::new(&self.effects.trust, &spot.host);
        let deadline = Deadline::at(start + manner.timeout);
        let tell = &|phase| under_way.at(Step::Talking(phase));
        let Driven { said, tls, farewell } =
            drive::converse(stream, dialogue, &attempt, start, deadline, tell).await;
        let missed = self.pulse.missed_since(mark);
        match missed {
            Some(missed) if said.ending != Ending::Completed => {
                return Err(Unfinished::DidNotRun(missed));
            }
            None if start.elapsed() * 2 > manner.timeout => turn.was_slow(),
            _ => {}
        }
        tokio::spawn(async move {
            farewell.wait().await;
            drop((turn, permit));
        });
        let mut timings = said.timings;
        timings.connect = Some(connect.elapsed);
        Ok(Conversation {
            connect,
            smtp: said.facts,
            tls,
            ending: Some(said.ending),
            timings,
            put_off: None,
            second_look: None,
            silent_before: false,
            did_not_run: missed.map(Into::into),
            transcript: said.transcript,
        })
    }

    /// Makes the connection for a conversation, as long as it is worth waiting for.
    async fn connection(
        self: &Arc<Self>,
        spot: &Spot,
        manner: Manner<'_>,
        start: Instant,
        mark: Mark,
    ) -> Result<(Connect, Option<BoxedStream>), Unfinished> {
        self.inquiry.dials(&spot.host, spot.to.ip());
        let limit = manner.connect_timeout.min(manner.timeout);
        let unanswered = || Connect { elapsed: start.elapsed().into(), ..self.undecided(spot) };
        let state = self.inquiry.port((spot.port, spot.to.is_ipv4()));
        let dialled = tokio::select! {
            biased;
            dialled = self.dial(spot, limit, manner.max_segment) => {
                dialled.map_err(Unfinished::Shortage)
            }
            () = runs_out(manner.patience, start) => {
                Err(Unfinished::GivenUp(Box::new(conversation_without(unanswered()))))
            }
            () = state.conclusive_from(start + manner.own_silence) => Ok((unanswered(), None)),
            () = self.raise_alarm(spot, manner.patience) => Ok((unanswered(), None)),
        };
        // Whoever ended the wait: a silence that this process was not there for is none.
        let is_silence = match &dialled {
            Ok((connect, _)) => connect.outcome == ConnectOutcome::TimedOut,
            Err(unfinished) => matches!(unfinished, Unfinished::GivenUp(_)),
        };
        if let Some(missed) = self.pulse.missed_since(mark).filter(|_| is_silence) {
            return Err(Unfinished::DidNotRun(missed));
        }
        let (connect, stream) = dialled?;
        self.inquiry.dialled(spot.port, spot.to, &connect.outcome);
        Ok((connect, stream))
    }

    /// Dials once; a shortage of this machine (descriptors, ports) is waited out for a while, as
    /// it says nothing about the network.
    pub(super) async fn dial(
        &self,
        spot: &Spot,
        limit: Duration,
        max_segment: Option<u32>,
    ) -> Result<(Connect, Option<BoxedStream>), String> {
        let bind = self.plan.bind_for(spot.to.ip());
        let dialling = Dialling { max_segment, ..Dialling::new(spot.to, bind, limit) };
        let mut tries = 0;
        loop {
            match self.effects.connector.connect(&dialling).await {
                Ok((connect, stream)) => {
                    let dialled = spot.redirected.then_some(spot.to);
                    return Ok((Connect { dialled, ..connect }, stream));
                }
                Err(shortage) if tries == SHORTAGES => {
                    return Err(format!(
                        "this machine could not open a connection: {}",
                        shortage.0
                    ));
                }
                Err(_) => tries += 1,
            }
            sleep(SHORTAGE_PAUSE).await;
        }
    }

    /// Begins to look into a port that is wanted and has been silent for a while. Never returns: the
    /// port is waited for all the same.
    async fn raise_alarm(self: &Arc<Self>, spot: &Spot, patience: Option<&Patience>) {
        sleep(SUSPICIOUS).await;
        if patience.is_some_and(Patience::is_wanted) {
            tokio::spawn(Arc::clone(self).look_into_later(spot.subject()));
        }
        std::future::pending().await
    }

    fn undecided(&self, spot: &Spot) -> Connect {
        Connect { dialled: spot.redirected.then_some(spot.to), ..Connect::default() }
    }

    /// Says a ClientHello where a greeting was missing: a port that expects TLS at once answers.
    async fn look_for_tls(&self, spot: &Spot) -> Option<SecondLook> {
        let _turn = self.places.turn(&spot.host, spot.to, false).await;
        let _permit = self.jobs.clone().acquire_owned().await.ok();
        self.rate.next().await;
        let attempt = Attempt::new(&self.effects.trust, &spot.host);
        let mark = self.pulse.mark();
        let look = async {
            let (_, stream) = self.dial(spot, SECOND_LOOK, None).await.ok()?;
            Some(attempt.connect(stream?).await.is_ok())
        };
        let outcome = Deadline::at(Instant::now() + SECOND_LOOK).wait(look).await;
        let first_bytes = attempt.facts().first_bytes;
        match outcome {
            Some(Some(true)) => Some(SecondLook::TlsAnswered),
            _ if is_tls_record(&first_bytes) => Some(SecondLook::TlsAnswered),
            _ if !first_bytes.is_empty() => Some(SecondLook::Answered(first_bytes)),
            None if self.pulse.missed_since(mark).is_none() => Some(SecondLook::StillSilent),
            // This process did not run all the time. No connection or a close: that answers the question neither way.
            _ => None,
        }
    }

    /// How long to wait before a server that put us off is asked again: as long as it advises;
    /// nothing where that is longer than anybody would wait.
    fn pause_before_retry(&self, reply: &Reply) -> Option<Duration> {
        let pause =
            pushback::advised_pause(&reply.lines.join(" ")).unwrap_or(RETRY_PAUSE).max(RETRY_PAUSE);
        (pause <= LONGEST_PAUSE.min(self.plan.timeout.max(RETRY_PAUSE))).then_some(pause)
    }

    /// The names to introduce ourselves by on a connection: honest ones only.
    pub(super) fn helo_for(&self, connect: &Connect) -> HeloNames {
        let literal = match connect.local.map(|local| local.ip()) {
            Some(IpAddr::V4(address)) => format!("[{address}]"),
            Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => format!("[{address}]"),
                None => format!("[IPv6:{address}]"),
            },
            None => "[127.0.0.1]".to_owned(),
        };
        let name = self.plan.helo.clone().or_else(|| self.effects.own_name.clone());
        HeloNames { name: name.unwrap_or_else(|| literal.clone()), literal }
    }
}

/// Why a conversation was not held.
pub enum Unfinished {
    /// It is not waited for any longer.
    GivenUp(Box<Conversation>),
    /// This machine ran out of something.
    Shortage(String),
    /// This process did not run for so long meanwhile, so what was not seen may well have been there.
    DidNotRun(Duration),
    /// Earlier conversations held it up.
    NoTurn,
}

impl Unfinished {
    /// A fragment that says why nothing is known of the port.
    pub fn why(self) -> String {
        match self {
            Self::GivenUp(_) => "it was not waited for any longer".to_owned(),
            Self::Shortage(why) => why,
            Self::DidNotRun(missed) => {
                let seconds = missed.as_secs();
                format!("this program was stopped, or its machine slept, for {seconds} s meanwhile")
            }
            Self::NoTurn => "earlier conversations with the same address and port took too long; \
                             check it again, or give it a longer --timeout"
                .to_owned(),
        }
    }
}

async fn runs_out(patience: Option<&Patience>, start: Instant) {
    match patience {
        Some(patience) => patience.runs_out(start).await,
        None => std::future::pending().await,
    }
}

fn conversation_without(connect: Connect) -> Conversation {
    let mut conversation = Conversation { connect, ..Conversation::default() };
    conversation.timings.total = conversation.connect.elapsed;
    if conversation.connect.outcome != ConnectOutcome::TimedOut {
        conversation.timings.connect = Some(conversation.connect.elapsed);
    }
    conversation
}
