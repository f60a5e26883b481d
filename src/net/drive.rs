//! Runs a dialogue on a connection: the only place where the protocol meets bytes that move.
//!
//! Knows streams, deadlines and when to begin TLS. Must not know what is to be said: the
//! [`Dialogue`] says what to do next, and this does it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::connector::BoxedStream;
use crate::deadline::Deadline;
use crate::observation::{Ending, Phase, TlsFacts};
use crate::smtp::{Dialogue, Next, ReplyProgress, ReplyReader, Said};
use crate::tls::{self, Attempt, Tee, TlsStream};

/// How much is read at once; a TLS record holds at most 16 KiB, a reply rarely 1 KiB.
const READ_SIZE: usize = 4096;

/// How long the reply to QUIT is listened for, in the background.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the sending of QUIT may take. It fits into any socket buffer, so only a stalled TLS
/// stream ever waits here.
const QUIT_SENT: Duration = Duration::from_millis(500);

/// What came of a conversation.
pub struct Driven {
    /// What was said.
    pub said: Said,
    /// What the handshake showed; absent where none was begun.
    pub tls: Option<TlsFacts>,
    /// The connection, for a polite end behind the user's back.
    pub farewell: Farewell,
}

enum Transport {
    Plain(BoxedStream),
    Tls(Box<TlsStream<Tee<BoxedStream>>>),
    Gone,
}

impl Transport {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                // A TLS stream keeps what is written until it is flushed.
                stream.flush().await
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Holds a conversation until the dialogue is done or the deadline passes, which all of its steps
/// share: a server that says a little now and then is not waited for any longer than another.
///
/// `start` is the instant of the first SYN, from which the dialogue's times count. `tell` hears of
/// each phase as it begins.
pub async fn converse(
    stream: BoxedStream,
    mut dialogue: Dialogue,
    attempt: &Attempt,
    start: Instant,
    mut deadline: Deadline,
    tell: &(dyn Fn(Phase) + Sync),
) -> Driven {
    let mut transport = Transport::Plain(stream);
    let mut facts = None;
    let mut buffer = vec![0; READ_SIZE];
    let mut told = None;
    loop {
        let next = dialogue.next();
        if told.replace(dialogue.phase()) != Some(dialogue.phase()) {
            tell(dialogue.phase());
        }
        match next {
            Next::Done => break,
            Next::Send(bytes) => {
                let sending = transport.send(&bytes);
                let sent = match dialogue.phase() {
                    Phase::Quit => timeout(QUIT_SENT, sending).await.ok(),
                    _ => deadline.wait(sending).await,
                };
                match sent {
                    Some(Ok(())) => {}
                    // What the server said before it closed may still be there to be read, so the
                    // end of the conversation is left to the next read.
                    Some(Err(error)) if is_hangup(&error) => {}
                    Some(Err(error)) => dialogue.failed(error.to_string(), start.elapsed()),
                    None => dialogue.timed_out(start.elapsed()),
                }
            }
            Next::Receive => {
                let read = deadline.wait(transport.receive(&mut buffer)).await;
                let now = start.elapsed();
                match read {
                    None => dialogue.timed_out(now),
                    Some(Ok(0)) => dialogue.closed(now),
                    Some(Ok(n)) => dialogue.received(&buffer[..n], now),
                    Some(Err(error)) => match tls::classify(&error) {
                        // TLS 1.3 tells a refused client only after the handshake.
                        Some(alert) => {
                            facts.get_or_insert_with(TlsFacts::default).error = Some(alert);
                            dialogue.tls_failed(now);
                        }
                        None => hang_up(&mut dialogue, &error, now),
                    },
                }
            }
            Next::StartTls => {
                let Transport::Plain(stream) = std::mem::replace(&mut transport, Transport::Gone)
                else {
                    dialogue.failed("TLS was begun twice".to_owned(), start.elapsed());
                    continue;
                };
                let outcome = deadline.wait(attempt.connect(stream)).await;
                let now = start.elapsed();
                let seen = attempt.facts();
                match outcome {
                    None => dialogue.timed_out(now),
                    Some(Ok(stream)) => {
                        transport = Transport::Tls(Box::new(stream));
                        dialogue.tls_established(now);
                    }
                    Some(Err(error)) if is_end(&error) => hang_up(&mut dialogue, &error, now),
                    Some(Err(_)) => dialogue.tls_failed(now),
                }
                facts = Some(seen);
            }
        }
    }
    let said = dialogue.finish(start.elapsed());
    // Only after QUIT does the server have something left to say.
    let farewell = match said.ending {
        Ending::Completed => Farewell(transport),
        _ => Farewell(Transport::Gone),
    };
    Driven { said, tls: facts, farewell }
}

/// Leads a dialogue up to where TLS begins and hands the connection over there; `None` where it
/// does not come to that. A server that turns us away is told QUIT.
pub async fn up_to_tls(
    mut stream: BoxedStream,
    dialogue: &mut Dialogue,
    start: Instant,
    deadline: &mut Deadline,
) -> Option<BoxedStream> {
    let mut buffer = vec![0; READ_SIZE];
    let leading = async {
        loop {
            match dialogue.next() {
                Next::StartTls => return Some(stream),
                Next::Done => return None,
                Next::Send(bytes) => {
                    stream.write_all(&bytes).await.ok()?;
                    stream.flush().await.ok()?;
                }
                Next::Receive => match stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => dialogue.received(&buffer[..n], start.elapsed()),
                    _ => return None,
                },
            }
        }
    };
    deadline.wait(leading).await.flatten()
}

