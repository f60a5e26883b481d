//! The conversation: greeting → EHLO → (STARTTLS → TLS → EHLO) → QUIT.
//!
//! Knows the order and what each reply leads to. Must not know sockets, clocks or TLS; whoever
//! has them asks [`Dialogue::next`] what to do and tells what happened. Go on with
//! [`reply`](super::reply) and [`introduction`](super::introduction).

use std::time::Duration;

use super::command::{Command, Verb};
use super::introduction::{Form, HeloNames, Introduction};
use super::reply::{ReplyProgress, ReplyReader};
use super::room::{self, Room};
use super::stated_time::stated_time;
use super::transcript::Transcript;
use super::{CONVERSATION_OCTETS, FIRST_BYTES, ehlo};
use crate::observation::{
    Ending, Limit, Millis, Phase, Reply, ReplyDefect, SmtpFacts, StarttlsFacts, Timings,
    TranscriptLine,
};
use crate::port::Mode;

/// What to do next on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait for bytes and hand them to [`Dialogue::received`].
    Receive,
    /// Send these bytes, in one write. Handed out once.
    Send(Vec<u8>),
    /// Begin TLS on the connection as it is: not one byte that was received belongs to it.
    /// Handed out once; then call [`Dialogue::tls_established`] or what else came of it.
    StartTls,
    /// Nothing more. Close the connection, and take the facts with [`Dialogue::finish`].
    Done,
}

/// What a conversation yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What the server said.
    pub facts: SmtpFacts,
    /// How it ended.
    pub ending: Ending,
    /// How long each phase took; `connect` is for the caller to add.
    pub timings: Timings,
    /// Every line in both directions, capped; empty where it was not wanted.
    pub transcript: Vec<TranscriptLine>,
}

/// The state, named after what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaiting {
    Tls,
    Greeting,
    /// The reply to EHLO or HELO.
    Ehlo,
    Starttls,
}

/// The code of a server that closes the connection.
const CLOSING: &[u8] = b"421";

/// One conversation with one server, without any I/O.
///
/// Every `now` is the time since the first SYN.
///
/// ```
/// # use std::time::Duration;
/// # use smtpcheck::{Dialogue, HeloNames, Mode, Next, observation::Ending};
/// # let names = HeloNames { name: "c.example".to_owned(), literal: "[192.0.2.1]".to_owned() };
/// # let now = Duration::ZERO;
/// let mut dialogue = Dialogue::new(Mode::Starttls, names, now);
/// assert_eq!(dialogue.next(), Next::Receive);
/// dialogue.received(b"554 mx.example not for you\r\n", now);
/// assert_eq!(dialogue.next(), Next::Send(b"QUIT\r\n".to_vec()));
/// assert_eq!(dialogue.next(), Next::Done);
/// assert_eq!(dialogue.finish(now).ending, Ending::Completed);
/// ```
#[derive(Debug)]
pub struct Dialogue {
    names: HeloNames,
    awaiting: Awaiting,
    /// What was decided and not yet handed out. Whatever comes meanwhile answers nothing.
    outbox: Option<Outgoing>,
    ending: Option<Ending>,
    inside_tls: bool,
    introduction: Introduction,
    /// The form whose reply is waited for, or the last that was answered.
    form: Option<Form>,
    reader: ReplyReader,
    /// Bytes that nobody asked for broke off in the middle of a line: the rest of it is no
    /// reply either.
    inside_unasked_line: bool,
    greeted_again: bool,
    /// Nothing but the greeting is of interest.
    greeting_suffices: bool,
    octets: usize,
    /// For what is kept of the replies.
    room: Room,
    /// When the phase began.
    since: Duration,
    now: Duration,
    facts: SmtpFacts,
    timings: Timings,
    transcript: Transcript,
}

#[derive(Debug)]
enum Outgoing {
    Command(Command),
    Tls,
}

