//! One TCP connection attempt, with everything that the kernel tells about it.
//!
//! Knows tokio's sockets, the table from errors to outcomes and, on Linux, the socket's error queue
//! (`error_queue`), which names the router that turned a connection away. Must not know what port
//! or protocol is meant, nor who is to blame. Go on with [`crate::observation::tcp`], the facts
//! that come out; what the routing table offers is asked in `routing`.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::address;
use crate::observation::{Connect, ConnectOutcome, Millis};

#[cfg(target_os = "linux")]
pub(crate) mod error_queue;
pub(crate) mod outcome;
mod routing;
#[cfg(test)]
mod tests;

use outcome::QueuedError;

pub use routing::{can_bind, has_route, local_network, source_for};

/// A connection attempt to be made.
#[derive(Clone, Debug)]
pub struct Dialling {
    /// Where to. An IPv4-mapped IPv6 address is dialled as the IPv4 address that it is.
    pub to: SocketAddr,
    /// The local address to connect from; ignored where it is of the other family.
    pub bind: Option<IpAddr>,
    /// The longest wait for an outcome.
    pub limit: Duration,
    /// The largest segment that either side may send (`TCP_MAXSEG`), where it is to be small.
    pub max_segment: Option<u32>,
}

impl Dialling {
    /// An attempt with nothing special about it.
    pub fn new(to: SocketAddr, bind: Option<IpAddr>, limit: Duration) -> Self {
        Self { to, bind, limit, max_segment: None }
    }
}

/// This machine ran out of something (file descriptors, ports, memory) or cannot use the local
/// address that it was told to: never a verdict about the network. Holds the system's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage(pub String);

impl std::fmt::Display for Shortage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Shortage {}

impl From<io::Error> for Shortage {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Refuses an attempt to reach an address that is not public, where only public ones are allowed.
///
/// # Errors
///
/// The rule, as a [`Shortage`]: whatever becomes of it, it is no verdict about the network.
pub fn allowed(dialling: &Dialling, public_only: bool) -> Result<(), Shortage> {
    let to = dialling.to.ip();
    match public_only && !address::is_public(to) {
        true => Err(Shortage(format!("--public-only forbids a connection to {to}"))),
        false => Ok(()),
    }
}

/// Makes one connection attempt. The stream is there exactly when the outcome is
/// [`ConnectOutcome::Connected`]; it has `TCP_NODELAY`, without which a handshake's last message
/// holds back the EHLO behind it for a whole round trip.
///
/// The future may be dropped at any moment: every descriptor of the attempt is then closed.
///
/// # Errors
///
/// [`Shortage`], where the attempt says nothing about the network.
pub async fn connect(dialling: &Dialling) -> Result<(Connect, Option<TcpStream>), Shortage> {
    attempt(dialling, None).await
}

/// As [`connect`], with packets that live for `ttl` hops (`IP_TTL`, `IPV6_UNICAST_HOPS`), and
/// closes what came of it: a router where their time runs out is then the sender of an ICMP
/// message.
///
/// # Errors
///
/// [`Shortage`], which includes that the option is not allowed.
#[cfg(target_os = "linux")]
pub async fn connect_within(dialling: &Dialling, ttl: u8) -> Result<Connect, Shortage> {
    let (facts, stream) = attempt(dialling, Some(ttl)).await?;
    drop(stream);
    Ok(facts)
}

async fn attempt(
    dialling: &Dialling,
    ttl: Option<u8>,
) -> Result<(Connect, Option<TcpStream>), Shortage> {
    let to = canonical(dialling.to);
    let bind = bind_of_family(dialling.bind, to.ip());
    let mut attempt = match Attempt::new(to, bind, ttl, dialling.max_segment) {
        Ok(attempt) => attempt,
        Err(error) if outcome::family_is_absent(&error) => {
            let facts = Connect { outcome: ConnectOutcome::NoRoute, ..Connect::default() };
            return Ok((facts, None));
        }
        Err(error) => return Err(error.into()),
    };
    let began = Instant::now();
    let (at_once, result) = attempt.run(to, sleep(dialling.limit)).await;
    let elapsed = Millis::from(began.elapsed());
    let local = attempt.local_address();
    let queue = match &result {
        Some(Ok(_)) => Vec::new(),
        _ => attempt.queued_errors(),
    };
    let (outcome, stream) = match result {
        Some(Ok(stream)) => (ConnectOutcome::Connected, Some(stream)),
        Some(Err(error)) if outcome::was_reset_after_connecting(&error) => {
            match attempt.into_stream() {
                Some(stream) => (ConnectOutcome::Connected, Some(stream)),
                None => (ConnectOutcome::Refused, None),
            }
        }
        Some(Err(error)) => {
            let routed = || has_route(to.ip(), bind);
            (outcome::of_error(&error, at_once, &queue, routed)?, None)
        }
        None => (outcome::of_silence(&queue), None),
    };
    if let Some(stream) = &stream {
        // A socket that the peer has reset meanwhile takes no options; reading from it tells.
        let _ = stream.set_nodelay(true);
        // With it an ICMP error would end an established connection, which must survive them
        // (RFC 5927 §5.2).
        #[cfg(target_os = "linux")]
        error_queue::enable(stream, to.is_ipv4(), false);
    }
    // The kernel has forgotten the port by now, or never chose one: zero stands for it.
    let local = local.or_else(|| routing::source_for(to.ip(), bind).map(|ip| (ip, 0).into()));
    Ok((Connect { outcome, elapsed, local, dialled: None }, stream))
}

fn canonical(to: SocketAddr) -> SocketAddr {
    match to.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::from((v4, to.port())),
        // As it came: a link-local address is nothing without its scope.
        IpAddr::V6(_) => to,
    }
}

