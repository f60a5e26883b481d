//! An SMTP server that acts a [`Behaviour`] out and notes down what its clients do.
//!
//! Knows just enough SMTP to hold the conversation that smtpcheck begins. Mail it would never take:
//! any command but EHLO, HELO, STARTTLS and QUIT is answered with 502 and stands in the record.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::behaviour::{Behaviour, Ehlo, Greeting, Handshake, Interruption, Step, Tls};

/// What a server saw.
#[derive(Default)]
pub struct Record(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    conversations: Vec<Vec<String>>,
    /// A second handle to each connection that is open, by its conversation.
    open: BTreeMap<usize, OwnedFd>,
    most_at_once: usize,
    early: usize,
    accepted: Vec<Instant>,
}

impl Record {
    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.seen().conversations.len()
    }

    /// The most conversations that were under way at one time.
    pub fn max_concurrent(&self) -> usize {
        self.seen().most_at_once
    }

    /// When each connection was accepted.
    pub fn accepted(&self) -> Vec<Instant> {
        self.seen().accepted.clone()
    }

    /// The lines that each client sent, one list a connection.
    pub fn conversations(&self) -> Vec<Vec<String>> {
        self.seen().conversations.clone()
    }

    /// Every line that any client sent.
    pub fn commands(&self) -> Vec<String> {
        self.seen().conversations.concat()
    }

    /// How many clients talked before the greeting was complete.
    pub fn early_talkers(&self) -> usize {
        self.seen().early
    }

    /// Waits until every conversation is over, so that what a client sent last is in the record.
    pub fn wait_until_idle(&self) {
        for _ in 0..1000 {
            if self.seen().open.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("a conversation goes on though the client has gone");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nothing panics while it holds the record")
    }

    fn begin(&self, connection: OwnedFd) -> usize {
        let mut seen = self.seen();
        let id = seen.conversations.len();
        seen.conversations.push(Vec::new());
        seen.accepted.push(Instant::now());
        // A client that has hung up is done, even where its server has not noticed yet.
        let others = seen.open.values().filter(|fd| !peer_has_hung_up(fd)).count();
        seen.most_at_once = seen.most_at_once.max(others + 1);
        seen.open.insert(id, connection);
        id
    }
}

fn peer_has_hung_up(connection: &OwnedFd) -> bool {
    // POLLRDHUP of poll(2), which `nix` does not name: the peer has sent its FIN.
    #[cfg(target_os = "linux")]
    let hung_up = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::from_bits_retain(0x2000);
    #[cfg(not(target_os = "linux"))]
    let hung_up = PollFlags::POLLHUP | PollFlags::POLLERR;
    // Nothing else was asked for, so whatever is ready has hung up.
    poll(&mut [PollFd::new(connection.as_fd(), hung_up)], PollTimeout::ZERO).is_ok_and(|n| n > 0)
}

/// Starts a server that calls itself `host`, on a free port of loopback. Others may share its record.
pub async fn serve(
    host: &str,
    behaviour: Behaviour,
    record: Arc<Record>,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    accept_all(listener, host, behaviour, record);
    Ok(address)
}

/// Starts a server that calls itself `host`, wherever `listener` listens.
pub fn serve_on(listener: TcpListener, host: &str, behaviour: Behaviour) -> Arc<Record> {
    let record = Arc::new(Record::default());
    accept_all(listener, host, behaviour, record.clone());
    record
}

fn accept_all(listener: TcpListener, host: &str, behaviour: Behaviour, record: Arc<Record>) {
    let server = Arc::new(Server { host: host.to_owned(), behaviour, record });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Otherwise a small reply waits 40 ms for the client's delayed acknowledgement. A
            // connection that is gone already takes no options.
            let _ = stream.set_nodelay(true);
            let Ok(second_handle) = stream.as_fd().try_clone_to_owned() else { continue };
            let id = server.record.begin(second_handle);
            let conversation = Conversation { server: server.clone(), id };
            tokio::spawn(async move {
                // A client that goes away in the middle is no failure of the lab.
                let _ = conversation.hold(stream).await;
            });
        }
    });
}