impl Dialogue {
    /// Begins when the TCP connection stands. With implicit TLS the first [`Next`] is
    /// [`Next::StartTls`], and the server greets inside.
    pub fn new(mode: Mode, helo: HeloNames, now: Duration) -> Self {
        let (awaiting, outbox) = match mode {
            Mode::Starttls => (Awaiting::Greeting, None),
            Mode::Implicit => (Awaiting::Tls, Some(Outgoing::Tls)),
        };
        Self {
            introduction: Introduction::new(&helo),
            names: helo,
            awaiting,
            outbox,
            ending: None,
            inside_tls: false,
            form: None,
            reader: ReplyReader::default(),
            inside_unasked_line: false,
            greeted_again: false,
            greeting_suffices: false,
            octets: 0,
            room: Room::default(),
            since: now,
            now,
            facts: SmtpFacts::default(),
            timings: Timings::default(),
            transcript: Transcript::default(),
        }
    }

    /// Ends with QUIT after the greeting: whoever only wants to know that a server is there says no
    /// more than that.
    #[must_use]
    pub fn for_the_greeting(self) -> Self {
        Self { greeting_suffices: true, ..self }
    }

    /// Without a transcript.
    pub fn without_transcript(self) -> Self {
        Self { transcript: Transcript::unwanted(), ..self }
    }

    /// What to do next. While TLS is being established there is nothing to ask.
    #[expect(clippy::should_implement_trait, reason = "no iterator: `Done` comes for ever")]
    pub fn next(&mut self) -> Next {
        match self.outbox.take() {
            Some(Outgoing::Command(command)) => {
                self.transcript.sent(&command, self.now);
                Next::Send(command.to_bytes())
            }
            Some(Outgoing::Tls) => {
                self.transcript.event("TLS begins", self.now);
                Next::StartTls
            }
            None if self.ending.is_some() => Next::Done,
            None => Next::Receive,
        }
    }

    /// Bytes came: as the server sent them, or out of TLS once that stands.
    pub fn received(&mut self, bytes: &[u8], now: Duration) {
        self.now = now;
        let busy_with_tls = self.awaiting == Awaiting::Tls && self.outbox.is_none();
        if busy_with_tls || (self.ending.is_some() && self.outbox.is_none()) {
            return;
        }
        let room = CONVERSATION_OCTETS - self.octets;
        let read = &bytes[..bytes.len().min(room)];
        self.octets += read.len();
        if self.awaiting == Awaiting::Greeting
            && self.facts.greeting_first_byte.is_none()
            && !read.is_empty()
        {
            self.facts.greeting_first_byte = Some(self.elapsed());
        }
        self.read(read);
        if bytes.len() > room {
            self.end(Ending::TooMuch { phase: self.phase(), limit: Limit::Conversation });
        }
    }

    /// The server closed the connection.
    pub fn closed(&mut self, now: Duration) {
        self.broke_off("closed by the server", Ending::Closed(self.phase()), now);
    }

    /// A reset ended the connection.
    pub fn reset(&mut self, now: Duration) {
        self.broke_off("connection reset", Ending::Reset(self.phase()), now);
    }

    /// There is no time left.
    pub fn timed_out(&mut self, now: Duration) {
        self.broke_off("time ran out", self.out_of_time(), now);
    }

    /// Reading or writing failed on this side, other than by a reset.
    pub fn failed(&mut self, error: String, now: Duration) {
        let event = format!("failed here: {error}");
        self.broke_off(&event, Ending::Failed { phase: self.phase(), error }, now);
    }

    /// The handshake that [`Next::StartTls`] asked for succeeded.
    pub fn tls_established(&mut self, now: Duration) {
        self.now = now;
        if self.awaiting != Awaiting::Tls || self.ending.is_some() {
            return;
        }
        self.transcript.event("TLS established", now);
        self.phase_ends();
        self.inside_tls = true;
        match self.facts.greeting {
            None => self.awaiting = Awaiting::Greeting,
            // Nothing that was learnt before TLS counts inside (RFC 3207 §4.2).
            Some(_) => self.introduce(),
        }
    }

    /// What the peer answered broke the handshake. With TLS 1.3 that may show only at the first
    /// read after it: a server refuses a client without a certificate in this way.
    pub fn tls_failed(&mut self, now: Duration) {
        self.broke_off("TLS failed", Ending::TlsFailed, now);
    }

