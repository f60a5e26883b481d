//! Carries DNS messages as bytes to one name server and back, over UDP and TCP.
//!
//! Knows sockets, time limits and how a reply is matched to its question. Must not know what a
//! message says beyond that. Go on with [`hickory`](super::hickory), which writes and reads them.
//!
//! The UDP socket is connected, for two reasons: the kernel drops what does not come from the
//! name server, and it reports the ICMP error of a machine on which none is running, so that a
//! wrong `--resolver` is told at once and not after a time-out.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, timeout};

use crate::deadline::Deadline;

/// How long is waited.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    /// After each sending of the question over UDP. The socket stays the same, so that an answer
    /// to an earlier sending still counts.
    pub udp: Vec<Duration>,
    /// For a whole exchange over TCP, connection included.
    pub tcp: Duration,
    /// Before the next name server is asked beside one that is still silent. A dead first server
    /// in `resolv.conf` would otherwise cost its whole time-out.
    pub next_server: Duration,
}

impl Default for Waits {
    /// A resolver that has to ask far-away servers needs seconds; a packet that was lost should
    /// not cost as many.
    fn default() -> Self {
        Self {
            udp: [1000, 1500, 2000].map(Duration::from_millis).to_vec(),
            tcp: Duration::from_secs(4),
            next_server: Duration::from_secs(1),
        }
    }
}

/// How often a shortage of this machine is waited out, and for how long each time.
const SHORTAGES: u32 = 16;
const SHORTAGE_PAUSE: Duration = Duration::from_millis(250);

/// More than any server may send after being told 1232 (DNS flag day 2020); what is cut off fails to
/// parse and is asked for over TCP.
const DATAGRAM: usize = 4096;

/// Asks over UDP.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`] where nothing came, else what the socket says.
pub(super) async fn udp(server: SocketAddr, query: &[u8], waits: &Waits) -> io::Result<Vec<u8>> {
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = bind(local).await?;
    socket.connect(server).await?;
    let (last, earlier) = waits.udp.split_last().ok_or(io::ErrorKind::TimedOut)?;
    for wait in earlier {
        socket.send(query).await?;
        if let Ok(reply) = timeout(*wait, receive(&socket, query)).await {
            return reply;
        }
    }
    socket.send(query).await?;
    // What came too late for the others is still read here; nothing is read after this.
    let reply = Deadline::at(Instant::now() + *last).wait(receive(&socket, query)).await;
    reply.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// A socket. Where this machine has no descriptor left for it, others are about to give theirs back.
async fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    for _ in 0..SHORTAGES {
        match UdpSocket::bind(local).await {
            Err(error) if is_shortage(&error) => sleep(SHORTAGE_PAUSE).await,
            bound => return bound,
        }
    }
    UdpSocket::bind(local).await
}

fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}

async fn receive(socket: &UdpSocket, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = buffer.get(..length)
            && answers(reply, query)
        {
            return Ok(reply.to_vec());
        }
    }
}