struct Server {
    host: String,
    behaviour: Behaviour,
    record: Arc<Record>,
}

/// One connection; when it is dropped, the record knows that it is over.
struct Conversation {
    server: Arc<Server>,
    id: usize,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.server.record.seen().open.remove(&self.id);
    }
}

/// What follows a dialogue.
#[derive(PartialEq, Eq)]
enum Next {
    TheEnd,
    Handshake,
}

impl Conversation {
    async fn hold(self, mut stream: TcpStream) -> io::Result<()> {
        let behaviour = &self.server.behaviour;
        match &behaviour.tls {
            Tls::Implicit(handshake) => self.inside_tls(stream, handshake).await,
            Tls::Absent => self.dialogue(&mut stream, false).await.map(drop),
            Tls::Starttls(handshake) => match self.dialogue(&mut stream, false).await? {
                Next::TheEnd => Ok(()),
                Next::Handshake => self.inside_tls(stream, handshake).await,
            },
        }
    }

    async fn inside_tls(&self, mut stream: TcpStream, handshake: &Handshake) -> io::Result<()> {
        if self.is_interrupted_at(Step::Tls) {
            read_some(&mut stream).await?;
            return self.interrupt(&mut stream).await;
        }
        match handshake {
            Handshake::Answers(bytes) => {
                read_some(&mut stream).await?;
                stream.write_all(bytes).await?;
                hang_up(&mut stream).await
            }
            Handshake::Completes(identity) => {
                let mut stream = TlsAcceptor::from(identity.clone()).accept(stream).await?;
                self.dialogue(&mut stream, true).await.map(drop)
            }
        }
    }