    /// What is waited for.
    pub fn phase(&self) -> Phase {
        match self.awaiting {
            _ if self.ending == Some(Ending::Completed) => Phase::Quit,
            Awaiting::Tls => Phase::Tls,
            Awaiting::Greeting => Phase::Greeting,
            Awaiting::Ehlo if self.inside_tls => Phase::EhloAfterTls,
            Awaiting::Ehlo => Phase::Ehlo,
            Awaiting::Starttls => Phase::Starttls,
        }
    }

    /// Hands over what was learnt. A conversation that has not ended yet is one whose time ran
    /// out.
    pub fn finish(mut self, now: Duration) -> Said {
        let out_of_time = self.out_of_time();
        if self.ending.is_none() {
            self.timed_out(now);
        }
        self.timings.total = Millis::from(now);
        Said {
            ending: self.ending.unwrap_or(out_of_time),
            facts: self.facts,
            timings: self.timings,
            transcript: self.transcript.finish(now),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.outbox.is_some() {
                self.transcript.received(bytes, self.now);
                self.unasked(bytes);
                return;
            }
            if self.ending.is_some() {
                return;
            }
            let (taken, progress) = match self.inside_unasked_line {
                true => self.skip_line(bytes),
                false => self.reader.read(bytes),
            };
            self.transcript.received(&bytes[..taken], self.now);
            bytes = &bytes[taken..];
            match progress {
                ReplyProgress::Incomplete => {}
                ReplyProgress::Complete(reply) => self.replied(reply),
                ReplyProgress::NotSmtp(first) => {
                    self.facts.not_smtp = Some(first);
                    self.end(Ending::NotSmtp(self.phase()));
                }
                ReplyProgress::TooMuch => {
                    self.end(Ending::TooMuch { phase: self.phase(), limit: Limit::Reply });
                }
            }
        }
    }