/// Asks over TCP (RFC 7766): one connection, one question.
///
/// # Errors
///
/// As [`udp`]; [`io::ErrorKind::InvalidData`] where the reply belongs to another question.
pub(super) async fn tcp(server: SocketAddr, query: &[u8], waits: &Waits) -> io::Result<Vec<u8>> {
    let reply = Deadline::at(Instant::now() + waits.tcp).wait(exchange(server, query)).await;
    reply.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

async fn exchange(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    // Length and message in one segment: some servers read no further than the first (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    if answers(&reply, query) { Ok(reply) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Whether `reply` is a reply to `query`: the same ID and the same question (RFC 5452 §9.1).
/// A bare error may come without the question.
fn answers(reply: &[u8], query: &[u8]) -> bool {
    let (Some(asked), Some(header)) = (query.get(..HEADER), reply.get(..HEADER)) else {
        return false;
    };
    let is_reply = header[2] & 0x80 != 0;
    let is_error = header[3] & 0x0f != 0;
    let repeats_question = match (question(query), question(reply)) {
        (Some(asked), Some(repeated)) => asked.eq_ignore_ascii_case(repeated),
        (Some(_), None) => is_error && header[4..6] == [0, 0],
        (None, _) => false,
    };
    header[..2] == asked[..2] && is_reply && repeats_question
}

const HEADER: usize = 12;

/// The octets of the first question: name, type and class. A question's name is never
/// compressed in practice, as nothing stands before it that it could point to.
fn question(message: &[u8]) -> Option<&[u8]> {
    if message.get(4..6)? == [0, 0] {
        return None;
    }
    let mut end = HEADER;
    loop {
        match message.get(end)? {
            0 => break,
            length @ 1..=63 => end += 1 + usize::from(*length),
            _ => return None,
        }
    }
    message.get(HEADER..end + 5)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::thread;

    use tokio::task::{JoinHandle, spawn_blocking};
    use tokio::time::advance;

    use super::*;

    /// `example. A IN` with the ID 0x1234.
    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\0\0\x01\0\x01";

    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut reply = QUERY.to_vec();
        reply[2] |= 0x80;
        change(&mut reply);
        reply
    }

    #[test]
    fn only_a_reply_to_this_very_question_counts() {
        assert!(answers(&changed(|_| ()), QUERY));
        assert!(answers(&changed(|r| r[13] = b'E'), QUERY), "letter case means nothing");
        assert!(answers(&changed(|r| r.extend([7; 100])), QUERY), "answers follow");
        assert!(!answers(QUERY, QUERY), "an echo is no reply");
        assert!(!answers(&changed(|r| r[0] = 0), QUERY), "another ID");
        assert!(!answers(&changed(|r| r[14] = b'Q'), QUERY), "another name");
        assert!(!answers(&changed(|r| r[22] = 28), QUERY), "another type");
    }

    #[test]
    fn an_error_may_come_without_the_question() {
        let bare = |rcode: u8| {
            changed(|r| {
                r.truncate(HEADER);
                r[3] = rcode;
                r[5] = 0;
            })
        };
        assert!(answers(&bare(1), QUERY));
        assert!(!answers(&bare(0), QUERY));
    }

    #[test]
    fn no_reply_is_too_short_or_too_odd() {
        let whole = changed(|_| ());
        for length in 0..whole.len() {
            assert!(!answers(&whole[..length], QUERY), "{length} octets");
        }
        for odd in 64..=255 {
            assert!(!answers(&changed(|r| r[HEADER] = odd), QUERY), "label length {odd}");
        }
    }

    const WAIT: Duration = Duration::from_secs(2);

    /// Has a name server answer behind the deadline as this process sees it, which did not run when
    /// that passed. While a name server works, the paused clock stands.
    async fn replied_late<S: Send + 'static>(
        asking: JoinHandle<io::Result<Vec<u8>>>,
        hears: impl FnOnce() -> S + Send + 'static,
        says: impl FnOnce(S) + Send + 'static,
    ) -> io::Result<Vec<u8>> {
        let heard = spawn_blocking(hears).await.expect("a question");
        advance(WAIT * 10).await;
        let said = spawn_blocking(move || {
            // By now the deadline has been noticed.
            thread::sleep(Duration::from_millis(50));
            says(heard);
        });
        said.await.expect("an answer");
        asking.await.expect("it does not panic")
    }

    fn waits() -> Waits {
        Waits { udp: vec![WAIT], tcp: WAIT, ..Waits::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_datagram_that_came_while_this_process_did_not_run_counts() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = server.local_addr().expect("its address");
        let hears = move || {
            let (_, from) = server.recv_from(&mut [0; DATAGRAM]).expect("a question");
            (server, from)
        };
        let says = |(server, from): (std::net::UdpSocket, SocketAddr)| {
            server.send_to(&changed(|_| ()), from).expect("it is sent");
        };
        let asking = tokio::spawn(async move { udp(to, QUERY, &waits()).await });
        let reply = replied_late(asking, hears, says).await;
        assert_eq!(reply.expect("a reply"), changed(|_| ()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_came_while_this_process_did_not_run_counts() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let to = server.local_addr().expect("its address");
        let hears = move || {
            let (mut stream, _) = server.accept().expect("a connection");
            stream.read_exact(&mut [0; 2 + QUERY.len()]).expect("a question");
            stream
        };
        let says = |mut stream: std::net::TcpStream| {
            let reply = changed(|_| ());
            let length = u16::try_from(reply.len()).expect("a short one").to_be_bytes();
            stream.write_all(&[&length[..], &reply].concat()).expect("it is sent");
        };
        let asking = tokio::spawn(async move { tcp(to, QUERY, &waits()).await });
        let reply = replied_late(asking, hears, says).await;
        assert_eq!(reply.expect("a reply"), changed(|_| ()));
    }
}