    async fn dialogue<S>(&self, stream: &mut S, inside: bool) -> io::Result<Next>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let behaviour = &self.server.behaviour;
        let is_upgraded = inside && matches!(behaviour.tls, Tls::Starttls(_));
        if !is_upgraded {
            if self.is_interrupted_at(Step::Greeting) {
                self.interrupt(stream).await?;
                return Ok(Next::TheEnd);
            }
            if !self.greet(stream).await? {
                hang_up(stream).await?;
                return Ok(Next::TheEnd);
            }
        }
        while let Some(line) = self.read_line(stream).await? {
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let step = match verb.as_str() {
                "EHLO" | "HELO" if inside => Step::EhloInside,
                "EHLO" | "HELO" => Step::Ehlo,
                "STARTTLS" => Step::Starttls,
                _ => Step::Quit,
            };
            if self.is_interrupted_at(step) {
                self.interrupt(stream).await?;
                return Ok(Next::TheEnd);
            }
            let reply = match step {
                Step::Ehlo | Step::EhloInside => self.answer_to_ehlo(&line, inside),
                Step::Starttls => behaviour.starttls_reply.to_owned(),
                _ if verb == "QUIT" => "221 2.0.0 Bye\r\n".to_owned(),
                _ => "502 5.5.1 The lab takes no mail\r\n".to_owned(),
            };
            stream.write_all(reply.as_bytes()).await?;
            stream.flush().await?;
            if verb == "QUIT" {
                hang_up(stream).await?;
                return Ok(Next::TheEnd);
            }
            if step == Step::Starttls && reply.starts_with("220") {
                return Ok(Next::Handshake);
            }
        }
        Ok(Next::TheEnd)
    }

    /// Says the greeting; false where the server serves this client no further.
    async fn greet<S>(&self, stream: &mut S) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let usual = format!("220 {} ESMTP lab\r\n", self.server.host);
        let pieces = match &self.server.behaviour.greeting {
            Greeting::Usual => vec![(Duration::ZERO, usual)],
            Greeting::Pieces(pieces) => pieces.clone(),
            Greeting::PutsOff(times) if self.id < *times => {
                let busy = format!("421 4.3.2 {} Too many connections\r\n", self.server.host);
                vec![(Duration::ZERO, busy)]
            }
            Greeting::PutsOff(_) => vec![(Duration::ZERO, usual)],
            Greeting::Endless => loop {
                stream.write_all(&b"220-There is more to say\r\n".repeat(100)).await?;
            },
        };
        let mut last = String::new();
        for (pause, piece) in pieces {
            if !pause.is_zero()
                && let Ok(byte) = tokio::time::timeout(pause, stream.read_u8()).await
            {
                byte?;
                self.server.record.seen().early += 1;
                stream.write_all(b"521 5.5.1 Protocol error\r\n").await?;
                return Ok(false);
            }
            stream.write_all(piece.as_bytes()).await?;
            stream.flush().await?;
            last = piece;
        }
        Ok(!last.starts_with("421"))
    }

    fn answer_to_ehlo(&self, line: &str, inside: bool) -> String {
        let behaviour = &self.server.behaviour;
        let (verb, name) = line.split_once(' ').unwrap_or((line, ""));
        let is_ehlo = verb.eq_ignore_ascii_case("EHLO");
        match behaviour.ehlo {
            Ehlo::HeloOnly if is_ehlo => return "502 5.5.2 Command not recognized\r\n".to_owned(),
            Ehlo::LiteralOnly if !name.starts_with('[') => {
                return "550 5.7.1 Invalid HELO name\r\n".to_owned();
            }
            Ehlo::Refused => return "550 5.7.1 Access denied\r\n".to_owned(),
            Ehlo::Accepted | Ehlo::HeloOnly | Ehlo::LiteralOnly => {}
        }
        let end = behaviour.line_end;
        if !is_ehlo {
            return format!("250 {}{end}", self.server.host);
        }
        let mut lines = vec![self.server.host.as_str()];
        if inside {
            lines.extend(&behaviour.keywords_inside);
        } else {
            lines.extend(&behaviour.keywords);
            if matches!(behaviour.tls, Tls::Starttls(_)) {
                lines.push("STARTTLS");
            }
        }
        let last = lines.pop().unwrap_or_default();
        let before: String = lines.iter().map(|line| format!("250-{line}{end}")).collect();
        format!("{before}250 {last}{end}")
    }

    fn is_interrupted_at(&self, step: Step) -> bool {
        self.server.behaviour.interruption.is_some_and(|(at, _)| at == step)
    }

    /// Stops playing along; a connection that is not kept silent ends with the caller's return.
    async fn interrupt<S: AsyncRead + Unpin>(&self, stream: &mut S) -> io::Result<()> {
        match self.server.behaviour.interruption {
            Some((_, Interruption::FallsSilent)) => while read_some(stream).await? > 0 {},
            Some((_, Interruption::Resets)) => {
                // Closing with a linger time of zero sends RST (socket(7)).
                if let Some(connection) = self.server.record.seen().open.get(&self.id) {
                    socket2::SockRef::from(connection).set_linger(Some(Duration::ZERO))?;
                }
            }
            Some((_, Interruption::Closes)) | None => {}
        }
        Ok(())
    }

    /// One line without its end, noted down; absent at the end of the connection.
    async fn read_line<S: AsyncRead + Unpin>(&self, stream: &mut S) -> io::Result<Option<String>> {
        // One byte at a time: what stands behind STARTTLS belongs to TLS.
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            match stream.read_u8().await {
                Ok(byte) => line.push(byte),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.server.record.seen().conversations[self.id].push(line.clone());
        Ok(Some(line))
    }
}

async fn read_some<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<usize> {
    stream.read(&mut [0; 4096]).await
}

/// Says goodbye in order: FIN first, then whatever the client still says, so that no unread byte
/// turns the end into a reset that overtakes the last reply.
async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.shutdown().await?;
    while read_some(stream).await? > 0 {}
    Ok(())
}