    /// Bytes behind a reply, before the next command is sent, answer nothing. To take them for
    /// the next reply would shift every reply after it.
    fn unasked(&mut self, bytes: &[u8]) {
        if let Some(Outgoing::Tls) = self.outbox {
            // RFC 3207 §4.2 and CVE-2011-0411: what stands behind the 220 was not protected and
            // must never be read as if it had been.
            if let Some(starttls) = &mut self.facts.starttls {
                let room = FIRST_BYTES - starttls.plaintext_behind.len();
                starttls.plaintext_behind.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            return;
        }
        self.inside_unasked_line = bytes.last() != Some(&b'\n');
        // A server may say 421 at any time before it closes (RFC 5321 §3.8).
        let closing = &bytes[..bytes.len().min(CLOSING.len())];
        if !CLOSING.starts_with(closing) {
            self.note_unasked();
        }
    }

    fn skip_line(&mut self, bytes: &[u8]) -> (usize, ReplyProgress) {
        let end = bytes.iter().position(|b| *b == b'\n');
        self.inside_unasked_line = end.is_none();
        (end.map_or(bytes.len(), |at| at + 1), ReplyProgress::Incomplete)
    }

    fn note_unasked(&mut self) {
        let facts = &mut self.facts;
        let last = (facts.ehlo_attempts_after_tls.last_mut().map(|attempt| &mut attempt.reply))
            .or(facts.starttls.as_mut().and_then(|starttls| starttls.reply.as_mut()))
            .or(facts.ehlo_attempts.last_mut().map(|attempt| &mut attempt.reply))
            .or(facts.greeting.as_mut());
        if let Some(reply) = last
            && !reply.defects.contains(&ReplyDefect::Unasked)
        {
            reply.defects.push(ReplyDefect::Unasked);
        }
    }

    fn replied(&mut self, reply: Reply) {
        match self.awaiting {
            Awaiting::Greeting => self.greeted(reply),
            Awaiting::Ehlo => self.introduced(reply),
            Awaiting::Starttls => self.starttls_answered(reply),
            // Nothing is read in this state.
            Awaiting::Tls => {}
        }
    }

    fn greeted(&mut self, reply: Reply) {
        self.phase_ends();
        // RFC 5321 §3.1 asks for 220; a server that greets with another 2yz means it, too.
        let welcome = reply.is_positive();
        self.facts.stated_time = stated_time(&reply);
        self.facts.greeting = Some(self.room.reply(reply));
        match welcome {
            true if self.greeting_suffices => self.quit(),
            true => self.introduce(),
            // After a refusal only QUIT is allowed (RFC 5321 §3.1).
            false => self.quit(),
        }
    }

    /// Begins to introduce us, before TLS or again inside.
    fn introduce(&mut self) {
        self.introduction = Introduction::new(&self.names).beginning_with(self.form.as_ref());
        self.awaiting = Awaiting::Ehlo;
        self.greeted_again = false;
        let first = self.introduction.first();
        self.try_form(first);
    }

    fn try_form(&mut self, form: Option<Form>) {
        match form {
            Some(form) => {
                self.outbox = Some(Outgoing::Command(form.command()));
                self.form = Some(form);
            }
            None => {
                self.phase_ends();
                self.quit();
            }
        }
    }

    fn introduced(&mut self, reply: Reply) {
        let Some(form) = self.form.clone() else { return };
        let attempts = match self.inside_tls {
            true => &mut self.facts.ehlo_attempts_after_tls,
            false => &mut self.facts.ehlo_attempts,
        };
        // 220 is a greeting, not an answer to EHLO (RFC 5321 §4.3.2): a proxy greets and then
        // passes on its server's greeting, or a server greets once more inside TLS.
        if reply.code == 220 && reply.lines.len() == 1 && attempts.is_empty() && !self.greeted_again
        {
            self.greeted_again = true;
            self.note_unasked();
            return;
        }
        attempts.push(form.attempt(self.room.reply(reply.clone())));
        if !reply.is_positive() {
            let next = self.introduction.after(&form, &reply);
            self.try_form(next);
            return;
        }
        self.phase_ends();
        let capabilities = room::keywords(match form.verb {
            Verb::Ehlo => ehlo::capabilities(&reply),
            Verb::Helo => ehlo::helo_capabilities(&reply),
        });
        if self.inside_tls {
            self.facts.capabilities_after_tls = Some(capabilities);
            self.quit();
            return;
        }
        let offered = capabilities.offers("STARTTLS");
        self.facts.capabilities = Some(capabilities);
        self.facts.starttls = Some(StarttlsFacts { offered, ..StarttlsFacts::default() });
        if offered {
            self.awaiting = Awaiting::Starttls;
            self.outbox = Some(Outgoing::Command(Command::Starttls));
        } else {
            self.quit();
        }
    }

    fn starttls_answered(&mut self, reply: Reply) {
        self.phase_ends();
        // RFC 3207 §4 knows no 2yz but 220; a server that says another means it, too.
        let go_ahead = reply.is_positive();
        if let Some(starttls) = &mut self.facts.starttls {
            starttls.reply = Some(self.room.reply(reply));
        }
        if go_ahead {
            self.awaiting = Awaiting::Tls;
            self.outbox = Some(Outgoing::Tls);
        } else {
            self.quit();
        }
    }

    /// Everything is learnt. What happens to the connection from here on says nothing more.
    fn quit(&mut self) {
        self.ending = Some(Ending::Completed);
        self.outbox = Some(Outgoing::Command(Command::Quit));
    }

    fn broke_off(&mut self, event: &str, ending: Ending, now: Duration) {
        self.now = now;
        if self.outbox.is_none() && self.ending.is_some() {
            return;
        }
        self.transcript.event(event, now);
        self.outbox = None;
        match self.reader.foreign().map(<[u8]>::to_vec) {
            Some(first) if self.ending.is_none() => {
                self.facts.not_smtp = Some(first);
                self.end(Ending::NotSmtp(self.phase()));
            }
            _ => self.end(ending),
        }
    }

    fn out_of_time(&self) -> Ending {
        Ending::TimedOut { phase: self.phase(), partial: !self.reader.is_empty() }
    }

    /// Ends the conversation without another word; the first ending stays.
    fn end(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.outbox = None;
        }
    }

    fn phase_ends(&mut self) {
        self.timings.set(self.phase(), self.elapsed());
        self.since = self.now;
    }

    fn elapsed(&self) -> Millis {
        Millis::from(self.now.saturating_sub(self.since))
    }
}