fn is_hangup(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

/// The connection ended, as opposed to the peer saying something that broke it.
fn is_end(error: &io::Error) -> bool {
    is_hangup(error) || error.kind() == io::ErrorKind::UnexpectedEof
}

fn hang_up(dialogue: &mut Dialogue, error: &io::Error, now: Duration) {
    match error.kind() {
        // Many servers close TCP without a TLS close_notify; that is an end like any other.
        io::ErrorKind::UnexpectedEof => dialogue.closed(now),
        _ if is_hangup(error) => dialogue.reset(now),
        io::ErrorKind::TimedOut => dialogue.timed_out(now),
        _ => dialogue.failed(error.to_string(), now),
    }
}

/// A connection on which QUIT was sent. The reply is waited for in the background, so that the
/// server does not see a reset while it says goodbye.
pub struct Farewell(Transport);

impl Farewell {
    /// Reads the reply to QUIT, for at most a second, then closes (RFC 5321 §4.1.1.10).
    pub async fn wait(mut self) {
        if matches!(self.0, Transport::Gone) {
            return;
        }
        let (mut buffer, mut reader) = ([0; 512], ReplyReader::default());
        let replied = async {
            while let Ok(read @ 1..) = self.0.receive(&mut buffer).await {
                if reader.read(&buffer[..read]).1 != ReplyProgress::Incomplete {
                    break;
                }
            }
        };
        // Whether the server said goodbye or not makes no difference any more.
        let _ = timeout(FAREWELL, replied).await;
        let closed = async {
            match &mut self.0 {
                Transport::Plain(stream) => stream.shutdown().await,
                Transport::Tls(stream) => stream.shutdown().await,
                Transport::Gone => Ok(()),
            }
        };
        let _ = timeout(FAREWELL, closed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Host;
    use crate::port::Mode;
    use crate::smtp::HeloNames;
    use crate::tls::Trust;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_server_that_drips_has_no_more_time_where_this_process_did_not_run() {
        let (near, mut far) = tokio::io::duplex(64);
        tokio::spawn(async move {
            let mut said = far.write_all(b"220-").await;
            while said.is_ok() {
                sleep(Duration::from_millis(300)).await;
                said = far.write_all(b"x").await;
            }
        });
        let start = Instant::now();
        let conversation = tokio::spawn(async move {
            let trust = Trust::new(&[]).expect("the built-in anchors");
            let host = Host::parse("mx.a.example").expect("a host");
            let attempt = Attempt::new(&trust, &host);
            let names = HeloNames { name: "a.example".into(), literal: "[192.0.2.1]".into() };
            let dialogue = Dialogue::new(Mode::Starttls, names, Duration::ZERO);
            let deadline = Deadline::at(start + Duration::from_secs(3));
            converse(Box::new(near), dialogue, &attempt, start, deadline, &|_| ()).await.said.ending
        });
        sleep(Duration::from_secs(2)).await;
        advance(Duration::from_secs(60)).await;
        let ending = conversation.await.expect("it does not panic");
        assert_eq!(ending, Ending::TimedOut { phase: Phase::Greeting, partial: true });
        assert_eq!(start.elapsed(), Duration::from_millis(62_500), "one last look");
    }
    #[tokio::test(start_paused = true)]
    async fn goodbye_is_over_with_the_reply_to_quit_or_after_a_second() {
        for (said, seconds) in [(&b"221 Bye\r\n"[..], 0), (b"221-See\r\n", 1), (b"", 1)] {
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(said).await.expect("there is room");
            let begun = Instant::now();
            Farewell(Transport::Plain(Box::new(near))).wait().await;
            assert_eq!(begun.elapsed().as_secs(), seconds, "{}", String::from_utf8_lossy(said));
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).await.expect("it is closed");
        }
    }
}