fn bind_of_family(bind: Option<IpAddr>, to: IpAddr) -> Option<IpAddr> {
    bind.filter(|b| b.is_ipv4() == to.is_ipv4())
}

/// A socket on its way to being connected, and a second descriptor of it: tokio keeps the first
/// to itself when the attempt fails, and the error queue has to be read then.
struct Attempt {
    socket: Option<TcpSocket>,
    #[cfg(target_os = "linux")]
    twin: std::os::fd::OwnedFd,
}

impl Attempt {
    fn new(
        to: SocketAddr,
        bind: Option<IpAddr>,
        ttl: Option<u8>,
        max_segment: Option<u32>,
    ) -> io::Result<Self> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(octets) = max_segment {
            socket2::SockRef::from(&socket).set_tcp_mss(octets)?;
        }
        if let Some(ttl) = ttl.map(u32::from) {
            let options = socket2::SockRef::from(&socket);
            if to.is_ipv4() {
                options.set_ttl_v4(ttl)?
            } else {
                options.set_unicast_hops_v6(ttl)?
            }
        }
        if let Some(bind) = bind {
            socket.bind(SocketAddr::new(bind, 0))?;
        }
        #[cfg(target_os = "linux")]
        let twin = {
            error_queue::enable(&socket, to.is_ipv4(), true);
            std::os::fd::AsFd::as_fd(&socket).try_clone_to_owned()?
        };
        Ok(Self {
            socket: Some(socket),
            #[cfg(target_os = "linux")]
            twin,
        })
    }

    /// Connects. The result is `None` where it was `over` first; the flag tells whether the system
    /// call itself gave it, before a packet of anybody else's can have come.
    async fn run(
        &mut self,
        to: SocketAddr,
        over: impl Future<Output = ()>,
    ) -> (bool, Option<io::Result<TcpStream>>) {
        let Some(socket) = self.socket.take() else {
            return (true, None);
        };
        let mut connecting = pin!(socket.connect(to));
        match poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await {
            Poll::Ready(result) => (true, Some(result)),
            Poll::Pending => {
                let told = tokio::select! {
                    biased;
                    result = connecting => Some(result),
                    () = over => None,
                };
                (false, told.or_else(|| self.last_look()))
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Attempt {
    fn queued_errors(&self) -> Vec<QueuedError> {
        error_queue::read(&self.twin)
    }

    fn local_address(&self) -> Option<SocketAddr> {
        let local = socket2::SockRef::from(&self.twin).local_addr().ok()?.as_socket()?;
        (!local.ip().is_unspecified()).then_some(local)
    }

    /// What the kernel knows that tokio had not told when the limit passed: while this process did
    /// not run (it was stopped, say), the kernel went on.
    fn last_look(&self) -> Option<io::Result<TcpStream>> {
        let socket = socket2::SockRef::from(&self.twin);
        if let Some(error) = socket.take_error().ok()? {
            return Some(Err(error));
        }
        socket.peer_addr().ok()?;
        let stream = std::net::TcpStream::from(self.twin.try_clone().ok()?);
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok().map(Ok)
    }

    /// The connection that was made and reset before tokio looked: what came before the reset can
    /// still be read.
    fn into_stream(self) -> Option<TcpStream> {
        let stream = std::net::TcpStream::from(self.twin);
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    }
}

/// Without an error queue the errno is all that there is.
#[cfg(not(target_os = "linux"))]
impl Attempt {
    fn queued_errors(&self) -> Vec<QueuedError> {
        Vec::new()
    }

    fn local_address(&self) -> Option<SocketAddr> {
        None
    }

    fn last_look(&self) -> Option<io::Result<TcpStream>> {
        None
    }

    fn into_stream(self) -> Option<TcpStream> {
        None
    }
}
